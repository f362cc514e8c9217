//! Messages that are the same but for their values.

use vitrine_kit::html::escape;
use vitrine_observe_search::people::{Level, term_text};
use vitrine_observe_store::model::LogField;

use super::Shown;
use crate::logs::{MASKED, Pattern, Patterns};
use crate::pages::html::{colour, count, time};

/// Patterns that are listed.
const MAX_ROWS: usize = 200;

/// A table of patterns, each of which leads to its records.
pub(super) fn table(shown: &Shown<'_>, found: &Patterns) -> String {
    if found.patterns.is_empty() {
        return "<section class=empty><h2>No records meet this in this time</h2></section>".to_owned();
    }
    let rows: String = found.patterns.iter().take(MAX_ROWS).map(|pattern| row(shown, pattern)).collect();
    let mut notes = String::new();
    if !found.is_complete {
        notes.push_str(&format!("Of {} records, which are not all. ", count(found.visited as u64)));
    }
    let hidden = found.patterns.iter().skip(MAX_ROWS).map(|pattern| pattern.records).sum::<u64>() + found.other;
    if hidden > 0 {
        notes.push_str(&format!("{} records have rarer patterns.", count(hidden)));
    }
    format!(
        "<div class=panel><table><thead><tr><th class=num>Records<th>Pattern<th>Level<th>Services<th>Newest (UTC)</tr></thead>\
         <tbody>{rows}</tbody></table></div><p class=soft>{notes}</p>"
    )
}

fn row(shown: &Shown<'_>, pattern: &Pattern) -> String {
    let level = pattern.levels.keys().next_back().copied().map_or("none", Level::name);
    let services: String = pattern
        .services
        .iter()
        .map(|service| format!("<span class=dot style=\"background:{}\"></span>{} ", colour(service), escape(service)))
        .collect();
    // The longest text between values is in all of them.
    let literal = pattern.text.split(MASKED).max_by_key(|part| part.len()).unwrap_or_default().trim();
    let has_words = literal.contains(char::is_alphanumeric);
    let text = escape(&pattern.text);
    let text = if has_words {
        format!("<a href=\"{}\">{text}</a>", shown.narrowed(&term_text(&LogField::Body, literal)))
    } else {
        text
    };
    format!(
        "<tr><td class=num>{}<td class=mono title=\"{}\">{text}<td class=\"line {level}\"><span class=lv>{level}</span><td>{services}<td class=\"mono nw\">{}</tr>",
        count(pattern.records),
        escape(&pattern.example),
        time(pattern.last_ns)
    )
}
