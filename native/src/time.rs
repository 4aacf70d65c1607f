//! Event times: ISO 8601 texts and epoch numbers to whole milliseconds since 1970.

use crate::number::Value;

/// 0001-01-01T00:00:00Z.
const MIN_MS: i64 = -62_135_596_800_000;
/// 9999-12-31T23:59:59.999Z.
const MAX_MS: i64 = 253_402_300_799_999;

const DAY_BYTES: usize = "2024-12-19T".len();
const NAIVE_BYTES: usize = "2024-12-19T10:30:00".len();
/// At least a usual text and its quote.
pub const USUAL_BYTES: usize = 32;
const DAY_MS: i64 = 86_400_000;
const MINUTE_MS: i64 = 60_000;

/// How a timestamp is written; AUTO tells it by the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Auto,
    Iso,
    Seconds,
    Milliseconds,
    Microseconds,
    Nanoseconds,
}

impl Encoding {
    /// Whether a string is read as an ISO 8601 time.
    #[inline(always)]
    pub fn takes_text(self) -> bool {
        matches!(self, Self::Auto | Self::Iso)
    }
}

/// The day of the last text that was read, for most are of the same day.
pub struct LastDay {
    text: [u8; DAY_BYTES],
    ms: i64,
}

impl Default for LastDay {
    fn default() -> Self {
        Self { text: *b"1970-01-01T", ms: 0 }
    }
}

impl LastDay {
    /// The same for a text before a quote, of the usual forms with `Z` and without a fraction or with one of
    /// three digits: also where the quote is. None: not such a text.
    #[inline(always)]
    pub fn usual_iso_to_ms(&mut self, text: &[u8; USUAL_BYTES]) -> Option<(i64, usize)> {
        let (head, tail) = text.split_first_chunk::<NAIVE_BYTES>()?;
        let (day, clock) = head.split_first_chunk::<DAY_BYTES>()?;
        if *day != self.text {
            self.ms = day_to_ms(day)?;
            self.text = *day;
        }
        let ms = self.ms + clock_to_ms(clock.first_chunk()?)?;
        match *tail {
            [b'Z', b'"', ..] => Some((ms, NAIVE_BYTES + 1)),
            [b'.', a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', b'Z', b'"', ..] => {
                let fraction = i64::from(a - b'0') * 100 + i64::from(b - b'0') * 10 + i64::from(c - b'0');
                Some((ms + fraction, NAIVE_BYTES + 5))
            }
            _ => None,
        }
    }

    /// Milliseconds, digits beyond them cut; None if it is no time between the years 1 and 9999.
    ///
    /// `YYYY-MM-DD`, then `T`, `t` or a blank, `HH:MM:SS`, up to nine digits of fraction, and `Z`, `z`,
    /// `±HH`, `±HHMM`, `±HH:MM` or nothing, which means UTC.
    #[inline]
    pub fn iso_to_ms(&mut self, text: &[u8]) -> Option<i64> {
        let (head, tail) = text.split_first_chunk::<NAIVE_BYTES>()?;
        let (day, clock) = head.split_first_chunk::<DAY_BYTES>()?;
        if *day != self.text {
            self.ms = day_to_ms(day)?;
            self.text = *day;
        }
        let ms = self.ms + clock_to_ms(clock.first_chunk()?)?;
        let ms = ms + tail_to_ms(tail)?;
        (MIN_MS..=MAX_MS).contains(&ms).then_some(ms)
    }
}

/// Midnight of `YYYY-MM-DDT`.
#[inline(never)]
fn day_to_ms(text: &[u8; DAY_BYTES]) -> Option<i64> {
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b'T' | b't' | b' '] = *text else { return None };
    let year = two_digits(y0, y1)? * 100 + two_digits(y2, y3)?;
    let (month, day) = (two_digits(m0, m1)?, two_digits(d0, d1)?);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => return None,
    };
    (year >= 1 && (1..=days).contains(&day)).then(|| days_since_1970(year, month, day) * DAY_MS)
}

/// Of the Gregorian calendar, counted in years that begin in March, so that the leap day comes last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    const DAYS_FROM_MARCH_OF_YEAR_0: i64 = 719_468;
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - DAYS_FROM_MARCH_OF_YEAR_0
}

