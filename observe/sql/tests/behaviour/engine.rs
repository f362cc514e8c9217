//! An engine with a few rows, that notes what it is asked.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use arrow_array::builder::{FixedSizeBinaryBuilder, MapBuilder, MapFieldNames, StringBuilder, StringDictionaryBuilder};
use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, Float64Array, Int64Array, RecordBatch, TimestampNanosecondArray, UInt32Array, new_null_array,
};
use arrow_schema::{DataType, FieldRef};
use vitrine_observe_store::model::{SpanKind, StatusCode, Table};
use vitrine_observe_store::series::{Queryable, Snapshot};
use vitrine_observe_store::{
    Batches, Dependency, Operation, QueryError, RedQuery, RedRow, Scan, Scans, Series, Services, Tenant,
};

/// 2026-11-21T10:00:00Z in nanoseconds since 1970.
pub(crate) const TEN: i64 = 1_795_255_200_000_000_000;
pub(crate) const SECOND: i64 = 1_000_000_000;

/// A span of the test.
#[derive(Clone)]
pub(crate) struct Span {
    pub(crate) time: i64,
    pub(crate) duration: i64,
    pub(crate) trace: u8,
    pub(crate) span: u8,
    pub(crate) parent: Option<u8>,
    pub(crate) service: &'static str,
    pub(crate) name: &'static str,
    pub(crate) attributes: Vec<(&'static str, Option<&'static str>)>,
}

/// Three spans of two traces.
pub(crate) fn three() -> Vec<Span> {
    let span = Span {
        time: TEN,
        duration: 1_500_000,
        trace: 1,
        span: 1,
        parent: None,
        service: "cart",
        name: "GET /cart",
        attributes: vec![("http.route", Some("/cart")), ("n", Some("1"))],
    };
    vec![
        span.clone(),
        Span {
            time: TEN + 30 * SECOND,
            span: 2,
            parent: Some(1),
            service: "stock",
            name: "reserve",
            attributes: vec![],
            ..span.clone()
        },
        Span {
            time: TEN + 61 * SECOND,
            trace: 2,
            span: 3,
            service: "cart",
            name: "a, \"b\"\nc",
            attributes: vec![("http.route", None)],
            ..span
        },
    ]
}

fn ids(width: i32, ids: impl Iterator<Item = Option<u8>>) -> ArrayRef {
    let mut builder = FixedSizeBinaryBuilder::new(width);
    for id in ids {
        match id {
            Some(id) => builder.append_value([vec![0; width as usize - 1], vec![id]].concat()).expect("the width"),
            None => builder.append_null(),
        }
    }
    Arc::new(builder.finish())
}

fn words<'a>(words: impl Iterator<Item = &'a str>) -> ArrayRef {
    let mut builder = StringDictionaryBuilder::<Int32Type>::new();
    words.for_each(|word| builder.append_value(word));
    Arc::new(builder.finish())
}

fn maps<'a>(rows: impl Iterator<Item = &'a [(&'a str, Option<&'a str>)]>) -> ArrayRef {
    let names = MapFieldNames { entry: "entries".into(), key: "keys".into(), value: "values".into() };
    let mut builder = MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new());
    for row in rows {
        for (key, value) in row {
            builder.keys().append_value(key);
            builder.values().append_option(*value);
        }
        builder.append(true).expect("as many keys as values");
    }
    Arc::new(builder.finish())
}

/// The spans in the schema of the table.
pub(crate) fn batch(spans: &[Span]) -> RecordBatch {
    let schema = Table::Spans.schema();
    let null = |name: &str| new_null_array(schema.field_with_name(name).expect("a column").data_type(), spans.len());
    let columns: Vec<ArrayRef> = vec![
        Arc::new(TimestampNanosecondArray::from_iter_values(spans.iter().map(|s| s.time)).with_timezone("UTC")),
        Arc::new(Int64Array::from_iter_values(spans.iter().map(|s| s.duration))),
        ids(16, spans.iter().map(|s| Some(s.trace))),
        ids(8, spans.iter().map(|s| Some(s.span))),
        ids(8, spans.iter().map(|s| s.parent)),
        words(spans.iter().map(|s| s.service)),
        words(spans.iter().map(|s| s.name)),
        words(spans.iter().map(|_| "server")),
        words(spans.iter().map(|_| "unset")),
        null("status_message"),
        maps(spans.iter().map(|s| s.attributes.as_slice())),
        maps(spans.iter().map(|_| [].as_slice())),
        null("scope_name"),
        null("scope_version"),
        null("trace_state"),
        Arc::new(UInt32Array::from_iter_values(spans.iter().map(|_| 1))),
        none(spans.len()),
        none(spans.len()),
        none(spans.len()),
        maps(spans.iter().map(|_| [].as_slice())),
        null("resource_schema_url"),
        none(spans.len()),
        null("scope_schema_url"),
        none(spans.len()),
    ];
    RecordBatch::try_new(schema.clone(), columns).expect("the schema")
}

/// Counts of nothing.
fn none(rows: usize) -> ArrayRef {
    Arc::new(UInt32Array::from(vec![0; rows]))
}

