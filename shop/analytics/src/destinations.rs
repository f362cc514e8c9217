//! Where messages go: what each receiver's published API wants, made of messages by functions that do nothing else.

mod amplitude;
mod file;
mod ga4;
mod mixpanel;
mod observatory;
mod segment;
mod webhook;

use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::AUTHORIZATION;
use serde_json::Value;
use vitrine_contracts::Problem;
use vitrine_platform_fetch::{Request, Response, secret_value};

use crate::Config;
use crate::consent;
use crate::message::Message;
use crate::store::DestinationDoc;

pub(crate) use observatory::Observatory;

/// What receivers are sent.
const JSON: &str = "application/json";
/// Most bytes of messages in one request: below the 500 KB of Segment's API, which others have copied.
const MAX_REQUEST: usize = 450_000;
/// Most characters of a receiver's answer that are told.
const MAX_TOLD: usize = 200;

/// Messages that came together, as one destination is given them.
#[derive(Clone, Debug)]
pub(crate) struct Parcel {
    /// Names it, also when it is sent again.
    pub(crate) id: String,
    pub(crate) source_id: String,
    pub(crate) received_at_ms: i64,
    pub(crate) messages: Vec<Message>,
}

/// What a destination is to be given.
#[derive(Debug)]
pub(crate) enum Outgoing {
    Request(Request),
    /// Lines for the end of a file.
    Lines {
        file: PathBuf,
        lines: Vec<u8>,
    },
}

/// Somebody who is told of messages.
pub(crate) trait Destination: Send + Sync {
    /// What it is to be given; sent again it is the same, so that receivers can know what they have.
    fn translate(&self, parcel: &Parcel, now_ms: i64) -> Vec<Outgoing>;

    /// Why an answer means that it was not taken, where the status alone does not say; none where it was.
    fn refusal(&self, response: &Response) -> Option<String> {
        let text = String::from_utf8_lossy(&response.body);
        (!response.status.is_success())
            .then(|| format!("{}: {}", response.status, text.chars().take(MAX_TOLD).collect::<String>()))
    }
}

/// A kind of destination as sources name it.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// What `integrations` of messages call it.
    aliases: &'static [&'static str],
    /// Only who runs the shop may have it.
    pub(crate) is_for_admins: bool,
    check: fn(&DestinationDoc, &Config) -> Result<(), Problem>,
    make: fn(&DestinationDoc, &Config) -> Box<dyn Destination>,
}

/// All kinds.
pub(crate) const KINDS: &[Kind] = &[
    Kind {
        name: "webhook",
        aliases: &["webhook", "webhooks"],
        is_for_admins: false,
        check: |doc, config| needs_secret(doc).and_then(|()| allowed_url(doc, config)),
        make: |doc, _| Box::new(webhook::Webhook { url: doc.url.clone(), secret: doc.secret.clone() }),
    },
    Kind {
        name: "segment",
        aliases: &["segment", "segment.io"],
        is_for_admins: false,
        check: |doc, _| needs_secret(doc),
        make: |doc, config| Box::new(segment::Segment::new(config.segment_url.as_str(), &doc.secret)),
    },
    Kind {
        name: "rudderstack",
        aliases: &["rudderstack"],
        is_for_admins: false,
        check: |doc, config| needs_secret(doc).and_then(|()| allowed_url(doc, config)),
        make: |doc, _| Box::new(segment::Segment::new(&doc.url, &doc.secret)),
    },
    Kind {
        name: "ga4",
        aliases: &["ga4", "google analytics", "google analytics 4", "google analytics 4 web"],
        is_for_admins: false,
        check: |doc, _| needs_secret(doc).and_then(|()| ga4::check(doc)),
        make: |doc, config| Box::new(ga4::Ga4::new(config.ga4_url.as_str(), doc)),
    },
    Kind {
        name: "mixpanel",
        aliases: &["mixpanel"],
        is_for_admins: false,
        check: |doc, _| needs_secret(doc),
        make: |doc, config| Box::new(mixpanel::Mixpanel::new(config.mixpanel_url.as_str(), &doc.secret)),
    },
    Kind {
        name: "amplitude",
        aliases: &["amplitude"],
        is_for_admins: false,
        check: |doc, _| needs_secret(doc),
        make: |doc, config| Box::new(amplitude::Amplitude::new(config.amplitude_url.as_str(), &doc.secret)),
    },
    Kind {
        name: "file",
        aliases: &["file"],
        is_for_admins: true,
        check: |_, _| Ok(()),
        make: |doc, config| Box::new(file::Lines { folder: config.folder.join(&doc.source_id) }),
    },
];

