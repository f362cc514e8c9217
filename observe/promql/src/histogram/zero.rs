//! The bucket around zero.

use vitrine_observe_series::Histogram;

use super::buckets::{negative_intervals, positive_intervals};
use crate::kahan::Kahan;

/// What the zero bucket would count if it reached to `threshold`, which is not below where it reaches now. Where that lies within a bucket
/// that counts something, it is moved to that bucket's end. Returns the threshold that holds.
pub fn zero_count_up_to(histogram: &Histogram, threshold: f64) -> (Kahan, f64) {
    if threshold == histogram.zero_threshold {
        return (Kahan::new(histogram.zero_count), threshold);
    }
    let mut threshold = threshold;
    loop {
        let mut count = Kahan::new(histogram.zero_count);
        for interval in positive_intervals(histogram) {
            if interval.lower >= threshold {
                break;
            }
            count.add(interval.count);
            if interval.upper > threshold {
                if interval.count != 0.0 {
                    threshold = interval.upper;
                }
                break;
            }
        }
        // Where a negative bucket moves the threshold, positive ones below it were not counted yet.
        match count_negative(histogram, threshold, &mut count) {
            Some(moved) => threshold = moved,
            None => return (count, threshold),
        }
    }
}

/// Counts buckets below zero down to `-threshold`. Returns where the threshold must lie if one that counts something reaches further.
fn count_negative(histogram: &Histogram, threshold: f64, count: &mut Kahan) -> Option<f64> {
    for interval in negative_intervals(histogram) {
        if interval.upper <= -threshold {
            break;
        }
        count.add(interval.count);
        if interval.lower < -threshold {
            return (interval.count != 0.0).then_some(-interval.lower);
        }
    }
    None
}
