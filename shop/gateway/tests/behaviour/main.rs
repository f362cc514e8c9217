//! What clients of the gateway can rely on, over HTTP, with the services that it calls in the same process or in others.

mod analytics;
mod deps;
mod graph;
mod openid;
mod replicas;
mod socket;

use vitrine_shop_gateway::Deps;

use deps::{NOWHERE, deps};
