//! The compiled kernel of iotstream: bytes from the stream in, Arrow columns out.

use pyo3::prelude::*;

mod buffer;

// Payloads to columns.
mod columns;
mod decimal;
mod decode;
mod decoder;
mod fault;
#[cfg(test)]
mod fuzz;
mod input;
mod keys;
mod number;
mod plan;
mod rows;
mod scanner;
mod skip;
mod string;
mod text;
mod time;

// Envelopes to payloads.
mod dicts;
mod event;
mod inflate;
mod json;
mod kpl;
mod md5_lanes;
mod message;
mod page;
mod records;
mod template;

// Rows: what manifests say of them, and what stores of time series take.
mod given;
mod points;
mod row_hash;

#[pymodule]
fn iotstream_native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<buffer::Buffer>()?;
    module.add_class::<decoder::Decoder>()?;
    module.add_class::<decoder::Chunk>()?;
    module.add_class::<records::Records>()?;
    module.add_function(wrap_pyfunction!(event::read_event, module)?)?;
    module.add_function(wrap_pyfunction!(dicts::read_records, module)?)?;
    module.add_function(wrap_pyfunction!(message::read_message, module)?)?;
    module.add_function(wrap_pyfunction!(page::read_page, module)?)?;
    module.add_function(wrap_pyfunction!(kpl::may_hold_aggregates, module)?)?;
    module.add_function(wrap_pyfunction!(kpl::may_hold_aggregates_column, module)?)?;
    module.add_function(wrap_pyfunction!(kpl::split_aggregates, module)?)?;
    module.add_function(wrap_pyfunction!(inflate::inflate_text, module)?)?;
    module.add_function(wrap_pyfunction!(points::write_rows, module)?)?;
    module.add_function(wrap_pyfunction!(row_hash::mix_rows, module)?)
}
