//! Why a request was not taken, and how OTLP says so over HTTP and over gRPC.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use prost::Message;
use prost_types::Any;
use serde_json::json;
use tonic::Code;
use tonic_types::pb::{RetryInfo, Status};
use vitrine_observe_store::{Denied, WriteError};
use vitrine_platform_http::Refusal;

use crate::body::{Format, MAX_BODY_BYTES};

/// When to try again if all memory for bodies is held. A body that is being written is gone long before.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// The longest message of an error, in bytes: it may quote what was sent, and travels in a header over gRPC.
const MAX_MESSAGE_BYTES: usize = 1024;
/// Encodings that are taken, as `Accept-Encoding` of an answer says it (RFC 9110, section 12.5.3).
const ENCODINGS: &str = "gzip, deflate, zstd, identity";
/// The same, as an error says it.
pub(crate) const GZIP_AND_OTHERS: &str = "gzip, deflate, zstd or identity";
/// Encodings of remote writes that are taken.
const WRITE_ENCODINGS: &str = "snappy, zstd";
/// What names the type of a detail in `google.rpc.Status`.
const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";

/// Why a whole request was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("Content-Type {found:?} is not taken; expected {expected}")]
    ContentType { found: String, expected: &'static str },
    #[error("{name} {found:?} is not taken; expected {expected}")]
    ContentEncoding { name: HeaderName, found: String, expected: &'static str },
    #[error("the body has more than {MAX_BODY_BYTES} bytes; expected smaller batches")]
    TooLarge,
    #[error("the body could not be read to its end")]
    Read(#[source] axum::Error),
    /// Refused around the handlers.
    #[error("{message}: expected {expected}")]
    Around { status: StatusCode, message: String, expected: &'static str },
    #[error("the body is not valid {encoding}: {cause}")]
    Decompress { encoding: &'static str, cause: std::io::Error },
    /// A gRPC body that is not one framed message.
    #[error("not one gRPC message: {0}")]
    Frame(&'static str),
    #[error("gRPC method {0:?} is not there; expected Export")]
    Method(String),
    /// Protobuf that the engine cannot read.
    #[error("not a valid {message} in protobuf: {cause}")]
    Protobuf { message: &'static str, cause: String },
    /// A remote write of which nothing can be read.
    #[error("not a valid remote write: {0}")]
    RemoteWrite(String),
    /// A remote write of which something was refused, and the rest taken.
    #[error("{0}")]
    Partial(String),
    #[error("not a valid {message} in JSON: {}{cause}", place(.path))]
    Json { message: &'static str, path: String, cause: String },
    /// A body that is not what its protocol prescribes.
    #[error("not a valid {what}: {cause}")]
    Body { what: &'static str, cause: String },
    #[error("the body has more {what} than one request may have; expected at most {most}")]
    TooMany { what: &'static str, most: usize },
    #[error("too many bytes are being taken in; send it again in {} ms", RETRY_AFTER.as_millis())]
    Busy,
    #[error(transparent)]
    Denied(#[from] Denied),
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error("the receiver is shutting down")]
    Stopped,
}

fn place(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!("{path}: ") }
}

impl From<&Refusal> for Error {
    fn from(refusal: &Refusal) -> Self {
        Self::Around { status: refusal.status, message: refusal.message.clone(), expected: refusal.expected }
    }
}

impl Error {
    /// The statuses that OTLP/HTTP prescribes: of these, senders repeat 429, 502, 503 and 504 only.
    pub(crate) fn http(&self) -> StatusCode {
        match self {
            Self::ContentType { .. } | Self::ContentEncoding { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge | Self::TooMany { .. } | Self::Write(WriteError::TooLarge { .. }) => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            Self::Around { status, .. } => *status,
            Self::Method(_) => StatusCode::NOT_FOUND,
            Self::Read(_)
            | Self::Decompress { .. }
            | Self::Frame(_)
            | Self::Protobuf { .. }
            | Self::RemoteWrite(_)
            | Self::Partial(_)
            | Self::Json { .. }
            | Self::Body { .. }
            | Self::Denied(Denied::Tenant(_))
            | Self::Write(WriteError::Malformed(_)) => StatusCode::BAD_REQUEST,
            Self::Denied(Denied::Unauthenticated) => StatusCode::UNAUTHORIZED,
            Self::Denied(Denied::Right(_) | Denied::Scope(_)) | Self::Write(WriteError::Tenants { .. }) => {
                StatusCode::FORBIDDEN
            }
            Self::Busy
            | Self::Stopped
            | Self::Write(WriteError::Busy { .. } | WriteError::Disk { .. } | WriteError::Closed) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }

    /// The codes that OTLP/gRPC prescribes. What passes is UNAVAILABLE, which every sender repeats;
    /// RESOURCE_EXHAUSTED without RetryInfo is final.
    fn code(&self) -> Code {
        match self {
            Self::TooLarge
            | Self::TooMany { .. }
            | Self::Write(WriteError::TooLarge { .. } | WriteError::Tenants { .. }) => Code::ResourceExhausted,
            Self::Around { status, .. } => match *status {
                StatusCode::REQUEST_TIMEOUT => Code::DeadlineExceeded,
                StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Code::Unimplemented,
                StatusCode::FORBIDDEN | StatusCode::MISDIRECTED_REQUEST => Code::PermissionDenied,
                status if status.is_server_error() => Code::Internal,
                _ => Code::InvalidArgument,
            },
            Self::Method(_) => Code::Unimplemented,
            // What gRPC has for a compression that the server does not know.
            Self::ContentEncoding { .. } => Code::Unimplemented,
            Self::ContentType { .. }
            | Self::Read(_)
            | Self::Decompress { .. }
            | Self::Frame(_)
            | Self::Protobuf { .. }
            | Self::RemoteWrite(_)
            | Self::Partial(_)
            | Self::Json { .. }
            | Self::Body { .. }
            | Self::Denied(Denied::Tenant(_))
            | Self::Write(WriteError::Malformed(_)) => Code::InvalidArgument,
            Self::Denied(Denied::Unauthenticated) => Code::Unauthenticated,
            Self::Denied(Denied::Right(_) | Denied::Scope(_)) => Code::PermissionDenied,
            Self::Busy
            | Self::Stopped
            | Self::Write(WriteError::Busy { .. } | WriteError::Disk { .. } | WriteError::Closed) => Code::Unavailable,
        }
    }

    /// When sending it again may help.
    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy => Some(RETRY_AFTER),
            Self::Write(WriteError::Busy { retry_after, .. } | WriteError::Disk { retry_after, .. }) => {
                Some(*retry_after)
            }
            _ => None,
        }
    }

    /// The same in whole seconds, and not none.
    pub(crate) fn retry_after_seconds(&self) -> Option<u64> {
        let after = self.retry_after()?.as_millis().div_ceil(1000).max(1);
        Some(u64::try_from(after).unwrap_or(u64::MAX))
    }

    pub(crate) fn message(&self) -> String {
        let mut message = self.to_string();
        message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES));
        message
    }

    /// As `google.rpc.Status`.
    fn status(&self) -> Status {
        let retry = self.retry_after().and_then(|after| {
            let info = RetryInfo { retry_delay: Some(after.try_into().ok()?) };
            Some(Any { type_url: RETRY_INFO.to_owned(), value: info.encode_to_vec() })
        });
        Status { code: self.code() as i32, message: self.message(), details: retry.into_iter().collect() }
    }

    /// As a gRPC status, with `grpc-status-details-bin` where there is more to say.
    pub(crate) fn grpc(&self) -> tonic::Status {
        tracing::debug!(error = %self, "export refused");
        let status = self.status();
        let details = if status.details.is_empty() { Vec::new() } else { status.encode_to_vec() };
        tonic::Status::with_details(self.code(), status.message, details.into())
    }

    /// As OTLP/HTTP's answer, in the format of the request.
    pub(crate) fn response(&self, format: Format) -> Response {
        let body = match format {
            Format::Protobuf => self.status().encode_to_vec(),
            Format::Json => self.json().to_string().into_bytes(),
        };
        self.plain(format.content_type(), body)
    }

    /// As text, for protocols that prescribe no body.
    pub(crate) fn text(&self) -> Response {
        self.plain("text/plain; charset=utf-8", format!("{}\n", self.message()).into_bytes())
    }

    fn plain(&self, content_type: &'static str, body: Vec<u8>) -> Response {
        tracing::debug!(error = %self, "export refused");
        let content_type = HeaderValue::from_static(content_type);
        let mut response = (self.http(), [(header::CONTENT_TYPE, content_type)], body).into_response();
        if let Some(seconds) = self.retry_after_seconds() {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        if matches!(self, Self::Denied(Denied::Unauthenticated)) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Self::ContentEncoding { expected, .. } = self {
            let accepted = if *expected == GZIP_AND_OTHERS { ENCODINGS } else { WRITE_ENCODINGS };
            response.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static(accepted));
        }
        response
    }

    /// `google.rpc.Status` in protobuf's JSON.
    fn json(&self) -> serde_json::Value {
        let mut status = json!({ "code": self.code() as i32, "message": self.message() });
        if let Some(after) = self.retry_after() {
            let delay = format!("{}.{:09}s", after.as_secs(), after.subsec_nanos());
            status["details"] = json!([{ "@type": RETRY_INFO, "retryDelay": delay }]);
        }
        status
    }
}
