//! Messages in the one form in which they are kept and handed to destinations: that of Segment's specification.

use std::net::IpAddr;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use vitrine_contracts::limits::MAX_MESSAGE_ID;
use vitrine_kit::clock::{parse_rfc3339, rfc3339};

use crate::consent;

/// What messages are.
pub(crate) const TYPES: &[&str] = &["track", "identify", "page", "screen", "group", "alias"];
/// The longest name of an event, a page or a screen, and the longest id of a person or a group, in bytes.
const MAX_NAME: usize = 200;
/// How far ahead of ours a client's time may be, in milliseconds; beyond, its clock is wrong.
const MAX_AHEAD_MS: i64 = 3_600_000;
/// Which part of an address is its network: /24 and /48.
const V4_KEPT: usize = 3;
const V6_KEPT: usize = 3;

/// Why a message is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// Where in the message.
    pub(crate) field: &'static str,
    pub(crate) message: &'static str,
    pub(crate) expected: String,
}

/// What a request says of all its messages.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestFields {
    pub(crate) context: Map<String, Value>,
    pub(crate) integrations: Map<String, Value>,
    pub(crate) sent_at: Option<Value>,
    pub(crate) received_at_ms: i64,
    pub(crate) address: Option<IpAddr>,
    pub(crate) user_agent: String,
    pub(crate) opts_out: bool,
}

/// A message as it is kept: a JSON object.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Message(pub(crate) Value);

impl Message {
    /// Reads a message of this type, or of the type that it says itself.
    pub(crate) fn read(own: Map<String, Value>, kind: Option<&str>, shared: &RequestFields) -> Result<Self, Refused> {
        let kind = kind.or_else(|| own.get("type").and_then(Value::as_str)).unwrap_or_default();
        let Some(kind) = TYPES.iter().find(|known| **known == kind) else {
            return Err(refused(
                "type",
                "the type is missing or unknown",
                "track, identify, page, screen, group or alias",
            ));
        };
        let mut kept = Map::new();
        kept.insert("type".to_owned(), json!(kind));
        people(&own, kind, &mut kept)?;
        content(&own, kind, &mut kept)?;
        kept.insert("messageId".to_owned(), json!(message_id(&own)?));
        let context = context(&own, shared);
        times(&own, shared, &mut kept)?;
        kept.insert(
            "integrations".to_owned(),
            Value::Object(merged(&shared.integrations, object(&own, "integrations"))),
        );
        kept.insert("context".to_owned(), Value::Object(context));
        Ok(Self(Value::Object(kept)))
    }

    fn text(&self, field: &str) -> &str {
        self.0[field].as_str().unwrap_or_default()
    }

    pub(crate) fn id(&self) -> &str {
        self.text("messageId")
    }

    pub(crate) fn kind(&self) -> &str {
        self.text("type")
    }

    /// The event's, page's or screen's name; empty where there is none.
    pub(crate) fn name(&self) -> &str {
        let field = if self.kind() == "track" { "event" } else { "name" };
        self.text(field)
    }

    pub(crate) fn user_id(&self) -> Option<&str> {
        self.0["userId"].as_str()
    }

    pub(crate) fn anonymous_id(&self) -> Option<&str> {
        self.0["anonymousId"].as_str()
    }

    /// Whom it is about: the account, or else the browser.
    pub(crate) fn subject(&self) -> &str {
        self.user_id().or(self.anonymous_id()).unwrap_or_default()
    }

    pub(crate) fn session_id(&self) -> Option<&str> {
        self.0["context"]["sessionId"].as_str().filter(|id| !id.is_empty())
    }

    pub(crate) fn properties(&self) -> &Value {
        &self.0["properties"]
    }

    /// When it happened, in milliseconds since 1970.
    pub(crate) fn at_ms(&self) -> i64 {
        parse_rfc3339(self.text("timestamp")).unwrap_or_default()
    }
}

fn refused(field: &'static str, message: &'static str, expected: impl Into<String>) -> Refused {
    Refused { field, message, expected: expected.into() }
}

