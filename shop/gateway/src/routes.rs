//! Every operation of the REST API: this list is the router and the OpenAPI document.

mod admin;
mod analytics;
mod buying;
mod catalog;
mod customers;
mod products;
mod promoters;

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use vitrine_platform_http::ETag;

use crate::Gateway;
use crate::api::{Header, JSON, Operation, Operations};
use crate::guard::Access;
use crate::input::PageQuery;
use crate::{dto, schema};

const KEY: Header = Header {
    name: "Idempotency-Key",
    required: false,
    meaning: "Fresh for each purchase; a repeat answers as the first time",
    schema: |generator| generator.subschema_for::<schema::IdempotencyKey>(),
};
const IF_MATCH: Header = Header {
    name: "If-Match",
    required: false,
    meaning: "The ETag of the last read, several of them, or *: another version is not changed",
    schema: |generator| generator.subschema_for::<schema::EntityTags>(),
};
const IF_NONE_MATCH: Header =
    Header { name: "If-None-Match", meaning: "ETags that are known already, or *", ..IF_MATCH };

const KEY_REQUIRED: &[Header] = &[Header { required: true, ..KEY }];
const KEY_OPTIONAL: &[Header] = &[KEY];
const MATCH_REQUIRED: &[Header] = &[Header { required: true, ..IF_MATCH }];
const MATCH_OPTIONAL: &[Header] = &[IF_MATCH];
const NONE_MATCH: &[Header] = &[IF_NONE_MATCH];

/// All operations.
pub(crate) fn all() -> Operations {
    let mut all = vec![
        Operation::get("/openapi.json", "This document")
            .headers(NONE_MATCH)
            .returns::<dto::Document>(200)
            .tagged()
            .by(document),
    ];
    all.extend(public());
    all.extend(selling());
    all.extend(customer());
    all.extend(buying());
    all.extend(admin());
    all.extend(analytics::operations());
    Operations(all)
}

async fn document(State(gateway): State<Arc<Gateway>>) -> impl IntoResponse {
    let etag = ETag::of_content(gateway.openapi.as_bytes()).header();
    ([(header::CONTENT_TYPE, HeaderValue::from_static(JSON)), (header::ETAG, etag)], gateway.openapi.clone())
}

fn public() -> Vec<Operation> {
    vec![
        Operation::get("/products", "Products, by id or in another order")
            .query::<products::ListQuery>()
            .returns::<dto::Page<dto::Product>>(200)
            .by(products::list),
        Operation::get("/products/search", "Products by words, best first or in another order")
            .query::<products::SearchQuery>()
            .returns::<dto::SearchPage>(200)
            .by(products::search),
        Operation::get("/products/{id}", "A product")
            .id::<schema::ProductId>()
            .headers(NONE_MATCH)
            .returns::<dto::Product>(200)
            .tagged()
            .by(catalog::get),
        Operation::get("/products/{id}/picture.svg", "A product's picture, as SVG")
            .id::<schema::ProductId>()
            .headers(NONE_MATCH)
            .returns::<dto::Picture>(200)
            .media_type("image/svg+xml")
            .tagged()
            .by(catalog::picture),
        Operation::get("/categories", "Categories").returns::<dto::List<dto::Category>>(200).by(catalog::categories),
        Operation::get("/currencies", "Currencies and their rates")
            .returns::<dto::Currencies>(200)
            .by(catalog::currencies),
        Operation::get("/currencies/convert", "An amount in another currency")
            .query::<catalog::ConvertQuery>()
            .returns::<dto::Converted>(200)
            .by(catalog::convert),
        Operation::get("/recommendations", "What goes with these products")
            .query::<catalog::RecommendQuery>()
            .returns::<dto::List<dto::Recommendation>>(200)
            .by(catalog::recommend),
        Operation::get("/ads", "Advertisements that fit")
            .query::<catalog::AdsQuery>()
            .returns::<dto::List<dto::Ad>>(200)
            .by(catalog::ads),
        Operation::post("/customers", "Sign up")
            .body::<dto::SignUp>()
            .returns::<dto::Customer>(201)
            .tagged()
            .by(customers::sign_up),
    ]
}

