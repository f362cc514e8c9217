//! A cart is bought by one purchase at a time, whatever became of the purchases before: over the real services, in one process.

mod challenges;
mod faults;
mod journals;
mod outage;
mod world;

use futures::future::join_all;
use vitrine_contracts::carts::v1::{ReleaseCartRequest, SettleCartRequest, TakeCartRequest};
use vitrine_contracts::catalog::v1::catalog_service_client::CatalogServiceClient;
use vitrine_contracts::catalog::v1::{GetProductRequest, ReleaseReservationRequest, ReservationState, ReserveRequest};
use vitrine_contracts::checkout::v1::PlaceOrderRequest;
use vitrine_contracts::customers::v1::EraseCustomerRequest;
use vitrine_contracts::services::CATALOG;
use vitrine_contracts::{Code, Problem};

use world::{World, line, order_request, wait_for};

fn reason<T: std::fmt::Debug>(outcome: Result<T, tonic::Status>) -> (Code, String) {
    let problem = Problem::from_status(&outcome.expect_err("should be refused"));
    (problem.code, problem.reason)
}

fn take(customer_id: &str, purchase_id: &str, quantity: u32) -> TakeCartRequest {
    let (customer_id, purchase_id) = (customer_id.to_owned(), purchase_id.to_owned());
    TakeCartRequest { customer_id, purchase_id, lines: vec![line("prd_tall-vase", quantity)] }
}

