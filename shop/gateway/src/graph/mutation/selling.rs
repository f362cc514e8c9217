//! What is sold, changed by those who sell it.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use tonic::Status;
use vitrine_contracts::catalog::v1 as wire;

use super::super::error::{InputError, refusable};
use super::super::money::MoneyInput;
use super::super::product::{Product, ProductKind};
use super::super::scalars::DateTime;
use super::super::session::{Session, session};
use crate::guard::Access;
use crate::input::check_idempotency_key;
use crate::tokens::Caller;

/// When and where.
#[derive(InputObject)]
pub(crate) struct EventInput {
    /// In the future.
    starts_at: DateTime,
    duration_min: i32,
    venue: String,
}

/// A product to be.
#[derive(InputObject)]
pub(crate) struct CreateProductInput {
    kind: ProductKind,
    name: String,
    /// May have line feeds.
    description: String,
    /// The slug of a category.
    category: String,
    #[graphql(default)]
    tags: Vec<String>,
    price: MoneyInput,
    /// In grams; of goods.
    #[graphql(default)]
    weight_g: i32,
    /// Units or seats to begin with.
    stock: i32,
    /// Of events.
    event: Option<EventInput>,
    /// Names the request, so that a repeat makes nothing.
    idempotency_key: Option<String>,
}

/// A number as services take it: what none can be is refused by them as too large a one.
fn positive(number: i32) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

async fn created(session: &Session, input: CreateProductInput) -> Result<wire::Product, Status> {
    let promoter_id = session.presented().and_then(Caller::acting_as).unwrap_or_default();
    let idempotency_key = input.idempotency_key.unwrap_or_default();
    if !idempotency_key.is_empty() {
        check_idempotency_key(&idempotency_key, "idempotency_key")?;
    }
    let event = input.event.map(|event| wire::EventDetails {
        starts_at_unix_ms: event.starts_at.0,
        duration_min: positive(event.duration_min),
        venue: event.venue,
    });
    let product = wire::Product {
        kind: wire::Kind::from(input.kind).into(),
        name: input.name,
        description: input.description,
        category: input.category,
        tags: input.tags,
        price: Some(input.price.read("price")?.into()),
        weight_g: positive(input.weight_g),
        event,
        promoter_id,
        ..wire::Product::default()
    };
    let request = wire::CreateProductRequest { product: Some(product), stock: positive(input.stock), idempotency_key };
    session.gateway.create_product(request).await
}

/// How a product is meant to be before it is changed.
#[derive(InputObject)]
pub(crate) struct ProductStateInput {
    version: i32,
    available: i32,
    sold: i32,
}

impl From<ProductStateInput> for wire::ProductState {
    fn from(state: ProductStateInput) -> Self {
        let large = |number: i32| u64::try_from(number).unwrap_or(u64::MAX);
        Self { version: large(state.version), available: positive(state.available), sold: large(state.sold) }
    }
}

/// What of a product changes.
#[derive(InputObject)]
pub(crate) struct UpdateProductInput {
    id: ID,
    name: Option<String>,
    description: Option<String>,
    category: Option<String>,
    price: Option<MoneyInput>,
    /// Added to what is available; negative takes away.
    #[graphql(default)]
    restock: i32,
    /// The change is refused with VERSION_MISMATCH unless the product is so.
    expected: Option<ProductStateInput>,
}

async fn updated(session: &Session, input: UpdateProductInput) -> Result<wire::Product, Status> {
    let price = input.price.map(|price| price.read("price")).transpose()?;
    let change = wire::ProductChange {
        product_id: input.id.0,
        name: input.name,
        description: input.description,
        category: input.category,
        price: price.map(Into::into),
        restock: input.restock,
        expected: input.expected.map(Into::into),
        comparable_price: None,
    };
    let acting_as = session.presented().and_then(Caller::acting_as);
    session.gateway.update_product(change, acting_as).await
}

/// A product that is not to be sold any more.
#[derive(InputObject)]
pub(crate) struct DeleteProductInput {
    id: ID,
    /// As in `UpdateProductInput`.
    expected: Option<ProductStateInput>,
}

/// What came of a change of a product.
#[derive(SimpleObject)]
pub(crate) struct ProductPayload {
    /// Null when the change was refused, or the product is deleted.
    product: Option<Product>,
    /// Of a product that is deleted.
    deleted_id: Option<ID>,
    errors: Vec<InputError>,
}

impl ProductPayload {
    fn of(changed: Result<wire::Product, InputError>) -> Self {
        match changed {
            Ok(product) => Self { product: Some(Product(product)), deleted_id: None, errors: Vec::new() },
            Err(refused) => Self { product: None, deleted_id: None, errors: vec![refused] },
        }
    }
}

/// Selling.
#[derive(Default)]
pub(crate) struct Selling;

#[Object]
impl Selling {
    /// Sells something new. For promoters and admins.
    async fn create_product(&self, ctx: &Context<'_>, input: CreateProductInput) -> Result<ProductPayload> {
        let session = session(ctx);
        session.admit(Access::Seller).await?;
        Ok(ProductPayload::of(refusable(created(session, input).await)?))
    }

    /// Changes what is named, and nothing else. For promoters, of what is theirs, and admins.
    async fn update_product(&self, ctx: &Context<'_>, input: UpdateProductInput) -> Result<ProductPayload> {
        let session = session(ctx);
        session.admit(Access::Seller).await?;
        Ok(ProductPayload::of(refusable(updated(session, input).await)?))
    }

    /// Sells something no more. For promoters, of what is theirs, and admins.
    async fn delete_product(&self, ctx: &Context<'_>, input: DeleteProductInput) -> Result<ProductPayload> {
        let session = session(ctx);
        let caller = session.admit(Access::Seller).await?;
        let (id, expected) = (input.id, input.expected.map(Into::into));
        let deleted = session.gateway.delete_product(id.0.clone(), caller.acting_as(), expected).await;
        Ok(match refusable(deleted)? {
            Ok(()) => ProductPayload { product: None, deleted_id: Some(id), errors: Vec::new() },
            Err(refused) => ProductPayload { product: None, deleted_id: None, errors: vec![refused] },
        })
    }
}
