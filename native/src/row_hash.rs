//! The mixing of `iotstream.row_hash`: columns of numbers to the sum of their rows' hashes.
//!
//! What it computes is said there; manifests hold the result, so it never changes.

use std::collections::HashMap;

use blake2::digest::Digest;
use blake2::digest::consts::U8;
use pyo3::prelude::*;

use crate::given::{Column, Given, Kind};

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

/// The sum of the hashes of the rows, modulo 2^64.
#[pyfunction]
pub fn mix_rows(py: Python<'_>, rows: usize, columns: Vec<(u64, Given)>) -> PyResult<u64> {
    let columns = columns
        .into_iter()
        .map(|(seed, given)| Ok((seed, Column::of(rows, given)?)))
        .collect::<PyResult<Vec<_>>>()?;
    Ok(py.detach(|| sum(rows, &columns)))
}

/// The 64 bits of a column's values from `start` on.
fn read<'a>(column: &'a Column, start: usize, out: &mut [u64], known: &mut Known<'a>) {
    match column.kind {
        Kind::Bool => {
            for (index, value) in out.iter_mut().enumerate() {
                *value = u64::from(column.bool(start + index));
            }
        }
        Kind::Int32 => fill(out, column.words(start), |word| i64::from(i32::from_ne_bytes(word)) as u64),
        Kind::Int64 => fill(out, column.words(start), u64::from_ne_bytes),
        // Adding 0.0 makes -0.0 into 0.0; a float32 is widened, which loses nothing.
        Kind::Float32 => {
            fill(out, column.words(start), |word| (f64::from(f32::from_ne_bytes(word)) + 0.0).to_bits());
        }
        Kind::Float64 => fill(out, column.words(start), |word| (f64::from_ne_bytes(word) + 0.0).to_bits()),
        Kind::String => {
            for (index, value) in out.iter_mut().enumerate() {
                *value = hash_of(column.text(start + index), known);
            }
        }
    }
    if column.has_nulls() {
        for (index, value) in out.iter_mut().enumerate() {
            if !column.is_valid(start + index) {
                *value = NULL;
            }
        }
    }
}

fn fill<const N: usize>(out: &mut [u64], words: &[[u8; N]], bits: impl Fn([u8; N]) -> u64) {
    for (value, word) in out.iter_mut().zip(words) {
        *value = bits(*word);
    }
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

fn sum(rows: usize, columns: &[(u64, Column)]) -> u64 {
    let mut known = Known::new();
    let (mut values, mut hashes) = ([0u64; BLOCK], [0u64; BLOCK]);
    let mut total = 0u64;
    for start in (0..rows).step_by(BLOCK) {
        let count = BLOCK.min(rows - start);
        let (values, hashes) = (&mut values[..count], &mut hashes[..count]);
        hashes.fill(0);
        for (seed, column) in columns {
            read(column, start, values, &mut known);
            for (hash, value) in hashes.iter_mut().zip(values.iter()) {
                *hash = hash.wrapping_add(mix(value ^ seed));
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
