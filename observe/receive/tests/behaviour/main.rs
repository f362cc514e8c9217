//! What senders get back, whatever they send, and what the engine gets.

mod access;
mod common;
mod fuzz;
mod grpc;
mod http;
mod json;
mod limits;
mod remote_write;
mod replicas;
mod zipkin;
