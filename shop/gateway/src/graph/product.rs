//! What is sold, how it is sorted into categories, who sells it, and lists of it.

use async_graphql::connection::Connection;
use async_graphql::{Context, Enum, Error, ID, InputObject, Object, SimpleObject};
use vitrine_contracts::Problem;
use vitrine_contracts::catalog::v1 as wire;
use vitrine_contracts::common::v1::Money as WireMoney;
use vitrine_kit::clock::{text, time_of_day};
use vitrine_kit::money::Currency;

use super::cost::times;
use super::error::{failure, problem};
use super::money::{Money, MoneyInput, shown};
use super::page::Paging;
use super::scalars::{CurrencyCode, DateTime, int};
use super::session::{Session, session};

/// A minute, in milliseconds.
const MINUTE_MS: i64 = 60_000;

/// Goods are shipped; an event has seats at a time and place.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
pub(crate) enum ProductKind {
    Goods,
    Event,
}

impl ProductKind {
    fn of(kind: wire::Kind) -> Self {
        if kind == wire::Kind::Event { Self::Event } else { Self::Goods }
    }
}

impl From<ProductKind> for wire::Kind {
    fn from(kind: ProductKind) -> Self {
        match kind {
            ProductKind::Goods => Self::Goods,
            ProductKind::Event => Self::Event,
        }
    }
}

/// In which order products are listed.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
pub(crate) enum ProductSort {
    /// Best first for words, the shop's own order without.
    Relevance,
    PriceAsc,
    PriceDesc,
    Newest,
    /// Events that are still to come, by their start; goods are left out.
    StartsAt,
}

impl From<ProductSort> for wire::ProductSort {
    fn from(sort: ProductSort) -> Self {
        match sort {
            ProductSort::Relevance => Self::Unspecified,
            ProductSort::PriceAsc => Self::PriceAsc,
            ProductSort::PriceDesc => Self::PriceDesc,
            ProductSort::Newest => Self::Newest,
            ProductSort::StartsAt => Self::StartsAt,
        }
    }
}

/// What is left of a list.
#[derive(Default, InputObject)]
pub(crate) struct ProductFilter {
    /// The slug of a category.
    category: Option<String>,
    kind: Option<ProductKind>,
    promoter_id: Option<ID>,
    /// In any currency, by the day's rates.
    min_price: Option<MoneyInput>,
    max_price: Option<MoneyInput>,
    /// Only what can be had now. Pages may be shorter than `first`.
    #[graphql(default)]
    available: bool,
}

impl ProductFilter {
    async fn read(self, session: &Session) -> Result<wire::ProductFilter, Error> {
        let (min_price, max_price) =
            (euros(session, self.min_price, "minPrice").await?, euros(session, self.max_price, "maxPrice").await?);
        Ok(wire::ProductFilter {
            category: self.category.unwrap_or_default(),
            kind: self.kind.map_or(wire::Kind::Unspecified, wire::Kind::from).into(),
            promoter_id: self.promoter_id.map(|id| id.0).unwrap_or_default(),
            min_price,
            max_price,
            available: self.available,
        })
    }
}

/// A bound of prices as the catalog compares them.
async fn euros(session: &Session, price: Option<MoneyInput>, field: &str) -> Result<Option<WireMoney>, Error> {
    let Some(price) = price else { return Ok(None) };
    let price = price.read(&format!("filter.{field}")).map_err(|status| failure(&status))?;
    Ok(Some(session.converted(price, Currency::EUR).await?.into()))
}

/// Something that is sold.
pub(crate) struct Product(pub(crate) wire::Product);

#[Object]
impl Product {
    pub(crate) async fn id(&self) -> ID {
        ID(self.0.id.clone())
    }

    /// `id` without its prefix, for addresses of pages.
    async fn slug(&self) -> &str {
        self.0.id.split_once('_').map_or(&self.0.id, |(_, slug)| slug)
    }

    async fn kind(&self) -> ProductKind {
        ProductKind::of(self.0.kind())
    }

    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Paragraphs, with line feeds between them.
    async fn description(&self) -> &str {
        &self.0.description
    }

