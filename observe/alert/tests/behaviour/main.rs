//! What receivers are told, by requests that really arrive.

mod amtool;
mod further_kinds;
mod kinds;
mod mail;
mod outages;
mod rules;
mod sink;
