//! Bytes that are not what they should be: refused as a whole, or taken with what can be taken; never a panic, and never
//! half of a request.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use prost::Message;
use vitrine_observe_model::{Builder, Signal, SpanRow, Table, Value, batch};
use vitrine_observe_series::Head;

use crate::expected::ARRIVAL_NS;
use crate::points::{points, take};
use crate::requests;
use crate::roundtrip::{log_rows, span_rows};

/// Mutations of each request of the corpus.
const MUTATIONS: usize = 2000;
/// Random requests that join the committed ones.
const RANDOM: usize = 24;

/// A generator of numbers with a seed: xorshift.
struct SplitMix(u64);

impl SplitMix {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound.max(1)
    }
}

/// What prost says of a request: whether it takes it, or what it dislikes.
fn judged_by_prost(signal: Signal, bytes: &[u8]) -> Result<(), String> {
    match signal {
        Signal::Traces => ExportTraceServiceRequest::decode(bytes).map(drop),
        Signal::Logs => ExportLogsServiceRequest::decode(bytes).map(drop),
        Signal::Metrics => ExportMetricsServiceRequest::decode(bytes).map(drop),
    }
    .map_err(|error| error.to_string())
}

fn all_rows(builder: &Builder) -> Vec<String> {
    match builder.signal() {
        Signal::Traces => span_rows(builder).iter().map(|row| format!("{row:?}")).collect(),
        Signal::Logs => log_rows(builder).iter().map(|row| format!("{row:?}")).collect(),
        Signal::Metrics => Vec::new(),
    }
}

/// Requests written by hand, one a line: the signal and the bytes in hexadecimal.
fn committed(signal: Signal) -> Vec<Vec<u8>> {
    let name = format!("{signal:?}").to_lowercase();
    let lines = include_str!("corpus.txt").lines().filter(|line| !line.starts_with('#'));
    let lines = lines.filter_map(|line| line.split_once(' ')).filter(|(of, _)| *of == name);
    lines.map(|(_, text)| hex::decode(text).expect("hexadecimal")).collect()
}

fn corpus(signal: Signal) -> Vec<Vec<u8>> {
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]));
    let mut random = |strategy: &dyn Fn(&mut TestRunner) -> Vec<u8>| -> Vec<Vec<u8>> {
        (0..RANDOM).map(|_| strategy(&mut runner)).collect()
    };
    let mut all = match signal {
        Signal::Traces => {
            random(&|runner| requests::traces().new_tree(runner).expect("a tree").current().encode_to_vec())
        }
        Signal::Logs => random(&|runner| requests::logs().new_tree(runner).expect("a tree").current().encode_to_vec()),
        Signal::Metrics => {
            random(&|runner| requests::metrics().new_tree(runner).expect("a tree").current().encode_to_vec())
        }
    };
    all.extend(committed(signal));
    all
}

fn mutate(bytes: &mut Vec<u8>, rng: &mut SplitMix) {
    for _ in 0..=rng.below(3) {
        let place = rng.below(bytes.len());
        match rng.below(6) {
            0 => bytes.truncate(place),
            1 if !bytes.is_empty() => bytes[place] ^= 1 << rng.below(8),
            2 if !bytes.is_empty() => bytes[place] = [0, 0x7F, 0x80, 0xFF, 0x0B, 0x0C][rng.below(6)],
            3 => bytes.insert(place, rng.below(256) as u8),
            4 if !bytes.is_empty() => drop(bytes.remove(place)),
            _ => {
                let end = (place + rng.below(40)).min(bytes.len());
                let part = bytes[place.min(end)..end].to_vec();
                let target = rng.below(bytes.len());
                bytes.splice(target..target, part);
            }
        }
    }
}