fn object<'a>(own: &'a Map<String, Value>, field: &str) -> Option<&'a Map<String, Value>> {
    own.get(field).and_then(Value::as_object)
}

/// A text or a number, which some senders have as an id.
fn id_of(own: &Map<String, Value>, field: &'static str) -> Result<Option<String>, Refused> {
    let id = match own.get(field) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(_) => {
            return Err(refused(
                field,
                "the id is neither a text nor a number",
                format!("a text of 1 to {MAX_NAME} bytes"),
            ));
        }
    };
    match id.len() {
        0 => Ok(None),
        1..=MAX_NAME => Ok(Some(id)),
        _ => Err(refused(field, "the id is too long", format!("a text of 1 to {MAX_NAME} bytes"))),
    }
}

/// Whom it is about.
fn people(own: &Map<String, Value>, kind: &str, kept: &mut Map<String, Value>) -> Result<(), Refused> {
    let (user_id, anonymous_id) = (id_of(own, "userId")?, id_of(own, "anonymousId")?);
    if user_id.is_none() && anonymous_id.is_none() {
        return Err(refused("userId", "nobody is named", "userId or anonymousId"));
    }
    let (group, previous) = (id_of(own, "groupId")?, id_of(own, "previousId")?);
    if kind == "group" && group.is_none() {
        return Err(refused("groupId", "no group is named", "the id of a group"));
    }
    if kind == "alias" && (previous.is_none() || user_id.is_none()) {
        return Err(refused("previousId", "an alias needs two ids", "previousId and userId"));
    }
    for (field, id) in
        [("userId", user_id), ("anonymousId", anonymous_id), ("groupId", group), ("previousId", previous)]
    {
        kept.extend(id.map(|id| (field.to_owned(), Value::String(id))));
    }
    Ok(())
}

fn name_of(own: &Map<String, Value>, field: &'static str) -> Result<Option<Value>, Refused> {
    match own.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(name)) if name.is_empty() => Ok(None),
        Some(Value::String(name)) if name.len() <= MAX_NAME => Ok(Some(json!(name))),
        Some(_) => {
            Err(refused(field, "the name is no text, or too long", format!("a text of at most {MAX_NAME} bytes")))
        }
    }
}

