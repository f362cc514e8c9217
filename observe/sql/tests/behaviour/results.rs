//! Tables and formats.

use std::io::Cursor;

use arrow_array::RecordBatch;
use arrow_ipc::reader::StreamReader;
use vitrine_observe_sql::Format;
use vitrine_observe_store::model::Table;

use crate::{ask, rows, sql};

async fn text(statement: &str, format: Format) -> String {
    let (sql, _) = sql();
    String::from_utf8(ask(&sql, statement, format).await.expect("an answer")).expect("UTF-8")
}

#[tokio::test]
async fn json_has_all_kinds_of_columns() {
    let (sql, _) = sql();
    let found = rows(&sql, "SELECT * FROM spans ORDER BY time LIMIT 1").await;
    assert_eq!(
        found,
        [concat!(
            r#"{"time":"2026-11-21T10:00:00Z","duration_ns":1500000,"trace_id":"00000000000000000000000000000001","#,
            r#""span_id":"0000000000000001","parent_span_id":null,"service":"cart","name":"GET /cart","kind":"server","#,
            r#""status":"unset","status_message":null,"attributes":{"http.route":"/cart","n":"1"},"resource":{},"#,
            r#""scope_name":null,"scope_version":null,"trace_state":null,"flags":1,"dropped_attributes":0,"dropped_events":0,"dropped_links":0,"scope_attributes":{},"#,
            r#""resource_schema_url":null,"resource_dropped_attributes":0,"scope_schema_url":null,"scope_dropped_attributes":0}"#
        )]
    );
}

#[tokio::test]
async fn rows_are_arrays_after_a_line_about_the_columns() {
    let found =
        text("SELECT duration_ns, attributes, parent_span_id FROM spans ORDER BY time LIMIT 1", Format::Rows).await;
    let (head, row) = found.split_once('\n').expect("two lines");
    assert!(
        head.starts_with(r#"[{"name":"duration_ns","number":true,"type":"Int64"},{"name":"attributes","number":false"#)
    );
    assert_eq!(row, "[1500000,{\"http.route\":\"/cart\",\"n\":\"1\"},null]\n");
}

#[tokio::test]
async fn csv_writes_maps_as_json_and_quotes_what_needs_it() {
    let found = text("SELECT name, attributes, parent_span_id FROM spans ORDER BY time", Format::Csv).await;
    assert_eq!(
        found,
        concat!(
            "name,attributes,parent_span_id\n",
            "GET /cart,\"{\"\"http.route\"\":\"\"/cart\"\",\"\"n\"\":\"\"1\"\"}\",\n",
            "reserve,{},0000000000000001\n",
            "\"a, \"\"b\"\"\nc\",\"{\"\"http.route\"\":null}\",\n",
        )
    );
}

#[tokio::test]
async fn arrow_keeps_the_types() {
    let (sql, _) = sql();
    let bytes = ask(&sql, "SELECT * FROM spans", Format::Arrow).await.expect("an answer");
    let reader = StreamReader::try_new(Cursor::new(bytes), None).expect("a stream");
    let batches: Vec<RecordBatch> = reader.collect::<Result<_, _>>().expect("batches");
    assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 3);
    for (found, stored) in batches[0].schema().fields().iter().zip(Table::Spans.schema().fields()) {
        assert_eq!((found.name(), found.data_type()), (stored.name(), stored.data_type()));
    }
}

#[tokio::test]
async fn tables_are_for_reading() {
    let found = text("SELECT service, count(*) AS n FROM spans GROUP BY service ORDER BY service", Format::Table).await;
    assert_eq!(found, " service │ n\n─────────┼───\n cart    │ 2\n stock   │ 1\n");
}

#[tokio::test]
async fn decimals_keep_all_their_digits() {
    let statement = "SELECT 18446744073709551616::decimal(38, 0) AS d, 1.25::decimal(5, 2) AS e";
    for (format, found) in [
        (Format::Json, "{\"d\":18446744073709551616,\"e\":1.25}"),
        (Format::Rows, "[\"18446744073709551616\",1.25]"),
        (Format::Csv, "18446744073709551616,1.25"),
        (Format::Table, " 18446744073709551616 │ 1.25"),
    ] {
        assert_eq!(text(statement, format).await.lines().last(), Some(found), "{}", format.name());
    }
}

