//! Every bad request is told what is wrong, where, and what was expected; and changes nothing.

use anyhow::{Result, ensure};
use http::header::{CONTENT_TYPE, IF_MATCH};
use http::{HeaderName, Method};
use serde_json::{Value, json};
use vitrine_shop_load::http::Call;
use vitrine_tests_testkit::{Customer, Shop, order_body};

/// A request, and the status, code and field that it is answered with.
struct Case(Call, u16, &'static str, &'static str);

fn raw(method: Method, path: &str, body: &str) -> Call {
    Call::new(method, path).raw(body).header(CONTENT_TYPE, "application/json")
}

fn json_call(method: Method, path: &str, body: &Value) -> Call {
    Call::new(method, path).json(body)
}

fn keyed(body: &Value) -> Call {
    // One key for all of them: what was refused as malformed does not use it up.
    json_call(Method::POST, "/api/v1/orders", body).header(HeaderName::from_static("idempotency-key"), "bad")
}

fn with(mut body: Value, path: &[&str], value: Value) -> Value {
    let mut at = &mut body;
    for key in path {
        at = &mut at[*key];
    }
    *at = value;
    body
}

fn customer_cases() -> Vec<Case> {
    let good = || order_body("EUR", "4242424242424242");
    let items = "/api/v1/cart/items";
    let item =
        |id: &str, quantity: Value| json_call(Method::POST, items, &json!({"product_id": id, "quantity": quantity}));
    let card = |key: &str, value: Value| keyed(&with(good(), &["payment", "card", key], value));
    vec![
        Case(raw(Method::POST, items, "{"), 400, "MALFORMED_JSON", "body"),
        Case(raw(Method::POST, items, ""), 400, "MALFORMED_JSON", "body"),
        Case(raw(Method::POST, items, "[]"), 400, "INVALID_BODY", "body"),
        Case(raw(Method::POST, items, &"[".repeat(50_000)), 400, "INVALID_BODY", "body"),
        Case(json_call(Method::POST, items, &json!({"product_id": "prd_tall-vase"})), 400, "INVALID_BODY", "quantity"),
        Case(
            json_call(Method::POST, items, &json!({"product_id": "prd_tall-vase", "quantity": 1, "qty": 2})),
            400,
            "INVALID_BODY",
            "qty",
        ),
        Case(item("prd_tall-vase", json!("two")), 400, "INVALID_BODY", "quantity"),
        Case(item("prd_tall-vase", json!(-1)), 400, "INVALID_BODY", "quantity"),
        Case(item("prd_tall-vase", json!(1.5)), 400, "INVALID_BODY", "quantity"),
        Case(item("prd_tall-vase", json!(99_999_999_999_u64)), 400, "INVALID_BODY", "quantity"),
        Case(item("prd_tall-vase", json!(0)), 400, "INVALID_QUANTITY", "quantity"),
        Case(item("prd_tall-vase", json!(1000)), 400, "INVALID_QUANTITY", "quantity"),
        Case(item("prd_no-such-thing", json!(1)), 404, "PRODUCT_NOT_FOUND", "product_id"),
        Case(item("../etc/passwd", json!(1)), 400, "INVALID_FIELD", "product_id"),
        Case(
            Call::new(Method::POST, items).form(&[("product_id", "x")]),
            415,
            "UNSUPPORTED_MEDIA_TYPE",
            "Content-Type",
        ),
        Case(raw(Method::POST, items, &format!("\"{}\"", "x".repeat(70_000))), 413, "BODY_TOO_LARGE", ""),
        Case(Call::new(Method::GET, "/api/v1/cart?currency=DOGE"), 400, "UNKNOWN_CURRENCY", "currency"),
        Case(Call::new(Method::GET, "/api/v1/cart?colour=red"), 400, "INVALID_QUERY", "colour"),
        Case(json_call(Method::POST, "/api/v1/orders", &good()), 400, "IDEMPOTENCY_KEY_REQUIRED", "Idempotency-Key"),
        Case(keyed(&good()).header(HeaderName::from_static("idempotency-key"), "a b"), 400, "", ""),
        Case(keyed(&with(good(), &["currency"], json!("eur"))), 400, "UNKNOWN_CURRENCY", "currency"),
        Case(keyed(&with(good(), &["address", "country"], json!("Germany"))), 400, "INVALID_FIELD", "address.country"),
        Case(keyed(&with(good(), &["address", "recipient"], json!(""))), 400, "INVALID_FIELD", "address.recipient"),
        Case(keyed(&with(good(), &["address", "city"], json!("x".repeat(81)))), 400, "INVALID_FIELD", "address.city"),
        Case(keyed(&with(good(), &["payment"], json!({}))), 400, "INVALID_FIELD", "payment"),
        Case(
            keyed(&with(good(), &["max_total"], json!({"amount": "-1.00", "currency": "EUR"}))),
            400,
            "INVALID_AMOUNT",
            "max_total.amount",
        ),
        Case(
            keyed(&with(good(), &["max_total"], json!({"amount": 1.0, "currency": "EUR"}))),
            400,
            "INVALID_BODY",
            "max_total.amount",
        ),
        Case(
            keyed(&with(good(), &["max_total"], json!({"amount": "1.001", "currency": "EUR"}))),
            400,
            "INVALID_AMOUNT",
            "max_total.amount",
        ),
        Case(
            keyed(&with(good(), &["max_total"], json!({"amount": "9".repeat(40), "currency": "EUR"}))),
            400,
            "INVALID_AMOUNT",
            "max_total.amount",
        ),
        Case(card("number", json!("4242424242424241")), 400, "INVALID_CARD_NUMBER", "payment.card.number"),
        Case(card("expiry_month", json!(13)), 400, "INVALID_CARD_EXPIRY", "payment.card.expiry_month"),
        Case(card("expiry_year", json!(2020)), 400, "CARD_EXPIRED", "payment.card.expiry_year"),
        Case(card("cvv", json!("12")), 400, "INVALID_CARD_CVV", "payment.card.cvv"),
        Case(Call::new(Method::GET, "/api/v1/orders/ord_nobodys"), 404, "NOT_FOUND", ""),
        Case(Call::new(Method::GET, "/api/v1/orders/42"), 400, "INVALID_FIELD", "order_id"),
        Case(Call::new(Method::GET, "/api/v1/orders?limit=101"), 400, "INVALID_FIELD", "limit"),
        Case(Call::new(Method::GET, "/api/v1/orders?limit=ten"), 400, "INVALID_QUERY", "limit"),
        Case(Call::new(Method::GET, "/api/v1/orders?cursor=garbage"), 400, "INVALID_CURSOR", "page.cursor"),
        Case(json_call(Method::PATCH, "/api/v1/customers/me", &json!({})), 428, "IF_MATCH_REQUIRED", "If-Match"),
        Case(
            json_call(Method::PATCH, "/api/v1/customers/me", &json!({})).header(IF_MATCH, "tomorrow"),
            400,
            "INVALID_FIELD",
            "If-Match",
        ),
        Case(Call::new(Method::GET, "/api/v1/mailbox/eml_nobodys"), 404, "NOT_FOUND", ""),
    ]
}

