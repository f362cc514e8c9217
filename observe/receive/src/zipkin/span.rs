//! One Zipkin span.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use vitrine_observe_store::model::conventions::{PEER_SERVICE, SHARED};
use vitrine_observe_store::model::{SpanId, TraceId};

use super::parts::{ATTRIBUTES, Annotation, Endpoint, EndpointNames, Kind, Text, Whole};
use super::{
    DEBUG, Groups, LOCAL_IP, LOCAL_IPV6, LOCAL_PORT, Origin, REMOTE_IP, REMOTE_IPV6, REMOTE_PORT, START_ABSENT,
};
use crate::json::Step;
use crate::key_values::{key_text, key_true};

const LOCAL: EndpointNames = EndpointNames { ip: LOCAL_IP, ipv6: LOCAL_IPV6, port: LOCAL_PORT };
const REMOTE: EndpointNames = EndpointNames { ip: REMOTE_IP, ipv6: REMOTE_IPV6, port: REMOTE_PORT };

/// Reads a span, and puts it into the request.
pub(super) struct SpanSeed<'a, 'b>(pub &'a mut Groups<'b>);

/// The fields of a span.
#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum Field {
    TraceId,
    ParentId,
    Id,
    Kind,
    Name,
    Timestamp,
    Duration,
    LocalEndpoint,
    RemoteEndpoint,
    Annotations,
    Tags,
    Debug,
    Shared,
    #[serde(other)]
    Unknown,
}

impl Field {
    fn name(self) -> &'static str {
        match self {
            Self::TraceId => "traceId",
            Self::ParentId => "parentId",
            Self::Id => "id",
            Self::Kind => "kind",
            Self::Name => "name",
            Self::Timestamp => "timestamp",
            Self::Duration => "duration",
            Self::LocalEndpoint => "localEndpoint",
            Self::RemoteEndpoint => "remoteEndpoint",
            Self::Annotations => "annotations",
            Self::Tags => "tags",
            Self::Debug => "debug",
            Self::Shared => "shared",
            Self::Unknown => "",
        }
    }
}

/// What is known of a span only when all of it was read. Times in nanoseconds.
#[derive(Default)]
struct Seen {
    trace_id: Option<TraceId>,
    id: Option<SpanId>,
    parent_id: Option<SpanId>,
    kind: Option<Kind>,
    start_ns: Option<u64>,
    duration_ns: u64,
    first_event_ns: Option<u64>,
    origin: Origin,
    is_internal: bool,
    error: Option<String>,
    status_code: Option<String>,
    status_description: Option<String>,
}

impl<'de> DeserializeSeed<'de> for SpanSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for SpanSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a span")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let groups = self.0;
        let mut seen = Seen::default();
        let mut fields = 0u32;
        while let Some(field) = map.next_key::<Field>()? {
            if field == Field::Unknown {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            groups.state.enter(Step::Field(field.name()));
            if fields & 1 << field as u32 != 0 {
                return Err(A::Error::custom("expected each field once"));
            }
            fields |= 1 << field as u32;
            seen.read(field, &mut map, groups)?;
            groups.pay()?;
            groups.state.leave();
        }
        let origin = seen.finish(groups)?;
        groups.put(origin)
    }
}

impl Groups<'_> {
    fn pay<E: Error>(&mut self) -> Result<(), E> {
        self.span.reserve_written().map_err(|error| self.state.fail(error))
    }
}

