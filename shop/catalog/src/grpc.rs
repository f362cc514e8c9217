//! The contract, translated.

use tonic::{Request, Response, Status};
use vitrine_contracts::catalog::v1::catalog_service_server::CatalogService;
use vitrine_contracts::catalog::v1::{
    BatchGetProductsRequest, BatchGetProductsResponse, Category, CreateProductRequest, DeleteAnyProductRequest,
    DeleteProductRequest, DeleteProductResponse, GetPictureRequest, GetPictureResponse, GetProductRequest,
    ListCategoriesRequest, ListCategoriesResponse, ListProductsRequest, ListProductsResponse, Product, ProductChange,
    ProductChangeKind, ProductEvent, ProductState, ReleaseReservationRequest, Reservation, ReserveRequest,
    SearchProductsRequest, SearchProductsResponse, UpdateAnyProductRequest, UpdateProductRequest,
};
use vitrine_contracts::limits::MAX_IDEMPOTENCY_KEY;
use vitrine_contracts::{Problem, money_from_proto, topics};
use vitrine_flags_client::Handle;
use vitrine_kit::id;
use vitrine_platform_bus as bus;
use vitrine_platform_host::{Failure, check_id, page_info};
use vitrine_platform_store::{self as store, Query, Stored, retry_conflicts};
use vitrine_shop_pictures::Spec;

use crate::content::{self, CATEGORIES, pieces};
use crate::domain::{self, Stock};
use crate::find::{Finder, check_category};
use crate::reserve::Reservations;
use crate::store::{CreatedDoc, ProductDoc, Products, StockDoc, from_wire, to_wire};

/// Most products of one batch.
const MAX_BATCH: usize = 100;

pub(crate) struct Service {
    pub(crate) products: Products,
    pub(crate) reservations: Reservations,
    pub(crate) flags: Handle,
}

/// Who changes a product.
enum Acting {
    /// A promoter, who may change what is theirs.
    Promoter(String),
    /// The shop, which may change everything.
    Shop,
}

impl Acting {
    fn promoter(id: String) -> Result<Self, Problem> {
        if id.is_empty() {
            return Err(Problem::invalid("acting_promoter_id", "the id of the promoter who acts", "the id is missing"));
        }
        Ok(Self::Promoter(id))
    }

    fn check(&self, product: &ProductDoc) -> Result<(), Problem> {
        match self {
            Self::Promoter(id) if *id != product.promoter_id => {
                Err(Problem::permission_denied("the product is another seller's"))
            }
            Self::Promoter(_) | Self::Shop => Ok(()),
        }
    }
}

/// A product may change under the hands of someone who said how they saw it: the description, and the stock, for both
/// are shown.
fn check_expected(expected: Option<&ProductState>, version: u64, stock: Stock) -> Result<(), Problem> {
    let current = ProductState { version, available: stock.available, sold: stock.sold };
    if expected.is_none_or(|expected| *expected == current) {
        return Ok(());
    }
    let ProductState { version, available, sold } = current;
    let message = format!("the product is at version {version}, {available} available, {sold} sold");
    Err(Problem::aborted("VERSION_MISMATCH", &message))
}

