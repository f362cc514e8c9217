//! Prometheus's remote write, versions 1.0 and 2.0, and paths under which Prometheus, Mimir, Thanos and VictoriaMetrics take metrics.
//!
//! A request is handed to the engine as it came: compressed. 204 says that all of it is on disk; 400 that some of it never will be,
//! with what and why in the text; a sender repeats 429 and 5xx only.

mod import;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use tokio::sync::Semaphore;
use vitrine_observe_store::model::metrics::{RemoteWrite, ReplicaWrite, WriteCompression, WriteVersion, Written};
use vitrine_observe_store::{SeriesIngest, Signal, Tenant, WriteError};
use vitrine_platform_http::{plain_errors, with_error_format};

use crate::body::text;
use crate::error::Error;
use crate::http::route;
use crate::intake::Intake;
use crate::replicas::{MAX_CLUSTERS, Replicas, Turn};

/// Where remote writes come in: Prometheus's path, also below `/prometheus`, as VictoriaMetrics has it, too; Mimir's, which
/// VictoriaMetrics has likewise; and Thanos's.
const WRITE_PATHS: [&str; 5] =
    ["/api/v1/write", "/prometheus/api/v1/write", "/api/v1/push", "/prometheus/api/v1/push", "/api/v1/receive"];
/// Where OTLP's metrics come in beside OTLP's own path: Prometheus's path, also below `/prometheus`, Mimir's, and VictoriaMetrics's.
const OTLP_PATHS: [&str; 4] =
    ["/api/v1/otlp/v1/metrics", "/prometheus/api/v1/otlp/v1/metrics", "/otlp/v1/metrics", "/opentelemetry/v1/metrics"];
/// What VictoriaMetrics's agent asks before it sends zstd.
const HANDSHAKE: &str = "get_vm_proto_version";
/// The answer: the version that there is.
const HANDSHAKE_ANSWER: &str = "1";
/// The one type of content.
const PROTOBUF: &str = "application/x-protobuf";
/// What a sender may say of its content.
const EXPECTED_TYPE: &str =
    "application/x-protobuf, with proto=prometheus.WriteRequest or proto=io.prometheus.write.v2.Request";
/// How a request may be compressed.
const EXPECTED_ENCODING: &str = "snappy or zstd";
/// What was written, as version 2.0 has it.
const WRITTEN: [HeaderName; 3] = [
    HeaderName::from_static("x-prometheus-remote-write-samples-written"),
    HeaderName::from_static("x-prometheus-remote-write-histograms-written"),
    HeaderName::from_static("x-prometheus-remote-write-exemplars-written"),
];

/// Messages of at most so many bytes, decompressed, are looked into where they come up, to find which replica they are of.
const INLINE_BYTES: usize = 32 << 10;

#[derive(Clone)]
struct Writer {
    intake: Intake,
    series: Arc<dyn SeriesIngest>,
    replicas: Option<Replicas>,
    /// One permit for each import that is read and written.
    imports: Arc<Semaphore>,
}

/// `POST /api/v1/write` and its like, the paths of others for OTLP's metrics, and what VictoriaMetrics imports. Of equal senders one is taken if
/// there are replicas.
pub fn remote_write_router(intake: &Intake, series: Arc<dyn SeriesIngest>, replicas: Option<Replicas>) -> Router {
    let mut router = Router::new();
    for path in WRITE_PATHS {
        router = router.route(path, writes());
    }
    let imports = Arc::new(Semaphore::new(import::MAX_IMPORTS));
    let router =
        router.merge(import::routes()).with_state(Writer { intake: intake.clone(), series, replicas, imports });
    let mut otlp = Router::new();
    for path in OTLP_PATHS {
        otlp = otlp.route(path, route(Signal::Metrics));
    }
    let otlp = with_error_format(otlp.with_state(intake.clone()), crate::otlp_errors);
    // The limit is enforced while the body is read.
    with_error_format(router, plain_errors).merge(otlp).layer(DefaultBodyLimit::disable())
}

fn writes() -> MethodRouter<Writer> {
    let take = |State(writer): State<Writer>, RawQuery(query): RawQuery, headers: HeaderMap, body: Body| async move {
        if is_handshake(query.as_deref()) {
            return HANDSHAKE_ANSWER.into_response();
        }
        let version = match version(&headers) {
            Ok(version) => version,
            Err(error) => return error.text(),
        };
        let outcome = writer.take(version, &headers, body).await;
        let written = match &outcome {
            Ok(Outcome::Taken(written)) => written.clone(),
            _ => Written::default(),
        };
        let mut response = match outcome {
            Ok(Outcome::Taken(written)) => answer(&written),
            Ok(Outcome::OfAnother(replica)) => {
                (StatusCode::ACCEPTED, format!("replica {replica:?} is not the one that is taken of its cluster\n"))
                    .into_response()
            }
            Err(error) => error.text(),
        };
        // Senders of 1.0 take zeros for losses.
        if version == WriteVersion::V2 {
            let counts = [written.samples, written.histograms, written.exemplars];
            response.headers_mut().extend(WRITTEN.into_iter().zip(counts.map(HeaderValue::from)));
        }
        response
    };
    // The handshake is asked for by GET, too.
    let ask = |RawQuery(query): RawQuery| async move {
        match is_handshake(query.as_deref()) {
            true => HANDSHAKE_ANSWER.into_response(),
            false => StatusCode::METHOD_NOT_ALLOWED.into_response(),
        }
    };
    post(take).merge(get(ask))
}

