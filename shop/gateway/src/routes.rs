//! Every operation of the REST API: this list is the router and the OpenAPI document.

mod admin;
mod buying;
mod catalog;
mod customers;

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use vitrine_platform_http::ETag;

use crate::Gateway;
use crate::api::{Operation, Operations};
use crate::dto;
use crate::guard::Access;

const LIMIT: (&str, &str) = ("limit", "how many at most, 1 to 100; 20 if not said");
const CURSOR: (&str, &str) = ("cursor", "next_cursor of the page before");
const KEY_REQUIRED: &[(&str, bool, &str)] =
    &[("Idempotency-Key", true, "fresh for each purchase; a repeat answers as the first time")];
const KEY_OPTIONAL: &[(&str, bool, &str)] = &[("Idempotency-Key", false, "a repeat answers as the first time")];
const IF_MATCH: &[(&str, bool, &str)] = &[("If-Match", true, "the ETag of the last read, several of them, or *")];
const IF_MATCH_OPTIONAL: &[(&str, bool, &str)] =
    &[("If-Match", false, "the ETag of the last read, several of them, or *: another version is not changed")];
const IF_NONE_MATCH: &[(&str, bool, &str)] = &[("If-None-Match", false, "ETags that are known already, or *")];

/// All operations.
pub(crate) fn all() -> Operations {
    let mut all = vec![Operation::get("/openapi.json", "This document").headers(IF_NONE_MATCH).by(document)];
    all.extend(public());
    all.extend(selling());
    all.extend(customer());
    all.extend(buying());
    all.extend(admin());
    Operations(all)
}

async fn document(State(gateway): State<Arc<Gateway>>) -> impl IntoResponse {
    let etag = ETag::of_content(gateway.openapi.as_bytes()).header();
    (
        [(header::CONTENT_TYPE, HeaderValue::from_static("application/json")), (header::ETAG, etag)],
        gateway.openapi.clone(),
    )
}

fn public() -> Vec<Operation> {
    vec![
        Operation::get("/products", "Products, by id")
            .query(&[("category", "slug of a category"), ("kind", "goods or event"), LIMIT, CURSOR])
            .answers::<dto::Page<dto::Product>>(200)
            .by(catalog::list),
        Operation::get("/products/search", "Products by words, best first")
            .query(&[("q", "1 to 200 characters"), LIMIT, CURSOR])
            .answers::<dto::Page<dto::Product>>(200)
            .by(catalog::search),
        Operation::get("/products/{id}", "A product")
            .headers(IF_NONE_MATCH)
            .answers::<dto::Product>(200)
            .by(catalog::get),
        Operation::get("/products/{id}/picture.svg", "A product's picture, as SVG")
            .headers(IF_NONE_MATCH)
            .by(catalog::picture),
        Operation::get("/categories", "Categories").answers::<dto::List<dto::Category>>(200).by(catalog::categories),
        Operation::get("/currencies", "Currencies and their rates")
            .answers::<dto::Currencies>(200)
            .by(catalog::currencies),
        Operation::get("/currencies/convert", "An amount in another currency")
            .query(&[("amount", "a decimal number"), ("from", "ISO 4217"), ("to", "ISO 4217")])
            .answers::<dto::Converted>(200)
            .by(catalog::convert),
        Operation::get("/recommendations", "What goes with these products")
            .query(&[("product_id", "1 to 20 of them"), ("limit", "1 to 20; 5 if not said")])
            .answers::<dto::List<dto::Recommendation>>(200)
            .by(catalog::recommend),
        Operation::get("/ads", "Advertisements that fit")
            .query(&[("context", "words such as categories or tags, at most 20"), ("limit", "1 to 5; 1 if not said")])
            .answers::<dto::List<dto::Ad>>(200)
            .by(catalog::ads),
        Operation::post("/customers", "Sign up")
            .body::<dto::SignUp>()
            .answers::<dto::Customer>(201)
            .by(customers::sign_up),
    ]
}

