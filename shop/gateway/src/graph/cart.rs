//! What someone is about to buy, at today's prices, and what stands in the way.

use async_graphql::{Context, Error, ID, InputObject, Interface, Object, SimpleObject};
use vitrine_contracts::Problem;
use vitrine_contracts::carts::v1 as wire;
use vitrine_contracts::catalog::v1 as catalog;
use vitrine_contracts::limits::MAX_RECOMMENDED_FOR;
use vitrine_kit::money::{Currency, Money as Amount, MoneyError};

use super::cost::times;
use super::error::{InputError, failure, problem, refusable};
use super::extras::{Recommendation, recommend};
use super::money::{Money, amount};
use super::product::Product;
use super::scalars::{CurrencyCode, int};
use super::session::{Session, check_guest, session};
use crate::guard::Access;

/// What someone is about to buy.
pub(crate) struct Cart {
    cart: wire::Cart,
    is_guest: bool,
}

/// A line of a cart, and its product; nothing where that is not sold any more.
type Filled<'a> = (&'a vitrine_contracts::common::v1::Line, Option<catalog::Product>);

impl Cart {
    fn new(cart: wire::Cart) -> Self {
        let is_guest = !cart.customer_id.starts_with("cus_");
        Self { cart, is_guest }
    }

    async fn filled(&self, session: &Session) -> Result<Vec<Filled<'_>>, Error> {
        let products = self.cart.lines.iter().map(|line| session.product(&line.product_id));
        let products = futures::future::try_join_all(products).await?;
        Ok(self.cart.lines.iter().zip(products).collect())
    }
}

#[Object]
impl Cart {
    /// What is not sold any more is left out: see `problems`.
    async fn lines(&self, ctx: &Context<'_>) -> Result<Vec<CartLine>, Error> {
        let filled = self.filled(session(ctx)).await?.into_iter();
        let lines =
            filled.filter_map(|(line, product)| Some(CartLine { product: Product(product?), quantity: line.quantity }));
        Ok(lines.collect())
    }

    /// How many things there are in all lines together.
    async fn total_quantity(&self) -> i32 {
        int(self.cart.lines.iter().map(|line| u64::from(line.quantity)).sum::<u64>())
    }

    /// In EUR if no currency is named.
    async fn subtotal(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "in")] to: Option<CurrencyCode>,
    ) -> Result<Money, Error> {
        let (session, to) = (session(ctx), to.map_or(Currency::EUR, |code| code.0));
        let lines = self.filled(session).await?;
        let totals =
            lines.iter().filter_map(|(line, product)| Some(total(session, product.as_ref()?, line.quantity, to)));
        let totals = futures::future::try_join_all(totals).await?;
        let sum = totals.into_iter().try_fold(Amount::zero(to), Amount::checked_add).map_err(|e| too_large(&e))?;
        Ok(sum.into())
    }

    /// What stands in the way of buying it.
    async fn problems(&self, ctx: &Context<'_>) -> Result<Vec<CartProblem>, Error> {
        let filled = self.filled(session(ctx)).await?.into_iter();
        Ok(filled.filter_map(|(line, product)| problem_of(line.quantity, &line.product_id, product)).collect())
    }

    /// Whether it is a guest's, and not a customer's.
    async fn is_guest(&self) -> bool {
        self.is_guest
    }

    /// What goes with it.
    #[graphql(complexity = "times(first, child_complexity)")]
    async fn recommendations(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 5)] first: i32,
    ) -> Result<Vec<Recommendation>, Error> {
        let ids: Vec<String> =
            self.cart.lines.iter().map(|line| line.product_id.clone()).take(MAX_RECOMMENDED_FOR).collect();
        if ids.is_empty() { Ok(Vec::new()) } else { recommend(session(ctx), ids, first).await }
    }

    /// Grows with each change of the lines.
    async fn version(&self) -> i32 {
        int(self.cart.version)
    }
}

fn too_large(error: &MoneyError) -> Error {
    problem(Problem::precondition("TOTAL_TOO_LARGE", &error.to_string()))
}

/// So many of a product, in a currency: each at its price there.
async fn total(session: &Session, product: &catalog::Product, quantity: u32, to: Currency) -> Result<Amount, Error> {
    let unit = session.converted(amount(product.price.as_ref())?, to).await?;
    unit.checked_mul(quantity).map_err(|e| too_large(&e))
}

/// A product, and how many of it.
pub(crate) struct CartLine {
    product: Product,
    quantity: u32,
}

#[Object]
impl CartLine {
    async fn product(&self) -> &Product {
        &self.product
    }

    async fn quantity(&self) -> i32 {
        int(self.quantity)
    }

    /// In EUR if no currency is named.
    async fn unit_price(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "in")] to: Option<CurrencyCode>,
    ) -> Result<Money, Error> {
        let to = to.map_or(Currency::EUR, |code| code.0);
        Ok(total(session(ctx), &self.product.0, 1, to).await?.into())
    }

    /// In EUR if no currency is named.
    async fn total(&self, ctx: &Context<'_>, #[graphql(name = "in")] to: Option<CurrencyCode>) -> Result<Money, Error> {
        let to = to.map_or(Currency::EUR, |code| code.0);
        Ok(total(session(ctx), &self.product.0, self.quantity, to).await?.into())
    }
}

