//! What faults do to a cache: it is slow, out of reach, passed by, forgetful, or does not hear that something has changed.

use vitrine_platform_faults::{Call, Effect, Ruling, Site, StoreOp};
use vitrine_platform_telemetry::Context;

/// What becomes of a look for a value.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fate {
    /// The cache is not asked, and what is loaded is not kept.
    pub(crate) is_passed_by: bool,
    /// Because it did not answer.
    pub(crate) is_error: bool,
    /// What is there is thrown away first.
    pub(crate) is_evicted: bool,
}

fn decide(site: &Site, op: StoreOp, key: &str) -> Option<Box<Ruling>> {
    let context = Context::current();
    site.decide(&Call { key, op: Some(op), ..Call::within(&context) })
}

/// What happens before a value is looked for. A fault knows a value as `kind:tag`.
pub(crate) async fn before_read(site: &Site, kind: &str, tag: &str) -> Fate {
    let Some(ruling) = decide(site, StoreOp::Read, &format!("{kind}:{tag}")) else { return Fate::default() };
    ruling.wait().await;
    let has = |is_meant: fn(&Effect) -> bool| ruling.effects().any(is_meant);
    let is_error = has(|effect| matches!(effect, Effect::Error { .. }));
    let is_passed_by = is_error || has(|effect| matches!(effect, Effect::Bypass));
    Fate { is_passed_by, is_error, is_evicted: has(|effect| matches!(effect, Effect::Evict)) }
}

/// What a cache waits for before it hears of a change, if it is to hear late. A fault knows a change by its first tag.
pub(crate) fn late(site: &Site, tags: &[&str]) -> Option<Box<Ruling>> {
    decide(site, StoreOp::Commit, tags.first()?)
}
