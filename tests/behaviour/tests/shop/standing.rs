//! Who is erased or locked is refused at once, everywhere; and a caller that has their address next finds nothing of
//! them.

use anyhow::{Context, Result, ensure};
use http::Method;
use http::header::IF_MATCH;
use serde_json::{Value, json};
use vitrine_shop_load::http::{Call, Response};
use vitrine_shop_load::sign_in;
use vitrine_tests_testkit::{Api, Customer, Shop, address, card, eventually, order_body};

const CLIENT: &str = "vitrine-storefront";
const GOOD: &str = "4242424242424242";

async fn refresh(anybody: &Api, token: &str) -> Result<Response> {
    let form = [("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", CLIENT)];
    anybody.send(Call::new(Method::POST, "/oauth2/token").form(&form)).await
}

/// Signs in; returns who it is and their refresh token.
async fn signed_in(anybody: &Api, email: &str, password: &str) -> Result<(Api, String)> {
    let tokens = sign_in(anybody.client(), email, password).await.map_err(anyhow::Error::msg)?;
    let text = |key: &str| tokens[key].as_str().map(str::to_owned).with_context(|| key.to_owned());
    Ok((anybody.with_token(&text("access_token")?), text("refresh_token")?))
}

/// Every operation of a customer, each as they would ask for it.
fn operations(order: &str, letter: &str) -> Vec<Call> {
    let path = |rest: &str| format!("/api/v1/{rest}");
    let get = |rest: &str| Call::new(Method::GET, &path(rest));
    let send = |method: Method, rest: &str, body: Value| Call::new(method, &path(rest)).json(&body);
    let saved = || json!({"label": "home", "address": address("DE")});
    vec![
        get("customers/me"),
        send(Method::PATCH, "customers/me", json!({"display_name": "Eve"})).header(IF_MATCH, "\"1\""),
        get("customers/me/export"),
        send(Method::POST, "customers/me/addresses", saved()),
        send(Method::PUT, "customers/me/addresses/adr_1", saved()),
        Call::new(Method::DELETE, &path("customers/me/addresses/adr_1")),
        get("mailbox"),
        get(&format!("mailbox/{letter}")),
        get("cart"),
        send(Method::POST, "cart/items", json!({"product_id": "prd_tall-vase", "quantity": 1})),
        send(Method::PUT, "cart/items/prd_tall-vase", json!({"quantity": 2})),
        Call::new(Method::DELETE, &path("cart/items/prd_tall-vase")),
        Call::new(Method::DELETE, &path("cart")),
        send(Method::POST, "checkout/quote", json!({"address": address("DE")})),
        send(Method::POST, "payment-tokens", json!({"card": card(GOOD)})),
        send(Method::POST, "orders", order_body("EUR", GOOD))
            .header(http::HeaderName::from_static("idempotency-key"), "after-all"),
        get("orders"),
        get(&format!("orders/{order}")),
        get(&format!("orders/{order}/shipment")),
        send(Method::POST, &format!("orders/{order}/cancel"), json!({"reason": "I am gone"})),
        Call::new(Method::DELETE, &path("customers/me")),
    ]
}

/// Asks for everything with a token that is not active any more.
async fn refused_everywhere(shop: &Shop, token_of: &Api, order: &str, letter: &str) -> Result<()> {
    for call in operations(order, letter) {
        let shown = format!("{call:?}").chars().take(120).collect::<String>();
        let answer = token_of.send(call).await?;
        let told = (answer.status, answer.code());
        ensure!(told == (401, "INVALID_TOKEN".to_owned()), "{shown}: {told:?}");
        ensure!(answer.header("www-authenticate").is_some(), "{shown}: no challenge");
    }
    // What is for everyone is for them, too.
    ensure!(shop.anybody()?.get("/api/v1/categories").await? == token_of.get("/api/v1/categories").await?);
    Ok(())
}

