//! Tables as Arrow batches.

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type, TimestampNanosecondType, UInt32Type};
use arrow_array::{Array, RecordBatch};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use proptest::prelude::{ProptestConfig, prop, proptest};
use prost::Message;
use vitrine_observe_model::{Attribute, Builder, ScopeInfo, Signal, Table, Value, batch};

use crate::expected::ARRIVAL_NS;
use crate::requests;
use crate::roundtrip::{log_rows, span_rows};

fn text(batch: &RecordBatch, column: &str, row: usize) -> Option<String> {
    let column = batch.column_by_name(column).expect("a column of the schema");
    if column.is_null(row) {
        return None;
    }
    if let Some(dictionary) = column.as_dictionary_opt::<Int32Type>() {
        let key = dictionary.keys().value(row) as usize;
        return Some(dictionary.values().as_string::<i32>().value(key).to_owned());
    }
    Some(column.as_string::<i32>().value(row).to_owned())
}

fn map(batch: &RecordBatch, column: &str, row: usize) -> Vec<(String, Option<String>)> {
    let entries = batch.column_by_name(column).expect("a column of the schema").as_map().value(row);
    let (keys, values) = (entries.column(0).as_string::<i32>(), entries.column(1).as_string::<i32>());
    (0..entries.len())
        .map(|place| (keys.value(place).to_owned(), values.is_valid(place).then(|| values.value(place).to_owned())))
        .collect()
}

fn count(batch: &RecordBatch, column: &str, row: usize) -> u32 {
    batch.column_by_name(column).expect("a column of the schema").as_primitive::<UInt32Type>().value(row)
}

/// What was said of resource and scope beside their attributes.
fn assert_origin(batch: &RecordBatch, row: usize, resource: (&str, u32), scope: &ScopeInfo) {
    let said = |of: &str| {
        let url = text(batch, &format!("{of}_schema_url"), row).unwrap_or_default();
        (url, count(batch, &format!("{of}_dropped_attributes"), row))
    };
    assert_eq!(said("resource"), (resource.0.to_owned(), resource.1));
    assert_eq!(said("scope"), (scope.schema_url.clone(), scope.dropped_attributes));
    assert_eq!(map(batch, "scope_attributes", row), shown(&scope.attributes));
}

