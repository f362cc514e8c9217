//! The small parts of a Zipkin span.

use std::borrow::Cow;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde::de::{Deserialize, Deserializer, Error, Visitor};

use crate::json::value::{integer_of_double, integer_of_text};
use crate::key_values::{key_int, key_text};
use crate::protobuf::Writer;

/// An endpoint as JSON has it.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an endpoint")]
pub(super) struct Endpoint<'a> {
    #[serde(borrow)]
    pub service_name: Option<Text<'a>>,
    #[serde(borrow)]
    pub ipv4: Option<Text<'a>>,
    #[serde(borrow)]
    pub ipv6: Option<Text<'a>>,
    pub port: Option<Whole>,
}

/// Something that happened at a time in microseconds since 1970.
#[derive(serde::Deserialize)]
#[serde(expecting = "an annotation")]
pub(super) struct Annotation<'a> {
    pub timestamp: Whole,
    #[serde(borrow)]
    pub value: Text<'a>,
}

/// A kind; a span may have none.
#[derive(Clone, Copy, serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Kind {
    Client,
    Server,
    Producer,
    Consumer,
}

/// A text, not copied where JSON has it as it is.
pub(super) struct Text<'a>(pub Cow<'a, str>);

/// An integer from 0 on, as number or text.
pub(super) struct Whole(pub u64);

/// The names of an endpoint's attributes.
pub(super) struct EndpointNames {
    pub ip: &'static str,
    pub ipv6: &'static str,
    pub port: &'static str,
}

impl Endpoint<'_> {
    /// Writes the addresses and the port as attributes.
    pub(super) fn write<E: Error>(&self, writer: &mut Writer, names: &EndpointNames) -> Result<(), E> {
        let given = |text: &Option<Text<'_>>| text.as_ref().map(|text| text.0.to_string()).filter(|ip| !ip.is_empty());
        let (ipv4, ipv6) = (given(&self.ipv4), given(&self.ipv6));
        if let Some(ip) = &ipv4 {
            ip.parse::<Ipv4Addr>().map_err(|_| E::custom(format!("ipv4 {ip:?}: expected an IPv4 address")))?;
            key_text(writer, ATTRIBUTES, names.ip, ip);
        }
        if let Some(ip) = &ipv6 {
            ip.parse::<Ipv6Addr>().map_err(|_| E::custom(format!("ipv6 {ip:?}: expected an IPv6 address")))?;
            key_text(writer, ATTRIBUTES, if ipv4.is_some() { names.ipv6 } else { names.ip }, ip);
        }
        match self.port {
            None | Some(Whole(0)) => {}
            Some(Whole(port)) if port <= u64::from(u16::MAX) => key_int(writer, ATTRIBUTES, names.port, port),
            Some(Whole(port)) => return Err(E::custom(format!("port {port}: expected at most 65535"))),
        }
        Ok(())
    }
}

/// The number of a span's attributes.
pub(super) const ATTRIBUTES: u32 = 9;

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Read)
    }
}

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl Visitor<'_> for Read {
            type Value = Whole;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an integer from 0 on")
            }

            fn visit_u64<E>(self, value: u64) -> Result<Whole, E> {
                Ok(Whole(value))
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Whole, E> {
                let whole = integer_of_double(value).and_then(|value| u64::try_from(value).ok());
                whole.map(Whole).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Float(value), &self))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Whole, E> {
                let whole = integer_of_text(text).and_then(|value| u64::try_from(value).ok());
                whole.map(Whole).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Read)
    }
}
