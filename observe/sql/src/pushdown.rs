//! What of a statement's conditions the engine can use to read less.

use std::collections::BTreeSet;

use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use datafusion::scalar::ScalarValue;
use vitrine_observe_store::model::TraceId;
use vitrine_observe_store::{MapEntry, Scan, TextCondition, TextPart};
use vitrine_observe_text::folded_words;

/// The name of the column with the time of a row.
const TIME: &str = "time";
/// The name of the column with the trace of a row.
const TRACE: &str = "trace_id";
/// The name of the column with the service of a row.
const SERVICE: &str = "service";
/// The name of the column with the name of a span or a metric.
const NAME: &str = "name";
/// The function that looks a key up in a map.
const ATTR: &str = "attr";
/// The function that looks for words in a text.
pub(crate) const HAS_WORDS: &str = "has_words";

/// Rows that may be wanted, by conditions that all hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ScanFilter {
    first_ns: Option<i64>,
    last_ns: Option<i64>,
    trace: Option<TraceId>,
    services: Option<BTreeSet<String>>,
    names: Option<BTreeSet<String>>,
    entries: Vec<MapEntry>,
    texts: Vec<TextCondition>,
    nothing: bool,
}

impl ScanFilter {
    /// Adds a condition; returns whether it helps.
    pub(crate) fn add(&mut self, condition: &Expr) -> bool {
        match condition {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => self.add(left) | self.add(right),
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                if let (Some(column), Some(value)) = (column(left), literal(right)) {
                    self.compare(column, *op, value)
                        || self.add_texts(condition)
                        || self.add_pattern(column, *op, value)
                } else if let (Some(value), Some(column)) = (literal(left), column(right)) {
                    op.swap().is_some_and(|op| self.compare(column, op, value))
                } else {
                    self.add_texts(condition) || (*op == Operator::Eq && self.add_entry(left, right))
                }
            }
            Expr::Between(between) if !between.negated => {
                let Some(column) = column(&between.expr) else { return false };
                let low = literal(&between.low).is_some_and(|low| self.compare(column, Operator::GtEq, low));
                let high = literal(&between.high).is_some_and(|high| self.compare(column, Operator::LtEq, high));
                low | high
            }
            Expr::Like(like)
                if !like.negated && !like.case_insensitive && matches!(like.escape_char, None | Some('\\')) =>
            {
                let (column, pattern) = (column(&like.expr), literal(&like.pattern).and_then(text));
                let parts = pattern.map(|pattern| like_parts(&pattern)).unwrap_or_default();
                self.add_parts(column, parts.into_iter().map(TextPart::Characters).collect())
            }
            Expr::ScalarFunction(call) if call.name() == HAS_WORDS => {
                let [of, wanted] = call.args.as_slice() else { return false };
                let wanted = literal(wanted).and_then(text).unwrap_or_default();
                let wanted = folded_words(&wanted).map(|word| TextPart::Word(word.into_owned()));
                self.add_parts(column(of), wanted.collect())
            }
            _ => self.add_texts(condition),
        }
    }

    /// The scan that reads them, without columns; none if there cannot be any.
    pub(crate) fn scan(self) -> Option<Scan> {
        let time_ns = match (self.first_ns, self.last_ns) {
            (None, None) => None,
            // No row is older than 1970, so before that there is nothing.
            (_, Some(last)) if last < 0 => return None,
            (first, last) => Some((
                u64::try_from(first.unwrap_or(0)).unwrap_or(0),
                u64::try_from(last.unwrap_or(i64::MAX)).unwrap_or(u64::MAX),
            )),
        };
        let never = time_ns.is_some_and(|(first, last)| first > last)
            || [&self.services, &self.names].into_iter().flatten().any(BTreeSet::is_empty)
            || self.nothing;
        (!never).then(|| Scan {
            columns: None,
            time_ns,
            trace: self.trace,
            services: self.services.map(|services| services.into_iter().collect()),
            names: self.names.map(|names| names.into_iter().collect()),
            entries: self.entries,
            texts: self.texts,
        })
    }

    fn compare(&mut self, column: &str, op: Operator, value: &ScalarValue) -> bool {
        match (column, op) {
            (TIME, op) => nanoseconds(value).is_some_and(|time| self.add_time(op, time)),
            (TRACE, Operator::Eq) => bytes(value).is_some_and(|id| {
                match TraceId::from_bytes(id) {
                    Some(id) if self.trace.is_none_or(|known| known == id) => self.trace = Some(id),
                    // No row has an id of another length or of zeros, or two ids.
                    _ => self.nothing = true,
                }
                true
            }),
            _ => false,
        }
    }

    fn add_time(&mut self, op: Operator, time: i64) -> bool {
        let (first, last) = match op {
            Operator::Eq => (Some(time), Some(time)),
            Operator::GtEq => (Some(time), None),
            Operator::Gt => (Some(time.saturating_add(1)), None),
            Operator::LtEq => (None, Some(time)),
            Operator::Lt => (None, Some(time.saturating_sub(1))),
            _ => return false,
        };
        self.first_ns = self.first_ns.max(first);
        self.last_ns = [self.last_ns, last].into_iter().flatten().min();
        true
    }

    fn add_texts(&mut self, condition: &Expr) -> bool {
        for (name, known) in [(SERVICE, &mut self.services), (NAME, &mut self.names)] {
            let Some(found) = texts(condition, name) else { continue };
            *known = Some(match known.take() {
                Some(known) => known.intersection(&found).cloned().collect(),
                None => found,
            });
            return true;
        }
        false
    }

    fn add_pattern(&mut self, column: &str, op: Operator, value: &ScalarValue) -> bool {
        let pattern = match (op, text(value)) {
            (Operator::RegexMatch, Some(pattern)) => pattern,
            (Operator::RegexIMatch, Some(pattern)) => format!("(?i){pattern}"),
            _ => return false,
        };
        self.add_parts(Some(column), vec![TextPart::Pattern(pattern)])
    }

    /// Adds what a column's text must hold.
    fn add_parts(&mut self, column: Option<&str>, parts: Vec<TextPart>) -> bool {
        let Some(column) = column.filter(|_| !parts.is_empty()) else { return false };
        self.texts.extend(parts.into_iter().map(|holds| TextCondition { column: column.to_owned(), holds }));
        true
    }

    /// Adds that a key of a map has a value.
    fn add_entry(&mut self, left: &Expr, right: &Expr) -> bool {
        let (call, value) = match (left, right) {
            (Expr::ScalarFunction(call), value) | (value, Expr::ScalarFunction(call)) => (call, literal(value)),
            _ => return false,
        };
        let ([map, key], Some(value)) = (call.args.as_slice(), value.and_then(text)) else { return false };
        let (Some(map), Some(key)) = (column(map), literal(key).and_then(text)) else { return false };
        if call.name() == ATTR {
            self.entries.push(MapEntry { map: map.to_owned(), key, value });
        }
        call.name() == ATTR
    }
}

