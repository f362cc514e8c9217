//! What receivers are sent, as their published APIs have it.

use std::io::Read as _;

use flate2::read::GzDecoder;
use serde_json::{Value, json};

use super::{DestinationDoc, Message, Outgoing, Parcel, Request, kind, options, permitted, webhook};
use crate::Config;
use crate::message::RequestFields;

const NOW: i64 = 1_795_885_200_000;

fn message(own: Value) -> Message {
    let Value::Object(fields) = own else { panic!("an object") };
    Message::read(fields, None, &RequestFields { received_at_ms: NOW, ..RequestFields::default() }).expect("a message")
}

fn doc(kind: &str) -> DestinationDoc {
    DestinationDoc {
        source_id: "src_1".to_owned(),
        kind: kind.to_owned(),
        url: "http://receiver.example/hook".to_owned(),
        measurement_id: "G-ABC123".to_owned(),
        secret: "key".to_owned(),
        consent_categories: Vec::new(),
        takes_emails: false,
        replays: 0,
    }
}

fn requests(name: &str, messages: Vec<Value>) -> Vec<Request> {
    let messages = messages.into_iter().map(message).collect();
    let parcel = Parcel { id: "evt_1".to_owned(), source_id: "src_1".to_owned(), received_at_ms: NOW, messages };
    let made = kind(name).expect("known").make(&doc(name), &Config::default()).translate(&parcel, NOW);
    made.into_iter().map(|o| if let Outgoing::Request(r) = o { r } else { panic!("a request") }).collect()
}

fn json_of(request: &Request) -> Value {
    serde_json::from_slice(&request.body).expect("JSON")
}

fn bought() -> Value {
    json!({"type": "track", "event": "Order Completed", "messageId": "order-1", "userId": "cus_1", "anonymousId": "anon-1",
        "context": {"sessionId": "s-1", "consent": {"categoryPreferences": {"advertising": true}}},
        "properties": {"order_id": "ord_1", "total": "59.00", "currency": "EUR",
            "products": [{"product_id": "prd_1", "price": "29.50", "quantity": 2}]}})
}

#[test]
fn a_webhook_is_signed_and_can_tell_repeats() {
    let some =
        |n: usize| (0..n).map(|i| json!({"type": "page", "userId": "u", "messageId": format!("m{i}")})).collect();
    let [first, second] = &requests("webhook", some(150))[..] else { panic!("two requests") };
    assert_eq!(
        (json_of(first).as_array().map(Vec::len), json_of(second).as_array().map(Vec::len)),
        (Some(100), Some(50))
    );
    let signature = first.headers["x-vitrine-signature"].to_str().expect("text").to_owned();
    let body = std::str::from_utf8(&first.body).expect("text");
    assert_eq!(signature, format!("t={},v1={}", NOW / 1000, webhook::sign("key", NOW / 1000, body)));
    assert_eq!(
        (&first.headers["idempotency-key"], &second.headers["idempotency-key"]),
        (&"evt_1-0".parse().expect("one"), &"evt_1-1".parse().expect("one"))
    );
    // Made by Python's hmac.
    assert_eq!(webhook::sign("key", 1, "x"), "fc4913c41a7bf793267e2a384f3261c9436ec2cd097bd745e7b0d99113f510ec");
}

#[test]
fn google_is_told_in_its_words() {
    let late = json!({"type": "page", "userId": "u", "timestamp": vitrine_kit::clock::rfc3339(NOW - 73 * 3_600_000)});
    let other =
        json!({"type": "track", "event": "2nd Chance!", "userId": "u", "properties": {"size": "L", "deep": {}}});
    let [purchase, second] =
        &requests("ga4", vec![bought(), late, json!({"type": "identify", "userId": "u"}), other])[..]
    else {
        panic!("two requests")
    };
    assert!(purchase.url.ends_with("/mp/collect?measurement_id=G-ABC123&api_secret=key"), "{}", purchase.url);
    let body = json_of(purchase);
    assert_eq!(
        (&body["client_id"], &body["user_id"], &body["timestamp_micros"]),
        (&json!("anon-1"), &json!("cus_1"), &json!(NOW * 1000))
    );
    assert_eq!(body["consent"]["ad_user_data"], "GRANTED");
    assert_eq!(
        body["events"],
        json!([{"name": "purchase", "params": {
        "session_id": "s-1", "engagement_time_msec": 1, "value": 59.0, "currency": "EUR", "transaction_id": "ord_1",
        "items": [{"item_id": "prd_1", "price": 29.5, "quantity": 2}]}}])
    );
    let body = json_of(second);
    assert_eq!(
        body["events"][0],
        json!({"name": "event_2nd_chance_", "params": {"engagement_time_msec": 1, "size": "L"}})
    );
    assert_eq!(body["consent"]["ad_personalization"], "DENIED");
}

