//! Syslog messages as log records, by the table that OpenTelemetry's data model for logs has of syslog:
//!
//! | syslog | OTLP |
//! |---|---|
//! | time | `time_unix_nano`; none if it is not told. `observed_time_unix_nano` is when it came in |
//! | severity | severity number and text |
//! | facility | attribute `syslog.facility`, a number |
//! | host | `host.name` of the resource; without one, attribute `client.address` says who sent it |
//! | program (`APP-NAME`, tag) | `service.name` of the resource |
//! | process | attribute `syslog.procid` |
//! | `MSGID` | attribute `syslog.msgid` |
//! | version, of RFC 5424 | attribute `syslog.version` |
//! | structured data | attributes `syslog.ELEMENT.NAME`; of an element without parameters `syslog.ELEMENT`, which is true |
//! | a time that cannot be read | attribute `syslog.timestamp` |
//! | a message that was cut | attribute `syslog.truncated`, which is true |
//! | message | body |

use std::net::IpAddr;

use chrono_tz::Tz;

use super::frames::Frame;
use super::message::{Message, unescaped};
use super::time::Local;
use crate::budget::{Budget, Buffer};
use crate::error::Error;
use crate::intake::ns_of;
use crate::key_values::key_text;
use crate::protobuf::Writer;
use crate::records::{Origin, Record, Records};
use crate::severity;
use crate::text::text_of;

/// Names of severities (RFC 5424, section 6.2.1), as syslog's programs have them.
const SEVERITIES: [&str; 8] = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];
/// Severities of a facility.
const SEVERITIES_OF_FACILITY: u8 = 8;

/// A request that is being made of messages.
pub(super) struct Messages {
    records: Records,
    record: Record,
    resource: Writer,
    origin: Origin,
    local: Local,
    /// How many there are.
    pub count: usize,
}

impl Messages {
    /// Messages that come in now, of which there is none yet.
    pub(super) fn new(budget: &Budget, zone: Tz, now_ms: i64) -> Self {
        let (records, record, resource) = (Records::new(budget), Record::new(budget), Writer::new(budget));
        Self { records, record, resource, origin: Origin::default(), local: Local { zone, now_ms }, count: 0 }
    }

    /// Adds what this sender has sent.
    pub(super) fn add(&mut self, frame: &Frame<'_>, peer: Option<IpAddr>) -> Result<(), Error> {
        let message = Message::read(frame.content, self.local);
        self.resource.clear();
        for (key, value) in [("host.name", message.host), ("service.name", message.app)] {
            if let Some(value) = value {
                key_text(&mut self.resource, 1, key, &text_of(value));
            }
        }
        self.resource.bytes().clone_into(&mut self.origin.resource);
        self.write(&message);
        if frame.is_cut {
            self.record.true_attribute("syslog.truncated");
        }
        if message.host.is_none()
            && let Some(peer) = peer
        {
            self.record.text_attribute("client.address", &peer.to_canonical().to_string());
        }
        self.count += 1;
        self.records.put(&self.origin, &mut self.record)
    }

    /// The whole request.
    pub(super) fn finish(self) -> Result<Buffer, Error> {
        self.records.finish()
    }

    fn write(&mut self, message: &Message<'_>) {
        let record = &mut self.record;
        record.clear();
        if let Some(time_ns) = message.time_ns {
            record.time(time_ns);
        }
        record.observed(ns_of(self.local.now_ms));
        if let Some(priority) = message.priority {
            let severity = priority % SEVERITIES_OF_FACILITY;
            record.severity(severity::of_syslog(severity), SEVERITIES[usize::from(severity)]);
            record.int_attribute("syslog.facility", (priority / SEVERITIES_OF_FACILITY).into());
        }
        if !message.body.is_empty() {
            record.body(&text_of(message.body));
        }
        if let Some(version) = message.version {
            record.int_attribute("syslog.version", version.into());
        }
        for (key, value) in [
            ("syslog.procid", message.process),
            ("syslog.msgid", message.kind),
            ("syslog.timestamp", message.unread_time),
        ] {
            if let Some(value) = value {
                record.text_attribute(key, &text_of(value));
            }
        }
        message.parameters(|(element, name, value)| {
            if name.is_empty() {
                record.true_attribute(&format!("syslog.{}", text_of(element)));
            } else {
                let key = format!("syslog.{}.{}", text_of(element), text_of(name));
                record.text_attribute(&key, &text_of(&unescaped(value)));
            }
        });
    }
}
