//! How calls look on NATS: subjects, headers, bodies.
//!
//! A gRPC message is framed by a byte (compressed or not) and its length; a NATS message has a length of its own, so the frame is
//! left out. Source: the gRPC wire format, "Length-Prefixed-Message".

use async_nats::HeaderMap as NatsHeaders;
use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};
use tonic::Status;
use vitrine_contracts::Problem;

/// What every subject of ours begins with.
pub(crate) const ROOT: &str = "vitrine";
/// The service that every process answers for its own stores: its subjects end with the name of the store's service.
const LOG: &str = "vitrine.bus.v1.EventLogService";
/// Bytes of a gRPC frame before the message.
const FRAME: usize = 5;
/// Headers that say how HTTP/2 carries a call, and nothing of the call.
const OF_HTTP: &[&str] =
    &["content-type", "content-length", "te", "user-agent", "grpc-encoding", "grpc-accept-encoding", "date"];

/// The subject of a call, from its gRPC path and who is called.
pub(crate) fn subject(path: &str, callee: &str) -> String {
    let subject = path.trim_start_matches('/').replace('/', ".");
    if subject.starts_with(LOG) { format!("{subject}.{callee}") } else { subject }
}

/// The subjects that a service answers.
pub(crate) fn subjects_of(service: &str) -> [String; 2] {
    [format!("{ROOT}.{service}.v1.*.*"), format!("{LOG}.*.{service}")]
}

/// The gRPC path of a subject that a service answers.
pub(crate) fn path(subject: &str, service: &str) -> Option<String> {
    let call = match subject.strip_prefix(LOG) {
        Some(_) => subject.strip_suffix(service)?.strip_suffix('.')?,
        None => subject,
    };
    let (interface, method) = call.rsplit_once('.')?;
    Some(format!("/{interface}/{method}"))
}

/// The message of a gRPC frame.
pub(crate) fn unframed(framed: &Bytes) -> Result<Bytes, Status> {
    match framed.first_chunk::<FRAME>() {
        None if framed.is_empty() => Ok(Bytes::new()),
        Some([0, length @ ..])
            if usize::try_from(u32::from_be_bytes(*length)).is_ok_and(|n| n + FRAME == framed.len()) =>
        {
            Ok(framed.slice(FRAME..))
        }
        _ => Err(Problem::internal().into()),
    }
}

/// A message as a gRPC frame.
pub(crate) fn framed(message: &[u8]) -> Result<Bytes, Status> {
    let length = u32::try_from(message.len()).map_err(|_| Status::from(Problem::internal()))?;
    let mut framed = BytesMut::with_capacity(FRAME + message.len());
    framed.put_u8(0);
    framed.put_u32(length);
    framed.put_slice(message);
    Ok(framed.freeze())
}

/// Adds a call's headers to those of a message. A value that is not ASCII cannot be a header of a call, and is left out.
pub(crate) fn put_headers(from: &HeaderMap, into: &mut NatsHeaders) {
    for (name, value) in from {
        if let Some(value) = value.to_str().ok().filter(|_| !OF_HTTP.contains(&name.as_str())) {
            into.append(name.as_str(), value);
        }
    }
}

/// The headers of a call, from those of a message. What cannot be one is left out, and so are those of NATS itself.
pub(crate) fn call_headers(from: Option<&NatsHeaders>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, values) in from.into_iter().flat_map(NatsHeaders::iter) {
        let name: &str = name.as_ref();
        let Ok(name) = HeaderName::from_bytes(name.to_ascii_lowercase().as_bytes()) else { continue };
        if name.as_str().starts_with("nats-") || OF_HTTP.contains(&name.as_str()) {
            continue;
        }
        for value in values {
            if let Ok(value) = HeaderValue::from_str(value.as_str()) {
                headers.append(name.clone(), value);
            }
        }
    }
    headers
}

/// What is said of a message that the server would not pass.
pub(crate) fn too_large(what: &str, limit: usize) -> Problem {
    let message = format!("the {what}, with its headers, is larger than the {limit} bytes that the NATS server passes");
    Problem::exhausted("MESSAGE_TOO_LARGE", &message)
}

#[cfg(test)]
mod tests {
    use super::{call_headers, framed, path, subject, subjects_of, unframed};
    use bytes::Bytes;

    #[test]
    fn subjects_lead_to_paths_and_back() {
        for (there, callee, subject_of) in [
            ("/vitrine.carts.v1.CartsService/GetCart", "carts", "vitrine.carts.v1.CartsService.GetCart"),
            ("/vitrine.bus.v1.EventLogService/Fetch", "orders", "vitrine.bus.v1.EventLogService.Fetch.orders"),
        ] {
            assert_eq!(subject(there, callee), subject_of);
            assert_eq!(path(subject_of, callee).as_deref(), Some(there));
        }
        assert_eq!(path("vitrine.bus.v1.EventLogService.Fetch.orders", "carts"), None);
        assert_eq!(
            subjects_of("carts"),
            ["vitrine.carts.v1.*.*".to_owned(), "vitrine.bus.v1.EventLogService.*.carts".to_owned()]
        );
    }

    #[test]
    fn frames_come_and_go() {
        for message in [&b""[..], b"x", &[7; 70_000]] {
            assert_eq!(unframed(&framed(message).expect("small")).expect("a frame"), message);
        }
        assert_eq!(unframed(&Bytes::new()).expect("no message"), "");
        for bad in [&b"\0\0"[..], b"\x01\0\0\0\0", b"\0\0\0\0\x02x", b"\0\0\0\0\x01xy"] {
            assert!(unframed(&Bytes::from_static(bad)).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn only_what_can_be_a_header_of_a_call_becomes_one() {
        let mut given = async_nats::HeaderMap::new();
        given.insert("Traceparent", "00-1");
        given.insert("Nats-Msg-Id", "1");
        given.insert("te", "trailers");
        given.insert("x", "line\u{7f}");
        let headers = call_headers(Some(&given));
        assert_eq!(headers.len(), 1, "{headers:?}");
        assert_eq!(headers["traceparent"], "00-1");
    }
}
