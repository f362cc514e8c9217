//! flagd's services over gRPC and Connect, message by message.

use std::sync::Arc;

use std::collections::BTreeMap;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::BodyExt;
use prost::Message;
use prost_types::value::Kind;
use prost_types::{Struct, Value};
use tempfile::TempDir;
use tower::ServiceExt;
use vitrine_flags_service::faults::FaultControl;
use vitrine_flags_service::{Access, Author, FlagStore, Import, NoObservatory, Role, error_format, router};
use vitrine_kit::clock::Clock;
use vitrine_platform_http::{Router, nowhere};
use vitrine_platform_store::Storage;

const DEFINITIONS: &str = r#"{"flags": {
    "bool": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on"},
    "int": {"state": "ENABLED", "variants": {"many": 10}, "defaultVariant": "many"},
    "object": {"state": "ENABLED", "variants": {"a": {"n": [1.5]}}, "defaultVariant": "a"},
    "rule": {"state": "ENABLED", "variants": {"de": "hallo", "en": "hello"}, "defaultVariant": "en", "description": "ours",
        "targeting": {"if": [{"$ref": "german"}, "de"]}},
    "off": {"state": "DISABLED", "variants": {"on": true}, "defaultVariant": "on"},
    "code": {"state": "ENABLED", "variants": {"on": true}, "defaultVariant": null},
    "wrong": {"state": "ENABLED", "variants": {"on": true}, "targeting": {"cat": ["no", "where"]}}
}, "$evaluators": {"german": {"in": [{"var": "address.country"}, ["DE", "CH"]]}}, "metadata": {"flagSetId": "shop"}}"#;

#[derive(Clone, PartialEq, Message)]
struct ResolveRequest {
    #[prost(string, tag = "1")]
    flag_key: String,
    #[prost(message, optional, tag = "2")]
    context: Option<Struct>,
}

#[derive(Clone, PartialEq, Message)]
struct BooleanResponse {
    #[prost(bool, optional, tag = "1")]
    value: Option<bool>,
    #[prost(string, tag = "2")]
    reason: String,
    #[prost(string, optional, tag = "3")]
    variant: Option<String>,
    #[prost(message, optional, tag = "4")]
    metadata: Option<Struct>,
}

/// A response whose value is a text.
#[derive(Clone, PartialEq, Message)]
struct StringResponse {
    #[prost(string, tag = "1")]
    value: String,
    #[prost(string, tag = "2")]
    reason: String,
}

/// A response whose value is a whole number.
#[derive(Clone, PartialEq, Message)]
struct IntResponse {
    #[prost(int64, tag = "1")]
    value: i64,
}

/// `EventStreamResponse`, and with its first field alone `FetchAllFlagsResponse`.
#[derive(Clone, PartialEq, Message)]
struct Event {
    #[prost(string, tag = "1")]
    text: String,
    #[prost(message, optional, tag = "2")]
    data: Option<Struct>,
}

struct Served {
    flags: FlagStore,
    access: Access,
    router: Router,
    _folder: TempDir,
}

impl Served {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (clock, _) = Clock::manual(1_795_228_166_042);
        let flags = FlagStore::open(&Storage::Folder(folder.path().into()), clock).await.expect("opened");
        let mode = vitrine_flags_engine::Mode::Strict;
        flags.import(author(), DEFINITIONS, Import::Merge, mode).await.expect("imported");
        let access = Access::open(&flags).await.expect("tokens");
        let faults = FaultControl::open(&flags, Clock::system(), Arc::new(NoObservatory)).await.expect("faults");
        let router = nowhere(router(&flags, &access, &faults), error_format);
        Self { flags, access, router, _folder: folder }
    }

    async fn open(&self, path: &str, headers: &[(&str, &str)], body: Bytes) -> http::Response<Body> {
        let mut request = Request::builder().method("POST").uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.router.clone().oneshot(request.body(Body::from(body)).expect("a request")).await.expect("an answer")
    }

    /// The message of an answer over gRPC, or its code.
    async fn call<R: Message + Default>(
        &self,
        path: &str,
        message: &impl Message,
        more: &[(&str, &str)],
    ) -> Result<R, i32> {
        let headers = [&[("content-type", "application/grpc"), ("te", "trailers")], more].concat();
        let response = self.open(path, &headers, framed(message)).await;
        if let Some(code) = code(response.headers()) {
            return Err(code);
        }
        let body = response.into_body().collect().await.expect("a body");
        match body.trailers().and_then(code) {
            Some(0) => Ok(R::decode(body.to_bytes().slice(5..)).expect("a message")),
            code => Err(code.expect("a code")),
        }
    }
}

