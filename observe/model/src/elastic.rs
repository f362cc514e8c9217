//! What Elasticsearch's APIs have in common, whether they take documents or answer searches: how callers say who they are, how errors look,
//! which parts of an answer are asked for, and how a document is kept as a log record.
//!
//! A document becomes a record: the values that every record has a place for are *lifted* out of it, what is nested gets dotted keys. Which
//! keys that were stands in attributes of the scope, so that it is there once for all records of a shape, and [`source`] gives the document
//! back as it was sent, up to the order of its keys.

mod filter_path;
mod source;

use std::borrow::Cow;

use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Value, json};

pub use filter_path::FilterPath;
pub use source::{Nesting, TimeFormat, id, index, source};

/// The header by which clients know Elasticsearch, in lower case. The official clients refuse to work without it.
pub const PRODUCT_HEADER: &str = "x-elastic-product";
/// Its value.
pub const PRODUCT: &str = "Elasticsearch";

/// Attribute of the scope: the index that the document was sent to.
pub const INDEX: &str = "vitrine.es.index";
/// Attribute of the scope: the key of the time.
pub const TIME: &str = "vitrine.es.time";
/// Attribute of the scope: how the time was written ([`TimeFormat`]).
pub const TIME_FORMAT: &str = "vitrine.es.time_format";
/// Attribute of the scope: the key of the message.
pub const BODY: &str = "vitrine.es.body";
/// Attribute of the scope: the key of the severity.
pub const SEVERITY: &str = "vitrine.es.severity";
/// Attribute of the scope: the key of the service.
pub const SERVICE: &str = "vitrine.es.service";
/// Attribute of the scope: the key of the trace's id.
pub const TRACE_ID: &str = "vitrine.es.trace_id";
/// Attribute of the scope: the key of the span's id.
pub const SPAN_ID: &str = "vitrine.es.span_id";
/// Attribute of the scope: the dotted keys of the objects that were nested, in order ([`Nesting`]).
pub const OBJECTS: &str = "vitrine.es.objects";

/// Attribute of the record: the `_id` that was sent with the document.
pub const ID_ATTRIBUTE: &str = "_id";
/// Attribute of the record: the `routing` that was sent with it.
pub const ROUTING_ATTRIBUTE: &str = "_routing";
/// Attribute of the record: the `pipeline` that was sent with it.
pub const PIPELINE_ATTRIBUTE: &str = "_pipeline";
/// Attribute of the record: the document as it was sent, if it cannot be made out of the record.
pub const SOURCE_ATTRIBUTE: &str = "_source";
/// Attributes of the record that are not of its document.
pub const BESIDE_DOCUMENT: [&str; 4] = [ID_ATTRIBUTE, ROUTING_ATTRIBUTE, PIPELINE_ATTRIBUTE, SOURCE_ATTRIBUTE];

/// The `Authorization` header in the form that the observatory's access knows, `Bearer TOKEN`, out of the forms of Elasticsearch's clients:
/// `Basic base64(ANY:TOKEN)` and `ApiKey base64(ANY:TOKEN)`. Everything else is returned as it is.
pub fn bearer(authorization: &str) -> Cow<'_, str> {
    let token = || {
        let (scheme, credentials) = authorization.split_once(' ')?;
        if !["basic", "apikey"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
            return None;
        }
        let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        let plain = GeneralPurpose::new(&base64::alphabet::STANDARD, config).decode(credentials.trim()).ok()?;
        let plain = String::from_utf8(plain).ok()?;
        plain.split_once(':').map(|(_, token)| format!("Bearer {token}"))
    };
    token().map_or(Cow::Borrowed(authorization), Cow::Owned)
}

/// An error as Elasticsearch says it; `kind` is one of its exceptions' names.
pub fn error(status: u16, kind: &str, reason: &str) -> Value {
    let cause = json!({ "type": kind, "reason": reason });
    json!({ "error": { "root_cause": [cause], "type": kind, "reason": reason }, "status": status })
}

/// Whether a name meets a pattern in which `*` is anything.
pub fn is_like(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::{bearer, is_like};

    #[test]
    fn tokens_come_in_three_forms() {
        let cases = [
            ("Bearer secret-token", "Bearer secret-token"),
            ("Basic ZWxhc3RpYzpzZWNyZXQtdG9rZW4=", "Bearer secret-token"),
            ("ApiKey aWQ6c2VjcmV0LXRva2Vu", "Bearer secret-token"),
            ("apikey aWQ6c2VjcmV0LXRva2Vu", "Bearer secret-token"),
            ("Basic ???", "Basic ???"),
            ("Basic bm90aGluZw==", "Basic bm90aGluZw=="),
            ("Digest x", "Digest x"),
            ("", ""),
        ];
        for (sent, expected) in cases {
            assert_eq!(bearer(sent), expected, "{sent}");
        }
    }

    #[test]
    fn stars_are_anything() {
        for (pattern, name, expected) in [
            ("*", "", true),
            ("a", "a", true),
            ("a", "ab", false),
            ("a*", "ab", true),
            ("*b", "ab", true),
            ("a*b*c", "axbyc", true),
            ("a*c*e", "abcde", true),
            ("a*a", "a", false),
            ("a*b", "acd", false),
            ("logs-*-2026", "logs-app-2026", true),
            // However many stars there are: what is between them is looked for once.
            (&"*a".repeat(200), &"a".repeat(199), false),
        ] {
            assert_eq!(is_like(pattern, name), expected, "{pattern} {name}");
        }
    }
}
