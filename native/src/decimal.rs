//! Decimal to binary: the float64 nearest to `mantissa * 10^exponent`, ties to even.
//!
//! The algorithm of Eisel and Lemire (<https://arxiv.org/abs/2101.11408>), for the exponents where a power of
//! five fits into 128 bits: there its answer is always right (<https://arxiv.org/abs/2212.06644>), and no
//! number comes near the ends of the float's range.

const LEAST: i32 = -27;
const MOST: i32 = 55;
static POWERS: [u128; (MOST - LEAST + 1) as usize] = powers_of_five();

const EXACT_MANTISSA: u64 = 1 << 53;
static EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
    1e20, 1e21, 1e22,
];

/// The nearest float64; None for an exponent beyond those that are known here.
#[inline(always)]
pub fn nearest(mantissa: u64, exponent: i32) -> Option<f64> {
    // Both are exact as floats, so the one operation rounds correctly.
    if mantissa <= EXACT_MANTISSA && exponent.unsigned_abs() < EXACT_POWERS.len() as u32 {
        let power = EXACT_POWERS[exponent.unsigned_abs() as usize];
        return Some(if exponent < 0 { mantissa as f64 / power } else { mantissa as f64 * power });
    }
    if (LEAST..=MOST).contains(&exponent) { Some(by_product(mantissa, exponent)) } else { None }
}

/// # Panics
/// If the exponent is beyond the table.
#[inline(always)]
fn by_product(mantissa: u64, exponent: i32) -> f64 {
    const FRACTION_BITS: u32 = 52;
    const BIAS: i32 = 1023;
    if mantissa == 0 {
        return 0.0;
    }
    let zeros = mantissa.leading_zeros();
    let normal = mantissa << zeros;
    let power = POWERS[(exponent - LEAST) as usize];
    // The upper half of the power is enough, unless the product's bits below those needed are all ones.
    let mut product = u128::from(normal) * (power >> 64);
    if product >> 64 & (u64::MAX >> (FRACTION_BITS + 3)) as u128 == (u64::MAX >> (FRACTION_BITS + 3)) as u128 {
        product += (u128::from(normal) * (power & u128::from(u64::MAX))) >> 64;
    }
    let (high, low) = ((product >> 64) as u64, product as u64);
    let upper = (high >> 63) as u32;
    let shift = upper + 64 - FRACTION_BITS - 3;
    let mut bits = high >> shift;
    let mut binary = ((exponent * (152_170 + 65_536)) >> 16) + 63 + upper as i32 - zeros as i32 + BIAS;
    // Exactly halfway between two floats: to the even one.
    if low <= 1 && (-4..=23).contains(&exponent) && bits & 3 == 1 && bits << shift == high {
        bits &= !1;
    }
    bits = (bits + (bits & 1)) >> 1;
    if bits >= 2 << FRACTION_BITS {
        bits = 1 << FRACTION_BITS;
        binary += 1;
    }
    f64::from_bits(bits & !(1 << FRACTION_BITS) | (binary as u64) << FRACTION_BITS)
}

/// 128 bits of each power, the highest one set: cut where the power is an integer, else the next above.
const fn powers_of_five() -> [u128; (MOST - LEAST + 1) as usize] {
    let mut powers = [0; (MOST - LEAST + 1) as usize];
    let mut index = 0;
    while index < powers.len() {
        let exponent = index as i32 + LEAST;
        let power = 5_u128.pow(exponent.unsigned_abs());
        powers[index] = if exponent < 0 { reciprocal(power) } else { power << power.leading_zeros() };
        index += 1;
    }
    powers
}

/// `2^b / power + 1` with the `b` for which that has 128 bits; by long division, for a power below 2^63.
const fn reciprocal(power: u128) -> u128 {
    let (mut quotient, mut rest) = (0_u128, 1_u128);
    while quotient >> 127 == 0 {
        rest <<= 1;
        quotient <<= 1;
        if rest >= power {
            rest -= power;
            quotient |= 1;
        }
    }
    quotient + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(mantissa: u64, exponent: i32) {
        let expected: f64 = format!("{mantissa}e{exponent}").parse().unwrap();
        assert_eq!(by_product(mantissa, exponent).to_bits(), expected.to_bits(), "{mantissa}e{exponent}");
        assert_eq!(nearest(mantissa, exponent).map(f64::to_bits), Some(expected.to_bits()), "{mantissa}e{exponent}");
    }

    #[test]
    fn the_table_holds_powers_of_five() {
        assert_eq!(POWERS[(-LEAST) as usize], 1 << 127);
        assert_eq!(POWERS[(1 - LEAST) as usize], 5 << 125);
        assert_eq!(POWERS[(-1 - LEAST) as usize], 0xcccc_cccc_cccc_cccc_cccc_cccc_cccc_cccd);
        assert!(POWERS.iter().all(|power| power >> 127 == 1));
    }

    #[test]
    fn what_is_hard_to_round() {
        let round = if cfg!(miri) { 50 } else { 3_000 };
        for exponent in LEAST..=MOST {
            for mantissa in [0, 1, 2, 3, 5, 7, 9, 10, u64::MAX, u64::MAX - 1, 1 << 53, (1 << 53) + 1, (1 << 54) + 2] {
                check(mantissa, exponent);
            }
        }
        // Halfway between two floats, and next to it.
        let mut state = 7_u64;
        for _ in 0..round {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let half = (state >> 11 | 1 << 52) << 1 | 1;
            for shift in 0..10 {
                for mantissa in [half << shift, (half << shift) - 1, (half << shift) + 1] {
                    check(mantissa, 0);
                }
            }
            for exponent in -4_i32..=23 {
                let power = 5_u64.pow(exponent.unsigned_abs().min(4));
                check(if exponent < 0 { half.wrapping_mul(power) } else { half / power }, exponent);
            }
        }
    }

    #[test]
    fn any_number() {
        let rounds = if cfg!(miri) { 200 } else { 400_000 };
        let mut state = 42_u64;
        for round in 0..rounds {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let exponent = (state >> 33) as i32 % (MOST - LEAST + 1) + LEAST;
            check(state.rotate_left(17) >> (round % 64), exponent);
        }
    }

    #[test]
    fn beyond_the_table_there_is_no_answer() {
        assert_eq!((nearest(u64::MAX, LEAST - 1), nearest(u64::MAX, MOST + 1)), (None, None));
        assert_eq!((nearest(1, i32::MIN), nearest(1, i32::MAX)), (None, None));
    }
}