/// A metric point of the test: its name, and its value, whole or not.
pub(crate) type Measured = (&'static str, Option<i64>, Option<f64>);

/// The points in the schema of the table, and nothing but their values in it.
pub(crate) fn points(points: &[Measured]) -> RecordBatch {
    let schema = Table::Metrics.schema();
    let column = |field: &FieldRef| -> ArrayRef {
        match field.name().as_str() {
            "time" => {
                let times = (0..points.len()).map(|second| TEN + second as i64 * SECOND);
                Arc::new(TimestampNanosecondArray::from_iter_values(times).with_timezone("UTC"))
            }
            "name" => words(points.iter().map(|(name, ..)| *name)),
            "value" => Arc::new(
                points
                    .iter()
                    .map(|(_, whole, real)| real.or(whole.map(|whole| whole as f64)))
                    .collect::<Float64Array>(),
            ),
            "value_int" => Arc::new(points.iter().map(|(_, whole, _)| *whole).collect::<Int64Array>()),
            _ if field.is_nullable() => new_null_array(field.data_type(), points.len()),
            _ if matches!(field.data_type(), DataType::Map(..)) => maps(points.iter().map(|_| [].as_slice())),
            _ if *field.data_type() == DataType::UInt32 => none(points.len()),
            _ => words(points.iter().map(|_| "")),
        }
    };
    let columns = schema.fields().iter().map(column).collect();
    RecordBatch::try_new(schema.clone(), columns).expect("the schema")
}

/// What was asked and done, for the test to look at.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) scans: Mutex<Vec<(String, Table, Scan)>>,
    pub(crate) red: Mutex<Vec<RedQuery>>,
    pub(crate) graphs: Mutex<Vec<(u64, u64)>>,
    pub(crate) batches: AtomicUsize,
    pub(crate) ended: AtomicUsize,
}

/// Batches of one table over and over.
pub(crate) struct TestEngine {
    pub(crate) batch: RecordBatch,
    /// Metric points, once.
    pub(crate) points: Option<RecordBatch>,
    pub(crate) repeat: usize,
    pub(crate) fail: Option<QueryError>,
    pub(crate) seen: Arc<Seen>,
}

impl TestEngine {
    pub(crate) fn new(spans: &[Span]) -> Self {
        Self { batch: batch(spans), points: None, repeat: 1, fail: None, seen: Arc::default() }
    }
}

/// Counts when it is dropped.
struct CountedBatches {
    seen: Arc<Seen>,
    left: usize,
    batch: RecordBatch,
}

impl Iterator for CountedBatches {
    type Item = Result<RecordBatch, QueryError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        self.seen.batches.fetch_add(1, Ordering::SeqCst);
        Some(Ok(self.batch.clone()))
    }
}

impl Drop for CountedBatches {
    fn drop(&mut self) {
        self.seen.ended.fetch_add(1, Ordering::SeqCst);
    }
}

impl Services for TestEngine {
    fn services(&self, _: &Tenant) -> Result<Vec<String>, QueryError> {
        Err(QueryError::Closed)
    }

    fn operations(&self, _: &Tenant, _: &str) -> Result<Vec<Operation>, QueryError> {
        Err(QueryError::Closed)
    }

    fn dependencies(&self, _: &Tenant, first: u64, last: u64) -> Result<Vec<Dependency>, QueryError> {
        self.seen.graphs.lock().expect("no panic").push((first, last));
        Ok(vec![Dependency { parent: "cart".into(), child: "stock".into(), calls: 7, errors: 1 }])
    }

    fn red(&self, _: &Tenant, query: &RedQuery) -> Result<Vec<RedRow>, QueryError> {
        self.seen.red.lock().expect("no panic").push(query.clone());
        let day = 24 * 3600 * SECOND as u64;
        let row = |days: u64, service: &str, status, count| RedRow {
            time_ns: days * day,
            service: service.into(),
            operation: Operation { name: "o".into(), kind: SpanKind::Server },
            status,
            count,
            duration_ns: 100 * count,
            buckets: vec![],
        };
        Ok(vec![
            row(20_000, "cart", StatusCode::Unset, 5),
            row(20_001, "cart", StatusCode::Error, 2),
            row(20_001, "stock", StatusCode::Ok, 1),
        ])
    }
}

impl Series for TestEngine {
    fn series(&self, _: &Tenant) -> Arc<dyn Queryable> {
        Arc::new(Snapshot::default())
    }
}

impl Scans for TestEngine {
    fn scan(&self, tenant: &Tenant, table: Table, scan: &Scan) -> Result<Batches, QueryError> {
        self.seen.scans.lock().expect("no panic").push((tenant.name().to_owned(), table, scan.clone()));
        if let Some(error) = &self.fail {
            return Err(error.clone());
        }
        let (batch, repeat) = match (table, &self.points) {
            (Table::Spans, _) => (&self.batch, self.repeat),
            (Table::Metrics, Some(points)) => (points, 1),
            _ => (&self.batch, 0),
        };
        let batch = match &scan.columns {
            Some(columns) if repeat > 0 => batch.project(columns).expect("columns that there are"),
            _ => batch.clone(),
        };
        Ok(Box::new(CountedBatches { seen: self.seen.clone(), left: repeat, batch }))
    }
}
