//! Functions of templates in rules: Prometheus's `template/template.go` and `common/helpers/templates`.

use std::cell::Cell;

use vitrine_kit::duration::prometheus;
use vitrine_observe_promql::{Sample, go_float, go_float_digits};

use super::builtins::{TMPL, arg_list, arg_text, escape_query, expect};
use super::run::MAX_VALUE;
use super::time::{GoDuration, GoTime};
use super::value::{ListKind, MapKind, Struct, Value, field};
use super::{Functions, compiled};

/// Most queries that one template makes.
const MAX_QUERIES: usize = 100;
/// Significant digits of what is meant for people.
const DIGITS: usize = 4;

/// Runs a query at a time in milliseconds since 1970.
pub type Query<'a> = &'a dyn Fn(&str, i64) -> Result<Vec<Sample>, String>;

/// What templates of rules can call.
pub struct RuleFunctions<'a> {
    now_ms: i64,
    external_url: &'a str,
    query: Query<'a>,
    queries: Cell<usize>,
}

const NAMES: &[&str] = &[
    "query",
    "first",
    "label",
    "value",
    "strvalue",
    "args",
    "reReplaceAll",
    "safeHtml",
    "match",
    "title",
    "toUpper",
    "toLower",
    "graphLink",
    "tableLink",
    "sortByLabel",
    "stripPort",
    "stripDomain",
    "humanize",
    "humanize1024",
    "humanizeDuration",
    "humanizePercentage",
    "humanizeTimestamp",
    "toTime",
    "toDuration",
    "now",
    "pathPrefix",
    "externalURL",
    "parseDuration",
    "urlQueryEscape",
    TMPL,
];

impl<'a> RuleFunctions<'a> {
    /// At a time, for a server that is known by this URL.
    pub fn new(now_ms: i64, external_url: &'a str, query: Query<'a>) -> Self {
        Self { now_ms, external_url, query, queries: Cell::new(0) }
    }

    fn run(&self, text: &str) -> Result<Value, String> {
        self.queries.set(self.queries.get() + 1);
        if self.queries.get() > MAX_QUERIES {
            return Err(format!("the template makes more than {MAX_QUERIES} queries"));
        }
        let samples = (self.query)(text, self.now_ms)?;
        Ok(Value::List(ListKind::QueryResult, samples.iter().map(sample).collect()))
    }
}

/// A sample as templates see it.
fn sample(sample: &Sample) -> Value {
    let labels = sample.labels.iter().map(|label| (&*label.name, &*label.value));
    let fields = vec![("Labels", Value::texts(MapKind::Texts, labels)), ("Value", Value::of_point(&sample.value))];
    Value::Struct(Struct { type_name: "*template.sample", is_pointer: true, fields }.into())
}

fn arg_sample(args: &[Value], at: usize) -> Result<&Struct, String> {
    match args.get(at) {
        Some(Value::Struct(of)) => Ok(of),
        Some(other) => Err(format!("wrong type for value; expected *template.sample; got {}", other.type_name())),
        None => Err(format!("wrong number of args: want {} got {}", at + 1, args.len())),
    }
}

/// One label of a sample; empty where it is not there.
fn label(of: &Struct, name: &str) -> Value {
    match field(of, "Labels") {
        Some(Value::Map(_, labels)) => labels.get(name).cloned().unwrap_or_else(|| Value::text("")),
        _ => Value::text(""),
    }
}

