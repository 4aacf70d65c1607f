//! A record's text, followed by zero bytes: so that a loop over it ends at the first of them, and blocks can
//! be read whole at its end.
//!
//! Positions are offsets from the text's beginning. Each access is checked against the padded memory: a
//! mistake in the scanner would be a panic, never a read of foreign memory.

/// Zero bytes after the text: at least the widest block read at once beyond its last byte.
pub const PAD: usize = 64;
const BLOCK: usize = 16;

pub const BOM: &[u8] = b"\xef\xbb\xbf";

/// Memory that holds one text after the other.
#[derive(Default)]
pub struct Scratch {
    padded: Vec<u8>,
}

impl Scratch {
    /// The text of those bytes.
    #[inline]
    pub fn load(&mut self, bytes: &[u8]) -> Text<'_> {
        self.padded.clear();
        self.padded.reserve(bytes.len() + PAD);
        self.padded.extend_from_slice(bytes);
        self.padded.extend_from_slice(&[0; PAD]);
        Text { padded: &self.padded }
    }
}

#[derive(Clone, Copy)]
pub struct Text<'a> {
    padded: &'a [u8],
}

impl<'a> Text<'a> {
    /// How many bytes it has: the position of the first zero byte after it.
    #[inline]
    pub fn end(self) -> usize {
        self.padded.len() - PAD
    }

    /// The bytes without the padding.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        &self.padded[..self.end()]
    }

    /// The byte there; zero at the text's end.
    #[inline(always)]
    pub fn byte(self, at: usize) -> u8 {
        self.padded[at]
    }

    #[inline(always)]
    pub fn slice(self, start: usize, end: usize) -> &'a [u8] {
        &self.padded[start..end]
    }

    /// Eight bytes, the first one lowest.
    #[inline(always)]
    pub fn eight(self, at: usize) -> u64 {
        u64::from_le_bytes(*self.block(at))
    }

    /// Whether the bytes from there are like the pattern.
    #[inline(always)]
    pub fn is_like(self, at: usize, pattern: &Pattern) -> bool {
        matches(self.block(at), pattern)
    }

    /// So many bytes, at most as many as the padding has.
    #[inline(always)]
    pub fn block<const N: usize>(self, at: usize) -> &'a [u8; N] {
        self.padded[at..].first_chunk().expect("padded")
    }

    /// The first position from there that is no blank of JSON.
    #[inline(always)]
    pub fn skip_blanks(self, at: usize) -> usize {
        if self.byte(at) > b' ' { at } else { self.skip_some_blanks(at) }
    }

    #[inline(never)]
    fn skip_some_blanks(self, mut at: usize) -> usize {
        while is_blank(self.byte(at)) {
            at += 1;
        }
        at
    }

    /// Where a string's plain characters end (at a quote, a backslash or a control character, which the zero
    /// after the text is), and whether a byte before that is not ASCII.
    #[inline(always)]
    pub fn plain_characters(self, mut at: usize) -> (usize, bool) {
        let mut foreign = 0;
        loop {
            let (marks, high) = look(self.block(at));
            if marks != 0 {
                let first = marks.trailing_zeros();
                foreign |= high & ((1 << first) - 1);
                return (at + first as usize, foreign != 0);
            }
            foreign |= high;
            at += BLOCK;
        }
    }
}

#[inline]
pub fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// The bytes without JSON's blanks around them.
pub fn strip_blanks(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes
        && is_blank(*first)
    {
        bytes = rest;
    }
    while let [rest @ .., last] = bytes
        && is_blank(*last)
    {
        bytes = rest;
    }
    bytes
}

/// Whether no byte but JSON's blanks is there.
pub fn is_all_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| is_blank(byte))
}

/// Sixteen bytes, some of which don't matter.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(align(16))]
pub struct Pattern {
    bytes: [u8; BLOCK],
    /// All ones where a byte matters, else zero; and so is the byte.
    mask: [u8; BLOCK],
}

impl Pattern {
    /// What nothing is like.
    pub const NOTHING: Self = Self { bytes: [1; BLOCK], mask: [0; BLOCK] };

    /// Of 16 bytes at most.
    pub fn new(bytes: &[u8]) -> Self {
        let mut pattern = Self { bytes: [0; BLOCK], mask: [0; BLOCK] };
        pattern.bytes[..bytes.len()].copy_from_slice(bytes);
        pattern.mask[..bytes.len()].fill(0xff);
        pattern
    }
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn matches(block: &[u8; BLOCK], pattern: &Pattern) -> bool {
    use std::arch::x86_64::{_mm_and_si128, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8};
    // SAFETY: SSE2 belongs to x86-64, and all three have the sixteen bytes that are loaded.
    unsafe {
        let bytes = _mm_loadu_si128(block.as_ptr().cast());
        let mask = _mm_loadu_si128(pattern.mask.as_ptr().cast());
        let wanted = _mm_loadu_si128(pattern.bytes.as_ptr().cast());
        _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_and_si128(bytes, mask), wanted)) == 0xffff
    }
}

#[cfg(not(target_arch = "x86_64"))]
use matches_portably as matches;

