//! Cards that ask for a challenge, and quotes: over the real services, in one process.

use vitrine_contracts::Code;
use vitrine_contracts::catalog::v1::{ProductChange, UpdateAnyProductRequest};
use vitrine_contracts::checkout::v1::complete_challenge_request::Answer;
use vitrine_contracts::checkout::v1::place_order_response::Result as Placed;
use vitrine_contracts::checkout::v1::{PlaceOrderRequest, QuoteRequest, QuoteResponse};
use vitrine_contracts::common::v1::Money;
use vitrine_contracts::limits::{CHALLENGE_MS, MAX_CHALLENGE_TRIES, QUOTE_MS};
use vitrine_contracts::payments::v1::{ChallengeState, PaymentState};

use crate::reason;
use crate::world::{World, address, challenged, challenged_request, code, line, order_request, wait_for};

async fn with_cart() -> (World, String) {
    let world = World::new().await;
    let ada = world.customer("ada@example.org").await;
    world.add(&ada, "prd_tall-vase", 2).await;
    (world, ada)
}

async fn challenge(world: &World, customer: &str, key: &str) -> (String, String) {
    let placed = world.checkout.clone().place_order(challenged_request(customer, key)).await.expect("asked");
    let asked = challenged(placed.into_inner());
    let challenge = asked.challenge.expect("a challenge");
    assert_eq!((challenge.state(), challenge.tries_left), (ChallengeState::Waiting, MAX_CHALLENGE_TRIES));
    (challenge.id, asked.order_id)
}

