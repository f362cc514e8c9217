//! What every crate may stand on: money, ids, time and secrets. No async, no I/O, nothing of ours below it.
//!
//! Start with [`money::Money`]; [`clock::Clock`] is how time arrives everywhere else.

mod backoff;
pub mod clock;
pub mod id;
pub mod jitter;
pub mod money;
pub mod numeric_date;
pub mod panic;
pub mod percent;
mod secret;

pub use backoff::Backoff;
pub use secret::{Secret, SecretUrl};
