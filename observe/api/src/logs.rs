//! `/api/logs` and what is below it: log records for scripts and people, by the query text for people.
//!
//! Records are JSON whose fields are called as in a query: what is read in one can be asked for in the next. Parameters that are not known
//! are refused, because they may have been meant to matter.

mod context;
mod counts;
mod export;
mod fields;
mod highlight;
mod patterns;
mod question;
mod record;
mod search;
mod tail;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::{Stream, StreamExt, stream};
use http::{HeaderMap, header};
use serde_json::json;

use crate::error::Error;
use crate::params::Pairs;
use crate::queries::{Queries, Reader};

pub(crate) use question::{Question, time_ns};

/// The routes.
pub(crate) fn routes() -> Router<Queries> {
    Router::new()
        .route("/api/logs", get(search))
        .route("/api/logs/context", get(context))
        .route("/api/logs/counts", get(counts))
        .route("/api/logs/fields", get(fields))
        .route("/api/logs/patterns", get(grouped))
        .route("/api/logs/export", get(export))
        .route("/api/logs/tail", get(tail))
}

async fn search(State(queries): State<Queries>, headers: HeaderMap, Query(pairs): Query<Pairs>) -> Response {
    answer(&queries, &headers, move |reader| search::search(reader, &pairs)).await
}

async fn context(State(queries): State<Queries>, headers: HeaderMap, Query(pairs): Query<Pairs>) -> Response {
    answer(&queries, &headers, move |reader| context::context(reader, &pairs)).await
}

async fn counts(State(queries): State<Queries>, headers: HeaderMap, Query(pairs): Query<Pairs>) -> Response {
    answer(&queries, &headers, move |reader| counts::counts(reader, &pairs)).await
}

async fn fields(State(queries): State<Queries>, headers: HeaderMap, Query(pairs): Query<Pairs>) -> Response {
    answer(&queries, &headers, move |reader| fields::fields(reader, &pairs)).await
}

async fn grouped(State(queries): State<Queries>, headers: HeaderMap, Query(pairs): Query<Pairs>) -> Response {
    answer(&queries, &headers, move |reader| patterns::answer(reader, &pairs)).await
}

async fn export(State(queries): State<Queries>, headers: HeaderMap, Query(pairs): Query<Pairs>) -> Response {
    export::export(queries, headers, pairs).await.unwrap_or_else(|error| error.plain())
}

async fn tail(State(queries): State<Queries>, headers: HeaderMap, Query(pairs): Query<Pairs>) -> Response {
    tail::tail(&queries, &headers, pairs).await.unwrap_or_else(|error| error.plain())
}

async fn answer<T: IntoResponse>(
    queries: &Queries,
    headers: &HeaderMap,
    work: impl FnOnce(&Reader) -> Result<T, Error> + Send + 'static,
) -> Response {
    let answer = queries.ask(headers, move |reader| Ok(work(reader)?.into_response())).await;
    answer.unwrap_or_else(|error| error.plain())
}

/// Lines of JSON as they are made; an error is told on the last one, and breaks the answer off.
fn lines(pieces: impl Stream<Item = Result<Bytes, Error>> + Send + 'static) -> Response {
    let pieces = pieces.flat_map(|piece| {
        let (line, error) = match piece {
            Ok(piece) => (piece, None),
            Err(error) => {
                let line = format!("{}\n", json!({ "error": error.to_string() }));
                (Bytes::from(line), Some(error))
            }
        };
        let broken = stream::iter(error).then(|error| async {
            // The server writes out what it has before it asks again, and only then is told to break off.
            tokio::task::yield_now().await;
            Err(error)
        });
        stream::iter([Ok(line)]).chain(broken)
    });
    ([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(pieces)).into_response()
}
