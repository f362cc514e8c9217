//! What can be followed: each starts with what is, as far as there is one thing, and goes on with what it becomes.

use std::sync::Arc;

use async_graphql::{Context, Enum, Error, ID, SimpleObject, Subscription};
use futures::Stream;
use futures::stream::unfold;
use vitrine_contracts::Problem;
use vitrine_contracts::catalog::v1::ProductChangeKind;
use vitrine_contracts::limits::MAX_BATCH;

use super::error::problem;
use super::feed::{Change, Following, Topic};
use super::order::Order;
use super::product::Product;
use super::session::{Session, session};
use crate::guard::Access;

/// What an order has become.
#[derive(SimpleObject)]
pub(crate) struct OrderChange {
    order: Option<Order>,
    /// Changes may have been missed: read again what is shown.
    resync: bool,
}

/// How much there is of a product now.
#[derive(SimpleObject)]
pub(crate) struct StockChange {
    /// Null of one that is not sold any more, and where `resync` is true.
    product: Option<Product>,
    product_id: Option<ID>,
    /// Changes may have been missed: read again what is shown.
    resync: bool,
}

/// What has become of an offer.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
pub(crate) enum OfferKind {
    New,
    Changed,
    Withdrawn,
    /// Changes may have been missed: read again what is shown.
    Resync,
}

/// What is offered anew, in another way, or no more.
#[derive(SimpleObject)]
pub(crate) struct Offer {
    kind: OfferKind,
    product_id: Option<ID>,
    /// As it is now; null of one that is withdrawn.
    product: Option<Product>,
    resync: bool,
}

/// A stream of what each change of what is followed comes to, as long as the caller's token is active. An error ends it.
fn changes_of<T, Telling>(
    session: Arc<Session>,
    following: Following,
    first: Option<T>,
    tell: impl Fn(Arc<Session>, Change) -> Telling + Send + Sync + 'static,
) -> impl Stream<Item = Result<T, Error>>
where
    T: Send + 'static,
    Telling: Future<Output = Result<T, Error>> + Send + 'static,
{
    let tell = Arc::new(tell);
    unfold(Some((following, first)), move |state| {
        let (session, tell) = (session.clone(), tell.clone());
        async move {
            let (mut following, first) = state?;
            if let Some(first) = first {
                return Some((Ok(first), Some((following, None))));
            }
            let change = following.next().await?;
            session.forget();
            let told = async {
                session.check_active().await?;
                tell(session.clone(), change).await
            };
            match told.await {
                Ok(told) => Some((Ok(told), Some((following, None)))),
                Err(error) => Some((Err(error), None)),
            }
        }
    })
}

/// What can be followed.
pub(crate) struct Subscriptions;

#[Subscription(name = "Subscription")]
impl Subscriptions {
    /// An order of the caller's: at once as it is, then each time that it changes.
    async fn order_changed(
        &self,
        ctx: &Context<'_>,
        id: ID,
    ) -> Result<impl Stream<Item = Result<OrderChange, Error>> + use<>, Error> {
        let session = session(ctx).clone();
        session.admit(Access::Customer).await?;
        // Followed before it is read: what happens in between is told.
        let following = session.gateway.graph.feed.follow(vec![Topic::Order(id.0.clone())]);
        let missing = || problem(Problem::not_found("there is no such order"));
        let first = session.order(&id).await?.ok_or_else(missing)?;
        let first = OrderChange { order: Some(Order(first)), resync: false };
        Ok(changes_of(session, following, Some(first), move |session, change| {
            let id = id.clone();
            async move {
                let resync = change == Change::Missed;
                Ok(OrderChange { order: session.order(&id).await?.map(Order), resync })
            }
        }))
    }

    /// How much there is of these products, each time that it changes.
    async fn stock_changed(
        &self,
        ctx: &Context<'_>,
        ids: Vec<ID>,
    ) -> Result<impl Stream<Item = Result<StockChange, Error>> + use<>, Error> {
        if ids.is_empty() || ids.len() > MAX_BATCH {
            let expected = format!("1 to {MAX_BATCH} ids of products");
            return Err(problem(Problem::invalid("ids", &expected, "no product is named, or too many are")));
        }
        let session = session(ctx).clone();
        let following = session.gateway.graph.feed.follow(ids.into_iter().map(|id| Topic::Stock(id.0)).collect());
        Ok(changes_of(session, following, None, |session, change| async move {
            Ok(match change {
                Change::Stock(id) => StockChange {
                    product: session.product(&id).await?.map(Product),
                    product_id: Some(ID(id)),
                    resync: false,
                },
                _ => StockChange { product: None, product_id: None, resync: true },
            })
        }))
    }

    /// What is new, changed or withdrawn: of one category, or of all.
    async fn offers(
        &self,
        ctx: &Context<'_>,
        category: Option<String>,
    ) -> Result<impl Stream<Item = Result<Offer, Error>> + use<>, Error> {
        let session = session(ctx).clone();
        if let Some(slug) = &category
            && session.category(slug).await?.is_none()
        {
            return Err(problem(Problem::invalid("category", "the slug of a category", "there is no such category")));
        }
        let topic = category.map_or(Topic::Offers, Topic::Category);
        let following = session.gateway.graph.feed.follow(vec![topic]);
        Ok(changes_of(session, following, None, |session, change| async move {
            let Change::Offer(id, kind) = change else {
                return Ok(Offer { kind: OfferKind::Resync, product_id: None, product: None, resync: true });
            };
            // It may be gone by now.
            let product = session.product(&id).await?.map(Product);
            let kind = match kind {
                _ if product.is_none() => OfferKind::Withdrawn,
                ProductChangeKind::Created => OfferKind::New,
                ProductChangeKind::Unspecified | ProductChangeKind::Updated | ProductChangeKind::Deleted => {
                    OfferKind::Changed
                }
            };
            Ok(Offer { kind, product_id: Some(ID(id)), product, resync: false })
        }))
    }
}
