//! Evaluation over Connect, as much of it as flagd's web client speaks: JSON, unary calls and the one stream (connectrpc.com, "Protocol").

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, stream};
use http::{Extensions, HeaderMap, HeaderValue, StatusCode, header};
use tonic::Code;
use vitrine_flags_engine::json::{self, Json, Kind};
use vitrine_flags_engine::{Evaluation, FlagType};

use super::{MAX_REQUEST_BYTES, Problem, Version, asked_type, open_stream, resolve, selection};
use crate::events;
use crate::role::Role;
use crate::service::FlagService;

/// The flag of the envelope that ends a stream.
const END: u8 = 0x02;
/// An absent context.
static NOTHING: Json<'static> = Json { at: 0, end: 0, kind: Kind::Null };

pub(super) async fn call(service: FlagService, version: Version, method: &str, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MAX_REQUEST_BYTES).await else {
        let message = format!("a request has at most {MAX_REQUEST_BYTES} bytes");
        return refuse(&Problem::new(Code::ResourceExhausted, message));
    };
    let is_stream =
        head.headers.get(header::CONTENT_TYPE).is_some_and(|v| v.as_bytes().starts_with(b"application/connect"));
    match (method, is_stream) {
        // The one message of the request says nothing, so it is not read.
        ("EventStream", true) => event_stream(&service, &head.extensions, &head.headers),
        (_, false) => match unary(&service, version, method, &head.headers, &body) {
            Ok(body) => (json_type(), body).into_response(),
            Err(problem) => refuse(&problem),
        },
        (_, true) => refuse(&Problem::new(Code::Unimplemented, format!("{method} is no stream"))),
    }
}

fn json_type() -> [(header::HeaderName, HeaderValue); 1] {
    [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]
}

fn unary(
    service: &FlagService,
    version: Version,
    method: &str,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<String, Problem> {
    let invalid = |message: String| Problem::new(Code::InvalidArgument, message);
    let text = std::str::from_utf8(body).map_err(|error| invalid(format!("the body is not UTF-8: {error}")))?;
    let request = json::read(if text.trim().is_empty() { "{}" } else { text })
        .map_err(|malformed| invalid(format!("the body is not JSON: {}", malformed.refuse(&json::Lines::new(text)))))?;
    let context = request.get("context").unwrap_or(&NOTHING);
    if !matches!(context.kind, Kind::Map(_) | Kind::Null) {
        return Err(invalid(format!("context is an object, and here is {}", context.what())));
    }
    let now = service.flags.current();
    if let Some(kind) = asked_type(method) {
        // Both spellings are JSON of protobuf.
        let key =
            request.get("flagKey").or_else(|| request.get("flag_key")).and_then(Json::as_text).unwrap_or_default();
        let evaluation = resolve(service, &now, version, headers, key, kind, context)?;
        let mut out = String::from("{");
        write(&evaluation, if kind == FlagType::Integer { Value::Int } else { Value::Plain }, &mut out);
        return Ok(out);
    }
    if method != "ResolveAll" || version != Version::V1 {
        return Err(Problem::new(Code::Unimplemented, format!("there is no method {method}")));
    }
    service.access.check(headers, Role::Evaluation)?;
    let mut out = String::from("{\"flags\":{");
    let selected = selection(service, headers, "")?.choose(&now);
    let context = service.serving.added.around(headers, context);
    if let Some(set) = selected {
        let evaluated = set.snapshot.evaluate_all(&context, service.flags.now_s());
        let evaluated = evaluated.filter_map(|(_, evaluated)| evaluated.ok()).inspect(|e| service.flags.answered(e));
        for (n, evaluation) in evaluated.enumerate() {
            out.push_str(if n > 0 { "," } else { "" });
            json::write_text(evaluation.flag.key(), &mut out);
            out.push_str(":{");
            write(&evaluation, Value::Named, &mut out);
        }
    }
    out.push_str("},\"metadata\":");
    out.push_str(&selected.map_or_else(|| "{}".to_owned(), |set| set.snapshot.metadata()));
    out.push('}');
    Ok(out)
}

/// How a value is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Value {
    Plain,
    /// 64 bits are a text in protobuf's JSON.
    Int,
    /// Under the name of its type.
    Named,
}

