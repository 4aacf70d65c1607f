//! Numbers: JSON's literals, and the numeric strings that a lenient field takes.

use crate::decimal;
use crate::fault::Stop;
use crate::text::Text;

/// So many digits always fit into 64 bits.
const EXACT_DIGITS: usize = 19;
/// Beyond so many bytes a number with a fraction or an exponent is left to the reference: the standard
/// library's parser bounds exponents, and digits enough could bring them back.
const LONGEST: usize = 1_000;

/// A literal, read once.
#[derive(Clone, Copy, Debug)]
pub struct Number {
    start: usize,
    /// Where it ends.
    pub end: usize,
    negative: bool,
    /// It has neither fraction nor exponent.
    pub is_integer: bool,
    /// The mantissa holds all its digits.
    is_exact: bool,
    mantissa: u64,
    exponent: i32,
}

/// A number's value, as the reference has it: an integer exactly, anything else as a float64 (or infinite).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    Integer(i128),
    /// Beyond any integer field's range, also as an epoch; as a float64, or infinite.
    HugeInteger(f64),
    Float(f64),
}

impl Value {
    /// The nearest float64; infinite beyond its range.
    pub fn to_f64(self) -> f64 {
        match self {
            Self::Integer(value) => value as f64,
            Self::HugeInteger(value) | Self::Float(value) => value,
        }
    }
}

impl Number {
    /// The literal that begins there.
    #[inline(always)]
    pub fn read(text: Text, start: usize) -> Result<Self, Stop> {
        let negative = text.byte(start) == b'-';
        let first = start + usize::from(negative);
        let (mut at, mut mantissa) = digits(text, first, 0);
        let mut significant = at - first;
        if text.byte(first) == b'0' {
            if significant > 1 {
                return Err(Stop::Syntax);
            }
            significant = 0;
        } else if significant == 0 {
            return Err(Stop::Syntax);
        }
        let mut exponent = 0;
        let mut is_integer = true;
        if text.byte(at) == b'.' {
            is_integer = false;
            let point = at + 1;
            (at, mantissa) = digits(text, eight_digits(text, point, &mut mantissa), mantissa);
            let fraction = at - point;
            if fraction == 0 {
                return Err(Stop::Syntax);
            }
            significant += fraction;
            exponent = -(fraction.min(i32::MAX as usize) as i32);
        }
        if text.byte(at) | 0x20 == b'e' {
            is_integer = false;
            let power;
            (at, power) = read_exponent(text, at + 1)?;
            exponent = exponent.saturating_add(power);
        }
        let is_exact = significant <= EXACT_DIGITS;
        Ok(Self { start, end: at, negative, is_integer, is_exact, mantissa, exponent })
    }

    /// The nearest float64; infinite beyond its range.
    #[inline(always)]
    pub fn to_f64(self, text: Text) -> Result<f64, Stop> {
        if self.is_exact
            && let Some(value) = decimal::nearest(self.mantissa, self.exponent)
        {
            return Ok(if self.negative { -value } else { value });
        }
        parse_f64(text.slice(self.start, self.end), self.is_integer)
    }

    /// The integer, if it is written as one and surely fits.
    #[inline(always)]
    pub fn to_i64(self) -> Option<i64> {
        let fits = self.is_integer && self.is_exact && self.mantissa <= i64::MAX.cast_unsigned();
        let value = self.mantissa.cast_signed();
        fits.then_some(if self.negative { -value } else { value })
    }

    pub fn value(self, text: Text) -> Result<Value, Stop> {
        if self.is_integer {
            if self.is_exact {
                let value = i128::from(self.mantissa);
                return Ok(Value::Integer(if self.negative { -value } else { value }));
            }
            return Ok(parse_integer(text.slice(self.start, self.end)));
        }
        self.to_f64(text).map(Value::Float)
    }
}

/// The digits that begin there, one by one: where they end, and the mantissa with them behind it (wrong beyond
/// 64 bits). Their number is guessed by the processor, and what comes after them need not wait for it.
#[inline(always)]
fn digits(text: Text, mut at: usize, mut mantissa: u64) -> (usize, u64) {
    loop {
        let digit = text.byte(at).wrapping_sub(b'0');
        if digit > 9 {
            return (at, mantissa);
        }
        mantissa = mantissa.wrapping_mul(10).wrapping_add(digit.into());
        at += 1;
    }
}

/// The same as long as there are eight at once.
#[inline(always)]
fn eight_digits(text: Text, mut at: usize, mantissa: &mut u64) -> usize {
    loop {
        let digits = text.eight(at) ^ 0x3030_3030_3030_3030;
        if (digits.wrapping_add(0x7676_7676_7676_7676) | digits) & 0x8080_8080_8080_8080 != 0 {
            return at;
        }
        let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
        let low = (pairs & 0x0000_00ff_0000_00ff).wrapping_mul(0x000f_4240_0000_0064);
        let high = (pairs >> 16 & 0x0000_00ff_0000_00ff).wrapping_mul(0x0000_2710_0000_0001);
        *mantissa = mantissa.wrapping_mul(100_000_000).wrapping_add(low.wrapping_add(high) >> 32);
        at += 8;
    }
}

