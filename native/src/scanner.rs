//! The scanner: one pass over a record's text, values straight to their columns.

use crate::columns::{Strings, Values};
use crate::fault::{Reason, Stop};
use crate::keys::{Keys, Next};
use crate::number::{self, Lenient, Number, Value};
use crate::plan::{Action, Floats, Integers, Plan, Times};
use crate::rows::{Mark, Rows};
use crate::skip;
use crate::string::{self, Found};
use crate::text::{Text, is_blank, strip_blanks};
use crate::time::{Encoding, LastDay, NoTime, epoch_to_ms};

pub struct Scanner<'p> {
    plan: &'p Plan,
    keys: Keys<'p>,
    pub rows: Rows<'p>,
    last_day: LastDay,
    unescaped: Vec<u8>,
    /// So many more levels may be opened.
    levels: usize,
    /// Between these the event time of the record's items must lie.
    earliest: i64,
    latest: i64,
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
            earliest: i64::MIN,
            latest: i64::MAX,
        }
    }

    /// When the next records arrived; None = unknown, no bounds.
    #[inline]
    pub fn set_arrival(&mut self, arrival_ms: Option<i64>) {
        let limits = &self.plan.limits;
        let bound = |offset: Option<i64>, none: i64, add: fn(i64, i64) -> i64| {
            arrival_ms.zip(offset).map_or(none, |(arrival, offset)| add(arrival, offset))
        };
        self.earliest = bound(limits.age_ms, i64::MIN, i64::saturating_sub);
        self.latest = bound(limits.ahead_ms, i64::MAX, i64::saturating_add);
    }

    /// All documents of a text, one after the other, from there on.
    #[inline]
    pub fn documents(&mut self, text: Text, start: usize) -> Result<(), Stop> {
        let mut at = text.skip_blanks(start);
        while at < text.end() {
            let mark = self.rows.mark();
            match self.document(text, at) {
                Ok(end) => at = text.skip_blanks(end),
                Err(Stop::Syntax) => return self.syntax_fault(text, at, mark),
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

    /// The document that begins there is broken. Where reading may resume at a later line, the reference
    /// decides; where no line is left, all the rest is one reject.
    #[cold]
    #[inline(never)]
    fn syntax_fault(&mut self, text: Text, begin: usize, mark: Mark) -> Result<(), Stop> {
        if simdutf8::basic::from_utf8(text.bytes()).is_err() {
            return Err(Stop::NotUtf8);
        }
        let rest = strip_blanks(&text.bytes()[begin..]);
        if memchr::memchr(b'\n', rest).is_some() {
            return Err(Stop::Undecided);
        }
        self.rows.go_back(mark);
        self.rows.reject(Reason::NotJson, begin..begin + rest.len())
    }

    /// The object that begins before there: its values to their columns, and where it ends.
    fn object(&mut self, text: Text, start: usize, node: usize) -> Result<usize, Stop> {
        let mut at = start;
        let mut last = node;
        loop {
            let (action, value) = match self.keys.next(text, at, &mut last, &mut self.unescaped)? {
                Next::Key(action, value) => (action, value),
                Next::End(end) => return Ok(end),
            };
            at = match action {
                Action::Field(field) => self.field(text, value, field)?,
                Action::Node(inner) => self.inner(text, text.skip_blanks(value), inner)?,
                Action::Skip => skip::value(text, text.skip_blanks(value), self.levels)?,
                Action::Fields(group) => self.fields(text, value, group)?,
            };
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

    /// A value that several fields share.
    #[cold]
    #[inline(never)]
    fn fields(&mut self, text: Text, at: usize, group: usize) -> Result<usize, Stop> {
        let plan = self.plan;
        let mut end = at;
        for &field in &plan.groups[group] {
            end = self.field(text, at, field)?;
        }
        Ok(end)
    }

    /// The value of a field.
    #[inline(always)]
    fn field(&mut self, text: Text, at: usize, field: usize) -> Result<usize, Stop> {
        let row = self.rows.row();
        let first = text.byte(at);
        let (outcome, end) = match &mut self.rows.columns[field].values {
            Values::Float64(rule, values) if is_number(first) => {
                let number = Number::read(text, at)?;
                (take_float(*rule, number.to_f64(text)?, &mut values[row]), number.end)
            }
            Values::String(strings) if first == b'"' => {
                let found = string::read(text, at + 1, &mut self.unescaped)?;
                (take_string(strings, row, found)?, found.after)
            }
            Values::Timestamp(rule, values) if first == b'"' && rule.encoding.takes_text() => {
                let found = string::read(text, at + 1, &mut self.unescaped)?;
                let ms = if found.has_lone_surrogate {
                    Err(Reason::BadString)
                } else {
                    self.last_day.iso_to_ms(found.bytes).ok_or(Reason::BadTime)
                };
                let ms = ms.and_then(|ms| within(*rule, ms, self.earliest, self.latest));
                (ms.map(|ms| values[row] = ms), found.after)
            }
            Values::Timestamp(rule, values) if is_number(first) && rule.encoding != Encoding::Iso => {
                let number = Number::read(text, at)?;
                let ms = take_epoch(*rule, number.value(text)?);
                let ms = ms.and_then(|ms| within(*rule, ms, self.earliest, self.latest));
                (ms.map(|ms| values[row] = ms), number.end)
            }
            Values::Bool(values) if first == b't' => {
                values[row] = 1;
                (Ok(()), skip::word(text, at, b"true")?)
            }
            Values::Bool(values) if first == b'f' => {
                values[row] = 0;
                (Ok(()), skip::word(text, at, b"false")?)
            }
            Values::Int64(rule, values) if is_number(first) => {
                let number = Number::read(text, at)?;
                let value = take_integer(*rule, text, number, i64::MIN, i64::MAX)?;
                (value.map(|value| values[row] = value), number.end)
            }
            Values::Int32(rule, values) if is_number(first) => {
                let number = Number::read(text, at)?;
                let value = take_integer(*rule, text, number, i32::MIN.into(), i32::MAX.into())?;
                (value.map(|value| values[row] = value as i32), number.end)
            }
            Values::Float32(rule, values) if is_number(first) => {
                let number = Number::read(text, at)?;
                (take_float32(*rule, number.to_f64(text)?, &mut values[row]), number.end)
            }
            _ => return self.other(text, at, field),
        };
        self.rows.settle(field, outcome);
        Ok(end)
    }

    /// Blanks before the value, or one of a type that is not the field's own: a numeric string perhaps.
    #[cold]
    #[inline(never)]
    fn other(&mut self, text: Text, at: usize, field: usize) -> Result<usize, Stop> {
        if is_blank(text.byte(at)) {
            return self.field_after_blanks(text, text.skip_blanks(at), field);
        }
        if text.byte(at) != b'"' {
            let reason = if text.byte(at) == b'n' { Reason::Null } else { Reason::WrongType };
            self.rows.settle(field, Err(reason));
            return skip::value(text, at, self.levels);
        }
        let found = string::read(text, at + 1, &mut self.unescaped)?;
        let number = if found.has_lone_surrogate { Lenient::NotNumeric } else { number::from_string(found.bytes)? };
        let number = match number {
            Lenient::Number(number) => Ok(number),
            Lenient::NotFinite => Err(Reason::NotFinite),
            Lenient::NotNumeric => Err(Reason::WrongType),
        };
        let row = self.rows.row();
        let outcome = match &mut self.rows.columns[field].values {
            Values::Float64(rule, values) if rule.lenient => {
                number.and_then(|number| take_float(*rule, number.to_f64(), &mut values[row]))
            }
            Values::Float32(rule, values) if rule.lenient => {
                number.and_then(|number| take_float32(*rule, number.to_f64(), &mut values[row]))
            }
            Values::Int64(rule, values) if rule.lenient => number
                .and_then(|number| take_whole(*rule, number, i64::MIN, i64::MAX))
                .map(|value| values[row] = value),
            Values::Int32(rule, values) if rule.lenient => number
                .and_then(|number| take_whole(*rule, number, i32::MIN.into(), i32::MAX.into()))
                .map(|value| values[row] = value as i32),
            Values::Timestamp(rule, values) if rule.lenient && rule.encoding != Encoding::Iso => number
                .and_then(|number| take_epoch(*rule, number))
                .and_then(|ms| within(*rule, ms, self.earliest, self.latest))
                .map(|ms| values[row] = ms),
            _ => Err(Reason::WrongType),
        };
        self.rows.settle(field, outcome);
        Ok(found.after)
    }

    fn field_after_blanks(&mut self, text: Text, at: usize, field: usize) -> Result<usize, Stop> {
        self.field(text, at, field)
    }
}

#[inline(always)]
fn is_number(first: u8) -> bool {
    first == b'-' || first.is_ascii_digit()
}

#[inline(always)]
fn take_float(rule: Floats, value: f64, place: &mut f64) -> Result<(), Reason> {
    if !value.is_finite() {
        return Err(Reason::NotFinite);
    }
    // Within bounds, and -0 becomes 0.
    *place = value + 0.0;
    if value < rule.min || value > rule.max { Err(Reason::OutOfBounds) } else { Ok(()) }
}

#[inline(always)]
fn take_float32(rule: Floats, value: f64, place: &mut f32) -> Result<(), Reason> {
    if !value.is_finite() {
        return Err(Reason::NotFinite);
    }
    let nearest = value as f32;
    *place = nearest + 0.0;
    let value = f64::from(nearest);
    let is_outside = nearest.is_infinite() || value < rule.min || value > rule.max;
    if is_outside { Err(Reason::OutOfBounds) } else { Ok(()) }
}

#[inline(always)]
fn take_integer(rule: Integers, text: Text, number: Number, low: i64, high: i64) -> Result<Result<i64, Reason>, Stop> {
    match number.to_i64() {
        Some(value) => Ok(bounded(rule, value, low, high)),
        None => Ok(take_whole(rule, number.value(text)?, low, high)),
    }
}

#[inline(always)]
fn bounded(rule: Integers, value: i64, low: i64, high: i64) -> Result<i64, Reason> {
    let is_inside = value >= low.max(rule.min) && value <= high.min(rule.max);
    if is_inside { Ok(value) } else { Err(Reason::OutOfBounds) }
}

/// An integer in any notation.
#[cold]
#[inline(never)]
fn take_whole(rule: Integers, number: Value, low: i64, high: i64) -> Result<i64, Reason> {
    let whole = match number {
        Value::Integer(value) => value,
        Value::HugeInteger(_) => return Err(Reason::OutOfBounds),
        Value::Float(value) if !value.is_finite() => return Err(Reason::NotFinite),
        Value::Float(value) if value.fract() != 0.0 => return Err(Reason::WrongType),
        Value::Float(value) => value as i128, // or the nearest that there is, which is outside as well
    };
    i64::try_from(whole).map_or(Err(Reason::OutOfBounds), |value| bounded(rule, value, low, high))
}

#[inline(always)]
fn take_string(strings: &mut Strings, row: usize, found: Found) -> Result<Result<(), Reason>, Stop> {
    if found.has_lone_surrogate {
        return Ok(Err(Reason::BadString));
    }
    if is_longer(found.bytes, strings.max_length) {
        return Ok(Err(Reason::TooLong));
    }
    strings.put(row, found.bytes).map(Ok)
}

#[inline]
fn take_epoch(rule: Times, number: Value) -> Result<i64, Reason> {
    epoch_to_ms(number, rule.encoding).map_err(|fault| match fault {
        NoTime::NotFinite => Reason::NotFinite,
        NoTime::Outside => Reason::BadTime,
    })
}

#[inline(always)]
fn within(rule: Times, ms: i64, earliest: i64, latest: i64) -> Result<i64, Reason> {
    let is_outside = rule.is_event_time && (ms < earliest || ms > latest);
    if is_outside { Err(Reason::TimeOutOfBounds) } else { Ok(ms) }
}

/// Whether the text has more code points; it has at most as many as bytes.
#[inline(always)]
fn is_longer(text: &[u8], most: usize) -> bool {
    text.len() > most && text.iter().filter(|&&byte| byte & 0xc0 != 0x80).count() > most
}
