//! `POST /api/sql`: a statement in, its rows out as they come.
//!
//! What runs statements is behind [`Statements`], so that this crate is built without a query engine. The statement is
//! the body as it is (`application/sql`), or `query` of a JSON object (`application/json`); the format is `?format=`, `format` of that object, or what `Accept`
//! asks for, in this order. Whatever goes wrong before the first row is told by the status and `{"error": …}`; what goes
//! wrong later breaks the answer off, and formats of lines say why on the last one.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, FromRequest, Query, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::json;
use vitrine_observe_store::{Access, Right, Tenant};
use vitrine_platform_http::{plain_bodies, with_error_format};

use crate::error::Error;
use crate::queries::tenant_of;
use crate::router::error_format;

/// Largest body: the longest statement, with room for what JSON adds.
const MAX_BODY_BYTES: usize = 2 * 1024 * 1024;
/// Types of bodies that are taken. A page of any site may send text, forms and what has no type without asking first; these it may not.
const TYPES: &str = "application/json, application/sql";
/// The most of a header's value that an error repeats, in characters.
const SHOWN_CHARS: usize = 100;
/// Seconds after which a client may ask again when too many statements run.
const RETRY_AFTER_S: u64 = 1;

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SqlFormat {
    /// A JSON object on a line for each row.
    Json,
    /// A JSON array on a line for each row, after one that describes the columns.
    Rows,
    /// CSV with a header.
    Csv,
    /// Arrow's IPC stream.
    Arrow,
    /// A table for reading.
    Table,
}

impl SqlFormat {
    fn parse(name: &str) -> Result<Self, StatementError> {
        Ok(match name {
            "json" => Self::Json,
            "rows" => Self::Rows,
            "csv" => Self::Csv,
            "arrow" => Self::Arrow,
            "table" => Self::Table,
            other => {
                let other: String = other.chars().take(32).collect();
                return Err(StatementError::Statement(format!(
                    "format {other:?}: expected json, rows, csv, arrow or table"
                )));
            }
        })
    }

    /// The first known type in an `Accept` header.
    fn accepted(header: &str) -> Option<Self> {
        header.split(',').find_map(|entry| match entry.split(';').next().unwrap_or_default().trim() {
            "application/json" | "application/x-ndjson" | "application/jsonl" | "*/*" => Some(Self::Json),
            "text/csv" => Some(Self::Csv),
            "application/vnd.apache.arrow.stream" => Some(Self::Arrow),
            "text/plain" => Some(Self::Table),
            _ => None,
        })
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Json | Self::Rows => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Arrow => "application/vnd.apache.arrow.stream",
            Self::Table => "text/plain; charset=utf-8",
        }
    }

    /// The last line of an answer that breaks off; empty where a line would be taken for a row.
    fn last_line(self, refusal: &StatementError) -> Bytes {
        match self {
            Self::Json | Self::Rows => format!("{}\n", json!({ "error": refusal.to_string() })).into(),
            Self::Table => format!("error: {refusal}\n").into(),
            Self::Csv | Self::Arrow => Bytes::new(),
        }
    }
}

/// Why a statement is not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// It is wrong: 400.
    #[error("{0}")]
    Statement(String),
    /// Its body is of another type than those that are taken: 415.
    #[error(
        "Content-Type {0:?} is not taken: expected application/sql for a statement as it is, or application/json for {{\"query\": \"SELECT …\"}}"
    )]
    ContentType(String),
    /// It would do more than read: 403.
    #[error("{0}")]
    Forbidden(String),
    /// It took too long: 504. Not 408, on which clients send the same again.
    #[error("{0}")]
    Time(String),
    /// It needs too much memory: 422.
    #[error("{0}")]
    Memory(String),
    /// Too many run already: 429.
    #[error("{0}")]
    Busy(String),
    /// It is not the statement's fault: 500.
    #[error("{0}")]
    Failed(String),
    /// The process is ending: 503.
    #[error("shutting down")]
    Closed,
}

