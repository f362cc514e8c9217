//! What clients of Jaeger and Zipkin, and a browser, get.

mod bounds;
mod client;
mod explore;
mod golden;
mod joined;
mod metrics;
mod otlp;
mod pages;
mod parameters;
mod prometheus;
mod refusals;
mod roundtrip;
mod scenario;
mod sql;
mod zipkin;