impl Seen {
    fn read<'de, A: MapAccess<'de>>(
        &mut self,
        field: Field,
        map: &mut A,
        groups: &mut Groups<'_>,
    ) -> Result<(), A::Error> {
        match field {
            Field::TraceId => self.trace_id = id(map, TraceId::parse)?,
            Field::Id => self.id = id(map, SpanId::parse)?,
            Field::ParentId => self.parent_id = parent(map)?,
            Field::Kind => self.kind = map.next_value()?,
            Field::Name => {
                if let Some(Text(name)) = map.next_value()? {
                    groups.span.text(5, &name);
                }
            }
            Field::Timestamp => self.start_ns = time(map.next_value()?)?.filter(|time| *time > 0),
            Field::Duration => self.duration_ns = time(map.next_value()?)?.unwrap_or(0),
            Field::LocalEndpoint => {
                if let Some(endpoint) = map.next_value::<Option<Endpoint<'de>>>()? {
                    endpoint.write(&mut groups.span, &LOCAL)?;
                    self.origin.service = endpoint.service_name.map(|name| name.0.into_owned()).unwrap_or_default();
                }
            }
            Field::RemoteEndpoint => {
                if let Some(endpoint) = map.next_value::<Option<Endpoint<'de>>>()? {
                    endpoint.write(&mut groups.span, &REMOTE)?;
                    if let Some(Text(name)) = endpoint.service_name.filter(|name| !name.0.is_empty()) {
                        key_text(&mut groups.span, ATTRIBUTES, PEER_SERVICE, &name);
                    }
                }
            }
            Field::Annotations => map.next_value_seed(Annotations { seen: self, groups })?,
            Field::Tags => map.next_value_seed(Tags { seen: self, groups })?,
            Field::Debug => is(map, groups, DEBUG)?,
            Field::Shared => is(map, groups, SHARED)?,
            Field::Unknown => {}
        }
        Ok(())
    }

    fn tag<E: Error>(&mut self, key: &str, value: &str, groups: &mut Groups<'_>) -> Result<(), E> {
        match key {
            "error" => self.error = Some(value.to_owned()),
            "otel.status_code" => self.status_code = Some(value.to_owned()),
            "otel.status_description" => self.status_description = Some(value.to_owned()),
            "otel.scope.name" | "otel.library.name" => value.clone_into(&mut self.origin.scope_name),
            "otel.scope.version" | "otel.library.version" => value.clone_into(&mut self.origin.scope_version),
            "span.kind" if value == "internal" => self.is_internal = true,
            "w3c.tracestate" => groups.span.text(3, value),
            _ => key_text(&mut groups.span, ATTRIBUTES, key, value),
        }
        groups.pay()
    }

    /// Writes what had to wait.
    fn finish<E: Error>(mut self, groups: &mut Groups<'_>) -> Result<Origin, E> {
        let span_id = self.id.ok_or_else(|| E::missing_field("id"))?;
        let writer = &mut groups.span;
        writer.bytes_field(1, &self.trace_id.ok_or_else(|| E::missing_field("traceId"))?.0);
        writer.bytes_field(2, &span_id.0);
        if let Some(parent_id) = self.parent_id.filter(|parent_id| *parent_id != span_id) {
            writer.bytes_field(4, &parent_id.0);
        }
        if self.is_internal && self.kind.is_some() {
            key_text(writer, ATTRIBUTES, "span.kind", "internal");
        }
        let kind = match self.kind {
            None if self.is_internal => 1,
            None => 0,
            Some(Kind::Server) => 2,
            Some(Kind::Client) => 3,
            Some(Kind::Producer) => 4,
            Some(Kind::Consumer) => 5,
        };
        writer.varint(6, kind);
        if self.start_ns.is_none() {
            key_true(writer, ATTRIBUTES, START_ABSENT);
        }
        let start_ns = self.start_ns.or(self.first_event_ns).unwrap_or(groups.now_ns);
        let end_ns =
            start_ns.checked_add(self.duration_ns).ok_or_else(|| E::custom("the span's end: expected a time"))?;
        writer.fixed64(7, start_ns);
        writer.fixed64(8, end_ns);
        self.status(groups);
        groups.pay()?;
        Ok(self.origin)
    }

    fn status(&mut self, groups: &mut Groups<'_>) {
        let writer = &mut groups.span;
        let (error, description) = (self.error.take(), self.status_description.take());
        let message = |error: &str| if error == "true" { String::new() } else { error.to_owned() };
        // The status' code and message, and what stays of the tags.
        let (status, error, description) = match (self.status_code.as_deref(), error, description) {
            (Some("OK" | "STATUS_CODE_OK"), error, description) => (Some((1, String::new())), error, description),
            (Some("ERROR" | "STATUS_CODE_ERROR"), error, Some(description)) => (Some((2, description)), error, None),
            (Some("ERROR" | "STATUS_CODE_ERROR"), error, None) => {
                (Some((2, error.as_deref().map(message).unwrap_or_default())), None, None)
            }
            (other, error, description) => {
                if let Some(other) = other {
                    key_text(writer, ATTRIBUTES, "otel.status_code", other);
                }
                let failed = error.as_deref().filter(|error| *error != "false");
                (failed.map(|error| (2, message(error))), error, description)
            }
        };
        for (key, value) in [("error", error), ("otel.status_description", description)] {
            if let Some(value) = value {
                key_text(writer, ATTRIBUTES, key, &value);
            }
        }
        if let Some((code, message)) = status {
            let status = writer.open(15);
            writer.text(2, &message);
            writer.varint(3, code);
            writer.close(status);
        }
    }
}