    async fn category(&self, ctx: &Context<'_>) -> Result<Category, Error> {
        let found = session(ctx).category(&self.0.category).await?;
        found.map(Category).ok_or_else(|| problem(Problem::internal()))
    }

    async fn tags(&self) -> &[String] {
        &self.0.tags
    }

    /// In its own currency if none is named.
    async fn price(&self, ctx: &Context<'_>, #[graphql(name = "in")] to: Option<CurrencyCode>) -> Result<Money, Error> {
        shown(session(ctx), self.0.price.as_ref(), to).await
    }

    /// In grams; 0 of events.
    async fn weight_g(&self) -> i32 {
        int(self.0.weight_g)
    }

    /// Units or seats that can be had now.
    async fn available(&self) -> i32 {
        int(self.0.available)
    }

    async fn sold(&self) -> i32 {
        int(self.0.sold)
    }

    /// When and where; of events.
    async fn event(&self) -> Option<Event> {
        let event = self.0.event.as_ref()?;
        let (starts_at, minutes) = (event.starts_at_unix_ms, i64::from(event.duration_min));
        let ends_at = starts_at.saturating_add(minutes * MINUTE_MS);
        let seats = u64::from(self.0.available) + u64::from(self.0.reserved) + self.0.sold;
        Some(Event {
            starts_at: DateTime(starts_at),
            ends_at: DateTime(ends_at),
            duration_min: int(event.duration_min),
            venue: event.venue.clone(),
            text: format!("{} to {} UTC", text(starts_at), time_of_day(ends_at)),
            seats: int(seats),
            seats_left: int(self.0.available),
        })
    }

    /// Who sells it, if not the shop.
    async fn promoter(&self) -> Option<Promoter> {
        Some(self.0.promoter_id.clone()).filter(|id| !id.is_empty()).map(Promoter)
    }

    /// Path of the picture, an SVG document.
    async fn picture(&self) -> String {
        crate::dto::picture(&self.0.id)
    }

    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at_unix_ms)
    }

    /// Grows with each change of what describes it; stock does not change it.
    async fn version(&self) -> i32 {
        int(self.0.version)
    }
}

/// When and where.
#[derive(SimpleObject)]
pub(crate) struct Event {
    starts_at: DateTime,
    ends_at: DateTime,
    duration_min: i32,
    venue: String,
    /// For people: "Thu 24 Dec 2026, 18:00 to 20:00 UTC".
    text: String,
    /// All there are: left, held and sold.
    seats: i32,
    seats_left: i32,
}

/// A kind of thing that is sold.
pub(crate) struct Category(pub(crate) wire::Category);

#[Object]
impl Category {
    async fn slug(&self) -> &str {
        &self.0.slug
    }

    async fn name(&self) -> &str {
        &self.0.name
    }

    async fn description(&self) -> &str {
        &self.0.description
    }

    async fn product_count(&self) -> i32 {
        int(self.0.product_count)
    }

    #[graphql(complexity = "times(first, child_complexity)")]
    async fn products(
        &self,
        ctx: &Context<'_>,
        filter: Option<ProductFilter>,
        #[graphql(default_with = "ProductSort::Relevance")] sort: ProductSort,
        #[graphql(default = 20)] first: i32,
        after: Option<String>,
    ) -> Result<Products, Error> {
        let filter = ProductFilter { category: Some(self.0.slug.clone()), ..filter.unwrap_or_default() };
        list(session(ctx), None, Some(filter), sort, Paging::new(first, after)?).await
    }
}

/// Someone who sells beside the shop.
pub(crate) struct Promoter(pub(crate) String);

#[Object]
impl Promoter {
    pub(crate) async fn id(&self) -> ID {
        ID(self.0.clone())
    }

    #[graphql(complexity = "times(first, child_complexity)")]
    async fn products(
        &self,
        ctx: &Context<'_>,
        filter: Option<ProductFilter>,
        #[graphql(default_with = "ProductSort::Relevance")] sort: ProductSort,
        #[graphql(default = 20)] first: i32,
        after: Option<String>,
    ) -> Result<Products, Error> {
        let filter = ProductFilter { promoter_id: Some(ID(self.0.clone())), ..filter.unwrap_or_default() };
        list(session(ctx), None, Some(filter), sort, Paging::new(first, after)?).await
    }
}

