//! From names of OpenTelemetry to those that Prometheus has for them, as <https://github.com/prometheus/otlptranslator> does it.

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
/// What begins and ends a name that is Prometheus's own.
const RESERVED: &str = "__";

/// What a name ends with for what it counts like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypeSuffix {
    /// `_total`: a sum that never falls.
    Total,
    /// `_ratio`: a gauge with the unit `1`.
    Ratio,
    /// Nothing.
    None,
}

impl TypeSuffix {
    /// That of a metric with this unit.
    pub fn of(unit: &str, is_gauge: bool, is_monotonic_sum: bool) -> Self {
        match () {
            () if is_monotonic_sum => Self::Total,
            () if is_gauge && unit == NONE => Self::Ratio,
            () => Self::None,
        }
    }

    /// As it is written.
    pub fn text(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::Ratio => "ratio",
            Self::None => "",
        }
    }
}

/// What a name ends with.
struct Suffixes {
    unit: String,
    per: String,
}

/// A metric's name of letters, digits, `_` and `:`. `suffix` is what a name ends with beside its unit; without it, neither is added.
pub fn metric_name(name: &str, unit: &str, suffix: Option<TypeSuffix>) -> String {
    let found = if let Some(suffix) = suffix {
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
        if suffix != TypeSuffix::None {
            tokens.retain(|token| *token != suffix.text());
            tokens.push(suffix.text());
        }
        tokens.join("_")
    } else {
        let parts = name.split(|c| !is_letter(c) && c != '_').filter(|part| !part.is_empty());
        parts.collect::<Vec<_>>().join("_")
    };
    if found.starts_with(|first: char| first.is_ascii_digit()) { format!("_{found}") } else { found }
}

/// A metric's name of any UTF-8. `suffix` is what a name ends with beside its unit; without it, neither is added.
pub fn utf8_metric_name(name: &str, unit: &str, suffix: Option<TypeSuffix>) -> String {
    let mut found = name.to_owned();
    let Some(suffix) = suffix else { return found };
    let Suffixes { unit: main, per } = suffixes(unit);
    let kind = suffix.text();
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

/// Labels as an exposition has them, braces and all; nothing where there are none.
pub fn label_text<'a>(labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let pair = |(name, value): (&str, &str)| format!("{name}=\"{}\"", help_text(value).replace('"', "\\\""));
    let pairs: Vec<String> = labels.into_iter().map(pair).collect();
    if pairs.is_empty() { String::new() } else { format!("{{{}}}", pairs.join(",")) }
}

/// A help text as an exposition has it.
pub fn help_text(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n")
}

/// A value as an exposition has it.
pub fn float_text(value: f64) -> String {
    match value {
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        value => value.to_string(),
    }
}

/// A unit as words: `By/s` is `bytes_per_second`.
pub fn unit_words(unit: &str) -> String {
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

/// A label's name of letters, digits and `_`.
pub fn label_name(key: &str) -> String {
    let reserved = key.strip_prefix(RESERVED).and_then(|rest| rest.strip_suffix(RESERVED));
    let mut name = String::with_capacity(key.len() + RESERVED.len());
    let mut after_underscore = false;
    for character in reserved.unwrap_or(key).chars() {
        if character.is_ascii_alphanumeric() {
            name.push(character);
        } else if !after_underscore {
            name.push('_');
        }
        after_underscore = !character.is_ascii_alphanumeric();
    }
    if reserved.is_some() {
        return format!("{RESERVED}{name}{RESERVED}");
    }
    if name.starts_with(|first: char| first.is_ascii_digit()) { format!("key_{name}") } else { name }
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

#[cfg(test)]
mod tests {
    use super::{TypeSuffix, label_name, metric_name, unit_words, utf8_metric_name};

    #[test]
    fn names_of_metrics() {
        use TypeSuffix::{None, Ratio, Total};
        let cases = [
            ("http.server.request.duration", "s", None, "http_server_request_duration_seconds"),
            ("process.cpu.time", "s", Total, "process_cpu_time_seconds_total"),
            ("system.network.io", "By", Total, "system_network_io_bytes_total"),
            ("requests.total", "{request}", Total, "requests_total"),
            ("system.cpu.utilization", "1", Ratio, "system_cpu_utilization_ratio"),
            ("disk.io", "By/s", None, "disk_io_bytes_per_second"),
            ("cpu.share", "%", None, "cpu_share_percent"),
            ("2xx", "", None, "_2xx"),
            ("memory.bytes", "By", None, "memory_bytes"),
        ];
        for (name, unit, suffix, expected) in cases {
            assert_eq!(metric_name(name, unit, Some(suffix)), expected, "{name} {unit}");
        }
        assert_eq!(metric_name("a.b", "s", Option::None), "a_b");
        assert_eq!(utf8_metric_name("a.b", "s", Some(Total)), "a.b_seconds_total");
        assert_eq!(TypeSuffix::of("1", true, false), Ratio);
        assert_eq!(TypeSuffix::of("1", false, true), Total);
        assert_eq!(TypeSuffix::of("s", true, false), None);
        assert_eq!(unit_words("By/s"), "bytes_per_second");
    }

    #[test]
    fn names_of_labels() {
        let cases =
            [("http.route", "http_route"), ("a..b", "a_b"), ("1st", "key_1st"), ("__a.b__", "__a_b__"), ("x", "x")];
        for (key, expected) in cases {
            assert_eq!(label_name(key), expected, "{key}");
        }
    }
}
