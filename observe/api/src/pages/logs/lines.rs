//! Records as lines that open.

use std::collections::BTreeMap;

use vitrine_kit::html::escape;
use vitrine_observe_search::people::{Level, field_name, term_text};
use vitrine_observe_store::model::{Attribute, FoundLog, LogField, LogRow};

use super::Shown;
use crate::logs::{Mark, cursor_text, marks};
use crate::pages::html::{colour, time};

/// Bytes of a message that its line shows; all of it is below.
const SHOWN_BYTES: usize = 600;

/// A list of records; `at` is the place of the one that is looked at.
pub(super) fn list(shown: &Shown<'_>, found: &[FoundLog], at: Option<usize>) -> String {
    let lines: String = found.iter().enumerate().map(|(place, found)| line(shown, found, at == Some(place))).collect();
    format!("<div class=\"panel lines\" id=lines>{lines}</div>")
}

fn line(shown: &Shown<'_>, found: &FoundLog, is_looked_at: bool) -> String {
    let row = &found.row;
    let marks = marks(shown.query.log_filter(), row);
    let level = Level::of(row.severity, &row.severity_text);
    let name = if row.severity_text.is_empty() { level.map_or("", Level::name) } else { &row.severity_text };
    let message = row.body.text();
    let short = &message[..message.floor_char_boundary(SHOWN_BYTES)];
    let trace = row
        .trace_id
        .map_or_else(String::new, |id| format!("<a class=to href=\"/trace/{id}\" title=\"The trace {id}\">trace</a>"));
    format!(
        "<div class=row><details class=\"line {}{}\"><summary><span class=mono>{}</span><span class=lv>{}</span>\
         <span class=sv title=\"{service}\"><span class=dot style=\"background:{}\"></span>{service}</span>\
         <span class=\"msg mono\">{}</span></summary>{}</details>{trace}</div>",
        level.map_or("none", Level::name),
        if is_looked_at { " here" } else { "" },
        time(row.time_ns),
        escape(name),
        colour(&row.service),
        marked(short, marks.get("message")),
        detail(shown, found, &message, &marks),
        service = escape(&row.service),
    )
}

fn detail(shown: &Shown<'_>, found: &FoundLog, message: &str, marks: &BTreeMap<String, Mark>) -> String {
    let row = &found.row;
    let mut out = String::from("<div class=detail><p>");
    if let Some(id) = row.trace_id {
        out.push_str(&format!("<a href=\"/trace/{id}\">The whole trace</a> · "));
    }
    let around = shown.address(&format!("&around={}", cursor_text(found.cursor)));
    out.push_str(&format!("<a href=\"{around}\">Before and after</a></p>"));
    out.push_str(&format!("<pre>{}</pre><table>", marked(message, marks.get("message"))));
    for (field, value) in fields(row) {
        let name = field_name(&field);
        let term = term_text(&field, &value);
        out.push_str(&format!(
            "<tr><td class=mono>{}<td class=mono>{}<td class=nw><a href=\"{}\" title=\"Only these\" aria-label=\"Only {term_text}\">+</a> \
             <a href=\"{}\" title=\"Without these\" aria-label=\"Without {term_text}\">−</a></tr>",
            escape(&name),
            marked(&value, marks.get(&name)),
            shown.narrowed(&term),
            shown.narrowed(&format!("-{term}")),
            term_text = escape(&term),
        ));
    }
    out.push_str("</table></div>");
    out
}

/// What a record has beside its message, each as it is asked for.
fn fields(row: &LogRow) -> Vec<(LogField, String)> {
    let known = [
        LogField::Service,
        LogField::Severity,
        LogField::SeverityText,
        LogField::EventName,
        LogField::TraceId,
        LogField::SpanId,
        LogField::ScopeName,
        LogField::ScopeVersion,
    ];
    let known = known.into_iter().filter_map(|field| {
        let value = row.value(&field)?.text();
        Some((field, value))
    });
    let of = |attributes: &[Attribute], make: fn(String) -> LogField| {
        let each = attributes.iter().map(|attribute| (make(attribute.key.clone()), attribute.value.text()));
        each.collect::<Vec<_>>()
    };
    let attributes = of(&row.attributes, LogField::Attribute);
    let resource = of(&row.resource, LogField::Resource);
    let scope = of(&row.scope.attributes, LogField::Scope);
    known.chain(attributes).chain(resource).chain(scope).collect()
}

/// A text with what matches marked.
fn marked(text: &str, mark: Option<&Mark>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for range in mark.into_iter().flat_map(|mark| &mark.ranges).filter(|range| range.end <= text.len()) {
        out.push_str(&escape(&text[from..range.start]));
        out.push_str(&format!("<mark>{}</mark>", escape(&text[range.clone()])));
        from = range.end;
    }
    out.push_str(&escape(&text[from..]));
    out
}

#[cfg(test)]
mod tests {
    use super::marked;
    use crate::logs::Mark;

    #[test]
    fn what_matches_is_marked_and_everything_escaped() {
        let mark = Mark { text: String::new(), ranges: vec![0..3, 4..5, 90..99] };
        assert_eq!(marked("<b> & c", Some(&mark)), "<mark>&lt;b&gt;</mark> <mark>&amp;</mark> c");
        assert_eq!(marked("<b>", None), "&lt;b&gt;");
    }
}
