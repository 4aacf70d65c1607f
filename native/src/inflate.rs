//! Compressed payloads: gzip (also several members), zlib and zstd, by the rules of `iotstream.unpack.inflate`.
//!
//! gzip and zlib are read by zlib-rs: of the inflaters that are fast enough it is the one that has zlib's own
//! rules of what is well-formed, which the reference goes by. Its CRC-32 takes a fifth of the time: crc32fast's
//! takes next to none.

use std::cell::RefCell;

use flate2::{Decompress, FlushDecompress, Status};
use zstd::zstd_safe::{DCtx, InBuffer, OutBuffer, ResetDirective, get_frame_content_size};

const GZIP_MAGIC: &[u8] = b"\x1f\x8b";
const ZSTD_MAGIC: &[u8] = b"\x28\xb5\x2f\xfd";
const ZLIB_METHOD: u8 = 8;
const ZLIB_DICTIONARY: u8 = 0x20;

/// Telemetry packs to a sixth, or thereabouts.
const FIRST_RATIO: usize = 8;
const LEAST_ROOM: usize = 1 << 12;

pub enum Text<'a> {
    /// Not compressed: the payload itself.
    Plain(&'a [u8]),
    Inflated(&'a [u8]),
    /// Faulty or unusual: the reference decides.
    Unsure,
}

/// The payload's text. `scratch` holds what was inflated, and is kept for the next payload.
pub fn text<'a>(payload: &'a [u8], max_inflated: usize, scratch: &'a mut Vec<u8>) -> Text<'a> {
    scratch.clear();
    let mut room = Room { text: scratch, most: max_inflated, first: payload.len() * FIRST_RATIO };
    let inflated = if payload.starts_with(GZIP_MAGIC) || is_zlib(payload) {
        members(payload, &mut room)
    } else if payload.starts_with(ZSTD_MAGIC) {
        frames(payload, &mut room)
    } else {
        return Text::Plain(payload);
    };
    if inflated.is_some() && scratch.len() <= max_inflated {
        Text::Inflated(scratch)
    } else if payload.is_ascii() {
        Text::Plain(payload) // it only looked like zlib
    } else {
        Text::Unsure
    }
}

/// By the header of RFC 1950: method, window, no preset dictionary, check bits.
fn is_zlib(payload: &[u8]) -> bool {
    let Some(&[first, second]) = payload.first_chunk() else { return false };
    first & 0x8f == ZLIB_METHOD
        && u16::from_be_bytes([first, second]) % 31 == 0
        && second & ZLIB_DICTIONARY == 0
}

/// Where inflated bytes go.
struct Room<'a> {
    text: &'a mut Vec<u8>,
    most: usize,
    first: usize,
}

impl Room<'_> {
    /// See that there is room; `None`: there are too many bytes already.
    fn make(&mut self) -> Option<()> {
        if self.text.len() > self.most {
            return None;
        }
        if self.is_full() {
            let more = self.text.len().max(self.first).max(LEAST_ROOM);
            self.text.reserve(more.min(self.most - self.text.len() + 1));
        }
        Some(())
    }

    /// How many bytes more there may be.
    fn left(&self) -> usize {
        self.most.saturating_sub(self.text.len())
    }

    fn is_full(&self) -> bool {
        self.text.len() == self.text.capacity()
    }
}

thread_local! {
    static INFLATER: RefCell<Decompress> = RefCell::new(Decompress::new(false));
    static ZSTD: RefCell<DCtx<'static>> = RefCell::new(DCtx::create());
}

/// What is gzip or zlib, followed by gzip members and zero bytes, with which gzip pads (RFC 1952, 2.2).
fn members(payload: &[u8], room: &mut Room<'_>) -> Option<()> {
    INFLATER.with_borrow_mut(|inflater| {
        let mut rest = payload;
        if !rest.starts_with(GZIP_MAGIC) {
            inflater.reset(true);
            rest = inflate(inflater, rest, room)?;
        }
        loop {
            let padding = rest.iter().take_while(|&&byte| byte == 0).count();
            rest = &rest[padding..];
            if rest.is_empty() {
                return Some(());
            }
            inflater.reset(false);
            rest = member(inflater, rest, room)?;
        }
    })
}

/// Inflate a gzip member (RFC 1952); what follows it.
fn member<'a>(inflater: &mut Decompress, payload: &'a [u8], room: &mut Room<'_>) -> Option<&'a [u8]> {
    let start = room.text.len();
    let rest = inflate(inflater, after_gzip_header(payload)?, room)?;
    let (trailer, rest) = rest.split_first_chunk::<8>()?;
    let text = &room.text[start..];
    let length = text.len() as u32; // RFC 1952: modulo 2^32
    let expected = u64::from(length) << 32 | u64::from(crc32fast::hash(text));
    (u64::from_le_bytes(*trailer) == expected).then_some(rest)
}

/// What follows a gzip header; `None` also if the header has a checksum of its own, which is rare.
fn after_gzip_header(payload: &[u8]) -> Option<&[u8]> {
    const EXTRA: u8 = 4;
    const NAME: u8 = 8;
    const COMMENT: u8 = 16;
    const OTHERS: u8 = !(1 | EXTRA | NAME | COMMENT); // 1: "probably text"
    let (header, mut rest) = payload.split_first_chunk::<10>()?;
    let flags = header[3];
    if !header.starts_with(b"\x1f\x8b\x08") || flags & OTHERS != 0 {
        return None;
    }
    if flags & EXTRA != 0 {
        let (length, after) = rest.split_first_chunk()?;
        rest = after.get(usize::from(u16::from_le_bytes(*length))..)?;
    }
    for flag in [NAME, COMMENT] {
        if flags & flag != 0 {
            let end = rest.iter().position(|&byte| byte == 0)?;
            rest = &rest[end + 1..];
        }
    }
    Some(rest)
}

