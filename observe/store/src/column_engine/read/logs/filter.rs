//! What is asked of log records, as a condition on columns. It means the same as [`LogFilter::meets`].

use vitrine_observe_columns::{Filter, Kind, TextTest};
use vitrine_observe_model::definitions::logs::{
    BODY, BODY_IS_JSON, LOGS, RESOURCE, SCOPE_ATTRIBUTES, SPAN_ID, TRACE_ID,
};
use vitrine_observe_model::{
    LogField, LogFilter, LogTest, SpanId, TraceId, Value, attribute_column, json_attributes, json_value,
};
use vitrine_observe_text::TextMatch;

use crate::column_engine::read::filter::{RARE, element, object, rare_value, text, text_where};

/// The greatest severity number that counts.
const MAX_SEVERITY: i64 = u8::MAX as i64;
/// Characters of which numbers consist, with `NaN` and `+Inf`, in whatever case.
const OF_NUMBERS: &str = "0123456789+-.eEinfaINFA";

/// Rows that meet a filter, in a table with these columns of attributes.
pub(super) fn lower(filter: &LogFilter, attributes: &[(&str, Kind)]) -> Filter {
    let all = |filters: &[LogFilter]| filters.iter().map(|filter| lower(filter, attributes)).collect();
    match filter {
        LogFilter::All(filters) => Filter::All(all(filters)),
        LogFilter::Any(filters) => Filter::Any(all(filters)),
        LogFilter::Not(filter) => Filter::Not(Box::new(lower(filter, attributes))),
        LogFilter::Field(field, test) => of_field(field, test, attributes),
    }
}

fn of_field(field: &LogField, test: &LogTest, attributes: &[(&str, Kind)]) -> Filter {
    match field {
        LogField::Time | LogField::ObservedTime => of_time(column(field), test),
        LogField::Severity => severity(column(field), test),
        LogField::Template => of_column(column(field), Kind::Int, test),
        LogField::Body => body(test),
        LogField::TraceId => id(name(TRACE_ID), test, |text| {
            TraceId::parse(text).ok().filter(|id| id.to_string() == text).map(|id| u128::from_be_bytes(id.0))
        }),
        LogField::SpanId => id(name(SPAN_ID), test, |text| {
            SpanId::parse(text).ok().filter(|id| id.to_string() == text).map(|id| u64::from_be_bytes(id.0).into())
        }),
        LogField::Attribute(key) => attribute(key, test),
        LogField::Resource(key) => in_object(RESOURCE, key, test),
        LogField::Scope(key) => in_object(SCOPE_ATTRIBUTES, key, test),
        LogField::Named(key) => named(key, test),
        LogField::Any => any(test, attributes),
        LogField::SeverityText
        | LogField::Service
        | LogField::EventName
        | LogField::ScopeName
        | LogField::ScopeVersion => of_column(column(field), Kind::Text, test),
    }
}

/// The name of a column.
fn name(place: usize) -> &'static str {
    LOGS.columns[place].name
}

fn column(field: &LogField) -> &'static str {
    field.column().unwrap_or_default()
}

fn nothing() -> Filter {
    Filter::Any(Vec::new())
}

fn exists(column: &str) -> Filter {
    Filter::Exists { column: column.to_owned() }
}

/// A column that holds a field's values and nothing else.
fn of_column(column: &str, kind: Kind, test: &LogTest) -> Filter {
    let name = column.to_owned();
    match (test, kind) {
        (LogTest::Exists, _) => exists(column),
        (LogTest::Text(test), Kind::Text) => Filter::Text { column: name, test: test.clone() },
        (LogTest::Text(TextTest::Equal(text)), Kind::Int | Kind::Time) => equal_int(column, text),
        (LogTest::Text(TextTest::OneOf(texts)), Kind::Int | Kind::Time) => {
            Filter::Any(texts.iter().map(|text| equal_int(column, text)).collect())
        }
        (LogTest::Text(test), Kind::Int | Kind::Time | Kind::Double) if !may_be_of_number(test) => nothing(),
        (LogTest::Text(test), _) => Filter::AsText { column: name, test: test.clone() },
        (LogTest::Number(..), Kind::Int | Kind::Time) => match ints(test) {
            Some((min, max)) => Filter::Int { column: name, min, max },
            None => nothing(),
        },
        (LogTest::Number(..), Kind::Double) => {
            let (min, max) = test.numbers();
            Filter::Double { column: name, min, max }
        }
        (LogTest::Bool(value), Kind::Bool) => Filter::Bool { column: name, value: *value },
        (LogTest::Number(..) | LogTest::Bool(_), _) => nothing(),
    }
}