fn fuzz(signal: Signal) {
    let mut rng = SplitMix(0x5EED_0000 + signal as u64);
    let mut builder = Builder::new(signal);
    let (mut taken, mut refused, mut lenient) = (0, 0, 0);
    for request in corpus(signal) {
        builder.append(&request, ARRIVAL_NS).expect("the corpus is sound");
        for _ in 0..MUTATIONS {
            let mut bytes = request.clone();
            mutate(&mut bytes, &mut rng);
            let before = builder.columns().rows;
            let by_prost = judged_by_prost(signal, &bytes);
            match builder.append(&bytes, ARRIVAL_NS) {
                Ok(appended) => {
                    taken += 1;
                    assert_eq!(builder.columns().rows, before + appended.taken as usize);
                    lenient += usize::from(by_prost.is_err_and(|reason| !reason.contains("UTF-8")));
                }
                Err(malformed) => {
                    refused += 1;
                    assert_eq!(builder.columns().rows, before);
                    assert!(by_prost.is_err(), "{malformed}: {bytes:02x?}");
                    assert!(malformed.offset <= bytes.len(), "{malformed}");
                }
            }
            let rows = builder.columns().rows;
            assert!(builder.columns().flat.iter().all(|column| column.data.len() == rows));
            assert!(builder.columns().lists.iter().all(|list| list.offsets.len() == rows + 1));
        }
        let rows = all_rows(&builder);
        assert_eq!(rows.len(), builder.columns().rows);
        let table = if signal == Signal::Traces { Table::Spans } else { Table::Logs };
        batch(table, builder.columns(), None).expect("a small batch");
        builder.clear();
    }
    assert!(taken > 500 && refused > 500, "{taken} taken, {refused} refused");
    // What prost refuses and we take: texts that are not UTF-8; and insides that no one looks at, because a later field
    // of the same name replaces them.
    assert!(lenient * 20 < taken, "{lenient} of {taken}");
}

#[test]
fn mutated_traces_are_taken_or_refused_as_a_whole() {
    fuzz(Signal::Traces);
}

#[test]
fn mutated_logs_are_taken_or_refused_as_a_whole() {
    fuzz(Signal::Logs);
}

#[test]
fn mutated_metrics_are_taken_or_refused_as_a_whole() {
    let mut rng = SplitMix(0x5EED_0002);
    let (mut taken, mut refused) = (0, 0);
    for request in corpus(Signal::Metrics) {
        let head = Head::new(100_000);
        take(&head, &request).expect("the corpus is sound");
        for _ in 0..MUTATIONS {
            let mut bytes = request.clone();
            mutate(&mut bytes, &mut rng);
            let before = head.status().samples;
            match take(&head, &bytes) {
                Ok(_) => taken += 1,
                Err(malformed) => {
                    refused += 1;
                    assert_eq!(head.status().samples, before);
                    assert!(judged_by_prost(Signal::Metrics, &bytes).is_err(), "{malformed}: {bytes:02x?}");
                    assert!(malformed.offset <= bytes.len(), "{malformed}");
                }
            }
        }
        let (batch, series) = points(&head);
        assert_eq!(batch.num_rows() > 0, !series.is_empty(), "what is a series has rows");
    }
    assert!(taken > 500 && refused > 500, "{taken} taken, {refused} refused");
}

/// A field with a length.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    prost::encoding::encode_varint(content.len() as u64, &mut bytes);
    bytes.extend_from_slice(content);
    bytes
}

fn ids() -> Vec<u8> {
    [field(1, &[1; 16]), field(2, &[2; 8])].concat()
}

/// A request with one span of these fields.
fn with_span(fields: &[u8]) -> Vec<u8> {
    field(1, &field(2, &field(2, &[ids(), fields.to_vec()].concat())))
}

fn one(request: &[u8]) -> SpanRow {
    let mut builder = Builder::new(Signal::Traces);
    assert_eq!(builder.append(request, ARRIVAL_NS).expect("a sound request").taken, 1);
    SpanRow::from_columns(builder.columns(), 0)
}

#[test]
fn what_is_malformed_is_named_with_its_place() {
    let cases: [(&[u8], usize, &str); 9] = [
        (&[0x0A], 1, "a varint without an end"),
        (&[0x0A, 0x05, 0x0A], 2, "a length that goes past the end"),
        (&[0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02], 1, "a varint of more than 64 bits"),
        (&[0x08, 0x01], 1, "a field of the wrong wire type"),
        (&[0x00], 1, "a field with the number 0"),
        (&[0x1C], 1, "the end of a group that did not begin"),
        (&[0x1B, 0x08], 2, "a varint without an end"),
        (&[0x1F], 1, "an unknown wire type"),
        (&[0x19, 0x00], 1, "a number of 8 bytes that is cut off"),
    ];
    for (bytes, offset, problem) in cases {
        let malformed = Builder::new(Signal::Traces).append(bytes, ARRIVAL_NS).expect_err("malformed");
        assert_eq!((malformed.offset, malformed.problem), (offset, problem), "{bytes:02x?}");
    }
    let groups = [vec![0x1B; 100_000], vec![0x1C; 100_000]].concat();
    assert!(Builder::new(Signal::Traces).append(&groups, ARRIVAL_NS).is_err(), "groups nested too deep");
}

