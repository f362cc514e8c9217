//! Lists and searches: filtered, sorted, and a page at a time.

use vitrine_contracts::Problem;
use vitrine_contracts::catalog::v1::{
    CategoryCount, Facets, Kind, KindCount, ListProductsRequest, Product, ProductFilter, ProductSort,
    SearchProductsRequest,
};
use vitrine_contracts::common::v1::Money as WireMoney;
use vitrine_contracts::limits::{MAX_FILTERED, MAX_SEARCH};
use vitrine_contracts::money_from_proto;
use vitrine_flags_client::{Handle, Subject};
use vitrine_kit::money::{Currency, Money};
use vitrine_platform_host::{Failure, page_of};
use vitrine_platform_store::{Query, Stored};

use crate::content::CATEGORIES;
use crate::flags::HIDE_SOLD_OUT;
use crate::store::{BY_CREATION, BY_PRICE, BY_START, ProductDoc, Products};

/// How often a list goes on for a page that a filter has made shorter.
const MAX_ROUNDS: usize = 5;
/// How a cursor into a search that was filtered begins; a number follows.
const OFFSET: char = 'o';

/// What may be left of a list, checked.
struct Filter {
    category: String,
    kind: Kind,
    promoter_id: String,
    /// The lowest and the highest price in EUR, in cents.
    price: (i64, i64),
    available: bool,
    /// Whether a price was named.
    by_price: bool,
}

impl Filter {
    fn check(asked: ProductFilter) -> Result<Self, Problem> {
        if !asked.category.is_empty() {
            check_category(&asked.category)?;
        }
        let (low, high) =
            (euros(asked.min_price.as_ref(), "min_price")?, euros(asked.max_price.as_ref(), "max_price")?);
        Ok(Self {
            kind: asked.kind(),
            category: asked.category,
            promoter_id: asked.promoter_id,
            price: (low.unwrap_or(0), high.unwrap_or(i64::MAX)),
            available: asked.available,
            by_price: low.is_some() || high.is_some(),
        })
    }

    /// Whether a product is what is left, by what no index says.
    fn leaves(&self, product: &Product) -> bool {
        let price = product.comparable_price.as_ref().map_or(i64::MAX, |price| price.minor_units);
        (!self.available || product.available > 0) && (!self.by_price || (self.price.0..=self.price.1).contains(&price))
    }

    /// The same by all that it says.
    fn leaves_of_any(&self, product: &Product) -> bool {
        (self.category.is_empty() || product.category == self.category)
            && (self.kind == Kind::Unspecified || product.kind() == self.kind)
            && (self.promoter_id.is_empty() || product.promoter_id == self.promoter_id)
            && self.leaves(product)
    }
}

/// An amount in EUR, in cents.
fn euros(money: Option<&WireMoney>, field: &str) -> Result<Option<i64>, Problem> {
    let Some(money) = money else { return Ok(None) };
    let money = money_from_proto(Some(money), field)?;
    if money.currency == Currency::EUR {
        return Ok(Some(money.minor));
    }
    Err(Problem::invalid(field, "an amount in EUR", "products are compared by their price in EUR"))
}

pub(crate) fn check_category(slug: &str) -> Result<(), Problem> {
    if CATEGORIES.iter().any(|c| c.slug == slug) {
        return Ok(());
    }
    let known = CATEGORIES.iter().map(|c| c.slug).collect::<Vec<_>>().join(", ");
    Err(Problem::invalid("category", &format!("one of {known}"), "there is no such category")
        .with_reason("UNKNOWN_CATEGORY"))
}

/// Products, and where the next page begins.
pub(crate) type ProductPage = (Vec<Product>, Option<String>);

/// Finds products.
pub(crate) struct Finder<'a> {
    pub(crate) products: &'a Products,
    pub(crate) flags: &'a Handle,
}