#[tokio::test(flavor = "multi_thread")]
async fn tabs_with_a_key_each_buy_once() {
    let world = World::new().await;
    let ada = world.customer("ada@example.org").await;
    world.add(&ada, "prd_tall-vase", 2).await;
    let keys: Vec<String> = (0..6).map(|tab| format!("tab-{tab}")).collect();
    let ask = async |key: &String| world.checkout.clone().place_order(order_request(&ada, key)).await;
    let outcomes = join_all(keys.iter().map(ask)).await;
    assert_eq!(outcomes.iter().filter(|o| o.is_ok()).count(), 1, "{outcomes:?}");
    for refused in outcomes.into_iter().filter(Result::is_err) {
        let told = reason(refused);
        assert!(matches!(told.1.as_str(), "CART_IN_PURCHASE" | "CART_CHANGED" | "CART_EMPTY"), "{told:?}");
    }
    assert!(world.cart(&ada).await.lines.is_empty());
    assert_eq!(world.payments().await.len(), 1, "who was refused was not even authorised");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_is_one_purchase_however_often_and_with_whatever_it_is_asked_for() {
    let world = World::new().await;
    let ada = world.customer("ada@example.org").await;
    for round in 0..5 {
        world.add(&ada, "prd_tall-vase", 2).await;
        let key = format!("key-{round}");
        let ask = async |currency: &str| {
            let request = PlaceOrderRequest { currency_code: currency.to_owned(), ..order_request(&ada, &key) };
            world.buy(request).await.map(|order| order.id)
        };
        let outcomes = join_all(["EUR", "CZK", "EUR", "CZK", "EUR", "CZK"].map(ask)).await;
        let (bought, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
        let mut ids: Vec<String> = bought.into_iter().flatten().collect();
        ids.dedup();
        assert_eq!((ids.len(), refused.len()), (1, 3), "{refused:?}");
        for refused in refused {
            assert_eq!(reason(refused), (Code::InvalidArgument, "IDEMPOTENCY_KEY_REUSED".to_owned()));
        }
        assert_eq!(world.payments().await.len(), round + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cart_that_an_unknown_purchase_left_taken_is_freed() {
    let world = World::new().await;
    let ada = world.customer("ada@example.org").await;
    world.add(&ada, "prd_tall-vase", 2).await;
    let before = world.cart(&ada).await;
    let taken = world.buying.clone().take_cart(take(&ada, "ord_nobodys", 2)).await.expect("taken").into_inner();
    assert_eq!((taken.version, taken.lines), (before.version, before.lines), "the cart is what it was");
    let order = world.buy(order_request(&ada, "key")).await.expect("bought");
    let cart = world.cart(&ada).await;
    assert!(cart.lines.is_empty() && cart.purchase_id.is_empty(), "{cart:?}");
    // The unknown one comes late, settles late, and changes nothing.
    world.add(&ada, "prd_tall-vase", 5).await;
    assert_eq!(reason(world.buying.clone().take_cart(take(&ada, "ord_nobodys", 1)).await).1, "PURCHASE_ENDED");
    for purchase_id in ["ord_nobodys", &order.id] {
        let TakeCartRequest { customer_id, purchase_id, lines } = take(&ada, purchase_id, 2);
        let request = SettleCartRequest { customer_id, purchase_id, lines };
        world.buying.clone().settle_cart(request).await.expect("a repeat");
    }
    assert_eq!(world.cart(&ada).await.lines, [line("prd_tall-vase", 5)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn erased_customers_buy_nothing_and_have_no_cart() {
    let world = World::new().await;
    let ada = world.customer("ada@example.org").await;
    world.add(&ada, "prd_tall-vase", 2).await;
    world.buying.clone().take_cart(take(&ada, "ord_1", 2)).await.expect("taken");
    let erase = EraseCustomerRequest { customer_id: ada.clone(), expected_version: None };
    world.customers.clone().erase_customer(erase).await.expect("erased");
    assert_eq!(reason(world.checkout.clone().place_order(order_request(&ada, "key")).await).0, Code::NotFound);
    wait_for("the cart to be emptied", async || world.cart(&ada).await.lines.is_empty()).await;
    assert_eq!(reason(world.try_add(&ada, "prd_tall-vase", 1).await).0, Code::NotFound);
    assert_eq!(reason(world.buying.clone().take_cart(take(&ada, "ord_2", 1)).await).0, Code::NotFound);
    // A purchase that was under way may still say that it has ended.
    let request = ReleaseCartRequest { customer_id: ada.clone(), purchase_id: "ord_1".to_owned() };
    world.buying.clone().release_cart(request).await.expect("nothing to do");
    assert!(world.payments().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_that_is_sold_at_once_is_sold_once_and_comes_back_whole() {
    let world = World::new().await;
    let catalog = CatalogServiceClient::new(world.way_to(CATALOG));
    let sold = async || {
        let request = GetProductRequest { product_id: "prd_tall-vase".to_owned() };
        let product = world.catalog.clone().get_product(request).await.expect("a product").into_inner();
        (product.available, product.reserved, product.sold)
    };
    let ask = async |id: &str, quantity, committed| {
        let lines = vec![line("prd_tall-vase", quantity)];
        let request = ReserveRequest { reservation_id: id.to_owned(), lines, ttl_ms: 0, committed };
        catalog.clone().reserve(request).await
    };
    let more = 10 - i32::try_from(sold().await.0).expect("few enough");
    world.restock("prd_tall-vase", more).await;
    let (available, reserved, before) = sold().await;
    for _ in 0..2 {
        let committed = ask("rsv_sold", 2, true).await.expect("sold, or a repeat").into_inner();
        assert_eq!(committed.state(), ReservationState::Committed);
    }
    assert_eq!(sold().await, (available - 2, reserved, before + 2));
    // Other pieces under the same id, and more than there is, change nothing; what is held is sold.
    assert_eq!(reason(ask("rsv_sold", 3, true).await).0, Code::AlreadyExists);
    ask("rsv_held", 1, false).await.expect("held");
    assert_eq!(sold().await, (available - 3, reserved + 1, before + 2));
    ask("rsv_held", 1, true).await.expect("sold");
    assert_eq!(reason(ask("rsv_more", 11, true).await).1, "OUT_OF_STOCK");
    assert_eq!(sold().await, (available - 3, reserved, before + 3));
    for id in ["rsv_sold", "rsv_held", "rsv_late"] {
        let request = ReleaseReservationRequest { reservation_id: id.to_owned() };
        catalog.clone().release_reservation(request).await.expect("released");
        assert_eq!(reason(ask(id, 2, true).await).1, "RESERVATION_GONE", "{id}: it comes late");
    }
    assert_eq!(sold().await, (available, reserved, before));
}
