//! What processes expose, in all formats, and what is said of what they expose wrongly.

use vitrine_observe_model::exposition::{
    Description, Entry, ExposedSample, ExposedSeries, ExposedValue, Format, HistogramForms, Text, families,
    series_labels,
};
use vitrine_observe_series::{Labels, MetricType, STALE};

fn entries(text: &str, format: Format) -> Result<Vec<Entry<'_>>, String> {
    let text = Text::new(text.as_bytes(), format).map_err(|mistake| mistake.to_string())?;
    text.collect::<Result<_, _>>().map_err(|mistake| mistake.to_string())
}

fn samples(text: &str, format: Format) -> Vec<(Labels, f64, Option<i64>)> {
    let entries = entries(text, format).unwrap_or_else(|mistake| panic!("{text:?}: {mistake}"));
    let samples = entries.into_iter().filter_map(|entry| match entry {
        Entry::Sample(sample) => Some(sample),
        Entry::Metadata { .. } => None,
    });
    samples.map(plain).collect()
}

fn plain(sample: ExposedSample<'_>) -> (Labels, f64, Option<i64>) {
    let labels = match sample.series {
        ExposedSeries::Written(text) => series_labels(text).unwrap_or_else(|problem| panic!("{text}: {problem}")),
        ExposedSeries::Labels(labels) => labels,
    };
    let ExposedValue::Float(bits) = sample.value else { panic!("a histogram at {labels}") };
    (labels, f64::from_bits(bits), sample.time_ms)
}

/// A line, its labels, its value and its time.
type Case = (&'static str, &'static [(&'static str, &'static str)], f64, Option<i64>);

#[test]
fn samples_in_text() {
    let cases: &[Case] = &[
        ("up 1", &[("__name__", "up")], 1.0, None),
        ("  up\t1  \r", &[("__name__", "up")], 1.0, None),
        (
            "a:b_total{x=\"1\",} 1.5e3 1395066363000",
            &[("__name__", "a:b_total"), ("x", "1")],
            1500.0,
            Some(1_395_066_363_000),
        ),
        ("a { x = \"1\" , y = \"\" } -Inf -5", &[("__name__", "a"), ("x", "1")], f64::NEG_INFINITY, Some(-5)),
        ("a{x=\"C:\\\\DIR\\n\\\"}q\"} +Inf", &[("__name__", "a"), ("x", "C:\\DIR\n\"}q")], f64::INFINITY, None),
        ("{\"http.requests\",\"a.b\"=\"c\"} 0x", &[], 0.0, None),
        (
            "{\"http.requests\", \"a.b\"=\"c\", d=\"e\"} 7",
            &[("__name__", "http.requests"), ("a.b", "c"), ("d", "e")],
            7.0,
            None,
        ),
        ("{__name__=\"x\"} 7", &[("__name__", "x")], 7.0, None),
        ("a{} .5", &[("__name__", "a")], 0.5, None),
    ];
    for (line, labels, value, time) in cases {
        if line.ends_with("0x") {
            assert!(entries(line, Format::Text).is_err(), "{line}");
            continue;
        }
        let expected = (Labels::of(labels.iter().copied()), *value, *time);
        assert_eq!(samples(&format!("{line}\n"), Format::Text), [expected], "{line}");
    }
    let Some(Entry::Sample(sample)) = entries("a NaN", Format::Text).expect("a sample").pop() else { panic!() };
    assert_eq!(sample.value, ExposedValue::Float(0x7ff8_0000_0000_0001));
    assert_ne!(sample.value, ExposedValue::Float(STALE));
}

#[test]
fn comments_in_text() {
    let text = "# a comment\n#\n# HELP a What \\\\ it\\nis.\n# TYPE a counter\n# TYPE \"b.c\" untyped\n\n# EOF\na 1\n";
    let entries = entries(text, Format::Text).expect("an exposition");
    let described = |metric: &str, description| Entry::Metadata { metric: metric.to_owned().into(), description };
    assert_eq!(
        entries[..3],
        [
            described("a", Description::Help("What \\ it\nis.".into())),
            described("a", Description::Type(MetricType::Counter)),
            described("b.c", Description::Type(MetricType::Unknown)),
        ]
    );
    assert_eq!(entries.len(), 4);
}

