//! What Python sees of the decoder: `Decoder` and `Chunk`.

use pyo3::exceptions::{PyOverflowError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};

use crate::buffer::{Buffer, Bytes};
use crate::columns::{Finished, Memory};
use crate::decode::{Overflow, decode};
use crate::input;
use crate::plan::{Default, Field, Floats, Integers, Kind, Limits, Plan, Times};
use crate::rows::{Decoded, Places};
use crate::time::Encoding;

/// Decodes payloads by one schema. It does not change, so threads may share it.
#[pyclass(frozen, module = "iotstream_native")]
pub struct Decoder {
    plan: Plan,
}

/// What became of payloads: rows as columns' memory, rejects, and records that are left to the reference.
#[pyclass(frozen, get_all, module = "iotstream_native")]
pub struct Chunk {
    rows: usize,
    columns: Py<PyList>,
    record: Option<Py<Buffer>>,
    item: Option<Py<Buffer>>,
    reject_record: Py<PyList>,
    reject_item: Py<PyList>,
    reject_reason: Py<PyList>,
    reject_field: Py<PyList>,
    reject_payload: Py<PyList>,
    undecided: Py<PyList>,
}

#[pymethods]
impl Decoder {
    #[new]
    fn new(fields: Vec<Bound<'_, PyDict>>, limits: &Bound<'_, PyDict>) -> PyResult<Self> {
        let (mut sources, mut first_pattern) = (Vec::new(), None);
        for (index, field) in fields.iter().enumerate() {
            if first_pattern.is_none() && get(field, "pattern")? {
                first_pattern = Some(index);
            }
            sources.push((get(field, "source")?, parse_field(field)?));
        }
        let plan = Plan::new(sources, first_pattern, parse_limits(limits)?).map_err(PyValueError::new_err)?;
        Ok(Self { plan })
    }

    /// Decode a list or a tuple of payloads.
    #[pyo3(signature = (payloads, arrival_ms=None))]
    fn decode(
        &self,
        py: Python<'_>,
        payloads: &Bound<'_, PyAny>,
        arrival_ms: Option<Bytes>,
    ) -> PyResult<Chunk> {
        // A list may change while the GIL is released. The tuple can't, and it holds what the slices lie in.
        let payloads = match payloads.cast::<PyList>() {
            Ok(list) => list.to_tuple(),
            Err(_) => payloads.cast::<PyTuple>()?.clone(),
        };
        let payloads = input::payloads(&payloads)?;
        let arrivals = arrival_ms.as_ref().map(|bytes| input::arrivals(bytes, payloads.len())).transpose()?;
        let decoded = py.detach(|| decode(&self.plan, payloads.iter().copied(), arrivals));
        Chunk::new(py, decoded)
    }

    /// Decode a column of payloads: n + 1 offsets, int32, into the data.
    #[pyo3(signature = (offsets, data, arrival_ms=None))]
    fn decode_column(
        &self,
        py: Python<'_>,
        offsets: Bytes,
        data: Bytes,
        arrival_ms: Option<Bytes>,
    ) -> PyResult<Chunk> {
        let payloads = input::slices(&offsets, &data)?;
        let arrivals = arrival_ms.as_ref().map(|bytes| input::arrivals(bytes, payloads.len())).transpose()?;
        let decoded = py.detach(|| decode(&self.plan, payloads, arrivals));
        Chunk::new(py, decoded)
    }
}

impl Chunk {
    fn new(py: Python<'_>, decoded: Result<Decoded, Overflow>) -> PyResult<Self> {
        let mut decoded = decoded.map_err(|Overflow| {
            PyOverflowError::new_err(
                "more than 2147483647 rows, or bytes in a column of strings: pass fewer payloads",
            )
        })?;
        let columns = std::mem::take(&mut decoded.columns);
        let columns = columns.into_iter().map(|column| memory(py, column)).collect::<PyResult<Vec<_>>>()?;
        let (record, item) = match decoded.places.take() {
            Some(Places { record, item }) => {
                (Some(Py::new(py, Buffer::new(record))?), Some(Py::new(py, Buffer::new(item))?))
            }
            None => (None, None),
        };
        let rejects = &decoded.rejects;
        let field = |field: Option<usize>| field.map_or(-1, |field| field as isize);
        let payloads = rejects.iter().map(|one| decoded.payload(one).map(|bytes| PyBytes::new(py, bytes)));
        Ok(Self {
            rows: decoded.rows,
            columns: PyList::new(py, columns)?.unbind(),
            record,
            item,
            reject_record: PyList::new(py, rejects.iter().map(|one| one.record))?.unbind(),
            reject_item: PyList::new(py, rejects.iter().map(|one| one.item))?.unbind(),
            reject_reason: PyList::new(
                py,
                rejects.iter().map(|one| PyString::intern(py, one.reason.code())),
            )?
            .unbind(),
            reject_field: PyList::new(py, rejects.iter().map(|one| field(one.field)))?.unbind(),
            reject_payload: PyList::new(py, payloads)?.unbind(),
            undecided: PyList::new(py, &decoded.undecided)?.unbind(),
        })
    }
}

