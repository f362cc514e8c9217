//! Templates of `line_format` and `label_format`: Go's, with Loki's functions and those that Loki takes from sprig.
//!
//! The language is run by `observe/rules`, within its bounds.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use parking_lot::Mutex;
use regex::Regex;
use vitrine_kit::percent;
use vitrine_observe_rules::template::{Functions, GoTime, MapKind, Templates, Value};
use vitrine_observe_series::go_regex_unanchored;

use super::Line;
use crate::units;

/// The name of the one template.
const NAME: &str = "line";
/// Longest text that a function makes by repeating or filling up, in bytes.
const MAX_TEXT: usize = 1024 * 1024;
/// Most patterns that are kept compiled; with one more, all are let go of.
const MAX_PATTERNS: usize = 16;

/// What templates can call beside what Go has.
const NAMES: &[&str] = &[
    "__line__",
    "__timestamp__",
    "ToLower",
    "ToUpper",
    "Replace",
    "Trim",
    "TrimLeft",
    "TrimRight",
    "TrimPrefix",
    "TrimSuffix",
    "TrimSpace",
    "regexReplaceAll",
    "regexReplaceAllLiteral",
    "count",
    "urldecode",
    "urlencode",
    "bytes",
    "duration",
    "duration_seconds",
    "unixEpoch",
    "unixEpochMillis",
    "unixEpochNanos",
    "unixToTime",
    "alignLeft",
    "alignRight",
    "b64enc",
    "b64dec",
    "lower",
    "upper",
    "title",
    "trunc",
    "substr",
    "contains",
    "hasPrefix",
    "hasSuffix",
    "indent",
    "nindent",
    "replace",
    "repeat",
    "trim",
    "trimAll",
    "trimSuffix",
    "trimPrefix",
    "int",
    "float64",
    "add",
    "sub",
    "mul",
    "div",
    "mod",
    "addf",
    "subf",
    "mulf",
    "divf",
    "max",
    "min",
    "maxf",
    "minf",
    "ceil",
    "floor",
    "round",
    "fromJson",
    "date",
    "toDate",
    "now",
    "default",
];

/// A template that is run on lines.
#[derive(Debug, Default)]
pub(super) struct LineTemplate {
    templates: Templates,
    patterns: Patterns,
}

/// Patterns that functions were called with: mostly the same ones for each line.
#[derive(Debug, Default)]
struct Patterns(Mutex<HashMap<String, Regex>>);

/// What one line's functions know.
struct LineFunctions<'a> {
    line: &'a str,
    time_ns: u64,
    patterns: &'a Patterns,
}

impl Patterns {
    /// A pattern, compiled.
    fn get(&self, pattern: &str) -> Result<Regex, String> {
        let mut known = self.0.lock();
        if let Some(regex) = known.get(pattern) {
            return Ok(regex.clone());
        }
        let regex = go_regex_unanchored(pattern).map_err(|why| why.to_string())?;
        if known.len() == MAX_PATTERNS {
            known.clear();
        }
        known.insert(pattern.to_owned(), regex.clone());
        Ok(regex)
    }
}

impl LineTemplate {
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let mut made = Self::default();
        let functions = LineFunctions { line: "", time_ns: 0, patterns: &made.patterns };
        made.templates.add(NAME, text, &functions).map_err(|why| format!("invalid template: {why}"))?;
        Ok(made)
    }

    pub(super) fn run(&self, line: &Line<'_>) -> Result<String, String> {
        let sorted = line.labels.sorted();
        let labels = sorted.iter().map(|label| (label.name.as_str(), label.value.as_str()));
        let functions = LineFunctions { line: &line.text, time_ns: line.time_ns, patterns: &self.patterns };
        self.templates.run(NAME, &Value::texts(MapKind::Texts, labels), &functions).map_err(|why| why.message)
    }
}

/// A value as text, as Go prints it.
fn text(args: &[Value], at: usize) -> Result<String, String> {
    match args.get(at) {
        Some(Value::Nil) => Ok(String::new()),
        Some(value) => Ok(value.to_string()),
        None => Err(format!("wrong number of args: want at least {} got {}", at + 1, args.len())),
    }
}

/// A value as a number, as `spf13/cast` reads it: what is none is nought.
fn float(value: &Value) -> f64 {
    match value {
        Value::Int(number) => *number as f64,
        Value::Float(number) => *number,
        Value::Bool(flag) => f64::from(u8::from(*flag)),
        other => other.to_string().trim().parse().unwrap_or(0.0),
    }
}