impl Functions for RuleFunctions<'_> {
    fn has(&self, name: &str) -> bool {
        NAMES.contains(&name)
    }

    fn call(&self, name: &str, args: &[Value]) -> Result<Value, String> {
        let count = match name {
            "args" => args.len(),
            "now" | "pathPrefix" | "externalURL" => 0,
            "label" | "sortByLabel" | "match" => 2,
            "reReplaceAll" => 3,
            _ => 1,
        };
        expect(name, args, count)?;
        match name {
            "query" => self.run(arg_text(args, 0)?),
            "first" => {
                let (_, values) = arg_list(args, 0)?;
                values.first().cloned().ok_or_else(|| "first() called on vector with no elements".to_owned())
            }
            "label" => Ok(label(arg_sample(args, 1)?, arg_text(args, 0)?)),
            "value" => Ok(field(arg_sample(args, 0)?, "Value").cloned().unwrap_or(Value::Nil)),
            "strvalue" => Ok(label(arg_sample(args, 0)?, "__value__")),
            "args" => Ok(Value::Map(
                MapKind::Any,
                args.iter()
                    .enumerate()
                    .map(|(at, value)| (format!("arg{at}").into(), value.clone()))
                    .collect::<std::collections::BTreeMap<_, _>>()
                    .into(),
            )),
            "sortByLabel" => {
                let by = arg_text(args, 0)?;
                let (kind, values) = arg_list(args, 1)?;
                let mut sorted = values.to_vec();
                sorted.sort_by_cached_key(|value| match value {
                    Value::Struct(of) => label(of, by).to_string(),
                    _ => String::new(),
                });
                Ok(Value::List(kind, sorted.into()))
            }
            "graphLink" => Ok(Value::text(&format!("/graph?g0.expr={}&g0.tab=0", escape_query(arg_text(args, 0)?)))),
            "tableLink" => Ok(Value::text(&format!("/graph?g0.expr={}&g0.tab=1", escape_query(arg_text(args, 0)?)))),
            "now" => Ok(Value::Float(self.now_ms as f64 / 1_000.0)),
            "externalURL" => Ok(Value::text(self.external_url)),
            "pathPrefix" => {
                let rest = self.external_url.split_once("://").map_or(self.external_url, |(_, rest)| rest);
                let path = rest.find('/').map_or("", |at| &rest[at..]);
                Ok(Value::text(path.split(['?', '#']).next().unwrap_or_default()))
            }
            "urlQueryEscape" => Ok(Value::text(&escape_query(arg_text(args, 0)?))),
            "title" => Ok(Value::text(&title(arg_text(args, 0)?, false))),
            "stripPort" => {
                let address = arg_text(args, 0)?;
                Ok(Value::text(split_host_port(address).map_or(address, |(host, _)| host)))
            }
            "stripDomain" => Ok(Value::text(&strip_domain(arg_text(args, 0)?))),
            "parseDuration" => parse_duration(arg_text(args, 0)?),
            _ => shared(name, args).unwrap_or_else(|| number(name, &args[0])),
        }
    }
}

/// Functions that rules and notifications both have.
pub(super) fn shared(name: &str, args: &[Value]) -> Option<Result<Value, String>> {
    let of = || -> Result<Value, String> {
        Ok(match name {
            "toUpper" => Value::text(&arg_text(args, 0)?.to_uppercase()),
            "toLower" => Value::text(&arg_text(args, 0)?.to_lowercase()),
            "safeHtml" => Value::Html(arg_text(args, 0)?.into()),
            "match" => Value::Bool(compiled(arg_text(args, 0)?)?.is_match(arg_text(args, 1)?)),
            "reReplaceAll" => {
                let (pattern, with, text) = (arg_text(args, 0)?, arg_text(args, 1)?, arg_text(args, 2)?);
                Value::text(&replace_all(&compiled(pattern)?, text, with)?)
            }
            "humanizeDuration" => humanize_duration(float_of(&args[0])?),
            _ => return Err(String::new()),
        })
    };
    const SHARED: &[&str] = &["toUpper", "toLower", "safeHtml", "match", "reReplaceAll", "humanizeDuration"];
    SHARED.contains(&name).then(of)
}

/// All matches replaced, as Go's `ReplaceAllString` with `$1` and `${name}`; an error where the text becomes too long.
fn replace_all(regex: &regex::Regex, text: &str, with: &str) -> Result<String, String> {
    let mut replaced = String::new();
    let mut from = 0;
    let references = with.matches('$').count();
    for captures in regex.captures_iter(text) {
        let whole = captures.get_match();
        replaced.push_str(&text[from..whole.start()]);
        if replaced.len() + with.len() + references.saturating_mul(whole.len()) > MAX_VALUE {
            return Err(format!("the text becomes longer than {MAX_VALUE} bytes"));
        }
        captures.expand(with, &mut replaced);
        from = whole.end();
    }
    replaced.push_str(&text[from..]);
    Ok(replaced)
}

/// Functions of a number, which may be given as a text.
fn number(name: &str, arg: &Value) -> Result<Value, String> {
    let value = float_of(arg)?;
    let text = |text: String| Ok(Value::text(&text));
    match name {
        "humanize" => text(humanize(value)),
        "humanize1024" => text(humanize1024(value)),
        "humanizePercentage" => text(format!("{}%", go_float_digits(value * 100.0, DIGITS))),
        "humanizeTimestamp" if !value.is_finite() => text(go_float_digits(value, DIGITS)),
        "humanizeTimestamp" => text(time_of(value)?.to_string()),
        "toTime" if !value.is_finite() => Err("value is NaN or Inf".to_owned()),
        "toTime" => Ok(Value::Time(time_of(value)?)),
        "toDuration" => Ok(Value::Duration(GoDuration::of_seconds(value))),
        other => Err(format!("there is no function {other}")),
    }
}

/// A value as a double, as `ConvertToFloat` of Prometheus's helpers.
pub(super) fn float_of(value: &Value) -> Result<f64, String> {
    match value {
        Value::Float(value) => Ok(*value),
        Value::Int(value) => Ok(*value as f64),
        Value::Duration(duration) => Ok(duration.seconds()),
        Value::Text(text) => {
            let plain = text.replace('_', "");
            let is_number = plain.parse::<f64>().ok().filter(|_| !plain.is_empty());
            is_number.ok_or_else(|| format!("strconv.ParseFloat: parsing {text:?}: invalid syntax"))
        }
        other => Err(format!("can't convert {} to float", other.type_name())),
    }
}

