//! The contract, translated.

use tonic::{Request, Response, Status};
use vitrine_contracts::Problem;
use vitrine_contracts::carts::v1::carts_service_server::CartsService;
use vitrine_contracts::carts::v1::{AddItemRequest, Cart, ClearCartRequest, GetCartRequest, SetItemRequest};
use vitrine_contracts::catalog::v1::GetProductRequest;
use vitrine_contracts::catalog::v1::catalog_service_client::CatalogServiceClient;
use vitrine_contracts::common::v1::Line as WireLine;
use vitrine_platform_host::{Failure, check_id};
use vitrine_platform_mesh::Transport;
use vitrine_platform_store::{Store, Stored, retry_conflicts};

use crate::domain::{self, Line};
use crate::store::CartDoc;

pub(crate) struct Service {
    pub(crate) store: Store,
    pub(crate) catalog: CatalogServiceClient<Transport>,
}

fn to_wire(customer_id: &str, lines: &[Line], version: u64) -> Cart {
    let lines = lines.iter().map(|l| WireLine { product_id: l.product_id.clone(), quantity: l.quantity }).collect();
    Cart { customer_id: customer_id.to_owned(), lines, version }
}

impl Service {
    async fn read(&self, customer_id: &str) -> Result<Option<Stored<CartDoc>>, Failure> {
        Ok(self.store.get::<CartDoc>(customer_id).await?)
    }

    /// Changes a cart, again if somebody else was quicker. A change that returns false leaves it as it is.
    async fn change(
        &self,
        customer_id: &str,
        change: impl Fn(&mut Vec<Line>, u64) -> Result<bool, Problem>,
    ) -> Result<Cart, Failure> {
        check_id("cus", customer_id, "customer_id")?;
        retry_conflicts(async || {
            let stored = self.read(customer_id).await?;
            let version = stored.as_ref().map_or(0, |s| s.version);
            let empty = || CartDoc { customer_id: customer_id.to_owned(), lines: Vec::new() };
            let mut doc = stored.map_or_else(empty, |s| s.doc);
            if !change(&mut doc.lines, version)? {
                return Ok(to_wire(customer_id, &doc.lines, version));
            }
            let mut tx = self.store.begin();
            let lines = doc.lines.clone();
            if version == 0 {
                tx.insert(&doc)
            } else {
                tx.update(&Stored { doc, version })
            }
            tx.commit().await?;
            Ok(to_wire(customer_id, &lines, version + 1))
        })
        .await
    }
}

#[tonic::async_trait]
impl CartsService for Service {
    async fn get_cart(&self, request: Request<GetCartRequest>) -> Result<Response<Cart>, Status> {
        let customer_id = request.into_inner().customer_id;
        check_id("cus", &customer_id, "customer_id")?;
        let stored = self.read(&customer_id).await?;
        let cart =
            stored.map_or_else(|| to_wire(&customer_id, &[], 0), |s| to_wire(&customer_id, &s.doc.lines, s.version));
        Ok(Response::new(cart))
    }

    async fn add_item(&self, request: Request<AddItemRequest>) -> Result<Response<Cart>, Status> {
        let request = request.into_inner();
        let line =
            request.line.ok_or_else(|| Problem::invalid("line", "a product and a quantity", "the line is missing"))?;
        check_id("prd", &line.product_id, "product_id")?;
        self.catalog.clone().get_product(GetProductRequest { product_id: line.product_id.clone() }).await?;
        let change = |lines: &mut Vec<Line>, _| domain::add(lines, &line.product_id, line.quantity).map(|()| true);
        Ok(Response::new(self.change(&request.customer_id, change).await?))
    }

    async fn set_item(&self, request: Request<SetItemRequest>) -> Result<Response<Cart>, Status> {
        let request = request.into_inner();
        check_id("prd", &request.product_id, "product_id")?;
        if request.quantity > 0 {
            self.catalog.clone().get_product(GetProductRequest { product_id: request.product_id.clone() }).await?;
        }
        let change =
            |lines: &mut Vec<Line>, _| domain::set(lines, &request.product_id, request.quantity).map(|()| true);
        Ok(Response::new(self.change(&request.customer_id, change).await?))
    }

    async fn clear_cart(&self, request: Request<ClearCartRequest>) -> Result<Response<Cart>, Status> {
        let request = request.into_inner();
        let change = |lines: &mut Vec<Line>, version: u64| {
            let clears = !lines.is_empty() && request.expected_version.is_none_or(|expected| expected == version);
            if clears {
                lines.clear();
            }
            Ok(clears)
        };
        Ok(Response::new(self.change(&request.customer_id, change).await?))
    }
}
