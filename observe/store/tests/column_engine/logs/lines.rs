//! Records and filters of chance.

use std::ops::Bound;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Proto;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use proptest::prelude::{Just, Strategy, any};
use proptest::prop_oneof;
use proptest::sample::select;
use prost::Message;
use vitrine_observe_columns::TextTest;
use vitrine_observe_store::Signal;
use vitrine_observe_store::model::{Builder, LogField, LogFilter, LogRow, LogTest, Value};
use vitrine_observe_text::TextMatch;

use crate::support::{BEGIN_NS, SECOND, id, text};

/// The fields that records have, and some that they do not.
pub static FIELDS: LazyLock<Vec<LogField>> = LazyLock::new(|| {
    let named: [fn(String) -> LogField; 3] = [LogField::Attribute, LogField::Named, LogField::Resource];
    let keyed =
        named.into_iter().flat_map(|field| ["status", "user", "host", "rare 3"].map(|key| field(key.to_owned())));
    let fixed = [
        LogField::Time,
        LogField::ObservedTime,
        LogField::Severity,
        LogField::SeverityText,
        LogField::Service,
        LogField::Body,
        LogField::EventName,
        LogField::TraceId,
        LogField::SpanId,
        LogField::ScopeName,
        LogField::Scope("host".to_owned()),
    ];
    fixed.into_iter().chain(keyed).collect()
});

/// Texts that values are, or hold.
const TEXTS: [&str; 14] =
    ["cart", "card declined", "Card", "200", "404", "1.5", "1", "true", "null", "", "\"quoted\"", "7", "error", "NaN"];

/// A record as the tests think of it.
#[derive(Debug, Clone)]
pub struct Line {
    seconds: u64,
    service: u8,
    severity: u8,
    body: Option<Proto>,
    attributes: Vec<(String, Option<Proto>)>,
    trace: u8,
}

impl Line {
    /// A record of this time, which is told from others by its number.
    pub fn plain(seconds: u64, number: i64) -> Self {
        let attributes = vec![("number".to_owned(), Some(Proto::IntValue(number)))];
        let body = Some(Proto::StringValue("line".to_owned()));
        Self { seconds, service: 1, severity: 9, body, attributes, trace: 0 }
    }

    fn proto(&self) -> LogRecord {
        let attributes = self.attributes.iter().map(|(key, value)| {
            let value = value.clone().map(|value| AnyValue { value: Some(value) });
            KeyValue { key: key.clone(), value, ..KeyValue::default() }
        });
        let has_trace = self.trace % 2 == 1;
        LogRecord {
            time_unix_nano: BEGIN_NS + self.seconds * SECOND,
            observed_time_unix_nano: if has_trace { BEGIN_NS } else { 0 },
            severity_number: self.severity.into(),
            severity_text: if self.severity > 8 { "Error".to_owned() } else { String::new() },
            body: self.body.clone().map(|value| AnyValue { value: Some(value) }),
            attributes: attributes.collect(),
            trace_id: if has_trace { id(self.trace).0.to_vec() } else { Vec::new() },
            span_id: if has_trace { 7u64.to_be_bytes().to_vec() } else { Vec::new() },
            event_name: if self.trace % 3 == 1 { "cart".to_owned() } else { String::new() },
            ..LogRecord::default()
        }
    }

    fn service(&self) -> String {
        format!("service {}", self.service)
    }
}

/// A request with these records.
pub fn request(lines: &[Line]) -> Bytes {
    let group = |lines: &[Line]| {
        let mut resource = vec![text("service.name", &lines[0].service())];
        if lines[0].service > 0 {
            resource.push(text("host", TEXTS[usize::from(lines[0].service)]));
        }
        let scope = InstrumentationScope {
            name: "lib".to_owned(),
            attributes: if lines[0].service == 2 { Vec::new() } else { vec![text("host", "true")] },
            ..InstrumentationScope::default()
        };
        let records = lines.iter().map(Line::proto).collect();
        let scope_logs = vec![ScopeLogs { scope: Some(scope), log_records: records, ..ScopeLogs::default() }];
        let resource = Some(Resource { attributes: resource, ..Resource::default() });
        ResourceLogs { resource, scope_logs, ..ResourceLogs::default() }
    };
    let resource_logs = lines.chunk_by(|a, b| a.service == b.service).map(group).collect();
    ExportLogsServiceRequest { resource_logs }.encode_to_vec().into()
}

/// The records of a request, whole.
pub fn rows_of(request: &[u8]) -> Vec<LogRow> {
    let mut builder = Builder::new(Signal::Logs);
    builder.append(request, BEGIN_NS).expect("a valid request");
    (0..builder.columns().rows).map(|row| LogRow::from_columns(builder.columns(), row)).collect()
}