fn public_cases() -> Vec<Case> {
    let sign_up = |key: &str, value: Value| {
        let good =
            json!({"email": "bad-input@test.vitrine.example", "password": "long enough for me", "display_name": "Ada"});
        json_call(Method::POST, "/api/v1/customers", &with(good, &[key], value))
    };
    vec![
        Case(Call::new(Method::GET, "/api/v1/nothing"), 404, "NO_SUCH_ROUTE", "path"),
        Case(Call::new(Method::PUT, "/api/v1/products"), 405, "METHOD_NOT_ALLOWED", "method"),
        Case(Call::new(Method::GET, "/api/v1/cart"), 401, "TOKEN_REQUIRED", "Authorization"),
        Case(Call::new(Method::GET, "/api/v1/products?category=spaceships"), 400, "UNKNOWN_CATEGORY", "category"),
        Case(Call::new(Method::GET, "/api/v1/products?kind=stolen"), 400, "INVALID_QUERY", ""),
        Case(Call::new(Method::GET, "/api/v1/products?limit=0"), 400, "INVALID_FIELD", "limit"),
        Case(Call::new(Method::GET, "/api/v1/products?min_price=cheap"), 400, "INVALID_AMOUNT", "min_price"),
        Case(Call::new(Method::GET, "/api/v1/products?max_price=1&currency=XXX"), 400, "UNKNOWN_CURRENCY", "currency"),
        Case(Call::new(Method::GET, "/api/v1/products?promoter_id=cus_1"), 400, "INVALID_FIELD", "promoter_id"),
        Case(Call::new(Method::GET, "/api/v1/products/search?q=a&sort=beauty"), 400, "INVALID_QUERY", ""),
        Case(Call::new(Method::GET, "/api/v1/products/search"), 400, "INVALID_QUERY", "q"),
        Case(Call::new(Method::GET, "/api/v1/products/search?q=%20"), 400, "INVALID_FIELD", "q"),
        Case(Call::new(Method::GET, "/api/v1/recommendations"), 400, "INVALID_FIELD", "product_id"),
        Case(
            Call::new(Method::GET, "/api/v1/currencies/convert?amount=-1&from=EUR&to=USD"),
            400,
            "INVALID_AMOUNT",
            "amount",
        ),
        Case(
            Call::new(Method::GET, "/api/v1/currencies/convert?amount=1&from=EUR&to=XXX"),
            400,
            "UNKNOWN_CURRENCY",
            "to",
        ),
        Case(
            Call::new(Method::GET, "/api/v1/currencies/convert?amount=1.005&from=EUR&to=USD"),
            400,
            "INVALID_AMOUNT",
            "amount",
        ),
        Case(sign_up("email", json!("nobody")), 400, "INVALID_EMAIL", "email"),
        Case(sign_up("password", json!("short")), 400, "WEAK_PASSWORD", "password"),
        Case(sign_up("display_name", json!("")), 400, "INVALID_FIELD", "display_name"),
        Case(sign_up("preferred_currency", json!("EURO")), 400, "UNKNOWN_CURRENCY", "preferred_currency"),
        Case(sign_up("admin", json!(true)), 400, "INVALID_BODY", "admin"),
    ]
}

