//! Cookies that no script reads.

use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::TryRngCore as _;
use rand::rngs::OsRng;

/// What a browser's cookie of this name holds.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = values.flat_map(|value| value.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
    pairs.find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// Returns a value of a cookie that nobody can guess: 256 bits of chance.
pub fn unguessable() -> String {
    let mut secret = [0; 32];
    OsRng.try_fill_bytes(&mut secret).expect("the system has random numbers");
    URL_SAFE_NO_PAD.encode(secret)
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
