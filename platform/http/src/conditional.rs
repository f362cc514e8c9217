//! Conditional requests (RFC 9110, section 13): entity tags, and the preconditions that name them.
//!
//! All resources are judged here, so that none has rules of its own. [`conditional`] answers conditional reads of whatever carries an
//! `ETag`. A handler that changes something takes [`Preconditions`] and checks them against the tag of what it is about to change.
//! Conditions on times are not looked at: no resource has a `Last-Modified` (RFC 9110, sections 13.1.3 and 13.1.4, have them ignored then).

use std::fmt;

use axum::body::Body;
use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use vitrine_contracts::Problem;

use crate::problem::Reply;

/// How much of a digest is in a tag, in bytes: enough that no two contents share one by accident.
const DIGEST_BYTES: usize = 16;
/// What is expected of a header that names tags.
const EXPECTED: &str = "* or a list of entity tags, for example \"3\", W/\"4\" (RFC 9110, section 8.8.3)";
/// What is expected of a change.
const EXPECTED_MATCH: &str = "the ETag of the last read, for example \"3\"";

/// An entity tag (RFC 9110, section 8.8.3). What it consists of is compared, never taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ETag {
    weak: bool,
    opaque: Vec<u8>,
}

impl ETag {
    /// A strong tag of what changes whenever the representation does. Of visible ASCII without quotes.
    pub fn strong(version: impl fmt::Display) -> Self {
        let opaque = version.to_string().into_bytes();
        debug_assert!(opaque.iter().all(|b| b.is_ascii_graphic() && *b != b'"'), "not a tag: {opaque:?}");
        Self { weak: false, opaque }
    }

    /// A strong tag of a representation's bytes.
    pub fn of_content(content: &[u8]) -> Self {
        let digest = Sha256::digest(content);
        Self::strong(hex::encode(&digest[..DIGEST_BYTES]))
    }

    /// The value of the `ETag` header.
    pub fn header(&self) -> HeaderValue {
        let quoted = [if self.weak { &b"W/\""[..] } else { b"\"" }, &self.opaque, b"\""].concat();
        HeaderValue::from_bytes(&quoted).expect("a tag holds only what a header may hold")
    }

    /// Reads one tag from the beginning of a text; returns it with what follows.
    fn read(text: &[u8]) -> Option<(Self, &[u8])> {
        let (weak, rest) = text.strip_prefix(b"W/").map_or((false, text), |rest| (true, rest));
        let rest = rest.strip_prefix(b"\"")?;
        let (opaque, rest) = rest.split_at(rest.iter().position(|b| *b == b'"')?);
        // etagc: visible ASCII, and the upper half of bytes.
        let fine = opaque.iter().all(|b| b.is_ascii_graphic() || *b >= 0x80);
        fine.then(|| (Self { weak, opaque: opaque.to_vec() }, &rest[1..]))
    }

    fn parse(value: &HeaderValue) -> Option<Self> {
        Self::read(value.as_bytes()).filter(|(_, rest)| rest.is_empty()).map(|(tag, _)| tag)
    }

    /// Strong comparison: a weak tag equals nothing.
    fn is_strongly(&self, other: &Self) -> bool {
        !self.weak && !other.weak && self.opaque == other.opaque
    }

    fn is_weakly(&self, other: &Self) -> bool {
        self.opaque == other.opaque
    }
}

/// What one header names.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Named {
    /// `*`: whatever there is.
    Any,
    Tags(Vec<ETag>),
}