fn author() -> Author {
    Author { who: "test".to_owned(), why: "a test".to_owned() }
}

fn code(headers: &HeaderMap) -> Option<i32> {
    headers.get("grpc-status")?.to_str().ok()?.parse().ok()
}

fn framed(message: &impl Message) -> Bytes {
    let bytes = message.encode_to_vec();
    let length = u32::try_from(bytes.len()).expect("short").to_be_bytes();
    [&[0][..], &length, &bytes].concat().into()
}

fn text(text: &str) -> Value {
    Value { kind: Some(Kind::StringValue(text.to_owned())) }
}

fn object<const N: usize>(members: [(&str, Value); N]) -> Struct {
    Struct { fields: members.map(|(name, value)| (name.to_owned(), value)).into_iter().collect() }
}

fn ask(key: &str) -> ResolveRequest {
    ResolveRequest { flag_key: key.to_owned(), context: None }
}

#[tokio::test]
async fn flags_are_resolved_over_grpc() {
    let served = Served::new().await;
    for service in ["flagd.evaluation.v1", "schema.v1", "flagd.evaluation.v2"] {
        let path = |method: &str| format!("/{service}.Service/{method}");
        let told: BooleanResponse = served.call(&path("ResolveBoolean"), &ask("bool"), &[]).await.expect("a value");
        assert_eq!((told.value, told.reason.as_str(), told.variant.as_deref()), (Some(true), "STATIC", Some("on")));
        assert_eq!(told.metadata, Some(object([("flagSetId", text("shop"))])));
        let told: IntResponse = served.call(&path("ResolveInt"), &ask("int"), &[]).await.expect("a value");
        assert_eq!(told.value, 10);
        let address = Value { kind: Some(Kind::StructValue(object([("country", text("CH"))]))) };
        let german = ResolveRequest { context: Some(object([("address", address)])), ..ask("rule") };
        let told: StringResponse = served.call(&path("ResolveString"), &german, &[]).await.expect("a value");
        assert_eq!((told.value.as_str(), told.reason.as_str()), ("hallo", "TARGETING_MATCH"));
        let told: Event = served
            .call(&path("ResolveObject"), &ask("object"), &[])
            .await
            .map(|told: ObjectResponse| Event { text: told.reason, data: told.value })
            .expect("a value");
        assert!(told.data.is_some_and(|data| data.fields.contains_key("n")));
        let told: BooleanResponse = served.call(&path("ResolveBoolean"), &ask("off"), &[]).await.expect("no value");
        assert_eq!((told.value, told.reason.as_str(), told.variant), (None, "DISABLED", None));
        // NOT_FOUND, INVALID_ARGUMENT, INTERNAL, which stock clients do not try again.
        for (method, key, expected) in
            [("ResolveBoolean", "none", 5), ("ResolveString", "bool", 3), ("ResolveBoolean", "wrong", 13)]
        {
            assert_eq!(served.call::<BooleanResponse>(&path(method), &ask(key), &[]).await, Err(expected), "{key}");
        }
        let code = served.call::<BooleanResponse>(&path("ResolveBoolean"), &ask("code"), &[]).await;
        match service {
            "flagd.evaluation.v2" => {
                assert_eq!(code.map(|told| (told.value, told.reason)), Ok((None, "DEFAULT".to_owned())))
            }
            _ => assert_eq!(code, Err(5)),
        }
        assert_eq!(served.call::<BooleanResponse>(&path("Nothing"), &ask("bool"), &[]).await, Err(12));
    }
    assert_eq!(served.call::<BooleanResponse>("/flagd.evaluation.v2.Service/ResolveAll", &ask(""), &[]).await, Err(12));
    let other = [("flagd-selector", "flagSetId=other")];
    assert_eq!(
        served.call::<BooleanResponse>("/flagd.evaluation.v1.Service/ResolveBoolean", &ask("bool"), &other).await,
        Err(5)
    );
    let wrong = [("flagd-selector", "color=red")];
    assert_eq!(
        served.call::<BooleanResponse>("/flagd.evaluation.v1.Service/ResolveBoolean", &ask("bool"), &wrong).await,
        Err(3)
    );
    served.access.give("ops", Role::Admin).await.expect("a token");
    assert_eq!(
        served.call::<BooleanResponse>("/flagd.evaluation.v1.Service/ResolveBoolean", &ask("bool"), &[]).await,
        Err(16)
    );
}

