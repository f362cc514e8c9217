//! What became of each action of a bulk request, as its answer says it.
//!
//! Fluent Bit looks for `"errors":false,"items":[` in the bytes, and Vector for `"errors":true`: so the answer is compact, its keys are in this
//! order, and nothing of a document is repeated in it.

use std::fmt::Write as _;

use serde_json::{Value, json};
use vitrine_observe_store::model::elastic::FilterPath;

use crate::budget::{Budget, Buffer};
use crate::error::Error;

/// Actions of one request.
const MAX_ITEMS: usize = 100_000;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Create,
    Index,
    Update,
    Delete,
}

/// Items that are written while the request is read.
pub(super) struct Items {
    text: Buffer,
    has_errors: bool,
    count: usize,
    filter: FilterPath,
}

impl Action {
    pub(super) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "create" => Self::Create,
            "index" => Self::Index,
            "update" => Self::Update,
            "delete" => Self::Delete,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Index => "index",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// What is said of a document that was taken, without braces.
pub(super) fn taken(index: &str, id: &str) -> String {
    let mut text = String::new();
    // Writing into a text cannot fail.
    let _ = write!(text, "\"_index\":{},\"_id\":{}", Value::from(index), Value::from(id));
    text.push_str(",\"_version\":1,\"result\":\"created\",\"_shards\":{\"total\":1,\"successful\":1,\"failed\":0}");
    text.push_str(",\"_seq_no\":0,\"_primary_term\":1");
    text
}

impl Items {
    pub(super) fn new(budget: &Budget, filter: &FilterPath) -> Self {
        Self { text: budget.buffer(), has_errors: false, count: 0, filter: filter.clone() }
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The document of an action was taken.
    pub(super) fn taken(&mut self, action: Action, index: &str, id: &str) -> Result<(), Error> {
        self.push(&format!("{{\"{}\":{{{},\"status\":201}}}}", action.name(), taken(index, id)))
    }

    /// An action was refused; others were not.
    pub(super) fn refused(
        &mut self,
        action: Action,
        index: &str,
        id: Option<&str>,
        kind: &str,
        reason: &str,
    ) -> Result<(), Error> {
        self.has_errors = true;
        let error = json!({ "type": kind, "reason": reason });
        let item = json!({ action.name(): { "_index": index, "_id": id, "status": 400, "error": error } });
        self.push(&item.to_string())
    }

    fn push(&mut self, item: &str) -> Result<(), Error> {
        self.count += 1;
        if self.count > MAX_ITEMS {
            return Err(Error::TooMany { what: "actions", most: MAX_ITEMS });
        }
        let filtered;
        let item = match self.filter.is_empty() {
            true => item,
            false => {
                let item: Value = serde_json::from_str(item).unwrap_or_default();
                let kept = self.filter.apply(json!({ "items": [item] }));
                let Some(kept) = kept.get("items").and_then(|items| items.get(0)) else { return Ok(()) };
                filtered = kept.to_string();
                &filtered
            }
        };
        if !self.text.bytes.is_empty() {
            self.text.extend(b",")?;
        }
        self.text.extend(item.as_bytes())
    }

    /// The whole answer.
    pub(super) fn answer(&self, took_ms: u128) -> Vec<u8> {
        let head =
            json!({ "took": u64::try_from(took_ms).unwrap_or(u64::MAX), "errors": self.has_errors, "items": [{}] });
        let head = self.filter.apply(head);
        let mut parts: Vec<Vec<u8>> = Vec::new();
        for name in ["took", "errors"] {
            if let Some(value) = head.get(name) {
                parts.push(format!("\"{name}\":{value}").into_bytes());
            }
        }
        if self.filter.is_empty() || !self.text.bytes.is_empty() {
            parts.push([b"\"items\":[", self.text.bytes.as_slice(), b"]"].concat());
        }
        [b"{".as_slice(), &parts.join(&b','), b"}"].concat()
    }
}

#[cfg(test)]
mod tests {
    use vitrine_observe_store::model::elastic::FilterPath;

    use super::{Action, Items};
    use crate::budget::Budget;

    fn answer(filter: &str) -> String {
        let mut items = Items::new(&Budget::new(usize::MAX), &FilterPath::parse(filter));
        items.taken(Action::Create, "i", "1").expect("room");
        items.refused(Action::Index, "i", None, "t", "r").expect("room");
        String::from_utf8(items.answer(3)).expect("text")
    }

    #[test]
    fn answers_have_their_keys_in_order() {
        assert_eq!(
            answer(""),
            concat!(
                r#"{"took":3,"errors":true,"items":[{"create":{"_index":"i","_id":"1","_version":1,"result":"created","#,
                r#""_shards":{"total":1,"successful":1,"failed":0},"_seq_no":0,"_primary_term":1,"status":201}},"#,
                r#"{"index":{"_id":null,"_index":"i","error":{"reason":"r","type":"t"},"status":400}}]}"#
            )
        );
        assert_eq!(
            answer("errors,items.*.error,items.*.status"),
            concat!(
                r#"{"errors":true,"items":[{"create":{"status":201}},"#,
                r#"{"index":{"error":{"reason":"r","type":"t"},"status":400}}]}"#
            )
        );
        assert_eq!(answer("took"), r#"{"took":3}"#);
    }
}
