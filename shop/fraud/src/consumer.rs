//! Assesses every order, and forgets what customers did who were erased.

use prost::Message;
use vitrine_contracts::customers::v1::CustomerErased;
use vitrine_contracts::money_from_proto;
use vitrine_contracts::orders::v1::OrderEvent;
use vitrine_flags_client::{Handle, Subject};
use vitrine_platform_bus::{Event, HandleError, Handler};
use vitrine_platform_host::erasure;
use vitrine_platform_store::Tx;
use vitrine_platform_telemetry::Counter;

use crate::domain::{Case, MAX_RECENT, assess};
use crate::flags::FIRST_ORDER_FROM;
use crate::store::{AssessmentDoc, HistoryDoc, verdict};

pub(crate) struct Assess {
    pub(crate) assessed: Counter,
    pub(crate) flags: Handle,
}

#[tonic::async_trait]
impl Handler for Assess {
    async fn handle(&self, event: &Event, tx: &mut Tx) -> Result<(), HandleError> {
        let order = OrderEvent::decode(event.payload.as_slice())?;
        if tx.get::<AssessmentDoc>(&order.order_id).await?.is_some() {
            return Ok(());
        }
        if !erasure::writing_for(tx, &order.customer_id).await? {
            return Ok(());
        }
        let total = money_from_proto(order.total.as_ref(), "total").map_err(|p| HandleError::Reject(p.message))?;
        let stored = tx.get::<HistoryDoc>(&order.customer_id).await?;
        let mut history = stored.map(|s| s.doc).unwrap_or_default();
        let subject =
            Subject::customer(&order.customer_id).in_country(&order.country_code).paying_in(total.currency.code());
        let first_order_from = self.flags.read(&FIRST_ORDER_FROM, &subject).max(1);
        let case = Case {
            total_units: total.minor / 10_i64.pow(total.currency.exponent()),
            currency: total.currency.code(),
            max_quantity: order.lines.iter().map(|l| l.quantity).max().unwrap_or(0),
            country: &order.country_code,
            at: order.at_unix_ms,
            earlier_orders: history.orders,
            recent: &history.recent,
            first_order_from,
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

pub(crate) struct ErasureHandler;

#[tonic::async_trait]
impl Handler for ErasureHandler {
    async fn handle(&self, event: &Event, tx: &mut Tx) -> Result<(), HandleError> {
        let customer_id = CustomerErased::decode(event.payload.as_slice())?.customer_id;
        erasure::erase(tx, &customer_id).await?;
        tx.delete::<HistoryDoc>(&customer_id);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use vitrine_contracts::common::v1::Money;
    use vitrine_flags_client::Flags;
    use vitrine_platform_host::erasure::DataSubject;
    use vitrine_platform_store::{Schema, Store};
    use vitrine_platform_telemetry::{Config, Telemetry};

    use super::{
        Assess, AssessmentDoc, CustomerErased, ErasureHandler, Event, Handler, HistoryDoc, Message, OrderEvent,
    };

    async fn handle(handler: &impl Handler, store: &Store, message: &impl Message) {
        let event = Event { payload: message.encode_to_vec(), ..Event::default() };
        let mut tx = store.begin();
        handler.handle(&event, &mut tx).await.expect("handled");
        tx.commit().await.expect("committed");
    }

    #[tokio::test]
    async fn nothing_is_written_about_who_was_erased() {
        let schema = Schema::new().with::<AssessmentDoc>().with::<HistoryDoc>().with::<DataSubject>();
        let store = Store::temporary("fraud", schema).expect("a database");
        let telemetry = Telemetry::new(Config { disabled: true, ..Config::default() });
        let assessed = telemetry.service("fraud").counter("vitrine.fraud.assessments", "{order}", "Orders assessed");
        let flags = Flags::of_code().handle(&telemetry.service("fraud"), crate::flags::FLAGS);
        let assess = Assess { assessed, flags };
        let order = |order_id: &str, customer_id: &str| OrderEvent {
            order_id: order_id.to_owned(),
            customer_id: customer_id.to_owned(),
            total: Some(Money { currency_code: "EUR".to_owned(), minor_units: 100 }),
            country_code: "DE".to_owned(),
            ..OrderEvent::default()
        };
        let known = async |customer_id: &str| store.get::<HistoryDoc>(customer_id).await.expect("read").is_some();
        let seen = async |order_id: &str| store.get::<AssessmentDoc>(order_id).await.expect("read").is_some();
        handle(&assess, &store, &order("ord_1", "cus_1")).await;
        assert!(known("cus_1").await && seen("ord_1").await);

        handle(&ErasureHandler, &store, &CustomerErased { customer_id: "cus_1".to_owned() }).await;
        assert!(!known("cus_1").await && seen("ord_1").await, "the order's assessment stays");
        for (order_id, customer_id) in [("ord_2", "cus_1"), ("ord_3", "cus_2")] {
            handle(&assess, &store, &order(order_id, customer_id)).await;
        }
        assert!(!known("cus_1").await && !seen("ord_2").await);
        assert!(known("cus_2").await && seen("ord_3").await, "somebody else");
    }
}
