//! Metric points as rows: what columns of them say, though series are what is kept.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type, TimestampNanosecondType, UInt64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint, Metric,
    NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint, exemplar, metric,
    number_data_point,
};
use prost::Message;
use vitrine_observe_store::model::Table;
use vitrine_observe_store::{ColumnEngine, MapEntry, Options, Scan, Scans, Signal, Tenant};

use crate::series::{send, series};
use crate::support::{BEGIN_NS, SECOND, id, metric_request, open, options, resource, text, write};

/// A whole number that no double is.
const ODD: i64 = 9_007_199_254_740_993;

fn metric(name: &str, data: metric::Data) -> Metric {
    let (name, unit) = (name.to_owned(), "s".to_owned());
    Metric { name, unit, description: "what it means".to_owned(), data: Some(data), ..Metric::default() }
}

fn number(time: u64, value: number_data_point::Value) -> NumberDataPoint {
    NumberDataPoint {
        time_unix_nano: time,
        start_time_unix_nano: BEGIN_NS - SECOND,
        attributes: vec![text("http.route", "/cart")],
        value: Some(value),
        ..NumberDataPoint::default()
    }
}

/// A point of each kind.
fn all_kinds(time: u64) -> Bytes {
    use number_data_point::Value::{AsDouble, AsInt};
    let sum = |points| Sum { data_points: points, aggregation_temporality: 1, is_monotonic: true };
    let exemplar = Exemplar {
        time_unix_nano: time,
        trace_id: id(1).0.to_vec(),
        span_id: 7u64.to_be_bytes().to_vec(),
        value: Some(exemplar::Value::AsDouble(0.25)),
        filtered_attributes: vec![text("user", "u1")],
    };
    let explicit = HistogramDataPoint {
        time_unix_nano: time,
        count: 6,
        sum: Some(12.5),
        bucket_counts: vec![1, 0, 5],
        explicit_bounds: vec![0.5, 1.0],
        min: Some(0.25),
        max: Some(4.0),
        exemplars: vec![exemplar],
        ..HistogramDataPoint::default()
    };
    let side = |offset, counts: &[u64]| Some(Buckets { offset, bucket_counts: counts.to_vec() });
    let exponential = ExponentialHistogramDataPoint {
        time_unix_nano: time,
        count: 7,
        sum: Some(9.0),
        scale: 3,
        zero_count: 1,
        positive: side(-4, &[2, 0, 3]),
        negative: side(2, &[1]),
        ..ExponentialHistogramDataPoint::default()
    };
    let quantile = |quantile, value| ValueAtQuantile { quantile, value };
    let summary = SummaryDataPoint {
        time_unix_nano: time,
        count: 3,
        sum: 6.0,
        quantile_values: vec![quantile(0.5, 2.0), quantile(0.99, 3.0)],
        ..SummaryDataPoint::default()
    };
    let ended = NumberDataPoint { flags: 1, ..number(time, AsDouble(0.0)) };
    let metrics = vec![
        metric("odd", metric::Data::Sum(sum(vec![number(time, AsInt(ODD))]))),
        metric("most", metric::Data::Sum(sum(vec![number(time, AsInt(i64::MAX))]))),
        metric("least", metric::Data::Gauge(Gauge { data_points: vec![number(time, AsInt(i64::MIN))] })),
        metric("half", metric::Data::Gauge(Gauge { data_points: vec![number(time, AsDouble(0.5))] })),
        metric("large", metric::Data::Gauge(Gauge { data_points: vec![number(time, AsDouble(1e18))] })),
        metric("ended", metric::Data::Gauge(Gauge { data_points: vec![ended] })),
        metric(
            "explicit",
            metric::Data::Histogram(Histogram { data_points: vec![explicit], aggregation_temporality: 2 }),
        ),
        metric(
            "exponential",
            metric::Data::ExponentialHistogram(ExponentialHistogram {
                data_points: vec![exponential],
                aggregation_temporality: 2,
            }),
        ),
        metric("summary", metric::Data::Summary(Summary { data_points: vec![summary] })),
    ];
    let scope = InstrumentationScope { name: "meter".to_owned(), version: "1".to_owned(), ..Default::default() };
    let scope_metrics = vec![ScopeMetrics { scope: Some(scope), metrics, schema_url: "of scope".to_owned() }];
    let resource_metrics =
        vec![ResourceMetrics { resource: resource("shop"), scope_metrics, schema_url: "of resource".to_owned() }];
    ExportMetricsServiceRequest { resource_metrics }.encode_to_vec().into()
}

