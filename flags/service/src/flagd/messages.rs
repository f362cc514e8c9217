//! Messages of `flagd.evaluation.v1`, `flagd.evaluation.v2` and `flagd.sync.v1`, by the numbers of their fields
//! (open-feature/flagd-schemas, `protobuf`).

use std::collections::HashMap;

use axum::body::Bytes;
use prost_types::Struct;

/// `Resolve…Request`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ResolveRequest {
    #[prost(string, tag = "1")]
    pub(super) flag_key: String,
    #[prost(message, optional, tag = "2")]
    pub(super) context: Option<Struct>,
}

macro_rules! responses {
    ($(($name:ident, $kind:ident, $value:ty)),*) => {
        $(
            /// A flag's value. v1 reads a field that is not there as its default, so one message does for both versions.
            #[derive(Clone, PartialEq, prost::Message)]
            pub(super) struct $name {
                #[prost($kind, optional, tag = "1")]
                pub(super) value: Option<$value>,
                #[prost(string, tag = "2")]
                pub(super) reason: String,
                #[prost(string, optional, tag = "3")]
                pub(super) variant: Option<String>,
                #[prost(message, optional, tag = "4")]
                pub(super) metadata: Option<Struct>,
            }
        )*
    };
}

responses!(
    (BooleanResponse, bool, bool),
    (StringResponse, string, String),
    (FloatResponse, double, f64),
    (IntResponse, int64, i64),
    (ObjectResponse, message, Struct)
);

/// `ResolveAllRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ResolveAllRequest {
    #[prost(message, optional, tag = "1")]
    pub(super) context: Option<Struct>,
}

/// `ResolveAllResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ResolveAllResponse {
    #[prost(map = "string, message", tag = "1")]
    pub(super) flags: HashMap<String, AnyFlag>,
    #[prost(message, optional, tag = "2")]
    pub(super) metadata: Option<Struct>,
}

/// `AnyFlag`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct AnyFlag {
    #[prost(string, tag = "1")]
    pub(super) reason: String,
    #[prost(string, tag = "2")]
    pub(super) variant: String,
    #[prost(oneof = "AnyValue", tags = "3, 4, 5, 6")]
    pub(super) value: Option<AnyValue>,
    #[prost(message, optional, tag = "7")]
    pub(super) metadata: Option<Struct>,
}

/// The value of an `AnyFlag`.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum AnyValue {
    #[prost(bool, tag = "3")]
    Bool(bool),
    #[prost(string, tag = "4")]
    Text(String),
    #[prost(double, tag = "5")]
    Number(f64),
    #[prost(message, tag = "6")]
    Object(Struct),
}

/// `EventStreamRequest`.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(super) struct EventStreamRequest {}

/// `EventStreamResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct EventStreamResponse {
    #[prost(string, tag = "1")]
    pub(super) r#type: String,
    #[prost(message, optional, tag = "2")]
    pub(super) data: Option<Struct>,
}

/// `SyncFlagsRequest` and `FetchAllFlagsRequest`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(super) struct SyncRequest {
    #[prost(string, tag = "1")]
    pub(super) provider_id: String,
    #[prost(string, tag = "2")]
    pub(super) selector: String,
}

/// `SyncFlagsResponse`, and `FetchAllFlagsResponse`, which has the first field only.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct SyncResponse {
    /// A string to its reader. As bytes, one text is shared by all who are sent it.
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) flag_configuration: Bytes,
    #[prost(message, optional, tag = "2")]
    pub(super) sync_context: Option<Struct>,
}

/// `GetMetadataRequest`.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(super) struct MetadataRequest {}

/// `GetMetadataResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct MetadataResponse {
    #[prost(message, optional, tag = "2")]
    pub(super) metadata: Option<Struct>,
}
