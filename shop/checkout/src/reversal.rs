//! Taking an order back: a cancellation stops the parcel and gives back stock and money; a refund, of what was sent, money alone.

use serde::{Deserialize, Serialize};
use tonic::Status;
use vitrine_contracts::Problem;
use vitrine_contracts::catalog::v1::ReleaseReservationRequest;
use vitrine_contracts::orders::v1::{Order, OrderState, TransitionRequest};
use vitrine_contracts::payments::v1::RefundRequest;
use vitrine_contracts::shipping::v1::CancelShipmentRequest;
use vitrine_kit::id;

use crate::Deps;
use crate::saga::step;
use crate::work::no_such_step;

/// All that the steps need.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Reversal {
    pub(crate) order_id: String,
    payment_id: String,
    shipment_id: String,
    reservation_id: String,
    /// What was written by the caller. Emptied when it has ended.
    pub(crate) reason: String,
}

impl Reversal {
    pub(crate) fn new(order: &Order, reason: String) -> Self {
        Self {
            order_id: order.id.clone(),
            payment_id: order.payment_id.clone(),
            shipment_id: order.shipment_id.clone(),
            reservation_id: order.reservation_id.clone(),
            reason,
        }
    }

    pub(crate) fn has_parcel(&self) -> bool {
        !self.shipment_id.is_empty()
    }
}

/// A reversal that can be done.
pub(crate) struct Reversing {
    reversal: Reversal,
    deps: Deps,
    /// What the order's history says of its refund.
    refund_reason: String,
}

impl Reversing {
    pub(crate) fn cancelling(reversal: &Reversal, deps: &Deps) -> Self {
        let refund_reason = "the payment was given back".to_owned();
        Self { reversal: reversal.clone(), deps: deps.clone(), refund_reason }
    }

    pub(crate) fn refunding(reversal: &Reversal, deps: &Deps) -> Self {
        Self { reversal: reversal.clone(), deps: deps.clone(), refund_reason: reversal.reason.clone() }
    }

    pub(crate) async fn execute(&self, name: &str) -> Result<(), Status> {
        let reversal = &self.reversal;
        match name {
            "stop-parcel" => {
                let request = CancelShipmentRequest { shipment_id: reversal.shipment_id.clone() };
                self.deps.shipping.clone().cancel_shipment(step(request)).await.map(drop)
            }
            "mark-cancelled" => match self.mark(OrderState::Cancelled, &reversal.reason).await {
                // Marked as shipped by hand after the parcel was stopped: the money goes back all the same, and then the order is
                // marked as refunded.
                Err(status) if reversal.has_parcel() && Problem::from_status(&status).reason == "ORDER_STATE" => Ok(()),
                marked => marked,
            },
            "refund" => {
                let (payment_id, refund_id) = (reversal.payment_id.clone(), id::sibling("ref", &reversal.order_id));
                let request = RefundRequest { payment_id, refund_id, amount: None };
                self.deps.payments.clone().refund(step(request)).await.map(drop)
            }
            "release-stock" => {
                let request = ReleaseReservationRequest { reservation_id: reversal.reservation_id.clone() };
                self.deps.catalog.clone().release_reservation(step(request)).await.map(drop)
            }
            "mark-refunded" => self.mark(OrderState::Refunded, &self.refund_reason).await,
            other => Err(no_such_step(other)),
        }
    }

    async fn mark(&self, state: OrderState, reason: &str) -> Result<(), Status> {
        let (order_id, reason) = (self.reversal.order_id.clone(), reason.to_owned());
        let request = TransitionRequest { order_id, to: state.into(), reason };
        self.deps.orders.clone().transition(step(request)).await.map(drop)
    }
}
