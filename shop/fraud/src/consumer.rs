//! Assesses every order, and forgets what customers did who were erased.

use prost::Message;
use vitrine_contracts::customers::v1::CustomerErased;
use vitrine_contracts::money_from_proto;
use vitrine_contracts::orders::v1::OrderEvent;
use vitrine_platform_bus::{Event, HandleError, Handler};
use vitrine_platform_host::erasure;
use vitrine_platform_store::{Store, Tx};
use vitrine_platform_telemetry::Counter;

use crate::domain::{Case, MAX_RECENT, assess};
use crate::store::{AssessmentDoc, HistoryDoc, verdict};

pub(crate) struct Assess {
    pub(crate) store: Store,
    pub(crate) assessed: Counter,
}

#[tonic::async_trait]
impl Handler for Assess {
    async fn handle(&self, event: &Event, tx: &mut Tx) -> Result<(), HandleError> {
        let order = OrderEvent::decode(event.payload.as_slice())?;
        if self.store.get::<AssessmentDoc>(&order.order_id).await?.is_some() {
            return Ok(());
        }
        if !erasure::writing_for(&self.store, tx, &order.customer_id).await? {
            return Ok(());
        }
        let total = money_from_proto(order.total.as_ref(), "total").map_err(|p| HandleError::Reject(p.message))?;
        let stored = self.store.get::<HistoryDoc>(&order.customer_id).await?;
        let mut history = stored.map(|s| s.doc).unwrap_or_default();
        let case = Case {
            total_units: total.minor / 10_i64.pow(total.currency.exponent()),
            currency: total.currency.code(),
            max_quantity: order.lines.iter().map(|l| l.quantity).max().unwrap_or(0),
            country: &order.country_code,
            at: order.at_unix_ms,
            earlier_orders: history.orders,
            recent: &history.recent,
        };
        let (score, findings) = assess(&case);
        let word = verdict(score).as_str_name().trim_start_matches("VERDICT_").to_lowercase();
        self.assessed.add(1, &[("vitrine.fraud.verdict", &word)]);
        history.customer_id.clone_from(&order.customer_id);
        history.orders += 1;
        history.recent.insert(0, (order.at_unix_ms, order.country_code));
        history.recent.truncate(MAX_RECENT);
        tx.put(&history);
        let (order_id, customer_id, at) = (order.order_id, order.customer_id, order.at_unix_ms);
        tx.insert(&AssessmentDoc { order_id, customer_id, score, findings, at });
        Ok(())
    }
}

pub(crate) struct Forget(pub(crate) Store);

#[tonic::async_trait]
impl Handler for Forget {
    async fn handle(&self, event: &Event, tx: &mut Tx) -> Result<(), HandleError> {
        let customer_id = CustomerErased::decode(event.payload.as_slice())?.customer_id;
        erasure::erase(&self.0, tx, &customer_id).await?;
        tx.delete::<HistoryDoc>(&customer_id);
        Ok(())
    }
}
