//! Values that no field wants: only their syntax, their depth and their UTF-8 are looked at.

use crate::fault::Stop;
use crate::text::Text;
use crate::{number, string};

/// Where the value that begins there ends; it may open so many more levels.
#[inline]
pub fn value(text: Text, at: usize, levels: usize) -> Result<usize, Stop> {
    match text.byte(at) {
        b'"' => string::skip(text, at + 1),
        b'-' | b'0'..=b'9' => number::skip(text, at),
        b't' => word(text, at, b"true"),
        b'f' => word(text, at, b"false"),
        b'n' => word(text, at, b"null"),
        b'{' => object(text, at + 1, levels),
        b'[' => array(text, at + 1, levels),
        _ => Err(Stop::Syntax),
    }
}

/// Where the word that begins there ends.
#[inline(always)]
pub fn word(text: Text, at: usize, word: &[u8]) -> Result<usize, Stop> {
    let end = at + word.len();
    if text.slice(at, end) == word { Ok(end) } else { Err(Stop::Syntax) }
}

#[inline(never)]
fn object(text: Text, at: usize, levels: usize) -> Result<usize, Stop> {
    let inner = levels.checked_sub(1).ok_or(Stop::Undecided)?;
    let mut at = text.skip_blanks(at);
    if text.byte(at) == b'}' {
        return Ok(at + 1);
    }
    loop {
        if text.byte(at) != b'"' {
            return Err(Stop::Syntax);
        }
        at = text.skip_blanks(string::skip(text, at + 1)?);
        if text.byte(at) != b':' {
            return Err(Stop::Syntax);
        }
        at = text.skip_blanks(value(text, text.skip_blanks(at + 1), inner)?);
        match text.byte(at) {
            b',' => at = text.skip_blanks(at + 1),
            b'}' => return Ok(at + 1),
            _ => return Err(Stop::Syntax),
        }
    }
}

#[inline(never)]
fn array(text: Text, at: usize, levels: usize) -> Result<usize, Stop> {
    let inner = levels.checked_sub(1).ok_or(Stop::Undecided)?;
    let mut at = text.skip_blanks(at);
    if text.byte(at) == b']' {
        return Ok(at + 1);
    }
    loop {
        at = text.skip_blanks(value(text, at, inner)?);
        match text.byte(at) {
            b',' => at = text.skip_blanks(at + 1),
            b']' => return Ok(at + 1),
            _ => return Err(Stop::Syntax),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Scratch;

    fn end(raw: &str, levels: usize) -> Result<usize, Stop> {
        value(Scratch::default().load(raw.as_bytes()), 0, levels)
    }

    #[test]
    #[rustfmt::skip]
    fn values_end_where_they_end() {
        for raw in ["1", "-0.5e3", "\"a\\\"b\"", "true", "false", "null", "{}", "[]", "[1,\"a\",null,{\"b\":[]}]", "{ \"a\" : [ 1 , 2 ] , \"\" : {\"x\":{}} }"] {
            assert_eq!(end(raw, 3), Ok(raw.len()), "{raw}");
            assert_eq!(end(&format!("{raw} ,"), 3), Ok(raw.len()), "{raw}");
        }
    }

    #[test]
    #[rustfmt::skip]
    fn what_is_no_value() {
        for raw in ["", "nul", "truE", "[1,]", "[,1]", "[", "{", "{\"a\":1,}", "{\"a\"}", "{1:1}", "[1 2]", "[}", "]", "{\"a\":}", "{\"a\" 1}", "NaN", "Infinity", "-Infinity", "'a'"] {
            assert_eq!(end(raw, 3), Err(Stop::Syntax), "{raw}");
        }
    }

    #[test]
    fn levels_are_counted() {
        assert_eq!(end("[[[]]]", 3), Ok(6));
        assert_eq!(end("[[[]]]", 2), Err(Stop::Undecided));
        assert_eq!(end("{\"a\":[{}]}", 2), Err(Stop::Undecided));
        assert_eq!(end("{}", 0), Err(Stop::Undecided));
        assert_eq!(end(&"[".repeat(100_000), 256), Err(Stop::Undecided));
    }
}
