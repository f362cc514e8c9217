//! What those who run the shop see and do.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use vitrine_contracts::Problem;
use vitrine_contracts::accounting::v1::{GetTrialBalanceRequest, ListTransactionsRequest};
use vitrine_contracts::auth::v1::{RotateKeysRequest, SetAccountLockRequest};
use vitrine_contracts::fraud::v1::{GetAssessmentRequest, ListAssessmentsRequest};
use vitrine_contracts::orders::v1::{GetAnyOrderRequest, ListAllOrdersRequest, ListOrdersRequest, OrderState};
use vitrine_contracts::payments::v1::ListPaymentsRequest;
use vitrine_platform_http::{Json, Query, Reply};

use crate::Gateway;
use crate::dto::{self, Order, Page};
use crate::input::{PageQuery, page};
use crate::schema;

/// A state by the word that the API uses for it.
fn state_of(word: &str, field: &str) -> Result<OrderState, Problem> {
    let named = OrderState::from_str_name(&format!("ORDER_STATE_{}", word.to_uppercase()));
    let known = named.filter(|s| *s != OrderState::Unspecified && word.chars().all(|c| c.is_ascii_lowercase()));
    let expected = "placed, paid, shipped, delivered, cancelled or refunded";
    known.ok_or_else(|| Problem::invalid(field, expected, "there is no such state").with_reason("UNKNOWN_STATE"))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OrdersQuery {
    /// Of one customer.
    #[serde(default)]
    #[schemars(with = "schema::CustomerId")]
    customer_id: Option<String>,
    #[serde(default)]
    #[schemars(with = "schema::OrderState")]
    state: Option<String>,
    #[serde(default)]
    #[schemars(with = "schema::Limit")]
    limit: Option<u32>,
    #[serde(default)]
    #[schemars(with = "schema::Cursor")]
    cursor: Option<String>,
}

pub(super) async fn orders(
    State(gateway): State<Arc<Gateway>>,
    Query(query): Query<OrdersQuery>,
) -> Result<axum::Json<Page<Order>>, Reply> {
    let state = query.state.map_or(Ok(OrderState::Unspecified), |word| state_of(&word, "state"))?;
    let (mut orders, state, page) = (gateway.deps.orders.clone(), state.into(), page(query.limit, query.cursor)?);
    let found = match query.customer_id {
        Some(customer_id) => {
            let found = orders.list_orders(ListOrdersRequest { customer_id, state, page }).await?.into_inner();
            Page::new(found.orders, found.page)
        }
        None => {
            let found = orders.list_all_orders(ListAllOrdersRequest { state, page }).await?.into_inner();
            Page::new(found.orders, found.page)
        }
    };
    Ok(axum::Json(found))
}

pub(super) async fn order(
    State(gateway): State<Arc<Gateway>>,
    Path(order_id): Path<String>,
) -> Result<axum::Json<Order>, Reply> {
    Ok(axum::Json(
        gateway.deps.orders.clone().get_any_order(GetAnyOrderRequest { order_id }).await?.into_inner().into(),
    ))
}

pub(super) async fn transition(
    State(gateway): State<Arc<Gateway>>,
    Path(order_id): Path<String>,
    Json(body): Json<dto::Transition>,
) -> Result<axum::Json<Order>, Reply> {
    let to = state_of(&body.to, "to")?;
    Ok(axum::Json(gateway.transition(order_id, to, &body.reason).await?.into()))
}

pub(super) async fn payments(
    State(gateway): State<Arc<Gateway>>,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<Page<dto::PaymentRecord>>, Reply> {
    let found =
        gateway.deps.payments.clone().list_payments(ListPaymentsRequest { page: query.request()? }).await?.into_inner();
    Ok(axum::Json(Page::new(found.payments, found.page)))
}

pub(super) async fn balance(State(gateway): State<Arc<Gateway>>) -> Result<axum::Json<dto::TrialBalance>, Reply> {
    Ok(axum::Json(
        gateway.deps.accounting.clone().get_trial_balance(GetTrialBalanceRequest {}).await?.into_inner().into(),
    ))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TransactionsQuery {
    /// For one order.
    #[serde(default)]
    #[schemars(with = "schema::OrderIdOrAny")]
    order_id: Option<String>,
    #[serde(default)]
    #[schemars(with = "schema::Limit")]
    limit: Option<u32>,
    #[serde(default)]
    #[schemars(with = "schema::Cursor")]
    cursor: Option<String>,
}

pub(super) async fn transactions(
    State(gateway): State<Arc<Gateway>>,
    Query(query): Query<TransactionsQuery>,
) -> Result<axum::Json<Page<dto::LedgerTransaction>>, Reply> {
    let request = ListTransactionsRequest {
        order_id: query.order_id.unwrap_or_default(),
        page: page(query.limit, query.cursor)?,
    };
    let found = gateway.deps.accounting.clone().list_transactions(request).await?.into_inner();
    Ok(axum::Json(Page::new(found.transactions, found.page)))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AssessmentsQuery {
    #[serde(default)]
    #[schemars(with = "schema::MinScore")]
    min_score: Option<u32>,
    #[serde(default)]
    #[schemars(with = "schema::Limit")]
    limit: Option<u32>,
    #[serde(default)]
    #[schemars(with = "schema::Cursor")]
    cursor: Option<String>,
}

pub(super) async fn assessments(
    State(gateway): State<Arc<Gateway>>,
    Query(query): Query<AssessmentsQuery>,
) -> Result<axum::Json<Page<dto::Assessment>>, Reply> {
    let request =
        ListAssessmentsRequest { min_score: query.min_score.unwrap_or(0), page: page(query.limit, query.cursor)? };
    let found = gateway.deps.fraud.clone().list_assessments(request).await?.into_inner();
    Ok(axum::Json(Page::new(found.assessments, found.page)))
}

pub(super) async fn assessment(
    State(gateway): State<Arc<Gateway>>,
    Path(order_id): Path<String>,
) -> Result<axum::Json<dto::Assessment>, Reply> {
    Ok(axum::Json(
        gateway.deps.fraud.clone().get_assessment(GetAssessmentRequest { order_id }).await?.into_inner().into(),
    ))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RotationQuery {
    /// The older keys are good no more, and all tokens of theirs end.
    #[serde(default)]
    compromised: Option<bool>,
}

pub(super) async fn rotate_keys(
    State(gateway): State<Arc<Gateway>>,
    Query(query): Query<RotationQuery>,
) -> Result<axum::Json<dto::KeyRotated>, Reply> {
    let request = RotateKeysRequest { compromised: query.compromised.unwrap_or(false) };
    Ok(axum::Json(dto::KeyRotated { key_id: gateway.rotate_keys(request).await? }))
}

async fn set_lock(gateway: &Gateway, account_id: String, locked: bool) -> Result<StatusCode, Reply> {
    gateway.deps.auth.clone().set_account_lock(SetAccountLockRequest { account_id, locked }).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn lock(
    State(gateway): State<Arc<Gateway>>,
    Path(account_id): Path<String>,
) -> Result<StatusCode, Reply> {
    set_lock(&gateway, account_id, true).await
}

pub(super) async fn unlock(
    State(gateway): State<Arc<Gateway>>,
    Path(account_id): Path<String>,
) -> Result<StatusCode, Reply> {
    set_lock(&gateway, account_id, false).await
}