impl Service {
    fn finder(&self) -> Finder<'_> {
        Finder { products: &self.products, flags: &self.flags }
    }

    async fn create(&self, request: CreateProductRequest) -> Result<Product, Failure> {
        let product =
            request.product.ok_or_else(|| Problem::invalid("product", "a product", "the product is missing"))?;
        let now = self.products.clock.now_ms();
        let product = domain::check_product(product, request.stock, now)?;
        check_category(&product.category)?;
        if request.idempotency_key.len() > MAX_IDEMPOTENCY_KEY {
            let expected = format!("at most {MAX_IDEMPOTENCY_KEY} characters");
            return Err(Problem::invalid("idempotency_key", &expected, "the key is too long").into());
        }
        let doc = from_wire(id::new("prd"), product, now)?;
        let key = format!("{}/{}", doc.promoter_id, request.idempotency_key);
        let mut tx = self.products.store.begin();
        tx.insert(&doc);
        let stock = Stock { available: request.stock, reserved: 0, sold: 0 };
        tx.insert(&StockDoc { product_id: doc.id.clone(), stock });
        if !request.idempotency_key.is_empty() {
            tx.insert(&CreatedDoc { key: key.clone(), product_id: doc.id.clone() });
        }
        tell(&mut tx, &doc, ProductChangeKind::Created, now);
        match tx.commit().await {
            Ok(()) => Ok(to_wire(&Stored { doc, version: 1 }, stock)),
            Err(store::Error::Exists { .. }) => self.created_before(&key, &doc).await,
            Err(e) => Err(e.into()),
        }
    }

    /// The product that the key made at the first time.
    async fn created_before(&self, key: &str, asked: &ProductDoc) -> Result<Product, Failure> {
        let created = self.products.store.get::<CreatedDoc>(key).await?;
        let id = created.map(|c| c.doc.product_id).unwrap_or_default();
        let known = self.products.read(&id).await?;
        let same = ProductDoc { id: known.id.clone(), created_at: known.created_at, ..asked.clone() };
        if known.version == 1 && known.doc != same {
            let problem = Problem::invalid(
                "idempotency_key",
                "a new key for new content",
                "the key was used for another product",
            );
            return Err(problem.with_reason("IDEMPOTENCY_KEY_REUSED").into());
        }
        self.one(known).await
    }

    async fn update(&self, acting: Acting, request: Option<ProductChange>) -> Result<Product, Failure> {
        let request = request.ok_or_else(|| Problem::invalid("change", "what changes", "the change is missing"))?;
        check_id("prd", &request.product_id, "product_id")?;
        let _turn = self.reservations.turn().await;
        retry_conflicts(async || {
            let mut stored = self.products.read(&request.product_id).await?;
            acting.check(&stored.doc)?;
            let mut stock = self.products.stock_of(&request.product_id).await?;
            check_expected(request.expected.as_ref(), stored.version, stock.stock)?;
            let before = stored.doc.clone();
            change(&mut stored.doc, &request)?;
            let mut tx = self.products.store.begin();
            let changed = stored.doc != before;
            if changed {
                tx.update(&stored);
            }
            if request.restock != 0 {
                stock.doc.stock = stock.doc.stock.restock(request.restock)?;
                tx.update(&stock);
            }
            if !tx.is_empty() {
                tell(&mut tx, &stored.doc, ProductChangeKind::Updated, self.products.clock.now_ms());
            }
            tx.commit().await?;
            stored.version += u64::from(changed);
            self.one(stored).await
        })
        .await
    }

    async fn delete(&self, acting: Acting, product_id: &str, expected: Option<ProductState>) -> Result<(), Failure> {
        check_id("prd", product_id, "product_id")?;
        let _turn = self.reservations.turn().await;
        retry_conflicts(async || {
            let product = self.products.read(product_id).await?;
            acting.check(&product.doc)?;
            let stock = self.products.stock_of(&product.id).await?;
            check_expected(expected.as_ref(), product.version, stock.stock)?;
            if stock.stock.reserved > 0 {
                return Err(Problem::precondition("PRODUCT_RESERVED", "some of it is reserved at the moment").into());
            }
            let mut tx = self.products.store.begin();
            tx.delete_expecting::<StockDoc>(&product.id, stock.version);
            tx.delete_expecting::<ProductDoc>(&product.id, product.version);
            tell(&mut tx, &product.doc, ProductChangeKind::Deleted, self.products.clock.now_ms());
            tx.commit().await?;
            Ok(())
        })
        .await
    }

    async fn one(&self, stored: Stored<ProductDoc>) -> Result<Product, Failure> {
        let stock = self.products.stock(&[&stored.id]).await?;
        Ok(to_wire(&stored, stock.get(&stored.id).map(|s| s.stock).unwrap_or_default()))
    }
}

/// Tells those who follow the catalog.
fn tell(tx: &mut store::Tx, doc: &ProductDoc, kind: ProductChangeKind, now_ms: i64) {
    let (product_id, category) = (doc.id.clone(), doc.category.clone());
    let event = ProductEvent { product_id, category, kind: kind.into(), at_unix_ms: now_ms };
    bus::publish(tx, topics::PRODUCT_CHANGED, &doc.id, now_ms, &event);
}

fn change(doc: &mut ProductDoc, request: &ProductChange) -> Result<(), Problem> {
    if let Some(name) = &request.name {
        doc.name = domain::name(name)?;
    }
    if let Some(description) = &request.description {
        doc.description = domain::description(description)?;
    }
    if let Some(category) = &request.category {
        check_category(category)?;
        doc.category.clone_from(category);
    }
    if request.price.is_some() {
        let price = domain::check_price(money_from_proto(request.price.as_ref(), "price")?)?;
        doc.currency = price.currency.code().to_owned();
        doc.price_minor = price.minor;
        doc.comparable_minor = domain::comparable(request.comparable_price.as_ref())?;
    }
    Ok(())
}

/// How a product is drawn: a hand-written piece as it was thought of, any other by chance that its id decides.
fn spec_of(product: &ProductDoc) -> Spec {
    let slug = product.id.trim_start_matches("prd_");
    match pieces().find(|p| p.slug == slug) {
        Some(piece) => piece.picture.clone(),
        None => content::look(&product.category, id::hash(&product.id)),
    }
}

