//! What everyone may look at, and what sellers change of it.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Deserialize;
use vitrine_contracts::Problem;
use vitrine_contracts::ads::v1::GetAdsRequest;
use vitrine_contracts::catalog::v1 as wire;
use vitrine_contracts::currency::v1::{ConvertRequest, ListCurrenciesRequest};
use vitrine_contracts::limits::{MAX_AD_CONTEXT, MAX_RECOMMENDED_FOR};
use vitrine_contracts::recommendations::v1::RecommendRequest;
use vitrine_platform_http::{ETag, Json, Preconditions, Query, Reply};

use crate::Gateway;
use crate::browse::Reader;
use crate::dto::{self, List, Product};
use crate::input::{change_if, idempotency_key};
use crate::schema;
use crate::tokens::Caller;

/// How long a browser may keep a picture without asking, in seconds.
const PICTURE_AGE: &str = "public, max-age=300";

/// Description and stock both change what is shown.
fn etag(product: &wire::Product) -> ETag {
    ETag::strong(format_args!("{}.{}.{}", product.version, product.available, product.sold))
}

fn tagged(status: StatusCode, product: wire::Product) -> Response {
    (status, [(header::ETAG, etag(&product).header())], axum::Json(Product::from(product))).into_response()
}

pub(super) async fn get(
    State(gateway): State<Arc<Gateway>>,
    reader: Reader,
    Path(product_id): Path<String>,
) -> Result<Response, Reply> {
    Ok(tagged(StatusCode::OK, gateway.browse.product(reader, product_id).await?))
}

pub(super) async fn picture(
    State(gateway): State<Arc<Gateway>>,
    reader: Reader,
    Path(product_id): Path<String>,
) -> Result<Response, Reply> {
    let picture = gateway.browse.picture(reader, product_id).await?;
    let headers = [
        (header::CONTENT_TYPE, "image/svg+xml"),
        (header::CACHE_CONTROL, PICTURE_AGE),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'"),
    ];
    let etag = [(header::ETAG, ETag::of_content(picture.svg.as_bytes()).header())];
    Ok((headers, etag, picture.svg).into_response())
}

pub(super) async fn categories(
    State(gateway): State<Arc<Gateway>>,
    reader: Reader,
) -> Result<axum::Json<List<dto::Category>>, Reply> {
    let found = gateway.browse.categories(reader).await?;
    Ok(axum::Json(List::new(found.categories)))
}

pub(super) async fn create(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    headers: HeaderMap,
    Json(body): Json<dto::NewProduct>,
) -> Result<Response, Reply> {
    let idempotency_key = idempotency_key(&headers)?.unwrap_or_default();
    let stock = body.stock;
    let product = Some(body.parse(caller.acting_as().unwrap_or_default())?);
    let request = wire::CreateProductRequest { product, stock, idempotency_key };
    let created = gateway.create_product(request).await?;
    let location = format!("/api/v1/products/{}", created.id);
    Ok(([(header::LOCATION, location)], tagged(StatusCode::CREATED, created)).into_response())
}

/// A product as it is, for someone who is going to change it. Who may not is told that, and not that it has changed (RFC 9110,
/// section 13.2.1).
async fn to_change(gateway: &Gateway, product_id: &str, acting_as: Option<&str>) -> Result<wire::Product, Reply> {
    let product = gateway.browse.product(Reader::Seller, product_id.to_owned()).await?;
    if acting_as.is_none_or(|promoter| promoter == product.promoter_id) {
        return Ok(product);
    }
    Err(Problem::permission_denied("the product is another seller's").into())
}

/// What a change expects of a product.
fn state(product: wire::Product) -> wire::ProductState {
    wire::ProductState { version: product.version, available: product.available, sold: product.sold }
}

pub(super) async fn update(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Path(product_id): Path<String>,
    preconditions: Preconditions,
    Json(patch): Json<dto::ProductPatch>,
) -> Result<Response, Reply> {
    let price = patch.price.as_ref().map(|p| p.parse("price")).transpose()?;
    preconditions.require_match()?;
    let acting_as = caller.acting_as();
    let wanted = wire::ProductChange {
        product_id: product_id.clone(),
        name: patch.name,
        description: patch.description,
        category: patch.category,
        price: price.map(Into::into),
        restock: patch.restock,
        expected: None,
        comparable_price: None,
    };
    let read = || to_change(&gateway, &product_id, acting_as.as_deref());
    let change = |seen: Option<wire::Product>| {
        let change = wire::ProductChange { expected: seen.map(state), ..wanted.clone() };
        gateway.update_product(change, acting_as.clone())
    };
    Ok(tagged(StatusCode::OK, change_if(&preconditions, read, etag, change).await?))
}

