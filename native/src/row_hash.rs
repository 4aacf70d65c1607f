//! The mixing of `iotstream.row_hash`: columns of numbers to the sum of their rows' hashes.
//!
//! What it computes is said there; manifests hold the result, so it never changes.

use std::collections::HashMap;

use blake2::digest::Digest;
use blake2::digest::consts::U8;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::buffer::Bytes;

const FIRST: u64 = 0xBF58_476D_1CE4_E5B9;
const SECOND: u64 = 0x94D0_49BB_1331_11EB;
/// Stands for null.
const NULL: u64 = 0x9E37_79B9_7F4A_7C15;
/// Rows at once: their hashes stay in the processor's first cache.
const BLOCK: usize = 1024;
/// Texts whose hashes are kept: devices' names come again and again.
const KNOWN_TEXTS: usize = 1 << 18;

/// The hashes of texts that were met.
type Known<'a> = HashMap<&'a [u8], u64>;

#[derive(Clone, Copy)]
enum Kind {
    Bool,
    Int32,
    /// Also unsigned ones and times.
    Int64,
    Float32,
    Float64,
    /// Offsets of 32 bits, and the bytes that they count.
    String,
}

struct Column {
    seed: u64,
    kind: Kind,
    values: Bytes,
    validity: Option<Bytes>,
    texts: Option<Bytes>,
    /// Where the first row is, in values; validity and bools count bits from there.
    offset: usize,
}

/// Its seed, its kind, the memory of its values, that of its validity if there are nulls, that of its texts if it
/// has offsets, and the index of its first value in there.
type Given = (u64, String, Bytes, Option<Bytes>, Option<Bytes>, usize);

/// The sum of the hashes of the rows, modulo 2^64.
#[pyfunction]
pub fn mix_rows(py: Python<'_>, rows: usize, columns: Vec<Given>) -> PyResult<u64> {
    let columns = columns
        .into_iter()
        .map(|(seed, kind, values, validity, texts, offset)| {
            let column = Column { seed, kind: kind_of(&kind)?, values, validity, texts, offset };
            if column.holds(rows) {
                Ok(column)
            } else {
                Err(PyValueError::new_err(format!("a column of {kind} is shorter than {rows} rows")))
            }
        })
        .collect::<PyResult<Vec<_>>>()?;
    Ok(py.detach(|| sum(rows, &columns)))
}

fn kind_of(name: &str) -> PyResult<Kind> {
    Ok(match name {
        "bool" => Kind::Bool,
        "int32" => Kind::Int32,
        "int64" => Kind::Int64,
        "float32" => Kind::Float32,
        "float64" => Kind::Float64,
        "string" => Kind::String,
        _ => return Err(PyValueError::new_err(format!("{name}: no such kind of column"))),
    })
}

impl Column {
    fn holds(&self, rows: usize) -> bool {
        // Saturated, so that no memory is as long.
        let end = self.offset.saturating_add(rows);
        let bits = end.div_ceil(8);
        let bytes = match self.kind {
            Kind::Bool => bits,
            Kind::Int32 | Kind::Float32 => end.saturating_mul(4),
            Kind::Int64 | Kind::Float64 => end.saturating_mul(8),
            Kind::String => end.saturating_add(1).saturating_mul(4),
        };
        self.values.as_slice().len() >= bytes
            && self.validity.as_ref().is_none_or(|one| one.as_slice().len() >= bits)
    }

    /// The 64 bits of the values from `start` on.
    fn read<'a>(&'a self, start: usize, out: &mut [u64], known: &mut Known<'a>) {
        let first = self.offset + start;
        match self.kind {
            Kind::Bool => {
                for (index, value) in out.iter_mut().enumerate() {
                    *value = u64::from(bit(self.values.as_slice(), first + index));
                }
            }
            Kind::Int32 => self.words(first, out, |word: [u8; 4]| i64::from(i32::from_ne_bytes(word)) as u64),
            Kind::Int64 => self.words(first, out, u64::from_ne_bytes),
            // Adding 0.0 makes -0.0 into 0.0; a float32 is widened, which loses nothing.
            Kind::Float32 => {
                self.words(first, out, |word: [u8; 4]| (f64::from(f32::from_ne_bytes(word)) + 0.0).to_bits());
            }
            Kind::Float64 => {
                self.words(first, out, |word: [u8; 8]| (f64::from_ne_bytes(word) + 0.0).to_bits());
            }
            Kind::String => {
                for (index, value) in out.iter_mut().enumerate() {
                    *value = hash_of(self.text(first + index), known);
                }
            }
        }
        if let Some(validity) = &self.validity {
            for (index, value) in out.iter_mut().enumerate() {
                if !bit(validity.as_slice(), first + index) {
                    *value = NULL;
                }
            }
        }
    }

    /// A text; an empty one where the offsets are none.
    fn text(&self, index: usize) -> &[u8] {
        let (offsets, _) = self.values.as_slice().as_chunks::<4>();
        let [start, end] = [index, index + 1].map(|at| i32::from_ne_bytes(offsets[at]) as usize);
        self.texts.as_ref().and_then(|texts| texts.as_slice().get(start..end)).unwrap_or_default()
    }

    fn words<const N: usize>(&self, first: usize, out: &mut [u64], bits: impl Fn([u8; N]) -> u64) {
        let (words, _) = self.values.as_slice()[first * N..].as_chunks::<N>();
        for (value, word) in out.iter_mut().zip(words) {
            *value = bits(*word);
        }
    }
}

fn bit(bytes: &[u8], index: usize) -> bool {
    bytes[index / 8] >> (index % 8) & 1 == 1
}

fn hash_of<'a>(text: &'a [u8], known: &mut Known<'a>) -> u64 {
    if let Some(hash) = known.get(text) {
        return *hash;
    }
    let hash = u64::from_be_bytes(blake2::Blake2b::<U8>::digest(text).into());
    if known.len() >= KNOWN_TEXTS {
        known.clear();
    }
    known.insert(text, hash);
    hash
}

fn sum(rows: usize, columns: &[Column]) -> u64 {
    let mut known = Known::new();
    let (mut values, mut hashes) = ([0u64; BLOCK], [0u64; BLOCK]);
    let mut total = 0u64;
    for start in (0..rows).step_by(BLOCK) {
        let count = BLOCK.min(rows - start);
        let (values, hashes) = (&mut values[..count], &mut hashes[..count]);
        hashes.fill(0);
        for column in columns {
            column.read(start, values, &mut known);
            for (hash, value) in hashes.iter_mut().zip(values.iter()) {
                *hash = hash.wrapping_add(mix(value ^ column.seed));
            }
        }
        for hash in hashes {
            total = total.wrapping_add(mix(*hash));
        }
    }
    total
}

/// The finaliser of `SplitMix64`.
fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(FIRST);
    value = (value ^ (value >> 27)).wrapping_mul(SECOND);
    value ^ (value >> 31)
}
