//! What a search has found.

use schemars::JsonSchema;
use serde::Serialize;
use vitrine_contracts::catalog::v1 as catalog;

use super::{Kind, Money, Page, Product, money};
use crate::schema;

/// A part of what was found.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SearchPage {
    #[serde(flatten)]
    pub(crate) page: Page<Product>,
    /// Null where they were not asked for.
    pub(crate) facets: Option<ProductFacets>,
}

/// All that the words find, counted, whatever is left of it; of the thousand best.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ProductFacets {
    categories: Vec<CategoryCount>,
    kinds: Vec<KindCount>,
    /// How many can be had now.
    available: u32,
    /// The lowest price in EUR; null where nothing was found.
    min_price: Option<Money>,
    max_price: Option<Money>,
    /// How many are left of them.
    total: u32,
}

/// How many are in a category.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CategoryCount {
    #[schemars(with = "schema::Category")]
    slug: String,
    count: u32,
}

/// How many are of a kind.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct KindCount {
    kind: Kind,
    count: u32,
}

impl From<catalog::Facets> for ProductFacets {
    fn from(facets: catalog::Facets) -> Self {
        let kinds = facets.kinds.iter().map(|found| KindCount { kind: found.kind().into(), count: found.count });
        let categories = facets.categories.iter();
        Self {
            kinds: kinds.collect(),
            categories: categories
                .map(|found| CategoryCount { slug: found.slug.clone(), count: found.count })
                .collect(),
            available: facets.available,
            min_price: facets.min_price.map(|price| money(Some(price))),
            max_price: facets.max_price.map(|price| money(Some(price))),
            total: facets.total,
        }
    }
}