pub(super) async fn delete(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Path(product_id): Path<String>,
    preconditions: Preconditions,
) -> Result<StatusCode, Reply> {
    let acting_as = caller.acting_as();
    let read = || to_change(&gateway, &product_id, acting_as.as_deref());
    let change =
        |seen: Option<wire::Product>| gateway.delete_product(product_id.clone(), acting_as.clone(), seen.map(state));
    change_if(&preconditions, read, etag, change).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn currencies(State(gateway): State<Arc<Gateway>>) -> Result<axum::Json<dto::Currencies>, Reply> {
    let found = gateway.deps.currency.clone().list_currencies(ListCurrenciesRequest {}).await?.into_inner();
    Ok(axum::Json(dto::Currencies {
        items: found.currencies.into_iter().map(Into::into).collect(),
        as_of: found.as_of,
    }))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ConvertQuery {
    /// A decimal number, with as many decimals as the currency has.
    #[schemars(with = "schema::Decimal")]
    amount: String,
    #[schemars(with = "schema::Currency")]
    from: String,
    #[schemars(with = "schema::Currency")]
    to: String,
}

pub(super) async fn convert(
    State(gateway): State<Arc<Gateway>>,
    Query(query): Query<ConvertQuery>,
) -> Result<axum::Json<dto::Converted>, Reply> {
    let currency = dto::parse_currency(&query.from, "from")?;
    let to = dto::parse_currency(&query.to, "to")?;
    let from = dto::parse_amount(currency, &query.amount, "amount")?;
    let request = ConvertRequest { from: Some(from.into()), to_code: to.code().to_owned() };
    let converted = gateway.deps.currency.clone().convert(request).await?.into_inner();
    Ok(axum::Json(dto::Converted {
        from: from.into(),
        to: converted.money.unwrap_or_default().into(),
        as_of: converted.as_of,
    }))
}

/// What [`recommend`] reads of [`Pairs`].
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it describes the parameters")]
pub(super) struct RecommendQuery {
    #[schemars(length(min = 1, max = MAX_RECOMMENDED_FOR))]
    product_id: Vec<schema::ProductId>,
    #[serde(default)]
    #[schemars(with = "schema::LimitOfRecommendations")]
    limit: Option<u32>,
}

/// What [`ads`] reads of [`Pairs`].
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it describes the parameters")]
pub(super) struct AdsQuery {
    /// Words such as categories or tags.
    #[serde(default)]
    #[schemars(length(max = MAX_AD_CONTEXT))]
    context: Vec<String>,
    #[serde(default)]
    #[schemars(with = "schema::LimitOfAds")]
    limit: Option<u32>,
}

/// Query parameters of which one may be given several times.
type Pairs = Vec<(String, String)>;

/// The values of the parameter that may repeat, and the limit.
fn repeated(pairs: Pairs, name: &str) -> Result<(Vec<String>, u32), Problem> {
    let (mut values, mut limit) = (Vec::new(), 0);
    for (key, value) in pairs {
        if key == name {
            values.push(value);
        } else if key == "limit" {
            limit = value
                .parse()
                .ok()
                .filter(|n| *n > 0)
                .ok_or_else(|| Problem::invalid("limit", "a number from 1", "that is not a number from 1"))?;
        } else {
            let shown: String = key.chars().take(40).collect();
            return Err(Problem::invalid(&shown, &format!("{name} or limit"), "there is no such parameter")
                .with_reason("INVALID_QUERY"));
        }
    }
    Ok((values, limit))
}

pub(super) async fn recommend(
    State(gateway): State<Arc<Gateway>>,
    Query(pairs): Query<Pairs>,
) -> Result<axum::Json<List<dto::Recommendation>>, Reply> {
    let (product_ids, limit) = repeated(pairs, "product_id")?;
    let found =
        gateway.deps.recommendations.clone().recommend(RecommendRequest { product_ids, limit }).await?.into_inner();
    Ok(axum::Json(List::new(found.recommendations)))
}

pub(super) async fn ads(
    State(gateway): State<Arc<Gateway>>,
    Query(pairs): Query<Pairs>,
) -> Result<axum::Json<List<dto::Ad>>, Reply> {
    let (context, limit) = repeated(pairs, "context")?;
    let found = gateway.deps.ads.clone().get_ads(GetAdsRequest { context, limit }).await?.into_inner();
    Ok(axum::Json(List::new(found.ads)))
}