#[test]
fn a_malformed_request_leaves_nothing_of_itself() {
    let mut builder = Builder::new(Signal::Traces);
    builder.append(&with_span(&field(5, b"first")), ARRIVAL_NS).expect("a sound request");
    let mut half = with_span(&field(5, b"second"));
    half.extend_from_slice(&[0x0A, 0x05]);
    builder.append(&half, ARRIVAL_NS).expect_err("cut off");
    builder.append(&with_span(&field(5, b"third")), ARRIVAL_NS).expect("a sound request");
    let names: Vec<String> = span_rows(&builder).into_iter().map(|row| row.name).collect();
    assert_eq!(names, ["first", "third"]);
    builder.truncate(1);
    assert_eq!(span_rows(&builder).len(), 1);
}

#[test]
fn the_resource_may_stand_behind_its_scopes_and_fields_may_repeat() {
    let name = |name: &[u8]| field(1, &[field(1, b"service.name"), field(2, &field(1, name))].concat());
    let scope =
        field(2, &[field(2, &[ids(), field(5, b"a"), field(5, b"b")].concat()), field(1, &field(1, b"lib"))].concat());
    let request = field(1, &[scope, field(1, &name(b"carts"))].concat());
    let row = one(&request);
    assert_eq!((row.service.as_str(), row.name.as_str(), row.scope.name.as_str()), ("carts", "b", "lib"));
}

#[test]
fn what_is_not_utf_8_is_replaced() {
    let attribute = field(9, &[field(1, b"k\xFF"), field(2, &field(1, b"v\xFE"))].concat());
    let row = one(&with_span(&[field(5, b"name\xFF"), attribute].concat()));
    assert_eq!(row.name, "name\u{FFFD}");
    assert_eq!(
        (row.attributes[0].key.as_str(), &row.attributes[0].value),
        ("k\u{FFFD}", &Value::String("v\u{FFFD}".into()))
    );
}

#[test]
fn values_may_be_nested_only_so_deep() {
    let mut value = field(1, b"leaf");
    for _ in 0..10_000 {
        value = field(5, &field(1, &value));
    }
    let row = one(&with_span(&field(9, &[field(1, b"deep"), field(2, &value)].concat())));
    let mut depth = 0;
    let mut value = &row.attributes[0].value;
    while let Value::Array(items) = value {
        (depth, value) = (depth + 1, &items[0]);
    }
    assert_eq!((depth, value), (32, &Value::String("(nested deeper than 32 levels)".into())));
}

#[test]
fn odd_times_are_kept_as_far_as_they_go() {
    let times = |start: u64, end: u64| {
        let mut bytes = vec![0x39];
        bytes.extend_from_slice(&start.to_le_bytes());
        bytes.push(0x41);
        bytes.extend_from_slice(&end.to_le_bytes());
        one(&with_span(&bytes))
    };
    let row = times(1_000, 400);
    assert_eq!((row.start_ns, row.end_ns, row.duration_ns()), (1_000, 400, 0));
    let row = times(1, u64::MAX);
    assert_eq!((row.start_ns, row.end_ns), (1, i64::MAX as u64));
    let row = times(u64::MAX, 1);
    assert_eq!((row.start_ns, row.end_ns), (i64::MAX as u64, 1));
    // 0 is no time: what is known of one end is the best that is known of the other.
    for (start, end) in [(0, u64::MAX), (u64::MAX, 0)] {
        let row = times(start, end);
        assert_eq!((row.start_ns, row.end_ns), (i64::MAX as u64, i64::MAX as u64));
    }
    let row = times(0, 0);
    assert_eq!((row.start_ns, row.end_ns), (ARRIVAL_NS, ARRIVAL_NS));
}

#[test]
fn what_is_refused_does_not_pile_up() {
    let mut builder = Builder::new(Signal::Traces);
    for number in 0..40u8 {
        let mut request = with_span(&field(5, &vec![b'a' + number % 26; 1 << 20]));
        request[20..28].fill(number);
        request.extend_from_slice(&[0x0A, 0x05]);
        builder.append(&request, ARRIVAL_NS).expect_err("cut off");
    }
    assert!(builder.bytes() < 40 << 20, "{} bytes held of nothing", builder.bytes());
}
