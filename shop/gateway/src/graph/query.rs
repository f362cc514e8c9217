//! Everything that can be read.

use async_graphql::connection::Connection;
use async_graphql::{Context, Error, ID, Interface, Object};
use vitrine_contracts::Problem;
use vitrine_contracts::limits::{COUNTRIES_SERVED, MAX_PAGE};
use vitrine_flags_client::Subject;

use super::admin::Admin;
use super::analytics::{self, AnalyticsSource};
use super::cart::{self, Cart};
use super::challenge::{self, PaymentChallenge};
use super::cost::times;
use super::customer::{self, Customer, Letter, SavedAddress};
use super::error::problem;
use super::extras::{self, Ad, Conversion, CurrencyTable, Recommendation};
use super::money::MoneyInput;
use super::mutation::{QuoteInput, QuoteResult, quote};
use super::order::Order;
use super::page::Paging;
use super::product::{self, Category, Product, ProductFilter, ProductSort, Products, Promoter};
use super::promoter_key::{self, PromoterKey};
use super::scalars::{CountryCode, CurrencyCode};
use super::session::{Session, session};
use crate::flags::ANNOUNCEMENT;
use crate::guard::Access;

/// Something with an id of its own.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID"))]
pub(crate) enum Node {
    Product(Product),
    Promoter(Promoter),
    Order(Order),
    Customer(Customer),
    SavedAddress(SavedAddress),
    Letter(Letter),
    AnalyticsSource(AnalyticsSource),
}

/// Whatever has this id, by its prefix. Nothing of what is not there, or not the caller's.
async fn find(session: &Session, id: ID) -> Result<Option<Node>, Error> {
    let ID(id) = id;
    let is_known = session.identity.presented.is_some();
    Ok(match id.split_once('_').map(|(prefix, _)| prefix) {
        Some("prd") => session.product(&id).await?.map(|product| Product(product).into()),
        Some("pro") => Some(Promoter(id).into()),
        Some("ord") if is_known => session.order(&id).await?.map(|order| Order(order).into()),
        Some("eml") if is_known => customer::letter(session, id).await?.map(Node::from),
        Some("src") if is_known => analytics::find(session, id).await?.map(Node::from),
        Some("cus" | "adr") => {
            let Some(me) = customer::me(session).await? else { return Ok(None) };
            if me.0.id == id {
                return Ok(Some(me.into()));
            }
            let kept = me.0.addresses.into_iter().find(|saved| saved.id == id);
            kept.map(|saved| SavedAddress(saved).into())
        }
        _ => None,
    })
}

/// The shop.
pub(crate) struct Query;

