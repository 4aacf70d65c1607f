//! Columns in the making: one value is written for each field of the row that is being read, and the row
//! counts only when all of them are there. So a duplicate key overwrites, and a bad item leaves nothing.

use crate::fault::Stop;
use crate::plan::{Default, Field, Floats, Integers, Kind, Times};
use crate::time::Encoding;

/// Memory of a column's strings for each row, at first.
const STRING_BYTES: usize = 16;

pub struct Column {
    pub values: Values,
    /// The rows that are null, ascending.
    nulls: Vec<usize>,
}

/// The values of so many rows as there is room for, with the rule for each.
#[repr(u8)] // the kind in a byte of its own, quickly told
pub enum Values {
    Float64(Floats, Vec<f64>),
    Float32(Floats, Vec<f32>),
    Int64(Integers, Vec<i64>),
    Int32(Integers, Vec<i32>),
    /// A byte for each.
    Bool(Vec<u8>),
    String(Strings),
    Timestamp(Times, Vec<i64>),
}

pub struct Strings {
    pub max_length: usize,
    offsets: Vec<i32>,
    data: Vec<u8>,
}

/// A column's memory as Arrow has it.
pub struct Finished {
    /// A bit for each row; None where none is null.
    pub validity: Option<Vec<u8>>,
    pub values: Memory,
    /// The bytes of strings.
    pub data: Option<Vec<u8>>,
}

pub enum Memory {
    Float64(Vec<f64>),
    Float32(Vec<f32>),
    Int64(Vec<i64>),
    Int32(Vec<i32>),
    Bits(Vec<u8>),
}

impl Column {
    /// Of a field, with room for so many rows.
    pub fn new(field: &Field, rows: usize) -> Self {
        let values = match field.kind {
            Kind::Float64(rule) => Values::Float64(rule, vec![0.0; rows]),
            Kind::Float32(rule) => Values::Float32(rule, vec![0.0; rows]),
            Kind::Int64(rule) => Values::Int64(rule, vec![0; rows]),
            Kind::Int32(rule) => Values::Int32(rule, vec![0; rows]),
            Kind::Bool => Values::Bool(vec![0; rows]),
            Kind::String(max_length) => Values::String(Strings {
                max_length,
                offsets: vec![0; rows + 1],
                data: vec![0; rows.saturating_mul(STRING_BYTES)],
            }),
            Kind::Timestamp(rule) => Values::Timestamp(rule, vec![0; rows]),
        };
        Self { values, nulls: Vec::new() }
    }

    /// Make room for so many rows.
    pub fn grow(&mut self, rows: usize) {
        match &mut self.values {
            Values::Float64(_, values) => values.resize(rows, 0.0),
            Values::Float32(_, values) => values.resize(rows, 0.0),
            Values::Int64(_, values) | Values::Timestamp(_, values) => values.resize(rows, 0),
            Values::Int32(_, values) => values.resize(rows, 0),
            Values::Bool(values) => values.resize(rows, 0),
            Values::String(strings) => strings.offsets.resize(rows + 1, 0),
        }
    }

    /// Let the default, or else null, stand in that row.
    pub fn fill(&mut self, row: usize, default: Option<&Default>) -> Result<(), Stop> {
        if default.is_none() {
            self.nulls.push(row);
        }
        let (float, integer, bool, string) = match default {
            Some(Default::Float(float)) => (*float, 0, false, ""),
            Some(Default::Integer(integer)) => (0.0, *integer, false, ""),
            Some(Default::Bool(bool)) => (0.0, 0, *bool, ""),
            Some(Default::String(string)) => (0.0, 0, false, string.as_str()),
            None => (0.0, 0, false, ""),
        };
        match &mut self.values {
            Values::Float64(_, values) => values[row] = float,
            Values::Float32(_, values) => values[row] = float as f32,
            Values::Int64(_, values) | Values::Timestamp(_, values) => values[row] = integer,
            Values::Int32(_, values) => values[row] = integer as i32,
            Values::Bool(values) => values[row] = bool.into(),
            Values::String(strings) => strings.put(row, string.as_bytes())?,
        }
        Ok(())
    }

    /// Forget what was said of that row and the ones after it.
    pub fn cut(&mut self, row: usize) {
        while self.nulls.last().is_some_and(|&null| null >= row) {
            self.nulls.pop();
        }
    }

