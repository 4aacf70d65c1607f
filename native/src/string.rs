//! JSON's strings.

use crate::fault::Stop;
use crate::text::Text;

/// A string that was read.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// What it says, in UTF-8; with U+FFFD in the place of lone surrogates.
    pub bytes: &'a [u8],
    /// The position after its closing quote.
    pub after: usize,
    pub has_lone_surrogate: bool,
}

/// The string whose first character is there, after its opening quote. `unescaped` is for what has escapes.
#[inline(always)]
pub fn read<'a>(text: Text<'a>, start: usize, unescaped: &'a mut Vec<u8>) -> Result<Found<'a>, Stop> {
    let (end, foreign) = text.plain_characters(start);
    if text.byte(end) != b'"' {
        return read_with_escapes(text, start, unescaped);
    }
    let bytes = text.slice(start, end);
    if foreign {
        check_utf8(bytes)?;
    }
    Ok(Found { bytes, after: end + 1, has_lone_surrogate: false })
}

/// The same, only for where it ends.
#[inline(always)]
pub fn skip(text: Text, start: usize) -> Result<usize, Stop> {
    let (end, foreign) = text.plain_characters(start);
    if text.byte(end) != b'"' {
        return read_with_escapes(text, start, &mut Vec::new()).map(|found| found.after);
    }
    if foreign {
        check_utf8(text.slice(start, end))?;
    }
    Ok(end + 1)
}

#[inline(never)]
fn check_utf8(bytes: &[u8]) -> Result<(), Stop> {
    simdutf8::basic::from_utf8(bytes).map_or(Err(Stop::NotUtf8), |_| Ok(()))
}

#[cold]
#[inline(never)]
fn read_with_escapes<'a>(text: Text, start: usize, out: &'a mut Vec<u8>) -> Result<Found<'a>, Stop> {
    out.clear();
    let mut at = start;
    let mut has_lone_surrogate = false;
    let mut any_foreign = false;
    loop {
        let (end, foreign) = text.plain_characters(at);
        any_foreign |= foreign;
        out.extend_from_slice(text.slice(at, end));
        match text.byte(end) {
            b'"' => {
                at = end;
                break;
            }
            b'\\' => {
                let (character, after) = read_escape(text, end + 1)?;
                has_lone_surrogate |= character.is_none();
                let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                at = after;
            }
            _ => return Err(Stop::Syntax),
        }
    }
    if any_foreign {
        check_utf8(text.slice(start, at))?;
    }
    Ok(Found { bytes: out, after: at + 1, has_lone_surrogate })
}

/// The character that an escape stands for, None for a lone surrogate, and where it ends.
fn read_escape(text: Text, at: usize) -> Result<(Option<char>, usize), Stop> {
    let character = match text.byte(at) {
        same @ (b'"' | b'\\' | b'/') => char::from(same),
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return read_code_unit(text, at + 1),
        _ => return Err(Stop::Syntax),
    };
    Ok((Some(character), at + 1))
}

fn read_code_unit(text: Text, at: usize) -> Result<(Option<char>, usize), Stop> {
    let unit = hex_digits(text, at)?;
    let after = at + 4;
    if (0xd800..0xdc00).contains(&unit) && text.byte(after) == b'\\' && text.byte(after + 1) == b'u' {
        let low = hex_digits(text, after + 2)?;
        if (0xdc00..0xe000).contains(&low) {
            return Ok((char::from_u32(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00)), after + 6));
        }
    }
    Ok((char::from_u32(unit), after))
}

fn hex_digits(text: Text, at: usize) -> Result<u32, Stop> {
    (at..at + 4).try_fold(0, |value, place| {
        let digit = char::from(text.byte(place)).to_digit(16).ok_or(Stop::Syntax)?;
        Ok(value * 16 + digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Scratch;

    /// What the string says, whether it has a lone surrogate, and what comes after it.
    fn found(raw: &[u8]) -> Result<(Vec<u8>, bool, Vec<u8>), Stop> {
        let (mut scratch, mut unescaped) = (Scratch::default(), Vec::new());
        let text = scratch.load(raw);
        let skipped = skip(text, 0);
        let found = read(text, 0, &mut unescaped);
        assert_eq!(skipped.ok(), found.ok().map(|found| found.after));
        let found = found?;
        Ok((found.bytes.to_vec(), found.has_lone_surrogate, text.bytes()[found.after..].to_vec()))
    }

    fn content(raw: &str) -> String {
        let (bytes, lone, rest) = found(raw.as_bytes()).unwrap();
        assert!(!lone && rest.is_empty());
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn plain_and_escaped() {
        assert_eq!(content("\""), "");
        assert_eq!(content("abc\""), "abc");
        assert_eq!(content(&format!("{}\"", "x".repeat(99))), "x".repeat(99));
        assert_eq!(content("\u{fc}\u{1f600}\u{7f}\""), "\u{fc}\u{1f600}\u{7f}");
        assert_eq!(content(r#"\"\\\/\b\f\n\r\t""#), "\"\\/\u{8}\u{c}\n\r\t");
        assert_eq!(content(r#"a\u0061\u00FC\u20ac\u0000z""#), "aa\u{fc}\u{20ac}\0z");
        assert_eq!(content(r#"\ud83d\ude00""#), "\u{1f600}");
        assert_eq!(content("\\u0061\u{fc}\""), "a\u{fc}");
        assert_eq!(found(b"a\" b\"").unwrap(), (b"a".to_vec(), false, b" b\"".to_vec()));
    }

    #[test]
    fn lone_surrogates_are_told() {
        for (raw, text) in [
            (r#"\ud800""#, "\u{fffd}"),
            (r#"x\udc00y""#, "x\u{fffd}y"),
            (r#"\ud800\ud800""#, "\u{fffd}\u{fffd}"),
            (r#"\udc00\ud800""#, "\u{fffd}\u{fffd}"),
            (r#"\ud800\ud83d\ude00""#, "\u{fffd}\u{1f600}"),
            (r#"\ud800\n""#, "\u{fffd}\n"),
            (r#"\ud800x""#, "\u{fffd}x"),
        ] {
            assert_eq!(found(raw.as_bytes()).unwrap(), (text.as_bytes().to_vec(), true, vec![]), "{raw}");
        }
    }

    #[test]
    #[rustfmt::skip]
    fn what_is_no_string() {
        for raw in ["", "a", "a\n\"", "\u{1f}\"", "\0\"", "\\x\"", "\\\"", "\\", "\\u12\"", "\\u12G4\"", "\\u+123\"", "\\ud800\\u12\"", "\\ud800\\u"] {
            assert_eq!(found(raw.as_bytes()), Err(Stop::Syntax), "{raw:?}");
        }
        for raw in [&b"\xff\""[..], b"ab\xc3\"", b"\xed\xa0\x80\"", b"\xc0\x80\"", b"\\n\xf5\x80\x80\x80\"", b"aaaaaaaaaaaaaaaaaaaa\x80\""] {
            assert_eq!(found(raw), Err(Stop::NotUtf8), "{raw:?}");
        }
    }
}
