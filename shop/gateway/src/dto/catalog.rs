//! What is sold, and what goes with it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use vitrine_contracts::Problem as CoreProblem;
use vitrine_contracts::ads::v1 as ads;
use vitrine_contracts::catalog::v1 as catalog;
use vitrine_contracts::limits::{
    MAX_DESCRIPTION, MAX_DURATION_MIN, MAX_PRODUCT_NAME, MAX_STOCK, MAX_TAG, MAX_TAGS, MAX_VENUE, MAX_WEIGHT_G,
    MIN_DURATION_MIN,
};
use vitrine_kit::clock::rfc3339;

use super::{Money, money, object, object_or_null, parse_time, whole};
use crate::schema::{self, Line, Paragraphs};

/// Goods are shipped; an event has seats at a time and place.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Goods,
    Event,
}

impl From<Kind> for catalog::Kind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Goods => Self::Goods,
            Kind::Event => Self::Event,
        }
    }
}

impl From<catalog::Kind> for Kind {
    fn from(kind: catalog::Kind) -> Self {
        if kind == catalog::Kind::Event { Self::Event } else { Self::Goods }
    }
}

/// In which order products are listed: `relevance` is best first for words, the shop's own order without; `starts_at` lists events that
/// are still to come, and no goods.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ProductSort {
    Relevance,
    PriceAsc,
    PriceDesc,
    Newest,
    StartsAt,
}

impl From<ProductSort> for catalog::ProductSort {
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

/// When and where.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Event {
    /// RFC 3339; of a new event in the future.
    #[schemars(with = "schema::Time")]
    starts_at: String,
    #[schemars(range(min = MIN_DURATION_MIN, max = MAX_DURATION_MIN))]
    #[serde(deserialize_with = "whole")]
    duration_min: u32,
    #[schemars(with = "Line<1, MAX_VENUE>")]
    venue: String,
}

/// Path of a product's picture.
pub(crate) fn picture(id: &str) -> String {
    format!("/api/v1/products/{id}/picture.svg")
}

/// Something that is sold.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Product {
    #[schemars(with = "schema::ProductId")]
    pub(crate) id: String,
    kind: Kind,
    pub(crate) name: String,
    description: String,
    #[schemars(with = "schema::Category")]
    pub(crate) category: String,
    tags: Vec<String>,
    pub(crate) price: Money,
    weight_g: u32,
    /// Units or seats that can be had now.
    pub(crate) available: u32,
    sold: u64,
    event: Option<Event>,
    /// Who sells it, if not the shop.
    promoter_id: Option<String>,
    /// Path of the picture.
    #[schemars(with = "schema::Path")]
    pub(crate) picture: String,
    pub(crate) version: u64,
}

impl From<catalog::Product> for Product {
    fn from(p: catalog::Product) -> Self {
        let kind = p.kind().into();
        let event = p.event.map(|e| Event {
            starts_at: rfc3339(e.starts_at_unix_ms),
            duration_min: e.duration_min,
            venue: e.venue,
        });
        Self {
            kind,
            picture: picture(&p.id),
            id: p.id,
            name: p.name,
            description: p.description,
            category: p.category,
            tags: p.tags,
            price: money(p.price),
            weight_g: p.weight_g,
            available: p.available,
            sold: p.sold,
            event,
            promoter_id: Some(p.promoter_id).filter(|id| !id.is_empty()),
            version: p.version,
        }
    }
}

/// A product to be.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = by_kind()))]
pub(crate) struct NewProduct {
    kind: Kind,
    #[schemars(with = "Line<1, MAX_PRODUCT_NAME>")]
    name: String,
    /// May have line feeds.
    #[schemars(with = "Paragraphs<1, MAX_DESCRIPTION>")]
    description: String,
    #[schemars(with = "schema::Category")]
    category: String,
    #[serde(default)]
    #[schemars(with = "Vec<Line<1, MAX_TAG>>", length(max = MAX_TAGS))]
    tags: Vec<String>,
    #[schemars(with = "schema::Price")]
    #[serde(deserialize_with = "object")]
    price: Money,
    /// For goods.
    #[serde(default, deserialize_with = "whole")]
    #[schemars(range(max = MAX_WEIGHT_G))]
    weight_g: u32,
    /// Units or seats to begin with.
    #[schemars(range(max = MAX_STOCK))]
    #[serde(deserialize_with = "whole")]
    pub(crate) stock: u32,
    /// For events.
    #[serde(default, deserialize_with = "object_or_null")]
    event: Option<Event>,
}

