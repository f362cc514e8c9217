//! Buying.

use anyhow::{Context, Result, ensure};
use http::Method;
use serde_json::{Value, json};
use vitrine_shop_load::http::{Call, Response};
use vitrine_tests_testkit::{Customer, Shop, address, eventually, order_body};

const GOOD: &str = "4242424242424242";

async fn stock(shop: &Shop, id: &str) -> Result<u64> {
    shop.anybody()?.get(&format!("/api/v1/products/{id}")).await?["available"].as_u64().context("available")
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: T, expected: T) -> Result<()> {
    ensure!(found == expected, "{what}: {found:?} instead of {expected:?}");
    Ok(())
}

pub(crate) async fn a_purchase_is_made_once(shop: &Shop) -> Result<()> {
    let customer = Customer::new(&shop.anybody()?).await?;
    let before = stock(shop, "prd_tall-vase").await?;
    customer.add("prd_tall-vase", 2).await?;
    customer.add("prd_first-tumbler", 1).await?;
    let body = order_body("CZK", GOOD);
    let order = customer.buy("key-1", &body).await?;
    same("state", order["state"].as_str(), Some("paid"))?;
    same("lines", order["lines"].as_array().map(Vec::len), Some(2))?;
    same("currency", order["total"]["currency"].as_str(), Some("CZK"))?;
    let states: Vec<&str> =
        order["history"].as_array().context("history")?.iter().filter_map(|h| h["state"].as_str()).collect();
    same("history", states, vec!["placed", "paid"])?;

    // The same key again, also at the same time, is the same purchase.
    let again = futures::future::try_join_all((0..4).map(|_| customer.buy("key-1", &body))).await?;
    ensure!(again.iter().all(|o| o["id"] == order["id"]), "a repeat made another order");
    // With other content it is refused.
    let answer = customer.ask("key-1", &order_body("EUR", GOOD)).await?;
    same("another body", (answer.status, answer.code()), (400, "IDEMPOTENCY_KEY_REUSED".to_owned()))?;

    same("stock", stock(shop, "prd_tall-vase").await?, before - 2)?;
    let cart = customer.api.get("/api/v1/cart").await?;
    same("cart", cart["lines"].as_array().map(Vec::len), Some(0))?;
    let orders = customer.api.all("/api/v1/orders").await?;
    same("orders", orders.len(), 1)?;
    let shipment =
        customer.api.get(&format!("/api/v1/orders/{}/shipment", order["id"].as_str().context("id")?)).await?;
    same("weight", shipment["weight_g"].as_u64(), Some(2900))?;

    let admin = shop.admin()?;
    let payments = admin.all("/api/v1/admin/payments").await?;
    let mine: Vec<&Value> = payments.iter().filter(|p| p["reference"] == order["id"]).collect();
    ensure!(mine.len() == 1 && mine[0]["state"] == "captured" && mine[0]["captured"] == order["total"], "{mine:?}");

    // What follows from the order comes a little later.
    let letters =
        eventually(
            "a receipt",
            async || Ok(Some(customer.api.all("/api/v1/mailbox").await?).filter(|l| !l.is_empty())),
        )
        .await?;
    same("letters", letters.len(), 1)?;
    let letter = customer.api.get(&format!("/api/v1/mailbox/{}", letters[0]["id"].as_str().context("id")?)).await?;
    ensure!(letter["text"].as_str().is_some_and(|t| t.contains("Tall vase") && t.contains("CZK")), "{letter}");
    let id = order["id"].as_str().context("id")?.to_owned();
    let assessment = eventually("an assessment", async || {
        let answer = admin.send(Call::new(Method::GET, &format!("/api/v1/admin/fraud/assessments/{id}"))).await?;
        Ok((answer.status == 200).then(|| answer.json()))
    })
    .await?;
    ensure!(assessment["verdict"].is_string(), "{assessment}");
    let booked = eventually("a booking", async || {
        Ok(Some(admin.all(&format!("/api/v1/admin/ledger/transactions?order_id={id}")).await?)
            .filter(|t| !t.is_empty()))
    })
    .await?;
    same("kind", booked[0]["kind"].as_str(), Some("sale"))?;
    same("balanced", admin.get("/api/v1/admin/ledger/balance").await?["balanced"].as_bool(), Some(true))
}