fn selling() -> Vec<Operation> {
    let of_sellers = |operation: Operation| operation.access(Access::Seller);
    vec![
        of_sellers(Operation::post("/products", "Sell something new"))
            .headers(KEY_OPTIONAL)
            .body::<dto::NewProduct>()
            .answers::<dto::Product>(201)
            .by(catalog::create),
        of_sellers(Operation::patch("/products/{id}", "Change a product"))
            .headers(IF_MATCH)
            .body::<dto::ProductPatch>()
            .answers::<dto::Product>(200)
            .by(catalog::update),
        of_sellers(Operation::delete("/products/{id}", "Sell it no more"))
            .headers(IF_MATCH_OPTIONAL)
            .answers_status(204)
            .by(catalog::delete),
    ]
}

fn customer() -> Vec<Operation> {
    let of_customers = |operation: Operation| operation.access(Access::Customer);
    vec![
        of_customers(Operation::get("/customers/me", "Who I am"))
            .headers(IF_NONE_MATCH)
            .answers::<dto::Customer>(200)
            .by(customers::get),
        of_customers(Operation::patch("/customers/me", "Change who I am"))
            .headers(IF_MATCH)
            .body::<dto::CustomerPatch>()
            .answers::<dto::Customer>(200)
            .by(customers::update),
        of_customers(Operation::delete("/customers/me", "Erase me"))
            .headers(IF_MATCH_OPTIONAL)
            .answers_status(204)
            .by(customers::erase),
        of_customers(Operation::get("/customers/me/export", "All that is stored about me")).by(customers::export),
        of_customers(Operation::post("/customers/me/addresses", "Keep an address"))
            .headers(IF_MATCH_OPTIONAL)
            .body::<dto::NewAddress>()
            .answers::<dto::Customer>(201)
            .by(customers::add_address),
        of_customers(Operation::put("/customers/me/addresses/{id}", "Change an address"))
            .headers(IF_MATCH_OPTIONAL)
            .body::<dto::NewAddress>()
            .answers::<dto::Customer>(200)
            .by(customers::put_address),
        of_customers(Operation::delete("/customers/me/addresses/{id}", "Forget an address"))
            .headers(IF_MATCH_OPTIONAL)
            .answers::<dto::Customer>(200)
            .by(customers::delete_address),
        of_customers(Operation::get("/mailbox", "Letters to me, newest first"))
            .query(&[LIMIT, CURSOR])
            .answers::<dto::Page<dto::Letter>>(200)
            .by(customers::letters),
        of_customers(Operation::get("/mailbox/{id}", "A letter to me"))
            .answers::<dto::Letter>(200)
            .by(customers::letter),
    ]
}

fn buying() -> Vec<Operation> {
    let of_customers = |operation: Operation| operation.access(Access::Customer);
    let currency = &[("currency", "ISO 4217; EUR if not said")];
    vec![
        of_customers(Operation::get("/cart", "My cart, at today's prices"))
            .query(currency)
            .answers::<dto::Cart>(200)
            .by(buying::cart),
        of_customers(Operation::delete("/cart", "Empty my cart")).answers_status(204).by(buying::clear),
        of_customers(Operation::post("/cart/items", "Put something into my cart"))
            .body::<dto::NewItem>()
            .answers::<dto::Cart>(200)
            .by(buying::add_item),
        of_customers(Operation::put("/cart/items/{product_id}", "Change how many"))
            .body::<dto::Quantity>()
            .answers::<dto::Cart>(200)
            .by(buying::set_item),
        of_customers(Operation::delete("/cart/items/{product_id}", "Take it out"))
            .answers::<dto::Cart>(200)
            .by(buying::remove_item),
        of_customers(Operation::post("/checkout/quote", "What my cart would cost"))
            .body::<dto::QuoteQuestion>()
            .answers::<dto::Quote>(200)
            .by(buying::quote),
        of_customers(Operation::post("/payment-tokens", "Keep a token that stands for a card"))
            .body::<dto::NewToken>()
            .answers::<dto::PaymentToken>(201)
            .by(buying::tokenize),
        of_customers(Operation::post("/orders", "Buy what is in my cart"))
            .headers(KEY_REQUIRED)
            .body::<dto::NewOrder>()
            .answers::<dto::Order>(201)
            .by(buying::place),
        of_customers(Operation::get("/orders", "My orders, newest first"))
            .query(&[LIMIT, CURSOR])
            .answers::<dto::Page<dto::Order>>(200)
            .by(buying::orders),
        of_customers(Operation::get("/orders/{id}", "An order of mine")).answers::<dto::Order>(200).by(buying::order),
        of_customers(Operation::post("/orders/{id}/cancel", "Cancel an order of mine"))
            .body::<dto::Cancel>()
            .answers::<dto::Order>(200)
            .by(buying::cancel),
        of_customers(Operation::get("/orders/{id}/shipment", "Where my parcel is"))
            .answers::<dto::Shipment>(200)
            .by(buying::shipment),
    ]
}

