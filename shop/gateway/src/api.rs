//! One list of operations, from which both the router and the OpenAPI document are made, so that they cannot differ.

mod document;

use std::sync::Arc;

use axum::handler::Handler;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodFilter, MethodRouter, on};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use vitrine_platform_http::{Router, conditional, untagged};

use crate::Gateway;
use crate::guard::{self, Access};

/// Where all operations live.
const BASE: &str = "/api/v1";
/// The media type of almost everything.
pub(crate) const JSON: &str = "application/json";

pub(crate) type MakeSchema = fn(&mut SchemaGenerator) -> Schema;
type MakeRoute = Box<dyn FnOnce(MethodFilter) -> MethodRouter<Arc<Gateway>>>;

/// A header of a request.
#[derive(Clone, Copy)]
pub(crate) struct Header {
    pub(crate) name: &'static str,
    pub(crate) required: bool,
    pub(crate) meaning: &'static str,
    pub(crate) schema: MakeSchema,
}

/// One operation.
pub(crate) struct Operation {
    method: MethodFilter,
    verb: &'static str,
    path: &'static str,
    summary: &'static str,
    access: Access,
    /// What the variable of the path may be.
    id: Option<MakeSchema>,
    /// An object, whose properties are the parameters.
    query: Option<MakeSchema>,
    headers: &'static [Header],
    body: Option<MakeSchema>,
    status: u16,
    /// Another status with a body, of what is under way.
    accepted: Option<MakeSchema>,
    media_type: &'static str,
    returned: Option<MakeSchema>,
    has_etag: bool,
    has_location: bool,
    /// Statuses that this operation has beyond what its shape says.
    also: &'static [u16],
    route: Option<MakeRoute>,
}

impl Operation {
    fn new(method: MethodFilter, verb: &'static str, path: &'static str, summary: &'static str) -> Self {
        Self {
            method,
            verb,
            path,
            summary,
            access: Access::Public,
            id: None,
            query: None,
            headers: &[],
            body: None,
            status: 200,
            accepted: None,
            media_type: JSON,
            returned: None,
            has_etag: false,
            has_location: false,
            also: &[],
            route: None,
        }
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

    /// What the path's variable is.
    pub(crate) fn id<T: JsonSchema>(mut self) -> Self {
        self.id = Some(|generator| generator.subschema_for::<T>());
        self
    }

    /// Query parameters: the fields of what they are read into.
    pub(crate) fn query<T: JsonSchema>(mut self) -> Self {
        self.query = Some(|generator| T::json_schema(generator));
        self
    }

    /// Request headers.
    pub(crate) fn headers(mut self, headers: &'static [Header]) -> Self {
        self.headers = headers;
        self
    }

    /// The request's body.
    pub(crate) fn body<T: JsonSchema>(mut self) -> Self {
        self.body = Some(|generator| generator.subschema_for::<T>());
        self
    }

    /// The status and the body that it returns.
    pub(crate) fn returns<T: JsonSchema>(mut self, status: u16) -> Self {
        self.status = status;
        self.returned = Some(|generator| generator.subschema_for::<T>());
        self
    }

    /// The body that it returns with 202, of what is not done yet.
    pub(crate) fn accepts<T: JsonSchema>(mut self) -> Self {
        self.accepted = Some(|generator| generator.subschema_for::<T>());
        self
    }

    /// The body is of another media type than JSON.
    pub(crate) fn media_type(mut self, media_type: &'static str) -> Self {
        self.media_type = media_type;
        self
    }

    /// The status that it returns, without a body.
    pub(crate) fn returns_nothing(mut self) -> Self {
        self.status = 204;
        self
    }

    /// What it returns carries an `ETag`.
    pub(crate) fn tagged(mut self) -> Self {
        self.has_etag = true;
        self
    }

    /// What it returns carries a `Location`.
    pub(crate) fn located(mut self) -> Self {
        self.has_location = true;
        self
    }

    /// Statuses that this operation has beyond what its shape says.
    pub(crate) fn also(mut self, statuses: &'static [u16]) -> Self {
        self.also = statuses;
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

    fn takes(&self, header: &str) -> bool {
        self.headers.iter().any(|taken| taken.name == header)
    }
}

/// All operations.
pub(crate) struct Operations(pub(crate) Vec<Operation>);

impl Operations {
    /// The routes, each behind its guard.
    pub(crate) fn router(self, gateway: &Arc<Gateway>) -> Router<Arc<Gateway>> {
        let mut router = Router::new();
        for operation in self.0 {
            let judges_itself = operation.takes("If-Match");
            let Some(route) = operation.route else { continue };
            let mut route = route(operation.method);
            if operation.verb != "get" && !judges_itself {
                route = route.layer(from_fn(untagged));
            }
            // Around what there is, and not around what there is not: a method that is not allowed is that, whatever else is wrong.
            let guarded = route
                .layer(from_fn_with_state((gateway.clone(), operation.access), guard::admit))
                .layer(from_fn(conditional));
            router = router.route(&format!("{BASE}{}", operation.path), guarded);
        }
        router
    }
}
