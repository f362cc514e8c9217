//! Classic histograms become native ones with custom bounds.
//!
//! Source: Prometheus's `model/textparse/nhcbparse.go` and `util/convertnhcb`. Otherwise than there, series of which no histogram can be made
//! (counts that fall, buckets that do not add up to the count) are not lost: they are handed on as they came.

use std::borrow::Cow;

use vitrine_observe_model::exposition::{
    Description, Entry, ExposedExemplar, ExposedSample, ExposedSeries, ExposedValue, series_labels,
};
use vitrine_observe_series::{Bucket, CUSTOM_BUCKETS, CounterReset, Histogram, Label, Labels, MetricType, NAME};

/// The label of a bucket's bound.
const BOUND: &str = "le";
/// Most series that are held of one histogram. With more, it is handed on as it came.
const MAX_HELD: usize = vitrine_observe_series::MAX_BUCKETS + 2;

/// What takes entries.
type Each<'a, 'e> = &'e mut dyn FnMut(Entry<'a>) -> Result<(), String>;

/// Takes entries in the order of an exposition, and hands on histograms in the place of their series.
pub(crate) struct Converter<'a> {
    /// Whether the series are handed on, too.
    keeps_classic: bool,
    /// The metric that was described last, where it is a histogram.
    metric: Option<Cow<'a, str>>,
    open: Option<Open<'a>>,
    /// The labels of a native histogram that came last: its classic form is not converted.
    native: Option<Labels>,
}

/// A histogram whose series are being collected.
struct Open<'a> {
    /// Its labels, and its name.
    labels: Labels,
    held: Vec<ExposedSample<'a>>,
    parts: Parts,
}

/// What a classic histogram consists of.
#[derive(Default)]
struct Parts {
    /// Bounds and counts of everything up to them.
    buckets: Vec<(f64, f64)>,
    count: Option<f64>,
    sum: f64,
}

enum Part {
    Bucket(f64),
    Count,
    Sum,
}

impl<'a> Converter<'a> {
    pub fn new(keeps_classic: bool) -> Self {
        Self { keeps_classic, metric: None, open: None, native: None }
    }

    pub fn take(&mut self, entry: Entry<'a>, each: Each<'a, '_>) -> Result<(), String> {
        let sample = match entry {
            Entry::Sample(sample) => sample,
            Entry::Metadata { metric, description } => {
                self.end(each)?;
                if let Description::Type(kind) = description {
                    self.metric = (kind == MetricType::Histogram).then(|| metric.clone());
                }
                return each(Entry::Metadata { metric, description });
            }
        };
        let ExposedValue::Float(bits) = sample.value else {
            self.end(each)?;
            self.native = Some(labels(&sample.series)?);
            return each(Entry::Sample(sample));
        };
        let Some((part, labels)) = self.part(&sample)? else {
            self.end(each)?;
            return each(Entry::Sample(sample));
        };
        if self.native.as_ref() == Some(&labels) {
            return each(Entry::Sample(sample));
        }
        if self.open.as_ref().is_some_and(|open| open.labels != labels || open.held.len() == MAX_HELD) {
            self.end(each)?;
        }
        let open = self.open.get_or_insert_with(|| Open { labels, held: Vec::new(), parts: Parts::default() });
        let value = f64::from_bits(bits);
        match part {
            Part::Bucket(bound) => open.parts.buckets.push((bound, value)),
            Part::Count => open.parts.count = Some(value),
            Part::Sum => open.parts.sum = value,
        }
        open.held.push(sample);
        Ok(())
    }

    /// Hands on what is held: there is no more of it.
    pub fn end(&mut self, each: Each<'a, '_>) -> Result<(), String> {
        let Some(Open { labels, held, parts }) = self.open.take() else { return Ok(()) };
        let histogram = parts.histogram().filter(|histogram| histogram.check().is_ok());
        let made = histogram.map(|histogram| ExposedSample {
            series: ExposedSeries::Labels(labels),
            value: ExposedValue::Histogram(Box::new(histogram)),
            time_ms: held.last().and_then(|sample| sample.time_ms),
            start_ms: held.first().and_then(|sample| sample.start_ms),
            exemplars: held
                .iter()
                .flat_map(|sample| sample.exemplars.iter().cloned())
                .collect::<Vec<ExposedExemplar>>(),
        });
        if made.is_none() || self.keeps_classic {
            held.into_iter().try_for_each(|sample| each(Entry::Sample(sample)))?;
        }
        made.map_or(Ok(()), |made| each(Entry::Sample(made)))
    }