/// The kind of this name.
pub(crate) fn kind(name: &str) -> Result<&'static Kind, Problem> {
    let expected = || KINDS.iter().map(|kind| kind.name).collect::<Vec<_>>().join(", ");
    let known = KINDS.iter().find(|kind| kind.name == name);
    known.ok_or_else(|| Problem::invalid("destination.kind", &expected(), "there is no such kind of destination"))
}

impl Kind {
    /// Refuses settings that are none.
    pub(crate) fn check(&self, doc: &DestinationDoc, config: &Config) -> Result<(), Problem> {
        (self.check)(doc, config)
    }

    /// What sends there.
    pub(crate) fn make(&self, doc: &DestinationDoc, config: &Config) -> Box<dyn Destination> {
        (self.make)(doc, config)
    }

    /// Whether a message goes there, by what it says itself of destinations; and what it says for this one.
    pub(crate) fn is_wanted_by(&self, message: &Message) -> bool {
        let Some(switches) = message.0["integrations"].as_object() else { return true };
        let named = |names: &[&str]| {
            switches.iter().find(|(name, _)| names.iter().any(|known| name.eq_ignore_ascii_case(known))).map(|(_, v)| v)
        };
        match named(self.aliases).or_else(|| named(&["all"])) {
            Some(Value::Bool(is_on)) => *is_on,
            // Options are given to what is on.
            Some(_) | None => true,
        }
    }
}

/// What of a message a destination may be told: all of it, all but e-mail addresses, or nothing.
pub(crate) fn permitted(doc: &DestinationDoc, kind: &Kind, mut message: Message) -> Option<Message> {
    if !kind.is_wanted_by(&message) || !consent::agrees(&message.0["context"], &doc.consent_categories) {
        return None;
    }
    if !doc.takes_emails {
        consent::without_emails(&mut message.0);
    }
    Some(message)
}

/// Where nothing is said.
static NOTHING: Value = Value::Null;

/// What a message says for one destination, by any of its names.
fn options<'a>(message: &'a Message, name: &str) -> &'a Value {
    let kind = KINDS.iter().find(|kind| kind.name == name);
    let aliases = kind.map_or(&[][..], |kind| kind.aliases);
    let switches = message.0["integrations"].as_object().into_iter().flatten();
    let mut said = switches.filter(|(name, _)| aliases.iter().any(|known| name.eq_ignore_ascii_case(known)));
    said.next().map_or(&NOTHING, |(_, value)| value)
}

fn needs_secret(doc: &DestinationDoc) -> Result<(), Problem> {
    let printable = !doc.secret.is_empty() && doc.secret.bytes().all(|b| b.is_ascii_graphic());
    printable.then_some(()).ok_or_else(|| {
        Problem::invalid(
            "destination.secret",
            "the receiver's key, in visible ASCII",
            "the key is missing or malformed",
        )
    })
}

/// Only hosts that the shop names are sent to where whoever has a source says where: else they could have the shop call its own machines.
fn allowed_url(doc: &DestinationDoc, config: &Config) -> Result<(), Problem> {
    let url: Option<http::Uri> = doc.url.parse().ok();
    let url = url.filter(|url| matches!(url.scheme_str(), Some("http" | "https")) && url.query().is_none());
    let place = url.as_ref().and_then(http::Uri::authority).filter(|place| !place.as_str().contains('@'));
    let Some(place) = place else {
        let expected = "an address such as https://hooks.example/vitrine, without name, password and parameters";
        return Err(Problem::invalid("destination.url", expected, "the address cannot be used"));
    };
    let is_allowed = config.allowed_hosts.iter().any(|host| host == place.as_str() || host == place.host());
    is_allowed.then_some(()).ok_or_else(|| {
        Problem::permission_denied(
            "the shop does not send to this host: analytics.allowed_hosts names those that it does",
        )
        .with_reason("HOST_NOT_ALLOWED")
        .with_field("destination.url")
    })
}

/// Parts of a list, each of at most so many messages and so many bytes as one request may have.
fn chunks(messages: Vec<Value>, most: usize) -> Vec<Vec<Value>> {
    let mut parts: Vec<Vec<Value>> = Vec::new();
    let mut bytes = 0;
    for message in messages {
        let size = message.to_string().len() + 1;
        match parts.last_mut() {
            Some(part) if part.len() < most && bytes + size <= MAX_REQUEST => {
                bytes += size;
                part.push(message);
            }
            _ => {
                bytes = size;
                parts.push(vec![message]);
            }
        }
    }
    parts
}

/// The same with a key as the name of basic authorization, and no password.
fn with_key(request: Request, key: &str) -> Request {
    // Checked when the destination was made; a header that cannot be is left out, and the receiver says so.
    match secret_value(AUTHORIZATION, &format!("Basic {}", BASE64_STANDARD.encode(format!("{key}:")))) {
        Ok(value) => request.with_header(AUTHORIZATION, value),
        Err(_) => request,
    }
}

#[cfg(test)]
mod tests;