impl Finder<'_> {
    /// A page of a list. What shoppers see may leave out what is sold out; such a page is shorter, and goes on like any other.
    pub(crate) async fn list(&self, request: ListProductsRequest) -> Result<ProductPage, Failure> {
        let (size, cursor) = page_of(request.page.as_ref())?;
        let sort = request.sort();
        let kind = request.kind;
        let ListProductsRequest { category, promoter_id, min_price, max_price, available, .. } = request.clone();
        let filter = Filter::check(ProductFilter { category, kind, promoter_id, min_price, max_price, available })?;
        let mut query = self.sorted(sort, &filter);
        if !filter.category.is_empty() {
            query = query.and_eq("category", filter.category.as_str());
        }
        if filter.kind != Kind::Unspecified {
            query = query.and_eq("kind", i32::from(filter.kind));
        }
        if !filter.promoter_id.is_empty() {
            query = query.and_eq("promoter", filter.promoter_id.as_str());
        }
        let shortens = filter.by_price || filter.available;
        let (mut found, mut cursor) = (Vec::new(), cursor.map(str::to_owned));
        for _ in 0..if shortens { MAX_ROUNDS } else { 1 } {
            let query = query.clone().limit(size - found.len()).cursor(cursor.as_deref());
            let page = self.products.store.find::<ProductDoc>(query).await?;
            cursor = page.next_cursor;
            found.extend(self.products.complete(page.items).await?.into_iter().filter(|p| filter.leaves(p)));
            if found.len() >= size || cursor.is_none() {
                break;
            }
        }
        if filter.promoter_id.is_empty() {
            self.hide_sold_out(&mut found);
        }
        Ok((found, cursor))
    }

    /// All products in an order.
    fn sorted(&self, sort: ProductSort, filter: &Filter) -> Query {
        match sort {
            ProductSort::Unspecified => Query::all(),
            ProductSort::PriceAsc => Query::range(BY_PRICE, filter.price.0..=filter.price.1),
            ProductSort::PriceDesc => Query::range(BY_PRICE, filter.price.0..=filter.price.1).descending(),
            ProductSort::Newest => Query::range(BY_CREATION, i64::MIN..=i64::MAX).descending(),
            ProductSort::StartsAt => Query::range(BY_START, self.products.clock.now_ms()..=i64::MAX),
        }
    }

    fn hide_sold_out(&self, products: &mut Vec<Product>) {
        if self.flags.read(&HIDE_SOLD_OUT, &Subject::ANYONE) {
            products.retain(|product| product.available > 0);
        }
    }

    /// A page of a search; with facets when a filter is named.
    pub(crate) async fn search(
        &self,
        request: SearchProductsRequest,
    ) -> Result<(ProductPage, Option<Facets>), Failure> {
        let words = request.query.trim();
        if words.is_empty() || words.chars().count() > MAX_SEARCH {
            let expected = format!("1 to {MAX_SEARCH} characters");
            return Err(Problem::invalid("q", &expected, "there is nothing to search for, or too much").into());
        }
        let (size, cursor) = page_of(request.page.as_ref())?;
        let sort = request.sort();
        let has_facets = request.filter.is_some();
        if !has_facets && sort == ProductSort::Unspecified {
            let page = self.products.store.search::<ProductDoc>("text", words, size, cursor).await?;
            let mut found = self.products.complete(page.items).await?;
            self.hide_sold_out(&mut found);
            return Ok(((found, page.next_cursor), None));
        }
        let filter = Filter::check(request.filter.unwrap_or_default())?;
        let from = offset(cursor)?;
        let hits = self.products.store.search::<ProductDoc>("text", words, MAX_FILTERED, None).await?;
        let mut hits = self.complete_all(hits.items).await?;
        self.hide_sold_out(&mut hits);
        let mut facets = has_facets.then(|| facets(&hits));
        hits.retain(|product| filter.leaves_of_any(product));
        self.sort(&mut hits, sort);
        if let Some(facets) = &mut facets {
            facets.total = u32::try_from(hits.len()).unwrap_or(u32::MAX);
        }
        let next = (from + size < hits.len()).then(|| format!("{OFFSET}{}", from + size));
        let found = hits.into_iter().skip(from).take(size).collect();
        Ok(((found, next), facets))
    }

    /// Stock is read for as many products at once as a page has.
    async fn complete_all(&self, mut left: Vec<Stored<ProductDoc>>) -> Result<Vec<Product>, Failure> {
        let mut complete = Vec::with_capacity(left.len());
        while !left.is_empty() {
            let rest = left.split_off(left.len().min(vitrine_contracts::limits::MAX_BATCH));
            complete.extend(self.products.complete(left).await?);
            left = rest;
        }
        Ok(complete)
    }

    fn sort(&self, products: &mut Vec<Product>, sort: ProductSort) {
        let price = |p: &Product| p.comparable_price.as_ref().map_or(i64::MAX, |price| price.minor_units);
        let start = |p: &Product| p.event.as_ref().map_or(i64::MAX, |event| event.starts_at_unix_ms);
        match sort {
            ProductSort::Unspecified => {}
            ProductSort::PriceAsc => products.sort_by_key(price),
            ProductSort::PriceDesc => products.sort_by_key(|p| std::cmp::Reverse(price(p))),
            ProductSort::Newest => products.sort_by_key(|p| std::cmp::Reverse(p.created_at_unix_ms)),
            ProductSort::StartsAt => {
                let now = self.products.clock.now_ms();
                products.retain(|p| p.event.is_some() && start(p) >= now);
                products.sort_by_key(start);
            }
        }
    }
}

/// Where a page of a filtered search begins.
fn offset(cursor: Option<&str>) -> Result<usize, Problem> {
    let Some(cursor) = cursor else { return Ok(0) };
    let read = cursor.strip_prefix(OFFSET).and_then(|number| number.parse().ok()).filter(|n| *n <= MAX_FILTERED);
    let expected = "the next_cursor of the page before, or nothing";
    let wrong = || Problem::invalid("page.cursor", expected, "the cursor is malformed").with_reason("INVALID_CURSOR");
    read.ok_or_else(wrong)
}

fn facets(hits: &[Product]) -> Facets {
    let count =
        |of: &dyn Fn(&Product) -> bool| u32::try_from(hits.iter().filter(|p| of(p)).count()).unwrap_or(u32::MAX);
    let prices = || hits.iter().filter_map(|p| p.comparable_price.as_ref().map(|price| price.minor_units));
    let euros = |minor: i64| WireMoney::from(Money::new(Currency::EUR, minor));
    let categories =
        CATEGORIES.iter().map(|c| CategoryCount { slug: c.slug.to_owned(), count: count(&|p| p.category == c.slug) });
    let kinds =
        [Kind::Goods, Kind::Event].map(|kind| KindCount { kind: kind.into(), count: count(&|p| p.kind() == kind) });
    Facets {
        categories: categories.filter(|category| category.count > 0).collect(),
        kinds: kinds.into_iter().filter(|kind| kind.count > 0).collect(),
        available: count(&|p| p.available > 0),
        min_price: prices().min().map(euros),
        max_price: prices().max().map(euros),
        total: 0,
    }
}
