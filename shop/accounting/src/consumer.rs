//! Books what happens to orders.

use prost::Message;
use vitrine_contracts::money_from_proto;
use vitrine_contracts::orders::v1::{OrderEvent, OrderState};
use vitrine_platform_bus::{Event, HandleError, Handler};
use vitrine_platform_store::Tx;

use crate::domain;
use crate::store::{BalanceDoc, EntryDoc, TransactionDoc};

pub(crate) struct Book;

fn entries(event: &OrderEvent) -> Result<(&'static str, Vec<domain::Entry>), HandleError> {
    let money = |money, field| money_from_proto(money, field).map_err(|p| HandleError::Reject(p.message));
    if event.state() == OrderState::Refunded {
        return Ok(("refund", domain::refund(money(event.total.as_ref(), "total")?)));
    }
    let (subtotal, shipping) =
        (money(event.subtotal.as_ref(), "subtotal")?, money(event.shipping.as_ref(), "shipping")?);
    let entries = domain::sale(subtotal, shipping).map_err(|e| HandleError::Reject(e.to_string()))?;
    Ok(("sale", entries))
}

#[tonic::async_trait]
impl Handler for Book {
    async fn handle(&self, event: &Event, tx: &mut Tx) -> Result<(), HandleError> {
        let order = OrderEvent::decode(event.payload.as_slice())?;
        let (kind, entries) = entries(&order)?;
        let id = format!("{}-{kind}", order.order_id);
        // A replay hands out events again that are booked already.
        if tx.get::<TransactionDoc>(&id).await?.is_some() {
            return Ok(());
        }
        let entry = |(account, m): domain::Entry| EntryDoc {
            account: account.to_owned(),
            currency: m.currency.code().to_owned(),
            minor: m.minor,
        };
        let entries: Vec<EntryDoc> = entries.into_iter().map(entry).collect();
        for entry in &entries {
            match tx.get::<BalanceDoc>(&BalanceDoc::id_of(entry)).await? {
                Some(mut balance) => {
                    balance.doc.0.minor = balance
                        .doc
                        .0
                        .minor
                        .checked_add(entry.minor)
                        .ok_or_else(|| HandleError::Reject("the balance overflows".to_owned()))?;
                    tx.update(&balance);
                }
                None => tx.insert(&BalanceDoc(entry.clone())),
            }
        }
        tx.insert(&TransactionDoc {
            id,
            order_id: order.order_id,
            kind: kind.to_owned(),
            entries,
            at: order.at_unix_ms,
        });
        Ok(())
    }
}
