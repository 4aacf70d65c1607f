//! Aggregates of the Kinesis Producer Library: magic, protobuf message, MD5 of the message.
//!
//! <https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md>

use md5::{Digest, Md5};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PySequence};

use crate::buffer::Bytes;
use crate::input;

const MAGIC: &[u8] = b"\xf3\x89\x9a\xc2";
const DIGEST_BYTES: usize = 16;
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

/// The user records of an aggregate, in order; None if the payload isn't one.
#[pyfunction]
pub fn user_records<'py>(
    py: Python<'py>,
    payload: &Bound<'py, PyBytes>,
) -> PyResult<Option<Bound<'py, PyList>>> {
    let payload = payload.as_bytes();
    let records = py.detach(|| records(payload));
    records.map(|records| PyList::new(py, records.iter().map(|one| PyBytes::new(py, one)))).transpose()
}

fn records(payload: &[u8]) -> Option<Vec<&[u8]>> {
    let (message, digest) = payload.strip_prefix(MAGIC)?.split_last_chunk::<DIGEST_BYTES>()?;
    if Md5::digest(message)[..] != digest[..] {
        return None;
    }
    let mut records = Vec::new();
    for_each_field(message, |number, record| {
        if number == RECORDS_FIELD {
            records.push(data(record)?);
        }
        Some(())
    })?;
    Some(records)
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

    fn sealed(message: &[u8]) -> Vec<u8> {
        [MAGIC, message, &Md5::digest(message)[..]].concat()
    }

    #[test]
    fn user_records_come_in_order() {
        let payload = sealed(b"\x0a\x01k\x1a\x05\x08\x00\x1a\x01x\x1a\x06\x1a\x01-\x1a\x01y\x1a\x00");
        assert_eq!(records(&payload).unwrap(), [&b"x"[..], b"y", b""]);
    }

    #[test]
    fn any_message_is_survived() {
        let message = b"\x0a\x01k\x1a\x05\x08\x00\x1a\x01x\x09\0\0\0\0\0\0\0\0\x2d\0\0\0\0\x1a\xff\x01";
        for at in 0..message.len() {
            let _ = records(&sealed(&message[..at]));
            for byte in 0..=0xff {
                let mut message = message.to_vec();
                message[at] = byte;
                let _ = records(&sealed(&message));
            }
        }
        let endless = [b"\x1a".as_slice(), &[0xff; 9], b"\x01"].concat();
        assert!(records(&sealed(&endless)).is_none());
    }
}
