//! Records of an envelope, read by what stays the same from one to the next.
//!
//! The text of a record is learnt once: where its values stand, and what lies between them. The next one that
//! has the same bytes there, in whatever order its keys come, has the same structure, and only its values are
//! looked at. One that differs is learnt anew.

use std::ops::Range;

use memchr::memchr;

use crate::json::{Scanner, digits_end, integer_end, string_end, value};
use crate::records::Columns;

/// Digits that fit into an i64, whatever they are.
const MAX_DIGITS: usize = 18;

/// What stands in a place.
#[derive(Clone, Copy, PartialEq)]
pub enum Slot {
    /// A payload, in base64.
    Data,
    /// A decimal text.
    Sequence,
    /// The arrival, seconds since the epoch.
    Seconds,
    /// The arrival, milliseconds since the epoch.
    Millis,
    /// A number within an aggregate.
    Sub,
    /// A text that is not used, and differs from record to record.
    Unused,
}

/// Where all the records of an envelope come from; empty where it does not say.
#[derive(Clone, Copy, Default, PartialEq)]
pub struct Origin<'a> {
    pub shard_id: &'a [u8],
    pub stream_arn: &'a [u8],
}

/// A record while it is learnt.
pub struct Draft<'a> {
    pub origin: Origin<'a>,
    slots: Vec<(Range<usize>, Slot)>,
}

impl Draft<'_> {
    /// Learn that a string stands here, or what of it there is from that byte on.
    pub fn string(&mut self, scanner: &mut Scanner<'_>, slot: Slot) -> Option<()> {
        let contents = if slot == Slot::Unused { scanner.string()? } else { scanner.plain_string()? };
        self.slots.push((contents, slot));
        Some(())
    }

    /// Learn that a number stands here.
    pub fn number(&mut self, scanner: &mut Scanner<'_>, slot: Slot) -> Option<()> {
        let start = scanner.at;
        scanner.at = match slot {
            Slot::Seconds => seconds(scanner.text, start)?.1,
            _ => millis(scanner.text, start)?.1,
        };
        self.slots.push((start..scanner.at, slot));
        Some(())
    }

    /// Learn that the text in this range is not used.
    pub fn unused(&mut self, contents: Range<usize>) {
        self.slots.push((contents, Slot::Unused));
    }

    fn has(&self, slot: Slot) -> usize {
        self.slots.iter().filter(|one| one.1 == slot).count()
    }
}

/// The values of a record.
#[derive(Default)]
pub struct Values<'a> {
    pub data: &'a [u8],
    pub sequence: &'a [u8],
    pub arrival_ms: i64,
    pub sub: i64,
}

/// A record's text with its values left out.
struct Template<'a> {
    /// Each a text, and what follows it.
    parts: Vec<(&'a [u8], Slot)>,
    tail: &'a [u8],
    origin: Origin<'a>,
}

/// How a record of a kind of envelope is learnt.
pub type Learn = for<'a> fn(&mut Scanner<'a>, &mut Draft<'a>) -> Option<()>;

impl<'a> Template<'a> {
    /// Learn the record that begins here. It must have payload, sequence number and arrival, once each.
    fn learn(text: &'a [u8], start: usize, learn: Learn) -> Option<Self> {
        let mut scanner = Scanner { text, at: start };
        let mut draft = Draft { origin: Origin::default(), slots: Vec::new() };
        learn(&mut scanner, &mut draft)?;
        let arrivals = draft.has(Slot::Seconds) + draft.has(Slot::Millis);
        if [draft.has(Slot::Data), draft.has(Slot::Sequence), arrivals] != [1; 3] || draft.has(Slot::Sub) > 1
        {
            return None;
        }
        let mut at = start;
        let parts = draft.slots.iter().map(|(place, slot)| {
            let before = &text[at..place.start];
            at = place.end;
            (before, *slot)
        });
        let parts = parts.collect();
        Some(Self { parts, tail: &text[at..scanner.at], origin: draft.origin })
    }

    /// The values of the record that begins here, and where it ends; `None`: it is of another kind.
    fn read(&self, text: &'a [u8], mut at: usize) -> Option<(Values<'a>, usize)> {
        let mut values = Values::default();
        for &(before, slot) in &self.parts {
            at = after(text, at, before)?;
            let start = at;
            match slot {
                Slot::Data => {
                    at += memchr(b'"', &text[at..])?;
                    values.data = &text[start..at];
                }
                Slot::Sequence => {
                    at = digits_end(text, at)?;
                    values.sequence = &text[start..at];
                }
                Slot::Seconds => (values.arrival_ms, at) = seconds(text, at)?,
                Slot::Millis => (values.arrival_ms, at) = millis(text, at)?,
                Slot::Sub => (values.sub, at) = millis(text, at)?,
                Slot::Unused => at = string_end(text, at)?,
            }
        }
        Some((values, after(text, at, self.tail)?))
    }
}

