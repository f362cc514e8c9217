//! What clients ask before they send: which version, which license, which nodes, and how they are.

use axum::extract::{OriginalUri, RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

use super::answer::{self, Failed};
use super::{Elastic, Parameters};
use crate::body::MAX_BODY_BYTES;

/// The cluster, and its one node.
const CLUSTER: &str = "vitrine";
/// What identifies the cluster, in the form that Elasticsearch has: 22 characters.
const CLUSTER_UUID: &str = "vitrine-observatory-00";
/// What identifies the node, likewise.
const NODE_ID: &str = "vitrine-observatory-01";
/// Which build it would be.
const BUILD_HASH: &str = "0000000000000000000000000000000000000000";
const BUILD_DATE: &str = "2025-07-23T22:10:11.929390642Z";
/// When the license ends, in milliseconds since 1970: in the year 2096, as clients know it.
const LICENSE_ENDS_MS: u64 = 4_000_000_000_000;
/// What the one node does, as sniffing clients look for it.
const ROLES: [&str; 6] = ["data", "data_content", "data_hot", "ingest", "master", "remote_cluster_client"];

fn answered(elastic: &Elastic, headers: &HeaderMap, query: Option<&str>, body: Value) -> Response {
    match elastic.caller(headers) {
        Ok(_) => answer::json(StatusCode::OK, &Parameters::read(query).filter_path.apply(body)),
        Err(error) => Failed::from(error).into_response(),
    }
}

/// `/`
pub(super) async fn root(State(elastic): State<Elastic>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let body = json!({
        "name": CLUSTER,
        "cluster_name": CLUSTER,
        "cluster_uuid": CLUSTER_UUID,
        "version": {
            "number": *elastic.version,
            "build_flavor": "default",
            "build_type": "docker",
            "build_hash": BUILD_HASH,
            "build_date": BUILD_DATE,
            "build_snapshot": false,
            "lucene_version": "9.12.0",
            "minimum_wire_compatibility_version": "7.17.0",
            "minimum_index_compatibility_version": "7.0.0",
        },
        "tagline": "You Know, for Search",
    });
    answered(&elastic, &headers, query.as_deref(), body)
}

/// Nothing is licensed; "basic" is what clients take for the free one.
fn basic() -> Value {
    json!({ "uid": CLUSTER_UUID, "type": "basic", "mode": "basic", "status": "active",
        "expiry_date_in_millis": LICENSE_ENDS_MS })
}

/// `/_license`
pub(super) async fn license(State(elastic): State<Elastic>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    answered(&elastic, &headers, query.as_deref(), json!({ "license": basic() }))
}

/// `/_xpack`
pub(super) async fn features(
    State(elastic): State<Elastic>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let on = json!({ "available": true, "enabled": true });
    let off = json!({ "available": false, "enabled": false });
    let body = json!({
        "build": { "hash": BUILD_HASH, "date": BUILD_DATE },
        "license": basic(),
        "features": { "ilm": on, "data_streams": on, "security": off, "ml": off, "monitoring": off },
        "tagline": "You know, for X",
    });
    answered(&elastic, &headers, query.as_deref(), body)
}

/// `/_nodes/http`: clients that look for nodes move to the address that it names, so that is the one by which they came.
pub(super) async fn nodes(
    State(elastic): State<Elastic>,
    OriginalUri(uri): OriginalUri,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok().map(str::to_owned));
    let address = host.or_else(|| uri.authority().map(ToString::to_string)).unwrap_or_default();
    let ip = address.rsplit_once(':').map_or(address.as_str(), |(host, _)| host);
    let node = json!({
        "name": CLUSTER,
        "transport_address": address,
        "host": ip,
        "ip": ip,
        "version": *elastic.version,
        "build_flavor": "default",
        "build_type": "docker",
        "build_hash": BUILD_HASH,
        "roles": ROLES,
        "attributes": {},
        "http": {
            "bound_address": [address],
            "publish_address": address,
            "max_content_length_in_bytes": MAX_BODY_BYTES,
        },
    });
    let body = json!({
        "_nodes": { "total": 1, "successful": 1, "failed": 0 },
        "cluster_name": CLUSTER,
        "nodes": { NODE_ID: node },
    });
    answered(&elastic, &headers, query.as_deref(), body)
}

/// `_refresh` and `_flush`: what is acknowledged is on disk, and found.
pub(super) async fn refreshed(
    State(elastic): State<Elastic>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let body = json!({"_shards": {"total": 1, "successful": 1, "failed": 0}});
    answered(&elastic, &headers, query.as_deref(), body)
}

/// `/_cluster/health`: whatever status is waited for is there.
pub(super) async fn health(State(elastic): State<Elastic>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let body = json!({
        "cluster_name": CLUSTER,
        "status": "green",
        "timed_out": false,
        "number_of_nodes": 1,
        "number_of_data_nodes": 1,
        "active_primary_shards": 1,
        "active_shards": 1,
        "relocating_shards": 0,
        "initializing_shards": 0,
        "unassigned_shards": 0,
        "delayed_unassigned_shards": 0,
        "number_of_pending_tasks": 0,
        "number_of_in_flight_fetch": 0,
        "task_max_waiting_in_queue_millis": 0,
        "active_shards_percent_as_number": 100.0,
    });
    answered(&elastic, &headers, query.as_deref(), body)
}
