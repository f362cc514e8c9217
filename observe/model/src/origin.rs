//! Where rows come from: the resource that sent them and the instrumentation scope.

use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Proto;
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;

/// The service of rows whose resource names none, as OpenTelemetry's SDKs call it.
pub const UNKNOWN_SERVICE: &str = "unknown_service";

/// A resource, encoded once for all rows that share it.
#[derive(Debug, Clone)]
pub struct Origin {
    pub(crate) service: String,
    pub(crate) resource: Vec<u8>,
}

/// An instrumentation scope, encoded once for all rows that share it.
#[derive(Debug, Clone)]
pub struct Scope {
    pub(crate) encoded: Vec<u8>,
}

impl Origin {
    /// Reads the service's name and encodes the resource.
    pub fn new(resource: Option<Resource>) -> Self {
        let resource = resource.unwrap_or_default();
        let name = resource.attributes.iter().find(|attribute| attribute.key == "service.name");
        let service = match name.and_then(|attribute| attribute.value.as_ref()?.value.as_ref()) {
            Some(Proto::StringValue(name)) if !name.is_empty() => name.clone(),
            _ => UNKNOWN_SERVICE.to_owned(),
        };
        Self { service, resource: resource.encode_to_vec() }
    }
}

impl Scope {
    /// Encodes the scope.
    pub fn new(scope: Option<InstrumentationScope>) -> Self {
        Self { encoded: scope.unwrap_or_default().encode_to_vec() }
    }
}
