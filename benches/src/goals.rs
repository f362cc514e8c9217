//! Goals, and by how much they are missed.

use std::sync::Mutex;

use hdrhistogram::Histogram;

/// What was told so far: how many goals there are, and lines of those that are missed.
static TOLD: Mutex<(usize, Vec<String>)> = Mutex::new((0, Vec::new()));

/// Returns a quantile in thousands of what was recorded: in milliseconds, of microseconds.
pub(crate) fn thousands(recorded: &Histogram<u64>, share: f64) -> f64 {
    recorded.value_at_quantile(share) as f64 / 1000.0
}

/// A line: what, how much, and by how much the goal is missed if it is.
pub(crate) fn tell(what: &str, found: f64, unit: &str, goal: f64, more_is_better: bool) {
    let is_met = if more_is_better { found >= goal } else { found <= goal };
    let miss = if more_is_better { goal / found } else { found / goal };
    let verdict = if is_met { "met".to_owned() } else { format!("missed by a factor of {miss:.2}") };
    let line = format!("{what:<60} {found:>12.3} {unit:<10} goal {goal:>9}: {verdict}");
    println!("  {line}");
    let mut told = TOLD.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    told.0 += 1;
    if !is_met {
        told.1.push(line);
    }
}

/// All goals of the run at a glance.
pub(crate) fn summary() {
    let told = TOLD.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let (all, missed) = &*told;
    if *all > 0 {
        println!("Goals: {} of {all} met{}", all - missed.len(), if missed.is_empty() { "" } else { "; missed:" });
        missed.iter().for_each(|line| println!("  {line}"));
    }
}
