//! The catalog as shoppers walk through it: a moment old, and shared by all gateways.
//!
//! What is read here is shown, never decided by: carts, checkout and stock ask the catalog itself. One who sells sees what is, for an
//! ETag of a moment ago would be refused.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use prost::Message;
use tonic::{Response, Status};
use vitrine_contracts::catalog::v1::catalog_service_client::CatalogServiceClient;
use vitrine_contracts::catalog::v1::{
    GetPictureRequest, GetPictureResponse, GetProductRequest, ListCategoriesRequest, ListCategoriesResponse,
    ListProductsRequest, ListProductsResponse, Product, SearchProductsRequest, SearchProductsResponse,
};
use vitrine_contracts::orders::v1::Order;
use vitrine_contracts::recommendations::v1::recommendations_service_client::RecommendationsServiceClient;
use vitrine_contracts::recommendations::v1::{RecommendRequest, RecommendResponse};
use vitrine_platform_cache::{Cache, Key};
use vitrine_platform_mesh::Transport;

use crate::guard::sells;

/// How old a price, a description or a stock may be that a shopper is shown. What is changed through a gateway is seen at once.
const BROWSE_TTL: Duration = Duration::from_secs(1);
/// The tag of everything that lists products.
const LISTS: &str = "lists";

type Catalog = CatalogServiceClient<Transport>;
type Recommendations = RecommendationsServiceClient<Transport>;

/// Who looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    /// Anybody: sees what was a moment ago.
    Shopper,
    /// Someone who sells: sees what is.
    Seller,
}

impl<S: Send + Sync> FromRequestParts<S> for Reader {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(if sells(&parts.extensions) { Self::Seller } else { Self::Shopper })
    }
}

/// Reads the catalog, and what goes with its products.
pub(crate) struct Browse {
    cache: Cache,
    catalog: Catalog,
    recommendations: Recommendations,
}

impl Browse {
    pub(crate) fn new(cache: Cache, catalog: Catalog, recommendations: Recommendations) -> Self {
        Self { cache, catalog, recommendations }
    }

    /// A product.
    pub(crate) async fn product(&self, reader: Reader, product_id: String) -> Result<Product, Status> {
        let tag = product_id.clone();
        let ask = |mut catalog: Catalog, request| async move { catalog.get_product(request).await };
        self.read(reader, &self.catalog, "product", &tag, GetProductRequest { product_id }, ask).await
    }

    /// A product's picture.
    pub(crate) async fn picture(&self, reader: Reader, product_id: String) -> Result<GetPictureResponse, Status> {
        let tag = product_id.clone();
        let ask = |mut catalog: Catalog, request| async move { catalog.get_picture(request).await };
        self.read(reader, &self.catalog, "picture", &tag, GetPictureRequest { product_id }, ask).await
    }

    /// A page of products.
    pub(crate) async fn list(
        &self,
        reader: Reader,
        request: ListProductsRequest,
    ) -> Result<ListProductsResponse, Status> {
        let ask = |mut catalog: Catalog, request| async move { catalog.list_products(request).await };
        self.read(reader, &self.catalog, "list", LISTS, request, ask).await
    }

    /// A page of products by words.
    pub(crate) async fn search(
        &self,
        reader: Reader,
        request: SearchProductsRequest,
    ) -> Result<SearchProductsResponse, Status> {
        let ask = |mut catalog: Catalog, request| async move { catalog.search_products(request).await };
        self.read(reader, &self.catalog, "search", LISTS, request, ask).await
    }

    /// What goes with products.
    pub(crate) async fn recommendations(
        &self,
        reader: Reader,
        request: RecommendRequest,
    ) -> Result<RecommendResponse, Status> {
        let ask = |mut client: Recommendations, request| async move { client.recommend(request).await };
        self.read(reader, &self.recommendations, "recommendations", LISTS, request, ask).await
    }

    /// All categories.
    pub(crate) async fn categories(&self, reader: Reader) -> Result<ListCategoriesResponse, Status> {
        let ask = |mut catalog: Catalog, request| async move { catalog.list_categories(request).await };
        self.read(reader, &self.catalog, "categories", LISTS, ListCategoriesRequest {}, ask).await
    }

    async fn read<C, Q, A, F>(
        &self,
        reader: Reader,
        client: &C,
        kind: &'static str,
        tag: &str,
        question: Q,
        ask: impl Fn(C, Q) -> F,
    ) -> Result<A, Status>
    where
        C: Clone,
        Q: Message + Clone,
        A: Message + Default,
        F: Future<Output = Result<Response<A>, Status>> + Send + 'static,
    {
        let asking = || ask(client.clone(), question.clone());
        if reader == Reader::Seller {
            return Ok(asking().await?.into_inner());
        }
        let id = question.encode_to_vec();
        let load = || {
            let asking = asking();
            async move { Ok(asking.await?.into_inner().encode_to_vec().into()) }
        };
        let found = self.cache.get_or_load(Key { kind, id: &id, tag }, BROWSE_TTL, load).await?;
        match A::decode(found) {
            Ok(answer) => Ok(answer),
            // Another's hand was in the cache.
            Err(_) => Ok(asking().await?.into_inner()),
        }
    }

    /// After a seller has changed something, or has tried to: an answer that did not come says nothing about what was done.
    pub(crate) async fn changed(&self, product_id: &str) {
        self.cache.invalidate(&[product_id, LISTS]).await;
    }

    /// After a seller has made something, or has tried to.
    pub(crate) async fn listed(&self) {
        self.cache.invalidate(&[LISTS]).await;
    }

    /// After another process has moved the stock of a product: an event has said so.
    pub(crate) async fn moved_elsewhere(&self, product_id: &str) {
        self.cache.invalidate(&[product_id]).await;
    }

    /// After an order's stock has moved. Lists keep their figures for a moment: orders come all the time.
    pub(crate) async fn moved(&self, order: &Order) {
        let products: Vec<&str> = order.lines.iter().map(|line| line.product_id.as_str()).collect();
        self.cache.invalidate(&products).await;
    }
}
