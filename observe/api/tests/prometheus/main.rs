//! A real Prometheus and other stock programs beside Prometheus's API of ours, over one engine.

mod bad_input;
mod client;
mod data;
mod differential;
mod ours;
mod remote_read;
mod stock;
