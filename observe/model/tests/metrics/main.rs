//! Metrics as series: what senders write, and what is asked for afterwards.

mod messages;
mod otlp;
mod remote_write;
mod support;
