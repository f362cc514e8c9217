//! Writes letters after order events, and forgets those of customers who were erased.

use prost::Message;
use vitrine_contracts::customers::v1::CustomerErased;
use vitrine_contracts::orders::v1::orders_service_client::OrdersServiceClient;
use vitrine_contracts::orders::v1::{GetAnyOrderRequest, OrderEvent};
use vitrine_flags_client::{Handle, Subject};
use vitrine_kit::clock::Clock;
use vitrine_platform_bus::{Event, HandleError, Handler};
use vitrine_platform_host::erasure;
use vitrine_platform_mesh::Transport;
use vitrine_platform_store::{Query, Store, Tx};
use vitrine_platform_telemetry::Counter;

use crate::delivery::Delivery;
use crate::flags::RECEIPT;
use crate::letter::{Letters, Receipt};
use crate::store::MessageDoc;

pub(crate) struct Write {
    pub(crate) orders: OrdersServiceClient<Transport>,
    pub(crate) letters: Letters,
    pub(crate) delivery: Delivery,
    pub(crate) clock: Clock,
    pub(crate) sent: Counter,
    pub(crate) flags: Handle,
}

#[tonic::async_trait]
impl Handler for Write {
    /// A letter that a relay has taken cannot be taken back.
    fn acts_outside(&self) -> bool {
        self.delivery.has_relay()
    }

    async fn handle(&self, event: &Event, tx: &mut Tx) -> Result<(), HandleError> {
        let happened = OrderEvent::decode(event.payload.as_slice())?;
        let request = GetAnyOrderRequest { order_id: happened.order_id.clone() };
        let order = self.orders.clone().get_any_order(request).await?.into_inner();
        // A customer who was erased meanwhile has no address, or will have none in a moment.
        if order.email.is_empty() || !erasure::writing_for(tx, &order.customer_id).await? {
            return Ok(());
        }
        let country = order.address.as_ref().map_or("", |address| &address.country_code);
        let subject = Subject::customer(&order.customer_id).in_country(country);
        let receipt = match self.flags.read(&RECEIPT, &subject).as_str() {
            "thankful" => Receipt::Thankful,
            _ => Receipt::Plain,
        };
        let written =
            self.letters.write(&order, happened.state(), receipt).map_err(|p| HandleError::Reject(p.message))?;
        let Some(letter) = written else { return Ok(()) };
        let id = format!("{}-{}", vitrine_kit::id::sibling("eml", &order.id), letter.template);
        if tx.get::<MessageDoc>(&id).await?.is_some() {
            return Ok(());
        }
        let delivered_by = self.delivery.deliver(&order.email, &letter).await.map_err(HandleError::Retry)?;
        self.sent.add(1, &[("vitrine.email.template", letter.template)]);
        tx.insert(&MessageDoc {
            id,
            to: order.email,
            customer_id: order.customer_id,
            subject: letter.subject,
            text: letter.text,
            html: letter.html,
            template: letter.template.to_owned(),
            order_id: order.id,
            created_at: self.clock.now_ms(),
            delivered_by: delivered_by.to_owned(),
        });
        Ok(())
    }
}

pub(crate) struct ErasureHandler(pub(crate) Store);