impl StatementError {
    fn status(&self) -> StatusCode {
        match self {
            Self::Statement(_) => StatusCode::BAD_REQUEST,
            Self::ContentType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::Time(_) => StatusCode::GATEWAY_TIMEOUT,
            Self::Memory(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Busy(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Closed => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl IntoResponse for StatementError {
    fn into_response(self) -> Response {
        let mut response = (self.status(), Json(json!({ "error": self.to_string() }))).into_response();
        match self {
            Self::Busy(_) => response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S)),
            Self::ContentType(_) => response.headers_mut().insert(header::ACCEPT, HeaderValue::from_static(TYPES)),
            _ => None,
        };
        response
    }
}

/// The bytes of an answer; an error is the last item. Dropping it stops the statement.
pub type SqlStream = BoxStream<'static, Result<Bytes, StatementError>>;

/// Runs statements.
pub trait Statements: Send + Sync + 'static {
    /// Starts a statement of a tenant; ready when the first bytes of its answer are.
    fn query(
        &self,
        tenant: Tenant,
        statement: String,
        format: SqlFormat,
    ) -> BoxFuture<'_, Result<SqlStream, StatementError>>;
}

/// `POST /api/sql` over what runs statements.
pub fn sql_router(statements: Arc<dyn Statements>, access: Access) -> Router {
    let router = Router::new()
        .route("/api/sql", post(answer))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(SqlState { statements, access });
    with_error_format(plain_bodies(router), error_format)
}

#[derive(Clone)]
struct SqlState {
    statements: Arc<dyn Statements>,
    access: Access,
}

#[derive(Debug, Deserialize)]
struct Parameters {
    format: Option<String>,
}

/// A statement as JSON. Fields that are not known are a mistake, because they may have been meant to matter.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Statement {
    query: String,
    format: Option<String>,
}

/// How the statement is written in the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    Plain,
    Json,
}

impl Written {
    fn of(headers: &HeaderMap) -> Result<Self, StatementError> {
        let found = headers.get(header::CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
        let found = found.unwrap_or_default();
        match found.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "application/sql" => Ok(Self::Plain),
            "application/json" => Ok(Self::Json),
            _ => Err(StatementError::ContentType(found.chars().take(SHOWN_CHARS).collect())),
        }
    }
}

async fn answer(
    State(shared): State<SqlState>,
    Query(parameters): Query<Parameters>,
    request: Request,
) -> Result<Response, Response> {
    let headers = request.headers();
    let tenant = tenant_of(&shared.access, Right::Read, headers).map_err(|denied| Error::from(denied).plain())?;
    let written = Written::of(headers).map_err(IntoResponse::into_response)?;
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let body = Bytes::from_request(request, &()).await.map_err(IntoResponse::into_response)?;
    let (statement, format) = read(written, parameters, &accept, &body).map_err(IntoResponse::into_response)?;
    let chunks = shared.statements.query(tenant, statement, format).await.map_err(IntoResponse::into_response)?;
    let mut response = Body::from_stream(body_chunks(chunks, format)).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    Ok(response)
}

/// The statement and the format of a request.
fn read(
    written: Written,
    parameters: Parameters,
    accept: &str,
    body: &[u8],
) -> Result<(String, SqlFormat), StatementError> {
    let request = match written {
        Written::Json => serde_json::from_slice::<Statement>(body).map_err(|error| {
            StatementError::Statement(format!("expected {{\"query\": \"SELECT …\", \"format\": \"json\"}}: {error}"))
        })?,
        Written::Plain => {
            let query = std::str::from_utf8(body)
                .map_err(|error| StatementError::Statement(format!("expected a statement in UTF-8: {error}")))?;
            Statement { query: query.to_owned(), format: None }
        }
    };
    let format = match parameters.format.or(request.format) {
        Some(name) => SqlFormat::parse(&name)?,
        None => SqlFormat::accepted(accept).unwrap_or(SqlFormat::Json),
    };
    Ok((request.query, format))
}

/// The chunks; an error is written as the last line where that can be, and breaks the answer off.
fn body_chunks(chunks: SqlStream, format: SqlFormat) -> impl Stream<Item = Result<Bytes, StatementError>> {
    chunks.flat_map(move |chunk| {
        let (line, error) = match chunk {
            Ok(chunk) => (chunk, None),
            Err(refusal) => (format.last_line(&refusal), Some(refusal)),
        };
        let broken = stream::iter(error).then(|refusal| async {
            // The server writes out what it has before it asks again, and only then is told to break off.
            tokio::task::yield_now().await;
            Err(refusal)
        });
        stream::iter((!line.is_empty()).then_some(Ok(line))).chain(broken)
    })
}
