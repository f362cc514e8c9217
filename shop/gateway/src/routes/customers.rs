//! Customers and their letters.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tonic::Status;
use vitrine_contracts::customers::v1 as wire;
use vitrine_contracts::customers::v1::customers_service_client::CustomersServiceClient;
use vitrine_contracts::email::v1::{GetMessageRequest, ListMessagesRequest};
use vitrine_platform_http::{ETag, Json, Preconditions, Query, Reply};
use vitrine_platform_mesh::Transport;

use crate::Gateway;
use crate::dto::{self, Customer, Letter, Page};
use crate::input::{PageQuery, change_if};
use crate::tokens::Caller;

fn etag(customer: &wire::Customer) -> ETag {
    ETag::strong(customer.version)
}

fn tagged(status: StatusCode, customer: wire::Customer) -> Response {
    (status, [(header::ETAG, etag(&customer).header())], axum::Json(Customer::from(customer))).into_response()
}

async fn customer_of(gateway: &Gateway, customer_id: &str) -> Result<wire::Customer, Status> {
    let request = wire::GetCustomerRequest { customer_id: customer_id.to_owned() };
    Ok(gateway.deps.customers.clone().get_customer(request).await?.into_inner())
}

/// Changes a customer, addresses included, if the preconditions hold; `change` gets the service and the version to expect.
async fn change_customer<A, Changing>(
    gateway: &Gateway,
    preconditions: &Preconditions,
    customer_id: &str,
    change: impl Fn(CustomersServiceClient<Transport>, Option<u64>) -> Changing,
) -> Result<A, Reply>
where
    Changing: Future<Output = Result<tonic::Response<A>, Status>>,
{
    let read = || async { Ok(customer_of(gateway, customer_id).await?) };
    let change =
        |seen: Option<wire::Customer>| change(gateway.deps.customers.clone(), seen.map(|customer| customer.version));
    Ok(change_if(preconditions, read, etag, change).await?.into_inner())
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
    Ok(tagged(StatusCode::OK, customer_of(&gateway, &caller.id).await?))
}

pub(super) async fn update(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    preconditions: Preconditions,
    Json(patch): Json<dto::CustomerPatch>,
) -> Result<Response, Reply> {
    preconditions.require_match()?;
    let updated = change_customer(&gateway, &preconditions, &caller.id, |mut customers, expected_version| {
        let request = wire::UpdateCustomerRequest {
            customer_id: caller.id.clone(),
            expected_version,
            display_name: patch.display_name.clone(),
            preferred_currency: patch.preferred_currency.clone(),
        };
        async move { customers.update_customer(request).await }
    });
    Ok(tagged(StatusCode::OK, updated.await?))
}

pub(super) async fn erase(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    preconditions: Preconditions,
) -> Result<StatusCode, Reply> {
    change_customer(&gateway, &preconditions, &caller.id, |mut customers, expected_version| {
        let request = wire::EraseCustomerRequest { customer_id: caller.id.clone(), expected_version };
        async move { customers.erase_customer(request).await }
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What every service that keeps something about a customer has, in one document.
pub(super) async fn export(State(gateway): State<Arc<Gateway>>, caller: Caller) -> Result<axum::Json<Value>, Reply> {
    Ok(axum::Json(gateway.export(&caller.id).await?))
}

/// Keeps an address: a new one where the id is empty.
async fn keep_address(
    gateway: &Gateway,
    preconditions: &Preconditions,
    caller: Caller,
    id: String,
    body: dto::NewAddress,
) -> Result<wire::Customer, Reply> {
    let saved = wire::SavedAddress { id, label: body.label, address: Some(body.address.into()) };
    change_customer(gateway, preconditions, &caller.id, |mut customers, expected_version| {
        let (customer_id, address) = (caller.id.clone(), Some(saved.clone()));
        let request = wire::PutAddressRequest { customer_id, address, expected_version };
        async move { customers.put_address(request).await }
    })
    .await
}

pub(super) async fn add_address(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    preconditions: Preconditions,
    Json(body): Json<dto::NewAddress>,
) -> Result<Response, Reply> {
    let kept = keep_address(&gateway, &preconditions, caller, String::new(), body).await?;
    Ok(tagged(StatusCode::CREATED, kept))
}

pub(super) async fn put_address(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Path(id): Path<String>,
    preconditions: Preconditions,
    Json(body): Json<dto::NewAddress>,
) -> Result<Response, Reply> {
    Ok(tagged(StatusCode::OK, keep_address(&gateway, &preconditions, caller, id, body).await?))
}

pub(super) async fn delete_address(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Path(address_id): Path<String>,
    preconditions: Preconditions,
) -> Result<Response, Reply> {
    let left = change_customer(&gateway, &preconditions, &caller.id, |mut customers, expected_version| {
        let (customer_id, address_id) = (caller.id.clone(), address_id.clone());
        let request = wire::DeleteAddressRequest { customer_id, address_id, expected_version };
        async move { customers.delete_address(request).await }
    });
    Ok(tagged(StatusCode::OK, left.await?))
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
