//! systemd's journal, as `systemd-journal-upload` sends it: `POST /upload` with entries in the journal's export format, in one body that may
//! be as long as the journal. Entries are written piece by piece while it comes; the answer says that all of them are on disk.
//!
//! | field | in the record |
//! |---|---|
//! | `__REALTIME_TIMESTAMP` (µs) | the time |
//! | `MESSAGE` | the body |
//! | `PRIORITY` | the severity, and an attribute |
//! | `SYSLOG_IDENTIFIER`, else `_SYSTEMD_UNIT`, `_COMM` | the resource's `service.name`, and an attribute |
//! | `_HOSTNAME` | the resource's `host.name` |
//! | all others | attributes: text where it is UTF-8, else bytes |

mod entry;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt;
use vitrine_observe_store::{Right, Signal, Tenant};
use vitrine_platform_http::with_plain_errors;

use crate::body::{Encodings, text};
use crate::budget::{Budget, Buffer};
use crate::error::Error;
use crate::intake::{Intake, now_ns};

/// Bytes of entries that are written at a time.
const PIECE_BYTES: usize = 4 << 20;
/// The one type of content.
const EXPORT: &str = "application/vnd.fdo.journal";
/// What systemd-journal-remote answers.
const TAKEN: &str = "OK.\n";

/// `POST /upload`, answered with 202.
pub fn journal_router(intake: &Intake) -> Router {
    let router = Router::new()
        .route("/upload", post(upload))
        // The limit is enforced while the body is read.
        .layer(DefaultBodyLimit::disable())
        .with_state(intake.clone());
    with_plain_errors(router)
}

async fn upload(State(intake): State<Intake>, headers: HeaderMap, body: Body) -> Response {
    match take(&intake, &headers, body).await {
        Ok(()) => (StatusCode::ACCEPTED, TAKEN).into_response(),
        Err(error) => error.text(),
    }
}

async fn take(intake: &Intake, headers: &HeaderMap, mut body: Body) -> Result<(), Error> {
    let tenant = intake.tenant_of(headers, Right::Write)?;
    let found = text(headers, &header::CONTENT_TYPE);
    if !found.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(EXPORT) {
        return Err(Error::ContentType { found, expected: EXPORT });
    }
    let encodings = Encodings::of(headers, &header::CONTENT_ENCODING)?;
    if !encodings.are_none() {
        // Nobody sends it so unasked; such a body is read whole.
        let body = intake.read(headers, body).await?;
        let plain = intake.work(encodings, body, 0, |_, plain| Ok(plain)).await?;
        return write(intake, &tenant, plain, true).await.map(drop);
    }
    let (mut waiting, mut enough) = (intake.buffer(), PIECE_BYTES);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(Error::Read)?.into_data() else { continue };
        waiting.extend(&data)?;
        if waiting.bytes.len() >= enough {
            waiting = write(intake, &tenant, waiting, false).await?;
            // A large entry is looked at again when there is twice as much of it, not with each frame.
            enough = PIECE_BYTES.max(2 * waiting.bytes.len());
        }
    }
    write(intake, &tenant, waiting, true).await.map(drop)
}

/// Writes the entries that are whole, and returns what is behind them; at the end nothing may be.
async fn write(intake: &Intake, tenant: &Tenant, piece: Buffer, is_end: bool) -> Result<Buffer, Error> {
    let now_ns = now_ns();
    let work = move |budget: &Budget, piece: Buffer| {
        let (records, whole) = entry::rewrite(budget, now_ns, &piece.bytes, is_end)?;
        Ok((records, piece.without(whole)))
    };
    let (records, rest) = intake.work(Encodings::none(), piece, 0, work).await?;
    if !records.bytes.is_empty() {
        intake.write(tenant, Signal::Logs, records).await?;
    }
    Ok(rest)
}
