//! The contract, translated.

use tonic::{Request, Response, Status};
use vitrine_contracts::orders::v1::orders_service_server::OrdersService;
use vitrine_contracts::orders::v1::{
    CreateOrderRequest, GetOrderRequest, ListOrdersRequest, ListOrdersResponse, Order, OrderState, TransitionRequest,
};
use vitrine_contracts::{Problem, money_from_proto};
use vitrine_kit::money::Money;
use vitrine_platform_host::{check_id, page_info, page_of};
use vitrine_platform_store::Query;

use crate::store::{OrderDoc, Orders, order_of};

pub(crate) struct Service(pub(crate) Orders);

/// An order that could have been bought: its parts add up.
fn check(order: &Order) -> Result<(), Problem> {
    check_id("ord", &order.id, "order.id")?;
    check_id("cus", &order.customer_id, "order.customer_id")?;
    if order.lines.is_empty() {
        return Err(Problem::invalid("order.lines", "at least one line", "the order is empty"));
    }
    let shipping = money_from_proto(order.shipping.as_ref(), "order.shipping")?;
    let total = money_from_proto(order.total.as_ref(), "order.total")?;
    let mut sum = Money::zero(total.currency);
    for (i, line) in order.lines.iter().enumerate() {
        let field = format!("order.lines[{i}].total");
        let amount = money_from_proto(line.total.as_ref(), &field)?;
        sum = sum
            .checked_add(amount)
            .map_err(|e| Problem::invalid(&field, "an amount in the order's currency", &e.to_string()))?;
    }
    let all = sum
        .checked_add(shipping)
        .map_err(|e| Problem::invalid("order.shipping", "an amount in the order's currency", &e.to_string()))?;
    if all != total {
        return Err(Problem::invalid("order.total", "the sum of lines and shipping", &format!("{total} is not {all}")));
    }
    Ok(())
}

#[tonic::async_trait]
impl OrdersService for Service {
    async fn create_order(&self, request: Request<CreateOrderRequest>) -> Result<Response<Order>, Status> {
        let missing = || Problem::invalid("order", "an order", "the order is missing");
        let order = request.into_inner().order.ok_or_else(missing)?;
        check(&order)?;
        Ok(Response::new(self.0.create(order).await?))
    }

    async fn get_order(&self, request: Request<GetOrderRequest>) -> Result<Response<Order>, Status> {
        let request = request.into_inner();
        check_id("ord", &request.order_id, "order_id")?;
        Ok(Response::new(order_of(&self.0.read(&request.order_id, &request.customer_id).await?)?))
    }

    async fn list_orders(&self, request: Request<ListOrdersRequest>) -> Result<Response<ListOrdersResponse>, Status> {
        let request = request.into_inner();
        let (size, cursor) = page_of(request.page.as_ref())?;
        // Ids grow with time, so newest first is the reverse order of ids.
        let mut query = Query::all().descending().limit(size).cursor(cursor);
        if !request.customer_id.is_empty() {
            query = query.and_eq("customer_id", request.customer_id.as_str());
        }
        if request.state() != OrderState::Unspecified {
            query = query.and_eq("state", request.state);
        }
        let page = self.0.store.find::<OrderDoc>(query).await.map_err(vitrine_platform_host::Failure::from)?;
        let orders = page.items.iter().map(order_of).collect::<Result<_, _>>()?;
        Ok(Response::new(ListOrdersResponse { orders, page: page_info(page.next_cursor) }))
    }

    async fn transition(&self, request: Request<TransitionRequest>) -> Result<Response<Order>, Status> {
        let request = request.into_inner();
        check_id("ord", &request.order_id, "order_id")?;
        let to = request.to();
        if to == OrderState::Unspecified {
            return Err(Problem::invalid("to", "a state of an order", "the state is missing").into());
        }
        Ok(Response::new(self.0.transition(&request.order_id, to, &request.reason).await?))
    }
}
