//! What Python hands in: payloads and buffers, which are read in place.

use std::ptr::null_mut;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::buffer::Bytes;

/// The bytes of each payload, which lie in the tuple's objects.
pub fn payloads<'a>(payloads: &'a Bound<'_, PyTuple>) -> PyResult<Vec<&'a [u8]>> {
    let mut slices = Vec::with_capacity(payloads.len());
    for (index, payload) in payloads.iter_borrowed().enumerate() {
        let Some(bytes) = bytes_of(payload) else {
            let kind = payload.get_type().name()?;
            return Err(PyTypeError::new_err(format!("payloads[{index}] is of type {kind}: bytes expected")));
        };
        slices.push(bytes);
    }
    Ok(slices)
}

fn bytes_of<'a>(object: Borrowed<'a, '_, PyAny>) -> Option<&'a [u8]> {
    let (mut data, mut length) = (null_mut(), 0);
    // SAFETY: the object lives as long as the slice; both places are written if the status is 0, and the bytes
    // of a bytes object are never written again.
    unsafe {
        if ffi::PyBytes_AsStringAndSize(object.as_ptr(), &raw mut data, &raw mut length) != 0 {
            ffi::PyErr_Clear();
            return None;
        }
        Some(std::slice::from_raw_parts(data.cast(), length as usize))
    }
}

/// An int64 for each payload, in the machine's order.
pub fn arrivals(bytes: &Bytes, payloads: usize) -> PyResult<&[[u8; 8]]> {
    match bytes.as_slice().as_chunks() {
        (numbers, []) if numbers.len() == payloads => Ok(numbers),
        _ => Err(PyValueError::new_err(format!(
            "arrival_ms has {} bytes: 8 for each of {payloads} payloads expected",
            bytes.as_slice().len()
        ))),
    }
}

/// The slices of the data between offsets, int32 in the machine's order.
pub fn slices<'a>(
    offsets: &'a Bytes,
    data: &'a Bytes,
) -> PyResult<impl ExactSizeIterator<Item = &'a [u8]> + Send> {
    let data = data.as_slice();
    let (offsets, rest) = offsets.as_slice().as_chunks::<4>();
    let offset = |bytes: &[u8; 4]| i32::from_ne_bytes(*bytes);
    let rises = |pair: &[[u8; 4]]| offset(&pair[0]) <= offset(&pair[1]);
    let (Some(first), Some(last), []) = (offsets.first(), offsets.last(), rest) else {
        return Err(PyValueError::new_err("offsets: n + 1 int32 expected"));
    };
    if offset(first) < 0 || !offsets.windows(2).all(rises) || offset(last) as usize > data.len() {
        return Err(PyValueError::new_err(format!(
            "offsets: they must rise from 0 to {} at most",
            data.len()
        )));
    }
    Ok(offsets.windows(2).map(move |pair| &data[offset(&pair[0]) as usize..offset(&pair[1]) as usize]))
}