#[test]
fn open_metrics() {
    let text = "# HELP a_seconds What \\\"it\\\" is.\n# TYPE a_seconds histogram\n# UNIT a_seconds seconds\n\
                a_seconds_bucket{le=\"1.0\"} 3 1.5 # {trace_id=\"ab\"} 0.67 1.25\na_seconds_bucket{le=\"+Inf\"} 4 # {} 2\n# EOF\n";
    let entries = entries(text, Format::OpenMetrics).expect("an exposition");
    let Entry::Metadata { description, .. } = &entries[0] else { panic!("{entries:?}") };
    assert_eq!(*description, Description::Help("What \"it\" is.".into()));
    let Entry::Sample(sample) = &entries[3] else { panic!("{entries:?}") };
    assert_eq!(sample.time_ms, Some(1_500));
    let exemplar = sample.exemplars[0].clone().at(9);
    assert_eq!((exemplar.labels.get("trace_id"), exemplar.value, exemplar.time_ms), (Some("ab"), 0.67, 1_250));
    let Entry::Sample(sample) = &entries[4] else { panic!("{entries:?}") };
    assert_eq!((sample.time_ms, sample.exemplars[0].clone().at(9).time_ms), (None, 9));
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    use Format::{OpenMetrics, Text};
    let long = format!("a 1 # {{x=\"{}\"}} 1\n# EOF\n", "y".repeat(128));
    let cases = [
        (Text, "a 1\nb\n", "line 2: a series without a value"),
        (Text, "a one", "line 1: \"one\" where a number was expected"),
        (Text, "a 1_000", "line 1: \"1_000\" where a number was expected"),
        (Text, "a +NaN", "line 1: \"+NaN\" where a number was expected"),
        (Text, "a 1 1.5", "line 1: \"1.5\" is not a time: expected whole milliseconds since 1970"),
        (Text, "a 1 2 3", "line 1: \"3\" after the sample"),
        (Text, "a{x=\"1\" 1", "line 1: labels without an end: expected '}'"),
        (Text, "1a 1", "line 1: \"1a 1\" where a metric name was expected"),
        (Text, "# TYPE a counters", "line 1: invalid metric type \"counters\""),
        (OpenMetrics, "a 1\n", "line 1: data does not end with # EOF"),
        (OpenMetrics, "a 1\n\n# EOF\n", "line 2: an empty line, which OpenMetrics does not have"),
        (OpenMetrics, "a 1\n# EOF\nb 1\n", "line 2: data after # EOF"),
        (OpenMetrics, "# NOTE a b\n# EOF\n", "line 1: \"NOTE a b\" where HELP, TYPE, UNIT or EOF was expected"),
        (OpenMetrics, "# UNIT a seconds\n# EOF\n", "line 1: unit \"seconds\" is not a suffix of metric \"a\""),
        (OpenMetrics, "a 1 NaN\n# EOF\n", "line 1: invalid timestamp NaN"),
        (OpenMetrics, "a  1\n# EOF\n", "line 1: \"\" where a number was expected"),
        (OpenMetrics, long.as_str(), "line 1: exemplar labels of 129 characters: expected at most 128"),
        (OpenMetrics, "a 1", "line 1: the last line does not end"),
    ];
    for (format, text, expected) in cases {
        assert_eq!(entries(text, format).map(drop), Err(expected.to_owned()), "{text}");
    }
    let bytes = b"a 1\nb{x=\"\xff\"} 1\n";
    let mistake = vitrine_observe_model::exposition::Text::new(bytes, Text).expect_err("not UTF-8");
    assert_eq!(mistake.to_string(), "line 2: bytes that are not UTF-8");
    for (written, expected) in [
        ("a{x=\"1\",x=\"2\"}", "label name \"x\" is not unique"),
        ("a{__name__=\"b\"}", "label name \"__name__\" is not unique"),
        ("{x=\"1\"}", "the series \"{x=\\\"1\\\"}\" has no name"),
        ("a{x}", "\"}\" where '=' was expected"),
        ("a{x=1}", "\"1}\" where '\"' was expected"),
        ("a{,}", "\",}\" where a label name was expected"),
        ("a{x=\"1\" y=\"2\"}", "\"y=\\\"2\\\"}\" where ',' or '}' was expected"),
        ("a{1=\"1\"}", "\"1=\\\"1\\\"}\" where a label name was expected"),
    ] {
        assert_eq!(series_labels(written), Err(expected.to_owned()), "{written}");
    }
}

