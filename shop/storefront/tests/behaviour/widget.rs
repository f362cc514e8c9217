//! What pages of other sites get, and which do.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::world::{PageResponse, Question, World};

const MAGAZINE: &str = "https://magazine.example";
const OFFER: &str = "/widget/v1/offer?key=pk_1&product=prd_1";

/// A shop with one key, for pages of two origins, and one product.
fn selling(asked: &Question) -> (StatusCode, Value) {
    let origins = (asked.variables["key"] == "pk_1").then_some([MAGAZINE, "https://www.magazine.example"]);
    let product = (asked.variables["product"] == "prd_1").then(|| {
        json!({
            "id": "prd_1", "slug": "1", "name": "A </script><b>vase", "kind": "EVENT", "available": 3, "picture": "/1.svg",
            "price": {"text": "€5.00"}, "event": {"text": "Thu 24 Dec 2026", "venue": "The furnace"},
        })
    });
    (StatusCode::OK, json!({"data": {"origins": origins, "product": product, "countries": ["AT", "DE"]}}))
}

fn problem(answer: &PageResponse) -> (u16, String) {
    let problem: Value = serde_json::from_str(&answer.body).expect("JSON");
    (answer.status, problem["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn an_offer_is_for_pages_of_the_key() {
    let world = World::new(selling).await;
    let offer = world.get(OFFER, &[("origin", MAGAZINE)]).await;
    assert_eq!((offer.status, offer.header("access-control-allow-origin")), (200, "*"));
    assert_eq!((offer.header("cache-control"), offer.header("vary")), ("public, max-age=1", "origin"));
    assert!(!offer.headers.contains_key("access-control-allow-credentials"));
    let offered: Value = serde_json::from_str(&offer.body).expect("JSON");
    assert_eq!(
        (&offered["href"], &offered["price"], &offered["available"]),
        (&json!("/p/1"), &json!("€5.00"), &json!(3))
    );
    assert_eq!(offered["event"], "Thu 24 Dec 2026, The furnace");
    // Who asks without a browser says no origin.
    assert_eq!(world.get(OFFER, &[]).await.status, 200);
    for (path, origin, expected) in [
        (OFFER, "https://magazine.example.evil.example", (403, "FOREIGN_ORIGIN")),
        (OFFER, "http://magazine.example", (403, "FOREIGN_ORIGIN")),
        (OFFER, "null", (403, "FOREIGN_ORIGIN")),
        ("/widget/v1/offer?key=pk_2&product=prd_1", MAGAZINE, (403, "UNKNOWN_KEY")),
        ("/widget/v1/offer?key=pk_1&product=prd_2", MAGAZINE, (404, "UNKNOWN_PRODUCT")),
        ("/widget/v1/offer?key=pk_1", MAGAZINE, (400, "INVALID_QUERY")),
        ("/widget/v1/offer?product=prd_1", MAGAZINE, (400, "INVALID_QUERY")),
    ] {
        let refused = world.get(path, &[("origin", origin)]).await;
        assert_eq!(problem(&refused), (expected.0, expected.1.to_owned()), "{path} {origin}");
        assert_eq!(refused.header("access-control-allow-origin"), "*", "who made the page can read why");
    }
}

#[tokio::test]
async fn a_frame_is_shown_by_pages_of_the_key_and_by_no_others() {
    let world = World::new(selling).await;
    let path = |origin: &str| format!("/widget/v1/frame?key=pk_1&product=prd_1&quantity=2&origin={origin}");
    let frame = world.get(&path(MAGAZINE), &[]).await;
    assert_eq!((frame.status, frame.header("cache-control")), (200, "no-store"));
    let policy = frame.header("content-security-policy");
    assert!(policy.ends_with("frame-ancestors https://magazine.example https://www.magazine.example"), "{policy}");
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; ") && !policy.contains('*'), "{policy}");
    assert!(frame.body.contains("<script type=\"module\" src=\"/assets/widget.js\">"), "{}", frame.body);
    assert!(frame.body.contains(r#""origin":"https://magazine.example""#) && frame.body.contains(r#""quantity":2"#));
    // What a product is called ends neither the title nor the data.
    assert!(
        !frame.body.contains("</script><b>") && frame.body.contains("A &lt;/script&gt;&lt;b&gt;vase"),
        "{}",
        frame.body
    );
    for refused in [
        &path("https://evil.example"),
        &path(""),
        "/widget/v1/frame?key=pk_2&product=prd_1&origin=https://magazine.example",
    ] {
        let page = world.get(refused, &[]).await;
        assert_eq!(page.status, 403, "{refused}");
        assert!(page.header("content-security-policy").ends_with("frame-ancestors 'none'"), "{refused}");
        assert!(page.body.contains("Nothing to show here") && !page.body.contains("vase"), "{}", page.body);
    }
}

#[tokio::test]
async fn the_script_is_for_every_page_and_kept_for_minutes() {
    let world = World::new(selling).await;
    let script = world.get("/widget/v1.js", &[]).await;
    assert_eq!((script.status, script.header("cache-control")), (200, "public, max-age=300"));
    assert_eq!(script.header("content-type"), "text/javascript; charset=utf-8");
    assert_eq!(script.header("cross-origin-resource-policy"), "cross-origin");
    let known = world.get("/widget/v1.js", &[("if-none-match", script.header("etag"))]).await;
    assert_eq!(known.status, 304);
}

#[tokio::test]
async fn a_shop_that_fails_says_so_and_tells_nothing() {
    for (status, code, expected) in [
        (StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED", (429, "RATE_LIMITED")),
        (StatusCode::OK, "UNAVAILABLE", (503, "UNAVAILABLE")),
    ] {
        let failed = json!({"errors": [{"message": "secret", "extensions": {"code": code}}]});
        let world = World::new(move |_| (status, failed.clone())).await;
        let answer = world.get(OFFER, &[("origin", MAGAZINE)]).await;
        assert_eq!(problem(&answer), (expected.0, expected.1.to_owned()));
        assert!(!answer.body.contains("secret"));
    }
}

#[tokio::test]
async fn a_promoter_has_keys_where_customers_have_orders() {
    let world = World::new(|asked: &Question| {
        let data = match asked.operation.as_str() {
            "SignIn" => {
                let session = json!({"accessToken": "access-1", "refreshToken": "refresh-1", "expiresInS": 900});
                json!({"data": {"signIn": {"session": session, "errors": []}}})
            }
            "Name" | "Account" | "Visitor" => {
                json!({"errors": [{"message": "no", "extensions": {"code": "PERMISSION_DENIED"}}]})
            }
            "CreatePromoterKey" if asked.variables["origins"] == json!(["https://a.example", "ftp://b.example"]) => {
                json!({"data": {"change": {"errors": [{"message": "that is no scheme", "field": "origins[1]"}]}}})
            }
            _ => json!({"data": {"change": {"errors": []}, "promoterKeys": []}}),
        };
        (StatusCode::OK, data)
    })
    .await;
    let cookie = world.post("/sign-in", &[], "email=pro@x.example&password=right").await.cookies();
    let signed_in = [("cookie", cookie.as_str())];
    let account = world.get("/account", &signed_in).await;
    assert_eq!((account.status, account.header("location")), (303, "/account/keys"));
    let form = "name=A+page&origins=https%3A%2F%2Fa.example%0D%0A%0D%0A+ftp%3A%2F%2Fb.example+";
    let refused = world.post("/account/keys", &signed_in, form).await;
    assert_eq!(refused.status, 422, "{}", refused.body);
    assert!(refused.body.contains("That is no scheme.") && refused.body.contains("origins"), "{}", refused.body);
    let made = world.post("/account/keys", &signed_in, "name=A+page&origins=https%3A%2F%2Fa.example").await;
    assert_eq!((made.status, made.header("location")), (303, "/account/keys"));
    world.asked();
    let revoked = world.post("/account/keys", &signed_in, "revoke=pk_1").await;
    assert_eq!((revoked.status, revoked.header("location")), (303, "/account/keys"));
    let asked = world.asked();
    let revoking = asked.iter().find(|asked| asked.operation == "RevokePromoterKey").expect("asked");
    assert_eq!((revoking.variables["id"].as_str(), revoking.token.as_deref()), (Some("pk_1"), Some("Bearer access-1")));
}