#[tokio::test]
async fn without_rows_there_are_still_columns() {
    let none = "SELECT body, attributes FROM logs";
    assert_eq!(text(none, Format::Json).await, "");
    assert_eq!(text(none, Format::Csv).await, "body,attributes\n");
    assert_eq!(text(none, Format::Rows).await.lines().count(), 1);
    assert_eq!(text(none, Format::Table).await, " body │ attributes\n──────┼────────────\n");
    let (sql, _) = sql();
    let bytes = ask(&sql, none, Format::Arrow).await.expect("an answer");
    let reader = StreamReader::try_new(Cursor::new(bytes), None).expect("a stream");
    assert_eq!(reader.schema().fields().len(), 2);
    assert_eq!(reader.count(), 0);
}

#[tokio::test]
async fn columns_of_one_name_are_told_apart() {
    let (sql, _) = sql();
    let found = rows(&sql, "SELECT a.name, b.name FROM spans a JOIN spans b ON b.parent_span_id = a.span_id").await;
    assert_eq!(
        found,
        [r#"{"name":"GET /cart","name_2":"reserve"}"#, r#"{"name":"GET /cart","name_2":"reserve"}"#][..1]
    );
}

#[tokio::test]
async fn services_and_their_graph_are_counted_by_the_engine() {
    let (sql, seen) = sql();
    assert_eq!(
        rows(&sql, "SELECT * FROM services ORDER BY service").await,
        [
            r#"{"service":"cart","spans":7,"errors":2,"duration_ns":700,"first_day":"2024-10-04","last_day":"2024-10-05"}"#,
            r#"{"service":"stock","spans":1,"errors":0,"duration_ns":100,"first_day":"2024-10-05","last_day":"2024-10-05"}"#,
        ]
    );
    assert_eq!(
        rows(&sql, "SELECT calls, client, server FROM service_graph").await,
        [r#"{"calls":7,"client":"cart","server":"stock"}"#]
    );
    rows(&sql, "SELECT * FROM service_graph('2026-11-21T10:00:00Z', '2026-11-21 11:00:00')").await;
    rows(&sql, "SELECT spans FROM services(now() - interval '1 hour', now())").await;
    let graphs = seen.graphs.lock().expect("no panic").clone();
    let ten = crate::engine::TEN as u64;
    assert_eq!(graphs, [(0, i64::MAX as u64 - 1), (ten, ten + 3600 * 1_000_000_000 - 1)]);
    let red = seen.red.lock().expect("no panic").clone();
    assert_eq!(red[1].end_ns - red[1].start_ns, 3600 * 1_000_000_000);
    assert!(seen.scans.lock().expect("no panic").is_empty());
}

#[tokio::test]
async fn what_there_is_can_be_asked() {
    let (sql, _) = sql();
    let tables = rows(&sql, "SHOW TABLES").await.join("\n");
    for name in ["spans", "span_events", "span_links", "logs", "metrics", "exemplars", "services", "service_graph"] {
        assert!(tables.contains(&format!("\"{name}\"")), "{name} in {tables}");
    }
    assert!(rows(&sql, "DESCRIBE logs").await.join("\n").contains("severity_text"));
    assert!(!rows(&sql, "SHOW COLUMNS FROM spans").await.is_empty());
    assert!(
        rows(&sql, "SELECT DISTINCT routine_name FROM information_schema.routines")
            .await
            .join("\n")
            .contains("time_bucket")
    );
    assert!(!rows(&sql, "EXPLAIN SELECT * FROM spans").await.is_empty());
    assert_eq!(rows(&sql, "VALUES (1), (2)").await.len(), 2);
    for table in Table::ALL {
        rows(&sql, &format!("SELECT * FROM {}", table.name())).await;
    }
}

#[tokio::test]
async fn intervals_lists_and_views_of_text_can_be_written() {
    let (sql, _) = sql();
    let statement = "SELECT interval '1 day' AS i, [1, 2] AS l, substr('abcd', 2, 2) AS t, map_keys(attributes) AS k, \
        attributes['n'] AS n FROM spans ORDER BY time LIMIT 1";
    for format in Format::ALL {
        ask(&sql, statement, format).await.unwrap_or_else(|error| panic!("{}: {error}", format.name()));
    }
}
