//! Compressed payloads: gzip (also several members), zlib and zstd, by the rules of `iotstream.unpack.inflate`.
//!
//! gzip and zlib are read by zlib-rs: of the inflaters that are fast enough it is the one that has zlib's own
//! rules of what is well-formed, which the reference goes by. Its CRC-32 takes a fifth of the time: crc32fast's
//! takes next to none.

use std::cell::RefCell;

use flate2::{Decompress, FlushDecompress, Status};
use zstd::zstd_safe::{DCtx, InBuffer, OutBuffer, ResetDirective};

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
    let inflated = &room.text[start..];
    let length = inflated.len() as u32; // RFC 1952: modulo 2^32
    let expected = u64::from(length) << 32 | u64::from(crc32fast::hash(inflated));
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

/// zstd frames, one after the other.
fn frames(payload: &[u8], room: &mut Room<'_>) -> Option<()> {
    ZSTD.with_borrow_mut(|context| {
        context.reset(ResetDirective::SessionOnly).ok()?;
        let mut input = InBuffer::around(payload);
        loop {
            room.make()?;
            let length = room.text.len();
            let mut output = OutBuffer::around_pos(room.text, length);
            let left = context.decompress_stream(&mut output, &mut input).ok()?;
            let is_read = input.pos() == payload.len();
            match left {
                0 if is_read => return Some(()),
                0 => {}
                _ if is_read && !room.is_full() => return None, // truncated
                _ => {}
            }
        }
    })
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
