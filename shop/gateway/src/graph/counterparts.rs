//! What REST can do, GraphQL can, too: each operation of REST and the field that does the same.

use std::collections::{BTreeMap, BTreeSet};

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{TypeKind, TypeSystemDefinition};

use super::sdl;
use crate::routes::all;

/// Operations of REST, and fields by the names of their types.
const COUNTERPARTS: &[(&str, &str)] = &[
    // The schema tells of itself in the place of the document, as far as it is told.
    ("get /openapi.json", "Query.__schema"),
    ("get /products", "Query.products"),
    ("get /products/search", "Query.products"),
    ("get /products/{id}", "Query.product"),
    // Where it is: an image is no JSON.
    ("get /products/{id}/picture.svg", "Product.picture"),
    ("get /categories", "Query.categories"),
    ("get /currencies", "Query.currencies"),
    ("get /currencies/convert", "Query.convert"),
    ("get /recommendations", "Query.recommendations"),
    ("get /ads", "Query.ads"),
    ("post /customers", "Mutation.signUp"),
    ("post /products", "Mutation.createProduct"),
    ("patch /products/{id}", "Mutation.updateProduct"),
    ("delete /products/{id}", "Mutation.deleteProduct"),
    ("get /promoters/me/keys", "Query.promoterKeys"),
    ("post /promoters/me/keys", "Mutation.createPromoterKey"),
    ("delete /promoters/me/keys/{id}", "Mutation.revokePromoterKey"),
    ("get /customers/me", "Query.me"),
    ("patch /customers/me", "Mutation.updateCustomer"),
    ("delete /customers/me", "Mutation.eraseCustomer"),
    ("get /customers/me/export", "Customer.export"),
    ("post /customers/me/addresses", "Mutation.addAddress"),
    ("put /customers/me/addresses/{id}", "Mutation.updateAddress"),
    ("delete /customers/me/addresses/{id}", "Mutation.deleteAddress"),
    ("get /mailbox", "Customer.letters"),
    ("get /mailbox/{id}", "Query.node"),
    ("get /cart", "Query.cart"),
    ("delete /cart", "Mutation.clearCart"),
    ("post /cart/items", "Mutation.addToCart"),
    ("put /cart/items/{product_id}", "Mutation.setCartQuantity"),
    ("delete /cart/items/{product_id}", "Mutation.setCartQuantity"),
    ("post /checkout/quote", "Query.quote"),
    ("post /payment-tokens", "Mutation.keepCard"),
    ("post /orders", "Mutation.placeOrder"),
    ("get /challenges/{id}", "Query.paymentChallenge"),
    ("post /challenges/{id}", "Mutation.completePaymentChallenge"),
    ("get /orders", "Customer.orders"),
    ("get /orders/{id}", "Query.order"),
    ("post /orders/{id}/cancel", "Mutation.cancelOrder"),
    ("get /orders/{id}/shipment", "Order.shipment"),
    ("get /admin/orders", "Admin.orders"),
    ("get /admin/orders/{id}", "Admin.order"),
    ("post /admin/orders/{id}/transition", "Mutation.transitionOrder"),
    ("get /admin/payments", "Admin.payments"),
    ("get /admin/ledger/balance", "Admin.trialBalance"),
    ("get /admin/ledger/transactions", "Admin.ledger"),
    ("get /admin/fraud/assessments", "Admin.assessments"),
    ("get /admin/fraud/assessments/{order_id}", "Admin.assessment"),
    ("post /admin/keys/rotate", "Mutation.rotateKeys"),
    ("put /admin/accounts/{id}/lock", "Mutation.setAccountLock"),
    ("delete /admin/accounts/{id}/lock", "Mutation.setAccountLock"),
    ("get /analytics/sources", "Query.analyticsSources"),
    ("post /analytics/sources", "Mutation.createAnalyticsSource"),
    ("get /analytics/sources/{id}", "Query.analyticsSource"),
    ("delete /analytics/sources/{id}", "Mutation.deleteAnalyticsSource"),
    ("get /analytics/sources/{id}/messages", "AnalyticsSource.messages"),
    ("put /analytics/sources/{id}/destinations", "Mutation.putAnalyticsDestination"),
    ("delete /analytics/sources/{id}/destinations", "Mutation.deleteAnalyticsDestination"),
    ("post /analytics/sources/{id}/replays", "Mutation.replayAnalyticsDestination"),
    ("get /analytics/sources/{id}/undelivered", "AnalyticsSource.undelivered"),
];

/// Every operation of REST.
fn operations() -> BTreeSet<String> {
    let document = all().document("https://shop.example");
    let paths = document["paths"].as_object().expect("paths");
    let of_path = |(path, verbs): (&String, &serde_json::Value)| {
        let path = path.strip_prefix("/api/v1").expect("all are below it").to_owned();
        let verbs: Vec<String> = verbs.as_object().expect("verbs").keys().cloned().collect();
        verbs.into_iter().map(move |verb| format!("{verb} {path}"))
    };
    paths.iter().flat_map(of_path).collect()
}

/// Every field of every type, the schema's own among them.
fn fields() -> BTreeSet<String> {
    let mut fields = BTreeSet::from(["Query.__schema".to_owned()]);
    for definition in parse_schema(sdl()).expect("a schema").definitions {
        let TypeSystemDefinition::Type(of) = definition else { continue };
        let name = of.node.name.node;
        if let TypeKind::Object(object) = of.node.kind {
            fields.extend(object.fields.into_iter().map(|field| format!("{name}.{}", field.node.name.node)));
        }
    }
    fields
}

#[test]
fn each_operation_of_rest_has_a_field_that_does_the_same() {
    let known: BTreeMap<&str, &str> = COUNTERPARTS.iter().copied().collect();
    assert_eq!(known.len(), COUNTERPARTS.len(), "an operation stands here twice");
    let (operations, fields) = (operations(), fields());
    let lacking: Vec<&String> = operations.iter().filter(|operation| !known.contains_key(operation.as_str())).collect();
    assert!(lacking.is_empty(), "what GraphQL cannot do, or is not named here: {lacking:#?}");
    let gone: Vec<&&str> = known.keys().filter(|operation| !operations.contains(**operation)).collect();
    assert!(gone.is_empty(), "REST has no such operation: {gone:#?}");
    let nowhere: Vec<&&str> = known.values().filter(|field| !fields.contains(**field)).collect();
    assert!(nowhere.is_empty(), "the schema has no such field: {nowhere:#?}");
}