/// A value of a row as text; `-` for none.
fn shown(column: &ArrayRef, row: usize) -> String {
    if column.is_null(row) {
        return "-".to_owned();
    }
    let list = |items: &ArrayRef| (0..items.len()).map(|item| shown(items, item)).collect::<Vec<_>>().join(" ");
    if let Some(words) = column.as_dictionary_opt::<Int32Type>() {
        return words.values().as_string::<i32>().value(words.key(row).expect("a key")).to_owned();
    }
    if let Some(texts) = column.as_string_opt::<i32>() {
        return texts.value(row).to_owned();
    }
    if let Some(numbers) = column.as_primitive_opt::<Float64Type>() {
        return numbers.value(row).to_string();
    }
    if let Some(numbers) = column.as_primitive_opt::<Int64Type>() {
        return numbers.value(row).to_string();
    }
    if let Some(numbers) = column.as_primitive_opt::<UInt64Type>() {
        return numbers.value(row).to_string();
    }
    if let Some(times) = column.as_primitive_opt::<TimestampNanosecondType>() {
        return (times.value(row) - BEGIN_NS as i64).to_string();
    }
    if let Some(maps) = column.as_map_opt() {
        let entries = maps.value(row);
        let (keys, values) = (entries.column(0).clone(), entries.column(1).clone());
        let pairs = (0..keys.len()).map(|at| format!("{}={}", shown(&keys, at), shown(&values, at)));
        return pairs.collect::<Vec<_>>().join(",");
    }
    if let Some(lists) = column.as_list_opt::<i32>() {
        return list(&lists.value(row));
    }
    if let Some(bytes) = column.as_fixed_size_binary_opt() {
        return bytes.value(row).iter().map(|byte| format!("{byte:02x}")).collect();
    }
    column.as_boolean().value(row).to_string()
}

fn batches(engine: &ColumnEngine, table: Table, scan: &Scan) -> Vec<RecordBatch> {
    let batches = engine.scan(&Tenant::default(), table, scan).expect("it can be read");
    batches.map(|batch| batch.expect("a batch")).collect()
}

/// These columns of all rows, in order.
fn rows(engine: &ColumnEngine, table: Table, columns: &[&str], scan: Scan) -> Vec<String> {
    let schema = table.schema();
    let places = columns.iter().map(|column| schema.index_of(column).expect("a column")).collect();
    let mut rows = Vec::new();
    for batch in batches(engine, table, &Scan { columns: Some(places), ..scan }) {
        let row = |row| batch.columns().iter().map(|column| shown(column, row)).collect::<Vec<_>>().join("|");
        rows.extend((0..batch.num_rows()).map(row));
    }
    rows.sort();
    rows
}

/// Looks at what is in memory, in files, and after a restart.
fn wherever(fill: impl Fn(&ColumnEngine), check: impl Fn(&ColumnEngine)) {
    let folder = tempfile::tempdir().expect("a folder");
    {
        let (engine, _clock) = open(options(folder.path()));
        fill(&engine);
        check(&engine);
        engine.seal().expect("sealed");
        check(&engine);
    }
    let (engine, _clock) = open(options(folder.path()));
    check(&engine);
}

