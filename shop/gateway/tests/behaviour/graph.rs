//! What GraphQL's clients can rely on, with every service in the same process.

mod bounds;
mod buying;
mod calls;
mod catalog;
mod following;
mod keys;
mod sources;
mod stock;
mod world;
