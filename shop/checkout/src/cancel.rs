//! A cancellation: stops the parcel, then undoes the rest. Its first step decides, and alone can be refused: once the parcel is
//! stopped (or, without one, the order is marked) it goes on to the end.

use serde::{Deserialize, Serialize};
use tonic::Status;
use vitrine_contracts::Problem;
use vitrine_contracts::catalog::v1::ReleaseReservationRequest;
use vitrine_contracts::orders::v1::{Order, OrderState, TransitionRequest};
use vitrine_contracts::payments::v1::RefundRequest;
use vitrine_contracts::shipping::v1::CancelShipmentRequest;

use crate::Deps;
use crate::domain::course::Course;
use crate::saga::step;

#[derive(Clone, Copy, Debug)]
enum Step {
    StopParcel,
    Mark(OrderState),
    Refund,
    Release,
}

const WITH_PARCEL: &[Step] = &[
    Step::StopParcel,
    Step::Mark(OrderState::Cancelled),
    Step::Refund,
    Step::Release,
    Step::Mark(OrderState::Refunded),
];
const WITHOUT_PARCEL: &[Step] =
    &[Step::Mark(OrderState::Cancelled), Step::Refund, Step::Release, Step::Mark(OrderState::Refunded)];

/// All that the steps need.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Cancellation {
    pub(crate) order_id: String,
    payment_id: String,
    shipment_id: String,
    reservation_id: String,
    /// What the customer wrote. Emptied when the cancellation has ended.
    pub(crate) reason: String,
}

impl Cancellation {
    pub(crate) fn new(order: &Order, reason: String) -> Self {
        Self {
            order_id: order.id.clone(),
            payment_id: order.payment_id.clone(),
            shipment_id: order.shipment_id.clone(),
            reservation_id: order.reservation_id.clone(),
            reason,
        }
    }

    fn steps(&self) -> &'static [Step] {
        if self.shipment_id.is_empty() { WITHOUT_PARCEL } else { WITH_PARCEL }
    }

    /// Every outcome is found out: what was begun is finished.
    pub(crate) fn course(&self) -> Course {
        Course { steps: self.steps().len(), pivot: 0, refusable: 1 }
    }

    pub(crate) async fn act(&self, at: usize, deps: &Deps) -> Result<(), Status> {
        match self.steps()[at] {
            Step::StopParcel => {
                let request = CancelShipmentRequest { shipment_id: self.shipment_id.clone() };
                deps.shipping.clone().cancel_shipment(step(request)).await.map(drop)
            }
            Step::Mark(state) => {
                let reason = if state == OrderState::Cancelled { &self.reason } else { "the payment was given back" };
                let request =
                    TransitionRequest { order_id: self.order_id.clone(), to: state.into(), reason: reason.to_owned() };
                match deps.orders.clone().transition(step(request)).await {
                    // Marked as shipped by hand after the parcel was stopped: the money goes back all the same, and then the order is
                    // marked as refunded.
                    Err(status) if at > 0 && Problem::from_status(&status).reason == "ORDER_STATE" => Ok(()),
                    marked => marked.map(drop),
                }
            }
            Step::Refund => {
                let (payment_id, refund_id) =
                    (self.payment_id.clone(), vitrine_kit::id::sibling("ref", &self.order_id));
                deps.payments
                    .clone()
                    .refund(step(RefundRequest { payment_id, refund_id, amount: None }))
                    .await
                    .map(drop)
            }
            Step::Release => {
                let request = ReleaseReservationRequest { reservation_id: self.reservation_id.clone() };
                deps.catalog.clone().release_reservation(step(request)).await.map(drop)
            }
        }
    }
}