#[derive(Clone, PartialEq, Message)]
struct ObjectResponse {
    #[prost(message, optional, tag = "1")]
    value: Option<Struct>,
    #[prost(string, tag = "2")]
    reason: String,
}

#[derive(Clone, PartialEq, Message)]
struct AllResponse {
    #[prost(btree_map = "string, message", tag = "1")]
    flags: BTreeMap<String, AnyFlag>,
    #[prost(message, optional, tag = "2")]
    metadata: Option<Struct>,
}

#[derive(Clone, PartialEq, Message)]
struct AnyFlag {
    #[prost(string, tag = "1")]
    reason: String,
    #[prost(string, tag = "2")]
    variant: String,
    #[prost(double, optional, tag = "5")]
    number: Option<f64>,
}

#[tokio::test]
async fn all_flags_and_definitions_are_told_over_grpc() {
    let served = Served::new().await;
    let all: AllResponse = served.call("/flagd.evaluation.v1.Service/ResolveAll", &ask(""), &[]).await.expect("flags");
    let keys: Vec<&str> = all.flags.keys().map(String::as_str).collect();
    assert_eq!(keys, ["bool", "code", "int", "object", "off", "rule"]);
    assert_eq!(
        all.flags["int"],
        AnyFlag { reason: "STATIC".to_owned(), variant: "many".to_owned(), number: Some(10.0) }
    );
    let fetched: Event =
        served.call("/flagd.sync.v1.FlagSyncService/FetchAllFlags", &ask(""), &[]).await.expect("definitions");
    // Evaluators are in their places, and nothing that clients do not know leaves.
    assert!(
        fetched.text.contains(r#""targeting":{"if":[{"in":[{"var":"address.country"},["DE","CH"]]},"de"]}"#),
        "{}",
        fetched.text
    );
    assert!(!fetched.text.contains("$ref") && !fetched.text.contains("description"));
    let metadata: Event =
        served.call("/flagd.sync.v1.FlagSyncService/GetMetadata", &ask(""), &[]).await.expect("metadata");
    assert_eq!(metadata.data, Some(Struct::default()));
}

/// The next message of a stream over gRPC or Connect, without its five bytes of frame.
async fn next(body: &mut Body) -> Bytes {
    let frame = body.frame().await.expect("a message").expect("no error");
    frame.into_data().expect("data").slice(5..)
}

#[tokio::test]
async fn streams_name_each_flag_that_changed() {
    let served = Served::new().await;
    let grpc = [("content-type", "application/grpc"), ("te", "trailers")];
    let path = "/flagd.evaluation.v1.Service/EventStream";
    let mut events = served.open(path, &grpc, framed(&ask(""))).await.into_body();
    let mut definitions =
        served.open("/flagd.sync.v1.FlagSyncService/SyncFlags", &grpc, framed(&ask(""))).await.into_body();
    let connect =
        served.open(path, &[("content-type", "application/connect+json")], Bytes::from_static(b"\0\0\0\0\x02{}")).await;
    assert_eq!(connect.headers()["content-type"], "application/connect+json");
    let mut connect = connect.into_body();
    assert_eq!(Event::decode(next(&mut events).await).expect("an event").text, "provider_ready");
    assert_eq!(next(&mut connect).await, "{\"type\":\"provider_ready\"}");
    let first = Event::decode(next(&mut definitions).await).expect("definitions").text;

    // The evaluator is another: so is the flag that names it, though nobody wrote it.
    let shared = "{\"$evaluators\": {\"german\": {\"==\": [{\"var\": \"language\"}, \"de\"]}}, \"metadata\": {\"flagSetId\": \"shop\"}}";
    served.flags.set_shared(author(), shared, 1).await.expect("written");
    let event = Event::decode(next(&mut events).await).expect("an event");
    assert_eq!(event.text, "configuration_change");
    let update = Value { kind: Some(Kind::StructValue(object([("type", text("update"))]))) };
    let flags = Value { kind: Some(Kind::StructValue(object([("rule", update)]))) };
    assert_eq!(event.data, Some(object([("flags", flags)])));
    assert_eq!(
        next(&mut connect).await,
        r#"{"type":"configuration_change","data":{"flags":{"rule":{"type":"update"}}}}"#
    );
    let second = Event::decode(next(&mut definitions).await).expect("definitions").text;
    assert!(first != second && second.contains("\"language\""), "{second}");
}

#[tokio::test]
async fn browsers_resolve_over_connect() {
    let served = Served::new().await;
    let cases = [
        (
            "v1.Service/ResolveBoolean",
            r#"{"flagKey": "bool"}"#,
            200,
            r#"{"value":true,"variant":"on","reason":"STATIC","metadata":{"flagSetId":"shop"}}"#,
        ),
        // 64 bits are a text in protobuf's JSON.
        (
            "v1.Service/ResolveInt",
            r#"{"flag_key": "int", "context": {}}"#,
            200,
            r#"{"value":"10","variant":"many","reason":"STATIC","metadata":{"flagSetId":"shop"}}"#,
        ),
        (
            "v2.Service/ResolveString",
            r#"{"flagKey": "rule", "context": {"address": {"country": "DE"}}}"#,
            200,
            r#"{"value":"hallo","variant":"de","reason":"TARGETING_MATCH","metadata":{"flagSetId":"shop"}}"#,
        ),
        (
            "v1.Service/ResolveBoolean",
            r#"{"flagKey": "none"}"#,
            404,
            r#"{"code":"not_found","message":"there is no flag \"none\""}"#,
        ),
        (
            "v1.Service/ResolveBoolean",
            r#"{"flagKey": "int"}"#,
            400,
            r#"{"code":"invalid_argument","message":"flag \"int\" has integer values: boolean was asked for"}"#,
        ),
        (
            "v1.Service/ResolveBoolean",
            "{",
            400,
            r#"{"code":"invalid_argument","message":"the body is not JSON: line 1, column 2: a name in quotes was expected, and the document ends there"}"#,
        ),
        (
            "v1.Service/ResolveBoolean",
            r#"{"context": []}"#,
            400,
            r#"{"code":"invalid_argument","message":"context is an object, and here is a list"}"#,
        ),
        ("v2.Service/ResolveAll", "{}", 501, r#"{"code":"unimplemented","message":"there is no method ResolveAll"}"#),
    ];
    let json = [("content-type", "application/json")];
    for (method, body, status, expected) in cases {
        let response =
            served.open(&format!("/flagd.evaluation.{method}"), &json, Bytes::from_static(body.as_bytes())).await;
        assert_eq!(response.status().as_u16(), status, "{method} {body}");
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        assert_eq!(String::from_utf8_lossy(&body), expected);
    }
    let response = served.open("/flagd.evaluation.v1.Service/ResolveAll", &json, Bytes::from_static(b"{}")).await;
    let body = response.into_body().collect().await.expect("a body").to_bytes();
    let all: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(
        all["flags"]["int"],
        serde_json::json!({"doubleValue": 10, "variant": "many", "reason": "STATIC", "metadata": {"flagSetId": "shop"}})
    );
    assert_eq!(all["flags"]["off"]["reason"], "DISABLED");
    assert_eq!(all["metadata"], serde_json::json!({"flagSetId": "shop"}));
    let plain =
        served.open("/flagd.evaluation.v1.Service/ResolveAll", &[("content-type", "text/plain")], Bytes::new()).await;
    assert_eq!(plain.status().as_u16(), 415);
}
