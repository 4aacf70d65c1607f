//! The compiled kernel of iotstream: bytes from the stream in, Arrow columns out.

use pyo3::prelude::*;

mod buffer;

#[pymodule]
fn iotstream_native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<buffer::Buffer>()
}