pub(crate) async fn a_purchase_can_be_cancelled(shop: &Shop) -> Result<()> {
    let customer = Customer::new(&shop.anybody()?).await?;
    let before = stock(shop, "prd_apple-bowl").await?;
    let order = customer.buy_one("prd_apple-bowl").await?;
    let id = order["id"].as_str().context("id")?;
    let path = format!("/api/v1/orders/{id}/cancel");
    let reason = json!({"reason": "it was meant for somebody else"});
    let cancelled = customer.api.expect(200, Method::POST, &path, Some(&reason)).await?;
    same("state", cancelled["state"].as_str(), Some("refunded"))?;
    let states: Vec<&str> =
        cancelled["history"].as_array().context("history")?.iter().filter_map(|h| h["state"].as_str()).collect();
    same("history", states, vec!["placed", "paid", "cancelled", "refunded"])?;
    let again = customer.api.expect(200, Method::POST, &path, Some(&reason)).await?;
    same("again", again["version"].as_u64(), cancelled["version"].as_u64())?;
    same("stock", stock(shop, "prd_apple-bowl").await?, before)?;
    let admin = shop.admin()?;
    let payments = admin.all("/api/v1/admin/payments").await?;
    let payment = payments.iter().find(|p| p["reference"] == id).context("its payment")?;
    ensure!(payment["state"] == "refunded" && payment["refunded"] == order["total"], "{payment}");
    let shipment = customer.api.get(&format!("/api/v1/orders/{id}/shipment")).await?;
    same("shipment", shipment["state"].as_str(), Some("cancelled"))?;

    // Another's order is not there.
    let other = Customer::new(&shop.anybody()?).await?;
    for (method, path) in
        [(Method::GET, format!("/api/v1/orders/{id}")), (Method::GET, format!("/api/v1/orders/{id}/shipment"))]
    {
        other.api.expect(404, method, &path, None).await?;
    }
    other.api.expect(404, Method::POST, &path, Some(&reason)).await?;

    // What is with the carrier cannot be cancelled any more; its money can still be given back.
    let sent = customer.buy_one("prd_apple-bowl").await?;
    let id = sent["id"].as_str().context("id")?;
    let transition = format!("/api/v1/admin/orders/{id}/transition");
    admin.expect(200, Method::POST, &transition, Some(&json!({"to": "shipped"}))).await?;
    let answer = customer.api.expect(422, Method::POST, &format!("/api/v1/orders/{id}/cancel"), Some(&reason)).await?;
    same("too late", answer["code"].as_str(), Some("ORDER_STATE"))?;
    let refunded = admin.expect(200, Method::POST, &transition, Some(&json!({"to": "refunded"}))).await?;
    same("refunded", refunded["state"].as_str(), Some("refunded"))
}

/// However many cancel at once, and no matter who: the money goes back once, and the pieces are there once.
pub(crate) async fn an_order_is_undone_once(shop: &Shop) -> Result<()> {
    let (customer, admin) = (Customer::new(&shop.anybody()?).await?, shop.admin()?);
    let before = stock(shop, "prd_apple-bowl").await?;
    for round in 0..2 {
        let order = customer.buy_one("prd_apple-bowl").await?;
        let id = order["id"].as_str().context("id")?;
        let cancel =
            Call::new(Method::POST, &format!("/api/v1/orders/{id}/cancel")).json(&json!({"reason": "changed my mind"}));
        let refund =
            Call::new(Method::POST, &format!("/api/v1/admin/orders/{id}/transition")).json(&json!({"to": "refunded"}));
        let cancels = (0..4).map(|_| customer.api.send(cancel.clone()));
        let refunds = (0..2).map(|_| admin.send(refund.clone()));
        let (cancelled, refunded) =
            futures::future::try_join(futures::future::try_join_all(cancels), futures::future::try_join_all(refunds))
                .await?;
        for answer in cancelled.iter().chain(&refunded) {
            same(&format!("round {round}"), (answer.status, answer.json()["state"].as_str()), (200, Some("refunded")))?;
        }
        let payments = admin.all("/api/v1/admin/payments").await?;
        let payment = payments.iter().find(|p| p["reference"] == id).context("its payment")?;
        ensure!(payment["state"] == "refunded" && payment["refunded"] == order["total"], "{payment}");
        same("stock", stock(shop, "prd_apple-bowl").await?, before)?;
    }
    Ok(())
}

