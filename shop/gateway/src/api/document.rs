//! The OpenAPI document: what each operation takes, and everything that it returns, refusals included.

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::{BASE, JSON, Operation, Operations};
use crate::dto::Problem;
use crate::guard::Access;

/// A status with a problem document, what it is called among the components, and when it comes.
struct Refusal(u16, &'static str, &'static str);

const REFUSALS: &[Refusal] = &[
    Refusal(400, "Malformed", "Malformed: `field` says where, `expected` what was expected"),
    Refusal(401, "Unauthenticated", "No access token, or one that is not good"),
    Refusal(402, "Declined", "The card was declined, or the bank's challenge was not passed"),
    Refusal(403, "Forbidden", "Not yours to do"),
    Refusal(404, "NotFound", "Not there, or not yours to see"),
    Refusal(408, "Late", "The request did not come in time"),
    Refusal(
        409,
        "Conflict",
        "Sold out; dearer than `max_total` or quoted; the cart is being bought, or has changed; the address is taken",
    ),
    Refusal(412, "NotMatched", "It is not as `If-Match` or `If-None-Match` has it"),
    Refusal(413, "TooLarge", "The body is too large"),
    Refusal(414, "TargetTooLong", "The request's target is too long"),
    Refusal(415, "UnsupportedMedia", "The body is not JSON, or compressed"),
    Refusal(422, "Unprocessable", "Well formed, and the state of things does not allow it"),
    Refusal(428, "UnconditionalChange", "Say with `If-Match` which version you saw"),
    Refusal(429, "TooManyRequests", "Too many requests"),
    Refusal(431, "HeadersTooLarge", "The request's headers are too large"),
    Refusal(500, "Broken", "Something went wrong on the shop's side"),
    Refusal(503, "Unavailable", "Try again: with the same key it cannot happen twice"),
    Refusal(504, "TimedOut", "No answer in time; try again: with the same key it cannot happen twice"),
];

/// Statuses that any request may be refused with.
const ALWAYS: &[u16] = &[400, 408, 412, 414, 429, 431, 500, 503, 504];

impl Operation {
    /// Every status that it is refused with.
    fn refused_with(&self, status: u16) -> bool {
        let writes = self.verb != "get";
        match status {
            401 | 403 => self.access != Access::Public,
            404 => self.id.is_some() || writes || self.access == Access::Customer,
            409 | 422 => writes,
            413 | 415 => self.body.is_some(),
            428 => self.headers.iter().any(|header| header.name == "If-Match" && header.required),
            _ => ALWAYS.contains(&status),
        }
    }

    fn responses(&self, generator: &mut SchemaGenerator) -> Value {
        let mut responses = Map::new();
        let mut done = json!({"description": "Done"});
        if let Some(returned) = self.returned {
            done["content"] = json!({self.media_type: {"schema": returned(generator)}});
        }
        let mut headers = json!({"x-trace-id": {"$ref": "#/components/headers/TraceId"}});
        if self.has_etag {
            headers["ETag"] = json!({"$ref": "#/components/headers/ETag"});
        }
        if self.has_location {
            headers["Location"] = json!({"$ref": "#/components/headers/Location"});
        }
        done["headers"] = headers;
        responses.insert(self.status.to_string(), done);
        if let Some(accepted) = self.accepted {
            let not_yet = json!({
                "description": "Not done yet",
                "headers": {"x-trace-id": {"$ref": "#/components/headers/TraceId"}},
                "content": {JSON: {"schema": accepted(generator)}},
            });
            responses.insert("202".to_owned(), not_yet);
        }
        if self.takes("If-None-Match") {
            responses.insert("304".to_owned(), json!({"$ref": "#/components/responses/NotModified"}));
        }
        for Refusal(status, name, _) in REFUSALS {
            if self.refused_with(*status) || self.also.contains(status) {
                let reference = format!("#/components/responses/{name}");
                responses.insert(status.to_string(), json!({"$ref": reference}));
            }
        }
        responses.into()
    }

    fn parameters(&self, generator: &mut SchemaGenerator) -> Vec<Value> {
        let mut parameters = Vec::new();
        let in_path = self.path.split('/').find_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        if let Some((name, id)) = in_path.zip(self.id) {
            parameters.push(json!({"name": name, "in": "path", "required": true, "schema": id(generator)}));
        }
        if let Some(query) = self.query {
            let query = query(generator).to_value();
            let required = query["required"].as_array().cloned().unwrap_or_default();
            for (name, schema) in query["properties"].as_object().into_iter().flatten() {
                let mut schema = schema.clone();
                let meaning = schema.as_object_mut().and_then(|schema| schema.remove("description"));
                let mut parameter = json!({
                    "name": name,
                    "in": "query",
                    "required": required.iter().any(|required| required == name),
                    "schema": schema,
                });
                if let Some(meaning) = meaning {
                    parameter["description"] = meaning;
                }
                parameters.push(parameter);
            }
        }
        for header in self.headers {
            parameters.push(json!({
                "name": header.name,
                "in": "header",
                "required": header.required,
                "description": header.meaning,
                "schema": (header.schema)(generator),
            }));
        }
        parameters
    }