#[test]
fn segment_mixpanel_and_amplitude_can_tell_repeats() {
    let [batch] = &requests("segment", vec![bought()])[..] else { panic!("one request") };
    assert_eq!(batch.headers["authorization"], "Basic a2V5Og==");
    assert_eq!(json_of(batch)["batch"][0]["messageId"], "order-1");
    assert!(json_of(batch)["batch"][0].get("receivedAt").is_none());

    let long = json!({"type": "page", "name": "Home", "anonymousId": "a", "messageId": "m_".repeat(30)});
    let [import] = &requests("mixpanel", vec![bought(), long.clone(), long])[..] else { panic!("one request") };
    let mut text = String::new();
    GzDecoder::new(&*import.body).read_to_string(&mut text).expect("gzip");
    let events: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(events[0]["properties"]["$insert_id"], "order-1");
    assert_eq!(
        (&events[0]["properties"]["distinct_id"], &events[0]["properties"]["time"]),
        (&json!("cus_1"), &json!(NOW))
    );
    let hashed = events[1]["properties"]["$insert_id"].as_str().expect("text");
    assert!(hashed.len() == 32 && events[2]["properties"]["$insert_id"] == hashed, "{events}");

    let identify = json!({"type": "identify", "userId": "u", "traits": {"plan": "gold", "email": "a@b.example"}});
    let [upload] = &requests("amplitude", vec![bought(), identify])[..] else { panic!("one request") };
    let body = json_of(upload);
    assert_eq!((&body["api_key"], &body["events"][0]["insert_id"]), (&json!("key"), &json!("order-1")));
    assert_eq!(
        (&body["events"][1]["event_type"], &body["events"][1]["user_properties"]["plan"]),
        (&json!("$identify"), &json!("gold"))
    );
}

#[test]
fn messages_switch_destinations() {
    for (integrations, expected) in [
        (json!({}), true),
        (json!({"All": false}), false),
        (json!({"all": false, "MIXPANEL": true}), true),
        (json!({"All": false, "Mixpanel": {"distinct": 1}}), true),
        (json!({"Mixpanel": false}), false),
        (json!({"Amplitude": false}), true),
    ] {
        let message = message(json!({"type": "page", "userId": "u", "integrations": integrations}));
        assert_eq!(kind("mixpanel").expect("known").is_wanted_by(&message), expected, "{integrations}");
    }
    let message =
        message(json!({"type": "page", "userId": "u", "integrations": {"Google Analytics 4": {"clientId": "c"}}}));
    assert_eq!(options(&message, "ga4")["clientId"], "c");
}

#[test]
fn without_consent_nothing_goes_and_addresses_only_where_they_may() {
    let own = json!({"type": "identify", "userId": "u", "traits": {"email": "ada@example.org"},
        "context": {"consent": {"categoryPreferences": {"analytics": true}}}});
    let to = |categories: &[&str], takes_emails| {
        let consent_categories = categories.iter().map(|c| (*c).to_owned()).collect();
        let doc = DestinationDoc { consent_categories, takes_emails, ..doc("segment") };
        permitted(&doc, kind("segment").expect("known"), message(own.clone()))
            .map(|message| message.0["traits"].clone())
    };
    assert_eq!(to(&["analytics"], false), Some(json!({})));
    assert_eq!(to(&["analytics"], true), Some(json!({"email": "ada@example.org"})));
    assert_eq!(to(&["analytics", "advertising"], true), None);
}

#[test]
fn nobody_has_the_shop_call_its_own_machines() {
    let config =
        Config { allowed_hosts: vec!["hooks.example".to_owned(), "127.0.0.1:9999".to_owned()], ..Config::default() };
    for (url, code) in [
        ("https://hooks.example/vitrine", None),
        ("http://127.0.0.1:9999/", None),
        ("http://127.0.0.1:8080/", Some("HOST_NOT_ALLOWED")),
        ("https://hooks.example@127.0.0.1/", Some("INVALID_FIELD")),
        ("file:///etc/passwd", Some("INVALID_FIELD")),
        ("", Some("INVALID_FIELD")),
    ] {
        let doc = DestinationDoc { url: url.to_owned(), ..doc("webhook") };
        let refused = kind("webhook").expect("known").check(&doc, &config).err();
        assert_eq!(refused.as_ref().map(|p| p.reason), code, "{url}");
        assert!(refused.is_none_or(|p| p.field.as_deref() == Some("destination.url")), "{url}");
    }
}
