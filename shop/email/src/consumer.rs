//! Writes letters after order events, and forgets those of customers who were erased.

use prost::Message;
use vitrine_contracts::customers::v1::CustomerErased;
use vitrine_contracts::orders::v1::orders_service_client::OrdersServiceClient;
use vitrine_contracts::orders::v1::{GetOrderRequest, OrderEvent};
use vitrine_kit::clock::Clock;
use vitrine_platform_bus::{Event, HandleError, Handler};
use vitrine_platform_host::erasure;
use vitrine_platform_mesh::Transport;
use vitrine_platform_store::{Query, Store, Tx};
use vitrine_platform_telemetry::Counter;

use crate::delivery::Delivery;
use crate::letter::Letters;
use crate::store::MessageDoc;

pub(crate) struct Write {
    pub(crate) store: Store,
    pub(crate) orders: OrdersServiceClient<Transport>,
    pub(crate) letters: Letters,
    pub(crate) delivery: Delivery,
    pub(crate) clock: Clock,
    pub(crate) sent: Counter,
}

#[tonic::async_trait]
impl Handler for Write {
    async fn handle(&self, event: &Event, tx: &mut Tx) -> Result<(), HandleError> {
        let happened = OrderEvent::decode(event.payload.as_slice())?;
        let request = GetOrderRequest { order_id: happened.order_id.clone(), customer_id: String::new() };
        let order = self.orders.clone().get_order(request).await?.into_inner();
        // A customer who was erased meanwhile has no address, or will have none in a moment.
        if order.email.is_empty() || !erasure::writing_for(&self.store, tx, &order.customer_id).await? {
            return Ok(());
        }
        let written = self.letters.write(&order, happened.state()).map_err(|p| HandleError::Reject(p.message))?;
        let Some(letter) = written else { return Ok(()) };
        let id = format!("{}-{}", vitrine_kit::id::sibling("eml", &order.id), letter.template);
        if self.store.get::<MessageDoc>(&id).await?.is_some() {
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

pub(crate) struct Forget(pub(crate) Store);

#[tonic::async_trait]
impl Handler for Forget {
    async fn handle(&self, event: &Event, tx: &mut Tx) -> Result<(), HandleError> {
        let erased = CustomerErased::decode(event.payload.as_slice())?;
        erasure::erase(&self.0, tx, &erased.customer_id).await?;
        for message in self.0.find_all::<MessageDoc>(Query::eq("customer_id", erased.customer_id)).await? {
            tx.delete::<MessageDoc>(&message.id);
        }
        Ok(())
    }
}