fn admin() -> Vec<Operation> {
    let of_admins = |operation: Operation| operation.access(Access::Admin);
    vec![
        of_admins(Operation::get("/admin/orders", "Everybody's orders, newest first"))
            .query(&[("customer_id", "of one customer"), ("state", "in one state"), LIMIT, CURSOR])
            .answers::<dto::Page<dto::Order>>(200)
            .by(admin::orders),
        of_admins(Operation::get("/admin/orders/{id}", "An order")).answers::<dto::Order>(200).by(admin::order),
        of_admins(Operation::post("/admin/orders/{id}/transition", "Move an order along"))
            .body::<dto::Transition>()
            .answers::<dto::Order>(200)
            .by(admin::transition),
        of_admins(Operation::get("/admin/payments", "Payments, oldest first"))
            .query(&[LIMIT, CURSOR])
            .answers::<dto::Page<dto::PaymentRecord>>(200)
            .by(admin::payments),
        of_admins(Operation::get("/admin/ledger/balance", "The ledger's balances"))
            .answers::<dto::TrialBalance>(200)
            .by(admin::balance),
        of_admins(Operation::get("/admin/ledger/transactions", "What was booked, newest first"))
            .query(&[("order_id", "for one order"), LIMIT, CURSOR])
            .answers::<dto::Page<dto::LedgerTransaction>>(200)
            .by(admin::transactions),
        of_admins(Operation::get(
            "/admin/fraud/assessments",
            "Assessments, newest first; with min_score highest first",
        ))
        .query(&[("min_score", "1 to 100"), LIMIT, CURSOR])
        .answers::<dto::Page<dto::Assessment>>(200)
        .by(admin::assessments),
        of_admins(Operation::get("/admin/fraud/assessments/{order_id}", "An order's assessment"))
            .answers::<dto::Assessment>(200)
            .by(admin::assessment),
        of_admins(Operation::post("/admin/keys/rotate", "A new signing key"))
            .query(&[("compromised", "true: the older keys are good no more, and all tokens of theirs end")])
            .answers::<dto::KeyRotated>(200)
            .by(admin::rotate_keys),
        of_admins(Operation::put("/admin/accounts/{id}/lock", "Let nobody in as this account; its tokens end"))
            .answers_status(204)
            .by(admin::lock),
        of_admins(Operation::delete("/admin/accounts/{id}/lock", "Let them in again"))
            .answers_status(204)
            .by(admin::unlock),
    ]
}

#[cfg(test)]
mod tests {
    use super::all;
    use serde_json::Value;

    #[test]
    fn the_document_names_every_operation_once_and_all_schemas_are_there() {
        let document: Value = serde_json::from_str(&all().document("http://127.0.0.1:1")).expect("JSON");
        assert_eq!(document["openapi"], "3.1.0");
        let paths = document["paths"].as_object().expect("paths");
        let operations: Vec<&Value> = paths.values().filter_map(Value::as_object).flat_map(|p| p.values()).collect();
        assert_eq!(operations.len(), all().0.len());
        let mut ids: Vec<&str> = operations.iter().filter_map(|o| o["operationId"].as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), operations.len());
        let text = document.to_string();
        for reference in text.split("\"#/components/schemas/").skip(1).filter_map(|t| t.split('"').next()) {
            assert!(document["components"]["schemas"].get(reference).is_some(), "{reference}");
        }
        assert!(document["paths"]["/api/v1/orders"]["post"]["security"].is_array());
    }
}
