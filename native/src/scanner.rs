//! The scanner: one pass over a record's text, values straight to their columns.

use crate::columns::{Strings, Values};
use crate::fault::{Reason, Stop};
use crate::keys::Keys;
use crate::number::{self, Lenient, Usual, Value};
use crate::plan::{Action, DEEPEST, Floats, Integers, Plan, Times};
use crate::rows::Rows;
use crate::skip;
use crate::string;
use crate::text::{Scratch, Text, is_blank, strip_blanks};
use crate::time::{Encoding, LastDay, NoTime, epoch_to_ms};

pub struct Scanner<'p> {
    plan: &'p Plan,
    keys: Keys<'p>,
    pub rows: Rows<'p>,
    last_day: LastDay,
    unescaped: Vec<u8>,
    /// So many more levels may be opened.
    levels: usize,
    /// Of the event times of the record's items.
    bounds: Bounds,
}

impl<'p> Scanner<'p> {
    /// For records that make up about so many rows.
    pub fn new(plan: &'p Plan, rows: usize) -> Self {
        Self {
            plan,
            keys: Keys::new(plan),
            rows: Rows::new(plan, rows),
            last_day: LastDay::default(),
            unescaped: Vec::new(),
            levels: 0,
            bounds: Bounds::NONE,
        }
    }

    /// When the next records arrived; None = unknown, no bounds.
    #[inline]
    pub fn set_arrival(&mut self, arrival_ms: Option<i64>) {
        let limits = &self.plan.limits;
        let bound = |offset: Option<i64>, add: fn(i64, i64) -> i64| Some(add(arrival_ms?, offset?));
        self.bounds = Bounds {
            earliest: bound(limits.age_ms, i64::saturating_sub).unwrap_or(i64::MIN),
            latest: bound(limits.ahead_ms, i64::saturating_add).unwrap_or(i64::MAX),
        };
    }