/// `HH:MM:SS`, all of it looked at at once.
#[inline(always)]
fn clock_to_ms(text: &[u8; 8]) -> Option<i64> {
    let digits = u64::from_le_bytes(*text) ^ u64::from_le_bytes(*b"00:00:00");
    let beyond_nine = digits.wrapping_add(0x7676_7676_7676_7676) | digits;
    let no_colon = digits & 0x0000_ff00_00ff_0000;
    if beyond_nine & 0x8080_8080_8080_8080 | no_colon != 0 {
        return None;
    }
    let [h0, h1, _, m0, m1, _, s0, s1] = digits.to_le_bytes();
    let (hour, minute, second) = (h0 * 10 + h1, m0 * 10 + m1, s0 * 10 + s1);
    let ms = (i64::from(hour) * 60 + i64::from(minute)) * MINUTE_MS + i64::from(second) * 1_000;
    (hour < 24 && minute < 60 && second < 60).then_some(ms)
}

/// The fraction of a second and the zone, as what they add.
#[inline(never)]
fn tail_to_ms(mut tail: &[u8]) -> Option<i64> {
    let mut ms = 0;
    if let [b'.', rest @ ..] = tail {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if !(1..=9).contains(&digits) {
            return None;
        }
        let digit = |place: usize| if place < digits { i64::from(rest[place] - b'0') } else { 0 };
        ms = digit(0) * 100 + digit(1) * 10 + digit(2);
        tail = &rest[digits..];
    }
    let (sign, hours, minutes) = match *tail {
        [] | [b'Z' | b'z'] => return Some(ms),
        [sign @ (b'+' | b'-'), h0, h1] => (sign, two_digits(h0, h1)?, 0),
        [sign @ (b'+' | b'-'), h0, h1, m0, m1] | [sign @ (b'+' | b'-'), h0, h1, b':', m0, m1] => {
            (sign, two_digits(h0, h1)?, two_digits(m0, m1)?)
        }
        _ => return None,
    };
    let offset = (hours * 60 + minutes) * MINUTE_MS;
    (hours < 24 && minutes < 60).then_some(if sign == b'+' { ms - offset } else { ms + offset })
}

#[inline(always)]
fn two_digits(tens: u8, ones: u8) -> Option<i64> {
    (tens.is_ascii_digit() && ones.is_ascii_digit())
        .then(|| i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
}

/// Why an epoch number is no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoTime {
    /// The number is beyond a float64's range.
    NotFinite,
    /// The time lies outside the years 1 to 9999.
    Outside,
}

/// Milliseconds, rounded to the nearest, ties to even. An integer is taken exactly, a float as what it is.
#[inline]
pub fn epoch_to_ms(value: Value, encoding: Encoding) -> Result<i64, NoTime> {
    let ms = match value {
        Value::Float(value) if value.is_finite() => float_to_ms(value, unit_of_float(value, encoding)),
        Value::Float(_) => return Err(NoTime::NotFinite),
        Value::Integer(value) => integer_to_ms(value, encoding),
        Value::HugeInteger(_) => None,
    };
    ms.filter(|ms| (MIN_MS..=MAX_MS).contains(ms)).ok_or(NoTime::Outside)
}

#[inline]
fn unit_of_float(value: f64, encoding: Encoding) -> Encoding {
    match encoding {
        Encoding::Auto if value.abs() < 1e11 => Encoding::Seconds,
        Encoding::Auto if value.abs() < 1e14 => Encoding::Milliseconds,
        Encoding::Auto if value.abs() < 1e17 => Encoding::Microseconds,
        Encoding::Auto => Encoding::Nanoseconds,
        given => given,
    }
}

#[inline]
fn float_to_ms(value: f64, unit: Encoding) -> Option<i64> {
    /// Added to a float below 2^51 it pushes the fraction out, rounded to even, where the processor has no
    /// instruction of its own for that.
    const SHIFTER: f64 = 6_755_399_441_055_744.0;
    let ms = match unit {
        Encoding::Seconds => value * 1e3,
        Encoding::Microseconds => value / 1e3,
        Encoding::Nanoseconds => value / 1e6,
        _ => value,
    };
    (ms.abs() < 1e15).then_some(((ms + SHIFTER) - SHIFTER) as i64)
}

