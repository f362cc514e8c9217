//! Forgets the carts of customers who were erased.

use prost::Message;
use vitrine_contracts::customers::v1::CustomerErased;
use vitrine_platform_bus::{Event, HandleError, Handler};
use vitrine_platform_store::Tx;

use crate::store::CartDoc;

pub(crate) struct Forget;

#[tonic::async_trait]
impl Handler for Forget {
    async fn handle(&self, event: &Event, tx: &mut Tx) -> Result<(), HandleError> {
        tx.delete::<CartDoc>(&CustomerErased::decode(event.payload.as_slice())?.customer_id);
        Ok(())
    }
}
