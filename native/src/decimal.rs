//! Decimal to binary: the float64 nearest to `mantissa / 10^places`, ties to even.
//!
//! The algorithm of Eisel and Lemire (<https://arxiv.org/abs/2101.11408>), for the few powers of ten that
//! telemetry needs: there its answer is always right (<https://arxiv.org/abs/2212.06644>), and no number comes
//! near the ends of the float's range.

/// The most decimal places that are known here.
pub const MOST_PLACES: usize = 19;

static POWERS: [u128; MOST_PLACES + 1] = negative_powers_of_five();

const EXACT_MANTISSA: u64 = 1 << 53;
static EXACT_POWERS: [f64; MOST_PLACES + 1] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19,
];

/// The nearest float64.
///
/// # Panics
/// If there are more than `MOST_PLACES`.
#[inline(always)]
pub fn nearest(mantissa: u64, places: usize) -> f64 {
    if mantissa <= EXACT_MANTISSA {
        // Both are exact as floats, so the division rounds correctly.
        mantissa as f64 / EXACT_POWERS[places]
    } else {
        by_product(mantissa, places)
    }
}

#[inline(always)]
fn by_product(mantissa: u64, places: usize) -> f64 {
    const FRACTION_BITS: u32 = 52;
    const BIAS: i32 = 1023;
    const PRODUCT_BITS_BELOW: u128 = (u64::MAX >> (FRACTION_BITS + 3)) as u128;
    let zeros = mantissa.leading_zeros();
    let normal = u128::from(mantissa << zeros);
    let power = POWERS[places];
    // The upper half of the power is enough, unless the product's bits below those needed are all ones.
    let mut product = normal * (power >> 64);
    if product >> 64 & PRODUCT_BITS_BELOW == PRODUCT_BITS_BELOW {
        product += (normal * (power & u128::from(u64::MAX))) >> 64;
    }
    let (high, low) = ((product >> 64) as u64, product as u64);
    let upper = (high >> 63) as u32;
    let shift = upper + 64 - FRACTION_BITS - 3;
    let mut bits = high >> shift;
    // Exactly halfway between two floats: to the even one.
    if low <= 1 && places <= 4 && bits & 3 == 1 && bits << shift == high {
        bits &= !1;
    }
    bits = (bits + (bits & 1)) >> 1;
    // 217706 / 2^16 is the binary logarithm of ten.
    let exponent = ((-(places as i32) * 217_706) >> 16) + 63 + upper as i32 - zeros as i32 + BIAS;
    // A carry beyond the fraction's bits makes the exponent greater by one.
    f64::from_bits((bits - (1 << FRACTION_BITS)) + ((exponent as u64) << FRACTION_BITS))
}

/// 128 bits of each power's reciprocal, the highest one set, cut and then the next above.
const fn negative_powers_of_five() -> [u128; MOST_PLACES + 1] {
    let mut powers = [1 << 127; MOST_PLACES + 1];
    let mut places = 1;
    while places < powers.len() {
        powers[places] = reciprocal(5_u128.pow(places as u32));
        places += 1;
    }
    powers
}

/// `2^b / power + 1` with the `b` for which that has 128 bits; by long division.
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

    fn check(mantissa: u64, places: usize) {
        let expected: f64 = format!("{mantissa}e-{places}").parse().unwrap();
        assert_eq!(nearest(mantissa, places).to_bits(), expected.to_bits(), "{mantissa}e-{places}");
        if mantissa > 0 {
            assert_eq!(by_product(mantissa, places).to_bits(), expected.to_bits(), "{mantissa}e-{places}");
        }
    }

    #[test]
    fn the_table_holds_powers_of_five() {
        assert_eq!(POWERS[0], 1 << 127);
        assert_eq!(POWERS[1], 0xcccc_cccc_cccc_cccc_cccc_cccc_cccc_cccd);
        assert!(POWERS.iter().all(|power| power >> 127 == 1));
        assert!(
            EXACT_POWERS
                .iter()
                .enumerate()
                .all(|(places, power)| format!("1e{places}").parse() == Ok(*power))
        );
    }

    #[test]
    fn what_is_hard_to_round() {
        for places in 0..=MOST_PLACES {
            for mantissa in
                [0, 1, 2, 3, 5, 7, 9, 10, u64::MAX, u64::MAX - 1, 1 << 53, (1 << 53) + 1, (1 << 54) + 2]
            {
                check(mantissa, places);
            }
        }
        // Halfway between two floats, and next to it.
        let mut state = 7_u64;
        for _ in 0..if cfg!(miri) { 20 } else { 3_000 } {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let half = (state >> 11 | 1 << 52) << 1 | 1;
            for shift in 0..10 {
                for mantissa in [half << shift, (half << shift) - 1, (half << shift) + 1] {
                    check(mantissa, 0);
                }
            }
            for places in 1..=8 {
                let power = 5_u64.pow(places as u32);
                let product = ((half >> (3 * places)) | 1) * power;
                for mantissa in [product, product - 1, product + 1] {
                    check(mantissa, places);
                }
            }
        }
    }

    #[test]
    fn any_number() {
        let mut state = 42_u64;
        for round in 0..if cfg!(miri) { 200 } else { 100_000 } {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let places = (state >> 33) as usize % (MOST_PLACES + 1);
            check(state.rotate_left(17) >> (round % 64), places);
        }
    }
}
