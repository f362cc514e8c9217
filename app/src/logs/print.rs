//! A record as a line for people.

use std::fmt::Write;

use serde_json::Value;

/// Characters of a time, to the millisecond: whoever needs more asks for JSON.
const TIME_CHARS: usize = 23;
/// Characters of a trace's id that stand for it where the rest is behind a link.
const SHORT_ID: usize = 8;
/// What a line of a message but the first begins with.
const INDENT: &str = "    ";

/// How records are printed.
pub(super) struct Printer {
    /// Whether there are colours and links.
    pub has_colours: bool,
    /// The observatory, for links.
    pub url: String,
}

impl Printer {
    /// Returns a record as a line, or several if its message has several.
    pub(super) fn text(&self, record: &Value) -> String {
        let text = |name: &str| record[name].as_str().unwrap_or_default();
        let time = text("time").replacen('T', " ", 1).replace('Z', "");
        let shown: String = time.chars().take(TIME_CHARS).filter(|character| !character.is_control()).collect();
        let mut out = self.painted("2", &format!("{shown:<TIME_CHARS$}"));
        let level = match text("severity_text") {
            "" => text("level"),
            own => own,
        };
        out.push(' ');
        out.push_str(&self.painted(colour(text("level")), &format!("{:<5}", plain(level))));
        out.push(' ');
        out.push_str(&self.painted("36", &plain(text("service"))));
        out.push_str("  ");
        out.push_str(&self.message(record));
        for (key, value) in record["attributes"].as_object().into_iter().flatten() {
            let value = match value {
                Value::String(text) if is_simple(text) => text.clone(),
                other => other.to_string(),
            };
            out.push_str("  ");
            out.push_str(&self.painted("2", &format!("{}={}", plain(key), plain(&value))));
        }
        if let Some(id) = record["trace"].as_str().filter(|id| id.is_ascii()) {
            out.push_str("  ");
            out.push_str(&self.trace(id));
        }
        out.push('\n');
        out
    }

    fn painted(&self, colour: &str, text: &str) -> String {
        if self.has_colours && !text.is_empty() { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// The message, with what matches marked.
    fn message(&self, record: &Value) -> String {
        let message = match &record["message"] {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        let mut out = String::new();
        let mut marks = record["highlight"]["message"].as_array().into_iter().flatten().filter_map(|range| {
            let place = |end: usize| usize::try_from(range[end].as_u64()?).ok();
            Some(place(0)?..place(1)?)
        });
        let mut mark = marks.next().filter(|_| self.has_colours);
        for (place, character) in message.chars().enumerate() {
            if mark.as_ref().is_some_and(|mark| mark.start == place) {
                out.push_str("\x1b[1;33m");
            }
            match character {
                '\n' => {
                    out.push('\n');
                    out.push_str(INDENT);
                }
                character => add_plain(&mut out, character),
            }
            if mark.as_ref().is_some_and(|mark| mark.end == place + 1) {
                out.push_str("\x1b[0m");
                mark = marks.next();
            }
        }
        out
    }

    /// A trace's id, which leads to its page where the terminal knows links (OSC 8).
    fn trace(&self, id: &str) -> String {
        let id = plain(id);
        if !self.has_colours {
            return format!("trace={id}");
        }
        let short = &id[..id.len().min(SHORT_ID)];
        format!("\x1b]8;;{}/trace/{id}\x1b\\\x1b[4mtrace {short}\x1b[0m\x1b]8;;\x1b\\", self.url)
    }
}

/// The colour of a level.
fn colour(level: &str) -> &'static str {
    match level {
        "trace" | "debug" => "90",
        "info" => "32",
        "warn" => "33",
        "error" => "31",
        "fatal" => "1;35",
        _ => "0",
    }
}

fn is_simple(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '"' | '='))
}

/// A text that a terminal takes as a text, whoever wrote it.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    text.chars().for_each(|character| add_plain(&mut out, character));
    out
}

fn add_plain(out: &mut String, character: char) {
    match character {
        '\t' => out.push('\t'),
        character if character.is_control() => {
            // Writing into a text cannot fail.
            let _ = write!(out, "{}", character.escape_default());
        }
        character => out.push(character),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Printer;

    #[test]
    fn a_record_is_a_line() {
        let record = json!({
            "time": "2026-11-28T21:05:00.123456Z", "level": "error", "severity_text": "ERROR", "service": "checkout",
            "message": "card \u{1b}[2Jdeclined\nfor good", "attributes": {"n": 3, "why": "no \"money\"", "ok": "yes"},
            "trace": "4bf92f3577b34da6a3ce929d0e0e4736", "highlight": {"message": [[9, 17]]},
        });
        let plain = Printer { has_colours: false, url: "http://127.0.0.1:9000".to_owned() };
        assert_eq!(
            plain.text(&record),
            "2026-11-28 21:05:00.123 ERROR checkout  card \\u{1b}[2Jdeclined\n    for good  n=3  ok=yes  \
             why=\"no \\\"money\\\"\"  trace=4bf92f3577b34da6a3ce929d0e0e4736\n"
        );
        let coloured = Printer { has_colours: true, ..plain }.text(&record);
        assert!(
            coloured.contains("\x1b[31mERROR\x1b[0m") && coloured.contains("\x1b[1;33mdeclined\x1b[0m"),
            "{coloured}"
        );
        let link = "\x1b]8;;http://127.0.0.1:9000/trace/4bf92f3577b34da6a3ce929d0e0e4736\x1b\\";
        assert!(coloured.contains(link) && !coloured.contains("\x1b[2J"), "{coloured}");
    }

    #[test]
    fn a_record_of_little_is_a_line_too() {
        let printer = Printer { has_colours: false, url: String::new() };
        assert_eq!(printer.text(&json!({"message": {"a": 1}})).trim(), "{\"a\":1}");
        assert!(printer.text(&json!({"time": "ä", "message": null})).ends_with('\n'));
    }
}