/// Protobuf by hand: a field with bytes.
fn message(number: u8, bytes: &[u8]) -> Vec<u8> {
    let length = u8::try_from(bytes.len()).expect("a short message");
    assert!(length < 0x80, "a length of one byte");
    [&[number << 3 | 2, length], bytes].concat()
}

fn double(number: u8, value: f64) -> Vec<u8> {
    [&[number << 3 | 1], &value.to_le_bytes()[..]].concat()
}

fn number(number: u8, value: u8) -> Vec<u8> {
    vec![number << 3, value]
}

fn delimited(message: &[u8]) -> Vec<u8> {
    let length = message.len();
    let mut bytes = if length < 0x80 { vec![length as u8] } else { vec![length as u8 | 0x80, (length >> 7) as u8] };
    bytes.extend(message);
    bytes
}

#[test]
fn protobuf() {
    let label = message(1, &[message(1, b"x"), message(2, b"1")].concat());
    let counter = message(3, &[double(1, 5.0), message(3, &number(1, 2))].concat());
    let family = [message(1, b"c_total"), number(3, 0), message(4, &[label, counter].concat())].concat();
    let forms = HistogramForms { native: true, classic: false };
    let entries = families(&delimited(&family), forms).expect("a family");
    let Entry::Sample(sample) = &entries[1] else { panic!("{entries:?}") };
    assert_eq!(sample.start_ms, Some(2_000));
    assert_eq!(plain(sample.clone()), (Labels::of([("__name__", "c_total"), ("x", "1")]), 5.0, None));

    // 2 in the zero bucket, 3 in bucket 1, 1 in bucket 3.
    let spans =
        [message(12, &[number(1, 2), number(2, 1)].concat()), message(12, &[number(1, 2), number(2, 1)].concat())];
    let deltas = message(13, &[6, 3]);
    let bucket = message(3, &[number(1, 4), double(2, 0.5)].concat());
    let histogram =
        [number(1, 6), double(2, 9.5), bucket, number(5, 0), double(6, 0.001), number(7, 2), spans.concat(), deltas]
            .concat();
    let family = [message(1, b"h"), number(3, 4), message(4, &message(7, &histogram))].concat();
    let entries = families(&delimited(&family), forms).expect("a family");
    let Entry::Sample(ExposedSample { value: ExposedValue::Histogram(histogram), .. }) = &entries[1] else {
        panic!("{entries:?}")
    };
    let buckets: Vec<_> = histogram.positive.iter().map(|bucket| (bucket.index, bucket.count)).collect();
    assert_eq!((buckets.as_slice(), histogram.zero_count, histogram.count), (&[(1, 3.0), (3, 1.0)][..], 2.0, 6.0));
    let classic = families(&delimited(&family), HistogramForms { native: false, classic: true }).expect("a family");
    let classic = classic.into_iter().filter_map(|entry| match entry {
        Entry::Sample(sample) => Some(plain(sample)),
        Entry::Metadata { .. } => None,
    });
    let classic: Vec<_> = classic.map(|(labels, value, _)| (labels.to_string(), value)).collect();
    assert_eq!(
        classic,
        [
            ("{__name__=\"h_count\"}".to_owned(), 6.0),
            ("{__name__=\"h_sum\"}".to_owned(), 9.5),
            ("{__name__=\"h_bucket\", le=\"0.5\"}".to_owned(), 4.0),
            ("{__name__=\"h_bucket\", le=\"+Inf\"}".to_owned(), 6.0),
        ]
    );

    let mistake = families(&[5, 1], forms).expect_err("cut off");
    assert!(mistake.to_string().starts_with("family 1: "), "{mistake}");
    let torn = [message(1, b"h"), number(3, 4), message(4, &message(7, &message(12, &number(2, 3))))].concat();
    let mistake = families(&delimited(&torn), forms).expect_err("counts are missing");
    assert_eq!(mistake.to_string(), "family 1: \"h\": spans of 3 buckets with 0 counts");
}