/// Goods have a weight, and events a time and a place.
fn by_kind() -> Value {
    json!([
        {
            "title": "Goods",
            "properties": {"kind": {"const": "goods"}, "weight_g": {"minimum": 1}, "event": {"type": "null"}},
            "required": ["weight_g"],
        },
        {
            "title": "Event",
            "properties": {"kind": {"const": "event"}, "weight_g": {"maximum": 0}, "event": {"type": "object"}},
            "required": ["event"],
        },
    ])
}

impl NewProduct {
    pub(crate) fn parse(self, promoter_id: String) -> Result<catalog::Product, CoreProblem> {
        let price = self.price.parse("price")?;
        let event = self.event.map(|e| {
            Ok::<_, CoreProblem>(catalog::EventDetails {
                starts_at_unix_ms: parse_time(&e.starts_at, "event.starts_at")?,
                duration_min: e.duration_min,
                venue: e.venue,
            })
        });
        Ok(catalog::Product {
            kind: catalog::Kind::from(self.kind).into(),
            name: self.name,
            description: self.description,
            category: self.category,
            tags: self.tags,
            price: Some(price.into()),
            weight_g: self.weight_g,
            event: event.transpose()?,
            promoter_id,
            ..catalog::Product::default()
        })
    }
}

/// What of a product changes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProductPatch {
    #[schemars(with = "Option<Line<1, MAX_PRODUCT_NAME>>")]
    pub(crate) name: Option<String>,
    /// May have line feeds.
    #[schemars(with = "Option<Paragraphs<1, MAX_DESCRIPTION>>")]
    pub(crate) description: Option<String>,
    #[schemars(with = "Option<schema::Category>")]
    pub(crate) category: Option<String>,
    #[schemars(with = "Option<schema::Price>")]
    #[serde(default, deserialize_with = "object_or_null")]
    pub(crate) price: Option<Money>,
    /// Added to what is available; negative takes away.
    #[serde(default, deserialize_with = "whole")]
    #[schemars(range(min = -i64::from(MAX_STOCK), max = MAX_STOCK))]
    pub(crate) restock: i32,
}

/// A kind of thing that is sold.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Category {
    #[schemars(with = "schema::Category")]
    pub(crate) slug: String,
    pub(crate) name: String,
    description: String,
    product_count: u64,
}

impl From<catalog::Category> for Category {
    fn from(c: catalog::Category) -> Self {
        Self { slug: c.slug, name: c.name, description: c.description, product_count: c.product_count }
    }
}

/// A currency and what a euro is worth in it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CurrencyRate {
    #[schemars(with = "schema::Currency")]
    code: String,
    name: String,
    /// Digits after the decimal point.
    exponent: u32,
    /// Units for one euro, a decimal number.
    #[schemars(regex(pattern = r"^[0-9]+(\.[0-9]+)?$"))]
    rate: String,
}

impl From<vitrine_contracts::currency::v1::CurrencyInfo> for CurrencyRate {
    fn from(c: vitrine_contracts::currency::v1::CurrencyInfo) -> Self {
        Self { code: c.code, name: c.name, exponent: c.exponent, rate: c.rate }
    }
}

/// Currencies by a day's rates.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Currencies {
    pub(crate) items: Vec<CurrencyRate>,
    /// The day, YYYY-MM-DD.
    #[schemars(with = "schema::Day")]
    pub(crate) as_of: String,
}

/// An amount in another currency.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Converted {
    pub(crate) from: Money,
    pub(crate) to: Money,
    /// The day of the rates, YYYY-MM-DD.
    #[schemars(with = "schema::Day")]
    pub(crate) as_of: String,
}

/// A product that goes with others.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Recommendation {
    #[schemars(with = "schema::ProductId")]
    product_id: String,
    /// Orders that hold both; 0 when it only fills up.
    bought_together: u64,
    #[schemars(extend("enum" = ["bought_together", "same_category"]))]
    reason: String,
}

impl From<vitrine_contracts::recommendations::v1::Recommendation> for Recommendation {
    fn from(r: vitrine_contracts::recommendations::v1::Recommendation) -> Self {
        Self { product_id: r.product_id, bought_together: r.bought_together, reason: r.reason }
    }
}

/// An advertisement.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Ad {
    id: String,
    text: String,
    /// Where it leads.
    #[schemars(with = "schema::Path")]
    href: String,
    /// The word that it was chosen by; null when by chance.
    context: Option<String>,
}

impl From<ads::Ad> for Ad {
    fn from(ad: ads::Ad) -> Self {
        Self { id: ad.id, text: ad.text, href: ad.url_path, context: Some(ad.context).filter(|c| !c.is_empty()) }
    }
}
