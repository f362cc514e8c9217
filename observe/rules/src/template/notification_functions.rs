//! Functions of templates in notifications: Alertmanager's `template.DefaultFuncs`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use vitrine_kit::percent;

use super::builtins::{arg_list, arg_text, expect};
use super::rule_functions::{shared, title};
use super::time::{GoDuration, GoTime};
use super::value::{ListKind, MapKind, Value};
use super::{Functions, json};

/// A zone's offset from Greenwich in seconds to the east, and what it is called, at a time in seconds since 1970.
pub type Zone<'a> = &'a dyn Fn(&str, i64) -> Option<(i32, String)>;

/// A route's label by its name, expanded already.
pub type RouteLabel<'a> = &'a dyn Fn(&str) -> Result<String, String>;

/// What templates of notifications can call.
pub struct NotificationFunctions<'a> {
    /// Now, in milliseconds since 1970.
    pub now_ms: i64,
    /// Time zones.
    pub zone: Zone<'a>,
    /// Labels of the route.
    pub route_label: RouteLabel<'a>,
}

const NAMES: &[&str] = &[
    "toUpper",
    "toLower",
    "title",
    "trimSpace",
    "join",
    "match",
    "safeHtml",
    "safeUrl",
    "urlUnescape",
    "reReplaceAll",
    "stringSlice",
    "routeLabels",
    "date",
    "tz",
    "now",
    "since",
    "humanizeDuration",
    "toDate",
    "mustToDate",
    "toJson",
    "base64encode",
    "base64decode",
    "list",
    "append",
    "dict",
];

fn arg_time(args: &[Value], at: usize) -> Result<&GoTime, String> {
    match args.get(at) {
        Some(Value::Time(time)) => Ok(time),
        Some(other) => Err(format!("wrong type for value; expected time.Time; got {}", other.type_name())),
        None => Err(format!("wrong number of args: want {} got {}", at + 1, args.len())),
    }
}

impl Functions for NotificationFunctions<'_> {
    fn has(&self, name: &str) -> bool {
        NAMES.contains(&name)
    }

    fn call(&self, name: &str, args: &[Value]) -> Result<Value, String> {
        let count = match name {
            "stringSlice" | "list" | "append" | "dict" => args.len(),
            "now" => 0,
            "join" | "match" | "date" | "tz" | "toDate" | "mustToDate" => 2,
            "reReplaceAll" => 3,
            _ => 1,
        };
        expect(name, args, count)?;
        if let Some(value) = shared(name, args) {
            return value;
        }
        Ok(match name {
            "title" => Value::text(&title(arg_text(args, 0)?, true)),
            "trimSpace" => Value::text(arg_text(args, 0)?.trim()),
            "join" => Value::text(&super::methods::join(arg_list(args, 1)?.1, arg_text(args, 0)?)?),
            "safeUrl" => Value::Html(arg_text(args, 0)?.into()),
            "urlUnescape" => {
                let text = arg_text(args, 0)?;
                let plain = percent::decode(&text.replace('+', " "))
                    .ok_or_else(|| format!("invalid URL escape in {text:?}"))?;
                Value::text(&plain)
            }
            "stringSlice" => {
                for at in 0..args.len() {
                    arg_text(args, at)?;
                }
                Value::List(ListKind::Strings, args.into())
            }
            "routeLabels" => Value::text(&(self.route_label)(arg_text(args, 0)?)?),
            "date" => Value::text(&arg_time(args, 1)?.format(arg_text(args, 0)?)),
            "tz" => Value::Time(self.in_zone(arg_text(args, 0)?, arg_time(args, 1)?)?),
            "now" => Value::Time(GoTime::of_ms(self.now_ms)),
            "since" => {
                let nanos = GoTime::of_ms(self.now_ms).unix_nanos - arg_time(args, 0)?.unix_nanos;
                Value::Duration(GoDuration { nanos: i64::try_from(nanos).unwrap_or(i64::MAX) })
            }
            "toDate" | "mustToDate" => {
                let (layout, text) = (arg_text(args, 0)?, arg_text(args, 1)?);
                match GoTime::parse(layout, text) {
                    Some(time) => Value::Time(time),
                    None if name == "toDate" => Value::Time(GoTime::zero()),
                    None => return Err(format!("parsing time {text:?} as {layout:?}: cannot parse it")),
                }
            }
            "toJson" => Value::text(&json::write(&args[0])),
            "base64encode" => Value::text(&URL_SAFE.encode(arg_text(args, 0)?)),
            "base64decode" => {
                let bytes =
                    URL_SAFE.decode(arg_text(args, 0)?).map_err(|error| format!("illegal base64 data: {error}"))?;
                Value::text(&String::from_utf8_lossy(&bytes))
            }
            "list" => Value::list(args.iter().cloned()),
            "append" => {
                let (_, values) = arg_list(args, 0)?;
                Value::list(values.iter().chain(&args[1..]).cloned())
            }
            "dict" => dict(args)?,
            other => return Err(format!("there is no function {other}")),
        })
    }
}

impl NotificationFunctions<'_> {
    fn in_zone(&self, name: &str, time: &GoTime) -> Result<GoTime, String> {
        let seconds = i64::try_from(time.unix_nanos.div_euclid(1_000_000_000)).unwrap_or(i64::MAX);
        let (offset_s, zone) = (self.zone)(name, seconds).ok_or_else(|| format!("unknown time zone {name}"))?;
        Ok(GoTime { offset_s, zone: zone.into(), ..time.clone() })
    }
}

fn dict(args: &[Value]) -> Result<Value, String> {
    if !args.len().is_multiple_of(2) {
        return Err("dict requires an even number of arguments".to_owned());
    }
    let mut entries = std::collections::BTreeMap::new();
    for pair in args.chunks_exact(2) {
        let Value::Text(key) = &pair[0] else { return Err("dict keys must be strings".to_owned()) };
        entries.insert(key.clone(), pair[1].clone());
    }
    Ok(Value::Map(MapKind::Any, entries.into()))
}
