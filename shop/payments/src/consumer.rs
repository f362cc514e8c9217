//! Forgets the cards of customers who were erased. Payments stay: the ledger rests on them.

use prost::Message;
use vitrine_contracts::customers::v1::CustomerErased;
use vitrine_platform_bus::{Event, HandleError, Handler};
use vitrine_platform_host::erasure;
use vitrine_platform_store::{Query, Store, Tx};

use crate::store::TokenDoc;

pub(crate) struct Forget(pub(crate) Store);

#[tonic::async_trait]
impl Handler for Forget {
    async fn handle(&self, event: &Event, tx: &mut Tx) -> Result<(), HandleError> {
        let customer_id = CustomerErased::decode(event.payload.as_slice())?.customer_id;
        erasure::erase(&self.0, tx, &customer_id).await?;
        for token in self.0.find_all::<TokenDoc>(Query::eq("customer_id", customer_id)).await? {
            tx.delete::<TokenDoc>(&token.token);
        }
        Ok(())
    }
}
