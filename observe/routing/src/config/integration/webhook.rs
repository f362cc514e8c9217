//! Webhooks.

use vitrine_platform_config::yaml::{Fields, Node, Reader, Value};
use vitrine_platform_fetch::Settings;

use super::{Defaults, Kind, Url, secret_url};

/// JSON to any address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Where it goes; a template.
    pub url: Url,
    /// Most alerts that are told at once; 0 is no bound.
    pub max_alerts: usize,
    /// What is sent instead of the usual.
    pub payload: Option<Payload>,
}

/// JSON whose texts, also names, are templates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Nothing.
    Null,
    /// True or false.
    Flag(bool),
    /// A number, as it is written.
    Number(serde_json::Number),
    /// A template.
    Text(String),
    /// A list.
    List(Vec<Payload>),
    /// Names, which are templates, and values.
    Map(Vec<(String, Payload)>),
}

impl Payload {
    /// What a part of the file says. Recursion ends at the depth that YAML may have.
    pub(super) fn of(node: &Node) -> Self {
        match &node.value {
            Value::Null => Self::Null,
            Value::Scalar { text, plain: true } => match text.as_str() {
                "true" => Self::Flag(true),
                "false" => Self::Flag(false),
                text => text.parse().map_or_else(|_| Self::Text(text.to_owned()), Self::Number),
            },
            Value::Scalar { text, .. } => Self::Text(text.clone()),
            Value::List(nodes) => Self::List(nodes.iter().map(Self::of).collect()),
            Value::Map(entries) => {
                Self::Map(entries.iter().map(|(key, node)| (key.text.clone(), Self::of(node))).collect())
            }
        }
    }

    /// Returns it as JSON, its templates rendered; an error of any is the error of all.
    pub fn rendered<E>(&self, render: &mut impl FnMut(&str) -> Result<String, E>) -> Result<serde_json::Value, E> {
        Ok(match self {
            Self::Null => serde_json::Value::Null,
            Self::Flag(flag) => (*flag).into(),
            Self::Number(number) => number.clone().into(),
            Self::Text(text) => render(text)?.into(),
            Self::List(inner) => {
                inner.iter().map(|inner| inner.rendered(render)).collect::<Result<Vec<_>, E>>()?.into()
            }
            Self::Map(entries) => {
                let mut map = serde_json::Map::new();
                for (name, inner) in entries {
                    map.insert(render(name)?, inner.rendered(render)?);
                }
                map.into()
            }
        })
    }
}

pub(super) fn read(reader: &Reader, fields: &mut Fields<'_>, _: &mut Settings, defaults: &Defaults) -> Option<Kind> {
    let max_alerts = fields.number("max_alerts").unwrap_or_default();
    let payload = fields.node("payload").map(Payload::of);
    let url = secret_url(reader, fields, ["url", "url_file"], defaults);
    if url.is_none() {
        reader.mistake(fields.location(), "one of url or url_file must be configured");
    }
    Some(Kind::Webhook(Webhook { url: url?, max_alerts, payload }))
}