/// Something that stands in the way of buying a cart.
#[derive(Interface)]
#[graphql(
    field(name = "product_id", ty = "&ID"),
    field(name = "message", ty = "&String", desc = "A sentence for people.")
)]
pub(crate) enum CartProblem {
    NotEnoughAvailable(NotEnoughAvailable),
    NoLongerSold(NoLongerSold),
}

/// There is less of it than is wanted.
pub(crate) struct NotEnoughAvailable {
    product_id: ID,
    message: String,
    product: Product,
    wanted: u32,
}

#[Object]
impl NotEnoughAvailable {
    async fn product_id(&self) -> &ID {
        &self.product_id
    }

    async fn message(&self) -> &String {
        &self.message
    }

    async fn product(&self) -> &Product {
        &self.product
    }

    async fn wanted(&self) -> i32 {
        int(self.wanted)
    }

    async fn available(&self) -> i32 {
        int(self.product.0.available)
    }
}

/// It is not sold any more.
#[derive(SimpleObject)]
pub(crate) struct NoLongerSold {
    product_id: ID,
    message: String,
    quantity: i32,
}

fn problem_of(quantity: u32, product_id: &str, product: Option<catalog::Product>) -> Option<CartProblem> {
    let product_id = ID(product_id.to_owned());
    match product {
        None => {
            let message = "this is not sold any more: take it out".to_owned();
            Some(NoLongerSold { product_id, message, quantity: int(quantity) }.into())
        }
        Some(product) if product.available < quantity => {
            let message = match product.available {
                0 => format!("{} is sold out", product.name),
                left => format!("of {} only {left} are left", product.name),
            };
            Some(NotEnoughAvailable { product_id, message, product: Product(product), wanted: quantity }.into())
        }
        Some(_) => None,
    }
}

/// The caller's cart; one who has none has an empty one.
pub(crate) async fn read(session: &Session) -> Result<Cart, Error> {
    let Some(customer_id) = session.cart_owner().await? else { return Ok(Cart::new(wire::Cart::default())) };
    let found = session.gateway.deps.carts.clone().get_cart(wire::GetCartRequest { customer_id }).await;
    Ok(Cart::new(found.map_err(|status| failure(&status))?.into_inner()))
}

/// What came of a change of a cart.
#[derive(SimpleObject)]
pub(crate) struct CartPayload {
    /// Null when the change was refused.
    cart: Option<Cart>,
    /// Of a guest's cart that was begun just now: the secret to send as the header Vitrine-Guest from now on.
    guest: Option<ID>,
    errors: Vec<InputError>,
}

impl CartPayload {
    fn of(session: &Session, changed: Result<tonic::Response<wire::Cart>, tonic::Status>) -> Result<Self, Error> {
        Ok(match refusable(changed)? {
            Ok(cart) => {
                let guest = session.begun().map(ID);
                Self { cart: Some(Cart::new(cart.into_inner())), guest, errors: Vec::new() }
            }
            Err(refused) => Self { cart: None, guest: None, errors: vec![refused] },
        })
    }
}

/// What to put into a cart.
#[derive(InputObject)]
pub(crate) struct AddToCartInput {
    product_id: ID,
    #[graphql(default = 1)]
    quantity: i32,
}

/// How many of a product a cart is to hold.
#[derive(InputObject)]
pub(crate) struct SetCartQuantityInput {
    product_id: ID,
    /// 0 takes it out.
    quantity: i32,
}

/// Whose lines move.
#[derive(InputObject)]
pub(crate) struct MergeCartInput {
    /// The guest's secret.
    guest: ID,
}

/// A quantity as services take it: what none can be is refused by them as too large a one.
fn quantity(asked: i32) -> u32 {
    u32::try_from(asked).unwrap_or(u32::MAX)
}

pub(crate) async fn add(session: &Session, input: AddToCartInput) -> Result<CartPayload, Error> {
    let customer_id = session.cart_owner_or_guest().await?;
    let line =
        vitrine_contracts::common::v1::Line { product_id: input.product_id.0, quantity: quantity(input.quantity) };
    let request = wire::AddItemRequest { customer_id, line: Some(line) };
    CartPayload::of(session, session.gateway.deps.carts.clone().add_item(request).await)
}

pub(crate) async fn set(session: &Session, input: SetCartQuantityInput) -> Result<CartPayload, Error> {
    let customer_id = session.cart_owner_or_guest().await?;
    let (product_id, quantity) = (input.product_id.0, quantity(input.quantity));
    let request = wire::SetItemRequest { customer_id, product_id, quantity };
    CartPayload::of(session, session.gateway.deps.carts.clone().set_item(request).await)
}

pub(crate) async fn clear(session: &Session) -> Result<CartPayload, Error> {
    let Some(customer_id) = session.cart_owner().await? else {
        return Ok(CartPayload { cart: Some(Cart::new(wire::Cart::default())), guest: None, errors: Vec::new() });
    };
    let request = wire::ClearCartRequest { customer_id };
    CartPayload::of(session, session.gateway.deps.carts.clone().clear_cart(request).await)
}

pub(crate) async fn merge(session: &Session, input: MergeCartInput) -> Result<CartPayload, Error> {
    let customer_id = session.admit(Access::Customer).await?.id.clone();
    check_guest(&input.guest)?;
    let request = wire::MergeCartRequest { guest_id: input.guest.0, customer_id };
    CartPayload::of(session, session.gateway.deps.carts.clone().merge_cart(request).await)
}
