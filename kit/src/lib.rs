//! What every crate may stand on: money, ids, time, secrets, and one of each small thing that many need. No async, no I/O, nothing of ours
//! below it.
//!
//! Start with [`money::Money`]; [`clock::Clock`] is how time arrives everywhere else.
//!
//! ```
//! use std::time::Duration;
//! use vitrine_kit::clock::{self, Clock};
//!
//! let (clock, hand) = Clock::manual(1_795_228_166_042);
//! hand.advance(Duration::from_secs(60));
//! assert_eq!(clock::rfc3339(clock.now_ms()), "2026-11-21T02:30:26.042Z");
//! ```

mod backoff;
pub mod clock;
pub mod duration;
pub mod file;
pub mod hash;
pub mod html;
pub mod id;
pub mod money;
pub mod numeric_date;
mod outage;
pub mod panic;
pub mod percent;
pub mod prometheus;
mod secret;
pub mod varint;

pub use backoff::Backoff;
pub use outage::Outage;
pub use secret::{Secret, SecretUrl};
