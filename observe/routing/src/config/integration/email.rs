//! Letters.

use std::collections::BTreeMap;

use vitrine_platform_config::yaml::{Fields, Reader};
use vitrine_platform_fetch::Settings;

use super::{Defaults, Kind, text_or};
use crate::config::defaults::{IN_RECEIVER, Smtp};

/// A letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email {
    /// Addresses, apart by commas; a template.
    pub to: String,
    /// How it is handed over; `from` is a template.
    pub smtp: Smtp,
    /// Headers, by their names as they are usually written; templates.
    pub headers: BTreeMap<String, String>,
    /// The body as HTML; a template, none where it is empty.
    pub html: String,
    /// The body as text; a template, none where it is empty.
    pub text: String,
    /// Whether letters of a group make a thread.
    pub is_threaded: bool,
    /// Whether such a thread is of one day.
    pub is_thread_daily: bool,
}

pub(super) fn read(reader: &Reader, fields: &mut Fields<'_>, _: &mut Settings, defaults: &Defaults) -> Option<Kind> {
    let smtp = Smtp::read(reader, fields, &IN_RECEIVER, defaults.smtp.clone(), &defaults.folder);
    let to = fields.text("to").filter(|to| !to.is_empty());
    let html = text_or(fields, "html", "{{ template \"email.default.html\" . }}");
    let text = text_or(fields, "text", "");
    let mut headers = BTreeMap::new();
    for (name, value) in fields.texts("headers") {
        let name = canonical(&name);
        let message = if name.is_empty() || name.contains(|c: char| !c.is_ascii_graphic() || c == ':') {
            format!("{name:?} is no name of a header")
        } else if headers.insert(name.clone(), value).is_some() {
            format!("duplicate header {name:?} in email config")
        } else {
            continue;
        };
        reader.mistake(fields.location_of("headers"), message);
    }
    let (mut is_threaded, mut is_thread_daily) = (false, false);
    if let Some(mut threading) = fields.fields("threading") {
        is_threaded = threading.flag("enabled").unwrap_or_default();
        let by = threading.parsed("thread_by_date", "\"none\" or \"daily\"", |text| match text {
            "none" => Some(false),
            "daily" => Some(true),
            _ => None,
        });
        is_thread_daily = by.unwrap_or(true);
        if is_threaded && by.is_none() {
            reader.mistake(threading.location(), "threading.thread_by_date must be either 'none' or 'daily'");
        }
    }
    for name in ["References", "In-Reply-To"].into_iter().filter(|name| is_threaded && headers.contains_key(*name)) {
        let message = format!("conflicting configuration: threading.enabled conflicts with custom {name} header");
        reader.mistake(fields.location_of("headers"), message);
    }
    let wrong = |message: &str| reader.mistake(fields.location(), message);
    if to.is_none() {
        wrong("missing to address in email config");
    }
    if smtp.smarthost.is_none() {
        wrong("no global SMTP smarthost set");
    }
    if smtp.from.is_empty() {
        wrong("no global SMTP from set");
    }
    let _ = smtp.smarthost.as_ref()?;
    Some(Kind::Email(Box::new(Email { to: to?, smtp, headers, html, text, is_threaded, is_thread_daily })))
}

/// A header's name as it is usually written: `Reply-To`.
fn canonical(name: &str) -> String {
    let part = |part: &str| {
        let (first, rest) = part.split_at(part.chars().next().map_or(0, char::len_utf8));
        first.to_ascii_uppercase() + &rest.to_ascii_lowercase()
    };
    name.split('-').map(part).collect::<Vec<_>>().join("-")
}
