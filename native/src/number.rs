//! Numbers: JSON's literals, and the numeric strings that a lenient field takes.

use crate::decimal;
use crate::fault::Stop;
use crate::text::Text;

/// So many digits always fit into 64 bits.
const EXACT_DIGITS: usize = 19;
/// Beyond so many bytes a number with a fraction or an exponent is left to the reference: the standard
/// library's parser bounds exponents, and digits enough could bring them back.
const LONGEST: usize = 1_000;

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

/// A literal without an exponent, of digits that fit into 64 bits.
#[derive(Clone, Copy, Debug)]
pub struct Usual {
    is_negative: bool,
    digits: u64,
    /// So many of the digits come after the point; none if there is no point.
    places: usize,
    /// Where it ends.
    pub end: usize,
}

impl Usual {
    /// The literal that begins there, if there is one of this kind.
    #[inline(always)]
    pub fn read(text: Text, start: usize) -> Option<Self> {
        let is_negative = text.byte(start) == b'-';
        let first = start + usize::from(is_negative);
        let mut digits = 0;
        let mut end = one_by_one(text, first, &mut digits);
        let begins_with_zero = text.byte(first) == b'0';
        let mut count = end - first;
        if count == 0 || (begins_with_zero && count > 1) {
            return None;
        }
        let mut places = 0;
        if text.byte(end) == b'.' {
            let point = end + 1;
            end = eight_at_once(text, point, &mut digits);
            end = one_by_one(text, end, &mut digits);
            places = end - point;
            if places == 0 {
                return None;
            }
            count = places + if begins_with_zero { 0 } else { count };
        }
        if count > EXACT_DIGITS || text.byte(end) | 0x20 == b'e' {
            return None;
        }
        Some(Self { is_negative, digits, places, end })
    }

    /// The nearest float64. (There is no other, so it can't be infinite.)
    #[inline(always)]
    pub fn to_f64(self) -> f64 {
        let sign = u64::from(self.is_negative) << 63; // without a branch, for it can't be foreseen
        f64::from_bits(decimal::nearest(self.digits, self.places).to_bits() | sign)
    }

    /// The integer, if it is written as one and fits.
    #[inline(always)]
    pub fn to_i64(self) -> Option<i64> {
        let fits = self.places == 0 && self.digits <= i64::MAX.cast_unsigned();
        let value = self.digits.cast_signed();
        fits.then_some(if self.is_negative { -value } else { value })
    }

    #[inline(always)]
    pub fn value(self) -> Value {
        if self.places > 0 {
            return Value::Float(self.to_f64());
        }
        let value = i128::from(self.digits);
        Value::Integer(if self.is_negative { -value } else { value })
    }
}

/// The digits that begin there, one by one: where they end; `number` gets them behind its own (wrong beyond
/// 64 bits). Their count is guessed by the processor, and what comes after them need not wait for it.
#[inline(always)]
fn one_by_one(text: Text, mut at: usize, number: &mut u64) -> usize {
    loop {
        let digit = text.byte(at).wrapping_sub(b'0');
        if digit > 9 {
            return at;
        }
        *number = number.wrapping_mul(10).wrapping_add(digit.into());
        at += 1;
    }
}

/// The same as long as there are eight digits at once.
#[inline(always)]
fn eight_at_once(text: Text, mut at: usize, number: &mut u64) -> usize {
    loop {
        let digits = text.eight(at) ^ 0x3030_3030_3030_3030;
        if (digits.wrapping_add(0x7676_7676_7676_7676) | digits) & 0x8080_8080_8080_8080 != 0 {
            return at;
        }
        let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
        let low = (pairs & 0x0000_00ff_0000_00ff).wrapping_mul(0x000f_4240_0000_0064);
        let high = (pairs >> 16 & 0x0000_00ff_0000_00ff).wrapping_mul(0x0000_2710_0000_0001);
        *number = number.wrapping_mul(100_000_000).wrapping_add(low.wrapping_add(high) >> 32);
        at += 8;
    }
}

