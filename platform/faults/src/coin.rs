//! Chance that repeats: the same fault, seed and subject are always the same hash, and with it the same decision and the same jitter.
//!
//! Source of the mixer: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators" (SplitMix64's finaliser, variant 13).

use crate::effect::{Delay, Distribution};

/// What 64 bits stand for as a share of one: 2^-64.
const UNIT_64: f64 = 1.0 / 18_446_744_073_709_551_616.0;
/// The exponent of Lomax's distribution. With 2 its mean is its scale, and its variance has no end.
const LOMAX_ALPHA: f64 = 2.0;

fn finalise(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Returns the hash of a subject under a key.
pub fn mix64(key: u64, subject: u64) -> u64 {
    finalise(finalise(key.wrapping_add(0x9E37_79B9_7F4A_7C15)) ^ subject.wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

/// Whether what a seed stands for is within a share, from 0 to 1, of all that do; the same each time.
pub fn is_within(seed: u64, share: f64) -> bool {
    is_hit(mix64(seed, 0), share)
}

/// Whether a subject with this hash is among a share of all: from 0 (none) to 1 (all).
pub fn is_hit(hash: u64, rate: f64) -> bool {
    // A comparison with 2^64 itself has no room in 64 bits.
    rate >= 1.0 || (hash as f64) * UNIT_64 < rate
}

/// Returns a subject for a text: FNV-1a, mixed.
pub fn subject_of(text: &[u8]) -> u64 {
    let hash = text
        .iter()
        .fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3));
    finalise(hash)
}

/// Returns a number from 0 to below 1 of a hash; another one for each `draw`.
fn unit(hash: u64, draw: u64) -> f64 {
    (mix64(hash, draw) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Returns how long a call with this hash is delayed, in milliseconds.
pub(crate) fn delay_ms(delay: &Delay, hash: u64) -> f64 {
    let (base, jitter) = (f64::from(delay.ms), f64::from(delay.jitter_ms));
    let ms = match delay.dist {
        Distribution::Fixed => base,
        Distribution::Uniform => base + jitter * (2.0 * unit(hash, 1) - 1.0),
        // Box and Muller: two uniform numbers make a normal one.
        Distribution::Normal => {
            let radius = (-2.0 * (1.0 - unit(hash, 1)).ln()).sqrt();
            base + jitter * radius * (std::f64::consts::TAU * unit(hash, 2)).cos()
        }
        Distribution::Exponential => base - jitter * (1.0 - unit(hash, 1)).ln(),
        Distribution::Pareto => base + jitter * ((1.0 - unit(hash, 1)).powf(-1.0 / LOMAX_ALPHA) - 1.0),
    };
    ms.clamp(0.0, f64::from(delay.max_ms))
}