#[cold]
#[inline(never)]
fn read_exponent(text: Text, mut at: usize) -> Result<(usize, i32), Stop> {
    let negative = text.byte(at) == b'-';
    at += usize::from(negative || text.byte(at) == b'+');
    if !text.byte(at).is_ascii_digit() {
        return Err(Stop::Syntax);
    }
    let mut power = 0_i32;
    while text.byte(at).is_ascii_digit() {
        power = power.saturating_mul(10).saturating_add(i32::from(text.byte(at) - b'0'));
        at += 1;
    }
    Ok((at, if negative { -power } else { power }))
}

/// Where the literal that begins there ends, whatever its value.
#[inline]
pub fn skip(text: Text, mut at: usize) -> Result<usize, Stop> {
    at += usize::from(text.byte(at) == b'-');
    let first = at;
    at = skip_digits(text, at)?;
    if text.byte(first) == b'0' && at > first + 1 {
        return Err(Stop::Syntax);
    }
    if text.byte(at) == b'.' {
        at = skip_digits(text, at + 1)?;
    }
    if text.byte(at) | 0x20 == b'e' {
        at += 1;
        at += usize::from(matches!(text.byte(at), b'+' | b'-'));
        at = skip_digits(text, at)?;
    }
    Ok(at)
}

/// At least one digit.
#[inline(always)]
fn skip_digits(text: Text, start: usize) -> Result<usize, Stop> {
    let mut at = start;
    while text.byte(at).is_ascii_digit() {
        at += 1;
    }
    if at > start { Ok(at) } else { Err(Stop::Syntax) }
}

#[cold]
#[inline(never)]
fn parse_f64(digits: &[u8], is_integer: bool) -> Result<f64, Stop> {
    if digits.len() > LONGEST && !is_integer {
        return Err(Stop::Undecided);
    }
    let text = str::from_utf8(digits).map_err(|_| Stop::Syntax)?;
    text.parse().map_err(|_| Stop::Syntax)
}

/// Digits with or without a sign before them.
#[cold]
#[inline(never)]
fn parse_integer(digits: &[u8]) -> Value {
    let text = str::from_utf8(digits).unwrap_or_default();
    match text.parse() {
        Ok(value) => Value::Integer(value),
        Err(_) => Value::HugeInteger(text.parse().unwrap_or(f64::INFINITY)),
    }
}

/// What a string says as a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Lenient {
    Number(Value),
    /// `inf` or `nan`, by any of their names.
    NotFinite,
    NotNumeric,
}