impl Named {
    /// Reads all lines of a header as one list.
    fn read(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Self>, Reply> {
        let lines: Vec<&[u8]> = headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
        if lines.is_empty() {
            return Ok(None);
        }
        let named = Self::parse(&lines.join(&b","[..]));
        named.map(Some).ok_or_else(|| {
            let message = "the header is neither * nor a list of entity tags";
            Problem::invalid(canonical(name), EXPECTED, message).into()
        })
    }

    fn parse(value: &[u8]) -> Option<Self> {
        if value.trim_ascii() == b"*" {
            return Some(Self::Any);
        }
        let (mut tags, mut rest) = (Vec::new(), value);
        loop {
            // Empty elements of a list are skipped (RFC 9110, section 5.6.1.2).
            while let [b' ' | b'\t' | b',', after @ ..] = rest {
                rest = after;
            }
            if rest.is_empty() {
                return (!tags.is_empty()).then_some(Self::Tags(tags));
            }
            let (tag, after) = ETag::read(rest)?;
            tags.push(tag);
            rest = after.trim_ascii_start();
            if !rest.is_empty() && rest[0] != b',' {
                return None;
            }
        }
    }

    fn has(&self, current: Option<&ETag>, same: impl Fn(&ETag, &ETag) -> bool) -> bool {
        match self {
            Self::Any => true,
            Self::Tags(tags) => current.is_some_and(|current| tags.iter().any(|tag| same(tag, current))),
        }
    }
}

/// The header's name as the RFC spells it.
fn canonical(name: &HeaderName) -> &'static str {
    if name == header::IF_MATCH { "If-Match" } else { "If-None-Match" }
}

/// How a request's preconditions turn out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Hold,
    /// `If-Match` names none that is current.
    NotMatched,
    /// `If-None-Match` names one that is current.
    Matched,
}

/// What a request says must be so (RFC 9110, section 13.1). As an extractor it refuses headers that are malformed.
#[derive(Clone, Debug, Default)]
pub struct Preconditions {
    if_match: Option<Named>,
    if_none_match: Option<Named>,
}

impl Preconditions {
    fn read(method: &Method, headers: &HeaderMap) -> Result<Self, Reply> {
        let if_match = Named::read(headers, &header::IF_MATCH)?;
        let mut if_none_match = Named::read(headers, &header::IF_NONE_MATCH)?;
        // A POST makes something new, which nothing can be there of yet.
        if *method == Method::POST {
            if_none_match = None;
        }
        Ok(Self { if_match, if_none_match })
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.if_match.is_none() && self.if_none_match.is_none()
    }

    /// Whether they depend on the version that is changed, not only on whether there is something.
    pub fn name_versions(&self) -> bool {
        [&self.if_match, &self.if_none_match].iter().any(|named| matches!(named, Some(Named::Tags(_))))
    }

    /// Refuses a change that does not say which version it is of, with 428 (RFC 6585, section 3).
    pub fn require_match(&self) -> Result<(), Reply> {
        if self.if_match.is_some() {
            return Ok(());
        }
        let reply = Reply::new(StatusCode::PRECONDITION_REQUIRED, "IF_MATCH_REQUIRED", "say which version you saw");
        Err(reply.at("If-Match", EXPECTED_MATCH))
    }

    /// Refuses a change of something that is there when they do not hold, with 412. A resource without a tag is matched by `*` only.
    pub fn check(&self, current: Option<&ETag>) -> Result<(), Reply> {
        match self.judge(current) {
            Verdict::Hold => Ok(()),
            Verdict::NotMatched if current.is_none() => Err(failed("VERSION_MISMATCH", "this has no ETag")
                .at("If-Match", "* or nothing: there is no ETag to compare with")),
            Verdict::NotMatched => Err(Self::mismatch()),
            Verdict::Matched => Err(failed("PRECONDITION_FAILED", "there is one already")
                .at("If-None-Match", "an ETag other than that of what is there")),
        }
    }

    /// The same for something that is not there: no tag matches, not even `*`.
    pub fn check_missing(&self) -> Result<(), Reply> {
        match self.if_match {
            None => Ok(()),
            Some(_) => Err(failed("VERSION_MISMATCH", "what the request is about is not there")
                .at("If-Match", "nothing: there is no version of it")),
        }
    }

