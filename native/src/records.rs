//! `Records`: the records of an envelope as columns.

use pyo3::prelude::*;

use crate::buffer::Buffer;
use crate::template::Values;

/// Records of one shard, in order.
#[pyclass(frozen, get_all, module = "iotstream_native")]
pub struct Records {
    count: usize,
    /// int32, count + 1.
    payload_offsets: Py<Buffer>,
    payload_data: Py<Buffer>,
    /// int32, count + 1.
    sequence_offsets: Py<Buffer>,
    sequence_data: Py<Buffer>,
    /// int64, ms since the epoch.
    arrival_ms: Py<Buffer>,
    /// int64; none if all are 0.
    sub_sequence_numbers: Option<Py<Buffer>>,
    shard_id: String,
    stream_arn: String,
    millis_behind_latest: Option<i64>,
}

/// Columns that grow.
pub struct Columns {
    payload_offsets: Vec<i32>,
    payload_data: Vec<u8>,
    sequence_offsets: Vec<i32>,
    sequence_data: Vec<u8>,
    arrival_ms: Vec<i64>,
    /// Empty as long as all are 0.
    subs: Vec<i64>,
}

/// What is said once of all records.
#[derive(Default)]
pub struct About {
    pub shard_id: String,
    pub stream_arn: String,
    pub millis_behind_latest: Option<i64>,
}

impl Columns {
    pub fn new() -> Self {
        Self {
            payload_offsets: vec![0],
            payload_data: Vec::new(),
            sequence_offsets: vec![0],
            sequence_data: Vec::new(),
            arrival_ms: Vec::new(),
            subs: Vec::new(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.arrival_ms.is_empty()
    }

    /// Make room for so many records that are about like this one.
    pub fn reserve(&mut self, count: usize, like: &Values<'_>) {
        self.payload_offsets.reserve(count);
        self.payload_data.reserve(count * (like.data.len() / 16 * 13 + 4));
        self.sequence_offsets.reserve(count);
        self.sequence_data.reserve(count * like.sequence.len());
        self.arrival_ms.reserve(count);
    }

    /// Add a record.
    ///
    /// `None`: its payload is not strict base64 (RFC 4648, section 4), or it is too much for the offsets.
    pub fn push(&mut self, values: &Values<'_>) -> Option<()> {
        self.payload_data.reserve(values.data.len()); // the decoder itself adds no more than it needs
        base64_simd::STANDARD.decode_append(values.data, &mut self.payload_data).ok()?;
        self.payload_offsets.push(i32::try_from(self.payload_data.len()).ok()?);
        self.sequence_data.extend_from_slice(values.sequence);
        self.sequence_offsets.push(i32::try_from(self.sequence_data.len()).ok()?);
        if values.sub != 0 || !self.subs.is_empty() {
            self.subs.resize(self.arrival_ms.len(), 0);
            self.subs.push(values.sub);
        }
        self.arrival_ms.push(values.arrival_ms);
        Some(())
    }

    /// Hand the columns to Python.
    pub fn finish(self, py: Python<'_>, about: About) -> PyResult<Records> {
        let subs = (!self.subs.is_empty()).then(|| Py::new(py, Buffer::new(self.subs))).transpose()?;
        Ok(Records {
            count: self.arrival_ms.len(),
            payload_offsets: Py::new(py, Buffer::new(self.payload_offsets))?,
            payload_data: Py::new(py, Buffer::new(self.payload_data))?,
            sequence_offsets: Py::new(py, Buffer::new(self.sequence_offsets))?,
            sequence_data: Py::new(py, Buffer::new(self.sequence_data))?,
            arrival_ms: Py::new(py, Buffer::new(self.arrival_ms))?,
            sub_sequence_numbers: subs,
            shard_id: about.shard_id,
            stream_arn: about.stream_arn,
            millis_behind_latest: about.millis_behind_latest,
        })
    }
}

#[cfg(test)]
impl Columns {
    pub fn payloads(&self) -> Vec<&[u8]> {
        let ends = self.payload_offsets.windows(2);
        ends.map(|pair| &self.payload_data[pair[0] as usize..pair[1] as usize]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subs_are_kept_from_the_first_that_is_not_0() {
        let mut columns = Columns::new();
        for sub in [0, 0, 3, 0] {
            columns.push(&Values { data: b"eA==", sequence: b"1", arrival_ms: 7, sub }).unwrap();
        }
        assert_eq!(columns.subs, [0, 0, 3, 0]);
        assert_eq!(columns.payloads(), [b"x"; 4]);
    }

    #[test]
    fn only_strict_base64_is_taken() {
        for data in ["e", "eA", "eA=", "eB==", "e A=", "eA==\n", "e-A=", "\u{e4}A=", "eA==eA=="] {
            assert!(
                Columns::new().push(&Values { data: data.as_bytes(), ..Values::default() }).is_none(),
                "{data}"
            );
        }
    }
}
