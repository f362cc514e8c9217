//! Whether a form was sent by a page of ours, and whether a request was made by this process itself.

use axum::http::{HeaderMap, header};

/// Whether a form was sent by a page of the site that it is sent to, as far as the browser says: in a header of its own, or, where that is
/// too new for it or the connection is in plain text, by the origin. Programs say neither. `own` is the site's address.
pub fn is_own_page(headers: &HeaderMap, own: &str) -> bool {
    if let Some(from) = headers.get("sec-fetch-site") {
        return from == "same-origin";
    }
    let Some(origin) = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok()) else {
        return !headers.contains_key(header::ORIGIN);
    };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let is_host =
        origin.split_once("://").is_some_and(|(_, site)| host.is_some_and(|host| host.eq_ignore_ascii_case(site)));
    is_host || origin.eq_ignore_ascii_case(own)
}

/// On a request that pages of this process make themselves, in its extensions: nothing that comes over the network can have it.
#[derive(Clone, Copy, Debug)]
pub struct OwnRequest;