#[cfg(any(test, not(target_arch = "x86_64")))]
#[inline(always)]
fn matches_portably(block: &[u8; BLOCK], pattern: &Pattern) -> bool {
    let [block, mask, wanted] =
        [block, &pattern.mask, &pattern.bytes].map(|bytes| u128::from_ne_bytes(*bytes));
    block & mask == wanted
}

/// A bit for each byte that ends a string's plain characters, of which only the lowest is sure; and one for
/// each that is not ASCII.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn look(block: &[u8; BLOCK]) -> (u32, u32) {
    use std::arch::x86_64::{
        _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8,
    };
    // SAFETY: SSE2 belongs to x86-64, and the block has the sixteen bytes that are loaded.
    unsafe {
        let bytes = _mm_loadu_si128(block.as_ptr().cast());
        let quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'"'.cast_signed()));
        let backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'\\'.cast_signed()));
        let control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
        let marks = _mm_or_si128(_mm_or_si128(quote, backslash), control);
        (_mm_movemask_epi8(marks).cast_unsigned(), _mm_movemask_epi8(bytes).cast_unsigned())
    }
}

#[cfg(not(target_arch = "x86_64"))]
use look_portably as look;

#[cfg(any(test, not(target_arch = "x86_64")))]
#[inline(always)]
fn look_portably(block: &[u8; BLOCK]) -> (u32, u32) {
    let (low, high) = block.split_at(BLOCK / 2);
    let (low, high) = (low.first_chunk().expect("half a block"), high.first_chunk().expect("half a block"));
    let ((low_marks, low_high), (high_marks, high_high)) = (look_at_eight(low), look_at_eight(high));
    (low_marks | high_marks << 8, low_high | high_high << 8)
}

/// The same of eight bytes, in the arithmetic of a word: a borrow can only spoil bits above a mark.
#[cfg(any(test, not(target_arch = "x86_64")))]
#[inline(always)]
fn look_at_eight(block: &[u8; 8]) -> (u32, u32) {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit)) & !word & HIGH;
    let bits = |mask: u64| ((mask >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u32;
    let word = u64::from_le_bytes(*block);
    let quote = below(word ^ (ONES * u64::from(b'"')), 1);
    let backslash = below(word ^ (ONES * u64::from(b'\\')), 1);
    (bits(quote | backslash | below(word, b' ')), bits(word & HIGH))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_followed_by_zeros() {
        let mut scratch = Scratch::default();
        scratch.load(&[b'x'; 300]);
        let text = scratch.load(b"ab");
        assert_eq!((text.end(), text.bytes()), (2, &b"ab"[..]));
        assert!((2..2 + PAD).all(|at| text.byte(at) == 0));
        assert_eq!((text.eight(1), text.block(1)), (u64::from(b'b'), b"b\0\0\0"));
    }

    #[test]
    fn plain_characters_end_at_each_mark_wherever_it_stands() {
        for mark in (0..b' ').chain(*b"\"\\") {
            for place in 0..40 {
                let mut bytes = [b'a'; 40];
                bytes[place] = mark;
                let mut scratch = Scratch::default();
                assert_eq!(scratch.load(&bytes).plain_characters(0), (place, false), "{mark}");
            }
        }
        let mut scratch = Scratch::default();
        assert_eq!(scratch.load("a\u{fc}b\"".as_bytes()).plain_characters(0), (4, true));
        assert_eq!(scratch.load("ab\"\u{fc}".as_bytes()).plain_characters(0), (2, false));
        assert_eq!(scratch.load(b"abc").plain_characters(0), (3, false));
    }

    #[test]
    fn both_ways_to_look_at_a_block_see_the_same() {
        let mut state = 1_u64;
        for round in 0..if cfg!(miri) { 200 } else { 20_000 } {
            let mut block = [0; BLOCK];
            for byte in &mut block {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let random = (state >> 56) as u8;
                *byte = if round % 2 == 0 {
                    random
                } else {
                    [b'a', b'"', b'!', b'\\', 0x1f, 0x80, 0x5d, b' '][random as usize % 8]
                };
            }
            let ((marks, high), (portable_marks, portable_high)) = (look(&block), look_portably(&block));
            assert_eq!(marks.trailing_zeros(), portable_marks.trailing_zeros(), "{block:?}");
            assert_eq!(high, portable_high, "{block:?}");
        }
    }

    #[test]
    fn a_pattern_is_matched() {
        for length in 0..=BLOCK {
            let pattern = Pattern::new(&b"\"abcdefghijklm\":"[..length]);
            for place in 0..BLOCK {
                let mut block = *b"\"abcdefghijklm\":";
                block[place] = b'?';
                assert_eq!(matches(&block, &pattern), place >= length);
                assert_eq!(matches_portably(&block, &pattern), place >= length);
            }
        }
        for byte in [0, 1, 0xff] {
            assert!(!matches(&[byte; BLOCK], &Pattern::NOTHING));
            assert!(!matches_portably(&[byte; BLOCK], &Pattern::NOTHING));
        }
    }

    #[test]
    fn blanks_are_those_of_json() {
        assert_eq!(strip_blanks(b" \t\r\na b\x0b\n"), b"a b\x0b");
        assert!(is_all_blank(b" \t\r\n") && is_all_blank(b"") && !is_all_blank(b"\x0c"));
    }
}
