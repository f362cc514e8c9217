//! Names of metrics, and units.

use crate::metric_point::MetricKind;

/// Units of UCUM that have words.
const UNITS: [(&str, &str); 24] = [
    ("d", "days"),
    ("h", "hours"),
    ("min", "minutes"),
    ("s", "seconds"),
    ("ms", "milliseconds"),
    ("us", "microseconds"),
    ("ns", "nanoseconds"),
    ("By", "bytes"),
    ("KiBy", "kibibytes"),
    ("MiBy", "mebibytes"),
    ("GiBy", "gibibytes"),
    ("TiBy", "tibibytes"),
    ("KBy", "kilobytes"),
    ("MBy", "megabytes"),
    ("GBy", "gigabytes"),
    ("TBy", "terabytes"),
    ("m", "meters"),
    ("V", "volts"),
    ("A", "amperes"),
    ("J", "joules"),
    ("W", "watts"),
    ("g", "grams"),
    ("Cel", "celsius"),
    ("Hz", "hertz"),
];
/// Units that others are counted per.
const PER: [(&str, &str); 7] =
    [("s", "second"), ("m", "minute"), ("h", "hour"), ("d", "day"), ("w", "week"), ("mo", "month"), ("y", "year")];

/// The unit that is none.
const NONE: &str = "1";
const TOTAL: &str = "total";
const RATIO: &str = "ratio";

/// What a name ends with.
struct Suffixes {
    unit: String,
    per: String,
}

/// A name of letters, digits, `_` and `:`.
pub(super) fn escaped(name: &str, unit: &str, kind: MetricKind, monotonic: bool, with_suffixes: bool) -> String {
    let found = if with_suffixes {
        let mut tokens: Vec<&str> = name.split(|c| !is_letter(c)).filter(|token| !token.is_empty()).collect();
        let Suffixes { unit: main, per } = suffixes(unit);
        let (mut main, mut per) = (clean(&main), clean(&per));
        if tokens.contains(&main.as_str()) {
            main.clear();
        }
        if per == "per_" || tokens.contains(&per.trim_end_matches('_')) {
            per.clear();
        } else {
            per.truncate(per.strip_suffix('_').map_or(per.len(), str::len));
        }
        if !per.is_empty() {
            main.truncate(main.strip_suffix('_').map_or(main.len(), str::len));
        }
        tokens.extend([main.as_str(), per.as_str()].into_iter().filter(|token| !token.is_empty()));
        if let Some(suffix) = type_suffix(unit, kind, monotonic) {
            tokens.retain(|token| *token != suffix);
            tokens.push(suffix);
        }
        tokens.join("_")
    } else {
        let parts = name.split(|c| !is_letter(c) && c != '_').filter(|part| !part.is_empty());
        parts.collect::<Vec<_>>().join("_")
    };
    if found.starts_with(|first: char| first.is_ascii_digit()) { format!("_{found}") } else { found }
}

/// A name of any UTF-8.
pub(super) fn whole(name: &str, unit: &str, kind: MetricKind, monotonic: bool, with_suffixes: bool) -> String {
    let mut found = name.to_owned();
    if !with_suffixes {
        return found;
    }
    let Suffixes { unit: main, per } = suffixes(unit);
    let kind = type_suffix(unit, kind, monotonic).unwrap_or_default();
    for suffix in [kind, &per].into_iter().filter(|suffix| !suffix.is_empty()) {
        // One character before it is taken for a separator, whatever it is.
        if found.ends_with(suffix) && found.len() > suffix.len() + 1 {
            found.truncate(found.floor_char_boundary(found.len() - suffix.len() - 1));
        }
    }
    let main = if found.ends_with(&main) { "" } else { &main };
    for suffix in [main, &per, kind].into_iter().filter(|suffix| !suffix.is_empty()) {
        found.push('_');
        found.push_str(suffix);
    }
    found
}

/// A unit as words, for metadata.
pub(super) fn unit(unit: &str) -> String {
    let Suffixes { unit: main, per } = suffixes(unit);
    let (main, per) = (clean(&main), clean(&per));
    let joined = match (main.is_empty(), per.is_empty()) {
        (false, false) => format!("{main}_{per}"),
        (false, true) => main,
        _ => per,
    };
    let joined = joined.strip_prefix('_').unwrap_or(&joined);
    joined.strip_suffix('_').unwrap_or(joined).to_owned()
}

fn type_suffix(unit: &str, kind: MetricKind, monotonic: bool) -> Option<&'static str> {
    match kind {
        MetricKind::Sum if monotonic => Some(TOTAL),
        MetricKind::Gauge if unit == NONE => Some(RATIO),
        _ => None,
    }
}

fn suffixes(unit: &str) -> Suffixes {
    let (main, per) = unit.split_once('/').unwrap_or((unit, ""));
    let word = |part: &str, words: &[(&str, &str)]| {
        let part = part.trim();
        if part.contains(['{', '}']) {
            return String::new();
        }
        words.iter().find(|(unit, _)| *unit == part).map_or(part, |(_, word)| word).to_owned()
    };
    let main = match main.trim() {
        NONE => String::new(),
        "%" => "percent".to_owned(),
        main => word(main, &UNITS),
    };
    let per = word(per, &PER);
    Suffixes { unit: main, per: if per.is_empty() { per } else { format!("per_{per}") } }
}

/// What may stand in a metric's name, but for `_`.
fn is_letter(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == ':'
}

/// A unit of letters, digits, `:` and single `_`, without one in front.
fn clean(unit: &str) -> String {
    let mut cleaned = String::with_capacity(unit.len());
    for character in unit.chars() {
        if is_letter(character) {
            cleaned.push(character);
        } else if !cleaned.ends_with('_') {
            cleaned.push('_');
        }
    }
    match cleaned.strip_prefix('_') {
        Some(rest) => rest.to_owned(),
        None => cleaned,
    }
}
