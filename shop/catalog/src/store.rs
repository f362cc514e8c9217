//! Products and stock as they are kept.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use vitrine_contracts::Problem;
use vitrine_contracts::catalog::v1::{EventDetails, Kind, Product};
use vitrine_contracts::common::v1::Money as WireMoney;
use vitrine_kit::clock::Clock;
use vitrine_kit::money::{Currency, Money};
use vitrine_platform_host::Failure;
use vitrine_platform_store::{Document, Index, Keys, Store, Stored};

use crate::domain::{Hold, Stock, comparable};

/// The index of products by their price in EUR.
pub(crate) const BY_PRICE: &str = "price";
/// The index of products by when they were made.
pub(crate) const BY_CREATION: &str = "created";
/// The index of events by when they begin.
pub(crate) const BY_START: &str = "starts_at";

/// What a product is. Its version is the product's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ProductDoc {
    pub(crate) id: String,
    pub(crate) kind: i32,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) category: String,
    pub(crate) tags: Vec<String>,
    pub(crate) currency: String,
    pub(crate) price_minor: i64,
    pub(crate) weight_g: u32,
    pub(crate) event: Option<EventDoc>,
    pub(crate) promoter_id: String,
    pub(crate) created_at: i64,
    /// What a price in another currency is in EUR, in cents, if it was said.
    #[serde(default)]
    pub(crate) comparable_minor: Option<i64>,
}

impl ProductDoc {
    /// The price in EUR, in cents, by which products are compared; of one that is not known, more than any.
    fn comparable(&self) -> i64 {
        let own = (self.currency == Currency::EUR.code()).then_some(self.price_minor);
        own.or(self.comparable_minor).unwrap_or(i64::MAX)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct EventDoc {
    pub(crate) starts_at: i64,
    pub(crate) duration_min: u32,
    pub(crate) venue: String,
}

impl Document for ProductDoc {
    const COLLECTION: &'static str = "products";
    const INDEXES: &'static [Index] = &[
        Index::ordered("category"),
        Index::ordered("kind"),
        Index::ordered("promoter"),
        Index::ordered(BY_PRICE),
        Index::ordered(BY_CREATION),
        Index::ordered(BY_START),
        Index::text("text"),
    ];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.id)
    }
    fn keys(&self, out: &mut Keys) {
        out.put("category", self.category.as_str());
        out.put("kind", self.kind);
        if !self.promoter_id.is_empty() {
            out.put("promoter", self.promoter_id.as_str());
        }
        out.put(BY_PRICE, self.comparable());
        out.put(BY_CREATION, self.created_at);
        if let Some(event) = &self.event {
            out.put(BY_START, event.starts_at);
        }
        out.put("text", format!("{} {} {} {}", self.name, self.category, self.tags.join(" "), self.description));
    }
}

/// How much of a product there is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StockDoc {
    pub(crate) product_id: String,
    pub(crate) stock: Stock,
}

impl Document for StockDoc {
    const COLLECTION: &'static str = "stock";
    const INDEXES: &'static [Index] = &[];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.product_id)
    }
    fn keys(&self, _: &mut Keys) {}
}

/// A reservation, also one that was released before it came.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ReservationDoc {
    pub(crate) id: String,
    pub(crate) lines: Vec<(String, u32)>,
    pub(crate) hold: Hold,
    pub(crate) expires_at: i64,
}

impl Document for ReservationDoc {
    const COLLECTION: &'static str = "reservations";
    const INDEXES: &'static [Index] = &[Index::ordered("held_until")];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.id)
    }
    fn keys(&self, out: &mut Keys) {
        if self.hold == Hold::Held {
            out.put("held_until", self.expires_at);
        }
    }
}

/// Which product an idempotency key made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct CreatedDoc {
    pub(crate) key: String,
    pub(crate) product_id: String,
}

impl Document for CreatedDoc {
    const COLLECTION: &'static str = "created";
    const INDEXES: &'static [Index] = &[];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.key)
    }
    fn keys(&self, _: &mut Keys) {}
}

