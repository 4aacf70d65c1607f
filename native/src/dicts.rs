//! The records of a Lambda event as the managed runtime has parsed them: dicts.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat, PyInt, PyList, PyString};

use crate::records::{About, Columns, Records};
use crate::template::{MAX_MILLIS, Values, to_millis};

/// The records of an event; None: they are not plainly records of one shard and stream, at least one.
#[pyfunction]
pub fn read_records(py: Python<'_>, records: &Bound<'_, PyList>) -> PyResult<Option<Records>> {
    let Some((held, about)) = hold(records) else { return Ok(None) };
    let values: Option<Vec<Values<'_>>> = held.iter().map(Held::values).collect();
    let Some(values) = values else { return Ok(None) };
    let columns = py.detach(|| {
        let mut columns = Columns::new();
        columns.reserve(values.len(), values.first()?);
        values.iter().try_for_each(|one| columns.push(one))?;
        Some(columns)
    });
    columns.map(|columns| columns.finish(py, about)).transpose()
}

/// What is read of a record. The texts are held, so that they stay whatever is done to the dicts meanwhile.
struct Held<'py> {
    data: Bound<'py, PyString>,
    sequence: Bound<'py, PyString>,
    arrival_ms: i64,
}

impl Held<'_> {
    fn values(&self) -> Option<Values<'_>> {
        let sequence = self.sequence.to_str().ok()?.as_bytes();
        if sequence.is_empty() || !sequence.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let data = self.data.to_str().ok()?.as_bytes();
        Some(Values { data, sequence, arrival_ms: self.arrival_ms, sub: 0 })
    }
}

fn hold<'py>(records: &Bound<'py, PyList>) -> Option<(Vec<Held<'py>>, About)> {
    let first = dict(records.get_item(0).ok()?)?;
    let keys = Keys::of(&first)?;
    let id = text(&first, &keys.id)?;
    let shard = id.to_str().ok()?.split(':').next()?;
    let arn = text(&first, &keys.arn)?;
    let arn = arn.to_str().ok()?;
    let held = records.iter().map(|record| {
        let record = dict(record)?;
        let id = text(&record, &keys.id)?;
        let rest = id.to_str().ok()?.strip_prefix(shard)?;
        if !(rest.is_empty() || rest.starts_with(':')) || text(&record, &keys.arn)?.to_str().ok()? != arn {
            return None;
        }
        let body = dict(record.get_item(&keys.body).ok()??)?;
        Some(Held {
            data: text(&body, &keys.data)?,
            sequence: text(&body, &keys.sequence)?,
            arrival_ms: arrival_ms(&body.get_item(&keys.arrival).ok()??)?,
        })
    });
    let held: Vec<Held<'py>> = held.collect::<Option<_>>()?;
    let about = About { shard_id: shard.to_owned(), stream_arn: arn.to_owned(), millis_behind_latest: None };
    Some((held, about))
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