#[tonic::async_trait]
impl Handler for ErasureHandler {
    async fn handle(&self, event: &Event, tx: &mut Tx) -> Result<(), HandleError> {
        let erased = CustomerErased::decode(event.payload.as_slice())?;
        erasure::erase(tx, &erased.customer_id).await?;
        for message in self.0.find_all::<MessageDoc>(Query::eq("customer_id", erased.customer_id)).await? {
            tx.delete::<MessageDoc>(&message.id);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tonic::{Request, Response, Status};
    use vitrine_contracts::orders::v1::orders_service_server::{OrdersService, OrdersServiceServer};
    use vitrine_contracts::orders::v1::{
        BatchGetOrdersRequest, BatchGetOrdersResponse, CreateOrderRequest, GetOrderRequest, ListAllOrdersRequest,
        ListAllOrdersResponse, ListOrdersRequest, ListOrdersResponse, Order, OrderState, TransitionRequest,
    };
    use vitrine_contracts::services::{EMAIL, ORDERS};
    use vitrine_platform_host::erasure::DataSubject;
    use vitrine_platform_mesh::{Handlers, Limits, Mesh};
    use vitrine_platform_store::Schema;
    use vitrine_platform_telemetry::{Config as TelemetryConfig, Telemetry};

    use super::{
        Clock, CustomerErased, Delivery, ErasureHandler, Event, GetAnyOrderRequest, Handler, Letters, Message,
        MessageDoc, OrderEvent, OrdersServiceClient, Query, Store, Write,
    };
    use crate::Config;

    /// Orders that are all paid; the customer of "ord_<name>" is "cus_<name>".
    struct Orders;

    #[tonic::async_trait]
    impl OrdersService for Orders {
        async fn get_any_order(&self, request: Request<GetAnyOrderRequest>) -> Result<Response<Order>, Status> {
            let id = request.into_inner().order_id;
            let customer_id = id.replace("ord", "cus");
            let (email, state) = ("ada@vitrine.example".to_owned(), OrderState::Paid.into());
            Ok(Response::new(Order { id, customer_id, email, state, ..Order::default() }))
        }
        async fn get_order(&self, _: Request<GetOrderRequest>) -> Result<Response<Order>, Status> {
            Err(Status::unimplemented("not here"))
        }
        async fn batch_get_orders(
            &self,
            _: Request<BatchGetOrdersRequest>,
        ) -> Result<Response<BatchGetOrdersResponse>, Status> {
            Err(Status::unimplemented("not here"))
        }
        async fn list_all_orders(
            &self,
            _: Request<ListAllOrdersRequest>,
        ) -> Result<Response<ListAllOrdersResponse>, Status> {
            Err(Status::unimplemented("not here"))
        }
        async fn create_order(&self, _: Request<CreateOrderRequest>) -> Result<Response<Order>, Status> {
            Err(Status::unimplemented("not here"))
        }
        async fn list_orders(&self, _: Request<ListOrdersRequest>) -> Result<Response<ListOrdersResponse>, Status> {
            Err(Status::unimplemented("not here"))
        }
        async fn transition(&self, _: Request<TransitionRequest>) -> Result<Response<Order>, Status> {
            Err(Status::unimplemented("not here"))
        }
    }

    async fn handle(handler: &impl Handler, store: &Store, message: &impl Message) {
        let event = Event { payload: message.encode_to_vec(), ..Event::default() };
        let mut tx = store.begin();
        handler.handle(&event, &mut tx).await.expect("handled");
        tx.commit().await.expect("committed");
    }

    #[tokio::test]
    async fn no_letter_is_written_to_who_was_erased() {
        let schema = Schema::new().with::<MessageDoc>().with::<DataSubject>();
        let store = Store::temporary("email", schema).expect("a database");
        let telemetry = Telemetry::new(TelemetryConfig { disabled: true, ..TelemetryConfig::default() });
        let mesh = Mesh::new(Limits::default());
        let orders = mesh.server(telemetry.service(ORDERS), Handlers::new(OrdersServiceServer::new(Orders)));
        mesh.place(ORDERS, orders).expect("placed");
        let write = Write {
            orders: OrdersServiceClient::new(mesh.transport(telemetry.service(EMAIL), ORDERS)),
            letters: Letters::new().expect("templates"),
            delivery: Delivery::new(&Config::default()).expect("good settings"),
            clock: Clock::system(),
            sent: telemetry.service(EMAIL).counter("vitrine.email.letters", "{letter}", "Letters written"),
            flags: vitrine_flags_client::Flags::of_code().handle(&telemetry.service(EMAIL), crate::flags::FLAGS),
        };
        let paid = |order_id: &str| OrderEvent {
            order_id: order_id.to_owned(),
            state: OrderState::Paid.into(),
            ..OrderEvent::default()
        };
        let letters = async |customer_id: &str| {
            store.find_all::<MessageDoc>(Query::eq("customer_id", customer_id)).await.expect("read").len()
        };
        handle(&write, &store, &paid("ord_ada")).await;
        assert_eq!(letters("cus_ada").await, 1);

        handle(&ErasureHandler(store.clone()), &store, &CustomerErased { customer_id: "cus_ada".to_owned() }).await;
        assert_eq!(letters("cus_ada").await, 0);
        for order_id in ["ord_ada", "ord_bob"] {
            handle(&write, &store, &paid(order_id)).await;
        }
        assert_eq!((letters("cus_ada").await, letters("cus_bob").await), (0, 1));
    }
}