fn whole(value: &Value) -> i64 {
    match value {
        Value::Int(number) => *number,
        other => float(other) as i64,
    }
}

fn size(args: &[Value], at: usize) -> Result<usize, String> {
    let value =
        args.get(at).ok_or_else(|| format!("wrong number of args: want at least {} got {}", at + 1, args.len()))?;
    Ok(usize::try_from(whole(value)).unwrap_or(0))
}

fn time(args: &[Value], at: usize) -> Result<GoTime, String> {
    match args.get(at) {
        Some(Value::Time(time)) => Ok(time.clone()),
        Some(other) => Err(format!("wrong type for value; expected time.Time; got {}", other.type_name())),
        None => Err(format!("wrong number of args: want at least {} got {}", at + 1, args.len())),
    }
}

impl Functions for LineFunctions<'_> {
    fn has(&self, name: &str) -> bool {
        NAMES.contains(&name)
    }

    fn call(&self, name: &str, args: &[Value]) -> Result<Value, String> {
        if let Some(value) = texts(name, args)? {
            return Ok(value);
        }
        if let Some(value) = numbers(name, args)? {
            return Ok(value);
        }
        if let Some(value) = self.found(name, args)? {
            return Ok(value);
        }
        match name {
            "__line__" => Ok(Value::text(self.line)),
            "__timestamp__" => Ok(Value::Time(GoTime { unix_nanos: i128::from(self.time_ns), ..GoTime::of_ms(0) })),
            "now" => Ok(Value::Time(GoTime { unix_nanos: i128::from(self.time_ns), ..GoTime::of_ms(0) })),
            "unixEpoch" => Ok(Value::text(&time(args, 0)?.unix_nanos.div_euclid(1_000_000_000).to_string())),
            "unixEpochMillis" => Ok(Value::text(&time(args, 0)?.unix_nanos.div_euclid(1_000_000).to_string())),
            "unixEpochNanos" => Ok(Value::text(&time(args, 0)?.unix_nanos.to_string())),
            "unixToTime" => unix_to_time(&text(args, 0)?),
            "date" => Ok(Value::text(&time(args, 1)?.format(&text(args, 0)?))),
            "toDate" => Ok(Value::Time(GoTime::parse(&text(args, 0)?, &text(args, 1)?).unwrap_or_else(GoTime::zero))),
            "fromJson" => {
                let value = serde_json::from_str(&text(args, 0)?).map_err(|why| why.to_string())?;
                Ok(of_json(&value))
            }
            "default" => {
                let given = args.get(1).filter(|given| given.is_true());
                Ok(given.or(args.first()).cloned().unwrap_or(Value::Nil))
            }
            other => Err(format!("function {other:?} not defined")),
        }
    }
}

impl LineFunctions<'_> {
    /// Functions of what a pattern finds; none for a name that is none of them.
    fn found(&self, name: &str, args: &[Value]) -> Result<Option<Value>, String> {
        if !matches!(name, "count" | "regexReplaceAll" | "regexReplaceAllLiteral") {
            return Ok(None);
        }
        let (regex, searched) = (self.patterns.get(&text(args, 0)?)?, text(args, 1)?);
        if name == "count" {
            let count = regex.find_iter(&searched).count();
            return Ok(Some(Value::Int(i64::try_from(count).unwrap_or(i64::MAX))));
        }
        let made = replaced(&regex, &searched, &text(args, 2)?, name.ends_with("Literal"))?;
        Ok(Some(Value::text(&made)))
    }
}

/// Seconds, milliseconds, microseconds or nanoseconds since 1970, by how many digits there are.
fn unix_to_time(digits: &str) -> Result<Value, String> {
    let number: i128 = digits.parse().map_err(|_| format!("unable to parse time '{digits}': invalid syntax"))?;
    let factor = match digits.len() {
        5 => 86_400 * 1_000_000_000,
        10 => 1_000_000_000,
        13 => 1_000_000,
        16 => 1_000,
        19 => 1,
        _ => return Err(format!("unable to parse time '{digits}': invalid syntax")),
    };
    Ok(Value::Time(GoTime { unix_nanos: number * factor, ..GoTime::of_ms(0) }))
}

fn of_json(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::Nil,
        serde_json::Value::Bool(flag) => Value::Bool(*flag),
        serde_json::Value::Number(number) => Value::Float(number.as_f64().unwrap_or_default()),
        serde_json::Value::String(text) => Value::text(text),
        serde_json::Value::Array(all) => Value::list(all.iter().map(of_json)),
        serde_json::Value::Object(all) => {
            let all: BTreeMap<Arc<str>, Value> =
                all.iter().map(|(key, value)| (key.as_str().into(), of_json(value))).collect();
            Value::Map(MapKind::Any, Arc::new(all))
        }
    }
}