/// What happened.
fn content(own: &Map<String, Value>, kind: &str, kept: &mut Map<String, Value>) -> Result<(), Refused> {
    let (names, details): (&[&'static str], &'static str) = match kind {
        "track" => (&["event"], "properties"),
        "page" | "screen" => (&["name", "category"], "properties"),
        _ => (&[], "traits"),
    };
    for name in names {
        kept.extend(name_of(own, name)?.map(|value| ((*name).to_owned(), value)));
    }
    if kind == "track" && !kept.contains_key("event") {
        return Err(refused("event", "a track message names no event", "the name of the event"));
    }
    match own.get(details) {
        None | Some(Value::Null) => {}
        Some(value @ Value::Object(_)) => {
            kept.insert(details.to_owned(), value.clone());
        }
        Some(_) => return Err(refused(details, "these are no fields with values", "an object")),
    }
    Ok(())
}

/// The id by which it is known, taken from its content where the sender gave none.
fn message_id(own: &Map<String, Value>) -> Result<String, Refused> {
    match own.get("messageId") {
        None | Some(Value::Null) => Ok(format!("sha256-{}", hex::encode(digest(own)))),
        Some(Value::String(id)) if id.is_empty() => Ok(format!("sha256-{}", hex::encode(digest(own)))),
        Some(Value::String(id)) if id.len() <= MAX_MESSAGE_ID && !id.contains('\0') => Ok(id.clone()),
        Some(_) => Err(refused(
            "messageId",
            "the id is no text, or too long",
            format!("a text of at most {MAX_MESSAGE_ID} bytes"),
        )),
    }
}

/// A digest of the message without what differs when it is sent again.
pub(crate) fn digest(own: &Map<String, Value>) -> [u8; 32] {
    let mut hasher = Sha256::new();
    let mut fields: Vec<_> = own.iter().filter(|(name, _)| name.as_str() != "sentAt").collect();
    fields.sort_by_key(|(name, _)| name.as_str());
    for (name, value) in fields {
        hasher.update(json!(name).to_string());
        canonical(value, &mut hasher);
    }
    hasher.finalize().into()
}

/// Fields by name, whatever their order was.
fn canonical(value: &Value, hasher: &mut Sha256) {
    match value {
        Value::Object(fields) => {
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_by_key(|(name, _)| name.as_str());
            hasher.update("{");
            for (name, value) in sorted {
                hasher.update(json!(name).to_string());
                canonical(value, hasher);
            }
            hasher.update("}");
        }
        Value::Array(items) => {
            hasher.update("[");
            items.iter().for_each(|item| canonical(item, hasher));
            hasher.update("]");
        }
        plain => hasher.update(format!("{plain},")),
    }
}

/// What a message says comes before what its request says of all.
fn merged(shared: &Map<String, Value>, own: Option<&Map<String, Value>>) -> Map<String, Value> {
    let mut all = shared.clone();
    for (name, value) in own.into_iter().flatten() {
        let both = match (all.get(name), value) {
            (Some(Value::Object(shared)), Value::Object(own)) => Value::Object(merged(shared, Some(own))),
            _ => value.clone(),
        };
        all.insert(name.clone(), both);
    }
    all
}

fn context(own: &Map<String, Value>, shared: &RequestFields) -> Map<String, Value> {
    let mut context = merged(&shared.context, object(own, "context"));
    let given = context.get("ip").map(|ip| ip.as_str().and_then(|ip| ip.parse().ok()));
    match given.unwrap_or(shared.address) {
        Some(address) => context.insert("ip".to_owned(), json!(network(address).to_string())),
        None => context.remove("ip"),
    };
    if !context.contains_key("userAgent") && !shared.user_agent.is_empty() {
        context.insert("userAgent".to_owned(), json!(shared.user_agent));
    }
    if shared.opts_out {
        consent::withdraw(&mut context);
    }
    context
}

/// An address without the part that tells one machine from another.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let mut kept = [0; 4];
            kept[..V4_KEPT].copy_from_slice(&v4.octets()[..V4_KEPT]);
            kept.into()
        }
        IpAddr::V6(v6) => {
            let mut kept = [0; 8];
            kept[..V6_KEPT].copy_from_slice(&v6.segments()[..V6_KEPT]);
            kept.into()
        }
    }
}

fn time_of(value: Option<&Value>, field: &'static str) -> Result<Option<i64>, Refused> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value
            .as_str()
            .and_then(parse_rfc3339)
            .map(Some)
            .ok_or_else(|| refused(field, "the time cannot be read", "a time such as 2026-11-28T17:00:00.000Z")),
    }
}

