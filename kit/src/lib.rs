//! What every crate may stand on: money, ids and time. No async, no I/O, nothing of ours below it.
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

pub use backoff::Backoff;
