//! OTLP over HTTP.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use prost::Message;
use tokio::sync::Semaphore;
use vitrine_observe_store::{Accepted, Store};

use crate::body::{Encoding, Format, MAX_BODY_BYTES, decode};
use crate::error::Error;
use crate::signal::{Logs, Metrics, Signal, Traces};

/// Larger bodies are decoded off the async threads.
const INLINE_BYTES: usize = 32 << 10;
/// Large bodies decoded at a time: each may take several times its size while it is being decoded.
const MAX_LARGE_DECODES: usize = 2;

#[derive(Clone)]
struct Shared {
    store: Store,
    large: Arc<Semaphore>,
}

/// `POST /v1/traces`, `/v1/logs` and `/v1/metrics`.
pub fn http_router(store: Store) -> Router {
    let shared = Shared { store, large: Arc::new(Semaphore::new(MAX_LARGE_DECODES)) };
    Router::new()
        .route("/v1/traces", post(export::<Traces>))
        .route("/v1/logs", post(export::<Logs>))
        .route("/v1/metrics", post(export::<Metrics>))
        // The limit is enforced while the body is read, so that its error follows OTLP.
        .layer(DefaultBodyLimit::disable())
        .with_state(shared)
}

async fn export<S: Signal>(State(shared): State<Shared>, headers: HeaderMap, body: Body) -> Response {
    let format = match Format::of(&headers) {
        Ok(format) => format,
        Err(error) => return error.response(Format::Json),
    };
    match take::<S>(&shared, format, &headers, body).await {
        Ok(accepted) => {
            let body = match format {
                Format::Protobuf => S::response(&accepted).encode_to_vec(),
                Format::Json => S::json(&accepted).to_string().into_bytes(),
            };
            ([(header::CONTENT_TYPE, HeaderValue::from_static(format.content_type()))], body).into_response()
        }
        Err(error) => error.response(format),
    }
}

async fn take<S: Signal>(shared: &Shared, format: Format, headers: &HeaderMap, body: Body) -> Result<Accepted, Error> {
    let encoding = Encoding::of(headers)?;
    let body = read(body).await?;
    // A compressed body says nothing about its size, so only plain small ones are decoded here.
    let is_small = encoding == Encoding::None && body.len() <= INLINE_BYTES;
    let store = shared.store.clone();
    let work = move || {
        let body = encoding.decompress(body)?;
        let request = decode::<S::Request>(format, body, S::REQUEST)?;
        Ok(S::append(&store, request))
    };
    if is_small {
        return work();
    }
    let permit = shared.large.clone().acquire_owned().await.map_err(|_| Error::Stopped)?;
    // The permit moves along: the decoding goes on when the sender has gone.
    let work = move || {
        let _permit = permit;
        work()
    };
    tokio::task::spawn_blocking(work).await.map_err(|_| Error::Stopped)?
}

async fn read(body: Body) -> Result<Bytes, Error> {
    match Limited::new(body, MAX_BODY_BYTES).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Error::TooLarge),
        Err(error) => Err(Error::Read(axum::Error::new(error))),
    }
}
