//! Why a request was not taken, and how OTLP/HTTP says so.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use prost::Message;
use serde::Serialize;

use crate::body::{Format, MAX_BODY_BYTES};

/// Why a whole request was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The body is in a format that OTLP/HTTP does not have.
    #[error("Content-Type {found:?} is not taken; expected application/x-protobuf or application/json")]
    ContentType {
        /// What was sent.
        found: String,
    },
    /// The body is compressed in a way that is not taken.
    #[error("Content-Encoding {found:?} is not taken; expected gzip, zstd or none")]
    ContentEncoding {
        /// What was sent.
        found: String,
    },
    /// The body is larger than [`MAX_BODY_BYTES`], before or after decompression.
    #[error("the body has more than {MAX_BODY_BYTES} bytes; expected smaller batches")]
    TooLarge,
    /// The connection broke before the body's end.
    #[error("the body could not be read to its end")]
    Read(#[source] axum::Error),
    /// The body does not decompress.
    #[error("the body is not valid {encoding}: {cause}")]
    Decompress {
        /// The encoding that the request named.
        encoding: &'static str,
        /// What the decoder said.
        cause: std::io::Error,
    },
    /// The body is not the message that this address takes.
    #[error("the body is not a valid {message} in {format}: {cause}")]
    Decode {
        /// The message.
        message: &'static str,
        /// Protobuf or JSON.
        format: &'static str,
        /// What the decoder said.
        cause: String,
    },
    /// Decoding stopped midway because the process ends.
    #[error("the receiver is shutting down")]
    Stopped,
}

impl Error {
    fn http(&self) -> StatusCode {
        match self {
            Self::ContentType { .. } | Self::ContentEncoding { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Read(_) | Self::Decompress { .. } | Self::Decode { .. } => StatusCode::BAD_REQUEST,
            Self::Stopped => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn code(&self) -> tonic::Code {
        match self {
            Self::TooLarge => tonic::Code::ResourceExhausted,
            Self::Stopped => tonic::Code::Unavailable,
            _ => tonic::Code::InvalidArgument,
        }
    }

    /// The answer, in the format of the request as OTLP asks.
    pub(crate) fn response(&self, format: Format) -> Response {
        tracing::debug!(error = %self, "export refused");
        let status = RpcStatus { code: self.code() as i32, message: self.to_string() };
        let body = match format {
            Format::Protobuf => status.encode_to_vec(),
            Format::Json => serde_json::to_vec(&status).unwrap_or_default(),
        };
        (self.http(), [(header::CONTENT_TYPE, HeaderValue::from_static(format.content_type()))], body).into_response()
    }
}

/// `google.rpc.Status`, without details.
#[derive(Clone, PartialEq, Message, Serialize)]
pub struct RpcStatus {
    /// A gRPC status code.
    #[prost(int32, tag = "1")]
    pub code: i32,
    /// What went wrong, for a developer.
    #[prost(string, tag = "2")]
    pub message: String,
}
