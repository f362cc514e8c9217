//! A guest fills a cart, becomes a customer, and buys.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use vitrine_tests_testkit::eventually;

use super::world::{ADMIN, Caller, PASSWORD, World, address, card};

const CART: &str = "fragment C on CartPayload { guest errors { code field } cart { isGuest totalQuantity subtotal { amount } \
                    lines { quantity product { id } } problems { message productId } } }";

async fn add(caller: &Caller, product: &str, quantity: i32) -> Result<Value> {
    let query = format!("mutation($input: AddToCartInput!) {{ addToCart(input: $input) {{ ...C }} }} {CART}");
    let told = caller.run(&query, json!({ "input": { "productId": product, "quantity": quantity } })).await?;
    Ok(told["addToCart"].clone())
}

fn purchase(key: &str, number: &str, most: &str) -> Value {
    json!({ "input": {
        "idempotencyKey": key, "destination": { "address": address() }, "payment": { "card": card(number) },
        "maxTotal": { "amount": most, "currency": "USD" },
    } })
}

const PLACE: &str = "mutation($input: PlaceOrderInput!) { placeOrder(input: $input) { __typename \
                     ... on Order { id state total { amount currency text } } \
                     ... on PaymentChallenge { id url state triesLeft orderId amount { amount } } \
                     ... on PriceChanged { code was { amount } now { id total { amount } } } ... on Refusal { code field } } }";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_becomes_a_customer_and_buys() -> Result<()> {
    let world = World::start().await?;
    let begun = add(&world.anybody, "prd_tall-vase", 1).await?;
    let secret = begun["guest"].as_str().context("a guest")?.to_owned();
    let guest = world.anybody.with_guest(&secret);
    let more = add(&guest, "prd_pebble-vase", 2).await?;
    ensure!(more["guest"].is_null() && more["cart"]["isGuest"] == true && more["cart"]["totalQuantity"] == 3, "{more}");
    let empty = world.anybody.run("{ cart { totalQuantity isGuest } me { id } }", json!({})).await?;
    ensure!(empty["cart"]["totalQuantity"] == 0 && empty["me"].is_null(), "a stranger sees no one's: {empty}");
    ensure!(guest.refused("{ order(id: \"ord_1\") { id } }", json!({})).await? == "TOKEN_REQUIRED");
    let other = world.anybody.with_guest("cus_somebody");
    ensure!(other.refused("{ cart { version } }", json!({})).await? == "INVALID_GUEST");

    let customer = world.anybody.sign_up("ada@test.vitrine.example").await?;
    let query = format!("mutation($g: ID!) {{ mergeCart(input: {{ guest: $g }}) {{ ...C }} }} {CART}");
    for _ in 0..2 {
        let merged = customer.run(&query, json!({ "g": secret })).await?;
        let cart = &merged["mergeCart"]["cart"];
        ensure!(cart["totalQuantity"] == 3 && cart["isGuest"] == false, "{merged}");
    }
    ensure!(guest.run("{ cart { totalQuantity } }", json!({})).await?["cart"]["totalQuantity"] == 0);
    buys(&world, &customer).await
}