pub(crate) async fn refusals_leave_nothing_behind(shop: &Shop) -> Result<()> {
    let customer = Customer::new(&shop.anybody()?).await?;
    let before = stock(shop, "prd_ice-column").await?;
    customer.add("prd_ice-column", 1).await?;
    let ask = async |key: &str, body: &Value| -> Result<(u16, String)> {
        let answer = customer.ask(key, body).await?;
        Ok((answer.status, answer.code()))
    };
    let declined = order_body("EUR", "4000000000000002");
    same("declined", ask("declined", &declined).await?, (402, "CARD_DECLINED".to_owned()))?;
    same("declined again", ask("declined", &declined).await?, (402, "CARD_DECLINED".to_owned()))?;
    let mut cheap = order_body("EUR", GOOD);
    cheap["max_total"] = json!({"amount": "1.00", "currency": "EUR"});
    same("dearer", ask("cheap", &cheap).await?, (409, "PRICE_CHANGED".to_owned()))?;
    let mut far = order_body("EUR", GOOD);
    far["address"] = address("AQ");
    same("Antarctica", ask("far", &far).await?, (400, "COUNTRY_NOT_SERVED".to_owned()))?;
    same("stock", stock(shop, "prd_ice-column").await?, before)?;
    same("orders", customer.api.all("/api/v1/orders").await?.len(), 0)?;
    let cart = customer.api.get("/api/v1/cart").await?;
    same("the cart is as it was", cart["lines"][0]["quantity"].as_u64(), Some(1))?;

    customer.api.expect(204, Method::DELETE, "/api/v1/cart", None).await?;
    same("empty", ask("empty", &order_body("EUR", GOOD)).await?, (422, "CART_EMPTY".to_owned()))?;
    customer.add("prd_museum-amphora", 900).await?;
    same("too many", ask("many", &order_body("EUR", GOOD)).await?, (409, "OUT_OF_STOCK".to_owned()))
}

pub(crate) async fn carts_and_quotes(shop: &Shop) -> Result<()> {
    let customer = Customer::new(&shop.anybody()?).await?;
    customer.add("prd_everyday-tumbler", 2).await?;
    let cart = customer.add("prd_everyday-tumbler", 1).await?;
    same("quantity", cart["lines"][0]["quantity"].as_u64(), Some(3))?;
    same("total", cart["lines"][0]["total"]["amount"].as_str(), Some("42.00"))?;
    let in_yen = customer.api.get("/api/v1/cart?currency=JPY").await?;
    ensure!(in_yen["subtotal"]["amount"].as_str().is_some_and(|a| !a.contains('.')), "{in_yen}");
    let path = "/api/v1/cart/items/prd_everyday-tumbler";
    let cart = customer.api.expect(200, Method::PUT, path, Some(&json!({"quantity": 1}))).await?;
    same("set", cart["lines"][0]["quantity"].as_u64(), Some(1))?;
    let question = json!({"currency": "EUR", "address": address("FR")});
    let quote = customer.api.expect(200, Method::POST, "/api/v1/checkout/quote", Some(&question)).await?;
    same("shipping", quote["shipping"]["amount"].as_str(), Some("9.50"))?;
    same("total", quote["total"]["amount"].as_str(), Some("23.50"))?;
    let cart = customer.api.expect(200, Method::DELETE, path, None).await?;
    same("removed", cart["lines"].as_array().map(Vec::len), Some(0))?;

    // A token stands for a card, for the customer who was given it alone.
    let token = customer
        .api
        .expect(201, Method::POST, "/api/v1/payment-tokens", Some(&json!({"card": vitrine_tests_testkit::card(GOOD)})))
        .await?;
    same("last4", token["last4"].as_str(), Some("4242"))?;
    let mut body = order_body("EUR", GOOD);
    body["payment"] = json!({"token": token["token"]});
    customer.add("prd_everyday-tumbler", 1).await?;
    let thief = Customer::new(&shop.anybody()?).await?;
    thief.add("prd_everyday-tumbler", 1).await?;
    let answer = thief.ask("stolen", &body).await?;
    same("a stolen token", (answer.status, answer.json()["field"].as_str()), (400, Some("payment.token")))?;
    same("the owner's", customer.buy("own", &body).await?["state"].as_str(), Some("paid"))
}

