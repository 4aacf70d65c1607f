//! A strict scanner of JSON for the envelopes of records: it knows where values begin and end.
//!
//! `None` means "not plainly JSON of a known kind", which is more than a fault: escapes in strings that are
//! used, half a surrogate pair, long numbers and deep nesting are left to Python's parsers too.

use std::ops::Range;

/// Levels of nesting in values that are passed over. Envelopes have none.
const MAX_DEPTH: usize = 16;
/// Characters of a number that is passed over. Every parser reads such a number, and in the same way.
const MAX_NUMBER: usize = 15;

const ONES: u64 = u64::MAX / 0xff;
const HIGH_BITS: u64 = ONES * 0x80;

/// A place in a text.
pub struct Scanner<'a> {
    pub text: &'a [u8],
    pub at: usize,
}

impl<'a> Scanner<'a> {
    pub fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }

    pub fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    pub fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Pass over this byte, if it is the next.
    pub fn takes(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Pass over this byte, which must be the next.
    pub fn take(&mut self, byte: u8) -> Option<()> {
        self.takes(byte).then_some(())
    }

    /// Pass over this word, which must be the next.
    pub fn word(&mut self, word: &[u8]) -> Option<()> {
        self.text[self.at..].starts_with(word).then(|| self.at += word.len())
    }

    /// Nothing but blanks may be left.
    pub fn end(&mut self) -> Option<()> {
        self.blanks();
        (self.at == self.text.len()).then_some(())
    }

    /// An object; `member` reads the value of each key. Keys with escapes are not plain.
    pub fn object(&mut self, mut member: impl FnMut(&mut Self, &'a [u8]) -> Option<()>) -> Option<()> {
        self.take(b'{')?;
        self.blanks();
        if self.takes(b'}') {
            return Some(());
        }
        loop {
            let key = self.plain_string()?;
            let key = &self.text[key];
            self.blanks();
            self.take(b':')?;
            self.blanks();
            member(self, key)?;
            if self.is_last(b'}')? {
                return Some(());
            }
        }
    }

    /// An array; `element` reads each element.
    pub fn array(&mut self, mut element: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.take(b'[')?;
        self.blanks();
        if self.takes(b']') {
            return Some(());
        }
        loop {
            element(self)?;
            if self.is_last(b']')? {
                return Some(());
            }
        }
    }

    /// Whether what follows closes the object or array, rather than being a comma.
    fn is_last(&mut self, closing: u8) -> Option<bool> {
        self.blanks();
        if self.takes(closing) {
            return Some(true);
        }
        self.take(b',')?;
        self.blanks();
        Some(false)
    }

    /// The contents of a string without escapes.
    pub fn plain_string(&mut self) -> Option<Range<usize>> {
        let contents = self.string()?;
        (!self.text[contents.clone()].contains(&b'\\')).then_some(contents)
    }

    /// The contents of a string, escapes and all.
    pub fn string(&mut self) -> Option<Range<usize>> {
        self.take(b'"')?;
        let start = self.at;
        self.at = string_end(self.text, start)?;
        let contents = start..self.at;
        self.take(b'"')?;
        Some(contents)
    }

    /// Pass over a value of any kind.
    pub fn skip(&mut self) -> Option<()> {
        self.skip_within(0)
    }

    fn skip_within(&mut self, depth: usize) -> Option<()> {
        match self.peek()? {
            b'"' => self.string().map(|_| ()),
            b'{' if depth < MAX_DEPTH => self.object(|inner, _| inner.skip_within(depth + 1)),
            b'[' if depth < MAX_DEPTH => self.array(|inner| inner.skip_within(depth + 1)),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => self.skip_number(),
        }
    }

    fn skip_number(&mut self) -> Option<()> {
        let start = self.at;
        self.takes(b'-');
        self.at = integer_end(self.text, self.at)?;
        if self.takes(b'.') {
            self.at = digits_end(self.text, self.at)?;
        }
        (self.at - start <= MAX_NUMBER).then_some(())
    }
}

/// Where a string ends whose contents begin here: at its closing quote.
pub fn string_end(text: &[u8], start: usize) -> Option<usize> {
    let mut at = plain_end(text, start);
    if text.get(at)? == &b'"' {
        return Some(at);
    }
    let mut is_ascii = true;
    loop {
        match text.get(at)? {
            b'"' => break,
            b'\\' => at += escape_length(&text[at..])?,
            0..=0x1f => return None,
            0x80.. => {
                is_ascii = false;
                at += 1;
            }
            _ => at = plain_end(text, at),
        }
    }
    (is_ascii || simdutf8::basic::from_utf8(&text[start..at]).is_ok()).then_some(at)
}

/// The first byte from here on that is not a plain ASCII character of a string; it may be the text's end.
fn plain_end(text: &[u8], mut at: usize) -> usize {
    while let Some(word) = text[at..].first_chunk::<8>() {
        let word = u64::from_le_bytes(*word);
        // In each of these the lowest high bit that is set marks a byte that is meant.
        let quotes = word ^ (ONES * u64::from(b'"'));
        let backslashes = word ^ (ONES * u64::from(b'\\'));
        let found = word
            | quotes.wrapping_sub(ONES)
            | backslashes.wrapping_sub(ONES)
            | word.wrapping_sub(ONES * 0x20);
        let found = found & HIGH_BITS;
        if found != 0 {
            return at + lowest(found);
        }
        at += 8;
    }
    let rest = text[at..].iter();
    at + rest.take_while(|byte| matches!(byte, 0x20..=0x7f) && !matches!(byte, b'"' | b'\\')).count()
}

fn escape_length(text: &[u8]) -> Option<usize> {
    match text.get(1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
        b'u' => match code_unit(text)? {
            0xd800..=0xdbff => matches!(code_unit(&text[6..])?, 0xdc00..=0xdfff).then_some(12),
            0xdc00..=0xdfff => None,
            _ => Some(6),
        },
        _ => None,
    }
}

/// The code unit of an escape like `\u00e4`.
fn code_unit(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(br"\u")?.first_chunk::<4>()?;
    digits.iter().try_fold(0, |unit, &digit| {
        let value = char::from(digit).to_digit(16)?;
        Some(unit << 4 | value as u16)
    })
}

/// Where an integer without a sign ends.
pub fn integer_end(text: &[u8], at: usize) -> Option<usize> {
    if text.get(at) == Some(&b'0') { Some(at + 1) } else { digits_end(text, at) }
}

/// Where digits end, of which there must be one.
pub fn digits_end(text: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    while let Some(word) = text[at..].first_chunk::<8>() {
        let word = u64::from_le_bytes(*word) ^ (ONES * u64::from(b'0'));
        // Of a digit 0 to 9 is left, to which 0x76 can be added below the high bit.
        let found = (word | word.wrapping_add(ONES * 0x76)) & HIGH_BITS;
        if found != 0 {
            at += lowest(found);
            return (at > start).then_some(at);
        }
        at += 8;
    }
    at += text[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    (at > start).then_some(at)
}

/// The index of the first byte whose high bit is set.
fn lowest(high_bits: u64) -> usize {
    high_bits.trailing_zeros() as usize / 8
}

/// The value of digits, of which there are at most 18.
pub fn value(digits: &[u8]) -> i64 {
    digits.iter().fold(0, |value, digit| value * 10 + i64::from(digit - b'0'))
}

/// A reader of envelopes reads none of a text that is cut, and survives bytes put in place of others or between.
#[cfg(test)]
pub fn assert_damage_is_survived(text: &[u8], is_read: impl Fn(&[u8]) -> bool) {
    for at in 0..text.len() {
        assert!(!is_read(&text[..at]));
        for byte in [0, b'"', b'\\', b'}', b']', b',', b'9', 0xff] {
            let mut text = text.to_vec();
            text[at] = byte;
            is_read(&text);
            text.insert(at, byte);
            is_read(&text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string_end_slowly(text: &[u8], start: usize) -> Option<usize> {
        let mut at = start;
        while text.get(at)? != &b'"' {
            if text[at] < 0x20 || text[at] == b'\\' {
                return None;
            }
            at += 1;
        }
        std::str::from_utf8(&text[start..at]).ok().map(|_| at)
    }

    #[test]
    fn strings_end_at_their_quote_wherever_a_byte_stands() {
        for length in 0..20 {
            for place in 0..length {
                for byte in (0..=0xff).filter(|&byte| byte != b'\\') {
                    let mut text = vec![b'a'; length];
                    text[place] = byte;
                    text.push(b'"');
                    assert_eq!(string_end(&text, 0), string_end_slowly(&text, 0), "{byte} at {place}");
                    assert_eq!(string_end(&text[..length], 0), (byte == b'"').then_some(place));
                }
            }
        }
    }

    #[test]
    fn escapes_are_whole() {
        for (text, end) in [
            (&br#"\n\"\\\/\b\f\r\t""#[..], Some(16)),
            (br#"\u00e4""#, Some(6)),
            (br#"\ud83d\ude00 ""#, Some(13)),
            ("ä\\n\"".as_bytes(), Some(4)),
            (br#"\u00g4""#, None),
            (br"\u00e", None),
            (br#"\ud83d""#, None),
            (br#"\ud83d\n""#, None),
            (br#"\ude00""#, None),
            (br#"\x""#, None),
            (br"\", None),
            (b"\xff\\n\"", None),
        ] {
            assert_eq!(string_end(text, 0), end, "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn digits_end_at_any_other_byte() {
        for length in 0..20 {
            for place in 0..length {
                for byte in 0..=0xff_u8 {
                    let mut text = vec![b'7'; length];
                    text[place] = byte;
                    let end = if byte.is_ascii_digit() { length } else { place };
                    assert_eq!(digits_end(&text, 0), (end > 0).then_some(end));
                }
            }
        }
    }

    #[test]
    fn values_are_passed_over_to_their_end() {
        for text in
            ["1", "-1.5", "0", "true", "null", "\"a\"", "[]", "{}", "[1, {\"a\": [\"b\"]}]", " {\"a\":1}"]
        {
            let mut scanner = Scanner::new(text.as_bytes());
            scanner.blanks();
            assert_eq!(scanner.skip().and_then(|()| scanner.end()), Some(()), "{text}");
        }
        for text in ["", "01", "1.", "-", "+1", "1e5", "tru", "[1,]", "{\"a\"}", "{a:1}", "1234567890123456"]
        {
            let mut scanner = Scanner::new(text.as_bytes());
            assert_eq!(scanner.skip().and_then(|()| scanner.end()), None, "{text}");
        }
        let deep = [b"[".repeat(10_000), b"]".repeat(10_000)].concat();
        assert_eq!(Scanner::new(&deep).skip(), None);
    }
}
