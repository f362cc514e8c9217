//! Customers and their letters.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use vitrine_contracts::Problem;
use vitrine_contracts::common::v1::PageRequest;
use vitrine_contracts::customers::v1 as wire;
use vitrine_contracts::email::v1::{GetMessageRequest, ListMessagesRequest};
use vitrine_contracts::orders::v1::ListOrdersRequest;
use vitrine_platform_http::{Json, Query, Reply};

use crate::Gateway;
use crate::dto::{self, Customer, Letter, Order, Page};
use crate::input::{PageQuery, expected_version, stale};
use crate::tokens::Caller;

/// Items of a page when all pages are read.
const WHOLE: u32 = 100;

fn tagged(status: StatusCode, customer: wire::Customer) -> Response {
    let customer = Customer::from(customer);
    (status, [(header::ETAG, format!("\"{}\"", customer.version))], axum::Json(customer)).into_response()
}

pub(super) async fn sign_up(
    State(gateway): State<Arc<Gateway>>,
    Json(body): Json<dto::SignUp>,
) -> Result<Response, Reply> {
    let dto::SignUp { email, password, display_name, preferred_currency } = body;
    let request = wire::SignUpRequest { email, password, display_name, preferred_currency };
    let created = gateway.deps.customers.clone().sign_up(request).await?.into_inner();
    Ok(tagged(StatusCode::CREATED, created))
}

pub(super) async fn get(State(gateway): State<Arc<Gateway>>, caller: Caller) -> Result<Response, Reply> {
    let request = wire::GetCustomerRequest { customer_id: caller.id };
    Ok(tagged(StatusCode::OK, gateway.deps.customers.clone().get_customer(request).await?.into_inner()))
}

pub(super) async fn update(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    headers: HeaderMap,
    Json(patch): Json<dto::CustomerPatch>,
) -> Result<Response, Reply> {
    let request = wire::UpdateCustomerRequest {
        customer_id: caller.id,
        expected_version: expected_version(&headers)?,
        display_name: patch.display_name,
        preferred_currency: patch.preferred_currency,
    };
    let updated = gateway.deps.customers.clone().update_customer(request).await.map_err(stale)?;
    Ok(tagged(StatusCode::OK, updated.into_inner()))
}

pub(super) async fn erase(State(gateway): State<Arc<Gateway>>, caller: Caller) -> Result<StatusCode, Reply> {
    gateway.deps.customers.clone().erase_customer(wire::EraseCustomerRequest { customer_id: caller.id }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What every service that keeps something about a customer has, in one document.
pub(super) async fn export(State(gateway): State<Arc<Gateway>>, caller: Caller) -> Result<axum::Json<Value>, Reply> {
    let request = wire::ExportCustomerRequest { customer_id: caller.id.clone() };
    let exported = gateway.deps.customers.clone().export_customer(request).await?.into_inner().json;
    let customer: Value = serde_json::from_str(&exported).map_err(|_| Problem::internal())?;
    let (mut orders, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = Some(PageRequest { size: WHOLE, cursor });
        let request = ListOrdersRequest { customer_id: caller.id.clone(), page, ..ListOrdersRequest::default() };
        let found = gateway.deps.orders.clone().list_orders(request).await?.into_inner();
        orders.extend(found.orders.into_iter().map(Order::from));
        cursor = found.page.map(|p| p.next_cursor).unwrap_or_default();
        if cursor.is_empty() {
            break;
        }
    }
    let (mut letters, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = Some(PageRequest { size: WHOLE, cursor });
        let found = gateway
            .deps
            .email
            .clone()
            .list_messages(ListMessagesRequest { customer_id: caller.id.clone(), page })
            .await?
            .into_inner();
        letters.extend(found.messages.into_iter().map(Letter::from));
        cursor = found.page.map(|p| p.next_cursor).unwrap_or_default();
        if cursor.is_empty() {
            break;
        }
    }
    Ok(axum::Json(json!({ "customer": customer, "orders": orders, "letters": letters })))
}

pub(super) async fn add_address(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Json(body): Json<dto::NewAddress>,
) -> Result<Response, Reply> {
    let saved = wire::SavedAddress { id: String::new(), label: body.label, address: Some(body.address.into()) };
    let request = wire::PutAddressRequest { customer_id: caller.id, address: Some(saved) };
    Ok(tagged(StatusCode::CREATED, gateway.deps.customers.clone().put_address(request).await?.into_inner()))
}

pub(super) async fn put_address(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Path(id): Path<String>,
    Json(body): Json<dto::NewAddress>,
) -> Result<Response, Reply> {
    let saved = wire::SavedAddress { id, label: body.label, address: Some(body.address.into()) };
    let request = wire::PutAddressRequest { customer_id: caller.id, address: Some(saved) };
    Ok(tagged(StatusCode::OK, gateway.deps.customers.clone().put_address(request).await?.into_inner()))
}

pub(super) async fn delete_address(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Path(address_id): Path<String>,
) -> Result<Response, Reply> {
    let request = wire::DeleteAddressRequest { customer_id: caller.id, address_id };
    Ok(tagged(StatusCode::OK, gateway.deps.customers.clone().delete_address(request).await?.into_inner()))
}

pub(super) async fn letters(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<Page<Letter>>, Reply> {
    let request = ListMessagesRequest { customer_id: caller.id, page: query.request()? };
    let found = gateway.deps.email.clone().list_messages(request).await?.into_inner();
    Ok(axum::Json(Page::new(found.messages, found.page)))
}

pub(super) async fn letter(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Path(message_id): Path<String>,
) -> Result<axum::Json<Letter>, Reply> {
    let request = GetMessageRequest { message_id, customer_id: caller.id };
    Ok(axum::Json(gateway.deps.email.clone().get_message(request).await?.into_inner().into()))
}
