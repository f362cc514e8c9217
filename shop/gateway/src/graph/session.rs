//! Who asks by one operation, and what was read for it already.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::{Context, Error};
use tokio::sync::OnceCell;
use tonic::Status;
use vitrine_contracts::catalog::v1::{BatchGetProductsRequest, Category, Product};
use vitrine_contracts::common::v1::Money as WireMoney;
use vitrine_contracts::currency::v1::BatchConvertRequest;
use vitrine_contracts::limits::MAX_BATCH;
use vitrine_contracts::orders::v1::{BatchGetOrdersRequest, Order};
use vitrine_contracts::shipping::v1::{BatchGetShipmentsRequest, Shipment};
use vitrine_contracts::{Problem, money_from_proto};
use vitrine_kit::id;
use vitrine_kit::money::{Currency, Money};
use vitrine_platform_http::Reply;

use super::error::{coded, failure, guarded, problem};
use super::loader::Loader;
use crate::Gateway;
use crate::browse::Reader;
use crate::guard::Access;
use crate::tokens::Caller;

/// So many products are each looked for in the cache; more are asked of the catalog by one call.
const FEW_PRODUCTS: usize = 12;
/// Most amounts that are converted by one call: as many as the currency service takes.
const MAX_CONVERTED: usize = 200;

/// What a request says of who sends it: a token that was verified or refused, and a guest's secret; and whether this process's own pages ask.
#[derive(Clone, Default)]
pub(crate) struct Identity {
    pub(crate) presented: Option<Result<Caller, Reply>>,
    pub(crate) guest: Option<String>,
    pub(crate) is_own: bool,
}

/// One operation of one caller. Its fields share what they read.
pub(crate) struct Session {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) identity: Identity,
    /// Whether auth says that the token is active: asked once.
    active: OnceCell<Result<(), Reply>>,
    /// A guest that was begun by this operation.
    begun: parking_lot::Mutex<Option<String>>,
    products: Loader<String, Product>,
    converted: Loader<(Money, Currency), Money>,
    orders: Loader<String, Order>,
    shipments: Loader<String, Shipment>,
    categories: OnceCell<Vec<Category>>,
}

/// The session of an operation.
pub(crate) fn session<'a>(ctx: &Context<'a>) -> &'a Arc<Session> {
    ctx.data_unchecked::<Arc<Session>>()
}

impl Session {
    pub(crate) fn new(gateway: Arc<Gateway>, identity: Identity) -> Self {
        Self {
            gateway,
            identity,
            active: OnceCell::new(),
            begun: parking_lot::Mutex::default(),
            products: Loader::new(MAX_BATCH),
            converted: Loader::new(MAX_CONVERTED),
            orders: Loader::new(MAX_BATCH),
            shipments: Loader::new(MAX_BATCH),
            categories: OnceCell::new(),
        }
    }

    /// Whoever a token stands for that verifies; it may have been revoked.
    pub(crate) fn presented(&self) -> Option<&Caller> {
        self.identity.presented.as_ref()?.as_ref().ok()
    }

    /// Who calls, if the token is active and they may do it.
    pub(crate) async fn admit(&self, access: Access) -> Result<&Caller, Error> {
        let caller = match &self.identity.presented {
            Some(Ok(caller)) => caller,
            Some(Err(reply)) => return Err(guarded(reply)),
            None => return Err(coded("this needs an access token", "TOKEN_REQUIRED", false)),
        };
        let active = self.active.get_or_init(|| self.gateway.tokens.check_active(caller)).await;
        active.as_ref().map_err(guarded)?;
        if access.admits(caller) { Ok(caller) } else { Err(problem(Problem::permission_denied(access.meaning()))) }
    }

    /// Whether the token is still active, asked again: for what lasts.
    pub(crate) async fn check_active(&self) -> Result<(), Error> {
        let Some(caller) = self.presented() else { return Ok(()) };
        self.gateway.tokens.check_active(caller).await.map_err(|reply| guarded(&reply))
    }

    /// Whose cart it is: a customer's, or a guest's. None of a stranger, who has none yet.
    pub(crate) async fn cart_owner(&self) -> Result<Option<String>, Error> {
        if self.identity.presented.is_some() {
            return Ok(Some(self.admit(Access::Customer).await?.id.clone()));
        }
        if let Some(begun) = self.begun.lock().clone() {
            return Ok(Some(begun));
        }
        let Some(guest) = &self.identity.guest else { return Ok(None) };
        check_guest(guest).map(|()| Some(guest.clone()))
    }

    /// The same; a stranger becomes a guest.
    pub(crate) async fn cart_owner_or_guest(&self) -> Result<String, Error> {
        if let Some(owner) = self.cart_owner().await? {
            return Ok(owner);
        }
        Ok(self.begun.lock().get_or_insert_with(|| id::new("gst")).clone())
    }

    /// The guest that was begun by this operation: whom the caller has to know from now on.
    pub(crate) fn begun(&self) -> Option<String> {
        self.begun.lock().clone()
    }

    /// What is read next is what is then.
    pub(crate) fn forget(&self) {
        self.products.clear();
        self.orders.clear();
        self.shipments.clear();
    }

