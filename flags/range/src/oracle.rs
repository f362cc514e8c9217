//! What telemetry shows of each effect at each kind of place while it is at work, and does not show before and after.
//!
//! A check is a [`Figure`](figures): a SQL statement over the observatory's tables that returns one number for a window, and a [`Band`] that
//! says how far it must move. Whoever runs a campaign evaluates the statements; whoever tests an effect uses the same table.

pub mod figures;
mod table;

use vitrine_platform_faults::{At, Effect, Fault};

pub use figures::Statement;

use crate::record::{self, Need, Verdict};
use crate::rows::Window;

/// In which signal something is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Metric points.
    Metrics,
    /// Log records.
    Logs,
}

impl Signal {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Metrics => "metrics",
            Self::Logs => "logs",
        }
    }
}

/// How far a figure must move.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Band {
    /// To so many times what it was, and by so much.
    Rises(f64, f64),
    /// By this part of the milliseconds that the fault asks for, each call that is hit.
    RisesByAsked(f64),
    /// To at most so many times what it was.
    Falls(f64),
    /// To so many times what it was, or to that part of it.
    Changes(f64),
}

/// One thing to look at.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// Where it is seen.
    pub signal: Signal,
    /// What is measured.
    pub what: &'static str,
    /// How.
    pub statement: Statement,
    /// How far it must move.
    pub band: Band,
}

/// What shows an effect.
#[derive(Clone, Copy, Debug)]
pub struct Oracle {
    /// At which kind of place.
    pub at: At,
    /// The effect's name.
    pub effect: &'static str,
    /// All of these move, and come back.
    pub required: &'static [Check],
    /// These may.
    pub optional: &'static [Check],
    /// These do not.
    pub forbidden: &'static [Check],
}

/// What a statement said of one window: none where there was nothing to measure.
pub type Measured = Option<f64>;

impl Oracle {
    /// The oracle of an effect at a place; one for each pair that there can be.
    pub fn of(at: At, effect: &str) -> Option<&'static Self> {
        table::ORACLES.iter().find(|oracle| oracle.at == at && oracle.effect == effect)
    }

    /// Every oracle.
    pub fn all() -> &'static [Self] {
        table::ORACLES
    }

    /// All checks, each with what is wanted of it.
    pub fn checks(&self) -> impl Iterator<Item = (Need, &'static Check)> {
        let required = self.required.iter().map(|check| (Need::Required, check));
        let optional = self.optional.iter().map(|check| (Need::Optional, check));
        required.chain(optional).chain(self.forbidden.iter().map(|check| (Need::Forbidden, check)))
    }
}

impl Check {
    /// The statement for a fault and a window.
    pub fn sql(&self, fault: &Fault, window: Window) -> String {
        figures::filled(self.statement, fault, window)
    }

    /// What it means: before, during and after.
    pub fn judge(&self, need: Need, fault: &Fault, [baseline, during, after]: [Measured; 3]) -> record::Figure {
        let (signal, what) = (self.signal.name().to_owned(), self.what.to_owned());
        // What does not come about leaves nothing behind: no errors are zero errors.
        let verdict = match (baseline, during) {
            (_, None) => Verdict::Unknown,
            (None, Some(_)) if matches!(self.band, Band::Falls(_)) => Verdict::Unknown,
            (baseline, Some(during)) if self.band.is_moved(fault, baseline.unwrap_or(0.0), during) => {
                let is_back = |after| self.band.is_back(fault, [baseline.unwrap_or(0.0), during, after]);
                if after.is_none_or(is_back) { Verdict::Seen } else { Verdict::Lasting }
            }
            _ => Verdict::Unseen,
        };
        record::Figure { signal, what, need, baseline, during, after, verdict }
    }
}

impl Band {
    fn is_moved(self, fault: &Fault, baseline: f64, now: f64) -> bool {
        match self {
            Self::Rises(times, by) => {
                now >= baseline * times && now >= baseline + by * fault.share.rate && now > baseline
            }
            Self::RisesByAsked(part) => {
                let asked = asked_ms(&fault.what) * fault.share.rate;
                // A control asks for nothing: whatever moves was not its doing.
                asked > 0.0 && now >= baseline + part * asked
            }
            Self::Falls(times) => now <= baseline * times && now < baseline,
            Self::Changes(times) => now > baseline * times || now * times < baseline,
        }
    }

    /// Whether a figure that moved is where it was. One that may move either way is when it is nearer to that than to what it was meanwhile, for few
    /// people differ from as few others, too.
    fn is_back(self, fault: &Fault, [baseline, during, after]: [f64; 3]) -> bool {
        let is_near = || (after / baseline).ln().abs() < (during / baseline).ln().abs() / 2.0;
        !self.is_moved(fault, baseline, after) || (matches!(self, Self::Changes(_)) && is_near())
    }
}

/// Returns how much longer a call that is hit takes on average, in milliseconds, as far as the effect itself says so.
pub fn asked_ms(effect: &Effect) -> f64 {
    // In each period a call waits for half of the stop on average, if it comes within it.
    let of_period = |ms: u32, every: u32| f64::from(ms) * f64::from(ms) / (2.0 * f64::from(every.max(1)));
    match effect {
        Effect::Delay(delay) => f64::from(delay.ms),
        Effect::Hang { ms } => f64::from(ms.unwrap_or(0)),
        Effect::Hold { ms, every_ms } | Effect::Lock { hold_ms: ms, every_ms } | Effect::Block { ms, every_ms, .. } => {
            of_period(*ms, *every_ms)
        }
        _ => 0.0,
    }
}

/// Returns whether telemetry shows a fault: all that is required is seen.
pub fn is_visible(figures: &[record::Figure]) -> bool {
    let mut required = figures.iter().filter(|figure| figure.need == Need::Required).peekable();
    required.peek().is_some() && required.all(|figure| matches!(figure.verdict, Verdict::Seen | Verdict::Lasting))
}

/// Returns whether nothing of it is seen any more.
pub fn is_cleared(figures: &[record::Figure]) -> bool {
    figures.iter().filter(|figure| figure.need == Need::Required).all(|figure| figure.verdict != Verdict::Lasting)
}
