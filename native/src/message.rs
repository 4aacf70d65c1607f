//! A line of KCL's `MultiLang` protocol with records.
//!
//! <https://github.com/awslabs/amazon-kinesis-client/tree/v3.1.3/amazon-kinesis-client-multilang/src/main/java/software/amazon/kinesis/multilang>

use pyo3::prelude::*;

use crate::buffer::Bytes;
use crate::json::Scanner;
use crate::records::{About, Columns, Records};
use crate::template::{Draft, Slot, millis, records};

/// The records of a message; None: it is not plainly one with records.
#[pyfunction]
pub fn read_message(py: Python<'_>, line: Bytes) -> PyResult<Option<Records>> {
    py.detach(|| read(line.as_slice())).map(|(columns, about)| columns.finish(py, about)).transpose()
}

fn read(text: &[u8]) -> Option<(Columns, About)> {
    let mut scanner = Scanner::new(text);
    let mut columns = Columns::new();
    let mut about = About::default();
    let (mut actions, mut lists, mut delays) = (0, 0, 0);
    scanner.blanks();
    scanner.object(|scanner, key| match key {
        b"action" => {
            actions += 1;
            scanner.word(b"\"processRecords\"")
        }
        b"records" => {
            lists += 1;
            records(scanner, learn, &mut columns).map(|_| ())
        }
        b"millisBehindLatest" => {
            delays += 1;
            if scanner.peek() == Some(b'n') {
                return scanner.word(b"null");
            }
            let (delay, end) = millis(scanner.text, scanner.at)?;
            about.millis_behind_latest = Some(delay);
            scanner.at = end;
            Some(())
        }
        _ => None,
    })?;
    scanner.end()?;
    (actions == 1 && lists == 1 && delays <= 1).then_some((columns, about))
}

fn learn<'a>(scanner: &mut Scanner<'a>, draft: &mut Draft<'a>) -> Option<()> {
    let mut subs = 0;
    scanner.object(|scanner, key| match key {
        b"data" => draft.string(scanner, Slot::Data),
        b"sequenceNumber" => draft.string(scanner, Slot::Sequence),
        b"approximateArrivalTimestamp" => draft.number(scanner, Slot::Millis),
        b"subSequenceNumber" => {
            subs += 1;
            if scanner.peek() == Some(b'n') {
                scanner.word(b"null")
            } else {
                draft.number(scanner, Slot::Sub)
            }
        }
        b"partitionKey" | b"explicitHashKey" if scanner.peek() == Some(b'"') => {
            draft.string(scanner, Slot::Unused)
        }
        _ => scanner.skip(),
    })?;
    (subs <= 1).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::assert_damage_is_survived;

    const LINE: &[u8] = br#"{"action":"processRecords","records":[
        {"data":"eA==","sequenceNumber":"1","approximateArrivalTimestamp":5,"subSequenceNumber":0,"action":"record"},
        {"data":"eHk=","sequenceNumber":"1","approximateArrivalTimestamp":6,"subSequenceNumber":1,"action":"record"},
        {"data":"","sequenceNumber":"2","approximateArrivalTimestamp":7,"subSequenceNumber":null,"action":"record"}
    ],"millisBehindLatest":42}"#;

    #[test]
    fn records_are_read() {
        let (columns, about) = read(LINE).unwrap();
        assert_eq!(columns.payloads(), [&b"x"[..], b"xy", b""]);
        assert_eq!(about.millis_behind_latest, Some(42));
    }

    #[test]
    fn any_damage_is_survived() {
        assert_damage_is_survived(LINE, |text| read(text).is_some());
    }
}