    /// What is answered when the version that a change is of is not the current one.
    pub fn mismatch() -> Reply {
        failed("VERSION_MISMATCH", "it is not as the request says that it was seen").at("If-Match", EXPECTED_MATCH)
    }

    /// In the order of RFC 9110, section 13.2.2.
    fn judge(&self, current: Option<&ETag>) -> Verdict {
        if self.if_match.as_ref().is_some_and(|named| !named.has(current, ETag::is_strongly)) {
            return Verdict::NotMatched;
        }
        if self.if_none_match.as_ref().is_some_and(|named| named.has(current, ETag::is_weakly)) {
            return Verdict::Matched;
        }
        Verdict::Hold
    }
}

fn failed(reason: &str, message: &str) -> Reply {
    Reply::new(StatusCode::PRECONDITION_FAILED, reason, message)
}

impl<S: Send + Sync> FromRequestParts<S> for Preconditions {
    type Rejection = Reply;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Reply> {
        Self::read(&parts.method, &parts.headers)
    }
}

/// A layer that answers conditional reads: 304 when the reader has what is current, 412 when they want another version only. Malformed
/// preconditions are refused whatever the method. Preconditions of changes are for those who know what is changed.
pub async fn conditional(request: Request, next: Next) -> Response {
    let preconditions = match Preconditions::read(request.method(), request.headers()) {
        Ok(preconditions) => preconditions,
        Err(reply) => return reply.into_response(),
    };
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let response = next.run(request).await;
    if !reads || preconditions.is_empty() || !response.status().is_success() {
        return response;
    }
    let current = response.headers().get(header::ETAG).and_then(ETag::parse);
    match preconditions.judge(current.as_ref()) {
        Verdict::Hold => response,
        Verdict::Matched => not_modified(response),
        Verdict::NotMatched => {
            preconditions.check(current.as_ref()).err().unwrap_or_else(Preconditions::mismatch).into_response()
        }
    }
}

/// A layer before changes of what has no tag: they cannot be of one version only, and no precondition is passed over in silence.
pub async fn untagged(preconditions: Preconditions, request: Request, next: Next) -> Response {
    match preconditions.check(None) {
        Ok(()) => next.run(request).await,
        Err(reply) => reply.into_response(),
    }
}

/// The same headers as the answer with the content would have, but for those that describe the content (RFC 9110, section 15.4.5).
fn not_modified(response: Response) -> Response {
    let (mut head, _) = response.into_parts();
    head.status = StatusCode::NOT_MODIFIED;
    for name in [header::CONTENT_TYPE, header::CONTENT_LENGTH, header::CONTENT_ENCODING] {
        head.headers.remove(name);
    }
    Response::from_parts(head, Body::empty())
}

#[cfg(test)]
mod tests {
    use super::{ETag, Named, Preconditions, Verdict};
    use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
    use proptest::prelude::{any, prop_assert_eq, proptest};

    fn headers(lines: &[(HeaderName, &str)]) -> HeaderMap {
        let value = |text: &str| HeaderValue::from_bytes(text.as_bytes()).expect("a value");
        lines.iter().map(|(name, text)| (name.clone(), value(text))).collect()
    }

