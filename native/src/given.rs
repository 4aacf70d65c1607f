//! A column of rows as Python gives it: the memory of an Arrow array.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::buffer::Bytes;

#[derive(Clone, Copy)]
pub enum Kind {
    Bool,
    Int32,
    /// Also unsigned ones and times.
    Int64,
    Float32,
    Float64,
    /// Offsets of 32 bits, and the bytes that they count.
    String,
}

/// Its kind, the memory of its values, that of its validity if there are nulls, that of its texts if its values are
/// offsets, and the index of the first value in there.
pub type Given = (String, Bytes, Option<Bytes>, Option<Bytes>, usize);

pub struct Column {
    pub kind: Kind,
    values: Bytes,
    validity: Option<Bytes>,
    texts: Option<Bytes>,
    /// Where the first row is, in values; validity and bools count bits from there.
    offset: usize,
}

impl Column {
    /// The column, in which there are so many rows.
    pub fn of(rows: usize, (name, values, validity, texts, offset): Given) -> PyResult<Self> {
        let kind = match name.as_str() {
            "bool" => Kind::Bool,
            "int32" => Kind::Int32,
            "int64" => Kind::Int64,
            "float32" => Kind::Float32,
            "float64" => Kind::Float64,
            "string" => Kind::String,
            _ => return Err(PyValueError::new_err(format!("{name}: no such kind of column"))),
        };
        let column = Self { kind, values, validity, texts, offset };
        if column.holds(rows) {
            Ok(column)
        } else {
            Err(PyValueError::new_err(format!("a column of {name} is shorter than {rows} rows")))
        }
    }

    fn holds(&self, rows: usize) -> bool {
        let Some(end) = self.offset.checked_add(rows) else { return false };
        let bits = end.div_ceil(8);
        let length = self.values.as_slice().len();
        let enough = match self.kind {
            Kind::Bool => length >= bits,
            Kind::Int32 | Kind::Float32 => length / 4 >= end,
            Kind::Int64 | Kind::Float64 => length / 8 >= end,
            Kind::String => length / 4 > end,
        };
        enough && self.validity.as_ref().is_none_or(|one| one.as_slice().len() >= bits)
    }

    pub fn has_nulls(&self) -> bool {
        self.validity.is_some()
    }

    pub fn is_valid(&self, row: usize) -> bool {
        self.validity.as_ref().is_none_or(|one| bit(one.as_slice(), self.offset + row))
    }

    /// A value of kind bool.
    pub fn bool(&self, row: usize) -> bool {
        bit(self.values.as_slice(), self.offset + row)
    }

    /// A number's bytes.
    pub fn word<const N: usize>(&self, row: usize) -> [u8; N] {
        self.values.as_slice().as_chunks().0[self.offset + row]
    }

    /// The bytes of numbers from a row on.
    pub fn words<const N: usize>(&self, row: usize) -> &[[u8; N]] {
        &self.values.as_slice().as_chunks().0[self.offset + row..]
    }

    /// A text; an empty one where the offsets are none.
    pub fn text(&self, row: usize) -> &[u8] {
        let [start, end] = [row, row + 1].map(|at| i32::from_ne_bytes(self.word(at)) as usize);
        self.texts.as_ref().and_then(|texts| texts.as_slice().get(start..end)).unwrap_or_default()
    }
}

fn bit(bytes: &[u8], index: usize) -> bool {
    bytes[index / 8] >> (index % 8) & 1 == 1
}
