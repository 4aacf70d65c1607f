//! MD5 of many messages at once (RFC 1321).
//!
//! Each step of MD5 waits for the one before, so one message leaves most of a core idle: eight messages go
//! through the steps side by side, as vectors, in about the time of one.

use std::array::from_fn;

pub const DIGEST_BYTES: usize = 16;

const LANES: usize = 8;
const BLOCK_BYTES: usize = 64;
/// After the message: a byte 0x80, zeros, the length in bits.
const LENGTH_BYTES: usize = 8;

/// A word of each lane.
type Words = [u32; LANES];
/// A, B, C, D.
type State = [Words; 4];

const START: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];

/// The integer part of 2^32 |sin(i + 1)|, by step.
#[rustfmt::skip]
const SINES: [u32; 64] = [
    0xd76a_a478, 0xe8c7_b756, 0x2420_70db, 0xc1bd_ceee, 0xf57c_0faf, 0x4787_c62a, 0xa830_4613, 0xfd46_9501,
    0x6980_98d8, 0x8b44_f7af, 0xffff_5bb1, 0x895c_d7be, 0x6b90_1122, 0xfd98_7193, 0xa679_438e, 0x49b4_0821,
    0xf61e_2562, 0xc040_b340, 0x265e_5a51, 0xe9b6_c7aa, 0xd62f_105d, 0x0244_1453, 0xd8a1_e681, 0xe7d3_fbc8,
    0x21e1_cde6, 0xc337_07d6, 0xf4d5_0d87, 0x455a_14ed, 0xa9e3_e905, 0xfcef_a3f8, 0x676f_02d9, 0x8d2a_4c8a,
    0xfffa_3942, 0x8771_f681, 0x6d9d_6122, 0xfde5_380c, 0xa4be_ea44, 0x4bde_cfa9, 0xf6bb_4b60, 0xbebf_bc70,
    0x289b_7ec6, 0xeaa1_27fa, 0xd4ef_3085, 0x0488_1d05, 0xd9d4_d039, 0xe6db_99e5, 0x1fa2_7cf8, 0xc4ac_5665,
    0xf429_2244, 0x432a_ff97, 0xab94_23a7, 0xfc93_a039, 0x655b_59c3, 0x8f0c_cc92, 0xffef_f47d, 0x8584_5dd1,
    0x6fa8_7e4f, 0xfe2c_e6e0, 0xa301_4314, 0x4e08_11a1, 0xf753_7e82, 0xbd3a_f235, 0x2ad7_d2bb, 0xeb86_d391,
];

/// The digest of each message.
pub fn digests(messages: &[&[u8]]) -> Vec<[u8; DIGEST_BYTES]> {
    let mut digests = vec![[0; DIGEST_BYTES]; messages.len()];
    let mut waiting = messages.iter().enumerate();
    let mut lanes: [Option<Lane<'_>>; LANES] = from_fn(|_| waiting.next().map(Lane::new));
    let mut state: State = START.map(|word| [word; LANES]);
    while lanes.iter().any(Option::is_some) {
        let blocks = from_fn(|lane| lanes[lane].as_mut().map_or([0; BLOCK_BYTES], Lane::next_block));
        compress(&mut state, &blocks);
        for (number, lane) in lanes.iter_mut().enumerate() {
            let Some(done) = lane.take_if(|lane| lane.is_done()) else { continue };
            for (bytes, words) in digests[done.index].as_chunks_mut().0.iter_mut().zip(&state) {
                *bytes = words[number].to_le_bytes();
            }
            for (words, start) in state.iter_mut().zip(START) {
                words[number] = start;
            }
            *lane = waiting.next().map(Lane::new);
        }
    }
    digests
}

/// A message on its way.
struct Lane<'a> {
    index: usize,
    message: &'a [u8],
    block: usize,
}

