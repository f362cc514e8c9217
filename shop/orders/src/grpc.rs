//! The contract, translated.

use tonic::{Request, Response, Status};
use vitrine_contracts::common::v1::{PageInfo, PageRequest};
use vitrine_contracts::limits::MAX_PAGE;
use vitrine_contracts::orders::v1::orders_service_server::OrdersService;
use vitrine_contracts::orders::v1::{
    BatchGetOrdersRequest, BatchGetOrdersResponse, CreateOrderRequest, GetAnyOrderRequest, GetOrderRequest,
    ListAllOrdersRequest, ListAllOrdersResponse, ListOrdersRequest, ListOrdersResponse, Order, OrderState,
    TransitionRequest,
};
use vitrine_contracts::{Problem, money_from_proto};
use vitrine_flags_client::{Handle, Subject};
use vitrine_kit::money::Money;
use vitrine_platform_host::{Failure, check_id, check_ids, page_info, page_of};
use vitrine_platform_store::Query;

use crate::flags::PAGE_SIZE;
use crate::store::{OrderDoc, Orders, no_such_order, order_of};

pub(crate) struct Service {
    pub(crate) orders: Orders,
    pub(crate) flags: Handle,
}

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

impl Service {
    /// A page of the orders that a query finds and that are in a state, if one is named.
    async fn list(
        &self,
        query: Query,
        state: OrderState,
        page: Option<&PageRequest>,
        reader: &Subject<'_>,
    ) -> Result<(Vec<Order>, Option<PageInfo>), Failure> {
        let mut asked = page.cloned().unwrap_or_default();
        if asked.size == 0 {
            let usual = u32::try_from(self.flags.read(&PAGE_SIZE, reader)).unwrap_or(1);
            asked.size = usual.clamp(1, MAX_PAGE);
        }
        let (size, cursor) = page_of(Some(&asked))?;
        // Ids grow with time, so newest first is the reverse order of ids.
        let mut query = query.descending().limit(size).cursor(cursor);
        if state != OrderState::Unspecified {
            query = query.and_eq("state", i32::from(state));
        }
        let found = self.orders.store.find::<OrderDoc>(query).await?;
        let orders = found.items.iter().map(order_of).collect::<Result<_, _>>()?;
        Ok((orders, page_info(found.next_cursor)))
    }
}

#[tonic::async_trait]
impl OrdersService for Service {
    async fn create_order(&self, request: Request<CreateOrderRequest>) -> Result<Response<Order>, Status> {
        let missing = || Problem::invalid("order", "an order", "the order is missing");
        let order = request.into_inner().order.ok_or_else(missing)?;
        check(&order)?;
        Ok(Response::new(self.orders.create(order).await?))
    }

    async fn get_order(&self, request: Request<GetOrderRequest>) -> Result<Response<Order>, Status> {
        let request = request.into_inner();
        check_id("ord", &request.order_id, "order_id")?;
        check_id("cus", &request.customer_id, "customer_id")?;
        let stored = self.orders.read(&request.order_id).await?;
        if stored.doc.customer_id != request.customer_id {
            return Err(no_such_order().into());
        }
        Ok(Response::new(order_of(&stored)?))
    }

    async fn batch_get_orders(
        &self,
        request: Request<BatchGetOrdersRequest>,
    ) -> Result<Response<BatchGetOrdersResponse>, Status> {
        let BatchGetOrdersRequest { order_ids, customer_id } = request.into_inner();
        check_id("cus", &customer_id, "customer_id")?;
        let ids = check_ids("ord", &order_ids, "order_id")?;
        let found = self.orders.store.get_many::<OrderDoc>(&ids).await.map_err(Failure::from)?;
        let own = found.iter().filter(|stored| stored.doc.customer_id == customer_id);
        let orders = own.map(order_of).collect::<Result<_, _>>()?;
        Ok(Response::new(BatchGetOrdersResponse { orders }))
    }

    async fn get_any_order(&self, request: Request<GetAnyOrderRequest>) -> Result<Response<Order>, Status> {
        let order_id = request.into_inner().order_id;
        check_id("ord", &order_id, "order_id")?;
        Ok(Response::new(order_of(&self.orders.read(&order_id).await?)?))
    }

