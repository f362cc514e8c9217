//! What senders get back, whatever they send, and what the engine gets.

mod access;
mod bulk;
mod clients;
mod common;
mod documents;
mod forward;
mod fuzz;
mod grpc;
mod http;
mod journal;
mod json;
mod limits;
mod loki;
mod records;
mod remote_write;
mod replicas;
mod seen;
mod syslog;
mod zipkin;
