//! Learns from orders.

use prost::Message;
use vitrine_contracts::orders::v1::OrderEvent;
use vitrine_platform_bus::{Event, HandleError, Handler};
use vitrine_platform_store::Tx;

use crate::domain::{MAX_BASKET, learn};
use crate::store::TogetherDoc;

pub(crate) struct Learn;

#[tonic::async_trait]
impl Handler for Learn {
    async fn handle(&self, event: &Event, tx: &mut Tx) -> Result<(), HandleError> {
        let order = OrderEvent::decode(event.payload.as_slice())?;
        let basket: Vec<String> = order.lines.into_iter().map(|l| l.product_id).take(MAX_BASKET).collect();
        if basket.len() < 2 {
            return Ok(());
        }
        for product_id in &basket {
            let stored = tx.get::<TogetherDoc>(product_id).await?;
            let fresh = || TogetherDoc { product_id: product_id.clone(), ..TogetherDoc::default() };
            let mut doc = stored.map_or_else(fresh, |s| s.doc);
            learn(&mut doc.partners, product_id, &basket);
            tx.put(&doc);
        }
        Ok(())
    }
}