async fn buys(world: &World, customer: &Caller) -> Result<()> {
    let quote = "query($input: QuoteInput!) { quote(input: $input) { __typename ... on Quote { total { amount } } ... on Refusal { code field } } }";
    let asked = |country: &str| {
        let mut address = address();
        address["country"] = country.into();
        json!({ "input": { "destination": { "address": address }, "currency": "USD" } })
    };
    let quoted = customer.run(quote, asked("DE")).await?;
    let total = quoted["quote"]["total"]["amount"].as_str().with_context(|| format!("a total: {quoted}"))?.to_owned();
    let refused = customer.run(quote, asked("AQ")).await?;
    ensure!(refused["quote"]["__typename"] == "Refusal", "{refused}");
    ensure!(
        refused["quote"]["field"].as_str().is_some_and(|f| f.starts_with("destination.address.country")),
        "{refused}"
    );

    for (key, number, most, code) in
        [("k1", "4000000000000002", &*total, "CARD_DECLINED"), ("k2", "4242424242424242", "0.01", "PRICE_CHANGED")]
    {
        let refused = customer.run(PLACE, purchase(key, number, most)).await?;
        ensure!(refused["placeOrder"]["code"] == code, "{code}: {refused}");
    }
    let dearer = customer.run(PLACE, purchase("k2", "4242424242424242", "0.01")).await?;
    ensure!(dearer["placeOrder"]["was"]["amount"] == "0.01", "{dearer}");
    ensure!(dearer["placeOrder"]["now"]["total"]["amount"] == total, "what it costs now: {dearer}");
    let mistyped = customer.run(PLACE, purchase("k3", "4242424242424241", &total)).await?;
    ensure!(mistyped["placeOrder"]["field"] == "payment.card.number", "{mistyped}");
    let placed = customer.run(PLACE, purchase("k4", "4242424242424242", &total)).await?;
    let again = customer.run(PLACE, purchase("k4", "4242424242424242", &total)).await?;
    ensure!(placed == again && placed["placeOrder"]["total"]["amount"] == total, "{placed} {again}");
    let id = placed["placeOrder"]["id"].as_str().with_context(|| format!("an order: {placed}"))?.to_owned();

    let read = "query($id: ID!) { order(id: $id) { state shipment { state } lines { quantity product { name } } } \
                node(id: $id) { id __typename } me { orders { nodes { id } } cards { token } } cart { lines { quantity } } }";
    let seen = customer.run(read, json!({ "id": id })).await?;
    ensure!(seen["node"] == json!({ "id": id, "__typename": "Order" }), "{seen}");
    ensure!(seen["me"]["orders"]["nodes"] == json!([{ "id": id }]) && seen["cart"]["lines"] == json!([]), "{seen}");
    let stranger = world.anybody.sign_up("eve@test.vitrine.example").await?;
    let unseen =
        stranger.run("query($id: ID!) { order(id: $id) { id } node(id: $id) { id } }", json!({ "id": id })).await?;
    ensure!(unseen == json!({ "order": null, "node": null }), "{unseen}");
    let letters = "{ me { letters { nodes { id template order { id state } } } } }";
    let letter = eventually("a receipt", async || {
        let told = customer.run(letters, json!({})).await?;
        Ok(Some(told["me"]["letters"]["nodes"][0].clone()).filter(|letter| letter["order"]["id"] == id.as_str()))
    });
    let letter = letter.await?["id"].clone();
    let whole =
        customer.run("query($id: ID!) { node(id: $id) { ... on Letter { text } } }", json!({ "id": letter })).await?;
    ensure!(whole["node"]["text"].as_str().is_some_and(|text| !text.is_empty()), "{whole}");
    let cancel =
        "mutation($input: CancelOrderInput!) { cancelOrder(input: $input) { order { state } errors { code } } }";
    let cancelled = customer.run(cancel, json!({ "input": { "orderId": id } })).await?;
    ensure!(cancelled["cancelOrder"]["order"]["state"] == "REFUNDED", "{cancelled}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_keep_addresses_and_cards_and_are_told_what_is_wrong() -> Result<()> {
    let world = World::start().await?;
    let customer = world.anybody.sign_up("ada@test.vitrine.example").await?;
    let taken =
        "mutation($input: SignUpInput!) { signUp(input: $input) { customer { id } errors { code field expected } } }";
    let input = json!({ "email": "ada@test.vitrine.example", "password": PASSWORD, "displayName": "Eve" });
    let told = world.anybody.run(taken, json!({ "input": input })).await?;
    ensure!(told["signUp"]["customer"].is_null() && told["signUp"]["errors"][0]["code"].is_string(), "{told}");
    let short = json!({ "email": "eve@test.vitrine.example", "password": "short", "displayName": "Eve" });
    let told = world.anybody.run(taken, json!({ "input": short })).await?;
    ensure!(told["signUp"]["errors"][0]["field"] == "password", "{told}");
    let wrong = "mutation { signIn(input: { email: \"ada@test.vitrine.example\", password: \"wrong and long\" }) { session { accessToken } errors { code } } }";
    let told = world.anybody.run(wrong, json!({})).await?;
    ensure!(told["signIn"]["errors"][0]["code"] == "BAD_CREDENTIALS", "{told}");

    let keep = "mutation($input: AddAddressInput!) { addAddress(input: $input) { customer { version addresses { id label } } errors { code field } } }";
    let kept = customer.run(keep, json!({ "input": { "label": "Home", "address": address() } })).await?;
    let id = kept["addAddress"]["customer"]["addresses"][0]["id"].as_str().context("an id")?.to_owned();
    let stale =
        customer.run(keep, json!({ "input": { "label": "Work", "address": address(), "expectedVersion": 1 } })).await?;
    ensure!(stale["addAddress"]["errors"][0]["code"] == "VERSION_MISMATCH", "{stale}");
    let mut empty = address();
    empty["postalCode"] = "".into();
    let bad = customer.run(keep, json!({ "input": { "address": empty } })).await?;
    ensure!(bad["addAddress"]["errors"][0]["field"].as_str().is_some_and(|f| f.ends_with("postalCode")), "{bad}");

    let card_query = "mutation($input: KeepCardInput!) { keepCard(input: $input) { card { token last4 scheme } errors { code field } } }";
    let made = customer.run(card_query, json!({ "input": { "card": card("4242424242424242") } })).await?;
    let token = made["keepCard"]["card"]["token"].as_str().context("a token")?.to_owned();
    add(&customer, "prd_tall-vase", 1).await?;
    let input = json!({
        "idempotencyKey": "k1", "destination": { "savedAddressId": id }, "payment": { "token": token },
        "maxTotal": { "amount": "100000.00", "currency": "EUR" },
    });
    let placed = customer.run(PLACE, json!({ "input": input })).await?;
    ensure!(placed["placeOrder"]["state"] == "PAID", "{placed}");
    let cards = customer.run("{ me { cards { token scheme last4 } } }", json!({})).await?;
    ensure!(cards["me"]["cards"] == json!([{ "token": token, "scheme": "visa", "last4": "4242" }]), "{cards}");
    let forget = "mutation($t: ID!) { forgetCard(input: { token: $t }) { card { last4 } errors { code } } }";
    let eve = world.anybody.sign_up("eve@test.vitrine.example").await?;
    let not_hers = eve.run(forget, json!({ "t": token })).await?;
    ensure!(not_hers["forgetCard"]["errors"][0]["code"] == "UNKNOWN_TOKEN", "{not_hers}");
    ensure!(customer.run(forget, json!({ "t": token })).await?["forgetCard"]["card"]["last4"] == "4242");
    ensure!(customer.run("{ me { cards { token } } }", json!({})).await?["me"]["cards"] == json!([]));
    runs_the_shop(&world, &customer).await
}

async fn runs_the_shop(world: &World, customer: &Caller) -> Result<()> {
    let all = "{ admin { orders { nodes { id state } } payments { nodes { state } } trialBalance { balanced } ledger { nodes { kind } } } }";
    ensure!(customer.refused(all, json!({})).await? == "PERMISSION_DENIED");
    let admin = world.anybody.sign_in(ADMIN, PASSWORD).await?;
    let seen = admin.run(all, json!({})).await?;
    let id =
        seen["admin"]["orders"]["nodes"][0]["id"].as_str().with_context(|| format!("an order: {seen}"))?.to_owned();
    let refund = "mutation($input: TransitionOrderInput!) { transitionOrder(input: $input) { order { state } errors { code field } } }";
    let never = admin.run(refund, json!({ "input": { "orderId": id, "to": "PAID" } })).await?;
    ensure!(never["transitionOrder"]["errors"][0]["field"] == "to", "{never}");
    let moved = admin.run(refund, json!({ "input": { "orderId": id, "to": "REFUNDED" } })).await?;
    ensure!(moved["transitionOrder"]["order"]["state"] == "REFUNDED", "{moved}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bank_asks_before_it_pays_and_a_quote_is_kept_to() -> Result<()> {
    let world = World::start().await?;
    let customer = world.anybody.sign_up("ada@test.vitrine.example").await?;
    add(&customer, "prd_tall-vase", 1).await?;
    let quote =
        "query($input: QuoteInput!) { quote(input: $input) { ... on Quote { id expiresAt total { amount } } } }";
    let asked = json!({ "input": { "destination": { "address": address() }, "currency": "USD" } });
    let quoted = customer.run(quote, asked).await?["quote"].clone();
    let total = quoted["total"]["amount"].as_str().with_context(|| format!("a total: {quoted}"))?;
    let by_quote = |key: &str| {
        let mut input = purchase(key, "4000000000003220", total);
        input["input"]["quoteId"] = quoted["id"].clone();
        input
    };
    let placed = customer.run(PLACE, by_quote("k1")).await?["placeOrder"].clone();
    ensure!(placed["__typename"] == "PaymentChallenge" && placed["amount"]["amount"] == total, "{placed}");
    let id = placed["id"].as_str().with_context(|| format!("an id: {placed}"))?;
    ensure!(placed["url"] == format!("/challenge/{id}") && placed["state"] == "WAITING", "{placed}");
    ensure!(customer.run(PLACE, by_quote("k1")).await?["placeOrder"] == placed, "a repeat asks the same");

    let complete = "mutation($input: CompletePaymentChallengeInput!) { completePaymentChallenge(input: $input) { \
                    challenge { state triesLeft orderId } errors { code field expected } } }";
    let answer = async |input: Value| {
        let told = world.anybody.run(complete, json!({ "input": input })).await?;
        Ok::<_, anyhow::Error>(told["completePaymentChallenge"].clone())
    };
    for (input, code, left) in [
        (json!({ "id": id, "code": "000000" }), "WRONG_CHALLENGE_CODE", 4),
        (json!({ "id": id, "code": "zero" }), "INVALID_CHALLENGE_CODE", 4),
        (json!({ "id": id }), "INVALID_FIELD", 4),
    ] {
        let told = answer(input).await?;
        ensure!(told["errors"][0]["code"] == code && told["challenge"]["triesLeft"] == left, "{told}");
        ensure!(told["challenge"]["state"] == "WAITING" && told["errors"][0]["field"] == "code", "{told}");
    }
    let nobodys = answer(json!({ "id": "chl_nobodys", "code": "123456" })).await?;
    ensure!(nobodys["challenge"].is_null() && nobodys["errors"][0]["code"] == "NOT_FOUND", "{nobodys}");
    let passed = answer(json!({ "id": id, "code": "123456" })).await?;
    ensure!(passed["challenge"]["state"] == "PASSED" && passed["errors"] == json!([]), "{passed}");
    let bought = customer.run(PLACE, by_quote("k1")).await?["placeOrder"].clone();
    ensure!(bought["id"] == placed["orderId"] && bought["total"]["amount"] == total, "{bought}");
    let read = "query($id: ID!) { paymentChallenge(id: $id) { state } }";
    ensure!(world.anybody.run(read, json!({ "id": id })).await?["paymentChallenge"]["state"] == "PASSED");
    ensure!(world.anybody.run(read, json!({ "id": "chl_nobodys" })).await?["paymentChallenge"].is_null());

    add(&customer, "prd_tall-vase", 2).await?;
    let changed = customer.run(PLACE, by_quote("k2")).await?;
    ensure!(
        changed["placeOrder"] == json!({ "__typename": "Refusal", "code": "QUOTE_CHANGED", "field": "quoteId" }),
        "{changed}"
    );
    let asked = customer.run(PLACE, purchase("k3", "4000000000003220", "100000.00")).await?["placeOrder"].clone();
    let refused = answer(json!({ "id": asked["id"], "refuse": true })).await?;
    ensure!(refused["challenge"]["state"] == "REFUSED", "{refused}");
    let why = eventually("the purchase to turn back", async || {
        // Until then it is a failure.
        Ok(customer.run(PLACE, purchase("k3", "4000000000003220", "100000.00")).await.ok())
    });
    ensure!(why.await?["placeOrder"]["code"] == "CHALLENGE_REFUSED");
    Ok(())
}