/// Functions of texts; none for a name that is none of them.
fn texts(name: &str, args: &[Value]) -> Result<Option<Value>, String> {
    let one = |at| text(args, at);
    let made = match name {
        "ToLower" | "lower" => one(0)?.to_lowercase(),
        "ToUpper" | "upper" => one(0)?.to_uppercase(),
        "title" => title(&one(0)?),
        "Replace" => replace_some(&one(0)?, &one(1)?, &one(2)?, whole(args.get(3).unwrap_or(&Value::Int(-1))))?,
        "replace" => bounded(&one(2)?, &one(0)?, &one(1)?)?,
        "Trim" => trimmed(&one(0)?, &one(1)?, true, true),
        "trimAll" => trimmed(&one(1)?, &one(0)?, true, true),
        "TrimLeft" => trimmed(&one(0)?, &one(1)?, true, false),
        "TrimRight" => trimmed(&one(0)?, &one(1)?, false, true),
        "TrimPrefix" => one(0)?.strip_prefix(one(1)?.as_str()).map_or(one(0)?, str::to_owned),
        "trimPrefix" => one(1)?.strip_prefix(one(0)?.as_str()).map_or(one(1)?, str::to_owned),
        "TrimSuffix" => one(0)?.strip_suffix(one(1)?.as_str()).map_or(one(0)?, str::to_owned),
        "trimSuffix" => one(1)?.strip_suffix(one(0)?.as_str()).map_or(one(1)?, str::to_owned),
        "TrimSpace" | "trim" => one(0)?.trim().to_owned(),
        "urlencode" => percent::encode(&one(0)?).replace("%20", "+"),
        "urldecode" => percent::decode(&one(0)?.replace('+', " ")).ok_or("invalid URL escape")?,
        "b64enc" => STANDARD.encode(one(0)?),
        "b64dec" => {
            let bytes = STANDARD.decode(one(0)?).map_err(|why| why.to_string())?;
            String::from_utf8_lossy(&bytes).into_owned()
        }
        "trunc" => truncated(&one(1)?, args.first().map_or(0, whole)),
        "substr" => substr(&one(2)?, args.first().map_or(0, whole), args.get(1).map_or(0, whole)),
        "indent" => indented(&one(1)?, size(args, 0)?)?,
        "nindent" => format!("\n{}", indented(&one(1)?, size(args, 0)?)?),
        "repeat" => {
            let (times, part) = (size(args, 0)?, one(1)?);
            if part.len().saturating_mul(times) > MAX_TEXT {
                return Err(format!("repeat makes more than {MAX_TEXT} bytes"));
            }
            part.repeat(times)
        }
        "alignLeft" | "alignRight" => aligned(&one(1)?, size(args, 0)?, name == "alignLeft")?,
        "contains" => return Ok(Some(Value::Bool(one(1)?.contains(&one(0)?)))),
        "hasPrefix" => return Ok(Some(Value::Bool(one(1)?.starts_with(&one(0)?)))),
        "hasSuffix" => return Ok(Some(Value::Bool(one(1)?.ends_with(&one(0)?)))),
        _ => return Ok(None),
    };
    Ok(Some(Value::text(&made)))
}

