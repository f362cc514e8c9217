//! Methods of Go's and Alertmanager's types that templates call.

use std::sync::Arc;

use super::builtins::{arg_text, expect};
use super::run::MAX_VALUE;
use super::time::{GoDuration, GoTime};
use super::value::{ListKind, MapKind, Value, each_field, field, sorted_pairs};

/// Calls a method; none where the type has no method of that name.
pub(super) fn call(value: &Value, name: &str, args: &[Value]) -> Option<Result<Value, String>> {
    match value {
        Value::Time(time) => of_time(time, name, args),
        Value::Duration(duration) => of_duration(*duration, name).map(|value| expect(name, args, 0).map(|()| value)),
        Value::List(kind, values) => of_list(*kind, values, name, args),
        Value::Map(MapKind::Kv, entries) => {
            let pairs = || sorted_pairs(entries);
            let value = match name {
                "SortedPairs" => Value::List(ListKind::Pairs, pairs().into()),
                "Names" => Value::List(ListKind::Strings, each_field(&pairs(), "Name").into()),
                "Values" => Value::List(ListKind::Strings, each_field(&pairs(), "Value").into()),
                "String" => Value::text(&value.to_string()),
                "Remove" => {
                    return Some(match args {
                        [Value::List(_, names)] => {
                            let mut left = (**entries).clone();
                            for name in names.iter() {
                                left.remove(name.to_string().as_str());
                            }
                            Ok(Value::Map(MapKind::Kv, Arc::new(left)))
                        }
                        _ => Err("expected a list of names".to_owned()),
                    });
                }
                _ => return None,
            };
            Some(expect(name, args, 0).map(|()| value))
        }
        _ => None,
    }
}

fn of_list(kind: ListKind, values: &Arc<[Value]>, name: &str, args: &[Value]) -> Option<Result<Value, String>> {
    let value = match (kind, name) {
        (ListKind::Strings, "Join") => {
            let joined = || Ok(Value::text(&join(values, arg_text(args, 0)?)?));
            return Some(expect(name, args, 1).and_then(|()| joined()));
        }
        (ListKind::Pairs, "Names") => Value::List(ListKind::Strings, each_field(values, "Name").into()),
        (ListKind::Pairs, "Values") => Value::List(ListKind::Strings, each_field(values, "Value").into()),
        (ListKind::Pairs, "String") => Value::text(&Value::List(kind, values.clone()).to_string()),
        (ListKind::Alerts, "Firing" | "Resolved") => {
            let status = if name == "Firing" { "firing" } else { "resolved" };
            let is_of = |alert: &&Value| match alert {
                Value::Struct(of) => field(of, "Status") == Some(&Value::text(status)),
                _ => false,
            };
            Value::List(ListKind::Alerts, values.iter().filter(is_of).cloned().collect())
        }
        _ => return None,
    };
    Some(expect(name, args, 0).map(|()| value))
}

/// The texts of values with something between them; an error where that becomes too long.
pub(super) fn join(values: &[Value], between: &str) -> Result<String, String> {
    if values.len().saturating_mul(between.len()) > MAX_VALUE {
        return Err(format!("the text becomes longer than {MAX_VALUE} bytes"));
    }
    Ok(values.iter().map(ToString::to_string).collect::<Vec<_>>().join(between))
}

fn of_time(time: &GoTime, name: &str, args: &[Value]) -> Option<Result<Value, String>> {
    let at = time.calendar();
    let millis = || i64::try_from(time.unix_nanos / 1_000_000).unwrap_or(i64::MAX);
    let other = || match args {
        [Value::Time(other)] => Ok(other),
        _ => Err("expected a time".to_owned()),
    };
    let value = match name {
        "Format" => {
            return Some(expect(name, args, 1).and_then(|()| Ok(Value::text(&time.format(arg_text(args, 0)?)))));
        }
        "Add" => {
            return Some(match args {
                [Value::Duration(duration)] => Ok(Value::Time(time.add(*duration))),
                [Value::Int(nanos)] => Ok(Value::Time(time.add(GoDuration { nanos: *nanos }))),
                _ => Err("expected a duration".to_owned()),
            });
        }
        "Sub" => {
            return Some(other().map(|other| {
                let nanos = i64::try_from(time.unix_nanos - other.unix_nanos);
                Value::Duration(GoDuration { nanos: nanos.unwrap_or(i64::MAX) })
            }));
        }
        "Before" => return Some(other().map(|other| Value::Bool(time.unix_nanos < other.unix_nanos))),
        "After" => return Some(other().map(|other| Value::Bool(time.unix_nanos > other.unix_nanos))),
        "Equal" => return Some(other().map(|other| Value::Bool(time.unix_nanos == other.unix_nanos))),
        "Unix" => Value::Int(millis().div_euclid(1_000)),
        "UnixMilli" => Value::Int(millis()),
        "UnixNano" => Value::Int(i64::try_from(time.unix_nanos).unwrap_or(i64::MAX)),
        "UTC" => Value::Time(GoTime { offset_s: 0, zone: "UTC".into(), ..time.clone() }),
        "IsZero" => Value::Bool(time.unix_nanos == GoTime::zero().unix_nanos),
        "String" => Value::text(&time.to_string()),
        "Year" => Value::Int(at.year().into()),
        "Month" => Value::text(&at.month().to_string()),
        "Day" => Value::Int(at.day().into()),
        "Hour" => Value::Int(at.hour().into()),
        "Minute" => Value::Int(at.minute().into()),
        "Second" => Value::Int(at.second().into()),
        "Weekday" => Value::text(&at.weekday().to_string()),
        "YearDay" => Value::Int(at.ordinal().into()),
        _ => return None,
    };
    Some(expect(name, args, 0).map(|()| value))
}

fn of_duration(duration: GoDuration, name: &str) -> Option<Value> {
    Some(match name {
        "String" => Value::text(&duration.to_string()),
        "Hours" => Value::Float(duration.seconds() / 3_600.0),
        "Minutes" => Value::Float(duration.seconds() / 60.0),
        "Seconds" => Value::Float(duration.seconds()),
        "Milliseconds" => Value::Int(duration.nanos / 1_000_000),
        "Microseconds" => Value::Int(duration.nanos / 1_000),
        "Nanoseconds" => Value::Int(duration.nanos),
        _ => return None,
    })
}