/// A page of products.
pub(crate) type Products = Connection<String, Product, ProductTotals>;

/// What is told of a whole list.
#[derive(SimpleObject)]
pub(crate) struct ProductTotals {
    /// Null where counting is not cheap: it is known of searches, up to the thousand best.
    total_count: Option<i32>,
    /// Of a search, over all that its words find, whatever the filter leaves of it. Null of lists.
    facets: Option<ProductFacets>,
}

/// What a search has found, counted.
pub(crate) struct ProductFacets(wire::Facets);

#[Object]
impl ProductFacets {
    async fn categories(&self, ctx: &Context<'_>) -> Result<Vec<CategoryFacet>, Error> {
        let mut facets = Vec::new();
        for counted in &self.0.categories {
            if let Some(category) = session(ctx).category(&counted.slug).await? {
                facets.push(CategoryFacet { category: Category(category), count: int(counted.count) });
            }
        }
        Ok(facets)
    }

    async fn kinds(&self) -> Vec<KindFacet> {
        let facet =
            |counted: &wire::KindCount| KindFacet { kind: ProductKind::of(counted.kind()), count: int(counted.count) };
        self.0.kinds.iter().map(facet).collect()
    }

    /// How many can be had now.
    async fn available_count(&self) -> i32 {
        int(self.0.available)
    }

    async fn min_price(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "in")] to: Option<CurrencyCode>,
    ) -> Result<Option<Money>, Error> {
        bound(ctx, self.0.min_price.as_ref(), to).await
    }

    async fn max_price(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "in")] to: Option<CurrencyCode>,
    ) -> Result<Option<Money>, Error> {
        bound(ctx, self.0.max_price.as_ref(), to).await
    }
}

async fn bound(ctx: &Context<'_>, price: Option<&WireMoney>, to: Option<CurrencyCode>) -> Result<Option<Money>, Error> {
    match price {
        Some(price) => shown(session(ctx), Some(price), to).await.map(Some),
        None => Ok(None),
    }
}

/// How many of a search are in a category.
#[derive(SimpleObject)]
pub(crate) struct CategoryFacet {
    category: Category,
    count: i32,
}

/// How many of a search are of a kind.
#[derive(SimpleObject)]
pub(crate) struct KindFacet {
    kind: ProductKind,
    count: i32,
}

/// A page of products: by words if there are any.
pub(crate) async fn list(
    session: &Session,
    query: Option<String>,
    filter: Option<ProductFilter>,
    sort: ProductSort,
    paging: Paging,
) -> Result<Products, Error> {
    let filter = filter.unwrap_or_default().read(session).await?;
    let (reader, sort) = (session.reader(), wire::ProductSort::from(sort).into());
    let (products, info, facets) = match query {
        Some(query) => {
            let request = wire::SearchProductsRequest { query, page: paging.request(), filter: Some(filter), sort };
            let found = session.gateway.browse.search(reader, request).await.map_err(|status| failure(&status))?;
            (found.products, found.page, found.facets)
        }
        None => {
            let wire::ProductFilter { category, kind, promoter_id, min_price, max_price, available } = filter;
            let page = paging.request();
            let request =
                wire::ListProductsRequest { category, kind, promoter_id, page, min_price, max_price, available, sort };
            let found = session.gateway.browse.list(reader, request).await.map_err(|status| failure(&status))?;
            (found.products, found.page, None)
        }
    };
    let total_count = facets.as_ref().map(|facets| int(facets.total));
    let totals = ProductTotals { total_count, facets: facets.map(ProductFacets) };
    Ok(paging.connection_with(products, info, Product, totals))
}

/// Products whose words begin as someone types.
pub(crate) async fn suggest(session: &Session, query: String, first: i32) -> Result<Vec<Product>, Error> {
    let page = Paging::new(first, None)?.request();
    // Without a filter the best are found by the index alone.
    let request = wire::SearchProductsRequest { query, page, filter: None, sort: 0 };
    let found = session.gateway.browse.search(session.reader(), request).await.map_err(|status| failure(&status))?;
    Ok(found.products.into_iter().map(Product).collect())
}
