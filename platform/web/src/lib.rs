//! Pages for browsers: files that `make web` built, served out of the program, and what browsers are told and asked so that a page is safe.
//!
//! [`Bundle`] is what was built; [`with_policies`] puts strict headers on pages, and [`with_frame_policies`] on what other sites may show in a frame; [`cookie`] and [`SetCookie`] are how a browser is known again,
//! [`is_own_page`] says whether a form was sent by a page of ours, and [`OwnRequest`] that a request is this process's own. It knows no page: what they show is their crates' business.
//!
//! ```
//! use axum::http::HeaderMap;
//! use vitrine_platform_web::{SetCookie, cookie, is_own_page};
//!
//! let set = SetCookie { name: "basket", value: "gst_1", path: "/", max_age_s: 60, secure: false };
//! assert!(set.header().is_some_and(|header| header == "basket=gst_1; Path=/; Max-Age=60; HttpOnly; SameSite=Lax"));
//!
//! let mut headers = HeaderMap::new();
//! headers.insert("cookie", "a=b; basket=gst_1".parse()?);
//! assert_eq!(cookie(&headers, "basket"), Some("gst_1"));
//! headers.insert("sec-fetch-site", "cross-site".parse()?);
//! assert!(!is_own_page(&headers, "https://shop.example"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bundle;
mod cookie;
mod policy;
mod same_site;

pub use bundle::{Bundle, Error, accepts_encoding};
pub use cookie::{SetCookie, cookie, unguessable};
pub use policy::{with_frame_policies, with_policies};
pub use same_site::{OwnRequest, is_own_page};
