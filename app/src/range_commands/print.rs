//! What is said of a campaign, for people: incidents a line each, how far they came, and scores as a table.

use vitrine_flags_range::scores::{Funnel, Graded, MAX_TRIVIAL, Report, Scores};
use vitrine_flags_range::{Control, Record, Score};

use crate::say::say;

/// Scores that have a column; `--json` has all.
const COLUMNS: [(&str, &str); 10] = [
    ("ac@1", "ac@1"),
    ("ac@3", "ac@3"),
    ("ac@5", "ac@5"),
    ("avg@5", "avg@5"),
    ("lift", "lift"),
    ("f1", "f1"),
    ("kind_ac@1", "kind"),
    ("time", "time"),
    ("path_node_f1", "path"),
    ("evidence", "evid."),
];
/// Scores whose intervals are told: the first depth alone, for a line has an end.
const WITH_INTERVAL: &str = "ac@1";
/// What chance reaches, by the score beside which it stands.
const CHANCE: [(&str, &str); 4] =
    [("ac@1", "chance_ac@1"), ("ac@3", "chance_ac@3"), ("ac@5", "chance_ac@5"), ("avg@5", "chance_avg@5")];
/// Width of the column of names.
const NAME: usize = 14;

fn control(record: &Record) -> &'static str {
    match record.control {
        Control::None => "fault",
        Control::Noop => "no-op",
        Control::Twin => "twin",
    }
}

/// An incident on a line.
pub(super) fn incident(record: &Record) {
    let place = |record: &Record| {
        let fault = record.fault.as_ref()?;
        let service = fault.target.service.first().map_or("*", String::as_str);
        Some(format!("{} at {} {service}", fault.what.name(), fault.target.at.name()))
    };
    let what = place(record).unwrap_or_else(|| format!("of {}", record.twin_of.as_deref().unwrap_or("-")));
    let became = match (record.control, record.hits.hit) {
        (Control::Twin, _) => String::new(),
        (_, hit) => format!("{hit} of {} hit", record.hits.eligible),
    };
    let seen = match record.control {
        Control::None if record.visible => "visible",
        Control::None => "not visible",
        _ => "",
    };
    let ended = match record.ended_by.as_str() {
        "" | "ttl" => String::new(),
        by => format!("  ended by {by}"),
    };
    let with = if record.overlaps.is_empty() { "" } else { "  overlaps" };
    say!(
        "{:>4}  {}  {:<5}  {what:<34}  {became:<18}  {seen:<11}{with}{ended}",
        record.ordinal,
        record.id,
        control(record)
    );
}

/// How far incidents came.
pub(super) fn funnel(funnel: &Funnel, graded: &Graded<'_>) {
    say!(
        "drawn {}, armed {}, hit {}, visible {}, graded {}",
        funnel.drawn,
        funnel.armed,
        funnel.hit,
        funnel.visible,
        funnel.graded
    );
    let controls = graded.records.iter().filter(|record| record.control != Control::None).count();
    say!("{controls} controls; each simple rule finds {} of the incidents", funnel.trivial);
    if !graded.left_out.is_empty() {
        say!(
            "not graded, for at most {:.0} % of a set may be found by each simple rule: {}",
            MAX_TRIVIAL * 100.0,
            graded.left_out.join(", ")
        );
    }
}

/// What an incident made of the same requests, alerts that were expected and did not fire or the other way round, and services on its path to
/// which no call leads.
pub(super) fn remarks(record: &Record) {
    if let Some(paired) = &record.paired {
        let (slower, failing) = (&paired.slower_ms, &paired.failing);
        say!(
            "{}  against its twin, of {} requests: {:+.1} ms ({:+.1} to {:+.1}), {:+.1} % failed ({:+.1} to {:+.1})",
            record.id,
            slower.n,
            slower.mean,
            slower.low,
            slower.high,
            failing.mean * 100.0,
            failing.low * 100.0,
            failing.high * 100.0
        );
    }
    let (expected, fired) = (&record.alerts_expected, &record.alerts_fired);
    for (all, others, what) in
        [(expected, fired, "expected, and did not fire"), (fired, expected, "not expected, and fired")]
    {
        let odd: Vec<&str> = all.iter().filter(|alert| !others.contains(alert)).map(String::as_str).collect();
        if !odd.is_empty() {
            say!("{}  alerts {what}: {}", record.id, odd.join(", "));
        }
    }
    if !record.unpredicted.is_empty() {
        say!("{}  on its path, and not called from there: {}", record.id, record.unpredicted.join(", "));
    }
}

fn cell(score: Option<&Score>) -> String {
    score.map_or_else(|| "-".to_owned(), |score| format!("{:.3}", score.mean))
}

fn row(name: &str, of: &Scores) -> String {
    let interval = of.of.get(WITH_INTERVAL).map_or_else(|| "-".to_owned(), |s| format!("{:.2}..{:.2}", s.low, s.high));
    let cells: Vec<String> = COLUMNS.iter().map(|(score, _)| format!("{:>7}", cell(of.of.get(*score)))).collect();
    format!("{name:<NAME$}{interval:>11}{}", cells.join(""))
}

/// Scores of all who diagnose, a row each, beside chance.
pub(super) fn scores(reports: &[Report]) {
    let Some(first) = reports.first() else { return };
    say!("\n{} incidents and {} controls; means, and the interval of 95 % of ac@1", first.all.cases, first.controls.n);
    let heads: Vec<String> = COLUMNS.iter().map(|(_, head)| format!("{head:>7}")).collect();
    say!("{:<NAME$}{:>11}{}{:>7}{:>7}", "", "", heads.join(""), "quiet", "none");
    for report in reports {
        // What is quiet names nothing for a control; what is none names nothing for an incident.
        say!("{}{:>7.3}{:>7}", row(&report.name, &report.all), report.controls.mean, report.all.abstained);
    }
    let of_chance = CHANCE.iter().filter_map(|(beside, name)| Some(((*beside).to_owned(), *first.all.of.get(*name)?)));
    say!("{}", row("chance", &Scores { of: of_chance.collect(), ..Scores::default() }));
    let layers: Vec<&String> = first.by_layer.keys().collect();
    if layers.len() < 2 {
        return;
    }
    let heads: Vec<String> =
        layers.iter().map(|layer| format!("{:>14}", format!("{layer} ({})", first.by_layer[*layer].cases))).collect();
    say!("\n{:<NAME$}{}", "ac@1 by layer", heads.join(""));
    for report in reports {
        let cells: Vec<String> = layers
            .iter()
            .map(|layer| format!("{:>14}", cell(report.by_layer.get(*layer).and_then(|of| of.of.get("ac@1")))))
            .collect();
        say!("{:<NAME$}{}", report.name, cells.join(""));
    }
}