    #[test]
    fn preconditions_hold_as_the_rfc_says() {
        let (if_match, if_none) = (header::IF_MATCH, header::IF_NONE_MATCH);
        let judge = |lines: &[(HeaderName, &str)], current: Option<&ETag>| {
            Preconditions::read(&Method::PUT, &headers(lines)).expect("well-formed").judge(current)
        };
        let current = ETag::strong("7.120");
        for (value, strongly, weakly) in [
            ("*", true, true),
            ("\"7.120\"", true, true),
            ("\"7.119\"", false, false),
            ("\"7\"", false, false),
            ("\"7.120.1\"", false, false),
            ("\"07.120\"", false, false),
            ("W/\"7.120\"", false, true),
            ("\"1\",\"7.120\"", true, true),
            ("\"1\" ,\t\"2\", W/\"7.120\"", false, true),
            ("W/\"7.120\", \"7.120\"", true, true),
            (", ,\"7.120\",,", true, true),
            ("\"a,\", \"7.120\"", true, true),
            ("\"\\\"", false, false),
            ("\"\"", false, false),
            ("\"*\"", false, false),
            ("\"é\"", false, false),
        ] {
            let matched = judge(&[(if_match.clone(), value)], Some(&current)) == Verdict::Hold;
            assert_eq!(matched, strongly, "If-Match: {value}");
            let matched = judge(&[(if_none.clone(), value)], Some(&current)) == Verdict::Matched;
            assert_eq!(matched, weakly, "If-None-Match: {value}");
            // What has no tag is matched by nothing but a star.
            let matched = judge(&[(if_match.clone(), value)], None) == Verdict::Hold;
            assert_eq!(matched, value == "*", "If-Match without a tag: {value}");
        }
        // Several lines are one list; If-Match is looked at first.
        let lines = [(if_match.clone(), "\"1\""), (if_match.clone(), "\"7.120\"")];
        assert_eq!(judge(&lines, Some(&current)), Verdict::Hold);
        let both = [(if_match, "\"1\""), (if_none, "*")];
        assert_eq!(judge(&both, Some(&current)), Verdict::NotMatched);
        let weak = ETag { weak: true, ..current };
        assert_eq!(judge(&[(header::IF_MATCH, "\"7.120\", W/\"7.120\"")], Some(&weak)), Verdict::NotMatched);
    }

    #[test]
    fn what_is_no_list_of_tags_is_refused() {
        for name in [header::IF_MATCH, header::IF_NONE_MATCH] {
            for bad in [
                "",
                " ",
                ",",
                "7",
                "x\"7\"",
                "\"7",
                "7\"",
                "\"7\" \"8\"",
                "\"7\"8",
                "\"7 8\"",
                "w/\"7\"",
                "W/ \"7\"",
                "W/7",
                "W/",
                "W",
                "*, \"7\"",
                "\"7\", *",
                "**",
                "\"7\";q=1",
                "'7'",
            ] {
                let refused = Preconditions::read(&Method::GET, &headers(&[(name.clone(), bad)])).expect_err(bad);
                assert_eq!(refused.reason(), "INVALID_FIELD", "{bad}");
                assert!(refused.field().is_some_and(|f| name.as_str().eq_ignore_ascii_case(f)), "{bad}");
            }
            let stars = headers(&[(name.clone(), "*"), (name, "*")]);
            assert!(Preconditions::read(&Method::GET, &stars).is_err());
        }
    }

    #[test]
    fn a_post_has_nothing_to_be_there() {
        let read = |method| Preconditions::read(&method, &headers(&[(header::IF_NONE_MATCH, "*")])).expect("fine");
        assert!(read(Method::POST).is_empty());
        assert!(read(Method::PUT).check(None).is_err());
        assert_eq!(Preconditions::default().require_match().expect_err("missing").reason(), "IF_MATCH_REQUIRED");
    }

    proptest! {
        #[test]
        fn tags_are_read_as_they_are_written(weak in any::<bool>(), opaque in "[!#-~\u{80}-\u{ff}]{0,20}", others in 0usize..4) {
            let tag = ETag { weak, opaque: opaque.into_bytes() };
            prop_assert_eq!(ETag::parse(&tag.header()), Some(tag.clone()));
            let list = vec![tag.header(); others + 1];
            let joined = list.iter().map(HeaderValue::as_bytes).collect::<Vec<_>>().join(&b", "[..]);
            prop_assert_eq!(Named::parse(&joined), Some(Named::Tags(vec![tag; others + 1])));
        }

        #[test]
        fn no_header_ends_anything(value in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = Named::parse(&value);
        }
    }
}