    /// What a series is of the histogram that is described, with the histogram's labels; none where it is of none.
    fn part(&self, sample: &ExposedSample<'a>) -> Result<Option<(Part, Labels)>, String> {
        let Some(metric) = &self.metric else { return Ok(None) };
        let all = labels(&sample.series)?;
        let Some(suffix) = all.metric().strip_prefix(metric.as_ref()) else { return Ok(None) };
        let part = match suffix {
            "_count" => Part::Count,
            "_sum" => Part::Sum,
            "_bucket" => {
                let bound = all.iter().find(|label| &*label.name == BOUND).and_then(|label| bound(&label.value));
                let Some(bound) = bound else { return Ok(None) };
                Part::Bucket(bound)
            }
            _ => return Ok(None),
        };
        let own = all.iter().filter(|label| !matches!(&*label.name, NAME | BOUND)).cloned();
        let name = Label { name: NAME.into(), value: metric.as_ref().into() };
        Ok(Some((part, Labels::new(own.chain([name])))))
    }
}

fn labels(series: &ExposedSeries<'_>) -> Result<Labels, String> {
    match series {
        ExposedSeries::Written(text) => series_labels(text),
        ExposedSeries::Labels(labels) => Ok(labels.clone()),
    }
}

fn bound(text: &str) -> Option<f64> {
    let bound = match text {
        "+Inf" | "Inf" => f64::INFINITY,
        text => text.parse().ok()?,
    };
    (!bound.is_nan()).then_some(bound)
}

impl Parts {
    fn histogram(mut self) -> Option<Histogram> {
        self.buckets.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        // Of two that are the same, the first one counts.
        self.buckets.dedup_by(|(next, _), (one, _)| next == one);
        let count = self.count.or(self.buckets.last().map(|(_, count)| *count))?;
        if self.buckets.last().is_none_or(|(bound, _)| *bound != f64::INFINITY) {
            self.buckets.push((f64::INFINITY, count));
        }
        let rises = self.buckets.is_sorted_by(|(_, one), (_, next)| one <= next);
        let (first, last) = (self.buckets.first()?.1, self.buckets.last()?.1);
        if !rises || first < 0.0 || last != count {
            return None;
        }
        let bounds: Vec<f64> = self.buckets.iter().map(|(bound, _)| *bound).filter(|bound| bound.is_finite()).collect();
        if bounds.len() + 1 != self.buckets.len() {
            return None;
        }
        let mut below = 0.0;
        let counts = self.buckets.iter().zip(0_i32..).map(|((_, total), index)| {
            let count = total - below;
            below = *total;
            Bucket { index, count }
        });
        Some(Histogram {
            schema: CUSTOM_BUCKETS,
            zero_threshold: 0.0,
            zero_count: 0.0,
            count,
            sum: self.sum,
            positive: counts.filter(|bucket| bucket.count != 0.0).collect(),
            negative: Vec::new(),
            custom_bounds: bounds.into(),
            reset: CounterReset::Unknown,
        })
    }
}

#[cfg(test)]
mod tests {
    use vitrine_observe_model::exposition::{Entry, ExposedSeries, ExposedValue, Format, Text};

    use super::Converter;

