//! What clients of Jaeger and Zipkin, and a browser, get.

mod bounds;
mod client;
mod console;
mod elastic;
mod golden;
mod grafana;
mod joined;
mod log_tail;
mod logs;
mod loki;
mod metrics;
mod operating;
mod otlp;
mod parameters;
mod prometheus;
mod refusals;
mod roundtrip;
mod scenario;
mod sql;
mod zipkin;
