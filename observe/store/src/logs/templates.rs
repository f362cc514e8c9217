//! Log records by the templates of their messages.
//!
//! Records have the number of their template in a column, so counting reads no message. What was written before there was that column is told by its
//! messages, as far as the caller wants to read them. The text of a template is that of one of its records.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::ControlFlow;

use vitrine_observe_model::{LogField, LogFilter, LogQuery, LogTest};
use vitrine_observe_text::template_id;

use super::{LogChunk, LogValue};
use crate::engine::{QueryError, Tenant};
use crate::questions::Logs;

/// A record, where it was read.
pub struct TemplateRow<'a> {
    /// The number of its message's template.
    pub template: i64,
    /// Neighbours, with the fields that were asked for.
    pub chunk: &'a LogChunk<'a>,
    /// Its row there.
    pub row: usize,
    /// Whether its message was read to tell.
    pub is_read: bool,
}

fn has_template() -> LogFilter {
    LogFilter::Field(LogField::Template, LogTest::Exists)
}

/// Hands all that a query asks for to `visit`, until that breaks off: first what has the number of its template, then what does not. Of `fields`, which
/// are read too, [`LogChunk::value`] knows each by its place.
pub fn visit_templates(
    logs: &dyn Logs,
    tenant: &Tenant,
    query: &LogQuery,
    fields: &[LogField],
    visit: &mut dyn FnMut(TemplateRow<'_>) -> ControlFlow<()>,
) -> Result<(), QueryError> {
    let (mut buffer, mut flow) = (String::new(), ControlFlow::Continue(()));
    for (is_read, field) in [(false, LogField::Template), (true, LogField::Body)] {
        let condition = if is_read { LogFilter::Not(Box::new(has_template())) } else { has_template() };
        let query = LogQuery { filter: LogFilter::All(vec![query.filter.clone(), condition]), ..query.clone() };
        let fields: Vec<LogField> = fields.iter().cloned().chain([field]).collect();
        let place = fields.len() - 1;
        logs.visit_logs(tenant, &query, &fields, &mut |chunk| {
            flow = (0..chunk.rows()).try_for_each(|row| {
                let number = if is_read { None } else { number(chunk, place, row) };
                let template = number.unwrap_or_else(|| template_id(&text(chunk, place, row), &mut buffer));
                visit(TemplateRow { template, chunk, row, is_read })
            });
            flow
        })?;
        if flow.is_break() {
            break;
        }
    }
    Ok(())
}

/// Returns a message of each of these templates, by its number: `wanted` has the numbers, each with the time of a record of it.
pub fn template_messages(
    logs: &dyn Logs,
    tenant: &Tenant,
    query: &LogQuery,
    wanted: impl Iterator<Item = (i64, u64)>,
) -> Result<HashMap<i64, String>, QueryError> {
    let one = |(template, time_ns): (i64, u64)| {
        let number = LogFilter::equal(LogField::Template, template.to_string());
        let number = LogFilter::Any(vec![number, LogFilter::Not(Box::new(has_template()))]);
        LogFilter::All(vec![LogFilter::equal(LogField::Time, time_ns.to_string()), number])
    };
    let (mut wanted, mut messages, mut buffer) = (wanted.peekable(), HashMap::new(), String::new());
    let Some(first_ns) = wanted.peek().map(|(_, time_ns)| *time_ns) else { return Ok(messages) };
    let wanted: Vec<(i64, u64)> = wanted.collect();
    let times = wanted.iter().map(|(_, time_ns)| *time_ns);
    let (start_ns, end_ns) = (times.clone().min().unwrap_or(first_ns), times.max().unwrap_or(first_ns) + 1);
    let any = LogFilter::Any(wanted.into_iter().map(one).collect());
    let query = LogQuery { filter: LogFilter::All(vec![query.filter.clone(), any]), start_ns, end_ns, ..query.clone() };
    logs.visit_logs(tenant, &query, &[LogField::Template, LogField::Body], &mut |chunk| {
        for row in 0..chunk.rows() {
            let message = text(chunk, 1, row);
            let template = number(chunk, 0, row).unwrap_or_else(|| template_id(&message, &mut buffer));
            messages.entry(template).or_insert_with(|| message.into_owned());
        }
        ControlFlow::Continue(())
    })?;
    Ok(messages)
}

fn number(chunk: &LogChunk<'_>, field: usize, row: usize) -> Option<i64> {
    match chunk.value(field, row)? {
        LogValue::Int(number) => Some(number),
        _ => None,
    }
}

/// A message; empty if there is none.
fn text<'a>(chunk: &'a LogChunk<'_>, field: usize, row: usize) -> Cow<'a, str> {
    match chunk.value(field, row) {
        Some(LogValue::Text(text)) => text.into(),
        value => value.map(|value| value.text()).unwrap_or_default().into(),
    }
}
