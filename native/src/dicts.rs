//! The records of a Lambda event as the managed runtime has parsed them: dicts.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat, PyInt, PyList, PyString};

use crate::json::digits_end;
use crate::records::{About, Columns, Records};
use crate::template::{MAX_MILLIS, Values, to_millis};

/// The records of an event; None: they are not plainly records of one shard, at least one.
///
/// The interpreter is kept, for about a millisecond in 10,000 records: what costs is to fetch the objects from
/// memory, and to come back for their texts without it would be to fetch them twice.
#[pyfunction]
pub fn read_records(py: Python<'_>, records: &Bound<'_, PyList>) -> PyResult<Option<Records>> {
    read(records).map(|(columns, about)| columns.finish(py, about)).transpose()
}

fn read(records: &Bound<'_, PyList>) -> Option<(Columns, About)> {
    let first = dict(records.get_item(0).ok()?)?;
    let keys = Keys::of(&first)?;
    let arn = text(&first, &keys.arn)?; // the first one's, as in Python
    let id = text(&first, &keys.id)?;
    let shard = id.to_str().ok()?.split(':').next()?;
    let mut columns = Columns::new();
    for record in records {
        let record = dict(record)?;
        let id = text(&record, &keys.id)?;
        let rest = id.to_str().ok()?.strip_prefix(shard)?;
        if !(rest.is_empty() || rest.starts_with(':')) {
            return None;
        }
        let body = dict(record.get_item(&keys.body).ok()??)?;
        let (data, sequence) = (text(&body, &keys.data)?, text(&body, &keys.sequence)?);
        let values = Values {
            data: data.to_str().ok()?.as_bytes(),
            sequence: sequence.to_str().ok()?.as_bytes(),
            arrival_ms: arrival_ms(&body.get_item(&keys.arrival).ok()??)?,
            sub: 0,
        };
        if digits_end(values.sequence, 0)? != values.sequence.len() {
            return None;
        }
        if columns.is_empty() {
            columns.reserve(records.len(), &values);
        }
        columns.push(&values)?;
    }
    let about = About {
        shard_id: shard.to_owned(),
        stream_arn: arn.to_str().ok()?.to_owned(),
        millis_behind_latest: None,
    };
    Some((columns, about))
}

/// The keys as the first record has them. Parsers make one object of each, by which the others find it at once.
struct Keys<'py> {
    id: Bound<'py, PyString>,
    arn: Bound<'py, PyString>,
    body: Bound<'py, PyString>,
    data: Bound<'py, PyString>,
    sequence: Bound<'py, PyString>,
    arrival: Bound<'py, PyString>,
}

impl<'py> Keys<'py> {
    fn of(record: &Bound<'py, PyDict>) -> Option<Self> {
        let body = key(record, "kinesis")?;
        let inner = dict(record.get_item(&body).ok()??)?;
        Some(Self {
            id: key(record, "eventID")?,
            arn: key(record, "eventSourceARN")?,
            body,
            data: key(&inner, "data")?,
            sequence: key(&inner, "sequenceNumber")?,
            arrival: key(&inner, "approximateArrivalTimestamp")?,
        })
    }
}

fn key<'py>(record: &Bound<'py, PyDict>, name: &str) -> Option<Bound<'py, PyString>> {
    let keys = record.keys();
    keys.iter().filter_map(|one| one.cast_into_exact::<PyString>().ok()).find(|one| one == name)
}

fn dict(object: Bound<'_, PyAny>) -> Option<Bound<'_, PyDict>> {
    object.cast_into_exact().ok()
}

fn text<'py>(record: &Bound<'py, PyDict>, key: &Bound<'py, PyString>) -> Option<Bound<'py, PyString>> {
    record.get_item(key).ok()??.cast_into_exact().ok()
}

fn arrival_ms(seconds: &Bound<'_, PyAny>) -> Option<i64> {
    if let Ok(seconds) = seconds.cast_exact::<PyFloat>() {
        return to_millis(seconds.value());
    }
    let seconds: i64 = seconds.cast_exact::<PyInt>().ok()?.extract().ok()?;
    let millis = seconds.checked_mul(1000)?;
    (0..=MAX_MILLIS).contains(&millis).then_some(millis)
}
