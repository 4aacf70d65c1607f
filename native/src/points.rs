//! Rows as the text of a call's records: columns in, JSON and where each row's begins out.

use std::io::Write as _;

use pyo3::prelude::*;

use crate::buffer::Buffer;
use crate::given::{Column, Given, Kind};

/// What is reserved for a row's text, bytes: a guess, so that the memory grows seldom.
const ROW_BYTES: usize = 256;
/// Decimals that are tried before the general way. With fewer than 10^9 before the point that is below 2^53, so
/// the digits are one exact number.
const DECIMALS: [f64; 7] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6];
const MANY: f64 = 1e9;

/// A value in each row's text, with what stands around it; nothing where it is null.
struct Element {
    before: String,
    column: Column,
    after: String,
}

/// Elements with commas between those that are there.
struct Group {
    open: String,
    elements: Vec<Element>,
    close: String,
}

/// The text before a group, its elements, and the text behind it; so it is of an element and its column.
type GivenGroup = (String, Vec<(String, Given, String)>, String);

/// The text of all rows, and n + 1 int64: where each row's begins, and where the last one's ends.
#[pyfunction]
pub fn write_rows(py: Python<'_>, rows: usize, groups: Vec<GivenGroup>) -> PyResult<(Buffer, Buffer)> {
    let groups = groups
        .into_iter()
        .map(|(open, elements, close)| {
            let elements = elements.into_iter().map(|(before, given, after)| {
                Ok(Element { before, column: Column::of(rows, given)?, after })
            });
            Ok(Group { open, elements: elements.collect::<PyResult<_>>()?, close })
        })
        .collect::<PyResult<Vec<_>>>()?;
    let (text, bounds) = py.detach(|| write(rows, &groups));
    Ok((Buffer::new(text), Buffer::new(bounds)))
}

fn write(rows: usize, groups: &[Group]) -> (Vec<u8>, Vec<i64>) {
    let mut text = Vec::with_capacity(rows * ROW_BYTES);
    let mut bounds = Vec::with_capacity(rows + 1);
    for row in 0..rows {
        bounds.push(text.len() as i64);
        for group in groups {
            group.write(row, &mut text);
        }
    }
    bounds.push(text.len() as i64);
    (text, bounds)
}

impl Group {
    fn write(&self, row: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(self.open.as_bytes());
        let mut first = true;
        for one in &self.elements {
            if one.column.is_valid(row) {
                if !first {
                    out.push(b',');
                }
                first = false;
                out.extend_from_slice(one.before.as_bytes());
                push_value(&one.column, row, out);
                out.extend_from_slice(one.after.as_bytes());
            }
        }
        out.extend_from_slice(self.close.as_bytes());
    }
}

fn push_value(column: &Column, row: usize, out: &mut Vec<u8>) {
    match column.kind {
        Kind::Bool => {
            let text: &[u8] = if column.bool(row) { b"true" } else { b"false" };
            out.extend_from_slice(text);
        }
        Kind::Int32 => push_integer(i64::from(i32::from_ne_bytes(column.word(row))), out),
        Kind::Int64 => push_integer(i64::from_ne_bytes(column.word(row)), out),
        Kind::Float32 => push_float(f64::from(f32::from_ne_bytes(column.word(row))), out),
        Kind::Float64 => push_float(f64::from_ne_bytes(column.word(row)), out),
        Kind::String => push_escaped(column.text(row), out),
    }
}

fn push_integer(value: i64, out: &mut Vec<u8>) {
    if value < 0 {
        out.push(b'-');
    }
    push_digits(value.unsigned_abs(), 1, out);
}

/// In decimal, with zeros before it up to that width.
fn push_digits(mut value: u64, width: usize, out: &mut Vec<u8>) {
    let mut digits = [b'0'; 20];
    let mut start = digits.len();
    while value > 0 {
        start -= 1;
        digits[start] = b'0' + (value % 10) as u8;
        value /= 10;
    }
    out.extend_from_slice(&digits[start.min(digits.len() - width)..]);
}

/// In the shortest decimal form that reads back as the same number.
fn push_float(value: f64, out: &mut Vec<u8>) {
    if !push_short(value, out) {
        let size = value.abs();
        // As Arrow has it: thousands of zeros would be no help.
        let plain = (1e-5..1e17).contains(&size) || !value.is_finite();
        let written = if plain { write!(out, "{value}") } else { write!(out, "{value:e}") };
        written.expect("memory takes all that is written");
    }
}

/// A number with few decimals, as sensors give them; false, and nothing is written, if it is none.
///
/// `digits / power` is the double nearest to that decimal number, both being exact: so it is what reading gives.
fn push_short(value: f64, out: &mut Vec<u8>) -> bool {
    let size = value.abs();
    if size >= MANY || size.is_nan() {
        return false;
    }
    for (decimals, power) in DECIMALS.into_iter().enumerate() {
        let digits = (size * power).round_ties_even();
        #[expect(clippy::float_cmp, reason = "the very same number is meant")]
        let same = digits / power == size;
        if same {
            if value.is_sign_negative() {
                out.push(b'-');
            }
            let (digits, power) = (digits as u64, power as u64);
            push_digits(digits / power, 1, out);
            if decimals > 0 {
                out.push(b'.');
                push_digits(digits % power, decimals, out);
            }
            return true;
        }
    }
    false
}

/// The inside of a JSON string: <https://www.rfc-editor.org/rfc/rfc8259#section-7>.
fn push_escaped(text: &[u8], out: &mut Vec<u8>) {
    let mut done = 0;
    for (at, &byte) in text.iter().enumerate() {
        if byte >= b' ' && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&text[done..at]);
        done = at + 1;
        if byte < b' ' {
            write!(out, "\\u{byte:04x}").expect("memory takes all that is written");
        } else {
            out.extend_from_slice(&[b'\\', byte]);
        }
    }
    out.extend_from_slice(&text[done..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(push: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        push(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn integers() {
        for value in [0, 7, -7, 10, 1_734_604_200_000, i64::MAX, i64::MIN] {
            assert_eq!(said(|out| push_integer(value, out)), value.to_string());
        }
    }

    #[test]
    fn floats_are_short() {
        let cases = [
            (0.0, "0"),
            (-0.0, "-0"),
            (21.5, "21.5"),
            (-0.05, "-0.05"),
            (12.340_001, "12.340001"),
            (0.1 + 0.2, "0.30000000000000004"),
            (999_999_999.0, "999999999"),
            (1e9, "1000000000"),
            (1e-7, "1e-7"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e308"),
        ];
        for (value, text) in cases {
            assert_eq!(said(|out| push_float(value, out)), text);
        }
    }

    #[test]
    fn floats_read_back_as_they_were() {
        let mut bits = 1u64;
        for step in 0..200_000u64 {
            // Any bits, and numbers of a few decimals, right and by one off.
            bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(step);
            let short = (bits >> 40) as f64 / DECIMALS[(bits % 7) as usize];
            for value in [f64::from_bits(bits), short, short.next_up(), -short.next_down()] {
                if value.is_finite() {
                    let text = said(|out| push_float(value, out));
                    assert_eq!(text.parse::<f64>().unwrap().to_bits(), value.to_bits(), "{text}");
                }
            }
        }
    }

    #[test]
    fn texts_are_escaped() {
        let text = "a\"b\\c\n\u{1f}\u{7f}ü";
        assert_eq!(said(|out| push_escaped(text.as_bytes(), out)), "a\\\"b\\\\c\\u000a\\u001f\u{7f}ü");
    }
}