async fn is_free(world: &World, customer: &str) -> bool {
    let cart = world.cart(customer).await;
    cart.purchase_id.is_empty() && cart.lines == [line("prd_tall-vase", 2)]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_buys_once_and_the_bank_is_asked_once() {
    let (world, ada) = with_cart().await;
    let (id, order_id) = challenge(&world, &ada, "key").await;
    assert_eq!(challenge(&world, &ada, "key").await, (id.clone(), order_id.clone()), "a repeat asks the same");
    let bad = reason(world.answer(&id, code("12 345")).await);
    assert_eq!(bad, (Code::InvalidArgument, "INVALID_CHALLENGE_CODE".to_owned()));
    assert_eq!(reason(world.answer("chl_nobodys", code("123456")).await).0, Code::NotFound);
    let (first, second) = tokio::join!(world.answer(&id, code("123456")), world.answer(&id, code("123456")));
    for answered in
        [first, second, world.answer(&id, code("123456")).await, world.answer(&id, Answer::Refuse(true)).await]
    {
        assert!(matches!(&answered, Ok(Placed::Order(order)) if order.id == order_id), "{answered:?}");
    }
    let repeated = world.buy(challenged_request(&ada, "key")).await.expect("a repeat");
    assert_eq!(repeated.id, order_id);
    assert!(world.cart(&ada).await.lines.is_empty());
    let payments = world.payments().await;
    assert!(payments.len() == 1 && payments[0].captured == repeated.total, "{payments:?}");
    assert!(payments[0].challenge.is_none(), "lists do not tell it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_leaves_the_cart_and_the_same_key_says_why() {
    let (world, ada) = with_cart().await;
    let (id, _) = challenge(&world, &ada, "key").await;
    let Ok(Placed::Challenge(refused)) = world.answer(&id, Answer::Refuse(true)).await else { panic!("not refused") };
    assert_eq!(refused.challenge.expect("a challenge").state(), ChallengeState::Refused);
    wait_for("the cart to be free", async || is_free(&world, &ada).await).await;
    assert_eq!(reason(world.buy(challenged_request(&ada, "key")).await).1, "CHALLENGE_REFUSED");
    let Ok(Placed::Challenge(late)) = world.answer(&id, code("123456")).await else { panic!("it is over") };
    assert_eq!(late.challenge.expect("a challenge").state(), ChallengeState::Refused);
    world.buy(order_request(&ada, "another")).await.expect("by another card");
    let states: Vec<_> = world.payments().await.iter().map(|payment| payment.state()).collect();
    assert_eq!(states, [PaymentState::Declined, PaymentState::Captured]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_begins_another_purchase_gives_up_the_one_that_waits() {
    let (world, ada) = with_cart().await;
    let (id, order_id) = challenge(&world, &ada, "key").await;
    assert!(!quote(&world, &ada).await.lines.is_empty(), "what another purchase would cost is told");
    let order = world.buy(order_request(&ada, "another")).await.expect("bought");
    assert_ne!(order.id, order_id);
    let Ok(Placed::Challenge(late)) = world.answer(&id, code("123456")).await else { panic!("it is given up") };
    assert_eq!(late.challenge.expect("a challenge").state(), ChallengeState::Refused);
    assert_eq!(reason(world.buy(challenged_request(&ada, "key")).await).1, "CHALLENGE_REFUSED");
    let captured: Vec<_> = world.payments().await.into_iter().filter(|p| p.state() == PaymentState::Captured).collect();
    assert!(captured.len() == 1 && captured[0].reference == order.id, "{captured:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_that_no_one_answers_turns_back_by_itself() {
    let (world, ada) = with_cart().await;
    let (id, _) = challenge(&world, &ada, "key").await;
    world.skew.set(CHALLENGE_MS - 60_000);
    assert_eq!(challenge(&world, &ada, "key").await.0, id, "there is a minute left");
    world.skew.set(CHALLENGE_MS);
    wait_for("the cart to be free", async || is_free(&world, &ada).await).await;
    wait_for("why it turned back", async || {
        reason(world.buy(challenged_request(&ada, "key")).await).1 == "CHALLENGE_EXPIRED"
    })
    .await;
    let Ok(Placed::Challenge(late)) = world.answer(&id, code("123456")).await else { panic!("it is over") };
    assert_eq!(late.challenge.expect("a challenge").state(), ChallengeState::Expired);
    wait_for("the payment to be voided", async || world.payments().await[0].state() == PaymentState::Voided).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_is_in_the_journal() {
    let (world, ada) = with_cart().await;
    let (id, order_id) = challenge(&world, &ada, "key").await;
    let world = world.restart(async |_| {}).await;
    let told = async || world.checkout.clone().place_order(challenged_request(&ada, "key")).await;
    wait_for("the same challenge", async || told().await.is_ok()).await;
    assert_eq!(challenge(&world, &ada, "key").await, (id.clone(), order_id.clone()));
    let answered = world.answer(&id, code("123456")).await;
    assert!(matches!(&answered, Ok(Placed::Order(order)) if order.id == order_id), "{answered:?}");
}

async fn quote(world: &World, customer: &str) -> QuoteResponse {
    let (customer_id, currency_code) = (customer.to_owned(), "EUR".to_owned());
    let request = QuoteRequest { customer_id, currency_code, address: Some(address()) };
    world.checkout.clone().quote(request).await.expect("quoted").into_inner()
}

async fn reprice(world: &World, minor_units: i64) {
    let price = Some(Money { currency_code: "EUR".to_owned(), minor_units });
    let change = ProductChange { product_id: "prd_tall-vase".to_owned(), price, ..ProductChange::default() };
    let request = UpdateAnyProductRequest { change: Some(change) };
    world.catalog.clone().update_any_product(request).await.expect("changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_quoted_is_what_is_charged_or_less() {
    let (world, ada) = with_cart().await;
    let by =
        |quote: &QuoteResponse, key: &str| PlaceOrderRequest { quote_id: quote.id.clone(), ..order_request(&ada, key) };
    let quoted = quote(&world, &ada).await;
    reprice(&world, 99_000).await;
    assert_eq!(reason(world.buy(by(&quoted, "key")).await), (Code::Aborted, "PRICE_CHANGED".to_owned()));
    world.add(&ada, "prd_storm-vase", 1).await;
    assert_eq!(reason(world.buy(by(&quoted, "key")).await).1, "QUOTE_CHANGED", "the cart is another");
    let dearer = quote(&world, &ada).await;
    let request = PlaceOrderRequest { max_total: quoted.total.clone(), ..by(&dearer, "key") };
    assert_eq!(reason(world.buy(request).await).1, "PRICE_CHANGED", "the lower of both counts");
    world.skew.set(QUOTE_MS);
    assert_eq!(reason(world.buy(by(&dearer, "key")).await).1, "QUOTE_EXPIRED");
    world.skew.set(QUOTE_MS - 60_000);
    reprice(&world, 100).await;
    let order = world.buy(by(&dearer, "key")).await.expect("cheaper is welcome");
    let minor = |money: &Option<Money>| money.as_ref().map_or(0, |money| money.minor_units);
    assert!(minor(&order.total) < minor(&dearer.total), "{order:?}");
    world.skew.set(QUOTE_MS);
    assert_eq!(world.buy(by(&dearer, "key")).await.expect("a repeat").id, order.id, "however old its quote is");
}
