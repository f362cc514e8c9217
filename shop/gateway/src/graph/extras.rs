//! What stands around the products: what goes with them, advertisements, currencies.

use async_graphql::{Context, Enum, Error, ID, SimpleObject};
use vitrine_contracts::ads::v1::GetAdsRequest;
use vitrine_contracts::currency::v1::{ConvertRequest, ListCurrenciesRequest};
use vitrine_contracts::recommendations::v1::RecommendRequest;

use super::error::failure;
use super::money::{Money, MoneyInput, as_bought};
use super::product::Product;
use super::scalars::{CurrencyCode, Decimal, int};
use super::session::{Session, session};

/// A product that goes with others.
pub(crate) struct Recommendation {
    product: Product,
    bought_together: u64,
    reason: RecommendationReason,
}

/// Why it is recommended.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
pub(crate) enum RecommendationReason {
    BoughtTogether,
    SameCategory,
}

#[async_graphql::Object]
impl Recommendation {
    async fn product(&self) -> &Product {
        &self.product
    }

    /// Orders that hold both; 0 when it only fills up.
    async fn bought_together(&self) -> i32 {
        int(self.bought_together)
    }

    async fn reason(&self) -> RecommendationReason {
        self.reason
    }
}

/// What goes with these products. One that is not sold any more is left out.
pub(crate) async fn recommend(
    session: &Session,
    product_ids: Vec<String>,
    first: i32,
) -> Result<Vec<Recommendation>, Error> {
    let request = RecommendRequest { product_ids, limit: limit(first)? };
    let found = session.gateway.browse.recommendations(session.reader(), request).await;
    let found = found.map_err(|status| failure(&status))?.recommendations;
    let products = found.iter().map(|recommended| session.product(&recommended.product_id));
    let products = futures::future::try_join_all(products).await?;
    let complete = found.into_iter().zip(products).filter_map(|(recommended, product)| {
        let reason = match recommended.reason.as_str() {
            "bought_together" => RecommendationReason::BoughtTogether,
            _ => RecommendationReason::SameCategory,
        };
        Some(Recommendation { product: Product(product?), bought_together: recommended.bought_together, reason })
    });
    Ok(complete.collect())
}

/// A number of things as services take it, where 0 stands for their own choice.
fn limit(first: i32) -> Result<u32, Error> {
    let wrong = || {
        let problem = vitrine_contracts::Problem::invalid("first", "a number from 1", "nothing cannot be listed");
        super::error::problem(problem)
    };
    u32::try_from(first).ok().filter(|n| *n > 0).ok_or_else(wrong)
}

/// An advertisement.
#[derive(SimpleObject)]
pub(crate) struct Ad {
    id: ID,
    text: String,
    /// Where it leads.
    href: String,
    /// The word that it was chosen by; null when by chance.
    context: Option<String>,
}

/// Advertisements by words, and by those of a product if one is named.
pub(crate) async fn ads(
    ctx: &Context<'_>,
    mut context: Vec<String>,
    product_id: Option<ID>,
    first: Option<i32>,
) -> Result<Vec<Ad>, Error> {
    let session = session(ctx);
    if let Some(ID(id)) = product_id
        && let Some(product) = session.product(&id).await?
    {
        context.push(product.category);
        context.extend(product.tags);
    }
    let request = GetAdsRequest { context, limit: first.map_or(Ok(0), limit)? };
    let found = session.gateway.deps.ads.clone().get_ads(request).await.map_err(|status| failure(&status))?;
    let shown = found.into_inner().ads.into_iter().map(|ad| Ad {
        id: ID(ad.id),
        text: ad.text,
        href: ad.url_path,
        context: Some(ad.context).filter(|word| !word.is_empty()),
    });
    Ok(shown.collect())
}

/// Currencies by a day's rates.
#[derive(SimpleObject)]
pub(crate) struct CurrencyTable {
    /// The day, YYYY-MM-DD.
    as_of: String,
    items: Vec<CurrencyRate>,
}

/// A currency, and what a euro is worth in it.
#[derive(SimpleObject)]
#[graphql(name = "Currency")]
pub(crate) struct CurrencyRate {
    code: CurrencyCode,
    name: String,
    /// Digits after the decimal point.
    exponent: i32,
    /// Units for one euro.
    rate: Decimal,
}

pub(crate) async fn currencies(session: &Session) -> Result<CurrencyTable, Error> {
    let found = session.gateway.deps.currency.clone().list_currencies(ListCurrenciesRequest {}).await;
    let found = found.map_err(|status| failure(&status))?.into_inner();
    let known = |code: &str| vitrine_kit::money::Currency::parse(code).ok().map(CurrencyCode);
    let items = found.currencies.into_iter().filter_map(|currency| {
        let (exponent, rate) = (int(currency.exponent), Decimal(currency.rate));
        Some(CurrencyRate { code: known(&currency.code)?, name: currency.name, exponent, rate })
    });
    Ok(CurrencyTable { items: items.collect(), as_of: found.as_of })
}

/// An amount in another currency.
#[derive(SimpleObject)]
pub(crate) struct Conversion {
    from: Money,
    to: Money,
    /// The day of the rates, YYYY-MM-DD.
    as_of: String,
}

pub(crate) async fn convert(session: &Session, amount: &MoneyInput, to: CurrencyCode) -> Result<Conversion, Error> {
    let from = amount.read("amount").map_err(|status| failure(&status))?;
    let request = ConvertRequest { from: Some(from.into()), to_code: to.0.code().to_owned() };
    let found = session.gateway.deps.currency.clone().convert(request).await;
    let found = found.map_err(|status| failure(&status))?.into_inner();
    Ok(Conversion { from: from.into(), to: as_bought(found.money.as_ref())?, as_of: found.as_of })
}
