//! Parcels that move take their orders along; customers who were erased leave theirs nameless.

use prost::Message;
use vitrine_contracts::Code;
use vitrine_contracts::bus::v1::Event;
use vitrine_contracts::customers::v1::CustomerErased;
use vitrine_contracts::orders::v1::OrderState;
use vitrine_contracts::shipping::v1::{ShipmentEvent, ShipmentState};
use vitrine_platform_bus::{HandleError, Handler};
use vitrine_platform_host::Failure;
use vitrine_platform_store::Tx;

use crate::store::Orders;

/// Takes out of the orders of customers who were erased who they were. What was bought for how much is kept: the law wants it.
pub(crate) struct ErasureHandler(pub(crate) Orders);

#[tonic::async_trait]
impl Handler for ErasureHandler {
    async fn handle(&self, event: &Event, tx: &mut Tx) -> Result<(), HandleError> {
        let erased = CustomerErased::decode(event.payload.as_slice())?;
        Ok(self.0.forget_in(tx, &erased.customer_id).await?)
    }
}

pub(crate) struct Shipments(pub(crate) Orders);

#[tonic::async_trait]
impl Handler for Shipments {
    async fn handle(&self, event: &Event, tx: &mut Tx) -> Result<(), HandleError> {
        let shipment = ShipmentEvent::decode(event.payload.as_slice())?;
        let (to, reason) = match shipment.state() {
            ShipmentState::Dispatched => (OrderState::Shipped, "the parcel was dispatched"),
            ShipmentState::Delivered => (OrderState::Delivered, "the parcel was delivered"),
            _ => return Ok(()),
        };
        match self.0.transition_in(tx, &shipment.order_id, to, reason).await {
            // An order that was cancelled meanwhile stays cancelled.
            Err(Failure::Refused(problem)) if problem.code == Code::FailedPrecondition => Ok(()),
            // The parcel may be quicker than the record of its order.
            Err(e) => Err(e.into()),
            Ok(_) => Ok(()),
        }
    }
}
