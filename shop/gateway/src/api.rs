//! One list of operations, from which both the router and the OpenAPI document are made, so that they cannot differ.

use std::sync::Arc;

use axum::handler::Handler;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodFilter, MethodRouter, on};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};
use vitrine_platform_http::{Router, untagged};

use crate::Gateway;
use crate::guard::{self, Access};

/// Where all operations live.
const BASE: &str = "/api/v1";

type MakeSchema = fn(&mut SchemaGenerator) -> Schema;
type MakeRoute = Box<dyn FnOnce(MethodFilter) -> MethodRouter<Arc<Gateway>>>;

/// One operation.
pub(crate) struct Operation {
    method: MethodFilter,
    verb: &'static str,
    path: &'static str,
    summary: &'static str,
    access: Access,
    query: &'static [(&'static str, &'static str)],
    headers: &'static [(&'static str, bool, &'static str)],
    body: Option<MakeSchema>,
    status: u16,
    answer: Option<MakeSchema>,
    route: Option<MakeRoute>,
}

impl Operation {
    fn new(method: MethodFilter, verb: &'static str, path: &'static str, summary: &'static str) -> Self {
        let (access, query, headers) = (Access::Public, &[][..], &[][..]);
        Self { method, verb, path, summary, access, query, headers, body: None, status: 200, answer: None, route: None }
    }

    pub(crate) fn get(path: &'static str, summary: &'static str) -> Self {
        Self::new(MethodFilter::GET, "get", path, summary)
    }
    pub(crate) fn post(path: &'static str, summary: &'static str) -> Self {
        Self::new(MethodFilter::POST, "post", path, summary)
    }
    pub(crate) fn put(path: &'static str, summary: &'static str) -> Self {
        Self::new(MethodFilter::PUT, "put", path, summary)
    }
    pub(crate) fn patch(path: &'static str, summary: &'static str) -> Self {
        Self::new(MethodFilter::PATCH, "patch", path, summary)
    }
    pub(crate) fn delete(path: &'static str, summary: &'static str) -> Self {
        Self::new(MethodFilter::DELETE, "delete", path, summary)
    }

    /// Who may use it.
    pub(crate) fn access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// Query parameters, each with what it means.
    pub(crate) fn query(mut self, query: &'static [(&'static str, &'static str)]) -> Self {
        self.query = query;
        self
    }

    /// Request headers: name, whether it must be there, what it means.
    pub(crate) fn headers(mut self, headers: &'static [(&'static str, bool, &'static str)]) -> Self {
        self.headers = headers;
        self
    }

    /// The request's body.
    pub(crate) fn body<T: JsonSchema>(mut self) -> Self {
        self.body = Some(|generator| generator.subschema_for::<T>());
        self
    }

    /// The answer's status and body.
    pub(crate) fn answers<T: JsonSchema>(mut self, status: u16) -> Self {
        self.status = status;
        self.answer = Some(|generator| generator.subschema_for::<T>());
        self
    }

    /// The answer's status, without a JSON body.
    pub(crate) fn answers_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Who does it.
    pub(crate) fn by<H, T>(mut self, handler: H) -> Self
    where
        H: Handler<T, Arc<Gateway>> + Sync,
        T: 'static,
    {
        self.route = Some(Box::new(move |filter| on(filter, handler)));
        self
    }

    fn describe(&self, generator: &mut SchemaGenerator) -> Value {
        let schema =
            |make: Option<MakeSchema>, generator: &mut SchemaGenerator| make.map(|make| make(generator).to_value());
        let in_path = self.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let text = json!({"type": "string"});
        let mut parameters: Vec<Value> = in_path
            .map(|name| json!({"name": name.trim_end_matches(".svg"), "in": "path", "required": true, "schema": text}))
            .collect();
        parameters.extend(
            self.query
                .iter()
                .map(|(name, meaning)| json!({"name": name, "in": "query", "description": meaning, "schema": text})),
        );
        parameters.extend(
            self.headers.iter().map(|(name, required, meaning)| {
                json!({"name": name, "in": "header", "required": required, "description": meaning, "schema": text})
            }),
        );
        let answer = schema(self.answer, generator).map_or_else(
            || json!({"description": "Done"}),
            |schema| json!({"description": "Done", "content": {"application/json": {"schema": schema}}}),
        );
        let problem = json!({"description": "Why not", "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}});
        let mut operation = json!({
            "summary": self.summary,
            "operationId": self.operation_id(),
            "tags": [self.path.split('/').nth(1).unwrap_or_default()],
            "parameters": parameters,
            "responses": {self.status.to_string(): answer, "default": problem},
        });
        if let Some(schema) = schema(self.body, generator) {
            operation["requestBody"] = json!({"required": true, "content": {"application/json": {"schema": schema}}});
        }
        if self.access != Access::Public {
            operation["security"] = json!([{"oauth": []}]);
            operation["description"] = json!(self.access.meaning());
        }
        operation
    }

    fn operation_id(&self) -> String {
        let words = self.path.split(['/', '.', '-']).filter(|w| !w.is_empty()).map(|w| w.trim_matches(['{', '}']));
        words.fold(self.verb.to_owned(), |id, word| format!("{id}_{word}"))
    }
}

/// All operations.
pub(crate) struct Operations(pub(crate) Vec<Operation>);

impl Operations {
    /// The OpenAPI 3.1 document.
    pub(crate) fn document(&self, server: &str) -> String {
        let mut generator =
            SchemaSettings::draft2020_12().with(|s| s.definitions_path = "/components/schemas".into()).into_generator();
        let mut paths: Map<String, Value> = Map::new();
        for operation in &self.0 {
            let path = paths.entry(format!("{BASE}{}", operation.path)).or_insert_with(|| json!({}));
            path[operation.verb] = operation.describe(&mut generator);
        }
        generator.subschema_for::<crate::dto::Problem>();
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
            "components": {
                "schemas": generator.take_definitions(true),
                "securitySchemes": {"oauth": {"type": "openIdConnect", "openIdConnectUrl": format!("{server}/.well-known/openid-configuration")}},
            },
        })
        .to_string()
    }

    /// The routes, each behind its guard.
    pub(crate) fn router(self, gateway: &Arc<Gateway>) -> Router<Arc<Gateway>> {
        let mut router = Router::new();
        for operation in self.0 {
            let judges_itself = operation.headers.iter().any(|(name, ..)| *name == "If-Match");
            let Some(route) = operation.route else { continue };
            let mut route = route(operation.method);
            if operation.verb != "get" && !judges_itself {
                route = route.layer(from_fn(untagged));
            }
            let guarded = route.layer(from_fn_with_state((gateway.clone(), operation.access), guard::admit));
            router = router.route(&format!("{BASE}{}", operation.path), guarded);
        }
        router
    }
}
