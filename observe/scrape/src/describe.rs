//! Jobs and rules as they are shown to those who ask: without secrets.

use std::fmt::Write as _;

use vitrine_kit::duration::prometheus;
use vitrine_observe_store::RelabelStep;

use crate::config::Job;
use crate::relabel::{LabelMap, Rule, apply};

/// A job as YAML, with what it has by default; how its requests are authorised is left out.
pub(crate) fn yaml(job: &Job) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "{name}: {value}");
    };
    line("job_name", &quoted(&job.name));
    line("honor_labels", &job.honors_labels.to_string());
    line("honor_timestamps", &job.honors_timestamps.to_string());
    line("track_timestamps_staleness", &job.tracks_timestamps_staleness.to_string());
    line("scrape_interval", &prometheus::format(job.interval));
    line("scrape_timeout", &prometheus::format(job.timeout));
    line("metrics_path", &quoted(&job.path));
    line("scheme", &job.scheme);
    if !job.params.is_empty() {
        text.push_str("params:\n");
        let mut last = None;
        for (name, value) in &job.params {
            if last != Some(name) {
                let _ = writeln!(text, "  {}:", quoted(name));
            }
            let _ = writeln!(text, "  - {}", quoted(value));
            last = Some(name);
        }
    }
    for (name, rules) in [("relabel_configs", &job.relabel), ("metric_relabel_configs", &job.metric_relabel)] {
        if !rules.is_empty() {
            let _ = writeln!(text, "{name}:");
            rules.iter().for_each(|rule| push_rule(&mut text, rule));
        }
    }
    text
}

fn push_rule(text: &mut String, rule: &Rule) {
    let rule = rule.describe();
    let _ = writeln!(text, "- action: {}", rule.action);
    if !rule.source_labels.is_empty() {
        let names: Vec<String> = rule.source_labels.iter().map(|name| quoted(name)).collect();
        let _ = writeln!(text, "  source_labels: [{}]", names.join(", "));
    }
    for (name, value) in [
        ("separator", &rule.separator),
        ("regex", &rule.regex),
        ("target_label", &rule.target_label),
        ("replacement", &rule.replacement),
    ] {
        if !value.is_empty() {
            let _ = writeln!(text, "  {name}: {}", quoted(value));
        }
    }
    if rule.modulus > 0 {
        let _ = writeln!(text, "  modulus: {}", rule.modulus);
    }
}

/// A text as YAML reads it back: JSON's texts are some of YAML's.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// What each rule makes of labels; once they are dropped, they stay so.
pub(crate) fn steps(rules: &[Rule], mut labels: LabelMap) -> Vec<RelabelStep> {
    let mut is_kept = true;
    let step = |rule: &Rule| {
        is_kept = is_kept && apply(std::slice::from_ref(rule), &mut labels);
        let output = if is_kept { labels.clone() } else { LabelMap::new() };
        RelabelStep { rule: rule.describe(), output, is_kept }
    };
    rules.iter().map(step).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{steps, yaml};
    use crate::config::Config;

    #[test]
    fn what_is_shown_is_read_again_and_has_no_secret() {
        let text = "scrape_configs:\n- job_name: 'a \"b\"'\n  honor_labels: true\n  params: {m: [x, \"y\\n\"]}\n  \
                    basic_auth: {username: u, password: hidden}\n  relabel_configs:\n  - {action: drop, source_labels: [a, b], regex: 'x;(y)'}\n  \
                    - {target_label: t, replacement: 'z$1'}\n  - {action: hashmod, source_labels: [a], modulus: 7, target_label: h}\n";
        let read =
            |text: &str| Config::read(text, Path::new(".")).unwrap_or_else(|mistakes| panic!("{mistakes:?}\n{text}"));
        let job = &read(text).jobs[0];
        let shown = yaml(job);
        assert!(!shown.contains("hidden"), "{shown}");
        let nested: String = shown.lines().map(|line| format!("  {line}\n")).collect();
        let again = &read(&format!("scrape_configs:\n-{}", &nested[1..])).jobs[0];
        assert_eq!(
            (&again.name, again.honors_labels, &again.params, &again.relabel),
            (&job.name, true, &job.params, &job.relabel)
        );
        // Once a rule drops, nothing is left for those behind it.
        let labels = |value: &str| [("a".to_owned(), value.to_owned()), ("b".to_owned(), "y".to_owned())].into();
        let kept = steps(&job.relabel, labels("w"));
        assert_eq!((kept.len(), kept[2].is_kept, kept[2].output.len()), (3, true, 4));
        let dropped = steps(&job.relabel, labels("x"));
        assert!(dropped.iter().all(|step| !step.is_kept && step.output.is_empty()), "{dropped:?}");
    }
}