/// Read an array of records.
///
/// `None`: they are not plainly records of one origin.
pub fn records<'a>(scanner: &mut Scanner<'a>, learn: Learn, columns: &mut Columns) -> Option<Origin<'a>> {
    let mut template: Option<Template<'a>> = None;
    scanner.array(|scanner| {
        let (text, start) = (scanner.text, scanner.at);
        let (values, end) = if let Some(found) = template.as_ref().and_then(|known| known.read(text, start)) {
            found
        } else {
            let learnt = Template::learn(text, start, learn)?;
            if template.as_ref().is_some_and(|known| known.origin != learnt.origin) {
                return None;
            }
            template.insert(learnt).read(text, start)?
        };
        if columns.is_empty() {
            columns.reserve((text.len() - start) / (end - start) + 1, &values);
        }
        scanner.at = end;
        columns.push(&values)
    })?;
    Some(template.map(|one| one.origin).unwrap_or_default())
}

fn after(text: &[u8], at: usize, expected: &[u8]) -> Option<usize> {
    text[at..].starts_with(expected).then_some(at + expected.len())
}

/// Seconds since the epoch as milliseconds, rounded half to even as the double product is, and where they end.
fn seconds(text: &[u8], start: usize) -> Option<(i64, usize)> {
    let point = integer_end(text, start)?;
    let mut end = point;
    if text.get(point) == Some(&b'.') {
        end = digits_end(text, point + 1)?;
    }
    let decimals = (end - point).saturating_sub(1);
    let has_exponent = matches!(text.get(end), Some(b'e' | b'E'));
    // Below 10^15 ms the double product is less than half of one off: it rounds to what is written.
    if decimals <= 3 && point - start <= 12 && !has_exponent {
        let ms = value(&text[start..point]) * 1000;
        return Some((ms + FRACTION[decimals] * value(&text[end - decimals..end]), end));
    }
    if has_exponent {
        end += 1;
        end += usize::from(matches!(text.get(end), Some(b'+' | b'-')));
        end = digits_end(text, end)?;
    } else if decimals == 0 {
        return None;
    }
    let seconds: f64 = fast_float2::parse(&text[start..end]).ok()?;
    Some((to_millis(seconds)?, end))
}

/// Milliseconds in a unit of a fraction's last digit.
const FRACTION: [i64; 4] = [0, 100, 10, 1];
/// The greatest up to which a double counts each millisecond.
pub const MAX_MILLIS: i64 = 1 << 53;

/// Seconds since the epoch as milliseconds, rounded half to even.
pub fn to_millis(seconds: f64) -> Option<i64> {
    let millis = (seconds * 1000.0).round_ties_even();
    (0.0..=MAX_MILLIS as f64).contains(&millis).then_some(millis as i64)
}

/// A natural number, and where it ends.
pub fn millis(text: &[u8], start: usize) -> Option<(i64, usize)> {
    let end = integer_end(text, start)?;
    (end - start <= MAX_DIGITS).then(|| (value(&text[start..end]), end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_rounded_as_the_double_product_is() {
        for text in
            ["0", "0.0", "1.5", "1734604200.123", "1734604200.0005", "999999999999.999", "1e3", "1.5E-2"]
        {
            let product = text.parse::<f64>().unwrap() * 1000.0;
            assert_eq!(
                seconds(text.as_bytes(), 0),
                Some((product.round_ties_even() as i64, text.len())),
                "{text}"
            );
        }
        for text in ["", "-1", "1.", ".5", "1e", "1e400", "1234567890123456", "9e15"] {
            assert_eq!(seconds(text.as_bytes(), 0), None, "{text}");
        }
        assert_eq!(seconds(b"017", 0), Some((0, 1))); // what follows is not the number's
    }

    #[test]
    fn millis_are_natural_numbers() {
        assert_eq!(millis(b"999999999999999999,", 0), Some((999_999_999_999_999_999, 18)));
        assert_eq!(millis(b"1000000000000000000", 0), None);
        assert_eq!(millis(b"-1", 0), None);
        assert_eq!(millis(b"", 0), None);
    }
}
