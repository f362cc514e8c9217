//! Segments: rules with names, and who uses them.

use serde_json::{Value, json};
use vitrine_kit::percent::encode;

use crate::served::{Served, author, flag};

const SWISS: &str = r#"{"==": [{"var": "country"}, "CH"]}"#;

async fn write(served: &Served, name: &str, rule: &str, revision: u64) -> (u16, Value) {
    let path = format!("/api/v1/segments/{}?revision={revision}&why=new", encode(name));
    served.ask("PUT", &path, &[], rule).await
}

async fn delete(served: &Served, name: &str, revision: u64) -> (u16, Value) {
    served.ask("DELETE", &format!("/api/v1/segments/{name}?revision={revision}&why=gone"), &[], "").await
}

#[tokio::test]
async fn a_segment_is_written_used_and_deleted() {
    let served = Served::empty().await;
    served.flags.set_shared(author(), "{\"metadata\": {\"m\": 1.50}}", 0).await.expect("written");
    assert_eq!(write(&served, "swiss", SWISS, 1).await.0, 200);
    let neighbours = r#"{"or": [{"$ref": "swiss"}, {"==": [{"var": "country"}, "LI"]}]}"#;
    assert_eq!(write(&served, "neigh bours", neighbours, 2).await.0, 200);
    assert_eq!(write(&served, "spare", SWISS, 3).await.0, 200);
    // The rest of what flags share stays as it was written.
    assert!(
        served.flags.current().shared().0.starts_with("{\"metadata\": {\"m\": 1.50}, \"$evaluators\": {\"swiss\": ")
    );
    for (key, segment) in [("direct", "swiss"), ("through", "neigh bours")] {
        let rule = format!(r#"false}}, "targeting": {{"if": [{{"$ref": "{segment}"}}, "on"]}},"#);
        served.flags.set(author(), key, &flag("off").replace("false},", &rule), 0).await.expect("written");
    }
    let (_, body) = served.ask("GET", "/api/v1/segments", &[], "").await;
    let told: Vec<Value> =
        body["segments"].as_array().expect("segments").iter().map(|s| json!([s["name"], s["usedBy"]])).collect();
    assert_eq!(
        told,
        [
            json!(["swiss", {"flags": ["direct", "through"], "segments": ["neigh bours"]}]),
            json!(["neigh bours", {"flags": ["through"], "segments": []}]),
            json!(["spare", {"flags": [], "segments": []}]),
        ]
    );
    let (status, body) = delete(&served, "swiss", 4).await;
    let detail = r#"segment "swiss" is used by flags "direct", "through" and segments "neigh bours""#;
    assert_eq!((status, &body["detail"]), (409, &json!(detail)));
    assert_eq!(delete(&served, "spare", 4).await.0, 200);
    assert_eq!(delete(&served, "spare", 7).await.0, 404);
    // Another rule counts at once, in each flag that uses it.
    assert_eq!(write(&served, "swiss", &SWISS.replace("CH", "AT"), 7).await.0, 200);
    let (_, told) =
        served.ask("POST", "/ofrep/v1/evaluate/flags/through", &[], r#"{"context": {"country": "AT"}}"#).await;
    assert_eq!(told["value"], true, "{told}");
    assert_eq!(served.flags.verify().await.expect("read").broken, None);
}

#[tokio::test]
async fn what_is_no_segment_is_refused() {
    let served = Served::empty().await;
    for (name, rule, revision, status, detail) in [
        ("s", "{\n \"==\": [}", 0, 400, "line 2, column 9"),
        ("s", "[1]", 0, 400, "a segment is a rule"),
        ("s", r#"{"nope": 1}"#, 0, 400, "there is no operator \"nope\""),
        ("s", r#"{"$ref": "s"}"#, 0, 400, "s"),
        ("s", r#"{"$ref": "t"}"#, 0, 400, "there is no evaluator \"t\""),
        ("s", SWISS, 3, 409, "what flags share is at revision 0"),
    ] {
        let (got, body) = write(&served, name, rule, revision).await;
        assert!(got == status && body["detail"].as_str().is_some_and(|text| text.contains(detail)), "{rule}: {body}");
    }
    assert_eq!(write(&served, &"x".repeat(513), SWISS, 0).await.0, 400);
    assert_eq!(delete(&served, "s", 0).await.0, 404);
    assert_eq!(served.flags.current().revision, 0);
}

#[tokio::test]
async fn the_page_writes_and_deletes() {
    let served = Served::empty().await;
    let rule = encode(SWISS);
    assert_eq!(served.submit("/segments", &format!("name=swiss&rule={rule}&revision=0&why=new")).await, 303);
    let page = served.page("/segments").await;
    assert!(page.contains("<b>swiss</b>") && page.contains("<button>Delete</button>"), "{page}");
    assert_eq!(served.submit("/segments", "name=swiss&revision=1&why=gone").await, 303);
    assert!(served.flags.current().segments().is_empty());
}