/// Bytes of a record's message as it is kept. The bodies of the tests are the same in JSON and as text.
pub fn body_bytes(row: &LogRow) -> u64 {
    match &row.body {
        Value::Empty => 0,
        body => body.text().len() as u64,
    }
}

fn some_text() -> impl Strategy<Value = String> {
    select(&TEXTS[..]).prop_map(str::to_owned)
}

fn value() -> impl Strategy<Value = Proto> {
    prop_oneof![
        3 => some_text().prop_map(Proto::StringValue),
        3 => select(&[200i64, 404, 7, 1, -5, i64::MAX][..]).prop_map(Proto::IntValue),
        2 => select(&[1.5f64, 200.0, f64::NAN, 1e300, -0.25][..]).prop_map(Proto::DoubleValue),
        1 => any::<bool>().prop_map(Proto::BoolValue),
    ]
}

fn body() -> impl Strategy<Value = Option<Proto>> {
    let object = some_text().prop_map(|value| KeyValueList { values: vec![text("message", &value)] });
    prop_oneof![
        5 => some_text().prop_map(|text| Some(Proto::StringValue(text))),
        1 => object.prop_map(|object| Some(Proto::KvlistValue(object))),
        1 => Just(Some(Proto::IntValue(200))),
        1 => Just(None),
    ]
}

fn attributes() -> impl Strategy<Value = Vec<(String, Option<Proto>)>> {
    let optional = |key: &'static str| proptest::option::weighted(0.8, (Just(key.to_owned()), value()));
    let rare = proptest::option::weighted(0.3, (0u8..8, proptest::option::of(value())));
    (optional("status"), optional("user"), proptest::option::weighted(0.2, (Just("host".to_owned()), value())), rare)
        .prop_map(|(status, user, host, rare)| {
            let given = [status, user, host].into_iter().flatten().map(|(key, value)| (key, Some(value)));
            given.chain(rare.map(|(number, value)| (format!("rare {number}"), value))).collect()
        })
}

pub fn line() -> impl Strategy<Value = Line> {
    (0u64..40, 0u8..3, 0u8..12, body(), attributes(), 0u8..8).prop_map(
        |(seconds, service, severity, body, attributes, trace)| {
            // Many of the same time, and some minutes apart.
            let seconds = if seconds < 20 { 100 + seconds % 3 } else { seconds * 70 };
            Line { seconds, service, severity, body, attributes, trace }
        },
    )
}

fn text_test() -> impl Strategy<Value = TextTest> {
    let matches = prop_oneof![
        some_text().prop_map(TextMatch::Contains),
        some_text().prop_map(TextMatch::ContainsFolded),
        some_text().prop_map(|text| TextMatch::phrase(&text.to_lowercase())),
        Just(TextMatch::WordPrefix("c".to_owned())),
        Just(TextMatch::Fuzzy { word: "cat".to_owned(), distance: 1 }),
    ];
    prop_oneof![
        3 => some_text().prop_map(TextTest::Equal),
        1 => Just(TextTest::Equal(id(3).to_string())),
        1 => Just(TextTest::Equal(format!("service {}", 1))),
        2 => proptest::collection::vec(some_text(), 0..4).prop_map(TextTest::OneOf),
        3 => matches.prop_map(|wanted| TextTest::Match(Arc::new(wanted))),
        1 => (0usize..20).prop_map(|length| TextTest::Where(Arc::new(move |text| text.len() > length))),
    ]
}

fn bound() -> impl Strategy<Value = Bound<f64>> {
    let number = prop_oneof![
        select(&[1.0f64, 1.5, 7.0, 200.0, 404.0, f64::INFINITY, f64::NAN][..]),
        Just(BEGIN_NS as f64 + 101e9),
    ];
    (number, 0u8..4).prop_map(|(number, kind)| match kind {
        0 => Bound::Unbounded,
        1 => Bound::Excluded(number),
        _ => Bound::Included(number),
    })
}

fn field_test() -> impl Strategy<Value = LogFilter> {
    let test = prop_oneof![
        1 => Just(LogTest::Exists),
        4 => text_test().prop_map(LogTest::Text),
        2 => (bound(), bound()).prop_map(|(low, high)| LogTest::Number(low, high)),
        1 => any::<bool>().prop_map(LogTest::Bool),
    ];
    let field = prop_oneof![6 => select(FIELDS.clone()), 1 => Just(LogField::Any)];
    (field, test).prop_map(|(field, test)| LogFilter::Field(field, test))
}

pub fn filter() -> impl Strategy<Value = LogFilter> {
    field_test().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(LogFilter::All),
            proptest::collection::vec(inner.clone(), 0..4).prop_map(LogFilter::Any),
            inner.prop_map(|filter| LogFilter::Not(Box::new(filter))),
        ]
    })
}