/// Inflate a stream to its end; what follows it.
fn inflate<'a>(inflater: &mut Decompress, payload: &'a [u8], room: &mut Room<'_>) -> Option<&'a [u8]> {
    let mut rest = payload;
    loop {
        room.make()?;
        let before = inflater.total_in();
        let status = inflater.decompress_vec(rest, room.text, FlushDecompress::Finish).ok()?;
        rest = &rest[(inflater.total_in() - before) as usize..];
        match status {
            Status::StreamEnd => return Some(rest),
            _ if room.is_full() => {}
            _ => return None, // truncated
        }
    }
}

/// zstd frames, one after the other (RFC 8878).
fn frames(payload: &[u8], room: &mut Room<'_>) -> Option<()> {
    ZSTD.with_borrow_mut(|context| {
        context.reset(ResetDirective::SessionOnly).ok()?;
        let mut input = InBuffer::around(payload);
        while input.pos() < payload.len() {
            let length = declared_length(&payload[input.pos()..], room.left())?;
            room.text.reserve(length);
            while !frame(context, &mut input, room)? {}
        }
        Some(())
    })
}

/// Go on with a frame; whether its end is reached. `None`: it is faulty or truncated.
fn frame(context: &mut DCtx<'static>, input: &mut InBuffer<'_>, room: &mut Room<'_>) -> Option<bool> {
    room.make()?;
    let length = room.text.len();
    let left = context.decompress_stream(&mut OutBuffer::around_pos(room.text, length), input).ok()?;
    let goes_on = input.pos() < input.src.len() || room.is_full();
    (left == 0 || goes_on).then_some(left == 0)
}

/// How long a frame says that its text is; 0 if it does not.
///
/// `None`: it says too much, or needs a window that depends on how it is read: libzstd reads a frame at once if
/// there is room for all of it, and then does not look at the window, else piece by piece. The reference's pieces
/// are others.
fn declared_length(frame: &[u8], most: usize) -> Option<usize> {
    const SINGLE_SEGMENT: u8 = 0x20;
    const MAX_WINDOW: u64 = 1 << 27; // that libzstd takes piece by piece
    if !frame.starts_with(ZSTD_MAGIC) {
        return None; // of an older version, or to be skipped
    }
    let Some(length) = get_frame_content_size(frame).ok()? else { return Some(0) };
    let window = match *frame.get(4..6)? {
        [flags, _] if flags & SINGLE_SEGMENT != 0 => length,
        [_, window] => {
            let base = 1 << (10 + (window >> 3));
            base + base / 8 * u64::from(window & 7)
        }
        _ => return None,
    };
    let length_fits = length <= most as u64 && length <= window;
    (length_fits && window <= MAX_WINDOW).then_some(length as usize)
}

/// For tests: what `text` says, the payload itself where it is plain.
#[pyo3::pyfunction]
pub fn inflate_text(payload: &[u8], max_inflated: usize) -> Option<Vec<u8>> {
    let mut scratch = Vec::new();
    match text(payload, max_inflated, &mut scratch) {
        Text::Plain(text) | Text::Inflated(text) => Some(text.to_vec()),
        Text::Unsure => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inflated(payload: &[u8], most: usize) -> Option<Vec<u8>> {
        let mut scratch = Vec::new();
        match text(payload, most, &mut scratch) {
            Text::Inflated(text) => Some(text.to_vec()),
            Text::Plain(_) | Text::Unsure => None,
        }
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut packed = b"\x1f\x8b\x08\0\0\0\0\0\0\xff".to_vec();
        packed.reserve(text.len() + 100);
        let mut deflater = flate2::Compress::new(flate2::Compression::default(), false);
        deflater.compress_vec(text, &mut packed, flate2::FlushCompress::Finish).unwrap();
        packed.extend(crc32fast::hash(text).to_le_bytes());
        packed.extend((text.len() as u32).to_le_bytes());
        packed
    }

    fn samples() -> [(Vec<u8>, Vec<u8>); 3] {
        let text = b"{\"deviceId\":\"a\",\"temperature\":23.5}\n".repeat(300);
        let zstd = zstd::bulk::compress(&text, 3).unwrap();
        let members = [gzip(&text), vec![0; 3], gzip(b""), gzip(&text)].concat();
        let twice = text.repeat(2);
        [(gzip(&text), text.clone()), (members, twice.clone()), (zstd.repeat(2), twice)]
    }

    #[test]
    fn what_was_packed_comes_out() {
        for (packed, text) in samples() {
            assert_eq!(inflated(&packed, text.len()), Some(text.clone()));
            assert_eq!(inflated(&packed, text.len() - 1), None);
        }
    }

    #[test]
    fn the_scratch_stays() {
        let (packed, _) = &samples()[1];
        let mut scratch = Vec::new();
        assert!(matches!(text(packed, 1 << 20, &mut scratch), Text::Inflated(_)));
        let (place, capacity) = (scratch.as_ptr(), scratch.capacity());
        for (packed, _) in samples() {
            assert!(matches!(text(&packed, 1 << 20, &mut scratch), Text::Inflated(_)));
        }
        assert_eq!((scratch.as_ptr(), scratch.capacity()), (place, capacity));
    }

    #[test]
    fn any_damage_is_survived() {
        for (packed, text) in samples() {
            for at in 0..packed.len() {
                assert_ne!(inflated(&packed[..at], 1 << 20), Some(text.clone()));
                for bit in 0..8 {
                    let mut damaged = packed.clone();
                    damaged[at] ^= 1 << bit;
                    let _ = inflated(&damaged, 1 << 20);
                    let _ = inflated(&damaged, 100);
                }
            }
        }
    }
}
