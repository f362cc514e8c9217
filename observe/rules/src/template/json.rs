//! Values as JSON, as Go's `json.Marshal` writes them.

use serde_json::{Map, Number, Value as Json};

use super::value::Value;

/// JSON on one line, with `<`, `>`, `&` escaped so that it can stand in HTML.
pub(super) fn write(value: &Value) -> String {
    let text = json(value).to_string();
    text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

/// Recursion ends because values come from templates, whose steps are bounded, and lists in them are built one in the other by one step each.
fn json(value: &Value) -> Json {
    match value {
        Value::Nil => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Int(value) => Json::Number((*value).into()),
        Value::Float(value) if value.fract() == 0.0 && value.abs() < 1e15 => Json::Number((*value as i64).into()),
        Value::Float(value) => Number::from_f64(*value).map_or(Json::Null, Json::Number),
        Value::Text(text) | Value::Html(text) => Json::String(text.to_string()),
        Value::Time(time) => Json::String(time.format("2006-01-02T15:04:05.999999999Z07:00")),
        Value::Duration(duration) => Json::Number(duration.nanos.into()),
        Value::List(_, values) => Json::Array(values.iter().map(json).collect()),
        Value::Map(_, entries) => {
            Json::Object(entries.iter().map(|(key, value)| (key.to_string(), json(value))).collect())
        }
        Value::Struct(of) => {
            let lower = |name: &str| {
                let mut chars = name.chars();
                chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
            };
            Json::Object(of.fields.iter().map(|(name, value)| (lower(name), json(value))).collect::<Map<_, _>>())
        }
    }
}
