//! What can be set, as a JSON Schema: for programs as it is, for people as a page.

use std::fmt::Write as _;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

/// The JSON Schema (draft 2020-12) of a configuration file. Nothing in it refers to another part of it.
pub fn schema<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|s| s.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    close(&mut schema);
    schema
}

/// What is unknown is a mistake in every section, however its struct reads it.
fn close(schema: &mut Value) {
    let Some(schema) = schema.as_object_mut() else { return };
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return };
    properties.values_mut().for_each(close);
    schema.insert("additionalProperties".to_owned(), Value::Bool(false));
}

/// One setting.
#[derive(Clone, Debug)]
pub(crate) struct Setting<'a> {
    /// Dotted.
    pub(crate) key: String,
    pub(crate) schema: &'a Map<String, Value>,
}

impl Setting<'_> {
    /// Whether it may hold something secret: then no value of it is repeated.
    pub(crate) fn is_secret(&self) -> bool {
        holds_secret(self.schema)
    }

    /// What is expected in the place of a whole number; none where this one will do, or the setting takes others than whole numbers.
    pub(crate) fn refusal(&self, number: i64) -> Option<String> {
        let bound = |key| self.schema.get(key).and_then(Value::as_i64);
        let of_type = (self.schema.get("format").and_then(Value::as_str) == Some("uint32")).then_some(u32::MAX.into());
        let (least, most) = (bound("minimum")?, bound("maximum").or(of_type).unwrap_or(i64::MAX));
        match bound("maximum") {
            _ if (least..=most).contains(&number) => None,
            Some(most) => Some(format!("{least} to {most}")),
            None if number < least => Some(format!("at least {least}")),
            None => Some(format!("at most {most}")),
        }
    }
}

fn holds_secret(schema: &Map<String, Value>) -> bool {
    fn inside(value: &Value) -> bool {
        match value {
            Value::Object(object) => holds_secret(object),
            Value::Array(items) => items.iter().any(inside),
            _ => false,
        }
    }
    schema.get("writeOnly") == Some(&Value::Bool(true)) || schema.values().any(inside)
}

/// Every setting of a schema, in order.
pub(crate) fn settings(schema: &Value) -> Vec<Setting<'_>> {
    let mut out = Vec::new();
    collect(schema, "", &mut out);
    out
}

fn properties(schema: &Value) -> Option<&Map<String, Value>> {
    schema.get("properties").and_then(Value::as_object)
}

fn collect<'a>(schema: &'a Value, prefix: &str, out: &mut Vec<Setting<'a>>) {
    for (name, schema) in properties(schema).into_iter().flatten() {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        if properties(schema).is_some() {
            collect(schema, &key, out);
        } else if let Some(schema) = schema.as_object() {
            out.push(Setting { key, schema });
        }
    }
}

/// Which values a setting takes, in few words.
fn kind(schema: &Map<String, Value>) -> String {
    let text = |key: &str| schema.get(key).and_then(Value::as_str);
    let choices = |key: &str| schema.get(key).and_then(Value::as_array);
    if let Some(choices) = choices("enum") {
        return choices.iter().map(|choice| format!("`{choice}`")).collect::<Vec<_>>().join(", ");
    }
    if let Some(choices) = choices("oneOf") {
        let named = choices.iter().filter_map(|choice| choice.get("const"));
        return named.map(|choice| format!("`{choice}`")).collect::<Vec<_>>().join(", ");
    }
    if let Some(examples) = choices("examples") {
        let examples: Vec<String> = examples.iter().map(|example| format!("`{example}`")).collect();
        return format!("text, such as {}", examples.join(", "));
    }
    match (text("type"), text("format")) {
        (Some("string"), Some("password")) => "text, secret".to_owned(),
        (Some("string"), Some("uri")) if schema.contains_key("writeOnly") => "URL, its password secret".to_owned(),
        (Some("string"), Some("uri")) => "URL".to_owned(),
        (Some("string"), _) => "text".to_owned(),
        (Some("integer"), _) => match (schema.get("minimum").and_then(Value::as_i64), schema.get("maximum")) {
            (Some(least), Some(most)) => format!("{least} to {most}"),
            (Some(least), None) if least > 0 => format!("whole number, at least {least}"),
            _ => "whole number".to_owned(),
        },
        (Some("number"), _) => "number".to_owned(),
        (Some("boolean"), _) => "`true`, `false`".to_owned(),
        (Some("array"), _) => "list".to_owned(),
        _ => "value".to_owned(),
    }
}

/// A text on one line of a table.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

/// Every setting, with its kind, default and meaning, as tables in Markdown, one for each section.
pub fn reference(schema: &Value) -> String {
    let mut out = String::new();
    for (section, inner) in properties(schema).into_iter().flatten() {
        let all: Vec<Setting<'_>> = settings(inner);
        if all.is_empty() {
            continue;
        }
        let about = inner.get("description").and_then(Value::as_str).unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = write!(out, "\n## {section}\n\n");
        if !about.is_empty() {
            let _ = write!(out, "{}\n\n", about.trim());
        }
        out.push_str("| setting | value | default | meaning |\n|---|---|---|---|\n");
        for Setting { key, schema } in all {
            let default = schema.get("default").map(|value| format!("`{value}`")).unwrap_or_default();
            let about = schema.get("description").and_then(Value::as_str).unwrap_or_default();
            let (kind, default, about) = (cell(&kind(schema)), cell(&default), cell(about));
            let _ = writeln!(out, "| `{section}.{key}` | {kind} | {default} | {about} |");
        }
    }
    out
}
