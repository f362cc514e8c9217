//! A carts service that cannot settle for a while: the customer has their order, and the cart is free when it can.

use std::sync::Arc;

use parking_lot::Mutex;
use tonic::{Request, Response, Status};
use vitrine_contracts::carts::v1::carts_service_server::{CartsService, CartsServiceServer};
use vitrine_contracts::carts::v1::{
    AddItemRequest, Cart, ClearCartRequest, GetCartRequest, MergeCartRequest, ReleaseCartRequest, SetItemRequest,
    SettleCartRequest, TakeCartRequest,
};
use vitrine_platform_host::Component;
use vitrine_shop_carts::domain::{self, Line, Purchases};

use crate::reason;
use crate::world::{World, line, order_request, wait_for};

#[derive(Default)]
struct State {
    lines: Vec<Line>,
    purchases: Purchases,
    away: bool,
}

/// The cart of one customer, by the rules of the real service.
#[derive(Clone, Default)]
struct Carts(Arc<Mutex<State>>);

fn cart(state: &State) -> Response<Cart> {
    let lines = state.lines.iter().map(|l| line(&l.product_id, l.quantity)).collect();
    let purchase_id = state.purchases.current().unwrap_or_default().to_owned();
    Response::new(Cart { lines, purchase_id, ..Cart::default() })
}

fn lines(wire: Vec<vitrine_contracts::common::v1::Line>) -> Vec<Line> {
    wire.into_iter().map(|l| Line { product_id: l.product_id, quantity: l.quantity }).collect()
}

#[tonic::async_trait]
impl CartsService for Carts {
    async fn get_cart(&self, _: Request<GetCartRequest>) -> Result<Response<Cart>, Status> {
        Ok(cart(&self.0.lock()))
    }
    async fn add_item(&self, request: Request<AddItemRequest>) -> Result<Response<Cart>, Status> {
        let line = request.into_inner().line.unwrap_or_default();
        let mut state = self.0.lock();
        domain::add(&mut state.lines, &line.product_id, line.quantity)?;
        Ok(cart(&state))
    }
    async fn set_item(&self, _: Request<SetItemRequest>) -> Result<Response<Cart>, Status> {
        Err(Status::unimplemented("not here"))
    }
    async fn clear_cart(&self, _: Request<ClearCartRequest>) -> Result<Response<Cart>, Status> {
        Err(Status::unimplemented("not here"))
    }
    async fn merge_cart(&self, _: Request<MergeCartRequest>) -> Result<Response<Cart>, Status> {
        Err(Status::unimplemented("not here"))
    }
    async fn take_cart(&self, request: Request<TakeCartRequest>) -> Result<Response<Cart>, Status> {
        let TakeCartRequest { purchase_id, lines: wanted, .. } = request.into_inner();
        let mut state = self.0.lock();
        let held = state.lines.clone();
        state.purchases.take(&held, &purchase_id, &lines(wanted))?;
        Ok(cart(&state))
    }
    async fn release_cart(&self, request: Request<ReleaseCartRequest>) -> Result<Response<Cart>, Status> {
        let mut state = self.0.lock();
        state.purchases.release(&request.into_inner().purchase_id);
        Ok(cart(&state))
    }
    async fn settle_cart(&self, request: Request<SettleCartRequest>) -> Result<Response<Cart>, Status> {
        let SettleCartRequest { purchase_id, lines: bought, .. } = request.into_inner();
        let State { lines: held, purchases, away } = &mut *self.0.lock();
        if *away {
            // A code that opens no circuit breaker: other calls go on, however often this one is tried.
            return Err(Status::aborted("away"));
        }
        purchases.settle(held, &purchase_id, &lines(bought));
        Ok(Response::new(Cart::default()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_on_record_is_told_and_its_cart_is_settled_later() {
    let carts = Carts::default();
    let world = World::with_carts(Component::new("carts").grpc(CartsServiceServer::new(carts.clone()))).await;
    let ada = world.customer("ada@example.org").await;
    world.add(&ada, "prd_tall-vase", 2).await;
    carts.0.lock().away = true;
    let ask = async |key: &str| world.buy(order_request(&ada, key)).await;
    let order = ask("key").await.expect("it is on record");
    assert_eq!(ask("key").await.expect("a repeat").id, order.id);
    assert_eq!(reason(ask("another").await).1, "CART_IN_PURCHASE");
    world.add(&ada, "prd_tall-vase", 1).await;

    carts.0.lock().away = false;
    wait_for("the cart to be settled", async || carts.0.lock().purchases.current().is_none()).await;
    assert_eq!(world.cart(&ada).await.lines, [line("prd_tall-vase", 1)]);
    assert_eq!(ask("key").await.expect("a repeat").id, order.id);
    ask("another").await.expect("what was put in meanwhile is bought");
    assert_eq!(world.payments().await.len(), 2);
}