/// Writes what is told of a flag, up to the end of its object.
fn write(evaluation: &Evaluation<'_>, how: Value, out: &mut String) {
    if let Some(variant) = evaluation.variant {
        let name = match (how, evaluation.flag.kind()) {
            (Value::Plain | Value::Int, _) => "value",
            (Value::Named, FlagType::Boolean) => "boolValue",
            (Value::Named, FlagType::String) => "stringValue",
            (Value::Named, FlagType::Integer | FlagType::Float) => "doubleValue",
            (Value::Named, FlagType::Object) => "objectValue",
        };
        out.push_str(&format!("\"{name}\":"));
        if how == Value::Int {
            let digits = variant.json.split('.').next().unwrap_or_default();
            out.push_str(&format!("\"{digits}\""));
        } else {
            out.push_str(&variant.json);
        }
        out.push_str(",\"variant\":");
        json::write_text(&variant.name, out);
        out.push(',');
    }
    out.push_str(&format!("\"reason\":\"{}\",\"metadata\":{}}}", evaluation.reason.name(), evaluation.metadata));
}

/// gRPC's code in Connect's words, and the status of HTTP that goes with it.
fn words(code: Code) -> (&'static str, StatusCode) {
    match code {
        Code::InvalidArgument => ("invalid_argument", StatusCode::BAD_REQUEST),
        Code::NotFound => ("not_found", StatusCode::NOT_FOUND),
        Code::DataLoss => ("data_loss", StatusCode::INTERNAL_SERVER_ERROR),
        Code::Unauthenticated => ("unauthenticated", StatusCode::UNAUTHORIZED),
        Code::PermissionDenied => ("permission_denied", StatusCode::FORBIDDEN),
        Code::ResourceExhausted => ("resource_exhausted", StatusCode::TOO_MANY_REQUESTS),
        Code::DeadlineExceeded => ("deadline_exceeded", StatusCode::GATEWAY_TIMEOUT),
        Code::Unimplemented => ("unimplemented", StatusCode::NOT_IMPLEMENTED),
        _ => ("internal", StatusCode::INTERNAL_SERVER_ERROR),
    }
}

fn error_json(problem: &Problem) -> String {
    let mut out = format!("{{\"code\":\"{}\",\"message\":", words(problem.code).0);
    json::write_text(&problem.message, &mut out);
    out.push('}');
    out
}

pub(super) fn refuse(problem: &Problem) -> Response {
    (words(problem.code).1, json_type(), error_json(problem)).into_response()
}

/// A message of a stream: its flags, its length, and JSON.
fn envelope(flags: u8, json: &str) -> Bytes {
    let mut out = Vec::with_capacity(json.len() + 5);
    out.push(flags);
    out.extend_from_slice(&u32::try_from(json.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(json.as_bytes());
    out.into()
}

/// A stream's errors are in its last envelope: the answer itself is always 200.
fn event_stream(service: &FlagService, request: &Extensions, headers: &HeaderMap) -> Response {
    let opened = open_stream(service, request, headers);
    let body = match opened.and_then(|stream| Ok((selection(service, headers, "")?, stream))) {
        Err(problem) => Body::from(envelope(END, &format!("{{\"error\":{}}}", error_json(&problem)))),
        Ok((selection, stream)) => {
            let told = events::follow(service, selection, stream).map(|told| {
                let data = told.data.map(|data| format!(",\"data\":{data}")).unwrap_or_default();
                envelope(0, &format!("{{\"type\":\"{}\"{data}}}", told.name))
            });
            let end = stream::once(std::future::ready(envelope(END, "{}")));
            Body::from_stream(told.chain(end).map(Ok::<_, Infallible>))
        }
    };
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/connect+json"))], body).into_response()
}