fn selling() -> Vec<Operation> {
    let of_sellers = |operation: Operation| operation.access(Access::Seller);
    let of_promoters = |operation: Operation| operation.access(Access::Promoter);
    vec![
        of_sellers(Operation::post("/products", "Sell something new"))
            .headers(KEY_OPTIONAL)
            .body::<dto::NewProduct>()
            .returns::<dto::Product>(201)
            .tagged()
            .located()
            .by(catalog::create),
        of_sellers(Operation::patch("/products/{id}", "Change a product"))
            .id::<schema::ProductId>()
            .headers(MATCH_REQUIRED)
            .body::<dto::ProductPatch>()
            .returns::<dto::Product>(200)
            .tagged()
            .by(catalog::update),
        of_sellers(Operation::delete("/products/{id}", "Sell it no more"))
            .id::<schema::ProductId>()
            .headers(MATCH_OPTIONAL)
            .returns_nothing()
            .by(catalog::delete),
        of_promoters(Operation::get("/promoters/me/keys", "My public keys, newest first"))
            .returns::<dto::List<dto::PromoterKey>>(200)
            .by(promoters::keys),
        of_promoters(Operation::post("/promoters/me/keys", "Make a public key for pages of mine"))
            .body::<dto::NewPromoterKey>()
            .returns::<dto::PromoterKey>(201)
            .by(promoters::create_key),
        of_promoters(Operation::delete("/promoters/me/keys/{id}", "End a public key for good"))
            .id::<schema::PromoterKeyId>()
            .returns_nothing()
            .by(promoters::revoke_key),
    ]
}

fn customer() -> Vec<Operation> {
    let of_customers = |operation: Operation| operation.access(Access::Customer);
    vec![
        of_customers(Operation::get("/customers/me", "Who I am"))
            .headers(NONE_MATCH)
            .returns::<dto::Customer>(200)
            .tagged()
            .by(customers::get),
        of_customers(Operation::patch("/customers/me", "Change who I am"))
            .headers(MATCH_REQUIRED)
            .body::<dto::CustomerPatch>()
            .returns::<dto::Customer>(200)
            .tagged()
            .by(customers::update),
        of_customers(Operation::delete("/customers/me", "Erase me"))
            .headers(MATCH_OPTIONAL)
            .returns_nothing()
            .by(customers::erase),
        of_customers(Operation::get("/customers/me/export", "All that is stored about me"))
            .returns::<dto::Document>(200)
            .by(customers::export),
        of_customers(Operation::post("/customers/me/addresses", "Keep an address"))
            .headers(MATCH_OPTIONAL)
            .body::<dto::NewAddress>()
            .returns::<dto::Customer>(201)
            .tagged()
            .by(customers::add_address),
        of_customers(Operation::put("/customers/me/addresses/{id}", "Change an address"))
            .id::<schema::AddressId>()
            .headers(MATCH_OPTIONAL)
            .body::<dto::NewAddress>()
            .returns::<dto::Customer>(200)
            .tagged()
            .by(customers::put_address),
        of_customers(Operation::delete("/customers/me/addresses/{id}", "Forget an address"))
            .id::<schema::AddressId>()
            .headers(MATCH_OPTIONAL)
            .returns::<dto::Customer>(200)
            .tagged()
            .by(customers::delete_address),
        of_customers(Operation::get("/mailbox", "Letters to me, newest first"))
            .query::<PageQuery>()
            .returns::<dto::Page<dto::Letter>>(200)
            .by(customers::letters),
        of_customers(Operation::get("/mailbox/{id}", "A letter to me"))
            .id::<schema::LetterId>()
            .returns::<dto::Letter>(200)
            .by(customers::letter),
    ]
}