fn id(value: &Value) -> Result<&str> {
    value["id"].as_str().with_context(|| format!("id of {value}"))
}

pub(crate) async fn erased_customers_are_refused_at_once(shop: &Shop) -> Result<()> {
    let (anybody, admin) = (shop.anybody()?, shop.admin()?);
    let ada = Customer::new(&anybody).await?;
    let (also_ada, renewal) = signed_in(&anybody, &ada.email, &ada.password).await?;
    let order = ada.buy_one("prd_tall-vase").await?;
    let letter = eventually("a receipt", async || Ok(ada.api.all("/api/v1/mailbox").await?.into_iter().next())).await?;
    ada.add("prd_tall-vase", 3).await?;
    let card = ada.api.expect(201, Method::POST, "/api/v1/payment-tokens", Some(&json!({"card": card(GOOD)}))).await?;

    ada.api.expect(204, Method::DELETE, "/api/v1/customers/me", None).await?;
    for api in [&ada.api, &also_ada] {
        refused_everywhere(shop, api, id(&order)?, id(&letter)?).await?;
    }
    let renewed = refresh(&anybody, &renewal).await?;
    ensure!(renewed.status == 400 && renewed.json()["error"] == "invalid_grant", "{}", renewed.status);
    sign_in(anybody.client(), &ada.email, &ada.password).await.expect_err("the account is gone");

    // The next owner of the address begins with nothing, and finds nothing.
    let body = json!({"email": ada.email, "password": "another password", "display_name": "Eve"});
    anybody.expect(201, Method::POST, "/api/v1/customers", Some(&body)).await?;
    let eve = Customer::sign_in(&anybody, &ada.email, "another password").await?;
    let export = eve.api.get("/api/v1/customers/me/export").await?;
    for list in [&export["letters"], &export["orders"], &export["customer"]["addresses"]] {
        ensure!(list.as_array().is_some_and(Vec::is_empty), "{export}");
    }
    ensure!(eve.api.get("/api/v1/cart").await?["lines"] == json!([]));
    for path in [format!("/api/v1/mailbox/{}", id(&letter)?), format!("/api/v1/orders/{}", id(&order)?)] {
        eve.api.expect(404, Method::GET, &path, None).await?;
    }
    let mut with_adas_card = order_body("EUR", GOOD);
    with_adas_card["payment"] = json!({"token": card["token"]});
    eve.add("prd_tall-vase", 1).await?;
    let answer = eve.ask("with-adas-card", &with_adas_card).await?;
    ensure!(answer.status == 400 && answer.json()["field"] == "payment.token", "{}", answer.status);

    // What happens to the old order goes into no one's mailbox. Events come in order: when the letter about the new order is
    // there, the old order's event was handled.
    eventually("the order to forget who", async || {
        let kept = admin.get(&format!("/api/v1/admin/orders/{}", id(&order)?)).await?;
        Ok((kept["address"]["recipient"] == "" && kept["total"] == order["total"]).then_some(()))
    })
    .await?;
    let path = format!("/api/v1/admin/orders/{}/transition", id(&order)?);
    admin.expect(200, Method::POST, &path, Some(&json!({"to": "shipped"}))).await?;
    let new = eve.buy("eves-own", &order_body("EUR", GOOD)).await?;
    let letters = eventually("a receipt", async || {
        Ok(Some(eve.api.all("/api/v1/mailbox").await?).filter(|letters| !letters.is_empty()))
    })
    .await?;
    ensure!(letters.iter().all(|l| l["order_id"] == new["id"]), "{letters:?}");
    Ok(())
}

