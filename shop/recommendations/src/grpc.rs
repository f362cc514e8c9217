//! The contract, translated.

use std::collections::HashSet;

use tonic::{Request, Response, Status};
use vitrine_contracts::Problem;
use vitrine_contracts::catalog::v1::catalog_service_client::CatalogServiceClient;
use vitrine_contracts::catalog::v1::{BatchGetProductsRequest, ListProductsRequest};
use vitrine_contracts::common::v1::PageRequest;
use vitrine_contracts::limits::{DEFAULT_RECOMMENDATIONS, MAX_PAGE, MAX_RECOMMENDATIONS, MAX_RECOMMENDED_FOR};
use vitrine_contracts::recommendations::v1::recommendations_service_server::RecommendationsService;
use vitrine_contracts::recommendations::v1::{RecommendRequest, RecommendResponse, Recommendation};
use vitrine_flags_client::{Handle, Subject};
use vitrine_platform_host::{Failure, check_id};
use vitrine_platform_mesh::Transport;
use vitrine_platform_store::Store;

use crate::domain::{Partners, choose};
use crate::flags::STRATEGY;
use crate::store::TogetherDoc;

/// Most candidates that the catalog is asked about.
const MAX_CANDIDATES: usize = 60;

pub(crate) struct Service {
    pub(crate) store: Store,
    pub(crate) catalog: CatalogServiceClient<Transport>,
    pub(crate) flags: Handle,
}

impl Service {
    /// Leaves those that are still sold, and fills up with what is like the asked ones if it is to.
    async fn complete(
        &self,
        asked: &[String],
        known: Vec<Recommendation>,
        limit: usize,
        fills_up: bool,
    ) -> Result<Vec<Recommendation>, Status> {
        let product_ids = known.iter().map(|r| r.product_id.clone()).chain(asked.iter().cloned()).collect();
        let products = self
            .catalog
            .clone()
            .batch_get_products(BatchGetProductsRequest { product_ids })
            .await?
            .into_inner()
            .products;
        let sold: HashSet<&str> = products.iter().map(|p| p.id.as_str()).collect();
        let mut chosen: Vec<Recommendation> =
            known.into_iter().filter(|r| sold.contains(r.product_id.as_str())).take(limit).collect();
        let mut categories: Vec<&str> =
            products.iter().filter(|p| asked.contains(&p.id)).map(|p| p.category.as_str()).collect();
        categories.dedup();
        for category in categories {
            if !fills_up || chosen.len() >= limit {
                break;
            }
            let size = u32::try_from(limit + asked.len() + chosen.len()).unwrap_or(MAX_PAGE).min(MAX_PAGE);
            let page = Some(PageRequest { size, cursor: String::new() });
            let request = ListProductsRequest { category: category.to_owned(), page, ..ListProductsRequest::default() };
            for product in self.catalog.clone().list_products(request).await?.into_inner().products {
                let fresh = !asked.contains(&product.id) && chosen.iter().all(|r| r.product_id != product.id);
                if fresh && chosen.len() < limit {
                    chosen.push(Recommendation {
                        product_id: product.id,
                        bought_together: 0,
                        reason: "same_category".to_owned(),
                    });
                }
            }
        }
        Ok(chosen)
    }
}

#[tonic::async_trait]
impl RecommendationsService for Service {
    async fn recommend(&self, request: Request<RecommendRequest>) -> Result<Response<RecommendResponse>, Status> {
        let RecommendRequest { product_ids: asked, limit } = request.into_inner();
        if asked.is_empty() || asked.len() > MAX_RECOMMENDED_FOR {
            let expected = format!("1 to {MAX_RECOMMENDED_FOR} ids of products");
            return Err(Problem::invalid("product_id", &expected, "no product is named, or too many are").into());
        }
        for id in &asked {
            check_id("prd", id, "product_id")?;
        }
        let limit = match limit {
            0 => DEFAULT_RECOMMENDATIONS,
            n if n <= MAX_RECOMMENDATIONS => n,
            _ => {
                let expected = format!("1 to {MAX_RECOMMENDATIONS}, or 0 for {DEFAULT_RECOMMENDATIONS}");
                return Err(Problem::invalid("limit", &expected, "so many are not recommended at once").into());
            }
        };
        let limit = usize::try_from(limit).unwrap_or(1);
        let strategy = self.flags.read(&STRATEGY, &Subject::ANYONE);
        // By category alone, nothing that was learnt is looked at.
        let ids: Vec<&str> = asked.iter().map(String::as_str).filter(|_| strategy != "category").collect();
        let learnt = self.store.get_many::<TogetherDoc>(&ids).await.map_err(Failure::from)?;
        let partners: Vec<Partners> = learnt.into_iter().map(|s| s.doc.partners).collect();
        let known: Vec<Recommendation> = choose(&asked, &partners)
            .into_iter()
            .take(MAX_CANDIDATES)
            .map(|(product_id, bought_together)| Recommendation {
                product_id,
                bought_together,
                reason: "bought_together".to_owned(),
            })
            .collect();
        let recommendations = match self.complete(&asked, known.clone(), limit, strategy != "together").await {
            Ok(complete) => complete,
            Err(status) => {
                tracing::warn!(
                    reason = status.message(),
                    "the catalog does not answer: only what was learnt is recommended"
                );
                known.into_iter().take(limit).collect()
            }
        };
        Ok(Response::new(RecommendResponse { recommendations }))
    }
}