/// An id; `null` is none.
fn id<'de, A: MapAccess<'de>, I, C: fmt::Display>(
    map: &mut A,
    parse: impl Fn(&str) -> Result<I, C>,
) -> Result<Option<I>, A::Error> {
    let text = map.next_value::<Option<Text<'de>>>()?;
    text.map(|text| parse(&text.0)).transpose().map_err(A::Error::custom)
}

/// A parent's id; none if it is empty or zero, as some senders have it in roots.
fn parent<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<SpanId>, A::Error> {
    let text = map.next_value::<Option<Text<'de>>>()?.filter(|text| !text.0.bytes().all(|digit| digit == b'0'));
    text.map(|text| SpanId::parse(&text.0)).transpose().map_err(A::Error::custom)
}

/// Nanoseconds of microseconds.
fn time<E: Error>(micros: Option<Whole>) -> Result<Option<u64>, E> {
    let nanos = |Whole(micros): Whole| {
        micros.checked_mul(1000).ok_or_else(|| E::custom(format!("{micros}: expected microseconds since 1970")))
    };
    micros.map(nanos).transpose()
}

/// A boolean, which is kept as an attribute if it is true.
fn is<'de, A: MapAccess<'de>>(map: &mut A, groups: &mut Groups<'_>, key: &str) -> Result<(), A::Error> {
    if map.next_value::<Option<bool>>()? == Some(true) {
        key_true(&mut groups.span, ATTRIBUTES, key);
    }
    Ok(())
}

struct Annotations<'a, 'b, 'c> {
    seen: &'a mut Seen,
    groups: &'b mut Groups<'c>,
}

struct Tags<'a, 'b, 'c> {
    seen: &'a mut Seen,
    groups: &'b mut Groups<'c>,
}

impl<'de> DeserializeSeed<'de> for Annotations<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Annotations<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of annotations")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        for place in 0.. {
            self.groups.state.enter(Step::Item(place));
            let Some(annotation) = seq.next_element::<Annotation<'de>>()? else {
                self.groups.state.leave();
                break;
            };
            let time_ns = time(Some(annotation.timestamp))?.unwrap_or(0);
            // 0 is no time: such an annotation gets that of its span.
            let known = [self.seen.first_event_ns, Some(time_ns).filter(|time| *time > 0)];
            self.seen.first_event_ns = known.into_iter().flatten().min();
            let event = self.groups.span.open(11);
            self.groups.span.fixed64(1, time_ns);
            self.groups.span.text(2, &annotation.value.0);
            self.groups.span.close(event);
            self.groups.pay()?;
            self.groups.state.leave();
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Tags<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tags<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some((Text(key), Text(value))) = map.next_entry()? {
            self.seen.tag(&key, &value, self.groups)?;
        }
        Ok(())
    }
}
