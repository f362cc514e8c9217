//! The names of the OpenTelemetry semantic conventions that spans and metrics here bear.

pub use opentelemetry_semantic_conventions::attribute::{
    ERROR_TYPE, HTTP_REQUEST_METHOD, HTTP_RESPONSE_STATUS_CODE, HTTP_ROUTE, MESSAGING_CONSUMER_GROUP_NAME,
    MESSAGING_DESTINATION_NAME, MESSAGING_MESSAGE_ID, MESSAGING_OPERATION_NAME, MESSAGING_OPERATION_TYPE,
    MESSAGING_SYSTEM, RPC_METHOD, RPC_RESPONSE_STATUS_CODE, RPC_SYSTEM_NAME, SERVER_ADDRESS, URL_PATH, URL_SCHEME,
};
/// What a method is recorded as that is none of those known.
pub const OTHER: &str = "_OTHER";

pub use opentelemetry_semantic_conventions::metric::{
    HTTP_SERVER_REQUEST_DURATION, MESSAGING_PROCESS_DURATION, RPC_CLIENT_CALL_DURATION, RPC_SERVER_CALL_DURATION,
};