    /// What is handed on: series by their names or as they are written, histograms as count, sum, bounds and buckets.
    fn converted(text: &str, keeps_classic: bool) -> Vec<String> {
        let mut converter = Converter::new(keeps_classic);
        let mut found = Vec::new();
        let mut each = |entry: Entry<'_>| {
            if let Entry::Sample(sample) = entry {
                let series = match &sample.series {
                    ExposedSeries::Written(text) => (*text).to_owned(),
                    ExposedSeries::Labels(labels) => labels.to_string(),
                };
                found.push(match &sample.value {
                    ExposedValue::Float(bits) => format!("{series} {}", f64::from_bits(*bits)),
                    ExposedValue::Histogram(histogram) => {
                        let buckets: Vec<(i32, f64)> =
                            histogram.positive.iter().map(|bucket| (bucket.index, bucket.count)).collect();
                        let (count, sum, bounds) = (histogram.count, histogram.sum, &histogram.custom_bounds);
                        format!("{series} {count} {sum} {bounds:?} {buckets:?} {}", sample.exemplars.len())
                    }
                });
            }
            Ok(())
        };
        for entry in Text::new(text.as_bytes(), Format::Text).expect("UTF-8") {
            converter.take(entry.expect("an entry"), &mut each).expect("taken");
        }
        converter.end(&mut each).expect("ended");
        found
    }

    #[test]
    fn series_of_one_histogram_become_it() {
        let bucket = |bound: &str, count: u32| format!("h_bucket{{le=\"{bound}\"}} {count}\n");
        let usual = format!(
            "# TYPE h histogram\n{}{}{}h_sum 7\nh_count 5\n",
            bucket("1", 2),
            bucket("2.5", 2),
            bucket("+Inf", 5)
        );
        let made = "{__name__=\"h\"} 5 7 [1.0, 2.5] [(0, 2.0), (2, 3.0)] 0";
        for (text, keeps, expected) in [
            (usual.clone(), false, vec![made]),
            (
                usual.clone(),
                true,
                vec![
                    "h_bucket{le=\"1\"} 2",
                    "h_bucket{le=\"2.5\"} 2",
                    "h_bucket{le=\"+Inf\"} 5",
                    "h_sum 7",
                    "h_count 5",
                    made,
                ],
            ),
            // Without the last bucket, or the count; in any order; with another series behind it.
            (
                format!("# TYPE h histogram\n{}h_count 5\n{}h_sum 7\nx 1\n", bucket("2.5", 2), bucket("1", 2)),
                false,
                vec![made, "x 1"],
            ),
            (
                format!("# TYPE h histogram\n{}{}{}h_sum 7\n", bucket("1", 2), bucket("2.5", 2), bucket("+Inf", 5)),
                false,
                vec![made],
            ),
            // What is no histogram stays as it is: no type, counts that fall, counts that differ, no buckets' bounds.
            (
                format!("{}h_sum 7\nh_count 2\n", bucket("1", 2)),
                false,
                vec!["h_bucket{le=\"1\"} 2", "h_sum 7", "h_count 2"],
            ),
            (
                format!("# TYPE h histogram\n{}{}", bucket("1", 3), bucket("2", 2)),
                false,
                vec!["h_bucket{le=\"1\"} 3", "h_bucket{le=\"2\"} 2"],
            ),
            (
                format!("# TYPE h histogram\n{}h_count 3\n", bucket("+Inf", 2)),
                false,
                vec!["h_bucket{le=\"+Inf\"} 2", "h_count 3"],
            ),
            (format!("# TYPE h histogram\n{}", bucket("x", 2)), false, vec!["h_bucket{le=\"x\"} 2"]),
            (format!("# TYPE h histogram\n{}", bucket("-Inf", 2)), false, vec!["h_bucket{le=\"-Inf\"} 2"]),
            (
                "# TYPE h summary\nh{quantile=\"1\"} 2\nh_sum 1\n".to_owned(),
                false,
                vec!["h{quantile=\"1\"} 2", "h_sum 1"],
            ),
            // Two of one metric.
            (
                "# TYPE h histogram\nh_bucket{a=\"1\",le=\"+Inf\"} 1\nh_bucket{a=\"2\",le=\"+Inf\"} 2\n".to_owned(),
                false,
                vec!["{__name__=\"h\", a=\"1\"} 1 0 [] [(0, 1.0)] 0", "{__name__=\"h\", a=\"2\"} 2 0 [] [(0, 2.0)] 0"],
            ),
        ] {
            assert_eq!(converted(&text, keeps), expected, "{text}");
        }
        let many: String = (0..5_000).map(|bound| bucket(&bound.to_string(), bound)).collect();
        let found = converted(&format!("# TYPE h histogram\n{many}"), false);
        assert!(found.len() > 2_000, "too many buckets for one: they are handed on as they came");
    }
}