fn equal_int(column: &str, text: &str) -> Filter {
    match text.parse::<i64>().ok().filter(|number| number.to_string() == text) {
        Some(number) => Filter::Int { column: column.to_owned(), min: number, max: number },
        None => nothing(),
    }
}

/// Whether the text of a number may meet this. Else numbers need not even be read.
fn may_be_of_number(test: &TextTest) -> bool {
    let may = |part: &str| part.chars().all(|character| OF_NUMBERS.contains(character));
    match test {
        TextTest::Equal(text) => may(text),
        TextTest::OneOf(texts) => texts.iter().any(|text| may(text)),
        TextTest::Match(wanted) => match &**wanted {
            TextMatch::Contains(part) | TextMatch::ContainsFolded(part) => may(part),
            TextMatch::Word(word) | TextMatch::WordPrefix(word) => may(word),
            TextMatch::Phrase { words, .. } => words.iter().all(|word| may(word)),
            TextMatch::WordRegex(_) | TextMatch::Fuzzy { .. } | TextMatch::Regex(_) => true,
        },
        TextTest::Where(_) => true,
    }
}

/// The least and the greatest whole number that are within bounds once they are numbers like these.
fn ints(test: &LogTest) -> Option<(i64, i64)> {
    let (low, high) = test.numbers();
    let first = first_int(|number| number as f64 >= low)?;
    let last = match first_int(|number| number as f64 > high) {
        Some(past) => past.checked_sub(1)?,
        None => i64::MAX,
    };
    (low <= high && first <= last).then_some((first, last))
}

/// The least whole number of which this is so, as of all greater ones.
fn first_int(is_past: impl Fn(i64) -> bool) -> Option<i64> {
    if !is_past(i64::MAX) {
        return None;
    }
    let (mut low, mut high) = (i64::MIN, i64::MAX);
    while low < high {
        // Rounded down: `midpoint` rounds towards zero, and of -1 and 0 it would be 0 for ever.
        let middle = (low & high) + ((low ^ high) >> 1);
        if is_past(middle) { high = middle } else { low = middle + 1 }
    }
    Some(low)
}

/// Times: 0 stands for none.
fn of_time(column: &str, test: &LogTest) -> Filter {
    let given = Filter::Int { column: column.to_owned(), min: 1, max: i64::MAX };
    match test {
        LogTest::Exists => given,
        _ => Filter::All(vec![given, of_column(column, Kind::Time, test)]),
    }
}

/// Severities: there are few, so each is asked.
fn severity(column: &str, test: &LogTest) -> Filter {
    let mut runs: Vec<(i64, i64)> = Vec::new();
    for number in (1..=MAX_SEVERITY).filter(|number| test.meets(&Value::Int(*number))) {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => runs.push((number, number)),
        }
    }
    let run = |(min, max)| Filter::Int { column: column.to_owned(), min, max };
    Filter::Any(runs.into_iter().map(run).collect())
}

/// Ids, which are texts of hexadecimal digits.
fn id(column: &str, test: &LogTest, parse: impl Fn(&str) -> Option<u128>) -> Filter {
    let one = |text: &String| parse(text).map(|value| Filter::Id { column: column.to_owned(), value });
    match test {
        LogTest::Exists => exists(column),
        LogTest::Text(TextTest::Equal(text)) => one(text).unwrap_or_else(nothing),
        LogTest::Text(TextTest::OneOf(texts)) => Filter::Any(texts.iter().filter_map(one).collect()),
        LogTest::Text(test) => Filter::AsText { column: column.to_owned(), test: test.clone() },
        LogTest::Number(..) | LogTest::Bool(_) => nothing(),
    }
}