/// The client's clock may be wrong: what counts is how long before sending it happened.
fn times(own: &Map<String, Value>, shared: &RequestFields, kept: &mut Map<String, Value>) -> Result<(), Refused> {
    let received = shared.received_at_ms;
    // RudderStack's library for Node has only the second.
    let said = own.get("timestamp").filter(|said| !said.is_null()).or(own.get("originalTimestamp"));
    let original = time_of(said, "timestamp")?;
    let sent = time_of(own.get("sentAt").or(shared.sent_at.as_ref()), "sentAt")?;
    let at = match (original, sent) {
        (Some(original), Some(sent)) => received.saturating_sub(sent.saturating_sub(original)),
        (Some(original), None) => original,
        (None, _) => received,
    };
    let is_ahead = at > received.saturating_add(MAX_AHEAD_MS);
    let at = if is_ahead { received } else { at.max(0) };
    let told =
        [("timestamp", Some(at)), ("receivedAt", Some(received)), ("originalTimestamp", original), ("sentAt", sent)];
    for (field, ms) in told {
        kept.extend(ms.map(|ms| (field.to_owned(), json!(rfc3339(ms)))));
    }
    if is_ahead {
        kept.insert("clockIsAhead".to_owned(), json!(true));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Message, RequestFields};

    const RECEIVED: i64 = 1_795_885_200_000;

    fn read(own: &Value, shared: &RequestFields) -> Result<Value, &'static str> {
        let fields = own.as_object().expect("an object").clone();
        Message::read(fields, None, shared).map(|message| message.0).map_err(|refused| refused.field)
    }

    fn shared() -> RequestFields {
        RequestFields { received_at_ms: RECEIVED, ..RequestFields::default() }
    }

    #[test]
    fn what_a_message_needs_is_said() {
        for (message, field) in [
            (json!({"type": "buy", "userId": "u"}), "type"),
            (json!({"type": "track", "userId": "u"}), "event"),
            (json!({"type": "track", "event": "", "userId": "u"}), "event"),
            (json!({"type": "track", "event": "E"}), "userId"),
            (json!({"type": "track", "event": "E", "anonymousId": null, "userId": ""}), "userId"),
            (json!({"type": "group", "userId": "u"}), "groupId"),
            (json!({"type": "alias", "userId": "u"}), "previousId"),
            (json!({"type": "page", "userId": "u", "properties": []}), "properties"),
            (json!({"type": "page", "userId": "u", "timestamp": "yesterday"}), "timestamp"),
            (json!({"type": "page", "userId": "u", "messageId": "x".repeat(101)}), "messageId"),
        ] {
            assert_eq!(read(&message, &shared()), Err(field), "{message}");
        }
        let number = read(&json!({"type": "identify", "userId": 42}), &shared()).expect("taken");
        assert_eq!(number["userId"], "42");
    }

    #[test]
    fn clocks_of_browsers_may_be_wrong() {
        let at = |timestamp: &str, sent: Option<&str>| {
            let message = json!({"type": "page", "userId": "u", "timestamp": timestamp, "sentAt": sent});
            let kept = read(&message, &shared()).expect("taken");
            (kept["timestamp"].as_str().expect("a time").to_owned(), kept["clockIsAhead"] == true)
        };
        let received = vitrine_kit::clock::rfc3339(RECEIVED);
        let earlier = vitrine_kit::clock::rfc3339(RECEIVED - 5_000);
        // A clock that is years off: it happened five seconds before it was sent.
        assert_eq!(at("1999-01-01T00:00:00Z", Some("1999-01-01T00:00:05Z")), (earlier.clone(), false));
        assert_eq!(at("2050-01-01T00:00:00.000000+00:00", Some("2050-01-01T00:00:05+00:00")), (earlier, false));
        assert_eq!(at("2050-01-01T00:00:00Z", None), (received, true));
    }

    #[test]
    fn what_has_no_id_is_known_by_its_content() {
        let id = |message: Value| read(&message, &shared()).expect("taken")["messageId"].clone();
        let one = id(json!({"type": "page", "userId": "u", "name": "A", "sentAt": "2026-01-01T00:00:00Z"}));
        assert_eq!(one, id(json!({"name": "A", "userId": "u", "type": "page", "sentAt": "2026-01-01T00:00:09Z"})));
        assert_ne!(one, id(json!({"type": "page", "userId": "u", "name": "B"})));
    }

    #[test]
    fn a_message_says_more_than_its_request_and_no_address_is_whole() {
        let request = RequestFields {
            context: json!({"library": {"name": "lib", "version": "1"}, "locale": "en"})
                .as_object()
                .expect("one")
                .clone(),
            integrations: json!({"All": false}).as_object().expect("one").clone(),
            address: Some("198.51.100.77".parse().expect("an address")),
            ..shared()
        };
        let own = json!({"type": "page", "userId": "u", "context": {"library": {"version": "2"}}, "integrations": {"Mixpanel": true}});
        let kept = read(&own, &request).expect("taken");
        assert_eq!(
            kept["context"],
            json!({"library": {"name": "lib", "version": "2"}, "locale": "en", "ip": "198.51.100.0"})
        );
        assert_eq!(kept["integrations"], json!({"All": false, "Mixpanel": true}));
        let own = json!({"type": "page", "userId": "u", "context": {"ip": "2001:db8:1:2:3::4"}});
        assert_eq!(read(&own, &request).expect("taken")["context"]["ip"], "2001:db8:1::");
    }
}
