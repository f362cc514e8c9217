//! Products as lists and by words: narrowed, in an order, a page at a time.

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use vitrine_contracts::Problem;
use vitrine_contracts::catalog::v1 as wire;
use vitrine_contracts::common::v1::Money as WireMoney;
use vitrine_contracts::currency::v1::ConvertRequest;
use vitrine_kit::id;
use vitrine_kit::money::Currency;
use vitrine_platform_http::{Query, Reply};

use crate::Gateway;
use crate::browse::Reader;
use crate::dto::{self, Kind, Page, Product, ProductSort};
use crate::input::page;
use crate::schema;

/// Declares the parameters of a list: what they all have, and what is its own. (A query that is flattened knows no numbers.)
macro_rules! parameters {
    ($(#[$doc:meta])* $name:ident { $($own:tt)* }) => {
        $(#[$doc])*
        #[derive(Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $name {
            $($own)*
            #[serde(default)]
            #[schemars(with = "schema::CategoryOrAny")]
            category: Option<String>,
            #[serde(default)]
            #[schemars(with = "Kind")]
            kind: Option<Kind>,
            /// Who sells it, if not the shop.
            #[serde(default)]
            #[schemars(with = "schema::PromoterId")]
            promoter_id: Option<String>,
            /// What it costs at least, in `currency` by the day's rates.
            #[serde(default)]
            #[schemars(with = "schema::Decimal")]
            min_price: Option<String>,
            /// What it costs at most.
            #[serde(default)]
            #[schemars(with = "schema::Decimal")]
            max_price: Option<String>,
            /// What prices are named in; EUR if it is not said.
            #[serde(default)]
            #[schemars(with = "schema::Currency")]
            currency: Option<String>,
            /// Only what can be had now. Pages may be shorter than `limit`.
            #[serde(default)]
            available: bool,
            #[serde(default)]
            #[schemars(with = "ProductSort")]
            sort: Option<ProductSort>,
            #[serde(default)]
            #[schemars(with = "schema::Limit")]
            limit: Option<u32>,
            #[serde(default)]
            #[schemars(with = "schema::Cursor")]
            cursor: Option<String>,
        }

        impl $name {
            /// What is left of the list.
            async fn filter(&self, gateway: &Gateway) -> Result<wire::ProductFilter, Reply> {
                let code = self.currency.as_deref();
                Ok(wire::ProductFilter {
                    category: self.category.clone().unwrap_or_default(),
                    kind: self.kind.map_or(wire::Kind::Unspecified, wire::Kind::from).into(),
                    promoter_id: promoter(self.promoter_id.clone())?,
                    min_price: euros(gateway, self.min_price.as_deref(), code, "min_price").await?,
                    max_price: euros(gateway, self.max_price.as_deref(), code, "max_price").await?,
                    available: self.available,
                })
            }
        }
    };
}

parameters! {
    /// Of a list.
    ListQuery {}
}

parameters! {
    /// Of a search.
    SearchQuery {
        /// Words.
        #[schemars(with = "schema::Search")]
        q: String,
        /// Whether what the words find is counted, too.
        #[serde(default)]
        facets: bool,
    }
}

fn promoter(given: Option<String>) -> Result<String, Problem> {
    match given {
        Some(promoter) if !id::is_valid("pro", &promoter) => {
            Err(Problem::invalid("promoter_id", "pro_ and an id", "that is no promoter's id"))
        }
        given => Ok(given.unwrap_or_default()),
    }
}

/// A bound of prices as the catalog compares them.
async fn euros(
    gateway: &Gateway,
    amount: Option<&str>,
    code: Option<&str>,
    field: &str,
) -> Result<Option<WireMoney>, Reply> {
    let currency = code.map_or(Ok(Currency::EUR), |code| dto::parse_currency(code, "currency"))?;
    let Some(amount) = amount else { return Ok(None) };
    let from = dto::parse_amount(currency, amount, field)?;
    if currency == Currency::EUR {
        return Ok(Some(from.into()));
    }
    let request = ConvertRequest { from: Some(from.into()), to_code: Currency::EUR.code().to_owned() };
    Ok(gateway.deps.currency.clone().convert(request).await?.into_inner().money)
}

fn order(sort: Option<ProductSort>) -> i32 {
    sort.map_or(wire::ProductSort::Unspecified, wire::ProductSort::from).into()
}

pub(super) async fn list(
    State(gateway): State<Arc<Gateway>>,
    reader: Reader,
    Query(query): Query<ListQuery>,
) -> Result<axum::Json<Page<Product>>, Reply> {
    let wire::ProductFilter { category, kind, promoter_id, min_price, max_price, available } =
        query.filter(&gateway).await?;
    let (page, sort) = (page(query.limit, query.cursor)?, order(query.sort));
    let request =
        wire::ListProductsRequest { category, kind, promoter_id, page, min_price, max_price, available, sort };
    let found = gateway.browse.list(reader, request).await?;
    Ok(axum::Json(Page::new(found.products, found.page)))
}

pub(super) async fn search(
    State(gateway): State<Arc<Gateway>>,
    reader: Reader,
    Query(query): Query<SearchQuery>,
) -> Result<axum::Json<dto::SearchPage>, Reply> {
    let filter = query.filter(&gateway).await?;
    // Without a filter the best are found by the index alone.
    let filter = Some(filter).filter(|filter| query.facets || *filter != wire::ProductFilter::default());
    let request = wire::SearchProductsRequest {
        query: query.q,
        page: page(query.limit, query.cursor)?,
        filter,
        sort: order(query.sort),
    };
    let found = gateway.browse.search(reader, request).await?;
    let facets = found.facets.filter(|_| query.facets).map(dto::ProductFacets::from);
    Ok(axum::Json(dto::SearchPage { page: Page::new(found.products, found.page), facets }))
}
