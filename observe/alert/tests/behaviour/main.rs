//! What receivers are told, by requests that really arrive.

mod amtool;
mod further_kinds;
mod kinds;
mod mail;
mod outages;
mod receiver_tests;
mod rules;
mod sink;
