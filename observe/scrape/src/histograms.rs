//! Which forms of histograms a scrape takes, and how fine they may be.
//!
//! Source: Prometheus's documentation, `<scrape_config>`, and its `scrape/target.go`.

use vitrine_observe_model::exposition::HistogramForms;
use vitrine_observe_promql::histogram::reduce_resolution;
use vitrine_observe_series::{CUSTOM_BUCKETS, Histogram};
use vitrine_platform_config::yaml::{Fields, Reader};

use crate::relabel::LabelMap;

/// The finest and the coarsest schema of exponential buckets.
const SCHEMAS: [i8; 2] = [8, -4];
/// Labels of a target that say otherwise than its job, in the order of [`HistogramOptions::flags`].
const LABELS: [&str; 3] =
    ["__scrape_native_histograms__", "__always_scrape_classic_histograms__", "__convert_classic_histograms_to_nhcb__"];
/// Fields of the same, in the same order.
const FIELDS: [&str; 3] =
    ["scrape_native_histograms", "always_scrape_classic_histograms", "convert_classic_histograms_to_nhcb"];

/// What is taken of histograms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HistogramOptions {
    /// Native ones are taken as such.
    pub takes_native: bool,
    /// The classic form is taken, too, where there is a native one.
    pub keeps_classic: bool,
    /// Classic ones become native ones with custom bounds.
    pub converts_classic: bool,
    /// Most buckets of a native one; 0 is no limit.
    pub max_buckets: usize,
    /// The finest schema.
    pub max_schema: i8,
}

impl Default for HistogramOptions {
    fn default() -> Self {
        let [max_schema, _] = SCHEMAS;
        Self { takes_native: false, keeps_classic: false, converts_classic: false, max_buckets: 0, max_schema }
    }
}

impl HistogramOptions {
    /// Reads the fields that `global` and jobs have. What is not given is as in `default`.
    pub(crate) fn take(fields: &mut Fields<'_>, default: Self) -> Self {
        let mut given = default.flags();
        for (flag, name) in given.iter_mut().zip(FIELDS) {
            *flag = fields.flag(name).unwrap_or(*flag);
        }
        default.with_flags(given)
    }

    /// Reads the fields that only jobs have.
    pub(crate) fn with_limits(self, reader: &Reader, fields: &mut Fields<'_>) -> Self {
        let max_buckets = fields.number("native_histogram_bucket_limit").unwrap_or_default();
        let factor: f64 = fields.number("native_histogram_min_bucket_factor").unwrap_or_default();
        if !factor.is_finite() {
            let message = "native_histogram_min_bucket_factor: expected a number such as 1.1";
            reader.mistake(fields.location_of("native_histogram_min_bucket_factor"), message);
        }
        Self { max_buckets, max_schema: finest(factor), ..self }
    }

    /// What a target's labels say before they are relabelled.
    pub(crate) fn labels(self) -> impl Iterator<Item = (&'static str, String)> {
        LABELS.into_iter().zip(self.flags().map(|flag| flag.to_string()))
    }

    /// What they say afterwards.
    pub(crate) fn of_labels(self, labels: &LabelMap) -> Result<Self, String> {
        let mut given = self.flags();
        for (flag, name) in given.iter_mut().zip(LABELS) {
            if let Some(text) = labels.get(name) {
                *flag = truth(text).ok_or_else(|| format!("label {name}: {text:?} is neither true nor false"))?;
            }
        }
        Ok(self.with_flags(given))
    }

    fn flags(self) -> [bool; 3] {
        [self.takes_native, self.keeps_classic, self.converts_classic]
    }

    fn with_flags(self, [takes_native, keeps_classic, converts_classic]: [bool; 3]) -> Self {
        Self { takes_native, keeps_classic, converts_classic, ..self }
    }

    /// What is read of protobuf.
    pub(crate) fn forms(self) -> HistogramForms {
        HistogramForms { native: self.takes_native, classic: self.keeps_classic }
    }

    /// Makes a histogram as coarse as it has to be; an error where that cannot be.
    pub(crate) fn limit(self, histogram: &mut Histogram) -> Result<(), String> {
        reduce_resolution(histogram, self.max_schema);
        let [_, coarsest] = SCHEMAS;
        while self.max_buckets > 0 && histogram.positive.len() + histogram.negative.len() > self.max_buckets {
            if histogram.schema == CUSTOM_BUCKETS || histogram.schema <= coarsest {
                return Err("histogram bucket limit exceeded".to_owned());
            }
            reduce_resolution(histogram, histogram.schema - 1);
        }
        Ok(())
    }
}

/// The finest schema whose buckets grow by at least this factor.
fn finest(factor: f64) -> i8 {
    let [finest, coarsest] = SCHEMAS;
    if factor <= 1.0 {
        return finest;
    }
    (-factor.log2().log2()).floor().clamp(f64::from(coarsest), f64::from(finest)) as i8
}

/// A truth value as Go reads it.
fn truth(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{HistogramOptions, finest};

    #[test]
    fn the_finest_schema_follows_the_factor() {
        for (factor, expected) in [
            (0.0, 8),
            (1.0, 8),
            (1.002, 8),
            (1.1, 2),
            (1.2, 1),
            (1.5, 0),
            (2.0, 0),
            (3.0, -1),
            (65_536.0, -4),
            (1e300, -4),
        ] {
            assert_eq!(finest(factor), expected, "{factor}");
        }
        assert_eq!(HistogramOptions::default().max_schema, 8);
    }
}
