//! Means with an interval of 95 %, by resampling with a seed (Efron's percentile bootstrap).

use serde::{Deserialize, Serialize};

use crate::chance::Chance;

/// How often values are drawn anew for an interval.
const RESAMPLES: usize = 1_000;
/// What of the resamples lies outside of an interval, at each end.
const TAIL: f64 = 0.025;

/// A mean, and where it lies when others had been drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// The mean.
    pub mean: f64,
    /// The lower end of its interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// Of how many.
    pub n: usize,
}

/// Returns the mean of values and its interval.
pub fn bootstrap(values: &[f64], seed: u64) -> Score {
    let n = values.len();
    if n == 0 {
        return Score::default();
    }
    let mean = values.iter().sum::<f64>() / n as f64;
    let mut chance = Chance::new(seed);
    let mut means: Vec<f64> =
        (0..RESAMPLES).map(|_| (0..n).map(|_| values[chance.below(n)]).sum::<f64>() / n as f64).collect();
    means.sort_unstable_by(f64::total_cmp);
    let cut = (RESAMPLES as f64 * TAIL) as usize;
    Score { mean, low: means[cut], high: means[RESAMPLES - 1 - cut], n }
}