impl<'a> Lane<'a> {
    fn new((index, message): (usize, &&'a [u8])) -> Self {
        Self { index, message, block: 0 }
    }

    fn is_done(&self) -> bool {
        self.block == (self.message.len() + LENGTH_BYTES) / BLOCK_BYTES + 1
    }

    /// The next 64 bytes: of the message, then of what follows it.
    fn next_block(&mut self) -> [u8; BLOCK_BYTES] {
        let (blocks, rest) = self.message.as_chunks();
        let at = self.block;
        self.block += 1;
        if let Some(block) = blocks.get(at) {
            return *block;
        }
        let mut block = [0; BLOCK_BYTES];
        if at == blocks.len() {
            block[..rest.len()].copy_from_slice(rest);
            block[rest.len()] = 0x80;
        }
        if self.is_done() {
            let bits = (self.message.len() as u64).wrapping_mul(8);
            block[BLOCK_BYTES - LENGTH_BYTES..].copy_from_slice(&bits.to_le_bytes());
        }
        block
    }
}

/// Take a block of each lane into the state.
fn compress(state: &mut State, blocks: &[[u8; BLOCK_BYTES]; LANES]) {
    let words: [Words; 16] =
        from_fn(|word| from_fn(|lane| u32::from_le_bytes(blocks[lane].as_chunks().0[word])));
    let mut next = *state;
    for step in (0..16).step_by(4) {
        let mix = |b: u32, c: u32, d: u32| d ^ (b & (c ^ d));
        four_steps::<7, 12, 17, 22>(&mut next, mix, step, &words, |step| step);
    }
    for step in (16..32).step_by(4) {
        let mix = |b: u32, c: u32, d: u32| c ^ (d & (b ^ c));
        four_steps::<5, 9, 14, 20>(&mut next, mix, step, &words, |step| (5 * step + 1) % 16);
    }
    for step in (32..48).step_by(4) {
        let mix = |b: u32, c: u32, d: u32| b ^ c ^ d;
        four_steps::<4, 11, 16, 23>(&mut next, mix, step, &words, |step| (3 * step + 5) % 16);
    }
    for step in (48..64).step_by(4) {
        let mix = |b: u32, c: u32, d: u32| c ^ (b | !d);
        four_steps::<6, 10, 15, 21>(&mut next, mix, step, &words, |step| 7 * step % 16);
    }
    for (words, added) in state.iter_mut().zip(next) {
        for (word, added) in words.iter_mut().zip(added) {
            *word = word.wrapping_add(added);
        }
    }
}

/// Four steps, after which each word of the state is at its place again.
#[inline(always)]
fn four_steps<const R0: u32, const R1: u32, const R2: u32, const R3: u32>(
    [a, b, c, d]: &mut State,
    mix: impl Fn(u32, u32, u32) -> u32,
    at: usize,
    words: &[Words; 16],
    word: impl Fn(usize) -> usize,
) {
    step::<R0>(a, b, c, d, &mix, &words[word(at)], SINES[at]);
    step::<R1>(d, a, b, c, &mix, &words[word(at + 1)], SINES[at + 1]);
    step::<R2>(c, d, a, b, &mix, &words[word(at + 2)], SINES[at + 2]);
    step::<R3>(b, c, d, a, &mix, &words[word(at + 3)], SINES[at + 3]);
}

#[inline(always)]
fn step<const ROTATED: u32>(
    a: &mut Words,
    b: &Words,
    c: &Words,
    d: &Words,
    mix: impl Fn(u32, u32, u32) -> u32,
    word: &Words,
    sine: u32,
) {
    for lane in 0..LANES {
        let sum = a[lane].wrapping_add(mix(b[lane], c[lane], d[lane])).wrapping_add(word[lane]);
        a[lane] = b[lane].wrapping_add(sum.wrapping_add(sine).rotate_left(ROTATED));
    }
}

#[cfg(test)]
mod tests {
    use md5::{Digest, Md5};

    use super::*;

    fn assert_as_one_by_one(messages: &[Vec<u8>]) {
        let messages: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
        let expected: Vec<[u8; 16]> = messages.iter().map(|one| Md5::digest(one).into()).collect();
        assert_eq!(digests(&messages), expected);
    }

    fn message(length: usize) -> Vec<u8> {
        (0..length).map(|at| (at * 7 + length) as u8).collect()
    }

    #[test]
    fn known_digests() {
        // RFC 1321, A.5.
        let [empty, abc] = digests(&[b"", b"abc"])[..] else { panic!() };
        assert_eq!(u128::from_be_bytes(empty), 0xd41d_8cd9_8f00_b204_e980_0998_ecf8_427e);
        assert_eq!(u128::from_be_bytes(abc), 0x9001_5098_3cd2_4fb0_d696_3f7d_28e1_7f72);
    }

    #[test]
    fn any_number_of_messages_of_any_length() {
        for count in 0..=2 * LANES + 1 {
            assert_as_one_by_one(&(0..count).map(|at| message(at * 31)).collect::<Vec<_>>());
        }
        assert_as_one_by_one(&(0..260).map(message).collect::<Vec<_>>());
        assert_as_one_by_one(&(0..260).rev().map(message).collect::<Vec<_>>());
        assert_as_one_by_one(&[message(100_000), message(3), message(64), message(70_001)]);
    }
}