/// Who is erased in the middle of buying either has bought or has not; in no case is anything known of them afterwards.
pub(crate) async fn an_erasure_amid_a_purchase_leaves_nothing_personal(shop: &Shop) -> Result<()> {
    let (anybody, admin) = (shop.anybody()?, shop.admin()?);
    for round in 0..4 {
        let ada = Customer::new(&anybody).await?;
        let me = ada.api.get("/api/v1/customers/me").await?;
        ada.add("prd_tall-vase", 1).await?;
        let (body, key) = (order_body("EUR", GOOD), format!("amid-{round}"));
        let erasing = ada.api.expect(204, Method::DELETE, "/api/v1/customers/me", None);
        let (asked, erased) = futures::future::join(ada.ask(&key, &body), erasing).await;
        erased?;
        let asked = asked?;
        let told = (asked.status, asked.code());
        let has_not = matches!(told.0, 401 | 404) || told == (422, "CART_EMPTY".to_owned());
        ensure!(told.0 == 201 || has_not, "{told:?}");
        let of_ada = format!("/api/v1/admin/orders?customer_id={}", id(&me)?);
        eventually("the orders to forget who", async || {
            let orders = admin.all(&of_ada).await?;
            Ok(orders.iter().all(|order| order["address"]["recipient"] == "").then_some(()))
        })
        .await?;
        let orders = admin.all(&of_ada).await?;
        ensure!(orders.len() == usize::from(told.0 == 201), "{told:?} and {orders:?}");
        let body = json!({"email": ada.email, "password": "another password", "display_name": "Eve"});
        anybody.expect(201, Method::POST, "/api/v1/customers", Some(&body)).await?;
        let eve = Customer::sign_in(&anybody, &ada.email, "another password").await?;
        let new = eve.buy_one("prd_tall-vase").await?;
        let letters = eventually("a receipt", async || {
            Ok(Some(eve.api.all("/api/v1/mailbox").await?).filter(|letters| !letters.is_empty()))
        })
        .await?;
        ensure!(letters.iter().all(|l| l["order_id"] == new["id"]), "{letters:?}");
    }
    Ok(())
}

pub(crate) async fn locked_accounts_are_refused_at_once(shop: &Shop) -> Result<()> {
    let (anybody, admin) = (shop.anybody()?, shop.admin()?);
    let ada = Customer::new(&anybody).await?;
    let (_, renewal) = signed_in(&anybody, &ada.email, &ada.password).await?;
    let order = ada.buy_one("prd_tall-vase").await?;
    let me = ada.api.get("/api/v1/customers/me").await?;
    let lock = format!("/api/v1/admin/accounts/{}/lock", id(&me)?);
    ada.api.expect(403, Method::PUT, &lock, None).await?;
    for (path, status) in [("adm_nobody", 404), ("nonsense", 400)] {
        admin.expect(status, Method::PUT, &format!("/api/v1/admin/accounts/{path}/lock"), None).await?;
    }

    for _ in 0..2 {
        admin.expect(204, Method::PUT, &lock, None).await?;
        refused_everywhere(shop, &ada.api, id(&order)?, "eml_1").await?;
        ensure!(refresh(&anybody, &renewal).await?.status == 400, "a locked account's token was renewed");
        let told = sign_in(anybody.client(), &ada.email, &ada.password).await.expect_err("it is locked");
        ensure!(told.contains("locked"), "{told}");
        let told = sign_in(anybody.client(), &ada.email, "wrong horse battery").await.expect_err("a wrong password");
        ensure!(told.contains("wrong"), "only who has the password learns of the lock: {told}");
    }
    for _ in 0..2 {
        admin.expect(204, Method::DELETE, &lock, None).await?;
    }
    // What the account had before has ended for good; who signs in again is let in, and all is as it was.
    refused_everywhere(shop, &ada.api, id(&order)?, "eml_1").await?;
    ensure!(refresh(&anybody, &renewal).await?.status == 400, "a token outlived the lock");
    let again = Customer::sign_in(&anybody, &ada.email, &ada.password).await?;
    ensure!(again.api.get("/api/v1/customers/me").await? == me);
    ensure!(again.api.all("/api/v1/orders").await?.len() == 1);
    Ok(())
}
