//! How many records there were when, by level.

use std::collections::BTreeMap;

use vitrine_observe_search::people::Level;

use super::Shown;
use crate::logs::Counts;
use crate::pages::html::{count, time};
use crate::time::NANOS_PER_SECOND;

/// Lengths of steps, in seconds.
const STEPS_S: [u64; 19] =
    [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 604_800];
/// Most steps.
const MAX_STEPS: u64 = 80;
/// The picture's size, in its units.
const WIDTH: f64 = 1_000.0;
const HEIGHT: f64 = 120.0;

/// Returns the length of a step of so long a time, in nanoseconds.
pub(super) fn step_ns(length_ns: u64) -> u64 {
    let fitting = STEPS_S.into_iter().map(|s| s * NANOS_PER_SECOND).find(|step| length_ns / step < MAX_STEPS);
    // Of more than that, all steps are as long as need be.
    fitting.unwrap_or(length_ns / MAX_STEPS + 1)
}

/// A picture of counts, each bar of which leads to its time.
pub(super) fn histogram(shown: &Shown<'_>, counts: &Counts, step_ns: u64) -> String {
    let mut steps: BTreeMap<u64, Vec<(Option<Level>, u64)>> = BTreeMap::new();
    for ((start, values), count) in counts {
        let level = values.first().and_then(|name| Level::parse(name.as_deref()?));
        steps.entry(*start).or_default().push((level, count.records));
    }
    let highest = steps.values().map(|levels| levels.iter().map(|(_, records)| records).sum::<u64>()).max();
    let Some(highest) = highest.filter(|highest| *highest > 0) else { return String::new() };
    let number = (shown.end_ns - shown.start_ns).div_ceil(step_ns).max(1);
    let width = WIDTH / number as f64;
    let mut bars = String::new();
    for (start, mut levels) in steps {
        // The gravest at the bottom.
        levels.sort_unstable_by(|(a, _), (b, _)| b.cmp(a));
        let x = ((start - shown.start_ns) / step_ns) as f64 * width;
        let mut bottom = HEIGHT;
        let mut title = time(start);
        let mut rects = String::new();
        for (level, records) in levels {
            let name = level.map_or("none", Level::name);
            // What is there can be seen.
            let height = (records as f64 / highest as f64 * HEIGHT).max(1.5);
            bottom -= height;
            rects.push_str(&format!(
                "<rect class={name} x={x:.2} y={:.2} width={:.2} height={height:.2} />",
                bottom.max(0.0),
                (width - 1.0).max(0.5)
            ));
            title.push_str(&format!("\n{name}: {}", count(records)));
        }
        let to = shown.within(start.max(shown.start_ns), (start + step_ns).min(shown.end_ns));
        bars.push_str(&format!("<a href=\"{to}\" tabindex=-1><title>{title}</title>{rects}</a>"));
    }
    format!(
        "<div class=\"panel hist\"><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" preserveAspectRatio=none role=group \
         aria-label=\"Records by time and level, at most {highest} in a step\">{bars}</svg>\
         <div class=axis><span>{}</span><span>{} UTC</span></div></div>",
        time(shown.start_ns),
        time(shown.end_ns)
    )
}

#[cfg(test)]
mod tests {
    use super::{MAX_STEPS, NANOS_PER_SECOND, step_ns};

    #[test]
    fn there_are_some_dozen_steps_whatever_the_time() {
        for seconds in [1, 60, 900, 3_600, 86_400, 30 * 86_400, 10_000 * 86_400] {
            let length = seconds * NANOS_PER_SECOND;
            let steps = length / step_ns(length);
            assert!((1..=MAX_STEPS).contains(&steps) || seconds == 1, "{seconds} s: {steps}");
        }
        assert_eq!(step_ns(3_600 * NANOS_PER_SECOND), 60 * NANOS_PER_SECOND);
        assert!(step_ns(u64::MAX) > 0);
    }
}