#[tonic::async_trait]
impl CatalogService for Service {
    async fn create_product(&self, request: Request<CreateProductRequest>) -> Result<Response<Product>, Status> {
        Ok(Response::new(self.create(request.into_inner()).await?))
    }

    async fn update_product(&self, request: Request<UpdateProductRequest>) -> Result<Response<Product>, Status> {
        let UpdateProductRequest { change, acting_promoter_id } = request.into_inner();
        Ok(Response::new(self.update(Acting::promoter(acting_promoter_id)?, change).await?))
    }

    async fn update_any_product(&self, request: Request<UpdateAnyProductRequest>) -> Result<Response<Product>, Status> {
        Ok(Response::new(self.update(Acting::Shop, request.into_inner().change).await?))
    }

    async fn delete_product(
        &self,
        request: Request<DeleteProductRequest>,
    ) -> Result<Response<DeleteProductResponse>, Status> {
        let DeleteProductRequest { product_id, acting_promoter_id, expected } = request.into_inner();
        self.delete(Acting::promoter(acting_promoter_id)?, &product_id, expected).await?;
        Ok(Response::new(DeleteProductResponse {}))
    }

    async fn delete_any_product(
        &self,
        request: Request<DeleteAnyProductRequest>,
    ) -> Result<Response<DeleteProductResponse>, Status> {
        let DeleteAnyProductRequest { product_id, expected } = request.into_inner();
        self.delete(Acting::Shop, &product_id, expected).await?;
        Ok(Response::new(DeleteProductResponse {}))
    }

    async fn get_product(&self, request: Request<GetProductRequest>) -> Result<Response<Product>, Status> {
        let id = request.into_inner().product_id;
        check_id("prd", &id, "product_id")?;
        Ok(Response::new(self.one(self.products.read(&id).await?).await?))
    }

    async fn batch_get_products(
        &self,
        request: Request<BatchGetProductsRequest>,
    ) -> Result<Response<BatchGetProductsResponse>, Status> {
        let ids = request.into_inner().product_ids;
        if ids.len() > MAX_BATCH {
            return Err(
                Problem::invalid("product_ids", &format!("at most {MAX_BATCH} ids"), "there are too many ids").into()
            );
        }
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let found = self.products.store.get_many::<ProductDoc>(&ids).await.map_err(Failure::from)?;
        Ok(Response::new(BatchGetProductsResponse { products: self.products.complete(found).await? }))
    }

    async fn list_products(
        &self,
        request: Request<ListProductsRequest>,
    ) -> Result<Response<ListProductsResponse>, Status> {
        let (products, next) = self.finder().list(request.into_inner()).await?;
        Ok(Response::new(ListProductsResponse { products, page: page_info(next) }))
    }

    async fn search_products(
        &self,
        request: Request<SearchProductsRequest>,
    ) -> Result<Response<SearchProductsResponse>, Status> {
        let ((products, next), facets) = self.finder().search(request.into_inner()).await?;
        Ok(Response::new(SearchProductsResponse { products, page: page_info(next), facets }))
    }

    async fn list_categories(
        &self,
        _: Request<ListCategoriesRequest>,
    ) -> Result<Response<ListCategoriesResponse>, Status> {
        let mut categories = Vec::with_capacity(CATEGORIES.len());
        for category in CATEGORIES {
            let query = Query::eq("category", category.slug);
            categories.push(Category {
                slug: category.slug.to_owned(),
                name: category.name.to_owned(),
                description: category.description.to_owned(),
                product_count: self.products.store.count::<ProductDoc>(query).await.map_err(Failure::from)?,
            });
        }
        Ok(Response::new(ListCategoriesResponse { categories }))
    }

    async fn get_picture(&self, request: Request<GetPictureRequest>) -> Result<Response<GetPictureResponse>, Status> {
        let id = request.into_inner().product_id;
        check_id("prd", &id, "product_id")?;
        let product = self.products.read(&id).await?;
        Ok(Response::new(GetPictureResponse { svg: vitrine_shop_pictures::svg(&spec_of(&product.doc), &product.name) }))
    }

    async fn reserve(&self, request: Request<ReserveRequest>) -> Result<Response<Reservation>, Status> {
        let request = request.into_inner();
        check_id("rsv", &request.reservation_id, "reservation_id")?;
        Ok(Response::new(self.reservations.reserve(request).await?))
    }

    async fn release_reservation(
        &self,
        request: Request<ReleaseReservationRequest>,
    ) -> Result<Response<Reservation>, Status> {
        let id = request.into_inner().reservation_id;
        check_id("rsv", &id, "reservation_id")?;
        Ok(Response::new(self.reservations.release(&id).await?))
    }
}