impl Writer {
    async fn take(&self, version: WriteVersion, headers: &HeaderMap, body: Body) -> Result<Outcome, Error> {
        let tenant = self.intake.tenant(headers)?;
        let compression = compression(headers)?;
        let (body, _hold) = self.intake.read(headers, body).await?.into_parts();
        let mut request = RemoteWrite { version, compression, body };
        if let Some(replicas) = &self.replicas
            && let Some(found) = replica(replicas, request.clone()).await?
        {
            match replicas.turn(&tenant, &found) {
                Turn::Taken => request = found.request,
                Turn::Dropped => return Ok(Outcome::OfAnother(found.replica)),
                Turn::Full => {
                    let why = format!("there are {MAX_CLUSTERS} clusters of replicas already, which is the most");
                    return Err(Error::RemoteWrite(why));
                }
            }
        }
        self.write(&tenant, request).await.map(Outcome::Taken)
    }

    async fn write(&self, tenant: &Tenant, request: RemoteWrite) -> Result<Written, Error> {
        self.series.remote_write(tenant, request).await.map_err(|error| match error {
            WriteError::Malformed(cause) => Error::RemoteWrite(cause),
            error => Error::Write(error),
        })
    }
}

/// What became of a request.
enum Outcome {
    /// The engine was asked.
    Taken(Written),
    /// It is of a replica whose samples another one sends.
    OfAnother(String),
}

/// Which replica a request is of, if it says so.
async fn replica(replicas: &Replicas, request: RemoteWrite) -> Result<Option<ReplicaWrite>, Error> {
    let options = replicas.options().clone();
    let is_small = request.message_bytes() <= INLINE_BYTES;
    let look = move || request.replica(&options.cluster_label, &options.replica_label);
    let found = match is_small {
        true => look(),
        false => tokio::task::spawn_blocking(look).await.map_err(|_| Error::Stopped)?,
    };
    found.map_err(|error| Error::RemoteWrite(error.to_string()))
}

fn is_handshake(query: Option<&str>) -> bool {
    query.is_some_and(|query| query.split('&').any(|pair| pair.split('=').next() == Some(HANDSHAKE)))
}

/// Which message it is. A request that does not say is of version 1.0, as the oldest senders are.
fn version(headers: &HeaderMap) -> Result<WriteVersion, Error> {
    let found = text(headers, &header::CONTENT_TYPE);
    let mut parts = found.split(';').map(str::trim);
    let unknown = || Error::ContentType { found: found.clone(), expected: EXPECTED_TYPE };
    if !matches!(parts.next(), Some(first) if first.is_empty() || first.eq_ignore_ascii_case(PROTOBUF)) {
        return Err(unknown());
    }
    let proto = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("proto").then(|| value.trim().trim_matches('"').to_owned())
    });
    match proto.as_deref() {
        None => Ok(WriteVersion::V1),
        Some(name) => [WriteVersion::V1, WriteVersion::V2]
            .into_iter()
            .find(|version| version.message() == name)
            .ok_or_else(unknown),
    }
}

/// How it is compressed: by snappy if it does not say.
fn compression(headers: &HeaderMap) -> Result<WriteCompression, Error> {
    let found = text(headers, &header::CONTENT_ENCODING);
    match found.trim().to_ascii_lowercase().as_str() {
        "" | "snappy" => Ok(WriteCompression::Snappy),
        "zstd" => Ok(WriteCompression::Zstd),
        _ => Err(Error::ContentEncoding { name: header::CONTENT_ENCODING, found, expected: EXPECTED_ENCODING }),
    }
}

fn answer(written: &Written) -> Response {
    if !written.is_partial() {
        return StatusCode::NO_CONTENT.into_response();
    }
    let taken = written.samples + written.histograms + written.exemplars;
    let refused = written.refused.total();
    let mut told = format!("{refused} of {} samples and exemplars were not taken", refused + taken);
    for reason in &written.reasons {
        told.push_str("; ");
        told.push_str(&reason.to_string());
    }
    Error::Partial(told).text()
}