pub(crate) async fn quotes_refuse_what_orders_refuse(shop: &Shop) -> Result<()> {
    let customer = Customer::new(&shop.anybody()?).await?;
    let refused_alike = async |what: &str, change: &dyn Fn(&mut Value), status: u16| -> Result<()> {
        let mut order = order_body("EUR", GOOD);
        change(&mut order);
        let mut quote = order.clone();
        quote.as_object_mut().context("an object")?.remove("payment");
        let ordered = customer.ask("refused", &order).await?;
        let quoted = customer.api.send(Call::new(Method::POST, "/api/v1/checkout/quote").json(&quote)).await?;
        let told = |answer: &Response| (answer.status, answer.code(), answer.json()["field"].clone());
        same(what, ordered.status, status)?;
        same(what, told(&quoted), told(&ordered))
    };
    refused_alike("an empty cart", &|_| (), 422).await?;
    customer.add("prd_tall-vase", 1).await?;
    let text = |length: usize| json!("x".repeat(length));
    for (field, values) in [
        ("recipient", [json!(""), json!("  "), text(101), json!("Ada\nBrenner")]),
        ("line1", [json!(""), text(121), json!(7), Value::Null]),
        ("line2", [text(121), json!("\u{0}"), json!("a\tb"), json!([])]),
        ("city", [json!(""), text(81), json!("Dres\u{7}den"), json!({})]),
        ("postal_code", [json!(""), json!(" "), text(17), json!(1067)]),
        ("country", [json!(""), json!("de"), json!("DEU"), json!("AQ")]),
    ] {
        for value in values {
            let what = format!("{field} {value}");
            refused_alike(&what, &|order| order["address"][field] = value.clone(), 400).await?;
        }
        let missing = |order: &mut Value| drop(order["address"].as_object_mut().and_then(|a| a.remove(field)));
        if field != "line2" {
            refused_alike(&format!("no {field}"), &missing, 400).await?;
        }
    }
    for currency in [json!("eur"), json!(""), json!("XXX"), json!("EURO"), json!(978)] {
        refused_alike("a currency", &|order| order["currency"] = currency.clone(), 400).await?;
    }
    refused_alike("an unknown field", &|order| order["coupon"] = json!("x"), 400).await?;
    refused_alike("no address", &|order| drop(order.as_object_mut().and_then(|o| o.remove("address"))), 400).await?;
    customer.add("prd_museum-amphora", 900).await?;
    refused_alike("more than there is", &|_| (), 409).await
}

pub(crate) async fn recommendations_learn_from_orders(shop: &Shop) -> Result<()> {
    let customer = Customer::new(&shop.anybody()?).await?;
    for key in ["first", "second"] {
        customer.add("prd_lichen-vase", 1).await?;
        customer.add("prd_snowdrop", 1).await?;
        customer.buy(key, &order_body("EUR", GOOD)).await?;
    }
    let anybody = shop.anybody()?;
    eventually("a recommendation", async || {
        let found = anybody.get("/api/v1/recommendations?product_id=prd_lichen-vase&limit=6").await?;
        let first = found["items"][0].clone();
        let learnt = first["product_id"] == "prd_snowdrop"
            && first["bought_together"] == 2
            && first["reason"] == "bought_together";
        let filled = found["items"].as_array().is_some_and(|i| i.len() == 6 && i[5]["reason"] == "same_category");
        Ok((learnt && filled).then_some(()))
    })
    .await?;
    let ads = anybody.get("/api/v1/ads?context=vases&limit=2").await?;
    same("ads", ads["items"][0]["context"].as_str(), Some("vases"))
}
