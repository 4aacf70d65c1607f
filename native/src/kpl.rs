//! Aggregates of the Kinesis Producer Library: magic, protobuf message, MD5 of the message.
//!
//! <https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md>

use pyo3::prelude::*;
use pyo3::types::PySequence;

use crate::buffer::{Buffer, Bytes};
use crate::input;
use crate::md5_lanes::{self, DIGEST_BYTES};

const MAGIC: &[u8] = b"\xf3\x89\x9a\xc2";
const RECORDS_FIELD: u128 = 3;
const DATA_FIELD: u128 = 3;

/// Whether a payload begins as an aggregate does.
#[pyfunction]
pub fn may_hold_aggregates(payloads: &Bound<'_, PySequence>) -> PyResult<bool> {
    let payloads = payloads.to_tuple()?;
    Ok(input::payloads(&payloads)?.iter().any(|payload| payload.starts_with(MAGIC)))
}

/// The same of a column's payloads.
#[pyfunction]
pub fn may_hold_aggregates_column(offsets: Bytes, data: Bytes) -> PyResult<bool> {
    Ok(input::slices(&offsets, &data)?.any(|payload| payload.starts_with(MAGIC)))
}

/// The offsets and the bytes of the user records of a column's aggregates, and of its other payloads; of each
/// the index of the payload that it came in, and its number in there.
#[pyfunction]
pub fn split_aggregates(py: Python<'_>, offsets: Bytes, data: Bytes) -> PyResult<[Buffer; 4]> {
    let payloads = input::slices(&offsets, &data)?;
    let users = py.detach(|| Users::of(&payloads.collect::<Vec<_>>()));
    let (parents, numbers) = (Buffer::new(users.parents), Buffer::new(users.numbers));
    Ok([Buffer::new(users.offsets), Buffer::new(users.data), parents, numbers])
}

/// Columns of records. They are not longer than the payloads, so that an int32 counts their bytes.
struct Users {
    offsets: Vec<i32>,
    data: Vec<u8>,
    parents: Vec<i64>,
    numbers: Vec<i64>,
}

impl Users {
    fn of(payloads: &[&[u8]]) -> Self {
        let mut users = Self {
            offsets: vec![0],
            data: Vec::with_capacity(payloads.iter().map(|payload| payload.len()).sum()),
            parents: Vec::new(),
            numbers: Vec::new(),
        };
        let sealed: Vec<_> = payloads.iter().copied().filter_map(message_and_digest).collect();
        let messages: Vec<_> = sealed.iter().map(|(message, _)| *message).collect();
        let mut digests = md5_lanes::digests(&messages).into_iter();
        let mut records = Vec::new();
        for (parent, payload) in payloads.iter().enumerate() {
            records.clear();
            let taken_apart = message_and_digest(payload).is_some_and(|(message, digest)| {
                digests.next().as_ref() == Some(digest) && user_records(message, &mut records).is_some()
            });
            if !taken_apart {
                users.push(payload, parent, 0);
            } else if records.is_empty() {
                users.push(b"", parent, 0);
            } else {
                for (number, record) in records.iter().enumerate() {
                    users.push(record, parent, number);
                }
            }
        }
        users
    }

    fn push(&mut self, record: &[u8], parent: usize, number: usize) {
        self.data.extend_from_slice(record);
        self.offsets.push(self.data.len() as i32);
        self.parents.push(parent as i64);
        self.numbers.push(number as i64);
    }
}

/// What an aggregate says of itself; None if the payload is none.
fn message_and_digest(payload: &[u8]) -> Option<(&[u8], &[u8; DIGEST_BYTES])> {
    payload.strip_prefix(MAGIC)?.split_last_chunk()
}

/// Add the user records of a message, in order; None if it isn't one.
fn user_records<'a>(message: &'a [u8], records: &mut Vec<&'a [u8]>) -> Option<()> {
    for_each_field(message, |number, record| {
        if number == RECORDS_FIELD {
            records.push(data(record)?);
        }
        Some(())
    })
}

/// The data of a user record: the last one counts, as for any field that does not repeat.
fn data(record: &[u8]) -> Option<&[u8]> {
    let mut data: &[u8] = b"";
    for_each_field(record, |number, value| {
        if number == DATA_FIELD {
            data = value;
        }
        Some(())
    })?;
    Some(data)
}

/// The length-delimited fields of a protobuf message; others are passed over.
///
/// `None`: it is no such message. <https://protobuf.dev/programming-guides/encoding/>
fn for_each_field<'a>(message: &'a [u8], mut field: impl FnMut(u128, &'a [u8]) -> Option<()>) -> Option<()> {
    let mut at = 0;
    while at < message.len() {
        let key = varint(message, &mut at)?;
        match key & 7 {
            0 => {
                varint(message, &mut at)?;
            }
            1 => at += 8,
            2 => {
                let length = usize::try_from(varint(message, &mut at)?).ok()?;
                let end = at.checked_add(length)?;
                field(key >> 3, message.get(at..end)?)?;
                at = end;
            }
            5 => at += 4,
            _ => return None,
        }
    }
    (at == message.len()).then_some(())
}

/// A number of up to ten bytes, which may be more than 64 bits.
fn varint(message: &[u8], at: &mut usize) -> Option<u128> {
    let mut value = 0;
    for shift in (0..70).step_by(7) {
        let byte = *message.get(*at)?;
        *at += 1;
        value |= u128::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(message: &[u8]) -> Users {
        let [digest] = md5_lanes::digests(&[message])[..] else { panic!() };
        Users::of(&[&[MAGIC, message, &digest[..]].concat()])
    }

    #[test]
    fn user_records_come_in_order() {
        let users = split(b"\x0a\x01k\x1a\x05\x08\x00\x1a\x01x\x1a\x06\x1a\x01-\x1a\x01y\x1a\x00");
        assert_eq!(users.data, b"xy");
        assert_eq!(users.offsets, [0, 1, 2, 2]);
        assert_eq!(users.parents, [0, 0, 0]);
        assert_eq!(users.numbers, [0, 1, 2]);
    }

    #[test]
    fn any_message_is_survived() {
        let message = b"\x0a\x01k\x1a\x05\x08\x00\x1a\x01x\x09\0\0\0\0\0\0\0\0\x2d\0\0\0\0\x1a\xff\x01";
        for at in 0..message.len() {
            split(&message[..at]);
            for byte in 0..=0xff {
                let mut message = message.to_vec();
                message[at] = byte;
                split(&message);
            }
        }
        let endless = [b"\x1a".as_slice(), &[0xff; 9], b"\x01"].concat();
        assert_eq!(split(&endless).data.len(), MAGIC.len() + endless.len() + DIGEST_BYTES);
    }
}
