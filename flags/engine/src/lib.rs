//! Feature flags: definitions in flagd's form read, kept as immutable [`Snapshot`]s and evaluated for borrowed contexts. Pure: no async, no
//! I/O, and no clock but the second that the caller gives.
//!
//! Definitions are read by [`Snapshot::read`], or flag by flag by [`Flag::read`]; a mistake is told with its line and column. A rule is JsonLogic with
//! flagd's operators, compiled to typed nodes and walked without allocation; work is bounded by [`MAX_STEPS`], whatever the rule and the context.
//! [`Snapshot::explain`] walks the same nodes and tells what each was, which branch decided, and which bucket a subject fell into. What clients of
//! flagd evaluate themselves is [`Snapshot::sync_payload`].
//!
//! It does not keep, serve or stream flags: that is the flags service.
//!
//! ```
//! use vitrine_flags_engine::{Attributes, Mode, Reason, Snapshot, Value};
//!
//! let definitions = r#"{"flags": {"free-shipping-from": {
//!     "state": "ENABLED",
//!     "variants": {"usual": 50, "generous": 25},
//!     "defaultVariant": "usual",
//!     "targeting": {"if": [{"==": [{"var": "country"}, "CH"]}, "generous"]}
//! }}}"#;
//! let flags = Snapshot::read(definitions, Mode::Strict)?.read;
//!
//! let context = [("targetingKey", Value::from("cus_1")), ("country", Value::from("CH"))];
//! let evaluation = flags.evaluate("free-shipping-from", &Attributes(&context), 1_795_228_166)?;
//! assert_eq!(evaluation.variant.map(|variant| variant.json.as_ref()), Some("25"));
//! assert_eq!(evaluation.reason, Reason::TargetingMatch);
//!
//! let refused = Snapshot::read(&definitions.replace("\"==\"", "\"=\""), Mode::Strict).expect_err("no operator");
//! assert_eq!(refused.to_string(), "line 5, column 26: there is no operator \"=\"");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod context;
mod error;
mod eval;
mod explain;
mod flag;
mod hash;
pub mod json;
mod rule;
mod snapshot;
mod value;
mod version;

pub use context::{Attributes, Context, Path};
pub use error::{EvaluationError, Finding, Malformed, Refused};
pub use eval::{Algorithm, MAX_STEPS};
pub use explain::{Bucket, Explained, Explanation};
pub use flag::{Evaluation, Flag, FlagType, MAX_METADATA, MAX_NAME_BYTES, MAX_VARIANTS, Reason, Variant, VariantValue};
pub use hash::{cbor, murmur3};
pub use rule::{Evaluators, MAX_NODES, Mode};
pub use snapshot::{Change, FlagSet, Logic, MAX_FLAGS, Read, Snapshot};
pub use value::{Computed, Value, number_text};

/// Most that the weights of a `fractional` sum up to: what clients of flagd take.
pub const MAX_WEIGHTS: u32 = 2_147_483_647;
