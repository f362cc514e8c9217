//! Shipments as they are kept, and how they move.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use vitrine_contracts::Problem;
use vitrine_contracts::common::v1::Address;
use vitrine_contracts::shipping::v1::{CreateShipmentRequest, ShipmentEvent, ShipmentState};
use vitrine_contracts::topics;
use vitrine_kit::clock::Clock;
use vitrine_platform_bus as bus;
use vitrine_platform_host::Failure;
use vitrine_platform_store::{self as store, Document, Index, Keys, Query, Store, Stored, Tx, retry_conflicts};

use crate::Config;
use crate::domain::{State, tracking_number};

/// Most parcels that one look moves.
const BATCH: usize = 200;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ShipmentDoc {
    pub(crate) id: String,
    pub(crate) order_id: String,
    pub(crate) state: State,
    pub(crate) weight_g: u32,
    pub(crate) to: Destination,
    /// State and time of every step.
    pub(crate) history: Vec<(State, i64)>,
    /// When the next step is due, Unix time in milliseconds.
    due: Option<i64>,
}

/// The label's text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Destination {
    recipient: String,
    street: String,
    street2: String,
    pub(crate) city: String,
    postal_code: String,
    pub(crate) country: String,
}

impl From<Address> for Destination {
    fn from(a: Address) -> Self {
        let (street, street2, country) = (a.line1, a.line2, a.country_code);
        Self { recipient: a.recipient, street, street2, city: a.city, postal_code: a.postal_code, country }
    }
}

impl Document for ShipmentDoc {
    const COLLECTION: &'static str = "shipments";
    const INDEXES: &'static [Index] = &[Index::ordered("due")];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.id)
    }
    fn keys(&self, out: &mut Keys) {
        if let Some(due) = self.due {
            out.put("due", due);
        }
    }
}

#[derive(Clone)]
pub(crate) struct Shipments {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) config: Config,
}

impl Shipments {
    pub(crate) async fn get(&self, id: &str) -> Result<ShipmentDoc, Failure> {
        let found = self.store.get::<ShipmentDoc>(id).await?;
        Ok(found.ok_or_else(|| Problem::not_found("there is no such shipment"))?.doc)
    }

    pub(crate) async fn create(&self, request: CreateShipmentRequest) -> Result<ShipmentDoc, Failure> {
        let now = self.clock.now_ms();
        let mut doc = ShipmentDoc {
            id: request.shipment_id,
            order_id: request.order_id,
            state: State::Created,
            weight_g: request.weight_g,
            to: request.address.map(Destination::from).unwrap_or_default(),
            history: Vec::new(),
            due: None,
        };
        self.enter(&mut doc, State::Created, now);
        retry_conflicts(async || {
            let Some(known) = self.store.get::<ShipmentDoc>(&doc.id).await? else {
                let mut tx = self.store.begin();
                tx.insert(&doc);
                tx.commit().await?;
                return Ok(doc.clone());
            };
            if known.state == State::Cancelled {
                return Err(Problem::precondition("SHIPMENT_CANCELLED", "the shipment was cancelled").into());
            }
            if (&known.order_id, known.weight_g, &known.to.country) != (&doc.order_id, doc.weight_g, &doc.to.country) {
                return Err(Problem::already_exists("another shipment has this id").into());
            }
            Ok(known.doc)
        })
        .await
    }

    pub(crate) async fn cancel(&self, id: &str) -> Result<ShipmentDoc, Failure> {
        retry_conflicts(async || {
            let now = self.clock.now_ms();
            let mut tx = self.store.begin();
            let doc = match self.store.get::<ShipmentDoc>(id).await? {
                None => {
                    let (order_id, to) = (String::new(), Destination::default());
                    let history = vec![(State::Cancelled, now)];
                    let doc = ShipmentDoc {
                        id: id.to_owned(),
                        order_id,
                        state: State::Cancelled,
                        weight_g: 0,
                        to,
                        history,
                        due: None,
                    };
                    tx.insert(&doc);
                    doc
                }
                Some(known) if known.state == State::Cancelled => return Ok(known.doc),
                Some(Stored { mut doc, version }) if doc.state == State::Created => {
                    self.enter(&mut doc, State::Cancelled, now);
                    tx.update(&Stored { doc: doc.clone(), version });
                    doc
                }
                Some(_) => {
                    return Err(
                        Problem::precondition("ALREADY_DISPATCHED", "the parcel is with the carrier already").into()
                    );
                }
            };
            tx.commit().await?;
            Ok(doc)
        })
        .await
    }

    /// Moves every parcel whose time has come.
    pub(crate) async fn advance_due(&self) -> Result<(), Failure> {
        loop {
            let now = self.clock.now_ms();
            let due = self.store.find::<ShipmentDoc>(Query::range("due", 0..=now).limit(BATCH)).await?.items;
            let full = due.len() == BATCH;
            for Stored { mut doc, version } in due {
                let Some(next) = doc.state.next() else { continue };
                self.enter(&mut doc, next, now);
                let mut tx = self.store.begin();
                publish(&mut tx, &doc, now);
                tx.update(&Stored { doc, version });
                match tx.commit().await {
                    Ok(()) => {}
                    // Cancelled at this very moment.
                    Err(store::Error::Conflict { .. }) => {}
                    Err(e) => return Err(e.into()),
                }
            }
            if !full {
                return Ok(());
            }
        }
    }

    fn enter(&self, doc: &mut ShipmentDoc, state: State, now: i64) {
        doc.state = state;
        doc.history.push((state, now));
        let after_s = match state {
            State::Created => Some(self.config.dispatch_after_s),
            State::Dispatched => Some(self.config.transit_after_s),
            State::InTransit => Some(self.config.delivery_after_s),
            State::Delivered | State::Cancelled => None,
        };
        doc.due = after_s.map(|s| now + i64::from(s) * 1000);
        if doc.due.is_none() {
            // The label has done its work: where someone lives is not kept longer than it is needed.
            let (city, country) = (std::mem::take(&mut doc.to.city), std::mem::take(&mut doc.to.country));
            doc.to = Destination { city, country, ..Destination::default() };
        }
    }
}

fn publish(tx: &mut Tx, doc: &ShipmentDoc, now: i64) {
    let topic = match doc.state {
        State::Dispatched => topics::SHIPMENT_DISPATCHED,
        State::InTransit => topics::SHIPMENT_IN_TRANSIT,
        State::Delivered => topics::SHIPMENT_DELIVERED,
        State::Created | State::Cancelled => return,
    };
    let (shipment_id, order_id) = (doc.id.clone(), doc.order_id.clone());
    let event = ShipmentEvent { shipment_id, order_id, state: wire_state(doc.state).into(), at_unix_ms: now };
    bus::publish(tx, topic, &doc.order_id, now, &event);
}

pub(crate) fn wire_state(state: State) -> ShipmentState {
    match state {
        State::Created => ShipmentState::Created,
        State::Dispatched => ShipmentState::Dispatched,
        State::InTransit => ShipmentState::InTransit,
        State::Delivered => ShipmentState::Delivered,
        State::Cancelled => ShipmentState::Cancelled,
    }
}

/// The number on the label; none for a shipment that never was.
pub(crate) fn tracking(doc: &ShipmentDoc) -> String {
    if doc.order_id.is_empty() { String::new() } else { tracking_number(&doc.id) }
}
