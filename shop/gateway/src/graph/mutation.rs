//! Everything that changes something: each takes one input and returns a payload that says what was refused.

mod buying;
mod measuring;
mod people;
mod promoting;
mod running;
mod selling;
mod signing;

use async_graphql::{Context, MergedObject, Object, Result};

pub(crate) use buying::{Buying, QuoteInput, QuoteResult, quote};
pub(crate) use measuring::Measuring;
pub(crate) use people::People;
pub(crate) use promoting::Promoting;
pub(crate) use running::Running;
pub(crate) use selling::Selling;
pub(crate) use signing::Signing;

use super::cart::{self, AddToCartInput, CartPayload, MergeCartInput, SetCartQuantityInput};
use super::session::session;

/// All of them.
#[derive(Default, MergedObject)]
pub(crate) struct Mutation(Signing, Carts, Buying, People, Selling, Promoting, Measuring, Running);

/// Carts.
#[derive(Default)]
pub(crate) struct Carts;

#[Object]
impl Carts {
    /// Adds to what is in the cart. A stranger's first one begins a guest's cart: see `CartPayload.guest`.
    async fn add_to_cart(&self, ctx: &Context<'_>, input: AddToCartInput) -> Result<CartPayload> {
        cart::add(session(ctx), input).await
    }

    /// Changes how many there are of a product.
    async fn set_cart_quantity(&self, ctx: &Context<'_>, input: SetCartQuantityInput) -> Result<CartPayload> {
        cart::set(session(ctx), input).await
    }

    /// Empties the cart.
    async fn clear_cart(&self, ctx: &Context<'_>) -> Result<CartPayload> {
        cart::clear(session(ctx)).await
    }

    /// Moves a guest's lines into the customer's cart. A repeat changes nothing.
    async fn merge_cart(&self, ctx: &Context<'_>, input: MergeCartInput) -> Result<CartPayload> {
        cart::merge(session(ctx), input).await
    }
}