fn buying() -> Vec<Operation> {
    let of_customers = |operation: Operation| operation.access(Access::Customer);
    vec![
        of_customers(Operation::get("/cart", "My cart, at today's prices"))
            .query::<buying::CartQuery>()
            .returns::<dto::Cart>(200)
            .by(buying::cart),
        of_customers(Operation::delete("/cart", "Empty my cart")).returns_nothing().by(buying::clear),
        of_customers(Operation::post("/cart/items", "Put something into my cart"))
            .body::<dto::NewItem>()
            .returns::<dto::Cart>(200)
            .by(buying::add_item),
        of_customers(Operation::put("/cart/items/{product_id}", "Change how many"))
            .id::<schema::ProductId>()
            .body::<dto::Quantity>()
            .returns::<dto::Cart>(200)
            .by(buying::set_item),
        of_customers(Operation::delete("/cart/items/{product_id}", "Take it out"))
            .id::<schema::ProductId>()
            .returns::<dto::Cart>(200)
            .by(buying::remove_item),
        of_customers(Operation::post("/checkout/quote", "What my cart would cost"))
            .body::<dto::QuoteQuestion>()
            .returns::<dto::Quote>(200)
            .by(buying::quote),
        of_customers(Operation::post("/payment-tokens", "Keep a token that stands for a card"))
            .body::<dto::NewToken>()
            .returns::<dto::PaymentToken>(201)
            .by(buying::tokenize),
        of_customers(Operation::post("/orders", "Buy what is in my cart"))
            .headers(KEY_REQUIRED)
            .body::<dto::NewOrder>()
            .returns::<dto::Order>(201)
            .located()
            .accepts::<dto::Challenged>()
            .also(&[402])
            .by(buying::place),
        Operation::get("/challenges/{id}", "What the bank asks before it pays; its id is the key")
            .id::<schema::ChallengeId>()
            .returns::<dto::Challenge>(200)
            .by(buying::challenge),
        Operation::post("/challenges/{id}", "Answer the bank: then the order is placed, or nothing is bought")
            .id::<schema::ChallengeId>()
            .body::<dto::ChallengeAnswer>()
            .returns::<dto::Challenge>(200)
            .also(&[402])
            .by(buying::complete_challenge),
        of_customers(Operation::get("/orders", "My orders, newest first"))
            .query::<PageQuery>()
            .returns::<dto::Page<dto::Order>>(200)
            .by(buying::orders),
        of_customers(Operation::get("/orders/{id}", "An order of mine"))
            .id::<schema::OrderId>()
            .returns::<dto::Order>(200)
            .by(buying::order),
        of_customers(Operation::post("/orders/{id}/cancel", "Cancel an order of mine"))
            .id::<schema::OrderId>()
            .body::<dto::Cancel>()
            .returns::<dto::Order>(200)
            .by(buying::cancel),
        of_customers(Operation::get("/orders/{id}/shipment", "Where my parcel is"))
            .id::<schema::OrderId>()
            .returns::<dto::Shipment>(200)
            .by(buying::shipment),
    ]
}

fn admin() -> Vec<Operation> {
    let of_admins = |operation: Operation| operation.access(Access::Admin);
    vec![
        of_admins(Operation::get("/admin/orders", "Everyone's orders, newest first"))
            .query::<admin::OrdersQuery>()
            .returns::<dto::Page<dto::Order>>(200)
            .by(admin::orders),
        of_admins(Operation::get("/admin/orders/{id}", "An order"))
            .id::<schema::OrderId>()
            .returns::<dto::Order>(200)
            .by(admin::order),
        of_admins(Operation::post("/admin/orders/{id}/transition", "Move an order along"))
            .id::<schema::OrderId>()
            .body::<dto::Transition>()
            .returns::<dto::Order>(200)
            .by(admin::transition),
        of_admins(Operation::get("/admin/payments", "Payments, oldest first"))
            .query::<PageQuery>()
            .returns::<dto::Page<dto::PaymentRecord>>(200)
            .by(admin::payments),
        of_admins(Operation::get("/admin/ledger/balance", "The ledger's balances"))
            .returns::<dto::TrialBalance>(200)
            .by(admin::balance),
        of_admins(Operation::get("/admin/ledger/transactions", "What was booked, newest first"))
            .query::<admin::TransactionsQuery>()
            .returns::<dto::Page<dto::LedgerTransaction>>(200)
            .by(admin::transactions),
        of_admins(Operation::get(
            "/admin/fraud/assessments",
            "Assessments, newest first; with min_score highest first",
        ))
        .query::<admin::AssessmentsQuery>()
        .returns::<dto::Page<dto::Assessment>>(200)
        .by(admin::assessments),
        of_admins(Operation::get("/admin/fraud/assessments/{order_id}", "An order's assessment"))
            .id::<schema::OrderId>()
            .returns::<dto::Assessment>(200)
            .by(admin::assessment),
        of_admins(Operation::post("/admin/keys/rotate", "A new signing key"))
            .query::<admin::RotationQuery>()
            .returns::<dto::KeyRotated>(200)
            .by(admin::rotate_keys),
        of_admins(Operation::put("/admin/accounts/{id}/lock", "Let no one in as this account; its tokens end"))
            .id::<schema::AccountId>()
            .returns_nothing()
            .by(admin::lock),
        of_admins(Operation::delete("/admin/accounts/{id}/lock", "Let them in again"))
            .id::<schema::AccountId>()
            .returns_nothing()
            .by(admin::unlock),
    ]
}