/// The characters that each text has which is `LIKE` a pattern: what stands between `%` and `_`, unless a backslash is before these.
fn like_parts(pattern: &str) -> Vec<String> {
    let (mut parts, mut characters) = (vec![String::new()], pattern.chars());
    while let Some(character) = characters.next() {
        match (character, parts.last_mut()) {
            ('%' | '_', _) | (_, None) => parts.push(String::new()),
            ('\\', Some(part)) => part.push(characters.next().unwrap_or('\\')),
            (character, Some(part)) => part.push(character),
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// The texts that an equality of this column, a list or alternatives of them name.
fn texts(condition: &Expr, name: &str) -> Option<BTreeSet<String>> {
    match condition {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            let mut both = texts(left, name)?;
            both.append(&mut texts(right, name)?);
            Some(both)
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
            let value = match (column(left), column(right)) {
                (Some(column), None) if column == name => literal(right)?,
                (None, Some(column)) if column == name => literal(left)?,
                _ => return None,
            };
            Some(BTreeSet::from([text(value)?]))
        }
        Expr::InList(list) if !list.negated && column(&list.expr) == Some(name) => {
            list.list.iter().map(|item| text(literal(item)?)).collect()
        }
        _ => None,
    }
}

/// The column that an expression is, seen through casts that lose nothing.
fn column(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Column(column) => Some(&column.name),
        Expr::Cast(cast) if lossless(cast.field.data_type()) => column(&cast.expr),
        Expr::Alias(alias) => column(&alias.expr),
        _ => None,
    }
}

/// Whether all values of our columns are told apart after a cast to this type.
fn lossless(kind: &arrow_schema::DataType) -> bool {
    use arrow_schema::{DataType, TimeUnit};
    match kind {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => true,
        DataType::Timestamp(TimeUnit::Nanosecond, zone) => zone.is_some(),
        DataType::Dictionary(_, value) => lossless(value),
        _ => false,
    }
}

fn literal(expression: &Expr) -> Option<&ScalarValue> {
    match expression {
        Expr::Literal(value, _) => Some(value),
        _ => None,
    }
}

fn nanoseconds(value: &ScalarValue) -> Option<i64> {
    match value {
        ScalarValue::TimestampNanosecond(time, Some(_)) => *time,
        _ => None,
    }
}

fn bytes(value: &ScalarValue) -> Option<&[u8]> {
    match value {
        ScalarValue::FixedSizeBinary(_, bytes)
        | ScalarValue::Binary(bytes)
        | ScalarValue::LargeBinary(bytes)
        | ScalarValue::BinaryView(bytes) => bytes.as_deref(),
        _ => None,
    }
}

fn text(value: &ScalarValue) -> Option<String> {
    match value {
        ScalarValue::Dictionary(_, value) => text(value),
        other => other.try_as_str().flatten().map(str::to_owned),
    }
}