    /// The memory of the first so many rows.
    pub fn finish(self, rows: usize) -> Finished {
        let validity = (!self.nulls.is_empty()).then(|| validity(&self.nulls, rows));
        let mut data = None;
        let values = match self.values {
            Values::Float64(_, values) => Memory::Float64(first(values, rows)),
            Values::Float32(_, values) => Memory::Float32(first(values, rows)),
            Values::Int64(_, values) | Values::Timestamp(_, values) => Memory::Int64(first(values, rows)),
            Values::Int32(_, values) => Memory::Int32(first(values, rows)),
            Values::Bool(values) => Memory::Bits(pack(&values[..rows])),
            Values::String(strings) => {
                let bytes = strings.offsets[rows] as usize;
                data = Some(first(strings.data, bytes));
                Memory::Int32(first(strings.offsets, rows + 1))
            }
        };
        Finished { validity, values, data }
    }
}

impl Values {
    /// Whether a number may come as a numeric string.
    pub fn is_lenient(&self) -> bool {
        match self {
            Self::Float64(rule, _) | Self::Float32(rule, _) => rule.lenient,
            Self::Int64(rule, _) | Self::Int32(rule, _) => rule.lenient,
            Self::Timestamp(rule, _) => rule.lenient && rule.encoding != Encoding::Iso,
            Self::Bool(_) | Self::String(_) => false,
        }
    }
}

impl Strings {
    /// Write the string of that row.
    #[inline(always)]
    pub fn put(&mut self, row: usize, bytes: &[u8]) -> Result<(), Stop> {
        let start = self.offsets[row] as usize;
        let end = start + bytes.len();
        if end > self.data.len() {
            self.grow(end)?;
        }
        self.data[start..end].copy_from_slice(bytes);
        self.offsets[row + 1] = end as i32;
        Ok(())
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, least: usize) -> Result<(), Stop> {
        if least > i32::MAX as usize {
            return Err(Stop::Overflow);
        }
        self.data.resize(least.max(2 * self.data.len()), 0);
        Ok(())
    }
}

/// The first so many, in memory that is not much larger.
pub fn first<T>(mut values: Vec<T>, count: usize) -> Vec<T> {
    values.truncate(count);
    if values.capacity() > 2 * count + 1_024 {
        values.shrink_to_fit();
    }
    values
}

/// Bits, the first one lowest, from bytes that are 0 or 1.
fn pack(bytes: &[u8]) -> Vec<u8> {
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let (eights, rest) = bytes.as_chunks::<8>();
    let gathered = |eight: &[u8; 8]| (u64::from_le_bytes(*eight).wrapping_mul(GATHER) >> 56) as u8;
    let mut bits: Vec<u8> = eights.iter().map(gathered).collect();
    if !rest.is_empty() {
        let mut eight = [0; 8];
        eight[..rest.len()].copy_from_slice(rest);
        bits.push(gathered(&eight));
    }
    bits
}

/// A bit for each row, zero for the nulls.
fn validity(nulls: &[usize], rows: usize) -> Vec<u8> {
    let mut bits = vec![0xff; rows.div_ceil(8)];
    if !rows.is_multiple_of(8) {
        *bits.last_mut().expect("rows") = (1 << (rows % 8)) - 1;
    }
    for null in nulls {
        bits[null / 8] &= !(1 << (null % 8));
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_packed_lowest_first() {
        assert!(pack(&[]).is_empty());
        assert_eq!(pack(&[1]), [1]);
        assert_eq!(pack(&[0, 1, 0, 0, 0, 0, 0, 1]), [0b1000_0010]);
        assert_eq!(pack(&[1, 1, 1, 1, 1, 1, 1, 1, 0, 1]), [0xff, 0b10]);
    }

    #[test]
    fn nulls_are_zero_bits() {
        assert_eq!(validity(&[0], 1), [0]);
        assert_eq!(validity(&[1, 9], 10), [0b1111_1101, 0b01]);
        assert_eq!(validity(&[7], 8), [0b0111_1111]);
    }

    #[test]
    fn strings_end_where_offsets_do() {
        let mut strings = Strings { max_length: 9, offsets: vec![0; 2], data: Vec::new() };
        assert_eq!(strings.grow(i32::MAX as usize + 1), Err(Stop::Overflow));
    }

    #[test]
    fn a_row_overwrites_and_nulls_are_forgotten() {
        let field = Field { kind: Kind::String(9), may_be_absent: true, default: None };
        let mut column = Column::new(&field, 2);
        let Values::String(strings) = &mut column.values else { panic!() };
        strings.put(0, &[b'x'; 99]).unwrap();
        strings.put(0, b"ab").unwrap();
        strings.put(1, b"cde").unwrap();
        column.fill(1, None).unwrap();
        column.grow(4);
        column.fill(2, Some(&Default::String("d".into()))).unwrap();
        column.fill(3, None).unwrap();
        column.cut(3);
        let finished = column.finish(3);
        assert_eq!((finished.validity, finished.data), (Some(vec![0b101]), Some(b"abd".to_vec())));
        assert!(matches!(finished.values, Memory::Int32(offsets) if offsets == [0, 2, 2, 3]));
    }
}