fn seller_cases() -> Vec<Case> {
    let good = || json!({"kind": "goods", "name": "Jar", "description": "A jar.", "category": "vases", "price": {"amount": "5.00", "currency": "EUR"}, "weight_g": 100, "stock": 1});
    let make = |path: &[&str], value: Value| json_call(Method::POST, "/api/v1/products", &with(good(), path, value));
    vec![
        Case(make(&["price"], json!({"amount": "-5.00", "currency": "EUR"})), 400, "INVALID_AMOUNT", "price.amount"),
        Case(make(&["price"], json!({"amount": "0", "currency": "EUR"})), 400, "INVALID_PRICE", "price"),
        Case(make(&["price"], json!({"amount": "5", "currency": "BTC"})), 400, "UNKNOWN_CURRENCY", "price.currency"),
        Case(make(&["name"], json!("\u{0}")), 400, "INVALID_FIELD", "name"),
        Case(make(&["weight_g"], json!(0)), 400, "INVALID_FIELD", "weight_g"),
        Case(make(&["stock"], json!(20_000_000)), 400, "INVALID_FIELD", "stock"),
        Case(make(&["category"], json!("spaceships")), 400, "UNKNOWN_CATEGORY", "category"),
        Case(make(&["kind"], json!("event")), 400, "INVALID_FIELD", "event"),
        Case(
            make(&["event"], json!({"starts_at": "tomorrow", "duration_min": 60, "venue": "x"})),
            400,
            "INVALID_FIELD",
            "event.starts_at",
        ),
    ]
}

pub(crate) async fn every_bad_request_is_told_what_is_wrong(shop: &Shop) -> Result<()> {
    let anybody = shop.anybody()?;
    let customer = Customer::new(&anybody).await?;
    customer.add("prd_pebble-vase", 1).await?;
    let before = customer.api.get("/api/v1/cart").await?;
    let promoter = super::selling::promoter(shop).await?;
    let mut wrong = Vec::new();
    for (api, cases) in [(&customer.api, customer_cases()), (&anybody, public_cases()), (&promoter.api, seller_cases())]
    {
        for Case(call, status, code, field) in cases {
            let shown = format!("{call:?}").chars().take(300).collect::<String>();
            let answer = api.send(call).await?;
            let body = answer.json();
            let (found, at) = (body["code"].as_str().unwrap_or_default(), body["field"].as_str().unwrap_or_default());
            let right = answer.status == status
                && (code.is_empty() || found == code)
                && (field.is_empty() || at == field)
                && answer.header("content-type") == Some("application/problem+json")
                && body["status"] == status
                && body["title"].is_string()
                && body["trace_id"].is_string()
                && (status != 400 || at.is_empty() || body["expected"].is_string());
            if !right {
                wrong.push(format!("{shown}\n  expected {status} {code} {field}, got {} {body}", answer.status));
            }
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    ensure!(customer.api.get("/api/v1/cart").await? == before, "a bad request changed the cart");
    ensure!(customer.api.all("/api/v1/orders").await?.is_empty(), "a bad request bought something");
    Ok(())
}
