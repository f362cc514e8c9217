//! Pages: what they hold, who may keep them, and what is shown when something goes wrong.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn a_page_for_everyone_is_drawn_once_and_known_by_its_tag() {
    let world = World::saying(json!({"say": "<b>"})).await;
    let page = world.get("/?q=vase&utm=1", &[]).await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(page.body.contains(r#"Home({"words":"vase"})={"say":"&lt;b>"}"#), "{}", page.body);
    assert_eq!(page.header("cache-control"), "public, max-age=0, s-maxage=1, stale-while-revalidate=60");
    assert!(page.header("content-security-policy").contains("script-src 'self'; style-src 'self'"));
    assert_eq!(world.asked().len(), 2, "the shop, and the page");

    // Who looks makes no difference, and is not told to the gateway.
    let cookies = ("cookie", "vitrine_shop_guest=gst_1; vitrine_shop_session=x");
    let again = world.get("/?q=vase", &[cookies]).await;
    assert_eq!((again.status, &again.body), (200, &page.body));
    assert!(world.asked().iter().all(|asked| asked.token.is_none() && asked.guest.is_none()));
    let known = world.get("/?q=vase", &[("if-none-match", page.header("etag"))]).await;
    assert_eq!((known.status, known.body.as_str()), (304, ""));
    let packed = world.get("/?q=vase", &[("accept-encoding", "gzip")]).await;
    assert_eq!(packed.header("content-encoding"), "gzip");
    assert_ne!(packed.header("etag"), page.header("etag"));
    assert!(world.get("/?currency=CZK", &[]).await.body.contains("<h1>CZK</h1>"));
}

#[tokio::test]
async fn a_page_does_without_what_is_optional() {
    let world = World::new(|asked| match asked.operation.as_str() {
        "Shop" => (StatusCode::OK, json!({"errors": [{"message": "down", "extensions": {"code": "UNAVAILABLE"}}]})),
        _ => (StatusCode::OK, json!({"data": {}})),
    })
    .await;
    let page = world.get("/", &[]).await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("Shop({})=null"), "{}", page.body);
}

#[tokio::test]
async fn what_cannot_be_shown_is_said_with_a_page() {
    let unavailable = json!({"errors": [{"message": "down", "extensions": {"code": "UNAVAILABLE"}}]});
    let too_many = json!({"code": "RATE_LIMITED", "detail": "too many requests"});
    for (status, answer, expected) in [(200, unavailable, 503), (429, too_many, 429), (500, json!({}), 503)] {
        let status = StatusCode::from_u16(status).expect("a status");
        let world = World::new(move |_| (status, answer.clone())).await;
        let page = world.get("/", &[]).await;
        assert_eq!((page.status, page.header("retry-after")), (expected, "1"));
        assert_eq!(page.header("cache-control"), "private, no-store");
        assert!(page.body.contains("<h1>sorry</h1>"), "{}", page.body);
    }
}

#[tokio::test]
async fn browsers_get_a_page_where_there_is_nothing_and_programs_do_not() {
    let world = World::saying(json!({})).await;
    let page = world.get("/no/such/page", &[]).await;
    assert_eq!(page.status, 404);
    assert!(page.body.contains("<h1>not-found</h1>"), "{}", page.body);
    for (path, accept) in [("/no/such/page", "application/json"), ("/api/v1/nothing", "text/html")] {
        let answer = world.get(path, &[("accept", accept)]).await;
        assert_eq!((answer.status, answer.body.as_str()), (404, "no such route"), "{path}");
    }
    let invalid = json!({"errors": [{"message": "no cursor", "extensions": {"code": "INVALID_CURSOR"}}]});
    let page = World::new(move |_| (StatusCode::OK, invalid.clone())).await.get("/?q=x", &[]).await;
    assert!(page.status == 404 && page.body.contains("<h1>not-found</h1>"), "{}", page.body);
    assert_eq!(world.get("/api/v1/products", &[]).await.body, "[]");
}

#[tokio::test]
async fn customers_pages_are_for_customers() {
    let world = World::saying(json!({})).await;
    for (path, to) in [
        ("/account", "/sign-in?next=%2Faccount"),
        (
            "/checkout/pay?address=adr_1&currency=CZK",
            "/sign-in?next=%2Fcheckout%2Fpay%3Faddress%3Dadr_1%26currency%3DCZK&currency=CZK",
        ),
    ] {
        for cookie in ["", "vitrine_shop_session=made-up"] {
            let answer = world.get(path, &[("cookie", cookie)]).await;
            assert_eq!((answer.status, answer.header("location")), (303, to));
        }
    }
    assert!(world.asked().is_empty());
    let cart = world.get("/cart", &[]).await;
    assert_eq!((cart.status, cart.header("cache-control")), (200, "private, no-store"));
    assert!(cart.body.contains(r#"{"name":null,"cart":0,"country":null}"#), "{}", cart.body);
}

#[tokio::test]
async fn a_page_is_drawn_again_when_what_it_shows_has_changed() {
    let world = World::saying(json!({"id": "prd_vase"})).await;
    let found = async || world.get("/", &[]).await.header("server-timing").to_owned();
    assert_eq!(found().await, "cache;desc=miss");
    // An old page alone would be shown once more before it is drawn again. Who follows comes a moment after the start.
    for _ in 0..1000 {
        world.changed("prd_vase");
        tokio::time::sleep(Duration::from_millis(5)).await;
        if found().await == "cache;desc=miss" {
            return;
        }
    }
    panic!("the page stays as it was");
}

#[tokio::test]
async fn machines_are_told_which_pages_there_are() {
    let page = json!({"categories": [{"slug": "vases"}], "products": {"nodes": [{"slug": "a&b", "promoter": {"id": "pro_1"}}], "pageInfo": {"hasNextPage": false}}});
    let world = World::saying(page).await;
    let map = world.get("/sitemap.xml", &[]).await;
    assert_eq!(map.header("content-type"), "application/xml");
    for path in ["/</loc>", "/c/vases</loc>", "/p/a&amp;b</loc>", "/promoters/pro_1</loc>"] {
        assert!(map.body.contains(&format!("<loc>http://127.0.0.1:8080{path}")), "{path}: {}", map.body);
    }
    assert!(world.get("/robots.txt", &[]).await.body.contains("Sitemap: http://127.0.0.1:8080/sitemap.xml"));
}