/// Any literal that begins there, and where it ends.
#[inline(never)]
pub fn read(text: Text, start: usize) -> Result<(Value, usize), Stop> {
    let end = skip(text, start)?;
    let literal = text.slice(start, end);
    let is_integer = literal.iter().all(|byte| byte.is_ascii_digit() || *byte == b'-');
    let value = if is_integer { parse_integer(literal) } else { Value::Float(parse_f64(literal)?) };
    Ok((value, end))
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

fn parse_f64(digits: &[u8]) -> Result<f64, Stop> {
    if digits.len() > LONGEST {
        return Err(Stop::Undecided);
    }
    let text = str::from_utf8(digits).map_err(|_| Stop::Syntax)?;
    text.parse().map_err(|_| Stop::Syntax)
}

/// Digits with or without a sign before them.
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
        let is_word =
            [&b"inf"[..], b"infinity", b"nan"].iter().any(|word| unsigned.eq_ignore_ascii_case(word));
        return Ok(if is_word { Lenient::NotFinite } else { Lenient::NotNumeric });
    } else if rest.is_empty() {
        return Ok(Lenient::Number(parse_integer(text)));
    }
    if let [b'e' | b'E', after @ ..] = rest {
        let ([b'+' | b'-', digits @ ..] | digits) = after;
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Ok(Lenient::NotNumeric);
        }
    } else if !rest.is_empty() {
        return Ok(Lenient::NotNumeric);
    }
    Ok(Lenient::Number(Value::Float(parse_f64(text)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Scratch;

    fn both(literal: &str) -> Result<(Value, String), Stop> {
        let mut scratch = Scratch::default();
        let text = scratch.load(literal.as_bytes());
        let usual = Usual::read(text, 0);
        let (value, end) = read(text, 0)?;
        assert_eq!(skip(text, 0), Ok(end));
        if let Some(usual) = usual {
            assert_eq!((usual.value(), usual.end), (value, end), "{literal}");
            let unsigned = |zero: f64| (zero + 0.0).to_bits();
            assert_eq!(unsigned(usual.to_f64()), unsigned(value.to_f64()), "{literal}");
        }
        let rest = String::from_utf8_lossy(&text.bytes()[end..]).into_owned();
        Ok((value, rest))
    }

    fn whole(literal: &str) -> Value {
        let (value, rest) = both(literal).unwrap();
        assert_eq!(rest, "", "{literal}");
        value
    }

    #[test]
    #[rustfmt::skip]
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
        let mut short = |literal: &str| Usual::read(scratch.load(literal.as_bytes()), 0)?.to_i64();
        assert_eq!(short("-9223372036854775807"), Some(-i64::MAX));
        assert_eq!(short("-0"), Some(0));
        assert_eq!(short("9223372036854775808"), None);
        assert_eq!(short("1.0"), None);
        assert_eq!(short("1e2"), None);
        assert_eq!(short("18446744073709551617"), None);
    }

    #[test]
    #[rustfmt::skip]
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
        for _ in 0..if cfg!(miri) { 100 } else { 20_000 } {
            let mut next = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                state >> 33
            };
            let mut digits = |most| {
                (0..=next() % most).map(|_| char::from(b'0' + (next() % 10) as u8)).collect::<String>()
            };
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
        assert!(matches!(both(&format!("0.{}1e1000", "0".repeat(999))), Err(Stop::Undecided)));
        assert!(matches!(
            from_string(format!("0.{}1e1000", "0".repeat(999)).as_bytes()),
            Err(Stop::Undecided)
        ));
    }

    #[test]
    #[rustfmt::skip]
    fn the_grammar_is_that_of_json() {
        for literal in ["", "-", "01", "-01", "00", "1.", "-.5", ".5", "+1", "1e", "1e+", "1.e3", "x", "--1"] {
            assert!(matches!(both(literal), Err(Stop::Syntax)), "{literal}");
        }
        assert_eq!(both("1,2").unwrap().1, ",2");
        assert_eq!(both("0x1").unwrap().1, "x1");
        assert_eq!(both("12345678}").unwrap().1, "}");
        assert_eq!(both("1.5e3.5").unwrap().1, ".5");
        assert_eq!(both("1_0").unwrap().1, "_0");
    }

    #[test]
    #[rustfmt::skip]
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
