//! Responses are, field by field, what Jaeger and Zipkin would give. The files in `tests/golden` are written by hand
//! from the public definitions of their APIs: run with nothing but an engine, they hold for any.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use vitrine_observe_store::{ColumnEngine, Tenant};

use crate::client::{engine, get, open};
use crate::scenario::fill;

/// Path, status and the file with the answer.
const ANSWERS: &[(&str, u16, &str)] = &[
    ("/jaeger/api/services", 200, "jaeger_services"),
    ("/jaeger/api/services/carts/operations", 200, "jaeger_operation_names"),
    ("/jaeger/api/operations?service=carts", 200, "jaeger_operations"),
    ("/jaeger/api/operations?service=carts&spanKind=client", 200, "jaeger_operations_client"),
    ("/jaeger/api/traces/0af7651916cd43dd8448eb211c80319c", 200, "jaeger_trace"),
    ("/jaeger/api/traces/0af7651916cd43dd8448eb211c80319c?raw=true&start=1&end=2", 200, "jaeger_trace_raw"),
    ("/jaeger/api/traces?service=worker&operation=consume", 200, "jaeger_search"),
    ("/jaeger/api/traces?service=legacy&limit=1", 200, "jaeger_search_backwards"),
    ("/jaeger/api/traces?service=nobody", 200, "jaeger_search_empty"),
    ("/jaeger/api/traces?traceID=4bf92f3577b34da6a3ce929d0e0e4736&traceID=1", 200, "jaeger_traces_by_id"),
    ("/jaeger/api/dependencies?endTs=1700000003000&lookback=60000", 200, "jaeger_dependencies"),
    ("/jaeger/api/traces/1", 404, "jaeger_not_found"),
    ("/jaeger/api/traces", 400, "jaeger_bad_request"),
    ("/jaeger/api/metrics/minstep", 200, "jaeger_minstep"),
    ("/jaeger/api/v3/services", 200, "v3_services"),
    ("/jaeger/api/v3/operations?service=carts", 200, "v3_operations"),
    ("/jaeger/api/v3/operations?service=legacy", 200, "v3_operations_legacy"),
    ("/jaeger/api/v3/operations?service=carts&span_kind=server", 200, "v3_operations_none"),
    ("/jaeger/api/v3/traces/0af7651916cd43dd8448eb211c80319c", 200, "v3_trace"),
    (
        "/jaeger/api/v3/traces?query.serviceName=worker&query.startTimeMin=2023-11-14T22:13:20Z&query.startTimeMax=2023-11-14T22:13:22Z",
        200,
        "v3_search",
    ),
    (
        "/jaeger/api/v3/trace-summaries?query.start_time_min=2023-11-14T22:13:19Z&query.start_time_max=2023-11-14T22:13:23Z",
        200,
        "v3_summaries",
    ),
    ("/jaeger/api/v3/dependencies?startTime=2023-11-14T22:13:00Z&endTime=2023-11-14T22:14:00Z", 200, "v3_dependencies"),
    ("/jaeger/api/v3/traces/1", 404, "v3_not_found"),
    (
        "/jaeger/api/v3/traces?query.service_name=nobody&query.start_time_min=2023-11-14T22:13:20Z&query.start_time_max=2023-11-14T22:13:22Z",
        404,
        "v3_not_found",
    ),
    ("/jaeger/api/v3/traces/xyz", 400, "v3_bad_request"),
    ("/zipkin/api/v2/services", 200, "zipkin_services"),
    ("/zipkin/api/v2/spans?serviceName=carts", 200, "zipkin_spans"),
    ("/zipkin/api/v2/remoteServices?serviceName=carts", 200, "zipkin_remote_services"),
    ("/zipkin/api/v2/trace/0af7651916cd43dd8448eb211c80319c", 200, "zipkin_trace"),
    ("/zipkin/api/v2/traces?serviceName=legacy&endTs=1700000003000&lookback=10000", 200, "zipkin_traces"),
    ("/zipkin/api/v2/traceMany?traceIds=ab,4bf92f3577b34da6a3ce929d0e0e4736,1", 200, "zipkin_trace_many"),
    ("/zipkin/api/v2/dependencies?endTs=1700000003000&lookback=60000", 200, "zipkin_dependencies"),
    ("/zipkin/api/v2/autocompleteKeys", 200, "zipkin_autocomplete_keys"),
    ("/zipkin/api/v2/autocompleteValues?key=http.request.method", 200, "zipkin_autocomplete_values"),
    ("/zipkin/api/v2/autocompleteValues?key=s", 200, "zipkin_autocomplete_none"),
];

#[tokio::test]
async fn answers_are_the_originals() {
    let (_folder, store) = engine();
    answers_of(&store).await;
}

/// Holds the answers over an engine that holds nothing yet against the files.
async fn answers_of(engine: &Arc<ColumnEngine>) {
    fill(&**engine, &Tenant::default()).await;
    let router = open(engine);
    let mut wrong = Vec::new();
    for (path, status, file) in ANSWERS {
        let answer = get(&router, path).await;
        let found = sorted(answer.json());
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{file}.json"));
        let expected = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let expected: Value =
            serde_json::from_str(&expected).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        if (answer.status.as_u16(), &found) != (*status, &sorted(expected)) {
            wrong.push(format!("{path} should be {status} {}, is {} {found:#}", file.display(), answer.status));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Lists of keys and values in the order of their keys: an engine need not keep the order of attributes.
fn sorted(value: Value) -> Value {
    match value {
        Value::Array(items) => {
            let mut items: Vec<Value> = items.into_iter().map(sorted).collect();
            if items.iter().all(|item| item.get("key").is_some()) {
                items.sort_by_key(|item| item["key"].to_string());
            }
            Value::Array(items)
        }
        Value::Object(fields) => fields.into_iter().map(|(name, field)| (name, sorted(field))).collect(),
        other => other,
    }
}
