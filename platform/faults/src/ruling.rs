//! What happens to one call that faults hit.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::answers::Answers;
use crate::clock::ns;
use crate::effect::{Change, Effect, Leg};
use crate::live::Live;
use crate::message::{FieldPath, Side, framed, unframed};

const KIB: u64 = 1_024;
pub(crate) const SECOND: u64 = 1_000_000_000;

/// Nanoseconds that so many bytes take on a line of this width.
pub(crate) fn transfer_ns(kib_s: u32, bytes: usize) -> u64 {
    (bytes as u64).saturating_mul(SECOND) / (u64::from(kib_s) * KIB).max(1)
}

/// Of several that end a call the first one does.
pub(crate) fn is_second_ending(parts: &[Part], live: &Live) -> bool {
    is_ending(&live.fault().what) && parts.iter().any(|part| is_ending(&part.live.fault().what))
}

/// Whether an effect replaces what would have come of the call, so that no other can.
fn is_ending(effect: &Effect) -> bool {
    use Effect::{Error, InDoubt, Lose, Partition, Redeliver, Refuse, Reset, Unready};
    matches!(
        effect,
        Error { .. } | Reset { .. } | Refuse | Lose { .. } | Partition { .. } | Redeliver | InDoubt | Unready
    )
}

#[derive(Debug)]
pub(crate) struct Part {
    live: Arc<Live>,
    wait_ns: u64,
}

impl Part {
    pub(crate) fn new(live: Arc<Live>, wait_ns: u64) -> Self {
        Self { live, wait_ns }
    }

    pub(crate) fn live(&self) -> &Arc<Live> {
        &self.live
    }
}

/// What happens to one call: in order a refusal, a wait, and then the first effect that ends it.
#[derive(Debug)]
pub struct Ruling {
    parts: Vec<Part>,
    endings: watch::Receiver<u64>,
    answers: Arc<Answers>,
}

impl Ruling {
    pub(crate) fn new(parts: Vec<Part>, endings: watch::Receiver<u64>, answers: Arc<Answers>) -> Self {
        Self { parts, endings, answers }
    }

    /// The effects that still act, in the order in which their faults were armed.
    pub fn effects(&self) -> impl Iterator<Item = &Effect> {
        self.parts.iter().filter(|part| part.live.ended().is_none()).map(|part| &part.live.fault().what)
    }

    /// How long [`Ruling::wait`] waits, if nothing ends meanwhile.
    pub fn asked(&self) -> Duration {
        Duration::from_nanos(self.parts.iter().fold(0, |sum, part| part.wait_ns.saturating_add(sum)))
    }

    /// The effect that ends the call.
    pub fn ending(&self) -> Option<&Effect> {
        self.effects().find(|effect| is_ending(effect))
    }

    /// Whether a message of the call does not arrive.
    pub fn loses(&self, leg: Leg) -> bool {
        match self.ending() {
            Some(Effect::Lose { leg: lost }) => *lost == leg,
            Some(Effect::Partition { .. }) => leg == Leg::Request,
            _ => false,
        }
    }

    /// Waits as long as all delays, stops and hangs say together. A fault that ends takes its part with it at once.
    pub async fn wait(&self) {
        let waits = |part: &Part| part.wait_ns;
        if self.parts.iter().any(|part| waits(part) > 0) {
            self.wait_for(waits).await;
        }
    }

    /// Waits as long as a message of so many bytes takes on a narrow line.
    pub async fn wait_for_bytes(&self, bytes: usize) {
        let waits = |part: &Part| match part.live.fault().what {
            Effect::Bandwidth { kib_s } => transfer_ns(kib_s, bytes),
            _ => 0,
        };
        if self.parts.iter().any(|part| waits(part) > 0) {
            self.wait_for(waits).await;
        }
    }

    /// Waits until the fault that loses a message ends. Its caller has a deadline.
    pub async fn wait_for_the_end(&self) {
        let mut endings = self.endings.clone();
        while self.ending().is_some() {
            if endings.changed().await.is_err() {
                return;
            }
        }
    }

    async fn wait_for(&self, waits: impl Fn(&Part) -> u64) {
        let began = Instant::now();
        let mut endings = self.endings.clone();
        loop {
            endings.borrow_and_update();
            let left = self.parts.iter().filter(|part| part.live.ended().is_none());
            let due = left.map(&waits).fold(0, u64::saturating_add);
            let Some(rest) = Duration::from_nanos(due).checked_sub(began.elapsed()).filter(|d| !d.is_zero()) else {
                break;
            };
            tokio::select! {
                () = tokio::time::sleep(rest) => {}
                changed = endings.changed() => if changed.is_err() { break },
            }
        }
        // Several that wait share what was waited by what each asked for.
        let (got, asked) = (ns(began.elapsed()), self.parts.iter().map(&waits).fold(0, u64::saturating_add));
        for part in &self.parts {
            let own = waits(part);
            let share = (u128::from(got) * u128::from(own) / u128::from(asked.max(1))) as u64;
            part.live.note_wait(own, share);
        }
    }

    /// How old an answer of a method may be, if it may; only where nothing is changed by it.
    fn stale(&self, path: &str) -> Option<Duration> {
        let age_s =
            self.effects().find_map(|effect| if let Effect::Stale { age_s } = effect { Some(*age_s) } else { None })?;
        let is_safe = vitrine_contracts::method(path).is_some_and(|method| method.repeatable);
        is_safe.then(|| Duration::from_secs(age_s.into()))
    }

    /// The body of an answer that was given before, if it is to be given again, and nothing to be done for it. `path` is the method's, and
    /// `request` its message.
    pub fn earlier(&self, path: &str, request: &[u8]) -> Option<Vec<u8>> {
        self.answers.earlier(path, request, self.stale(path)?)
    }

    /// Remembers the body of an answer that is new, if it may be given again.
    pub fn remember(&self, path: &str, request: &[u8], body: &[u8]) {
        if self.stale(path).is_some() {
            self.answers.remember(path, request, body);
        }
    }

    /// What becomes of an answer's body; none if it stays. `path` is the method's.
    pub fn answer(&self, path: &str, body: &[u8]) -> Option<Vec<u8>> {
        let mut changed: Option<Vec<u8>> = None;
        for effect in self.effects() {
            let before = changed.as_deref().unwrap_or(body);
            let after = match effect {
                Effect::Value(change) => unframed(before).and_then(|message| changed_value(path, message, change)),
                Effect::Truncate { bytes } => unframed(before).and_then(|message| {
                    let cut = message.get(..usize::try_from(*bytes).unwrap_or(usize::MAX))?;
                    Some(framed(cut))
                }),
                _ => None,
            };
            changed = after.or(changed);
        }
        changed
    }
}

/// A body whose message has a field changed; none where its contract does not have the field.
fn changed_value(path: &str, message: &[u8], change: &Change) -> Option<Vec<u8>> {
    let field = FieldPath::of(path, Side::Answer, &change.field)?;
    let set = change.set.as_deref().and_then(|text| field.value(text));
    let changed = field.changed(message, &|value| match (&set, change.scale) {
        (Some(set), _) => Some(set.clone()),
        (None, Some(by)) => Some(value.scaled(by)),
        (None, None) => None,
    });
    Some(framed(&changed))
}
