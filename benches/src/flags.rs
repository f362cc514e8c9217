//! Flags: the engine beside other engines, and a flags service under evaluations, with streams, and in memory.

mod engine;
mod grpc;
mod served;
mod streams;
mod unleash;
mod wire;

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;

pub(crate) use grpc::ResolveRequest;
pub(crate) use wire::{PIPELINE, at_rate, request, requests};

/// Flags of the bulk evaluation.
const BULK: usize = 50;
/// Flags of each kind in the large set.
const FLAGS: usize = 5_000;

/// Definitions with so many flags that read an attribute, and as many that draw buckets.
fn definitions(each: usize) -> String {
    let mut text = String::from("{\"flags\": {");
    for n in 0..each {
        let comma = if n > 0 { ",\n" } else { "\n" };
        let variants =
            r#""state": "ENABLED", "variants": {"a": "red", "b": "green", "c": "blue"}, "defaultVariant": "a""#;
        let _ = write!(
            text,
            r#"{comma}"simple-{n}": {{{variants}, "targeting": {{"if": [{{"==": [{{"var": "country"}}, "CH"]}}, "b", "a"]}}}},
"fractional-{n}": {{{variants}, "targeting": {{"fractional": [["a", 25], ["b", 25], ["c", 50]]}}}}"#
        );
    }
    text.push_str("\n}}");
    text
}

/// Measures all of it, with turns of so many seconds.
pub(crate) async fn measure(binary: &Path, seconds: u64) -> Result<()> {
    let turn = Duration::from_secs(seconds);
    engine::measure(turn).await?;
    served::measure(binary, turn).await?;
    streams::measure(binary).await
}
