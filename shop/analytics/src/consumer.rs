//! What the shop itself knows for certain: that an order was paid. And what is forgotten with a customer.

use prost::Message as _;
use serde_json::{Value, json};
use vitrine_contracts::common::v1::Money;
use vitrine_contracts::customers::v1::CustomerErased;
use vitrine_contracts::orders::v1::{OrderEvent, OrderLine};
use vitrine_kit::clock::{Clock, rfc3339};
use vitrine_platform_bus::{Event, HandleError, Handler};
use vitrine_platform_store::{Query, Store, Tx};
use vitrine_platform_telemetry::Baggage;

use crate::SHOP_SOURCE;
use crate::accept::{own, write};
use crate::store::{MessageDoc, SessionDoc, SourceDoc, USER};

/// Where a trace's id stands in a `traceparent`.
const TRACE_ID: std::ops::Range<usize> = 3..35;
/// Most messages about one customer that one commit forgets.
const FORGOTTEN: usize = 500;

/// Tells of an order of someone who agreed to be measured.
pub(crate) struct OrderPaid {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
}

#[tonic::async_trait]
impl Handler for OrderPaid {
    async fn handle(&self, event: &Event, tx: &mut Tx) -> Result<(), HandleError> {
        let order = OrderEvent::decode(event.payload.as_slice())?;
        let baggage = Baggage::parse(&event.baggage);
        let Some(session_id) = baggage.get("session.id") else { return Ok(()) };
        let Some(session) = self.store.get::<SessionDoc>(session_id).await? else { return Ok(()) };
        let Some(source) = self.store.get::<SourceDoc>(SHOP_SOURCE).await? else { return Ok(()) };
        let trace_id = event.traceparent.get(TRACE_ID).unwrap_or_default();
        let fields = completed(&order, &session.doc, trace_id);
        let Some(message) = own(fields, self.clock.now_ms()) else { return Ok(()) };
        let id = MessageDoc::id_of(SHOP_SOURCE, message.id());
        if tx.get::<MessageDoc>(&id).await?.is_none() {
            write(tx, &source.doc, &[&message], self.clock.now_ms());
        }
        Ok(())
    }
}

/// The order, as Segment's specification of shops has it.
fn completed(order: &OrderEvent, session: &SessionDoc, trace_id: &str) -> Value {
    let product = |line: &OrderLine| json!({"product_id": line.product_id, "name": line.name, "quantity": line.quantity, "price": amount(line.unit_price.as_ref())});
    json!({
        "type": "track",
        "event": "Order Completed",
        "messageId": format!("completed-{}", order.order_id),
        "userId": order.customer_id,
        "anonymousId": session.anonymous_id,
        "timestamp": rfc3339(order.at_unix_ms),
        "properties": {
            "order_id": order.order_id,
            "total": amount(order.total.as_ref()),
            "value": amount(order.total.as_ref()),
            "shipping": amount(order.shipping.as_ref()),
            "currency": order.total.as_ref().map(|total| total.currency_code.clone()),
            "products": order.lines.iter().map(product).collect::<Vec<_>>(),
        },
        "context": {"sessionId": session.id, "traceId": trace_id, "consent": session.consent},
    })
}

/// An amount as receivers want it: a number with a decimal point.
fn amount(money: Option<&Money>) -> Option<Value> {
    let money = vitrine_contracts::money_from_proto(money, "amount").ok()?;
    serde_json::from_str(&money.amount_string()).ok()
}

/// Forgets that messages about a customer came, and lets go of what was kept of them. What stands in the outbox goes when its time is over.
pub(crate) struct Erasures(pub(crate) Store);

#[tonic::async_trait]
impl Handler for Erasures {
    async fn handle(&self, event: &Event, tx: &mut Tx) -> Result<(), HandleError> {
        let erased = CustomerErased::decode(event.payload.as_slice())?;
        let query = || Query::eq(USER, erased.customer_id.as_str()).limit(FORGOTTEN);
        let mut about = self.0.find::<MessageDoc>(query()).await?.items;
        while about.len() == FORGOTTEN {
            let mut some = self.0.begin();
            about.iter().for_each(|message| some.delete::<MessageDoc>(&message.id));
            some.commit().await?;
            about = self.0.find::<MessageDoc>(query()).await?.items;
        }
        about.iter().for_each(|message| tx.delete::<MessageDoc>(&message.id));
        Ok(())
    }
}