/// Validity or None, values, and the bytes of strings or None.
type Buffers = (Option<Py<Buffer>>, Py<Buffer>, Option<Py<Buffer>>);

fn memory(py: Python<'_>, column: Finished) -> PyResult<Buffers> {
    let bytes = |bytes: Option<Vec<u8>>| bytes.map(|bytes| Py::new(py, Buffer::new(bytes))).transpose();
    let values = match column.values {
        Memory::Float64(values) => Buffer::new(values),
        Memory::Float32(values) => Buffer::new(values),
        Memory::Int64(values) => Buffer::new(values),
        Memory::Int32(values) => Buffer::new(values),
        Memory::Bits(values) => Buffer::new(values),
    };
    Ok((bytes(column.validity)?, Py::new(py, values)?, bytes(column.data)?))
}

/// The value of a key that must be there.
fn get<'py, T: FromPyObjectOwned<'py>>(table: &Bound<'py, PyDict>, key: &str) -> PyResult<T> {
    let value = table.get_item(key)?.ok_or_else(|| PyValueError::new_err(format!("{key} is missing")))?;
    value.extract::<T>().map_err(|error| {
        let error: PyErr = error.into();
        PyValueError::new_err(format!("{key} = {value}: {error}"))
    })
}

fn parse_field(table: &Bound<'_, PyDict>) -> PyResult<Field> {
    let kind: String = get(table, "type")?;
    let lenient = get(table, "lenient")?;
    let kind = match kind.as_str() {
        "float64" => Kind::Float64(parse_floats(table, lenient, f64::MAX)?),
        "float32" => Kind::Float32(parse_floats(table, lenient, f32::MAX.into())?),
        "int64" => Kind::Int64(parse_integers(table, lenient, i64::MIN, i64::MAX)?),
        "int32" => Kind::Int32(parse_integers(table, lenient, i32::MIN.into(), i32::MAX.into())?),
        "bool" => Kind::Bool,
        "string" => Kind::String(get::<Option<usize>>(table, "max_length")?.unwrap_or(usize::MAX)),
        "timestamp" => Kind::Timestamp(Times {
            lenient,
            encoding: parse_encoding(table)?,
            is_event_time: get(table, "time")?,
        }),
        other => return Err(PyValueError::new_err(format!("type = {other:?}: no type of a field"))),
    };
    Ok(Field { kind, may_be_absent: get(table, "optional")?, default: parse_default(table, kind)? })
}

fn parse_floats(table: &Bound<'_, PyDict>, lenient: bool, largest: f64) -> PyResult<Floats> {
    let min = get::<Option<f64>>(table, "min")?.unwrap_or(-largest);
    let max = get::<Option<f64>>(table, "max")?.unwrap_or(largest);
    Ok(Floats { lenient, min: min.max(-largest), max: max.min(largest) })
}

fn parse_integers(table: &Bound<'_, PyDict>, lenient: bool, least: i64, most: i64) -> PyResult<Integers> {
    let min = get::<Option<i64>>(table, "min")?.unwrap_or(least);
    let max = get::<Option<i64>>(table, "max")?.unwrap_or(most);
    Ok(Integers { lenient, min: min.max(least), max: max.min(most) })
}

fn parse_encoding(table: &Bound<'_, PyDict>) -> PyResult<Encoding> {
    let encoding: String = get(table, "encoding")?;
    Ok(match encoding.as_str() {
        "auto" => Encoding::Auto,
        "iso" => Encoding::Iso,
        "s" => Encoding::Seconds,
        "ms" => Encoding::Milliseconds,
        "us" => Encoding::Microseconds,
        "ns" => Encoding::Nanoseconds,
        other => {
            return Err(PyValueError::new_err(format!("encoding = {other:?}: no encoding of a timestamp")));
        }
    })
}

fn parse_default(table: &Bound<'_, PyDict>, kind: Kind) -> PyResult<Option<Default>> {
    Ok(match kind {
        Kind::Float64(_) | Kind::Float32(_) => get::<Option<f64>>(table, "default")?.map(Default::Float),
        Kind::Int64(_) | Kind::Int32(_) | Kind::Timestamp(_) => {
            get::<Option<i64>>(table, "default")?.map(Default::Integer)
        }
        Kind::Bool => get::<Option<bool>>(table, "default")?.map(Default::Bool),
        Kind::String(_) => get::<Option<String>>(table, "default")?.map(Default::String),
    })
}

fn parse_limits(table: &Bound<'_, PyDict>) -> PyResult<Limits> {
    Ok(Limits {
        record_bytes: get(table, "max_record_bytes")?,
        inflated_bytes: get(table, "max_inflated_bytes")?,
        items: get(table, "max_items")?,
        depth: get(table, "max_depth")?,
        age_ms: get(table, "max_age_ms")?,
        ahead_ms: get(table, "max_ahead_ms")?,
    })
}
