//! A request's body: one message, or several with what holds for all of them.

use serde_json::{Map, Value};
use vitrine_contracts::Problem;
use vitrine_contracts::limits::{MAX_ANALYTICS_BATCH, MAX_ANALYTICS_BODY, MAX_ANALYTICS_MESSAGE};

use crate::message::{Message, Refused, RequestFields, TYPES};

/// What the path of several messages is called.
const BATCH: &str = "batch";

/// A body, read as JSON.
pub(crate) struct Body {
    call: String,
    fields: Map<String, Value>,
}

/// A message that cannot be taken, and where it stands in the body.
pub(crate) struct Rejected {
    pub(crate) at: Option<usize>,
    pub(crate) refused: Refused,
    /// As it was sent.
    pub(crate) own: Value,
}

impl Rejected {
    /// The field as the sender knows it.
    pub(crate) fn field(&self) -> String {
        match (self.at, self.refused.field) {
            (None, field) => field.to_owned(),
            (Some(at), "") => format!("batch[{at}]"),
            (Some(at), field) => format!("batch[{at}].{field}"),
        }
    }

    pub(crate) fn problem(&self) -> Problem {
        Problem::invalid(&self.field(), &self.refused.expected, self.refused.message).with_reason("INVALID_MESSAGE")
    }
}

impl Body {
    /// Reads what was sent to a path.
    pub(crate) fn read(call: &str, body: &[u8]) -> Result<Self, Problem> {
        if call != BATCH && !TYPES.contains(&call) {
            let expected = "track, identify, page, screen, group, alias or batch";
            return Err(Problem::invalid("call", expected, "there is no such call"));
        }
        if body.len() > MAX_ANALYTICS_BODY {
            return Err(too_large("body", MAX_ANALYTICS_BODY, "the request is too large"));
        }
        let fields = serde_json::from_slice(body).map_err(|e| {
            let text = e.to_string();
            let what = text.split(" at line ").next().unwrap_or_default();
            let message = format!("the body is no JSON object: {what} (line {}, column {})", e.line(), e.column());
            Problem::invalid("body", "a JSON object", &message).with_reason("MALFORMED_JSON")
        })?;
        Ok(Self { call: call.to_owned(), fields })
    }

    /// The key that stands in the body, or beside the messages of some senders.
    pub(crate) fn write_key(&self) -> Option<&str> {
        let first = self.fields.get(BATCH).and_then(|batch| batch[0]["writeKey"].as_str());
        self.fields.get("writeKey").and_then(Value::as_str).or(first)
    }

    /// The messages, each as it can be taken, or why not.
    pub(crate) fn messages(self, shared: RequestFields) -> Result<Vec<Result<Message, Rejected>>, Problem> {
        let mut fields = self.fields;
        if self.call != BATCH {
            fields.remove("writeKey");
            check_size("body", &Value::Object(fields.clone()))?;
            return Ok(vec![read(fields, Some(&self.call), &shared, None)]);
        }
        let object = |value: Option<Value>| match value {
            Some(Value::Object(fields)) => fields,
            _ => Map::new(),
        };
        let Some(Value::Array(batch)) = fields.remove(BATCH) else {
            return Err(Problem::invalid("batch", "a list of messages", "there is no list of messages"));
        };
        if batch.len() > MAX_ANALYTICS_BATCH {
            let message = format!("a request of {} messages is too large", batch.len());
            return Err(Problem::invalid("batch", &format!("at most {MAX_ANALYTICS_BATCH} messages"), &message));
        }
        let shared = RequestFields {
            context: object(fields.remove("context")),
            integrations: object(fields.remove("integrations")),
            sent_at: fields.remove("sentAt"),
            ..shared
        };
        let read_each = |(at, message): (usize, Value)| -> Result<Result<Message, Rejected>, Problem> {
            check_size(&format!("batch[{at}]"), &message)?;
            let Value::Object(mut fields) = message else {
                let refused =
                    Refused { field: "", message: "a message is no object", expected: "a JSON object".to_owned() };
                return Ok(Err(Rejected { at: Some(at), refused, own: message }));
            };
            fields.remove("writeKey");
            Ok(read(fields, None, &shared, Some(at)))
        };
        batch.into_iter().enumerate().map(read_each).collect()
    }
}

fn read(
    fields: Map<String, Value>,
    kind: Option<&str>,
    shared: &RequestFields,
    at: Option<usize>,
) -> Result<Message, Rejected> {
    let own = fields.clone();
    Message::read(fields, kind, shared).map_err(|refused| Rejected { at, refused, own: Value::Object(own) })
}

fn check_size(field: &str, message: &Value) -> Result<(), Problem> {
    if message.to_string().len() > MAX_ANALYTICS_MESSAGE {
        return Err(too_large(field, MAX_ANALYTICS_MESSAGE, "a message is too large"));
    }
    Ok(())
}

fn too_large(field: &str, most: usize, message: &str) -> Problem {
    Problem::invalid(field, &format!("at most {most} bytes"), message).with_reason("TOO_LARGE")
}
