//! The contract, translated.

use tonic::{Request, Response, Status};
use vitrine_contracts::Problem;
use vitrine_contracts::shipping::v1::shipping_service_server::ShippingService;
use vitrine_contracts::shipping::v1::{
    BatchGetShipmentsRequest, BatchGetShipmentsResponse, CancelShipmentRequest, CreateShipmentRequest,
    GetShipmentRequest, QuoteRequest, QuoteResponse, Shipment, TrackingEvent,
};
use vitrine_flags_client::{Handle, Subject};
use vitrine_platform_host::{Failure, check_id, check_ids};

use crate::domain::{self, Padding, State};
use crate::flags::PADDING;
use crate::store::{ShipmentDoc, Shipments, tracking, wire_state};

pub(crate) struct Service {
    pub(crate) shipments: Shipments,
    pub(crate) flags: Handle,
}

fn to_wire(doc: ShipmentDoc) -> Shipment {
    let place = |state| match state {
        State::Created | State::Cancelled => "the glassworks".to_owned(),
        State::Dispatched => "the carrier's depot".to_owned(),
        State::InTransit => format!("on the way to {}", doc.to.country),
        State::Delivered => doc.to.city.clone(),
    };
    let step = |(state, at): &(State, i64)| TrackingEvent {
        state: wire_state(*state).into(),
        at_unix_ms: *at,
        place: place(*state),
    };
    Shipment {
        tracking_number: tracking(&doc),
        state: wire_state(doc.state).into(),
        history: doc.history.iter().map(step).collect(),
        weight_g: doc.weight_g,
        id: doc.id,
        order_id: doc.order_id,
    }
}

#[tonic::async_trait]
impl ShippingService for Service {
    async fn quote(&self, request: Request<QuoteRequest>) -> Result<Response<QuoteResponse>, Status> {
        let request = request.into_inner();
        let country = request.address.map(|a| a.country_code).unwrap_or_default();
        let charged = self.flags.read(&PADDING, &Subject::ANYONE.in_country(&country));
        let padding = if charged { Padding::Charged } else { Padding::Free };
        let quote = domain::quote(&country, request.weight_g, request.parcel_items, padding)?;
        Ok(Response::new(QuoteResponse {
            cost: Some(quote.cost.into()),
            days_min: quote.days.0,
            days_max: quote.days.1,
        }))
    }

    async fn create_shipment(&self, request: Request<CreateShipmentRequest>) -> Result<Response<Shipment>, Status> {
        let request = request.into_inner();
        check_id("shp", &request.shipment_id, "shipment_id")?;
        check_id("ord", &request.order_id, "order_id")?;
        let address = request
            .address
            .as_ref()
            .ok_or_else(|| Problem::invalid("address", "an address", "the address is missing"))?;
        domain::quote(&address.country_code, request.weight_g, 0, Padding::Charged)?;
        Ok(Response::new(to_wire(self.shipments.create(request).await?)))
    }

    async fn cancel_shipment(&self, request: Request<CancelShipmentRequest>) -> Result<Response<Shipment>, Status> {
        let id = request.into_inner().shipment_id;
        check_id("shp", &id, "shipment_id")?;
        Ok(Response::new(to_wire(self.shipments.cancel(&id).await?)))
    }

    async fn get_shipment(&self, request: Request<GetShipmentRequest>) -> Result<Response<Shipment>, Status> {
        let id = request.into_inner().shipment_id;
        check_id("shp", &id, "shipment_id")?;
        Ok(Response::new(to_wire(self.shipments.get(&id).await?)))
    }

    async fn batch_get_shipments(
        &self,
        request: Request<BatchGetShipmentsRequest>,
    ) -> Result<Response<BatchGetShipmentsResponse>, Status> {
        let ids = request.into_inner().shipment_ids;
        let ids = check_ids("shp", &ids, "shipment_id")?;
        let found = self.shipments.store.get_many::<ShipmentDoc>(&ids).await.map_err(Failure::from)?;
        let shipments = found.into_iter().map(|stored| to_wire(stored.doc)).collect();
        Ok(Response::new(BatchGetShipmentsResponse { shipments }))
    }
}
