//! Empties the carts of customers who were erased, for good.

use prost::Message;
use vitrine_contracts::customers::v1::CustomerErased;
use vitrine_platform_bus::{Event, HandleError, Handler};
use vitrine_platform_store::{Stored, Tx};

use crate::store::CartDoc;

pub(crate) struct ErasureHandler;

#[tonic::async_trait]
impl Handler for ErasureHandler {
    async fn handle(&self, event: &Event, tx: &mut Tx) -> Result<(), HandleError> {
        let customer_id = CustomerErased::decode(event.payload.as_slice())?.customer_id;
        let known = tx.get::<CartDoc>(&customer_id).await?;
        // What stays is the id, so that a change that comes late is refused.
        let doc = CartDoc { customer_id, erased: true, ..CartDoc::default() };
        match known {
            Some(Stored { version, .. }) => tx.update(&Stored { doc, version }),
            None => tx.insert(&doc),
        }
        Ok(())
    }
}