    /// All documents of a text, one after the other, from there on.
    #[inline]
    pub fn documents(&mut self, text: Text, start: usize) -> Result<(), Stop> {
        let mut at = text.skip_blanks(start);
        let mut is_checked = false;
        while at < text.end() {
            let mark = self.rows.mark();
            match self.document(text, at) {
                Ok(end) if end == text.end() => break,
                Ok(end) => at = text.skip_blanks(end),
                Err(Stop::Syntax) => {
                    if !is_checked {
                        check_utf8(text)?;
                        is_checked = true;
                    }
                    self.rows.go_back(mark);
                    let end = next_object_line(text, at)?;
                    self.rows.reject(Reason::NotJson, at..at + strip_blanks(text.slice(at, end)).len())?;
                    at = text.skip_blanks(end);
                }
                Err(stop) => return Err(stop),
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn document(&mut self, text: Text, at: usize) -> Result<usize, Stop> {
        match text.byte(at) {
            b'{' => self.item(text, at, 0),
            b'[' => self.array(text, at),
            _ => self.bare_value(text, at),
        }
    }

    /// An object as an item, in so many others.
    #[inline(always)]
    fn item(&mut self, text: Text, at: usize, outer: usize) -> Result<usize, Stop> {
        self.levels = self.plan.limits.depth.checked_sub(outer + 1).ok_or(Stop::Undecided)?;
        let end = self.object(text, at + 1, 0)?;
        self.rows.end_object(at..end)?;
        Ok(end)
    }

    /// An array, each element of which is an item.
    fn array(&mut self, text: Text, start: usize) -> Result<usize, Stop> {
        let inner = self.plan.limits.depth.checked_sub(1).ok_or(Stop::Undecided)?;
        let mut at = text.skip_blanks(start + 1);
        if text.byte(at) == b']' {
            return Ok(at + 1);
        }
        loop {
            if text.byte(at) == b'{' {
                at = self.item(text, at, 1)?;
            } else {
                let end = skip::value(text, at, inner)?;
                self.rows.reject(Reason::NotObject, at..end)?;
                at = end;
            }
            at = text.skip_blanks(at);
            match text.byte(at) {
                b',' => at = text.skip_blanks(at + 1),
                b']' => return Ok(at + 1),
                _ => return Err(Stop::Syntax),
            }
        }
    }

    /// A number, string or word, which only a blank may follow.
    #[cold]
    #[inline(never)]
    fn bare_value(&mut self, text: Text, at: usize) -> Result<usize, Stop> {
        let end = skip::value(text, at, 0)?;
        if end < text.end() && !is_blank(text.byte(end)) {
            return Err(Stop::Syntax);
        }
        self.rows.reject(Reason::NotObject, at..end)?;
        Ok(end)
    }

    /// The object that begins before there: its values to their columns, and where it ends.
    fn object(&mut self, text: Text, start: usize, node: usize) -> Result<usize, Stop> {
        let mut at = start;
        let mut last = node;
        loop {
            if text.byte(at) == b'}' {
                return Ok(at + 1);
            }
            let key = match self.keys.guess(text, at, last) {
                Some(key) => key,
                None if text.byte(text.skip_blanks(at)) == b'}' => return Ok(text.skip_blanks(at) + 1),
                None => self.keys.look_up(text, at, last, &mut self.unescaped)?,
            };
            at = match key.action {
                Action::Field(field) => self.field(text, key.value, field)?,
                action => self.no_field(text, text.skip_blanks(key.value), action)?,
            };
            last = key.place;
        }
    }

    /// The value of a key that is not a single field's.
    #[inline(never)]
    fn no_field(&mut self, text: Text, at: usize, action: Action) -> Result<usize, Stop> {
        match action {
            Action::Skip => skip::value(text, at, self.levels),
            Action::Node(node) => self.inner(text, at, node),
            Action::Field(field) => self.unusual(text, at, field),
            Action::Fields(group) => {
                let plan = self.plan;
                plan.groups[group].iter().try_fold(at, |_, &field| self.unusual(text, at, field))
            }
        }
    }

    /// The value on the way to a node's fields. Of duplicate keys the last one wins, with all below it.
    #[inline(always)]
    fn inner(&mut self, text: Text, at: usize, node: usize) -> Result<usize, Stop> {
        let plan = self.plan;
        if text.byte(at) == b'{' {
            self.rows.set(&plan.nodes[node].fields, Reason::Missing);
            self.levels = self.levels.checked_sub(1).ok_or(Stop::Undecided)?;
            let end = self.object(text, at + 1, node)?;
            self.levels += 1;
            return Ok(end);
        }
        let reason = if text.byte(at) == b'n' { Reason::Null } else { Reason::WrongType };
        self.rows.set(&plan.nodes[node].fields, reason);
        skip::value(text, at, self.levels)
    }

    /// The value of a field: what is usual, at once.
    #[inline(always)]
    fn field(&mut self, text: Text, at: usize, field: usize) -> Result<usize, Stop> {
        let row = self.rows.row();
        let (outcome, end) = match &mut self.rows.columns[field].values {
            Values::Float64(rule, values) => {
                let Some(number) = Usual::read(text, at) else { return self.unusual(text, at, field) };
                (take_float64(*rule, number.to_f64(), &mut values[row]), number.end)
            }
            Values::String(strings) if text.byte(at) == b'"' => {
                let (end, foreign) = text.plain_characters(at + 1);
                if foreign || text.byte(end) != b'"' {
                    return self.unusual(text, at, field);
                }
                (take_string(strings, row, text.slice(at + 1, end))?, end + 1)
            }
            Values::Timestamp(rule, values) if text.byte(at) == b'"' && rule.encoding.takes_text() => {
                let Some((ms, length)) = self.last_day.usual_iso_to_ms(text.block(at + 1)) else {
                    return self.unusual(text, at, field);
                };
                (self.bounds.take(*rule, ms, &mut values[row]), at + 1 + length + 1)
            }
            Values::Timestamp(rule, values) if rule.encoding != Encoding::Iso => {
                let Some(number) = Usual::read(text, at) else { return self.unusual(text, at, field) };
                (take_epoch(*rule, self.bounds, number.value(), &mut values[row]), number.end)
            }
            Values::Bool(values) if text.byte(at) == b't' => {
                values[row] = 1;
                (Ok(()), skip::word(text, at, b"true")?)
            }
            Values::Bool(values) if text.byte(at) == b'f' => {
                values[row] = 0;
                (Ok(()), skip::word(text, at, b"false")?)
            }
            Values::Int64(rule, values) => {
                let number = Usual::read(text, at).and_then(|number| number.to_i64().zip(Some(number.end)));
                let Some((number, end)) = number else { return self.unusual(text, at, field) };
                (take_int64(*rule, number, &mut values[row]), end)
            }
            Values::Int32(rule, values) => {
                let number = Usual::read(text, at).and_then(|number| number.to_i64().zip(Some(number.end)));
                let Some((number, end)) = number else { return self.unusual(text, at, field) };
                (take_int32(*rule, number, &mut values[row]), end)
            }
            Values::Float32(rule, values) => {
                let Some(number) = Usual::read(text, at) else { return self.unusual(text, at, field) };
                (take_float32(*rule, number.to_f64(), &mut values[row]), number.end)
            }
            _ => return self.unusual(text, at, field),
        };
        self.rows.settle(field, outcome);
        Ok(end)
    }

    /// Any value of a field, also after blanks.
    #[inline(never)]
    fn unusual(&mut self, text: Text, at: usize, field: usize) -> Result<usize, Stop> {
        let at = text.skip_blanks(at);
        let (outcome, end) = match text.byte(at) {
            b'-' | b'0'..=b'9' => {
                let (number, end) = number::read(text, at)?;
                (self.take_number(field, number), end)
            }
            b'"' => {
                let found = string::read(text, at + 1, &mut self.unescaped)?;
                let after = found.after;
                let row = self.rows.row();
                let outcome = match &mut self.rows.columns[field].values {
                    Values::String(_) if found.has_lone_surrogate => Err(Reason::BadString),
                    Values::String(strings) => take_string(strings, row, found.bytes)?,
                    Values::Timestamp(rule, values) if rule.encoding.takes_text() => {
                        match self.last_day.iso_to_ms(found.bytes) {
                            _ if found.has_lone_surrogate => Err(Reason::BadString),
                            Some(ms) => self.bounds.take(*rule, ms, &mut values[row]),
                            None => Err(Reason::BadTime),
                        }
                    }
                    values if values.is_lenient() && !found.has_lone_surrogate => {
                        match number::from_string(found.bytes)? {
                            Lenient::Number(number) => self.take_number(field, number),
                            Lenient::NotFinite => Err(Reason::NotFinite),
                            Lenient::NotNumeric => Err(Reason::WrongType),
                        }
                    }
                    _ => Err(Reason::WrongType),
                };
                (outcome, after)
            }
            first => {
                let row = self.rows.row();
                let outcome = match (&mut self.rows.columns[field].values, first) {
                    (_, b'n') => Err(Reason::Null),
                    (Values::Bool(values), b't' | b'f') => {
                        values[row] = (first == b't').into();
                        Ok(())
                    }
                    _ => Err(Reason::WrongType),
                };
                (outcome, skip::value(text, at, self.levels)?)
            }
        };
        self.rows.settle(field, outcome);
        Ok(end)
    }

    fn take_number(&mut self, field: usize, number: Value) -> Result<(), Reason> {
        let row = self.rows.row();
        match &mut self.rows.columns[field].values {
            Values::Float64(rule, values) => take_float64(*rule, number.to_f64(), &mut values[row]),
            Values::Float32(rule, values) => take_float32(*rule, number.to_f64(), &mut values[row]),
            Values::Int64(rule, values) => take_int64(*rule, whole(number)?, &mut values[row]),
            Values::Int32(rule, values) => take_int32(*rule, whole(number)?, &mut values[row]),
            Values::Timestamp(rule, values) if rule.encoding != Encoding::Iso => {
                take_epoch(*rule, self.bounds, number, &mut values[row])
            }
            _ => Err(Reason::WrongType),
        }
    }
}

/// Of a record with a fault of syntax the whole text must be UTF-8, or that is its fault.
#[cold]
#[inline(never)]
fn check_utf8(text: Text) -> Result<(), Stop> {
    simdutf8::basic::from_utf8(text.bytes()).map_or(Err(Stop::NotUtf8), |_| Ok(()))
}

/// After a fault: where the next line begins that is a complete object by itself, or where the text ends.
#[cold]
#[inline(never)]
fn next_object_line(text: Text, mut at: usize) -> Result<usize, Stop> {
    let mut scratch = Scratch::default();
    while let Some(newline) = memchr::memchr(b'\n', text.slice(at, text.end())) {
        at += newline + 1;
        let line = text.slice(at, text.end());
        let line = strip_blanks(&line[..memchr::memchr(b'\n', line).unwrap_or(line.len())]);
        // Read alone, so that no line is read again as a part of the ones before it.
        if line.starts_with(b"{") && line.ends_with(b"}") {
            match skip::value(scratch.load(line), 0, DEEPEST) {
                Ok(end) if end == line.len() => return Ok(at),
                Ok(_) | Err(Stop::Syntax) => {}
                Err(stop) => return Err(stop),
            }
        }
    }
    Ok(text.end())
}

/// Between these an event time must lie.
#[derive(Clone, Copy)]
struct Bounds {
    earliest: i64,
    latest: i64,
}

impl Bounds {
    const NONE: Self = Self { earliest: i64::MIN, latest: i64::MAX };

    #[inline(always)]
    fn take(self, rule: Times, ms: i64, place: &mut i64) -> Result<(), Reason> {
        *place = ms;
        let is_outside = rule.is_event_time && (ms < self.earliest || ms > self.latest);
        if is_outside { Err(Reason::TimeOutOfBounds) } else { Ok(()) }
    }
}

#[inline(always)]
fn take_epoch(rule: Times, bounds: Bounds, number: Value, place: &mut i64) -> Result<(), Reason> {
    match epoch_to_ms(number, rule.encoding) {
        Ok(ms) => bounds.take(rule, ms, place),
        Err(NoTime::NotFinite) => Err(Reason::NotFinite),
        Err(NoTime::Outside) => Err(Reason::BadTime),
    }
}

/// -0 becomes 0. The bounds of a field without any are those of its type.
#[inline(always)]
fn take_float64(rule: Floats, value: f64, place: &mut f64) -> Result<(), Reason> {
    *place = value + 0.0;
    if value >= rule.min && value <= rule.max { Ok(()) } else { Err(beyond(value)) }
}

#[inline(always)]
fn take_float32(rule: Floats, value: f64, place: &mut f32) -> Result<(), Reason> {
    let nearest = value as f32;
    *place = nearest + 0.0;
    if f64::from(nearest) >= rule.min && f64::from(nearest) <= rule.max { Ok(()) } else { Err(beyond(value)) }
}

#[cold]
fn beyond(value: f64) -> Reason {
    if value.is_infinite() { Reason::NotFinite } else { Reason::OutOfBounds }
}

#[inline(always)]
fn take_int64(rule: Integers, value: i64, place: &mut i64) -> Result<(), Reason> {
    *place = value;
    if value >= rule.min && value <= rule.max { Ok(()) } else { Err(Reason::OutOfBounds) }
}

#[inline(always)]
fn take_int32(rule: Integers, value: i64, place: &mut i32) -> Result<(), Reason> {
    *place = value as i32;
    if value >= rule.min && value <= rule.max { Ok(()) } else { Err(Reason::OutOfBounds) }
}

/// An integer in any notation.
fn whole(number: Value) -> Result<i64, Reason> {
    let whole = match number {
        Value::Integer(value) => value,
        Value::HugeInteger(_) => return Err(Reason::OutOfBounds),
        Value::Float(value) if !value.is_finite() => return Err(Reason::NotFinite),
        Value::Float(value) if value.fract() != 0.0 => return Err(Reason::WrongType),
        Value::Float(value) => value as i128, // or the nearest that there is, which is outside as well
    };
    i64::try_from(whole).map_err(|_| Reason::OutOfBounds)
}

#[inline(always)]
fn take_string(strings: &mut Strings, row: usize, bytes: &[u8]) -> Result<Result<(), Reason>, Stop> {
    if is_longer(bytes, strings.max_length) {
        return Ok(Err(Reason::TooLong));
    }
    strings.put(row, bytes).map(Ok)
}

/// Whether the text has more code points; it has at most as many as bytes.
#[inline(always)]
fn is_longer(text: &[u8], most: usize) -> bool {
    text.len() > most && text.iter().filter(|&&byte| byte & 0xc0 != 0x80).count() > most
}