/// What was put in at the first start, so that what was deleted since does not come back.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct SeededDoc {
    pub(crate) pieces: bool,
    pub(crate) generated: u64,
}

impl SeededDoc {
    pub(crate) const ID: &'static str = "seeded";
}

impl Document for SeededDoc {
    const COLLECTION: &'static str = "seeded";
    const INDEXES: &'static [Index] = &[];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(Self::ID)
    }
    fn keys(&self, _: &mut Keys) {}
}

pub(crate) fn no_product(id: &str) -> Problem {
    Problem::not_found(&format!("there is no product {id}")).with_reason("PRODUCT_NOT_FOUND").with_field("product_id")
}

/// All products. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Products {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
}

impl Products {
    pub(crate) async fn read(&self, id: &str) -> Result<Stored<ProductDoc>, Failure> {
        let found = self.store.get::<ProductDoc>(id).await?;
        Ok(found.ok_or_else(|| no_product(id))?)
    }

    /// How much there is of each.
    pub(crate) async fn stock(&self, ids: &[&str]) -> Result<HashMap<String, Stored<StockDoc>>, Failure> {
        let found = self.store.get_many::<StockDoc>(ids).await?;
        Ok(found.into_iter().map(|s| (s.product_id.clone(), s)).collect())
    }

    /// How much there is of one.
    pub(crate) async fn stock_of(&self, id: &str) -> Result<Stored<StockDoc>, Failure> {
        let found = self.store.get::<StockDoc>(id).await?;
        Ok(found.ok_or_else(|| no_product(id))?)
    }

    /// Products with how much there is of them.
    pub(crate) async fn complete(&self, products: Vec<Stored<ProductDoc>>) -> Result<Vec<Product>, Failure> {
        let ids: Vec<&str> = products.iter().map(|p| p.id.as_str()).collect();
        let stock = self.stock(&ids).await?;
        Ok(products.iter().map(|p| to_wire(p, stock.get(&p.id).map(|s| s.stock).unwrap_or_default())).collect())
    }
}

pub(crate) fn to_wire(stored: &Stored<ProductDoc>, stock: Stock) -> Product {
    let doc = &stored.doc;
    let event = doc.event.as_ref().map(|e| EventDetails {
        starts_at_unix_ms: e.starts_at,
        duration_min: e.duration_min,
        venue: e.venue.clone(),
    });
    Product {
        id: doc.id.clone(),
        kind: doc.kind,
        name: doc.name.clone(),
        description: doc.description.clone(),
        category: doc.category.clone(),
        tags: doc.tags.clone(),
        price: Some(WireMoney { currency_code: doc.currency.clone(), minor_units: doc.price_minor }),
        weight_g: doc.weight_g,
        available: stock.available,
        reserved: stock.reserved,
        sold: stock.sold,
        event,
        promoter_id: doc.promoter_id.clone(),
        version: stored.version,
        created_at_unix_ms: doc.created_at,
        picture: format!("{}.svg", doc.id),
        comparable_price: known(doc.comparable()),
    }
}

/// The price by which products are compared, if it is known.
fn known(comparable: i64) -> Option<WireMoney> {
    (comparable < i64::MAX).then(|| Money::new(Currency::EUR, comparable).into())
}

/// A new product's document.
pub(crate) fn from_wire(id: String, product: Product, now_ms: i64) -> Result<ProductDoc, Problem> {
    let comparable_minor = comparable(product.comparable_price.as_ref())?;
    let price = product.price.unwrap_or_default();
    Ok(ProductDoc {
        id,
        kind: Kind::try_from(product.kind).unwrap_or_default().into(),
        name: product.name,
        description: product.description,
        category: product.category,
        tags: product.tags,
        currency: price.currency_code,
        price_minor: price.minor_units,
        weight_g: product.weight_g,
        event: product.event.map(|e| EventDoc {
            starts_at: e.starts_at_unix_ms,
            duration_min: e.duration_min,
            venue: e.venue,
        }),
        promoter_id: product.promoter_id,
        created_at: now_ms,
        comparable_minor,
    })
}
