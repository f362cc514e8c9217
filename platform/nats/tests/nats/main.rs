//! Calls and events over a real NATS server.

mod calls;
mod connecting;
mod events;
mod failures;
mod strangers;
mod world;
