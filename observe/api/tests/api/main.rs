//! What clients of Jaeger and Zipkin, and a browser, get.

mod bounds;
mod client;
mod elastic;
mod explore;
mod golden;
mod grafana;
mod joined;
mod log_pages;
mod log_tail;
mod logs;
mod loki;
mod metrics;
mod operating;
mod otlp;
mod pages;
mod parameters;
mod prometheus;
mod refusals;
mod roundtrip;
mod scenario;
mod service_graph;
mod sql;
mod zipkin;
