//! Between protobuf's `Struct`, and values and JSON of the engine.

use std::borrow::Cow;
use std::sync::Arc;

use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value as ProtoValue};
use vitrine_flags_engine::Value;
use vitrine_flags_engine::json::{self, Json, Kind as JsonKind};

/// A context as the engine reads it, its texts borrowed; none where lists nest too deep.
pub(super) fn context(of: &Struct) -> Option<Value<'_>> {
    let members: Option<Vec<(Cow<'_, str>, Value<'_>)>> =
        of.fields.iter().map(|(name, value)| Some((Cow::Borrowed(name.as_str()), value_of(value)?))).collect();
    Some(Value::Map(Arc::from(members?)))
}

fn value_of(of: &ProtoValue) -> Option<Value<'_>> {
    Some(match &of.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(value)) => Value::Bool(*value),
        Some(Kind::NumberValue(value)) => Value::Number(*value),
        Some(Kind::StringValue(text)) => Value::from(text.as_str()),
        Some(Kind::StructValue(value)) => context(value)?,
        Some(Kind::ListValue(list)) => Value::list(list.values.iter().map(value_of).collect::<Option<_>>()?)?,
    })
}

/// A JSON object that was read before.
pub(super) fn object(text: &str) -> Struct {
    json::read(text).map(|json| struct_of(&json)).unwrap_or_default()
}

/// The members of an object; nothing of anything else.
pub(super) fn struct_of(json: &Json<'_>) -> Struct {
    let JsonKind::Map(members) = &json.kind else { return Struct::default() };
    Struct { fields: members.iter().map(|member| (member.name.to_string(), proto(&member.value))).collect() }
}

fn proto(json: &Json<'_>) -> ProtoValue {
    let kind = match &json.kind {
        JsonKind::Null => Kind::NullValue(0),
        JsonKind::Bool(value) => Kind::BoolValue(*value),
        JsonKind::Number(value, _) => Kind::NumberValue(*value),
        JsonKind::Text(text) => Kind::StringValue(text.to_string()),
        JsonKind::List(items) => Kind::ListValue(ListValue { values: items.iter().map(proto).collect() }),
        JsonKind::Map(_) => Kind::StructValue(struct_of(json)),
    };
    ProtoValue { kind: Some(kind) }
}