    fn describe(&self, generator: &mut SchemaGenerator) -> Value {
        let mut operation = json!({
            "summary": self.summary,
            "operationId": self.operation_id(),
            "tags": [self.path.split('/').nth(1).unwrap_or_default()],
            "parameters": self.parameters(generator),
            "responses": self.responses(generator),
        });
        if let Some(body) = self.body {
            operation["requestBody"] =
                json!({"required": true, "content": {"application/json": {"schema": body(generator)}}});
        }
        if self.access != Access::Public {
            operation["security"] = json!([{"bearer": []}, {"oauth": []}]);
            operation["description"] = json!(self.access.meaning());
        }
        operation
    }

    fn operation_id(&self) -> String {
        let words = self.path.split(['/', '.', '-']).filter(|w| !w.is_empty()).map(|w| w.trim_matches(['{', '}']));
        words.fold(self.verb.to_owned(), |id, word| format!("{id}_{word}"))
    }
}

/// The components that operations share.
fn components(server: &str, schemas: Map<String, Value>) -> Value {
    let mut responses = Map::new();
    let header = |name: &str| json!({"$ref": format!("#/components/headers/{name}")});
    responses.insert(
        "NotModified".to_owned(),
        json!({"description": "What the reader has is current", "headers": {"ETag": header("ETag"), "x-trace-id": header("TraceId")}}),
    );
    for Refusal(status, name, when) in REFUSALS {
        let mut response = json!({
            "description": when,
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        });
        match status {
            401 => response["headers"] = json!({"WWW-Authenticate": header("Challenge")}),
            429 => response["headers"] = json!({"Retry-After": header("RetryAfter")}),
            _ => {}
        }
        responses.insert((*name).to_owned(), response);
    }
    let text = |meaning: &str, pattern: &str| json!({"description": meaning, "required": true, "schema": {"type": "string", "pattern": pattern}});
    json!({
        "schemas": schemas,
        "responses": responses,
        "headers": {
            "ETag": text("Which version this is; give it as `If-Match`", r#"^"[!#-~]+"$"#),
            "Location": text("Where what was made is", "^/"),
            "TraceId": {"description": "The trace that shows what happened", "schema": {"type": "string", "pattern": "^[0-9a-f]{32}$"}},
            "Challenge": text("RFC 6750, section 3", "^Bearer "),
            "RetryAfter": {"description": "How many seconds to wait", "schema": {"type": "integer", "minimum": 0}},
        },
        "securitySchemes": {
            "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            "oauth": {"type": "openIdConnect", "openIdConnectUrl": format!("{server}/.well-known/openid-configuration")},
        },
    })
}

impl Operations {
    /// The OpenAPI 3.1 document.
    pub(crate) fn document(&self, server: &str) -> Value {
        let mut generator =
            SchemaSettings::draft2020_12().with(|s| s.definitions_path = "/components/schemas".into()).into_generator();
        let mut paths: Map<String, Value> = Map::new();
        for operation in &self.0 {
            let path = paths.entry(format!("{BASE}{}", operation.path)).or_insert_with(|| json!({}));
            path[operation.verb] = operation.describe(&mut generator);
        }
        generator.subschema_for::<Problem>();
        json!({
            "openapi": "3.1.0",
            "info": {
                "title": "Vitrine",
                "version": env!("CARGO_PKG_VERSION"),
                "summary": "A shop made of glass",
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "servers": [{"url": server}],
            "paths": paths,
            "components": components(server, generator.take_definitions(true)),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::Value;

    use crate::routes::all;

    /// Where the document in the repository says that the shop is.
    const EXAMPLE: &str = "https://shop.example";

    #[test]
    fn the_document_names_every_operation_once_and_all_components_are_there() {
        let document = all().document(EXAMPLE);
        assert_eq!(document["openapi"], "3.1.0");
        let paths = document["paths"].as_object().expect("paths");
        let operations: Vec<&Value> = paths.values().filter_map(Value::as_object).flat_map(|p| p.values()).collect();
        assert_eq!(operations.len(), all().0.len());
        let mut ids: Vec<&str> = operations.iter().filter_map(|o| o["operationId"].as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), operations.len());
        let text = document.to_string();
        for reference in text.split("\"#/").skip(1).filter_map(|t| t.split('"').next()) {
            assert!(document.pointer(&format!("/{reference}")).is_some(), "{reference}");
        }
        assert!(document["paths"]["/api/v1/orders"]["post"]["security"].is_array());
    }

    #[test]
    fn every_variable_of_a_path_and_every_body_is_described() {
        let document = all().document(EXAMPLE);
        for (path, operations) in document["paths"].as_object().expect("paths") {
            for (verb, operation) in operations.as_object().expect("operations") {
                let parameters = operation["parameters"].as_array().expect("parameters");
                let in_path = parameters.iter().filter(|p| p["in"] == "path").count();
                assert_eq!(in_path, path.matches('{').count(), "{verb} {path}");
                let success =
                    operation["responses"].as_object().expect("responses").iter().find(|(s, _)| s.starts_with('2'));
                let (status, done) = success.expect("a success");
                assert_eq!(status == "204", done["content"].is_null(), "{verb} {path}");
            }
        }
    }

    /// UPDATE=1 writes it again.
    #[test]
    fn the_document_in_the_repository_is_this_one() {
        let record = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
        let document = serde_json::to_string_pretty(&all().document(EXAMPLE)).expect("JSON") + "\n";
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&record, &document).expect("written");
        }
        let known = std::fs::read_to_string(&record).expect("docs/openapi.json");
        assert!(
            known == document,
            "the API's document has changed. If that is meant: UPDATE=1 cargo test -p vitrine-shop-gateway document"
        );
    }
}
