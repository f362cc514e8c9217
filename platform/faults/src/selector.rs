//! Which calls of a site a fault means: compiled once, when it is armed.

use vitrine_contracts::METHODS;
use vitrine_platform_telemetry::{Baggage, Context};

use crate::coin::subject_of;
use crate::effect::{At, StoreOp};
use crate::fault::{BaggageMatch, Fault, ShareOf, Target};
use crate::message::{FieldPath, Side, Value};

/// The field of a request that says whose it is.
pub(crate) const USER_FIELD: &str = "customer_id";
/// The field of a request that says what it is about.
pub(crate) const PRODUCT_FIELD: &str = "product_id";

/// What comes by at a site, as far as it is known there.
#[derive(Clone, Copy, Default)]
pub struct Call<'a> {
    /// Its trace; 0 outside of any.
    pub trace_id: u128,
    /// The current span; 0 outside of any.
    pub span_id: u64,
    /// A gRPC path, `/vitrine.carts.v1.CartsService/GetCart`; at the edge a route, `GET /api/v1/products`; else empty.
    pub path: &'a str,
    /// A topic, a collection or a cache's key; else empty.
    pub key: &'a str,
    /// At a store: what is asked.
    pub op: Option<StoreOp>,
    /// The request's message, without its frame; empty where there is none, or it cannot be read.
    pub message: &'a [u8],
    /// What travels along with it.
    pub baggage: Option<&'a Baggage>,
}

impl<'a> Call<'a> {
    /// What a context says of a call; what it asks, and of what, is still to be said.
    pub fn within(context: &'a Context) -> Self {
        let (trace_id, span_id) = context.ids();
        Self { trace_id, span_id, baggage: Some(context.baggage()), ..Self::default() }
    }
}

impl std::fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").field("path", &self.path).field("key", &self.key).finish_non_exhaustive()
    }
}

/// Whether a text is what a pattern says: itself, or anything that begins as what is before a `*` at the end.
pub(crate) fn is_like(pattern: &str, text: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == text, |begin| text.starts_with(begin))
}

/// Whether a list that may be empty, for any, names a text.
pub(crate) fn names(list: &[String], text: &str) -> bool {
    list.is_empty() || list.iter().any(|pattern| is_like(pattern, text))
}

/// A method's name without its contract.
pub(crate) fn bare_method(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The service that a contract's path belongs to: `/vitrine.carts.v1.…` is of `carts`.
pub(crate) fn service_of(path: &str) -> Option<&str> {
    path.strip_prefix("/vitrine.")?.split('.').next()
}

/// The methods of a service that may be faulted and that a target names.
pub(crate) fn methods_of<'a>(target: &'a Target, service: &'a str) -> impl Iterator<Item = &'static str> + 'a {
    let named = METHODS.iter().filter(move |m| m.may_be_faulted && service_of(m.path) == Some(service));
    named.map(|m| m.path).filter(|path| names(&target.method, bare_method(path)))
}

/// What a method's request must be, and where its subject is.
#[derive(Debug)]
struct OfMethod {
    fields: Vec<(FieldPath, Vec<Value>, bool)>,
    subject: Option<FieldPath>,
}

/// The calls that a fault means at one site.
#[derive(Debug)]
pub(crate) struct Selector {
    /// By path; none where any call is meant that is no method of a contract.
    methods: Option<Vec<(&'static str, OfMethod)>>,
    /// At the edge: patterns of routes.
    routes: Vec<String>,
    key: Option<String>,
    is_prefix: bool,
    op: Option<StoreOp>,
    baggage: Vec<BaggageMatch>,
    share_of: ShareOf,
}

impl Selector {
    /// Compiles a fault's target for the calls of a service.
    pub(crate) fn new(fault: &Fault, at: At, service: &str, op: Option<StoreOp>) -> Self {
        let target = &fault.target;
        let is_called = matches!(at, At::Caller | At::Callee);
        // At a store and at a cache the method is that of the call within which they are asked.
        let has_methods = is_called || (!target.method.is_empty() && matches!(at, At::Store | At::Cache));
        let methods = has_methods.then(|| {
            let of_method = |path: &'static str| Some((path, OfMethod::new(fault, path)?));
            methods_of(target, service).filter_map(of_method).collect()
        });
        let key = match at {
            At::Consumer => target.topic.clone(),
            At::Store => target.collection.clone(),
            At::Cache => target.key_prefix.clone(),
            _ => None,
        };
        let routes = if at == At::Edge { target.method.clone() } else { Vec::new() };
        let (baggage, share_of) = (target.baggage.clone(), fault.share.of);
        Self { methods, routes, key, is_prefix: at == At::Cache, op, baggage, share_of }
    }

    /// Whether it names a call; if so, its subject. `number` is the call's at its site, `instance` stands for the process.
    pub(crate) fn subject(&self, call: &Call<'_>, number: u64, instance: u64) -> Option<u64> {
        let of_method = match &self.methods {
            // A service has few methods: to compare them is quicker than to hash one.
            Some(methods) => Some(methods.iter().find(|(path, _)| *path == call.path).map(|(_, method)| method)?),
            None => None,
        };
        let is_key = self
            .key
            .as_ref()
            .is_none_or(|key| if self.is_prefix { call.key.starts_with(key.as_str()) } else { call.key == key });
        if !is_key || self.op.is_some_and(|op| call.op != Some(op)) || !names(&self.routes, call.path) {
            return None;
        }
        let in_baggage = |wanted: &BaggageMatch| {
            let found = call.baggage.and_then(|baggage| baggage.get(&wanted.key));
            found.is_some_and(|value| wanted.one_of.iter().any(|one| one == value))
        };
        if !of_method.is_none_or(|method| method.is_meant(call.message)) || !self.baggage.iter().all(in_baggage) {
            return None;
        }
        Some(match self.share_of {
            ShareOf::Traces if call.trace_id != 0 => call.trace_id as u64,
            // Outside of a trace each call is its own.
            ShareOf::Traces | ShareOf::Calls => number,
            ShareOf::Instances => instance,
            ShareOf::Users | ShareOf::Products => subject_of(&of_method?.subject.as_ref()?.text(call.message)?),
        })
    }
}

impl OfMethod {
    /// None where the method's request does not have what the fault looks at: then it is not meant.
    fn new(fault: &Fault, path: &str) -> Option<Self> {
        let mut fields = Vec::new();
        for wanted in &fault.target.request {
            let field = FieldPath::of(path, Side::Request, &wanted.field)?;
            let is_in = !wanted.one_of.is_empty();
            let texts = if is_in { &wanted.one_of } else { &wanted.not_in };
            let values = texts.iter().map(|text| field.value(text)).collect::<Option<_>>()?;
            fields.push((field, values, is_in));
        }
        let subject = match fault.share.of {
            ShareOf::Users => Some(FieldPath::of(path, Side::Request, USER_FIELD)?),
            ShareOf::Products => Some(FieldPath::of(path, Side::Request, PRODUCT_FIELD)?),
            _ => None,
        };
        Some(Self { fields, subject })
    }

    fn is_meant(&self, message: &[u8]) -> bool {
        self.fields.iter().all(|(field, values, is_in)| field.any(message, |value| values.contains(value)) == *is_in)
    }
}

/// Whether a fault can mean any method of a service: none of them may have what it looks at.
pub(crate) fn means_a_method(fault: &Fault, service: &str) -> bool {
    methods_of(&fault.target, service).any(|path| OfMethod::new(fault, path).is_some())
}