#[Object]
impl Query {
    /// Whatever has this id: a product, a promoter, an order, a letter, a customer, an address or a source of analytics. Null of what is not there, or not the caller's.
    async fn node(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Node>, Error> {
        find(session(ctx), id).await
    }

    /// The same of many, in the order asked.
    #[graphql(complexity = "times(super::scalars::int(ids.len()), child_complexity)")]
    async fn nodes(&self, ctx: &Context<'_>, ids: Vec<ID>) -> Result<Vec<Option<Node>>, Error> {
        if ids.len() > usize::try_from(MAX_PAGE).unwrap_or(usize::MAX) {
            return Err(problem(Problem::invalid("ids", &format!("at most {MAX_PAGE} ids"), "there are too many ids")));
        }
        let session = session(ctx);
        futures::future::try_join_all(ids.into_iter().map(|id| find(session, id))).await
    }

    async fn product(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Product>, Error> {
        Ok(session(ctx).product(&id).await?.map(Product))
    }

    /// With words a search, best first; without them the shop's list.
    #[graphql(complexity = "times(first, child_complexity)")]
    async fn products(
        &self,
        ctx: &Context<'_>,
        query: Option<String>,
        filter: Option<ProductFilter>,
        #[graphql(default_with = "ProductSort::Relevance")] sort: ProductSort,
        #[graphql(default = 20)] first: i32,
        after: Option<String>,
    ) -> Result<Products, Error> {
        product::list(session(ctx), query, filter, sort, Paging::new(first, after)?).await
    }

    /// While someone types: products that have all the words, the last of which may be a beginning.
    #[graphql(complexity = "times(first, child_complexity)")]
    async fn suggestions(
        &self,
        ctx: &Context<'_>,
        query: String,
        #[graphql(default = 5)] first: i32,
    ) -> Result<Vec<Product>, Error> {
        product::suggest(session(ctx), query, first).await
    }

    async fn categories(&self, ctx: &Context<'_>) -> Result<Vec<Category>, Error> {
        Ok(session(ctx).categories().await?.iter().cloned().map(Category).collect())
    }

    async fn category(&self, ctx: &Context<'_>, slug: String) -> Result<Option<Category>, Error> {
        Ok(session(ctx).category(&slug).await?.map(Category))
    }

    /// Someone who sells beside the shop.
    async fn promoter(&self, id: ID) -> Option<Promoter> {
        vitrine_kit::id::is_valid("pro", &id).then_some(Promoter(id.0))
    }

    /// The public keys of the promoter who calls, newest first. For promoters.
    async fn promoter_keys(&self, ctx: &Context<'_>) -> Result<Vec<PromoterKey>, Error> {
        promoter_key::list(session(ctx)).await
    }

    /// Whose pages may use a promoter's key, as browsers are told. Null of a key that is not good.
    async fn promoter_key_origins(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Vec<String>>, Error> {
        promoter_key::origins(session(ctx), id).await
    }

    /// The sources of analytics of whoever calls; all that there are for an admin. For promoters and admins.
    #[graphql(complexity = "times(first, child_complexity)")]
    async fn analytics_sources(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20)] first: i32,
        after: Option<String>,
    ) -> Result<Connection<String, AnalyticsSource>, Error> {
        analytics::list(session(ctx), Paging::new(first, after)?).await
    }

    /// A source of analytics of the caller's, or of anyone's for an admin. For promoters and admins.
    async fn analytics_source(&self, ctx: &Context<'_>, id: ID) -> Result<Option<AnalyticsSource>, Error> {
        analytics::find(session(ctx), id.0).await
    }

    /// What goes with these products.
    #[graphql(complexity = "times(first, child_complexity)")]
    async fn recommendations(
        &self,
        ctx: &Context<'_>,
        product_ids: Vec<ID>,
        #[graphql(default = 5)] first: i32,
    ) -> Result<Vec<Recommendation>, Error> {
        extras::recommend(session(ctx), product_ids.into_iter().map(|id| id.0).collect(), first).await
    }

    /// Chosen by words such as categories and tags, and by those of a product if one is named. As many as the shop shows if no number is.
    #[graphql(complexity = "times(first.unwrap_or(1), child_complexity)")]
    async fn ads(
        &self,
        ctx: &Context<'_>,
        #[graphql(default)] context: Vec<String>,
        product_id: Option<ID>,
        first: Option<i32>,
    ) -> Result<Vec<Ad>, Error> {
        extras::ads(ctx, context, product_id, first).await
    }

    async fn currencies(&self, ctx: &Context<'_>) -> Result<CurrencyTable, Error> {
        extras::currencies(session(ctx)).await
    }

    async fn convert(&self, ctx: &Context<'_>, amount: MoneyInput, to: CurrencyCode) -> Result<Conversion, Error> {
        extras::convert(session(ctx), &amount, to).await
    }

    /// Where parcels are sent.
    async fn countries(&self) -> Vec<CountryCode> {
        COUNTRIES_SERVED.iter().map(|code| CountryCode((*code).to_owned())).collect()
    }

    /// What the shop announces on top of its pages.
    async fn announcement(&self, ctx: &Context<'_>) -> Option<String> {
        let text = session(ctx).gateway.flags.read(&ANNOUNCEMENT, &Subject::ANYONE);
        (!text.is_empty()).then(|| text.to_string())
    }

    /// The caller's: a customer's, a guest's, or an empty one.
    async fn cart(&self, ctx: &Context<'_>) -> Result<Cart, Error> {
        cart::read(session(ctx)).await
    }

    /// What the customer's cart would cost, or why it cannot be bought.
    #[graphql(complexity = "10 + child_complexity")]
    async fn quote(&self, ctx: &Context<'_>, input: QuoteInput) -> Result<QuoteResult, Error> {
        quote(session(ctx), input).await
    }

    /// What a bank asks whoever pays; the id is the key. Null where there is no such challenge.
    async fn payment_challenge(&self, ctx: &Context<'_>, id: ID) -> Result<Option<PaymentChallenge>, Error> {
        challenge::find(session(ctx), id).await
    }

    /// The customer who calls. Null of strangers and guests.
    async fn me(&self, ctx: &Context<'_>) -> Result<Option<Customer>, Error> {
        customer::me(session(ctx)).await
    }

    /// An order of the caller's.
    async fn order(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Order>, Error> {
        Ok(session(ctx).order(&id).await?.map(Order))
    }

    /// For those who run the shop.
    async fn admin(&self, ctx: &Context<'_>) -> Result<Admin, Error> {
        session(ctx).admit(Access::Admin).await?;
        Ok(Admin)
    }
}