    async fn list_orders(&self, request: Request<ListOrdersRequest>) -> Result<Response<ListOrdersResponse>, Status> {
        let request = request.into_inner();
        check_id("cus", &request.customer_id, "customer_id")?;
        let query = Query::eq("customer_id", request.customer_id.as_str());
        let (orders, page) =
            self.list(query, request.state(), request.page.as_ref(), &Subject::customer(&request.customer_id)).await?;
        Ok(Response::new(ListOrdersResponse { orders, page }))
    }

    async fn list_all_orders(
        &self,
        request: Request<ListAllOrdersRequest>,
    ) -> Result<Response<ListAllOrdersResponse>, Status> {
        let request = request.into_inner();
        let (orders, page) = self.list(Query::all(), request.state(), request.page.as_ref(), &Subject::ANYONE).await?;
        Ok(Response::new(ListAllOrdersResponse { orders, page }))
    }

    async fn transition(&self, request: Request<TransitionRequest>) -> Result<Response<Order>, Status> {
        let request = request.into_inner();
        check_id("ord", &request.order_id, "order_id")?;
        let to = request.to();
        if to == OrderState::Unspecified {
            return Err(Problem::invalid("to", "a state of an order", "the state is missing").into());
        }
        Ok(Response::new(self.orders.transition(&request.order_id, to, &request.reason).await?))
    }
}

#[cfg(test)]
mod tests {
    use tonic::Request;
    use vitrine_contracts::Problem;
    use vitrine_contracts::orders::v1::orders_service_server::OrdersService;
    use vitrine_contracts::orders::v1::{
        GetAnyOrderRequest, GetOrderRequest, ListAllOrdersRequest, ListOrdersRequest, Order,
    };

    use vitrine_flags_client::Flags;
    use vitrine_platform_telemetry::{Config, Telemetry};

    use super::Service;
    use crate::store::tests::{order, orders};

    /// No one gets everyone's by leaving a customer out.
    #[tokio::test]
    async fn everybodys_orders_are_asked_for_by_name() {
        let telemetry = Telemetry::new(Config { disabled: true, ..Config::default() });
        let flags = Flags::of_code().handle(&telemetry.service("orders"), crate::flags::FLAGS);
        let service = Service { orders: orders(), flags };
        for (id, customer_id) in [("ord_1", "cus_ada"), ("ord_2", "cus_bob")] {
            let customer_id = customer_id.to_owned();
            service.orders.create(Order { customer_id, ..order(id) }).await.expect("recorded");
        }
        let get = async |order_id: &str, customer_id: &str| {
            let request = GetOrderRequest { order_id: order_id.to_owned(), customer_id: customer_id.to_owned() };
            service.get_order(Request::new(request)).await
        };
        let list = async |customer_id: &str| {
            let request = ListOrdersRequest { customer_id: customer_id.to_owned(), ..ListOrdersRequest::default() };
            service.list_orders(Request::new(request)).await
        };
        for nobody in ["", " ", "cus_", "ada", "*", "ord_1"] {
            for status in [get("ord_1", nobody).await.err(), list(nobody).await.err()] {
                let status = status.expect("nobody's");
                let field = Problem::from_status(&status).field;
                assert_eq!((status.code(), field.as_deref()), (tonic::Code::InvalidArgument, Some("customer_id")));
            }
        }
        assert!(get("ord_1", "cus_ada").await.is_ok());
        assert_eq!(get("ord_2", "cus_ada").await.expect_err("somebody else's").code(), tonic::Code::NotFound);
        let of_ada = list("cus_ada").await.expect("there").into_inner().orders;
        assert_eq!(of_ada.iter().map(|order| &*order.id).collect::<Vec<_>>(), ["ord_1"]);
        let any = service.get_any_order(Request::new(GetAnyOrderRequest { order_id: "ord_2".to_owned() })).await;
        assert_eq!(any.expect("there").into_inner().customer_id, "cus_bob");
        let all = service.list_all_orders(Request::new(ListAllOrdersRequest::default())).await;
        assert_eq!(all.expect("there").into_inner().orders.len(), 2);
    }
}