fn time_of(seconds: f64) -> Result<GoTime, String> {
    let nanos = seconds * 1e9;
    if nanos > i64::MAX as f64 || nanos < i64::MIN as f64 {
        return Err(format!(
            "{} cannot be represented as a nanoseconds timestamp since it overflows int64",
            go_float(seconds)
        ));
    }
    Ok(GoTime::of_ms(nanos as i64 / 1_000_000))
}

fn scaled(
    mut value: f64,
    step: f64,
    prefixes: &[&'static str],
    is_done: fn(f64, f64) -> bool,
    grows: bool,
) -> (f64, &'static str) {
    let mut prefix = "";
    for next in prefixes {
        if is_done(value.abs(), step) {
            break;
        }
        prefix = next;
        value = if grows { value * step } else { value / step };
    }
    (value, prefix)
}

const SMALL: &[&str] = &["m", "u", "n", "p", "f", "a", "z", "y"];

fn small(value: f64) -> (f64, &'static str) {
    scaled(value, 1_000.0, SMALL, |size, _| size >= 1.0, true)
}

fn humanize(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return go_float_digits(value, DIGITS);
    }
    let (value, prefix) = if value.abs() >= 1.0 {
        scaled(value, 1_000.0, &["k", "M", "G", "T", "P", "E", "Z", "Y"], |size, step| size < step, false)
    } else {
        small(value)
    };
    format!("{}{prefix}", go_float_digits(value, DIGITS))
}

fn humanize1024(value: f64) -> String {
    if value.abs() <= 1.0 || !value.is_finite() {
        return go_float_digits(value, DIGITS);
    }
    let prefixes = ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"];
    let (value, prefix) = scaled(value, 1_024.0, &prefixes, |size, step| size < step, false);
    format!("{}{prefix}", go_float_digits(value, DIGITS))
}

fn humanize_duration(seconds: f64) -> Value {
    let text = if !seconds.is_finite() {
        go_float_digits(seconds, DIGITS)
    } else if seconds == 0.0 {
        "0s".to_owned()
    } else if seconds.abs() >= 1.0 {
        let sign = if seconds < 0.0 { "-" } else { "" };
        let size = seconds.abs();
        let whole = size as u64;
        let (days, hours, minutes) = (whole / 86_400, whole / 3_600 % 24, whole / 60 % 60);
        let s = whole % 60;
        if days != 0 {
            format!("{sign}{days}d {hours}h {minutes}m {s}s")
        } else if hours != 0 {
            format!("{sign}{hours}h {minutes}m {s}s")
        } else if minutes != 0 {
            format!("{sign}{minutes}m {s}s")
        } else {
            format!("{sign}{}s", go_float_digits(size, DIGITS))
        }
    } else {
        let (value, prefix) = small(seconds);
        format!("{}{prefix}s", go_float_digits(value, DIGITS))
    };
    Value::text(&text)
}

fn parse_duration(text: &str) -> Result<Value, String> {
    let (sign, size) = text.strip_prefix('-').map_or((1.0, text), |size| (-1.0, size));
    let duration = prometheus::parse(size).ok_or_else(|| match size {
        "" => "empty duration string".to_owned(),
        _ => format!("not a valid duration string: {text:?}"),
    })?;
    Ok(Value::Float(sign * duration.as_millis() as f64 / 1_000.0))
}

/// Words with large first letters; the other letters become small ones if wanted.
pub(super) fn title(text: &str, lowers: bool) -> String {
    let mut titled = String::with_capacity(text.len());
    let mut inside = false;
    for c in text.chars() {
        if inside && lowers {
            titled.extend(c.to_lowercase());
        } else if inside {
            titled.push(c);
        } else {
            titled.extend(c.to_uppercase());
        }
        inside = c.is_alphanumeric() || matches!(c, '_' | '\'' | '\u{2019}');
    }
    titled
}

/// As `net.SplitHostPort`; none where there is no port, or something is odd.
fn split_host_port(address: &str) -> Option<(&str, &str)> {
    let (host, port) = address.rsplit_once(':')?;
    let host = match host.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']')?,
        None if host.contains(':') => return None,
        None => host,
    };
    (!host.contains(['[', ']']) && !port.contains(['[', ']'])).then_some((host, port))
}

fn strip_domain(address: &str) -> String {
    let (host, port) = split_host_port(address).unwrap_or((address, ""));
    if host.parse::<std::net::IpAddr>().is_ok() {
        return address.to_owned();
    }
    let first = host.split('.').next().unwrap_or_default();
    match port {
        "" => first.to_owned(),
        port if first.contains(':') => format!("[{first}]:{port}"),
        port => format!("{first}:{port}"),
    }
}