/// The number that the whole text is, in the grammar of JSON and beyond that `+1`, `5.` and `.5`.
#[inline(never)]
pub fn from_string(text: &[u8]) -> Result<Lenient, Stop> {
    let unsigned = match text {
        [b'+' | b'-', rest @ ..] => rest,
        _ => text,
    };
    let integer = unsigned.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if integer > 1 && unsigned[0] == b'0' {
        return Ok(Lenient::NotNumeric);
    }
    let mut rest = &unsigned[integer..];
    if let [b'.', after @ ..] = rest {
        let fraction = after.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if integer + fraction == 0 {
            return Ok(Lenient::NotNumeric);
        }
        rest = &after[fraction..];
    } else if integer == 0 {
        let is_word = [&b"inf"[..], b"infinity", b"nan"].iter().any(|word| unsigned.eq_ignore_ascii_case(word));
        return Ok(if is_word { Lenient::NotFinite } else { Lenient::NotNumeric });
    } else if rest.is_empty() {
        return Ok(Lenient::Number(parse_integer(text)));
    }
    if let [b'e' | b'E', after @ ..] = rest {
        let digits = match after {
            [b'+' | b'-', digits @ ..] => digits,
            digits => digits,
        };
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Ok(Lenient::NotNumeric);
        }
    } else if !rest.is_empty() {
        return Ok(Lenient::NotNumeric);
    }
    Ok(Lenient::Number(Value::Float(parse_f64(text, false)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Scratch;

    fn read(literal: &str) -> Result<(Value, String), Stop> {
        let mut scratch = Scratch::default();
        let text = scratch.load(literal.as_bytes());
        let number = Number::read(text, 0)?;
        assert_eq!(skip(text, 0).unwrap(), number.end);
        let rest = String::from_utf8_lossy(&text.bytes()[number.end..]).into_owned();
        Ok((number.value(text)?, rest))
    }

    fn whole(literal: &str) -> Value {
        let (value, rest) = read(literal).unwrap();
        assert_eq!(rest, "", "{literal}");
        value
    }

    #[test]
    fn integers_are_exact() {
        for literal in [
            "0", "-0", "1", "12", "123", "-7", "12345678", "123456789", "9007199254740993", "9223372036854775807",
            "9223372036854775808", "-9223372036854775808", "9999999999999999999", "18446744073709551616",
            "99999999999999999999999999999999999999", "-170141183460469231731687303715884105728",
        ] {
            assert_eq!(whole(literal), Value::Integer(literal.parse().unwrap()), "{literal}");
        }
        assert_eq!(whole(&"9".repeat(40)), Value::HugeInteger(1e40));
        assert_eq!(whole(&format!("-{}", "9".repeat(308))), Value::HugeInteger(-1e308));
        assert_eq!(whole(&"9".repeat(309)), Value::HugeInteger(f64::INFINITY));
        assert_eq!(whole(&format!("-{}", "9".repeat(5_000))), Value::HugeInteger(-f64::INFINITY));
    }

    #[test]
    fn only_small_ones_come_the_short_way() {
        let mut scratch = Scratch::default();
        let mut short = |literal: &str| Number::read(scratch.load(literal.as_bytes()), 0).unwrap().to_i64();
        assert_eq!(short("-9223372036854775807"), Some(-i64::MAX));
        assert_eq!(short("-0"), Some(0));
        assert_eq!(short("9223372036854775808"), None);
        assert_eq!(short("1.0"), None);
        assert_eq!(short("1e2"), None);
        assert_eq!(short("18446744073709551617"), None);
    }

    #[test]
    fn floats_are_the_nearest() {
        for literal in [
            "0.0", "-0.0", "0.1", "23.5", "-3.25", "1e3", "1E+3", "1e-3", "0e5", "0.004532068199369834",
            "1594598735.7727768", "58.20000076293945", "0.10000000149011612", "3.4028235677973366e38",
            "1.7976931348623157e308", "1e309", "-1e999", "1e-999", "5e-324", "2.2250738585072014e-308",
            "9007199254740992.5", "9007199254740993.0", "0.00000000000000000000000123", "123456789.123456789123456789",
            "1e22", "1e23", "12345678901234567890e-30", "1e99999999999999999999", "0e99999999999999999999",
            "1.00000000", "12345678.12345678", "123456789.1",
        ] {
            let Value::Float(value) = whole(literal) else { panic!("{literal}") };
            assert_eq!(value.to_bits(), literal.parse::<f64>().unwrap().to_bits(), "{literal}");
        }
        let long = format!("0.{}", "1".repeat(900));
        assert_eq!(whole(&long), Value::Float(long.parse().unwrap()));
    }

    #[test]
    fn floats_of_any_length() {
        let mut state = 3_u64;
        for _ in 0..if cfg!(miri) { 100 } else { 100_000 } {
            let mut next = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                state >> 33
            };
            let mut digits = |most| (0..=next() % most).map(|_| char::from(b'0' + (next() % 10) as u8)).collect::<String>();
            let (integer, fraction) = (digits(24), digits(24));
            let integer = integer.trim_start_matches('0');
            let literal = format!("-{}.{fraction}", if integer.is_empty() { "0" } else { integer });
            assert_eq!(whole(&literal), Value::Float(literal.parse().unwrap()), "{literal}");
            let literal = format!("{literal}E{}", next() as i32 % 60 - 30);
            assert_eq!(whole(&literal), Value::Float(literal.parse().unwrap()), "{literal}");
        }
    }

    #[test]
    fn what_could_be_misread_is_left() {
        assert!(matches!(read(&format!("0.{}1e1000", "0".repeat(999))), Err(Stop::Undecided)));
        assert!(matches!(from_string(format!("0.{}1e1000", "0".repeat(999)).as_bytes()), Err(Stop::Undecided)));
    }

    #[test]
    fn the_grammar_is_that_of_json() {
        for literal in ["", "-", "01", "-01", "00", "1.", "-.5", ".5", "+1", "1e", "1e+", "1.e3", "x", "--1"] {
            assert!(matches!(read(literal), Err(Stop::Syntax)), "{literal}");
        }
        assert_eq!(read("1,2").unwrap().1, ",2");
        assert_eq!(read("0x1").unwrap().1, "x1");
        assert_eq!(read("12345678}").unwrap().1, "}");
        assert_eq!(read("1.5e3.5").unwrap().1, ".5");
        assert_eq!(read("1_0").unwrap().1, "_0");
    }

    #[test]
    fn strings_are_taken_leniently() {
        let number = |text: &str| from_string(text.as_bytes()).unwrap();
        for (text, value) in [
            ("1", Value::Integer(1)), ("+1", Value::Integer(1)), ("-0", Value::Integer(0)), ("5.", Value::Float(5.0)),
            (".5", Value::Float(0.5)), ("-.5", Value::Float(-0.5)), ("5.e1", Value::Float(50.0)), ("1e3", Value::Float(1000.0)),
            ("+.5E-1", Value::Float(0.05)), ("0.0", Value::Float(0.0)), ("1e999", Value::Float(f64::INFINITY)),
        ] {
            assert_eq!(number(text), Lenient::Number(value), "{text}");
        }
        for text in ["inf", "-Infinity", "+NaN", "nan", "INF"] {
            assert_eq!(number(text), Lenient::NotFinite, "{text}");
        }
        for text in [
            "", "+", "-", ".", "e1", "+.", ".e1", "01", "-01", "00", "1_0", "0x1", " 1", "1 ", "1e", "1e+", "infin", "na",
            "1.2.3", "1e1.5", "+-1", "\u{661}", "1\0",
        ] {
            assert_eq!(number(text), Lenient::NotNumeric, "{text}");
        }
    }
}
