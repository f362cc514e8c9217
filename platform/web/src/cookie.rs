//! Cookies that no script reads.

use axum::http::{HeaderMap, HeaderValue, header};

/// What a browser's cookie of this name holds.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = values.flat_map(|value| value.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
    pairs.find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// A cookie to be kept: sent to this site's own pages only, and read by no script.
#[derive(Clone, Copy, Debug)]
pub struct SetCookie<'a> {
    /// What it is called. Cookies ignore ports, so each site of a machine has names of its own.
    pub name: &'a str,
    /// What it holds.
    pub value: &'a str,
    /// Below which path it is sent.
    pub path: &'a str,
    /// For how long, in seconds; 0 has it forgotten.
    pub max_age_s: u32,
    /// Whether it is sent over TLS only.
    pub secure: bool,
}

impl SetCookie<'_> {
    /// Returns it as `Set-Cookie` has it; none where the value cannot stand in a header.
    pub fn header(&self) -> Option<HeaderValue> {
        let Self { name, value, path, max_age_s, secure } = self;
        let secure = if *secure { "; Secure" } else { "" };
        let text = format!("{name}={value}; Path={path}; Max-Age={max_age_s}; HttpOnly; SameSite=Lax{secure}");
        HeaderValue::try_from(text).ok().filter(|_| !value.contains([';', ',', ' ', '"']))
    }
}
