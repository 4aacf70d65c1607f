//! The answer of `GetRecords`.
//!
//! <https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html>

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::buffer::Bytes;
use crate::json::Scanner;
use crate::records::{About, Columns, Records};
use crate::template::{Draft, Slot, records};

type Page<'py> = (Records, Bound<'py, PyBytes>);

/// The records of an answer, and the answer without them; None: it is not plainly one.
#[pyfunction]
pub fn read_page(py: Python<'_>, answer: Bytes) -> PyResult<Option<Page<'_>>> {
    let Some((columns, rest)) = py.detach(|| read(answer.as_slice())) else { return Ok(None) };
    Ok(Some((columns.finish(py, About::default())?, PyBytes::new(py, &rest))))
}

fn read(text: &[u8]) -> Option<(Columns, Vec<u8>)> {
    let mut scanner = Scanner::new(text);
    let mut columns = Columns::new();
    let mut place = None;
    scanner.blanks();
    scanner.object(|scanner, key| {
        if key != b"Records" {
            return scanner.skip();
        }
        let start = scanner.at;
        records(scanner, learn, &mut columns)?;
        place.replace(start..scanner.at).is_none().then_some(())
    })?;
    scanner.end()?;
    let place = place?;
    Some((columns, [&text[..place.start], b"[]", &text[place.end..]].concat()))
}

fn learn<'a>(scanner: &mut Scanner<'a>, draft: &mut Draft<'a>) -> Option<()> {
    scanner.object(|scanner, key| match key {
        b"Data" => draft.string(scanner, Slot::Data),
        b"SequenceNumber" => draft.string(scanner, Slot::Sequence),
        b"ApproximateArrivalTimestamp" => draft.number(scanner, Slot::Seconds),
        b"PartitionKey" if scanner.peek() == Some(b'"') => draft.string(scanner, Slot::Unused),
        _ => scanner.skip(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::assert_damage_is_survived;

    const ANSWER: &[u8] = br#"{"MillisBehindLatest":7,"NextShardIterator":"next","Records":[
        {"ApproximateArrivalTimestamp":1.5,"Data":"eA==","PartitionKey":"a","SequenceNumber":"17"},
        {"ApproximateArrivalTimestamp":1.25E9,"Data":"eHk=","PartitionKey":"\n","SequenceNumber":"18"}
    ],"ChildShards":[{"ShardId":"x","ParentShards":[]}]}"#;

    #[test]
    fn records_are_read_and_the_rest_is_left() {
        let (columns, rest) = read(ANSWER).unwrap();
        assert_eq!(columns.payloads(), [&b"x"[..], b"xy"]);
        let expected = br#"{"MillisBehindLatest":7,"NextShardIterator":"next","Records":[],"ChildShards":[{"ShardId":"x","ParentShards":[]}]}"#;
        assert_eq!(rest, expected);
    }

    #[test]
    fn an_answer_has_its_records_once() {
        assert!(read(br#"{"MillisBehindLatest":0}"#).is_none());
        assert!(read(br#"{"Records":[],"Records":[]}"#).is_none());
    }

    #[test]
    fn any_damage_is_survived() {
        assert_damage_is_survived(ANSWER, |text| read(text).is_some());
    }
}