#[test]
fn points_of_all_kinds_are_rows_as_they_were_sent() {
    let fill = |engine: &ColumnEngine| {
        write(engine, &Tenant::default(), Signal::Metrics, all_kinds(BEGIN_NS)).expect("taken");
    };
    wherever(fill, |engine| {
        let of = |columns: &[&str]| rows(engine, Table::Metrics, columns, Scan::default());
        assert_eq!(
            of(&["name", "kind", "temporality", "monotonic", "value", "value_int"]),
            [
                "ended|gauge|-|-|-|-",
                "explicit|histogram|cumulative|-|-|-",
                "exponential|exponential_histogram|cumulative|-|-|-",
                "half|gauge|-|-|0.5|-",
                "large|gauge|-|-|1000000000000000000|-",
                "least|gauge|-|-|-9223372036854776000|-9223372036854775808",
                "most|sum|delta|true|9223372036854776000|9223372036854775807",
                "odd|sum|delta|true|9007199254740992|9007199254740993",
                "summary|summary|-|-|-|-",
            ]
        );
        assert_eq!(
            of(&["name", "count", "sum", "min", "max", "bounds", "bucket_counts", "quantiles", "quantile_values"])
                [1..3],
            ["explicit|6|12.5|0.25|4|0.5 1|1 0 5|-|-", "exponential|7|9|-|-|-|2 0 3|-|-"]
        );
        assert_eq!(of(&["name", "count", "sum", "quantiles", "quantile_values"])[8], "summary|3|6|0.5 0.99|2 3");
        assert_eq!(
            of(&[
                "scale",
                "zero_count",
                "zero_threshold",
                "positive_offset",
                "negative_offset",
                "negative_bucket_counts"
            ])[8],
            "3|1|0|-4|2|1"
        );
        assert_eq!(
            of(&["name", "time", "start_time", "unit", "service", "description", "attributes", "resource"])[3],
            "half|0|-1000000000|s|shop|what it means|http.route=/cart|service.name=shop"
        );
        assert_eq!(
            of(&["name", "scope_name", "scope_version", "resource_schema_url", "scope_schema_url"])[0],
            "ended|meter|1|of resource|of scope"
        );
        // Columns without those that they are beside.
        assert_eq!(of(&["value_int"]).iter().filter(|value| *value == "9007199254740993").count(), 1);
        assert_eq!(
            batches(engine, Table::Metrics, &Scan::default()).iter().map(RecordBatch::num_rows).sum::<usize>(),
            9
        );
        let exemplars = rows(
            engine,
            Table::Exemplars,
            &["name", "service", "time", "value", "span_id", "attributes", "point_attributes", "resource"],
            Scan::default(),
        );
        assert_eq!(exemplars, ["explicit|shop|0|0.25|0000000000000007|user=u1||service.name=shop"]);
    });
}

#[test]
fn series_are_rows_once_each() {
    let fill = |engine: &ColumnEngine| {
        for (step, value) in [(0, 1.0), (15_000, 2.0)] {
            send(engine, &Tenant::default(), &[series("up", &[(step, value)])]).expect("taken");
        }
        write(engine, &Tenant::default(), Signal::Metrics, all_kinds(BEGIN_NS)).expect("taken");
    };
    wherever(fill, |engine| {
        let of = |columns: &[&str], scan| rows(engine, Table::Series, columns, scan);
        let all = of(&["name", "kind", "labels", "samples", "first_time", "last_time"], Scan::default());
        // A summary is four series; what is beside others is none.
        assert_eq!(all.len(), 13, "{all:#?}");
        assert!(all.contains(&"up|gauge|__name__=up,job=j|2|0|15000000000".to_owned()), "{all:#?}");
        let explicit = "explicit|histogram|__name__=explicit_seconds,job=shop|1|0|0".to_owned();
        assert!(all.contains(&explicit), "{all:#?}");
        let entry = |key: &str, value: &str| MapEntry { map: "labels".into(), key: key.into(), value: value.into() };
        let with = |entries| of(&["name"], Scan { entries, ..Scan::default() });
        assert_eq!(with(vec![entry("job", "j")]), ["up"]);
        assert_eq!(with(vec![entry("__name__", "explicit_seconds")]), ["explicit"]);
        assert_eq!(with(vec![entry("http_route", "/cart"), entry("__name__", "half_seconds")]), ["half"]);
        assert_eq!(with(vec![entry("job", "nobody")]), [""; 0]);
        let up = Scan { names: Some(vec!["up".into()]), ..Scan::default() };
        assert_eq!(rows(engine, Table::Metrics, &["name", "service", "attributes", "value"], up).len(), 2);
    });
}

