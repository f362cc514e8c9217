//! A GraphQL request as it is sent: a JSON object, or the query of a URI.

use async_graphql::{Request, ServerError, Variables};
use serde_json::{Map, Value};

use super::documents::{Document, Documents, Named};
use super::limits::refused;

/// What a request asks for, read and not yet looked up.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct RawRequest {
    query: Option<String>,
    document_id: Option<String>,
    operation_name: Option<String>,
    variables: Map<String, Value>,
    extensions: Map<String, Value>,
}

/// Why a request cannot be taken for one.
fn malformed(message: &str) -> ServerError {
    refused("BAD_REQUEST", message)
}

impl RawRequest {
    /// Of a body.
    pub(crate) fn of_json(body: &[u8]) -> Result<Self, ServerError> {
        let value = serde_json::from_slice(body).map_err(|e| malformed(&format!("the body is not JSON: {e}")))?;
        Self::of_value(value)
    }

    /// Of what is JSON already.
    pub(crate) fn of_value(value: Value) -> Result<Self, ServerError> {
        let Value::Object(mut object) = value else {
            // A list would be a batch: each operation is sent by itself.
            return Err(malformed("the request is not one JSON object"));
        };
        let mut asked = Self::default();
        for (key, value) in [
            ("query", &mut asked.query),
            ("documentId", &mut asked.document_id),
            ("operationName", &mut asked.operation_name),
        ] {
            *value = match object.remove(key) {
                None | Some(Value::Null) => None,
                Some(Value::String(text)) => Some(text),
                Some(_) => return Err(malformed(&format!("{key}: expected a string"))),
            };
        }
        for (key, value) in [("variables", &mut asked.variables), ("extensions", &mut asked.extensions)] {
            *value = match object.remove(key) {
                None | Some(Value::Null) => Map::new(),
                Some(Value::Object(map)) => map,
                Some(_) => return Err(malformed(&format!("{key}: expected an object"))),
            };
        }
        if asked.query.is_none() && asked.document_id.is_none() && !asked.extensions.contains_key("persistedQuery") {
            return Err(malformed("query: expected a GraphQL document, or a documentId in its place"));
        }
        Ok(asked)
    }

    /// Of a URI's query, where variables and extensions are JSON.
    pub(crate) fn of_query(pairs: Vec<(String, String)>) -> Result<Self, ServerError> {
        let mut object = Map::new();
        for (key, value) in pairs {
            let value = match key.as_str() {
                "variables" | "extensions" if value.is_empty() => Value::Null,
                "variables" | "extensions" => {
                    serde_json::from_str(&value).map_err(|e| malformed(&format!("{key} is not JSON: {e}")))?
                }
                _ => Value::String(value),
            };
            if object.insert(key.clone(), value).is_some() {
                return Err(malformed(&format!("{key} is given more than once")));
            }
        }
        Self::of_value(Value::Object(object))
    }

    /// Looks its document up, for the shop's own pages or for others. Returns what is to be executed, without what it is to be executed for.
    pub(crate) fn find(mut self, documents: &Documents, is_own: bool) -> Result<(Request, Document), ServerError> {
        let persisted = self.extensions.remove("persistedQuery");
        let persisted = persisted.map(async_graphql::Value::from_json).transpose();
        let persisted = persisted.map_err(|e| malformed(&format!("extensions: {e}")))?;
        let named = Named { query: self.query, id: self.document_id, persisted, is_own };
        let document = documents.find(named)?;
        let mut request = Request::new("").variables(Variables::from_json(Value::Object(self.variables)));
        request.operation_name = self.operation_name;
        request.set_parsed_query(document.parsed.clone());
        Ok((request, document))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::RawRequest;

    #[test]
    fn requests_are_read_strictly() {
        for good in [
            json!({"query": "{a}"}),
            json!({"query": "{a}", "variables": null, "operationName": null, "extensions": null}),
            json!({"documentId": "sha256:00", "variables": {"a": 1}}),
            json!({"extensions": {"persistedQuery": {"version": 1}}}),
        ] {
            assert!(RawRequest::of_value(good.clone()).is_ok(), "{good}");
        }
        for bad in [
            json!([{"query": "{a}"}]),
            json!({}),
            json!({"query": 1}),
            json!({"query": "{a}", "variables": "{}"}),
            json!({"query": "{a}", "operationName": ["a"]}),
            json!({"query": "{a}", "extensions": 0}),
        ] {
            assert!(RawRequest::of_value(bad.clone()).is_err(), "{bad}");
        }
        assert!(RawRequest::of_json(b"{").is_err());
    }

    #[test]
    fn a_uri_says_the_same() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let asked = RawRequest::of_query(vec![pair("query", "{a}"), pair("variables", "{\"a\": [1]}")]).expect("read");
        assert_eq!(asked, RawRequest::of_value(json!({"query": "{a}", "variables": {"a": [1]}})).expect("read"));
        assert!(RawRequest::of_query(vec![pair("query", "{a}"), pair("variables", "a")]).is_err());
        assert!(RawRequest::of_query(vec![pair("query", "{a}"), pair("query", "{b}")]).is_err());
    }
}