#[inline(never)]
fn integer_to_ms(value: i128, encoding: Encoding) -> Option<i64> {
    let unit = match encoding {
        Encoding::Auto => match value.unsigned_abs() {
            0..100_000_000_000 => Encoding::Seconds,
            100_000_000_000..100_000_000_000_000 => Encoding::Milliseconds,
            100_000_000_000_000..100_000_000_000_000_000 => Encoding::Microseconds,
            _ => Encoding::Nanoseconds,
        },
        given => given,
    };
    let ms = match unit {
        Encoding::Seconds => value.checked_mul(1_000)?,
        Encoding::Microseconds => divide_half_even(value, 1_000),
        Encoding::Nanoseconds => divide_half_even(value, 1_000_000),
        _ => value,
    };
    i64::try_from(ms).ok()
}

fn divide_half_even(value: i128, divisor: i128) -> i128 {
    let (quotient, rest) = (value.div_euclid(divisor), value.rem_euclid(divisor));
    let up = 2 * rest > divisor || (2 * rest == divisor && quotient & 1 == 1);
    quotient + i128::from(up)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn iso(text: &str) -> Option<i64> {
        let once = LastDay::default().iso_to_ms(text.as_bytes());
        let mut day = LastDay::default();
        assert_eq!(day.iso_to_ms(b"2024-12-19T00:00:00"), Some(1_734_566_400_000));
        assert_eq!((day.iso_to_ms(text.as_bytes()), day.iso_to_ms(text.as_bytes())), (once, once), "{text}");
        once
    }

    #[test]
    #[rustfmt::skip]
    fn texts_that_are_times() {
        const SECOND: i64 = 1_734_604_200_000;
        for (text, ms) in [
            ("2024-12-19T10:30:00Z", SECOND), ("2024-12-19t10:30:00z", SECOND), ("2024-12-19 10:30:00", SECOND),
            ("2024-12-19T10:30:00.1Z", SECOND + 100), ("2024-12-19T10:30:00.12", SECOND + 120),
            ("2024-12-19T10:30:00.123Z", SECOND + 123), ("2024-12-19T10:30:00.999999999z", SECOND + 999),
            ("2024-12-19T10:30:00+01:00", SECOND - 3_600_000), ("2024-12-19T10:30:00.5-0530", SECOND + 19_800_500),
            ("2024-12-19T10:30:00+14", SECOND - 50_400_000), ("2024-02-29T00:00:00Z", 1_709_164_800_000),
            ("2000-02-29T00:00:00Z", 951_782_400_000), ("1970-01-01T00:00:00Z", 0), ("1969-12-31T23:59:59.9999Z", -1),
            ("0001-01-01T00:00:00Z", MIN_MS), ("9999-12-31T23:59:59.999999999Z", MAX_MS),
            ("0001-01-01T00:01:00+00:01", MIN_MS),
        ] {
            assert_eq!(iso(text), Some(ms), "{text}");
        }
    }

    #[test]
    #[rustfmt::skip]
    fn texts_that_are_not() {
        for text in [
            "", "2024-12-19", "2024-12-19T10:30Z", "2024-12-19T24:00:00Z", "2024-12-19T23:59:60Z", "2024-12-19T23:60:00Z",
            "2023-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2024-04-31T00:00:00Z", "2024-13-01T00:00:00Z",
            "2024-00-01T00:00:00Z", "2024-01-00T00:00:00Z", "2024-01-32T00:00:00Z", "0000-01-01T00:00:00Z",
            "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "2024-12-19T10:30:00.Z", "2024-12-19T10:30:00.1234567890Z",
            "2024-12-19T10:30:00,5Z", "2024-12-19T10:30:00+24:00", "2024-12-19T10:30:00+01:60", " 2024-12-19T10:30:00Z",
            "2024-12-19T10:30:00Z ", "2024-12-19T10:30:00ZZ", "2024-12-19T1:30:00Z", "2024-12-19_10:30:00Z",
            "2024/12/19T10:30:00Z", "2024-12-19T10.30.00Z", "2024-12-19T10:30:00+1", "2024-12-19T10:30:00+011",
            "2024-12-19T10:30:00+01:0", "2024-12-19T10:30:00+01:000", "2024-12-19T10:30:00+", "2024-12-19T1\u{660}:30:00",
            "2024-12-19T10:30:0\u{b2}Z", "2024-12-19T10:3::00Z", "2024-12-19T10:30:00.12\u{663}Z", "\0\0\0\0\0\0\0\0\0\0\0 10:30:00Z", "\0\0\0\0\0\0\0\0\0\0\x0010:30:00Z",
        ] {
            assert_eq!(iso(text), None, "{text}");
        }
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let years = if cfg!(miri) { vec![2000..=2000] } else { vec![1..=401, 1890..=2110, 9990..=9999] };
        for years in years {
            let mut expected = iso(&format!("{:04}-01-01T00:00:00", years.start()));
            for date in years.flat_map(|year| (0..12 * 31).map(move |day| (year, day / 31 + 1, day % 31 + 1)))
            {
                let ms = iso(&format!("{:04}-{:02}-{:02}T00:00:00", date.0, date.1, date.2));
                if ms.is_some() {
                    assert_eq!(ms, expected, "{date:?}");
                    expected = ms.map(|ms| ms + DAY_MS);
                }
            }
        }
    }

    #[test]
    #[rustfmt::skip]
    fn epochs_round_to_even() {
        use Encoding::{Auto, Microseconds as Us, Milliseconds as Ms, Nanoseconds as Ns, Seconds as S};
        let outside = Err(NoTime::Outside);
        for (value, encoding, expected) in [
            (Value::Integer(1_734_604_200), S, Ok(1_734_604_200_000)), (Value::Integer(1_734_604_200), Auto, Ok(1_734_604_200_000)),
            (Value::Integer(1_734_604_200_123), Auto, Ok(1_734_604_200_123)), (Value::Integer(500), Us, Ok(0)),
            (Value::Integer(1_500), Us, Ok(2)), (Value::Integer(2_500), Us, Ok(2)), (Value::Integer(-500), Us, Ok(0)),
            (Value::Integer(-1_500), Us, Ok(-2)), (Value::Integer(1_734_604_200_122_500_001), Auto, Ok(1_734_604_200_123)),
            (Value::Integer(253_402_300_799_999_499_999), Ns, Ok(MAX_MS)), (Value::Integer(253_402_300_799_999_500_000), Ns, outside),
            (Value::Integer(i128::MAX), S, outside), (Value::Integer(i128::MIN), Ns, outside), (Value::Integer(99_999_999_999), Auto, Ok(99_999_999_999_000)),
            (Value::Integer(100_000_000_000), Auto, Ok(100_000_000_000)), (Value::Integer(MIN_MS.into()), Ms, Ok(MIN_MS)),
            (Value::Integer(i128::from(MIN_MS) - 1), Ms, outside), (Value::Float(0.5), Ms, Ok(0)), (Value::Float(1.5), Ms, Ok(2)),
            (Value::Float(-0.5), Ms, Ok(0)), (Value::Float(-1.5), Ms, Ok(-2)), (Value::Float(2.5), Ms, Ok(2)),
            (Value::Float(1_734_604_200.000_5), Auto, Ok(1_734_604_200_000)), (Value::Float(1e11), Auto, Ok(100_000_000_000)),
            (Value::Float(1e14), Auto, Ok(100_000_000_000)), (Value::Float(1e17), Auto, Ok(100_000_000_000)),
            (Value::Float(253_402_300_799_999.4), Ms, Ok(MAX_MS)), (Value::Float(253_402_300_799_999.5), Ms, outside),
            (Value::Float(1e300), S, outside), (Value::Float(-1e308), S, outside), (Value::Float(f64::INFINITY), S, Err(NoTime::NotFinite)),
            (Value::HugeInteger(f64::INFINITY), S, outside), (Value::HugeInteger(1e40), Auto, outside),
        ] {
            assert_eq!(epoch_to_ms(value, encoding), expected, "{value:?} {encoding:?}");
        }
        let mut state = 5_u64;
        for _ in 0..1_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let ms = (state >> 12) as f64 / 64.0 - 1e13;
            assert_eq!(epoch_to_ms(Value::Float(ms), Ms), Ok(ms.round_ties_even() as i64), "{ms}");
        }
    }
}
