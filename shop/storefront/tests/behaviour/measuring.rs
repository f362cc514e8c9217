//! Whether visitors are measured: asked once, and held to.

use serde_json::{Value, json};

use crate::world::World;

const JSON: (&str, &str) = ("accept", "application/json");

async fn visit(world: &World, headers: &[(&str, &str)]) -> Value {
    let headers: Vec<_> = headers.iter().copied().chain([JSON]).collect();
    let answer = world.get("/visit", &headers).await;
    assert_eq!(answer.header("cache-control"), "private, no-store");
    serde_json::from_str(&answer.body).expect("JSON")
}

#[tokio::test]
async fn who_says_no_is_not_measured_and_not_asked_again() {
    let world = World::saying(json!({})).await;
    assert_eq!(visit(&world, &[]).await, json!({"asks": true, "measured": null}));
    // A browser that says no is not asked, and its yes would be none.
    assert_eq!(visit(&world, &[("sec-gpc", "1")]).await, json!({"asks": false, "measured": null}));
    for (answer, headers) in [("no", &[][..]), ("yes", &[("sec-gpc", "1")][..])] {
        let told = world.post("/consent", headers, &format!("answer={answer}")).await;
        assert_eq!((told.status, told.header("location")), (303, "/"));
        let cookies = told.cookies();
        assert_eq!(visit(&world, &[("cookie", &cookies)]).await, json!({"asks": false, "measured": null}), "{cookies}");
    }
    // No other site answers for a visitor.
    assert_eq!(world.post("/consent", &[("sec-fetch-site", "cross-site")], "answer=yes").await.status, 403);
}

#[tokio::test]
async fn who_says_yes_has_a_session_that_goes_with_all_they_do() {
    let world = World::saying(json!({"change": {"cart": {"totalQuantity": 1}, "guest": null, "errors": []}})).await;
    let told = world.post("/consent", &[JSON], "answer=yes").await;
    let told_now: Value = serde_json::from_str(&told.body).expect("JSON");
    let cookies = told.cookies();
    let later = visit(&world, &[("cookie", &cookies)]).await;
    assert_eq!(later, told_now);
    assert_eq!(later["measured"]["writeKey"], "key");
    let session = later["measured"]["sessionId"].as_str().expect("a session");
    assert!(
        session.starts_with("ses_")
            && later["measured"]["anonymousId"].as_str().is_some_and(|id| id.starts_with("vis_"))
    );
    let put = world.post("/cart", &[("cookie", &cookies)], "product=prd_1&quantity=1").await;
    assert_eq!(put.status, 303);
    assert_eq!(world.asked()[0].baggage, Some(format!("session.id={session}")));
    world.post("/cart", &[], "product=prd_1&quantity=1").await;
    assert_eq!(world.asked()[0].baggage, None);
}
