//! Decoders of what strangers send, each given any bytes: none of them panics, runs away or takes memory that the bytes do not pay for.
//!
//! [`TARGETS`] are run by a test on their corpus and on mutations of it, and by `cargo fuzz` for as long as one likes
//! (`fuzz/README.md`). The corpus of a target is in `corpus/NAME`.

mod flags;
mod logs;

use std::path::Path;

use bytes::Bytes;
use vitrine_observe_model::exposition::{Entry, ExposedSeries, Format, HistogramForms, Text, families, series_labels};
use vitrine_observe_model::metrics::{
    RemoteWrite, SeriesLimits, Taking, Translation, WriteCompression, WriteVersion, decode_otlp, decode_remote_write,
};
use vitrine_observe_model::{Builder, Signal};
use vitrine_observe_promql::parse::parse_expr;
use vitrine_observe_receive::{forward_requests, syslog_requests};
use vitrine_observe_rules::RuleFile;
use vitrine_observe_rules::template::{RuleFunctions, Templates, Value};
use vitrine_observe_search::elastic::parse_query_string;
use vitrine_observe_search::people::{MAX_BYTES, Query};
use vitrine_observe_series::Head;
use vitrine_observe_text::{Ask, IndexOwner, TextIndex};

/// Series that one input may make.
const MAX_SERIES: usize = 10_000;
/// When inputs arrive.
const NOW_MS: i64 = 1_800_000_000_000;

/// A decoder by its name.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: &[Target] = &[
    ("remote_write_v1", remote_write_v1),
    ("remote_write_v2", remote_write_v2),
    ("otlp_metrics", otlp_metrics),
    ("exposition_text", exposition_text),
    ("exposition_protobuf", exposition_protobuf),
    ("promql", promql),
    ("logql", logql),
    ("template", template),
    ("rule_file", rule_file),
    ("configuration", configuration),
    ("flag_definitions", flags::flag_definitions),
    ("flag_contexts", flags::flag_contexts),
    ("flag_requests", flags::flag_requests),
    ("bulk", logs::bulk),
    ("loki_push", logs::loki_push),
    ("journal", logs::journal),
    ("text_index", text_index),
    ("forward", forward),
    ("syslog", syslog),
    ("analytics", analytics),
    ("people_query", people_query),
    ("query_string", query_string),
];

/// Runs the target of this name.
pub fn run(name: &str, input: &[u8]) {
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    let (_, target) = target.unwrap_or_else(|| panic!("there is no target {name}"));
    target(input);
}

/// The first eight bytes say which segment the rest is the index of.
fn text_index(input: &[u8]) {
    let Some((owner, file)) = input.split_first_chunk::<8>() else { return };
    let [a, b, c, d, rows @ .., pages] = *owner;
    let rows = rows.iter().fold(0, |rows, byte| rows << 8 | usize::from(*byte));
    let owner = IndexOwner { checksum: u32::from_le_bytes([a, b, c, d]), rows, pages: pages.into() };
    let mut file = file.to_vec();
    // The directory's checksum is made to fit, or nothing behind it would be reached.
    let length =
        file.get(4..8).map_or(0, |four| four.iter().rev().fold(0, |length, byte| length << 8 | usize::from(*byte)));
    if let Some(directory) = file.get(12..).and_then(|rest| rest.get(..length)) {
        let checksum = crc32fast::hash(directory);
        file[8..12].copy_from_slice(&checksum.to_le_bytes());
    }
    let file = Bytes::from(file);
    let length = file.len() as u64;
    let read = move |at: u64, bytes: usize| {
        let range = at as usize..at as usize + bytes;
        file.get(range.clone()).map(|_| file.slice(range)).ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into())
    };
    let Ok(index) = TextIndex::open(owner, length, read) else { return };
    let asked = [
        Ask::Word("declined".to_owned()),
        Ask::Prefix("d".to_owned()),
        Ask::Infix("e".to_owned()),
        Ask::Id("7f3a91".to_owned()),
    ];
    for ask in asked {
        if let Ok(Some(pages)) = index.pages("body", &ask) {
            assert_eq!(pages.len(), owner.pages);
        }
    }
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

/// What is read is written, and read again as the same.
fn logql(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Ok(query) = vitrine_observe_logql::parse(text) else { return };
    let written = query.to_string();
    match vitrine_observe_logql::parse(&written) {
        Ok(again) => assert_eq!(again.to_string(), written, "{text:?}"),
        // With all brackets written it can be too long or too deep.
        Err(error) => {
            let error = error.to_string();
            assert!(
                error.contains("nests deeper") || error.contains("too long"),
                "{text:?} is written as {written:?}: {error}"
            );
        }
    }
    vitrine_observe_text::template(text, "<_>");
}

/// A text with quotes around it is one phrase, whatever is in it; a mistake says where it is.
fn query_string(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    for default_and in [false, true] {
        if let Err(error) = parse_query_string(text, default_and) {
            assert!(error.to_string().starts_with("Failed to parse query ["), "{text:?}: {error}");
        }
    }
    let quoted = format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    assert!(parse_query_string(&quoted, false).is_ok(), "{quoted:?}");
}

fn people_query(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(query) = Query::parse(text) {
        let written = query.to_string();
        // What was read at its longest is longer when it is written out.
        match Query::parse(&written) {
            Ok(again) => assert_eq!(again, query, "{text:?} is written {written:?}"),
            Err(error) => assert!(written.len() > MAX_BYTES, "{text:?} is written {written:?}: {error}"),
        }
        // Whether that can be asked is of no interest.
        let _ = query.trace_query();
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

fn forward(input: &[u8]) {
    taken(&forward_requests(input));
}

fn syslog(input: &[u8]) {
    taken(&syslog_requests(input));
}

/// What is handed to the engine, which takes all of it.
fn taken(requests: &[Bytes]) {
    for request in requests {
        let mut table = Builder::new(Signal::Logs);
        table.append(request, NOW_MS as u64 * 1_000_000).expect("sound protobuf");
    }
}
