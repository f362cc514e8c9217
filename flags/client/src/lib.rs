//! Feature flags as services read them: declared in code, typed, evaluated in the process.
//!
//! A service declares its flags with [`flags!`], which makes a typed constant of each and a list of all; a flag that is not declared cannot be
//! read. One [`Flags`] belongs to a process: it holds what is in force ([`Flags::put`]), what its services declare ([`Flags::declared`]) and
//! how often each flag was read with which result ([`Flags::take_counts`]). A service reads through its [`Handle`]. Where a flag is missing,
//! disabled or of another type, and before anything is in force, the value that stands in code holds: a shop without a flags service is the shop
//! as it was written.
//!
//! Each evaluation is counted, and told to the current span as OpenTelemetry's event `feature_flag.evaluation`: at most once for a flag, a
//! variant and a trace, and only where the trace is sampled. A flag that nobody has defined is counted, and no event tells of it.
//!
//! It does not fetch anything: whoever composes the process does. What a definition means is `flags/engine`'s affair.
//!
//! ```
//! use vitrine_flags_client::{Flags, Kind, Subject, Value, flags};
//! use vitrine_kit::clock::Clock;
//! use vitrine_platform_telemetry::{Config, Telemetry};
//!
//! flags! {
//!     /// From what a parcel costs nothing.
//!     FREE_FROM: i64 = {
//!         key: "free-shipping-from",
//!         kind: Kind::Operational,
//!         owner: "shipping",
//!         purpose: "From what subtotal a parcel costs nothing; 0 for never.",
//!         variants: &[("never", Value::Integer(0)), ("fifty", Value::Integer(5_000))],
//!         until: None,
//!     };
//! }
//!
//! let telemetry = Telemetry::new(Config { disabled: true, ..Config::default() });
//! let flags = Flags::new(Clock::system(), "1.2.3");
//! let handle = flags.handle(&telemetry.service("shipping"), FLAGS);
//! let ada = Subject::customer("cus_ada").in_country("CH");
//! assert_eq!(handle.read(&FREE_FROM, &ada), 0, "what code says");
//!
//! let definitions = r#"{"flags": {"free-shipping-from": {
//!     "state": "ENABLED",
//!     "variants": {"never": 0, "fifty": 5000},
//!     "defaultVariant": "never",
//!     "targeting": {"if": [{"==": [{"var": "country"}, "CH"]}, "fifty"]}
//! }}}"#;
//! flags.put(1, definitions)?;
//! assert_eq!(handle.read(&FREE_FROM, &ada), 5_000);
//! assert_eq!(flags.take_counts().iter().map(|count| count.count).sum::<u64>(), 2);
//! # Ok::<(), vitrine_flags_engine::Refused>(())
//! ```

mod counts;
mod declaration;
mod declared;
mod handle;

pub use counts::Counts;
pub use declaration::{Count, Declaration, DeclaredVariant};
pub use declared::{Declared, Flag, Kind, Object, Text, Typed, Value};
pub use handle::{Flags, Handle, Subject};