    /// Who looks at the catalog.
    pub(crate) fn reader(&self) -> Reader {
        if self.presented().is_some_and(|caller| Access::Seller.admits(caller)) {
            Reader::Seller
        } else {
            Reader::Shopper
        }
    }

    /// A product; nothing where none has this id.
    pub(crate) async fn product(&self, id: &str) -> Result<Option<Product>, Error> {
        let ask = |ids: Vec<String>| async move {
            // A few are read as REST reads one: a moment old, and shared.
            if ids.len() <= FEW_PRODUCTS {
                let one = |id: String| async move {
                    match self.gateway.browse.product(self.reader(), id.clone()).await {
                        Ok(product) => Ok(Some((id, product))),
                        Err(status) if is_missing(&status) => Ok(None),
                        Err(status) => Err(status),
                    }
                };
                let found = futures::future::try_join_all(ids.into_iter().map(one)).await?;
                return Ok(found.into_iter().flatten().collect());
            }
            let request = BatchGetProductsRequest { product_ids: ids };
            let found = self.gateway.deps.catalog.clone().batch_get_products(request).await?.into_inner().products;
            Ok(found.into_iter().map(|product| (product.id.clone(), product)).collect())
        };
        self.products.load(id.to_owned(), ask).await.map_err(|status| failure(&status))
    }

    /// A category, by its slug.
    pub(crate) async fn category(&self, slug: &str) -> Result<Option<Category>, Error> {
        Ok(self.categories().await?.iter().find(|category| category.slug == slug).cloned())
    }

    /// All categories, in the order in which they are shown.
    pub(crate) async fn categories(&self) -> Result<&[Category], Error> {
        let read = || async { Ok(self.gateway.browse.categories(self.reader()).await?.categories) };
        let known = self.categories.get_or_try_init(read).await;
        known.map(Vec::as_slice).map_err(|status: Status| failure(&status))
    }

    /// An amount in another currency.
    pub(crate) async fn converted(&self, from: Money, to: Currency) -> Result<Money, Error> {
        if from.currency == to {
            return Ok(from);
        }
        let ask = |wanted: Vec<(Money, Currency)>| async move {
            let mut found = HashMap::new();
            let mut targets: Vec<Currency> = wanted.iter().map(|(_, to)| *to).collect();
            targets.sort_unstable();
            targets.dedup();
            for to in targets {
                let from: Vec<Money> =
                    wanted.iter().filter(|(_, target)| *target == to).map(|(from, _)| *from).collect();
                let amounts = from.iter().map(|money| WireMoney::from(*money)).collect();
                let request = BatchConvertRequest { from: amounts, to_code: to.code().to_owned() };
                let money = self.gateway.deps.currency.clone().batch_convert(request).await?.into_inner().money;
                for (from, money) in from.into_iter().zip(&money) {
                    found.insert((from, to), money_from_proto(Some(money), "price")?);
                }
            }
            Ok(found)
        };
        let converted = self.converted.load((from, to), ask).await.map_err(|status| failure(&status))?;
        converted.ok_or_else(|| problem(Problem::internal()))
    }

    /// An order of the caller's; nothing where there is none, or it is another's.
    pub(crate) async fn order(&self, id: &str) -> Result<Option<Order>, Error> {
        let customer_id = self.admit(Access::Customer).await?.id.clone();
        let ask = |order_ids: Vec<String>| {
            let (mut orders, customer_id) = (self.gateway.deps.orders.clone(), customer_id.clone());
            async move {
                let request = BatchGetOrdersRequest { order_ids, customer_id };
                let found = orders.batch_get_orders(request).await?.into_inner().orders;
                Ok(found.into_iter().map(|order| (order.id.clone(), order)).collect())
            }
        };
        self.orders.load(id.to_owned(), ask).await.map_err(|status| failure(&status))
    }

    /// Notes an order of the caller's that was just read.
    pub(crate) fn know_order(&self, order: Order) {
        self.orders.know(order.id.clone(), order);
    }

    /// A shipment.
    pub(crate) async fn shipment(&self, id: &str) -> Result<Option<Shipment>, Error> {
        let ask = |shipment_ids: Vec<String>| async move {
            let request = BatchGetShipmentsRequest { shipment_ids };
            let found = self.gateway.deps.shipping.clone().batch_get_shipments(request).await?.into_inner().shipments;
            Ok(found.into_iter().map(|shipment| (shipment.id.clone(), shipment)).collect())
        };
        self.shipments.load(id.to_owned(), ask).await.map_err(|status| failure(&status))
    }
}

/// What guests are known by.
pub(crate) fn check_guest(guest: &str) -> Result<(), Error> {
    if id::is_valid("gst", guest) {
        return Ok(());
    }
    let expected = "gst_ and what follows, as CartPayload.guest gave it";
    Err(problem(Problem::invalid("Vitrine-Guest", expected, "that is no guest").with_reason("INVALID_GUEST")))
}

/// Whether there is no such thing: an id that is none is no id of anything.
fn is_missing(status: &Status) -> bool {
    status.code() == vitrine_contracts::Code::NotFound
}
