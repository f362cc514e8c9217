//! Log records as lines of JSON, in a form of our own: each object is a document, each other line a message.

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::{HeaderMap, HeaderValue, header};
use serde_json::json;
use vitrine_observe_store::Signal;
use vitrine_platform_http::with_plain_errors;

use crate::body::Encodings;
use crate::budget::{Budget, Buffer};
use crate::document::value::{self, Value};
use crate::document::{About, Documents};
use crate::error::Error;
use crate::intake::{Intake, now_ns};

/// `POST /api/logs/import`: lines of JSON, or of anything else; answered with how many records they became.
pub fn log_lines_router(intake: &Intake) -> Router {
    let router = Router::new()
        .route("/api/logs/import", post(import))
        // The limit is enforced while the body is read.
        .layer(DefaultBodyLimit::disable())
        .with_state(intake.clone());
    with_plain_errors(router)
}

async fn import(State(intake): State<Intake>, headers: HeaderMap, body: Body) -> Response {
    match take(&intake, &headers, body).await {
        Ok(records) => {
            let content_type = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
            (content_type, json!({ "records": records }).to_string()).into_response()
        }
        Err(error) => error.text(),
    }
}

async fn take(intake: &Intake, headers: &HeaderMap, body: Body) -> Result<usize, Error> {
    let tenant = intake.tenant(headers)?;
    let encodings = Encodings::of(headers, &header::CONTENT_ENCODING)?;
    let body = intake.read(headers, body).await?;
    let now_ns = now_ns();
    let work = move |budget: &Budget, plain: Buffer| {
        let (mut documents, mut count) = (Documents::new(budget, now_ns), 0);
        for line in plain.bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()) {
            let line = String::from_utf8_lossy(line);
            // A line that is no object, or none that can be taken apart, is lost to no one.
            let document =
                value::read(&line).unwrap_or_else(|_| vec![("message".into(), Value::Text((&*line).into()))]);
            documents.put(About::default(), &document)?;
            count += 1;
        }
        Ok((documents.finish()?, count))
    };
    let (records, count) = intake.work(encodings, body, 0, work).await?;
    if count > 0 {
        intake.write(&tenant, Signal::Logs, records).await?;
    }
    Ok(count)
}
