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

/// The bytes of a Python object with the buffer protocol, whatever it says that they mean.
///
/// `PyBuffer` would insist on a format, and Arrow's buffers say that they are of signed bytes.
pub struct Bytes {
    view: Box<ffi::Py_buffer>,
}

impl Bytes {
    pub fn of(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let mut view = Box::new(ffi::Py_buffer::new());
        // SAFETY: the object is alive, `view` is memory for a view; Python fills it, or says that it did not.
        let status = unsafe { ffi::PyObject_GetBuffer(object.as_ptr(), &raw mut *view, ffi::PyBUF_SIMPLE) };
        if status == 0 { Ok(Self { view }) } else { Err(PyErr::fetch(object.py())) }
    }

    /// The bytes. They stay where they are as long as the view lives: the object cannot be resized meanwhile.
    /// Nobody may write to them meanwhile: the callers' contract, as with `hashlib` and its like.
    pub fn as_slice(&self) -> &[u8] {
        if self.view.len == 0 {
            return &[];
        }
        // SAFETY: a simple view is `len` bytes in a row, and held until `self` is dropped.
        unsafe { std::slice::from_raw_parts(self.view.buf.cast::<u8>(), self.view.len as usize) }
    }
}

// SAFETY: the view is only read, and released with the GIL held.
unsafe impl Send for Bytes {}
// SAFETY: as above.
unsafe impl Sync for Bytes {}

impl Drop for Bytes {
    fn drop(&mut self) {
        // SAFETY: the view was filled by `PyObject_GetBuffer`, and is released once.
        Python::attach(|_| unsafe { ffi::PyBuffer_Release(&raw mut *self.view) });
    }
}

impl<'py> FromPyObject<'_, 'py> for Bytes {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Self::of(&object)
    }
}
