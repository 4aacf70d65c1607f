//! A Lambda event of a Kinesis event source mapping, as its bytes come.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html>

use pyo3::prelude::*;

use crate::buffer::Bytes;
use crate::json::Scanner;
use crate::records::{About, Columns, Records};
use crate::template::{Draft, Slot, records};

/// The records of an event; None: they are not plainly records of one shard and stream, at least one.
#[pyfunction]
pub fn read_event(py: Python<'_>, data: Bytes) -> PyResult<Option<Records>> {
    py.detach(|| read(data.as_slice())).map(|(columns, about)| columns.finish(py, about)).transpose()
}

fn read(text: &[u8]) -> Option<(Columns, About)> {
    let mut scanner = Scanner::new(text);
    let mut columns = Columns::new();
    let mut origin = None;
    scanner.blanks();
    scanner.object(|scanner, key| {
        if key != b"Records" || origin.is_some() {
            return None;
        }
        origin = Some(records(scanner, learn, &mut columns)?);
        Some(())
    })?;
    scanner.end()?;
    let origin = origin.filter(|_| !columns.is_empty())?;
    let about = About {
        shard_id: String::from_utf8(origin.shard_id.to_vec()).ok()?,
        stream_arn: String::from_utf8(origin.stream_arn.to_vec()).ok()?,
        millis_behind_latest: None,
    };
    Some((columns, about))
}

fn learn<'a>(scanner: &mut Scanner<'a>, draft: &mut Draft<'a>) -> Option<()> {
    let (mut bodies, mut ids, mut arns) = (0, 0, 0);
    scanner.object(|scanner, key| match key {
        b"kinesis" => {
            bodies += 1;
            learn_body(scanner, draft)
        }
        b"eventID" => {
            ids += 1;
            learn_id(scanner, draft)
        }
        b"eventSourceARN" => {
            arns += 1;
            let contents = scanner.plain_string()?;
            draft.origin.stream_arn = &scanner.text[contents];
            Some(())
        }
        _ => scanner.skip(),
    })?;
    (bodies == 1 && ids == 1 && arns == 1).then_some(())
}

fn learn_body<'a>(scanner: &mut Scanner<'a>, draft: &mut Draft<'a>) -> Option<()> {
    scanner.object(|scanner, key| match key {
        b"data" => draft.string(scanner, Slot::Data),
        b"sequenceNumber" => draft.string(scanner, Slot::Sequence),
        b"approximateArrivalTimestamp" => draft.number(scanner, Slot::Seconds),
        b"partitionKey" if scanner.peek() == Some(b'"') => draft.string(scanner, Slot::Unused),
        _ => scanner.skip(),
    })
}

/// An event's id is its shard and its sequence number, with a colon between. The shard stays the same.
fn learn_id<'a>(scanner: &mut Scanner<'a>, draft: &mut Draft<'a>) -> Option<()> {
    let contents = scanner.plain_string()?;
    let id = &scanner.text[contents.clone()];
    let length = id.iter().position(|&byte| byte == b':').unwrap_or(id.len());
    draft.origin.shard_id = &id[..length];
    if length < id.len() {
        draft.unused(contents.start + length + 1..contents.end);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::assert_damage_is_survived;

    const EVENT: &str = r#"{"Records": [
        {"kinesis": {"partitionKey": "a", "sequenceNumber": "17", "data": "eA==", "approximateArrivalTimestamp": 1.5},
         "eventID": "shard:17", "eventSourceARN": "arn"},
        {"kinesis": {"partitionKey": "b\n", "sequenceNumber": "18", "data": "eHk=", "approximateArrivalTimestamp": 2.5},
         "eventID": "shard:18", "eventSourceARN": "arn"}
    ]}"#;

    #[test]
    fn records_are_read() {
        let (columns, about) = read(EVENT.as_bytes()).unwrap();
        assert_eq!(columns.payloads(), [&b"x"[..], b"xy"]);
        assert_eq!((about.shard_id.as_str(), about.stream_arn.as_str()), ("shard", "arn"));
    }

    #[test]
    fn any_damage_is_survived() {
        assert_damage_is_survived(EVENT.as_bytes(), |text| read(text).is_some());
    }
}