/// The message, which is a text, or typed JSON.
fn body(test: &LogTest) -> Filter {
    let is_json = || Filter::Bool { column: name(BODY_IS_JSON).to_owned(), value: true };
    let (this, column) = (test.clone(), name(BODY));
    let of_json = || Filter::All(vec![is_json(), text_where(column, move |json| this.meets(&json_value(json)))]);
    match test {
        LogTest::Exists => exists(column),
        LogTest::Text(test) => {
            let plain = Filter::Text { column: column.to_owned(), test: test.clone() };
            Filter::Any(vec![Filter::All(vec![Filter::Not(Box::new(is_json())), plain]), of_json()])
        }
        LogTest::Number(..) | LogTest::Bool(_) => of_json(),
    }
}

/// A value of an attribute in typed JSON.
fn rare(test: &LogTest) -> Filter {
    match test {
        LogTest::Text(TextTest::Equal(value)) => rare_value(value),
        LogTest::Text(TextTest::OneOf(values)) => Filter::Any(values.iter().map(|value| rare_value(value)).collect()),
        test => {
            let test = test.clone();
            text_where("value", move |json| test.meets(&json_value(json)))
        }
    }
}

/// An attribute of the record: in its columns, or among the rare ones.
fn attribute(key: &str, test: &LogTest) -> Filter {
    let kinds = [Kind::Text, Kind::Int, Kind::Double, Kind::Bool];
    let columns = kinds.into_iter().filter_map(|kind| Some(of_column(&attribute_column(key, kind)?, kind, test)));
    let is_key = text("key", key);
    let among_rare = match test {
        LogTest::Exists => is_key,
        test => Filter::All(vec![is_key, rare(test)]),
    };
    Filter::Any(columns.chain([element(RARE, among_rare)]).collect())
}

fn in_object(place: usize, key: &str, test: &LogTest) -> Filter {
    let test = test.clone();
    object(name(place), key, move |value| test.meets(value))
}

/// An attribute, wherever it is: what the record says counts before what its resource says, and that before its scope.
fn named(key: &str, test: &LogTest) -> Filter {
    let without = |filter: Filter| Filter::Not(Box::new(filter));
    let (own, resource) = (|test: &LogTest| attribute(key, test), |test: &LogTest| in_object(RESOURCE, key, test));
    let of_scope = vec![in_object(SCOPE_ATTRIBUTES, key, test), without(resource(&LogTest::Exists))];
    let of_others = Filter::Any(vec![resource(test), Filter::All(of_scope)]);
    Filter::Any(vec![own(test), Filter::All(vec![of_others, without(own(&LogTest::Exists))])])
}

/// Any text of the record.
fn any(test: &LogTest, attributes: &[(&str, Kind)]) -> Filter {
    let texts = [LogField::SeverityText, LogField::EventName, LogField::Service];
    let texts = texts.iter().map(|field| of_column(column(field), Kind::Text, test));
    let columns = attributes.iter().map(|(column, kind)| of_column(column, *kind, test));
    let this = test.clone();
    let resource = text_where(name(RESOURCE), move |json| {
        json_attributes(json).iter().any(|attribute| this.meets(&attribute.value))
    });
    let others = [body(test), element(RARE, rare(test)), resource];
    Filter::Any(texts.chain(columns).chain(others).collect())
}

#[cfg(test)]
mod tests {
    use std::ops::Bound::{Excluded, Included, Unbounded};

    use super::{LogTest, ints};

    #[test]
    fn whole_numbers_are_within_the_bounds_of_others() {
        let exact = 1 << 53;
        for (low, high, expected) in [
            (Included(1.5), Excluded(4.0), Some((2, 3))),
            (Excluded(2.0), Included(4.9), Some((3, 4))),
            (Unbounded, Unbounded, Some((i64::MIN, i64::MAX))),
            (Included(1e300), Unbounded, None),
            (Unbounded, Included(1e300), Some((i64::MIN, i64::MAX))),
            (Included(3.0), Excluded(3.0), None),
            (Included(f64::NAN), Unbounded, None),
            // The number after it becomes the same when it is one like these.
            (Included(exact as f64), Included(exact as f64), Some((exact, exact + 1))),
        ] {
            assert_eq!(ints(&LogTest::Number(low, high)), expected, "{low:?} {high:?}");
        }
    }
}
