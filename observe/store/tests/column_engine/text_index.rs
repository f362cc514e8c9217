//! Log records are found by words in their messages: in memory, in segments with an index of texts, without it, and when it is damaged.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::AnyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use prost::Message;
use vitrine_observe_columns::TextTest;
use vitrine_observe_store::model::{LogField, LogFilter, LogQuery, LogTest};
use vitrine_observe_store::{ColumnEngine, Logs, Options, Reports as _, Signal, Tenant};
use vitrine_observe_text::TextMatch;

use crate::support::{BEGIN_NS, open, options, resource, write};

/// Records of a round: with messages of a kibibyte, more than three pages of them.
const RECORDS: usize = 3600;
/// Records of a request.
const BATCH: usize = 400;

/// A message, which is told from all others by its number.
fn body(number: usize) -> String {
    let mixed = (number as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut body = format!("Order {number} of customer c{:07x} declined: insufficient_funds", mixed >> 36);
    if number % 900 == 7 {
        body.push_str(" zyzzyva");
    }
    for word in 0..60 {
        let mixed = mixed.rotate_left(word) ^ (mixed >> 7);
        body.push_str([" gateway", " retry", "-after ", " TIMEOUT=", " größe", " attempt_"][mixed as usize % 6]);
        body.push_str(&format!("{:x}", mixed >> 40));
    }
    body
}

fn send(engine: &ColumnEngine, numbers: std::ops::Range<usize>) {
    for first in numbers.clone().step_by(BATCH) {
        let record = |number: usize| LogRecord {
            time_unix_nano: BEGIN_NS + number as u64 * 1_000_000,
            body: Some(AnyValue { value: Some(Value::StringValue(body(number))) }),
            ..LogRecord::default()
        };
        let log_records = (first..numbers.end.min(first + BATCH)).map(record).collect();
        let scope_logs = vec![ScopeLogs { log_records, ..ScopeLogs::default() }];
        let resource_logs = vec![ResourceLogs { resource: resource("shop"), scope_logs, ..ResourceLogs::default() }];
        let request = Bytes::from(ExportLogsServiceRequest { resource_logs }.encode_to_vec());
        write(engine, &Tenant::default(), Signal::Logs, request).expect("taken");
    }
}

/// What is asked, from words that are nowhere to such as are everywhere.
fn asked() -> Vec<TextMatch> {
    let pattern = |text: &str| TextMatch::Regex(regex::Regex::new(text).expect("a pattern").into());
    vec![
        TextMatch::phrase("zyzzyva"),
        TextMatch::phrase("nowhere"),
        TextMatch::phrase("order 1234"),
        TextMatch::phrase("order 3611"),
        TextMatch::WordPrefix("zyzz".to_owned()),
        TextMatch::Contains("zzyv".to_owned()),
        TextMatch::ContainsFolded("INSUFFICIENT_FUNDS ZYZ".to_owned()),
        TextMatch::Contains(body(2222).chars().skip(300).take(40).collect()),
        pattern("(?i)order [0-9]+7 .*zyz+yva"),
        pattern("customer c[0-9a-f]{4}000"),
    ]
}

/// That of the first so many records just those are found that match.
fn check(engine: &ColumnEngine, records: usize, when: &str) {
    for asked in asked() {
        let test = LogTest::Text(TextTest::Match(Arc::new(asked.clone())));
        let query = LogQuery {
            filter: LogFilter::Field(LogField::Body, test),
            start_ns: 0,
            end_ns: u64::MAX,
            newest_first: false,
            after: None,
            limit: records,
        };
        let found = engine.logs(&Tenant::default(), &query).expect("read");
        let found: Vec<String> = found.iter().map(|found| found.row.body.text()).collect();
        let expected: Vec<String> = (0..records).map(body).filter(|body| asked.matches(body)).collect();
        assert!(found == expected, "{when}: {asked:?} finds {} records, expected {}", found.len(), expected.len());
    }
}

/// The files of indexes of texts.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder.join("segments/default/logs")).expect("segments");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|end| end == "words"));
    files.sort();
    files
}

fn quiet(folder: &Path) -> Options {
    Options { seal_rows: 100_000, fan_in: 1000, ..options(folder) }
}

#[test]
fn what_is_found_stays_the_same_across_seal_restart_merge_and_damage() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, _) = open(quiet(folder.path()));
    send(&engine, 0..RECORDS);
    check(&engine, RECORDS, "in memory");
    engine.seal().expect("sealed");
    check(&engine, RECORDS, "in a segment");
    assert_eq!(files(folder.path()).len(), 1);
    drop(engine);

    let (engine, _) = open(quiet(folder.path()));
    check(&engine, RECORDS, "opened again");
    send(&engine, RECORDS..2 * RECORDS);
    check(&engine, 2 * RECORDS, "in a segment and in memory");
    engine.seal().expect("sealed");
    assert_eq!(files(folder.path()).len(), 2);
    drop(engine);

    let (engine, _) = open(Options { fan_in: 2, ..quiet(folder.path()) });
    engine.merge().expect("merged");
    check(&engine, 2 * RECORDS, "merged");
    let merged = files(folder.path());
    assert_eq!((engine.status().logs.segments, merged.len()), (1, 1));
    let all = std::fs::read_dir(folder.path().join("segments/default/logs")).expect("segments");
    let all = all.map(|entry| entry.expect("an entry").metadata().expect("a file").len());
    assert_eq!(engine.status().logs.segment_bytes, all.sum::<u64>(), "the index counts among the bytes of segments");
    drop(engine);
    let bytes = std::fs::read(&merged[0]).expect("read");

    for place in [0, 20, bytes.len() / 3, bytes.len() / 2, bytes.len() - 5] {
        let mut damaged = bytes.clone();
        damaged[place] ^= 0x40;
        std::fs::write(&merged[0], damaged).expect("written");
        let (engine, _) = open(quiet(folder.path()));
        check(&engine, 2 * RECORDS, &format!("with an index that is damaged at {place}"));
        assert_eq!(engine.status().quarantined, 0, "rows are read without it");
    }
    std::fs::remove_file(&merged[0]).expect("removed");
    let (engine, _) = open(quiet(folder.path()));
    check(&engine, 2 * RECORDS, "without its index");
    assert_eq!(engine.status().quarantined, 0);
}

#[test]
fn an_index_of_texts_leaves_with_its_segment() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, _) = open(quiet(folder.path()));
    send(&engine, 0..RECORDS);
    engine.seal().expect("sealed");
    assert_eq!(files(folder.path()).len(), 1);
    drop(engine);
    let (engine, _) = open(Options { max_bytes: Some(1), ..quiet(folder.path()) });
    assert_eq!(engine.expire().expect("expired"), 1);
    drop(engine);
    assert_eq!(files(folder.path()).len(), 0);
}
