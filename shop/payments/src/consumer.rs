//! Forgets the cards of customers who were erased. Payments stay: the ledger rests on them.

use prost::Message;
use vitrine_contracts::customers::v1::CustomerErased;
use vitrine_platform_bus::{Event, HandleError, Handler};
use vitrine_platform_store::{Query, Store, Tx};

use crate::store::TokenDoc;

pub(crate) struct Forget(pub(crate) Store);

#[tonic::async_trait]
impl Handler for Forget {
    async fn handle(&self, event: &Event, tx: &mut Tx) -> Result<(), HandleError> {
        let customer_id = CustomerErased::decode(event.payload.as_slice())?.customer_id;
        let mut cursor: Option<String> = None;
        loop {
            let page = self
                .0
                .find::<TokenDoc>(Query::eq("customer_id", customer_id.as_str()).cursor(cursor.as_deref()))
                .await?;
            for token in &page.items {
                tx.delete::<TokenDoc>(&token.token);
            }
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(());
            }
        }
    }
}