/// Functions of numbers; none for a name that is none of them.
fn numbers(name: &str, args: &[Value]) -> Result<Option<Value>, String> {
    let floats = || args.iter().map(float);
    let wholes = || args.iter().map(whole);
    let first = || args.first().ok_or_else(|| format!("wrong number of args for {name}: want at least 1 got 0"));
    let none = || format!("wrong number of args for {name}: want at least 1 got 0");
    let made = match name {
        "int" => Value::Int(whole(first()?)),
        "float64" => Value::Float(float(first()?)),
        "add" => Value::Int(wholes().fold(0, i64::wrapping_add)),
        "sub" => Value::Int(wholes().reduce(i64::wrapping_sub).ok_or_else(none)?),
        "mul" => Value::Int(wholes().reduce(i64::wrapping_mul).ok_or_else(none)?),
        "div" | "mod" => {
            let divided =
                wholes().map(Some).reduce(|a, b| if name == "div" { a?.checked_div(b?) } else { a?.checked_rem(b?) });
            Value::Int(divided.ok_or_else(none)?.ok_or("integer divide by zero")?)
        }
        "addf" => Value::Float(floats().sum()),
        "subf" => Value::Float(floats().reduce(|a, b| a - b).ok_or_else(none)?),
        "mulf" => Value::Float(floats().product()),
        "divf" => Value::Float(floats().reduce(|a, b| a / b).ok_or_else(none)?),
        "max" => Value::Int(wholes().max().ok_or_else(none)?),
        "min" => Value::Int(wholes().min().ok_or_else(none)?),
        "maxf" => Value::Float(floats().reduce(f64::max).ok_or_else(none)?),
        "minf" => Value::Float(floats().reduce(f64::min).ok_or_else(none)?),
        "ceil" => Value::Float(float(first()?).ceil()),
        "floor" => Value::Float(float(first()?).floor()),
        "round" => {
            let digits = 10f64.powi(i32::try_from(args.get(1).map_or(0, whole)).unwrap_or(0));
            Value::Float((float(first()?) * digits).round() / digits)
        }
        "bytes" => Value::Float(units::bytes(&text(args, 0)?).ok_or("no amount of bytes")? as f64),
        "duration" | "duration_seconds" => {
            let text = text(args, 0)?;
            let ns = units::duration_ns(&text).ok_or_else(|| format!("time: invalid duration {text:?}"))?;
            Value::Float(ns as f64 / 1e9)
        }
        _ => return Ok(None),
    };
    Ok(Some(made))
}

fn title(text: &str) -> String {
    let mut begins = true;
    let titled = text.chars().map(|c| {
        let first = std::mem::replace(&mut begins, !c.is_alphanumeric());
        if first { c.to_uppercase().next().unwrap_or(c) } else { c }
    });
    titled.collect()
}

fn bounded(text: &str, old: &str, new: &str) -> Result<String, String> {
    let most = text.len().saturating_add(text.matches(old).count().saturating_mul(new.len()));
    if most > MAX_TEXT { Err(format!("replace makes more than {MAX_TEXT} bytes")) } else { Ok(text.replace(old, new)) }
}

fn replace_some(text: &str, old: &str, new: &str, times: i64) -> Result<String, String> {
    match usize::try_from(times) {
        Ok(times) => bounded(text, old, new).map(|_| text.replacen(old, new, times)),
        Err(_) => bounded(text, old, new),
    }
}

fn trimmed(text: &str, set: &str, left: bool, right: bool) -> String {
    let is_in = |c: char| set.contains(c);
    let text = if left { text.trim_start_matches(is_in) } else { text };
    (if right { text.trim_end_matches(is_in) } else { text }).to_owned()
}

/// Replaces what a pattern finds; `$1` stands for a group unless it is meant literally.
fn replaced(regex: &Regex, text: &str, by: &str, is_literal: bool) -> Result<String, String> {
    let made = if is_literal { regex.replace_all(text, regex::NoExpand(by)) } else { regex.replace_all(text, by) };
    if made.len() > MAX_TEXT {
        Err(format!("regexReplaceAll makes more than {MAX_TEXT} bytes"))
    } else {
        Ok(made.into_owned())
    }
}

fn truncated(text: &str, length: i64) -> String {
    let count = usize::try_from(length.unsigned_abs()).unwrap_or(usize::MAX);
    if length >= 0 {
        return text.chars().take(count).collect();
    }
    let all = text.chars().count();
    text.chars().skip(all.saturating_sub(count)).collect()
}

fn substr(text: &str, from: i64, to: i64) -> String {
    let from = usize::try_from(from).unwrap_or(0);
    let to = usize::try_from(to).unwrap_or(usize::MAX);
    text.chars().skip(from).take(to.saturating_sub(from)).collect()
}

fn indented(text: &str, by: usize) -> Result<String, String> {
    if text.len().saturating_add(by.saturating_mul(text.matches('\n').count() + 1)) > MAX_TEXT {
        return Err(format!("indent makes more than {MAX_TEXT} bytes"));
    }
    let blank = " ".repeat(by);
    Ok(format!("{blank}{}", text.replace('\n', &format!("\n{blank}"))))
}

fn aligned(text: &str, width: usize, left: bool) -> Result<String, String> {
    if width > MAX_TEXT {
        return Err(format!("align makes more than {MAX_TEXT} bytes"));
    }
    let length = text.chars().count();
    let cut: String = if left {
        text.chars().take(width).collect()
    } else {
        text.chars().skip(length.saturating_sub(width)).collect()
    };
    let mut made = String::new();
    let _ = if left { write!(made, "{cut:<width$}") } else { write!(made, "{cut:>width$}") };
    Ok(made)
}
