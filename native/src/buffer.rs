//! A column's memory, handed to Python without a copy: `pyarrow.py_buffer(buffer)` reads it in place.

use std::ffi::c_int;
use std::os::raw::c_void;

use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;

/// Numbers of one kind in a row, seen as bytes in the machine's order, which is Arrow's.
trait Memory: Send + Sync {
    fn bytes(&self) -> &[u8];
}

/// A number without padding, any bits of which are a value.
///
/// # Safety
/// The type has no padding bytes.
unsafe trait Number: Copy + Send + Sync {}

// SAFETY: primitive numbers have no padding.
unsafe impl Number for u8 {}
// SAFETY: as above.
unsafe impl Number for i32 {}
// SAFETY: as above.
unsafe impl Number for i64 {}
// SAFETY: as above.
unsafe impl Number for f32 {}
// SAFETY: as above.
unsafe impl Number for f64 {}

impl<T: Number> Memory for Vec<T> {
    fn bytes(&self) -> &[u8] {
        // SAFETY: the vector's elements are initialised, in a row, and have no padding (`Number`).
        unsafe {
            std::slice::from_raw_parts(self.as_ptr().cast::<u8>(), std::mem::size_of_val(self.as_slice()))
        }
    }
}

/// Read-only memory with the buffer protocol; its owner.
#[pyclass(frozen, module = "iotstream_native")]
pub struct Buffer {
    memory: Box<dyn Memory>,
}

impl Buffer {
    #[expect(private_bounds, reason = "only the kinds of number above make columns")]
    pub fn new<T: Number + 'static>(numbers: Vec<T>) -> Self {
        Self { memory: Box::new(numbers) }
    }
}

#[pymethods]
impl Buffer {
    /// The length in bytes.
    fn __len__(&self) -> usize {
        self.memory.bytes().len()
    }

    /// # Safety
    /// Called by Python with a view that it owns, or null.
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        if view.is_null() {
            return Err(PyBufferError::new_err("no view to fill"));
        }
        let bytes = slf.get().memory.bytes();
        let (data, length) = (bytes.as_ptr() as *mut c_void, bytes.len() as ffi::Py_ssize_t);
        // SAFETY: `view` is valid by this method's contract. The memory lives as long as the object, of which
        // the view holds a reference, and is never written: the object is frozen, the view read-only.
        let status = unsafe { ffi::PyBuffer_FillInfo(view, slf.as_ptr(), data, length, 1, flags) };
        if status == 0 { Ok(()) } else { Err(PyErr::fetch(slf.py())) }
    }
}