#[test]
fn only_what_is_asked_for_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, _clock) = open(options(folder.path()));
    for minute in 0..5 {
        let time = BEGIN_NS + minute * 60 * SECOND;
        write(&engine, &Tenant::default(), Signal::Metrics, all_kinds(time)).expect("taken");
        write(&engine, &Tenant::default(), Signal::Metrics, metric_request("cart", "queue.total", time, 7))
            .expect("taken");
        engine.seal().expect("sealed");
    }
    let names = |scan| rows(&engine, Table::Metrics, &["name"], scan);
    let of = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
    assert_eq!(names(Scan { names: of(&["queue.total"]), ..Scan::default() }), ["queue.total"; 5]);
    assert_eq!(names(Scan { services: of(&["cart"]), ..Scan::default() }), ["queue.total"; 5]);
    assert_eq!(names(Scan { names: of(&["summary"]), ..Scan::default() }), ["summary"; 5]);
    assert_eq!(names(Scan { names: of(&["explicit", "nothing"]), ..Scan::default() }), ["explicit"; 5]);
    let minute = |from: u64, to: u64| Some((BEGIN_NS + from * 60 * SECOND, BEGIN_NS + to * 60 * SECOND));
    let last = Scan { names: of(&["odd"]), time_ns: minute(3, 4), ..Scan::default() };
    assert_eq!(names(last), ["odd"; 2]);
    let entry = MapEntry { map: "attributes".into(), key: "http.route".into(), value: "/cart".into() };
    let with = Scan { entries: vec![entry], time_ns: minute(0, 0), ..Scan::default() };
    assert_eq!(names(with), ["ended", "half", "large", "least", "most", "odd"]);
    assert_eq!(names(Scan { services: of(&["nobody"]), ..Scan::default() }), [""; 0]);
}

/// A folder of an earlier release, which kept each point as a row and as a series: three minutes of [`all_kinds`].
fn old_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/old");
    for (name, to) in [("rows.parquet", "metrics/0000000000.parquet"), ("points.series", "series/0000000001.series")] {
        let to = folder.path().join("segments/default").join(to);
        std::fs::create_dir_all(to.parent().expect("a folder")).expect("made");
        std::fs::copy(from.join(name), to).expect("copied");
    }
    std::fs::copy(from.join("catalogue.json"), folder.path().join("catalogue.json")).expect("copied");
    folder
}

#[test]
fn points_of_earlier_releases_are_told_of_once() {
    let columns =
        ["name", "kind", "time", "value", "value_int", "count", "sum", "min", "max", "attributes", "resource"];
    let sent = {
        let folder = tempfile::tempdir().expect("a folder");
        let (engine, _clock) = open(options(folder.path()));
        for minute in 0..3 {
            let time = BEGIN_NS + minute * 60 * SECOND;
            write(&engine, &Tenant::default(), Signal::Metrics, all_kinds(time)).expect("taken");
        }
        rows(&engine, Table::Metrics, &columns, Scan::default())
    };
    assert_eq!(sent.len(), 27);
    let folder = old_folder();
    let (engine, _clock) = open(options(folder.path()));
    let found = rows(&engine, Table::Metrics, &columns, Scan::default());
    assert_eq!(found.len(), 27, "each once: {found:#?}");
    let names = |rows: &[String]| -> Vec<String> {
        rows.iter().map(|row| row.split('|').take(3).collect::<Vec<_>>().join("|")).collect()
    };
    assert_eq!(names(&found), names(&sent));
    assert_eq!(rows(&engine, Table::Exemplars, &["name", "time"], Scan::default()).len(), 3);
    // New points come beside them.
    write(&engine, &Tenant::default(), Signal::Metrics, all_kinds(BEGIN_NS + 180 * SECOND)).expect("taken");
    assert_eq!(rows(&engine, Table::Metrics, &["name"], Scan::default()).len(), 36);
    assert_eq!(engine.merge().expect("merged"), 0, "rows stay as they are");
    drop(engine);
    // A release that had no series yet.
    let folder = old_folder();
    let path = folder.path().join("catalogue.json");
    let text = std::fs::read_to_string(&path).expect("read");
    let (body, _) = text.split_once(",\"series\":").expect("series");
    let body = format!("{body}}}");
    std::fs::write(&path, format!("{body}\n{:08x}\n", crc32fast::hash(body.as_bytes()))).expect("written");
    let (engine, manual) = open(Options { retention: Some(Duration::from_secs(3600)), ..options(folder.path()) });
    let found = rows(&engine, Table::Metrics, &columns, Scan::default());
    // A row of a point without a value has the 0 that its sender wrote.
    let with_values =
        |rows: &[String]| -> Vec<String> { rows.iter().filter(|row| !row.starts_with("ended")).cloned().collect() };
    assert_eq!(with_values(&found), with_values(&sent), "rows tell the same as series");
    let odd = Scan { names: Some(vec!["odd".into()]), ..Scan::default() };
    assert_eq!(rows(&engine, Table::Metrics, &["name"], odd), ["odd"; 3]);
    manual.advance(Duration::from_secs(3601));
    assert_eq!(engine.expire().expect("expired"), 1);
    assert_eq!(rows(&engine, Table::Metrics, &["name"], Scan::default()), [""; 0]);
}
