//! Decoders of what strangers send, each given any bytes: none of them panics, runs away or takes memory that the bytes do not pay for.
//!
//! [`TARGETS`] are run by a test on their corpus and on mutations of it, and by `cargo fuzz` for as long as one likes
//! (`fuzz/README.md`). The corpus of a target is in `corpus/NAME`.

mod flags;

use std::path::Path;

use vitrine_observe_model::exposition::{Entry, ExposedSeries, Format, HistogramForms, Text, families, series_labels};
use vitrine_observe_model::metrics::{
    RemoteWrite, SeriesLimits, Taking, Translation, WriteCompression, WriteVersion, decode_otlp, decode_remote_write,
};
use vitrine_observe_promql::parse::parse_expr;
use vitrine_observe_rules::RuleFile;
use vitrine_observe_rules::template::{RuleFunctions, Templates, Value};
use vitrine_observe_series::Head;

/// Series that one input may make.
const MAX_SERIES: usize = 10_000;
/// When inputs arrive.
const NOW_MS: i64 = 1_800_000_000_000;

/// A decoder by its name.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 13] = [
    ("remote_write_v1", remote_write_v1),
    ("remote_write_v2", remote_write_v2),
    ("otlp_metrics", otlp_metrics),
    ("exposition_text", exposition_text),
    ("exposition_protobuf", exposition_protobuf),
    ("promql", promql),
    ("template", template),
    ("rule_file", rule_file),
    ("configuration", configuration),
    ("flag_definitions", flags::flag_definitions),
    ("flag_contexts", flags::flag_contexts),
    ("flag_requests", flags::flag_requests),
    ("analytics", analytics),
];

/// Runs the target of this name.
pub fn run(name: &str, input: &[u8]) {
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    let (_, target) = target.unwrap_or_else(|| panic!("there is no target {name}"));
    target(input);
}

/// A message, and several: what is taken of one is taken of both.
fn analytics(input: &[u8]) {
    for call in ["track", "identify", "page", "screen", "group", "alias", "batch"] {
        if let Ok((taken, refused)) = vitrine_shop_analytics::read_messages(call, input, NOW_MS) {
            assert!(call == "batch" || taken + refused == 1, "{taken} and {refused} of one message");
        }
    }
}

fn remote_write_v1(input: &[u8]) {
    remote_write(WriteVersion::V1, input);
}

fn remote_write_v2(input: &[u8]) {
    remote_write(WriteVersion::V2, input);
}

fn remote_write(version: WriteVersion, input: &[u8]) {
    // As it is, and as if it were what snappy packed.
    for compression in [WriteCompression::None, WriteCompression::Snappy] {
        let request = RemoteWrite { version, compression, body: input.to_vec().into() };
        let head = Head::new(MAX_SERIES);
        let mut batch = head.batch();
        if decode_remote_write(&request, &mut taking(&Translation::default(), &SeriesLimits::default()), &mut batch)
            .is_ok()
        {
            head.apply(&batch);
        }
    }
}

fn otlp_metrics(input: &[u8]) {
    let head = Head::new(MAX_SERIES);
    let mut batch = head.batch();
    if decode_otlp(input, &mut taking(&Translation::default(), &SeriesLimits::default()), &mut batch).is_ok() {
        head.apply(&batch);
    }
}

fn taking<'a>(translation: &'a Translation, limits: &'a SeriesLimits) -> Taking<'a> {
    Taking {
        translation,
        limits,
        arrival_ns: NOW_MS as u64 * 1_000_000,
        oldest_ms: i64::MIN,
        new_series: u64::MAX,
        is_full: false,
    }
}

fn exposition_text(input: &[u8]) {
    for format in [Format::Text, Format::OpenMetrics] {
        let Ok(text) = Text::new(input, format) else { continue };
        for entry in text.map_while(Result::ok) {
            if let Entry::Sample(sample) = entry
                && let ExposedSeries::Written(series) = sample.series
                && let Ok(labels) = series_labels(series)
            {
                assert!(!labels.metric().is_empty(), "{series}");
            }
        }
    }
}

fn exposition_protobuf(input: &[u8]) {
    // What is wrong with it is of no interest, only that it is told.
    let _ = families(input, HistogramForms { native: true, classic: true });
}

fn promql(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(expression) = parse_expr(text) {
        let written = expression.to_string();
        let again = parse_expr(&written).unwrap_or_else(|error| panic!("{text:?} is written {written:?}: {error}"));
        // Infinity is written with a sign, as Prometheus has it, which is then read as one of its own.
        assert!(
            written.contains("Inf") || again.to_string() == written,
            "{text:?} is written {written:?}, then {again}"
        );
    }
}

fn template(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let nothing = |_: &str, _: i64| Ok(Vec::new());
    let functions = RuleFunctions::new(NOW_MS, "http://localhost", &nothing);
    let _ = Templates::default().expand("input", text, &Value::Nil, &functions);
}

fn rule_file(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let _ = RuleFile::parse(text);
}

fn configuration(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    // A folder that is not there: files that are named are not looked for yet.
    let folder = Path::new("/nonexistent");
    let _ = vitrine_observe_routing::Config::read(text, folder);
    let _ = vitrine_observe_scrape::Config::read(text, folder);
}