fn shown(attributes: &[Attribute]) -> Vec<(String, Option<String>)> {
    let text = |value: &Value| (*value != Value::Empty).then(|| value.text());
    attributes.iter().map(|attribute| (attribute.key.clone(), text(&attribute.value))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn spans_events_and_links(sent in prop::collection::vec(requests::traces(), 1..3)) {
        let mut builder = Builder::new(Signal::Traces);
        // Often enough for attributes to get columns.
        for request in sent.iter().cycle().take(150) {
            builder.append(&request.encode_to_vec(), ARRIVAL_NS).expect("a sound request");
        }
        let rows = span_rows(&builder);
        let spans = batch(Table::Spans, builder.columns(), None).expect("a small batch");
        assert_eq!(spans.schema(), Table::Spans.schema());
        assert_eq!(spans.num_rows(), rows.len());
        for (place, row) in rows.iter().enumerate() {
            let column = |name| spans.column_by_name(name).expect("a column of the schema");
            assert_eq!(column("trace_id").as_fixed_size_binary().value(place), row.trace_id.0);
            let parent = column("parent_span_id").as_fixed_size_binary();
            assert_eq!(parent.is_valid(place).then(|| parent.value(place).to_vec()), row.parent_span_id.map(|id| id.0.to_vec()));
            assert_eq!(column("time").as_primitive::<TimestampNanosecondType>().value(place) as u64, row.start_ns);
            assert_eq!(column("duration_ns").as_primitive::<Int64Type>().value(place), row.end_ns as i64 - row.start_ns as i64);
            assert_eq!(text(&spans, "name", place).as_deref(), Some(row.name.as_str()));
            assert_eq!(text(&spans, "service", place).as_deref(), Some(row.service.as_str()));
            assert_eq!(text(&spans, "kind", place).as_deref(), row.kind.name().or(Some("unspecified")));
            assert_eq!(text(&spans, "status", place).as_deref(), row.status.name().map(str::to_lowercase).as_deref().or(Some("unset")));
            assert_eq!(text(&spans, "scope_name", place).unwrap_or_default(), row.scope.name.clone());
            assert_eq!(map(&spans, "attributes", place), shown(&row.attributes));
            assert_eq!(map(&spans, "resource", place), shown(&row.resource));
            let dropped = ["attributes", "events", "links"].map(|what| count(&spans, &format!("dropped_{what}"), place));
            assert_eq!(dropped, [row.dropped_attributes, row.dropped_events, row.dropped_links]);
            assert_origin(&spans, place, (&row.resource_schema_url, row.resource_dropped_attributes), &row.scope);
        }
        let events = batch(Table::SpanEvents, builder.columns(), None).expect("a small batch");
        let sent_events: Vec<_> = rows.iter().flat_map(|row| row.events.iter().map(move |event| (row, event))).collect();
        assert_eq!(events.num_rows(), sent_events.len());
        for (place, (row, event)) in sent_events.into_iter().enumerate() {
            assert_eq!(text(&events, "name", place).as_deref(), Some(event.name.as_str()));
            assert_eq!(text(&events, "span_name", place).as_deref(), Some(row.name.as_str()));
            assert_eq!(map(&events, "attributes", place), shown(&event.attributes));
            assert_eq!(count(&events, "dropped_attributes", place), event.dropped_attributes);
        }
        let links = batch(Table::SpanLinks, builder.columns(), None).expect("a small batch");
        let sent_links: Vec<_> = rows.iter().flat_map(|row| row.links.iter().map(move |link| (row, link))).collect();
        assert_eq!(links.num_rows(), sent_links.len());
        for (place, (row, link)) in sent_links.into_iter().enumerate() {
            let id = |name| links.column_by_name(name).expect("a column of the schema").as_fixed_size_binary().value(place).to_vec();
            assert_eq!((id("span_id"), id("linked_span_id")), (row.span_id.0.to_vec(), link.span_id.0.to_vec()));
            assert_eq!(count(&links, "dropped_attributes", place), link.dropped_attributes);
            assert_eq!(count(&links, "flags", place), link.flags);
        }
    }

    #[test]
    fn logs(sent in requests::logs()) {
        let mut builder = Builder::new(Signal::Logs);
        builder.append(&sent.encode_to_vec(), ARRIVAL_NS).expect("a sound request");
        let rows = log_rows(&builder);
        let logs = batch(Table::Logs, builder.columns(), None).expect("a small batch");
        assert_eq!(logs.schema(), Table::Logs.schema());
        for (place, row) in rows.iter().enumerate() {
            match &row.body {
                Value::Empty => assert_eq!(text(&logs, "body", place), None),
                Value::String(body) => assert_eq!(text(&logs, "body", place).as_ref(), Some(body)),
                _ => assert!(text(&logs, "body", place).is_some()),
            }
            assert_eq!(logs.column_by_name("trace_id").expect("a column").is_null(place), row.trace_id.is_none());
            assert_eq!(map(&logs, "attributes", place), shown(&row.attributes));
            assert_eq!(count(&logs, "dropped_attributes", place), row.dropped_attributes);
            assert_origin(&logs, place, (&row.resource_schema_url, row.resource_dropped_attributes), &row.scope);
        }
    }
}

#[test]
fn columns_are_chosen_by_place_and_may_be_none() {
    let mut builder = Builder::new(Signal::Traces);
    let empty = batch(Table::Spans, builder.columns(), None).expect("a small batch");
    assert_eq!((empty.num_rows(), empty.schema()), (0, Table::Spans.schema()));
    let request = ExportTraceServiceRequest::default().encode_to_vec();
    assert_eq!(builder.append(&request, ARRIVAL_NS).expect("an empty request").taken, 0);
    let span = [&[0x0A, 16][..], &[1; 16], &[0x12, 8], &[2; 8]].concat();
    let request = [&[0x0A, 32, 0x12, 30, 0x12, 28][..], &span].concat();
    assert_eq!(builder.append(&request, ARRIVAL_NS).expect("a sound request").taken, 1);
    let two = batch(Table::Spans, builder.columns(), Some(&[5, 0])).expect("a small batch");
    let names: Vec<String> = two.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!((names, two.num_rows()), (vec!["service".to_owned(), "time".to_owned()], 1));
    let none = batch(Table::Spans, builder.columns(), Some(&[])).expect("a small batch");
    assert_eq!((none.num_columns(), none.num_rows()), (0, 1), "rows are counted without columns");
}
