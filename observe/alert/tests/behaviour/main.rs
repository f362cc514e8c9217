//! What receivers are told, by requests that really arrive.

mod kinds;
mod mail;
mod outages;
mod rules;
mod sink;
