//! The contract, translated.

use tonic::{Request, Response, Status};
use vitrine_contracts::Problem;
use vitrine_contracts::carts::v1::carts_service_server::CartsService;
use vitrine_contracts::carts::v1::{
    AddItemRequest, Cart, ClearCartRequest, GetCartRequest, MergeCartRequest, ReleaseCartRequest, SetItemRequest,
    SettleCartRequest, TakeCartRequest,
};
use vitrine_contracts::catalog::v1::GetProductRequest;
use vitrine_contracts::catalog::v1::catalog_service_client::CatalogServiceClient;
use vitrine_contracts::common::v1::Line as WireLine;
use vitrine_flags_client::{Handle, Subject};
use vitrine_kit::clock::Clock;
use vitrine_kit::id;
use vitrine_platform_host::{Failure, check_id};
use vitrine_platform_mesh::Transport;
use vitrine_platform_store::{Store, Stored, retry_conflicts};

use crate::domain::{self, Line, MAX_LINES};
use crate::flags::MOST_LINES;
use crate::store::CartDoc;

pub(crate) struct Service {
    pub(crate) store: Store,
    pub(crate) catalog: CatalogServiceClient<Transport>,
    pub(crate) flags: Handle,
    pub(crate) clock: Clock,
}

fn to_wire(doc: CartDoc, stored_version: u64) -> Cart {
    let version = stored_version.saturating_sub(doc.unseen_writes);
    let purchase_id = doc.purchases.current().unwrap_or_default().to_owned();
    let lines = doc.lines.into_iter().map(|l| WireLine { product_id: l.product_id, quantity: l.quantity }).collect();
    Cart { customer_id: doc.customer_id, lines, version, purchase_id }
}

/// Who has a cart: a customer or a guest.
fn check_owner(id: &str) -> Result<(), Problem> {
    if is_guest(id) { Ok(()) } else { check_id("cus", id, "customer_id").map(drop) }
}

fn is_guest(id: &str) -> bool {
    id::is_valid("gst", id)
}

/// What a purchase is about: its customer, its id, and lines that a cart may hold.
fn check_purchase(customer_id: &str, purchase_id: &str, lines: Vec<WireLine>) -> Result<Vec<Line>, Problem> {
    check_id("cus", customer_id, "customer_id")?;
    check_id("ord", purchase_id, "purchase_id")?;
    let mut checked = Vec::new();
    for line in lines {
        domain::add(&mut checked, &line.product_id, line.quantity)?;
    }
    Ok(checked)
}

impl Service {
    /// How many different products this customer's cart takes.
    fn most_lines(&self, customer_id: &str) -> usize {
        let most = self.flags.read(&MOST_LINES, &Subject::customer(customer_id));
        usize::try_from(most).unwrap_or(1).clamp(1, MAX_LINES)
    }

    async fn read(&self, customer_id: &str) -> Result<Stored<CartDoc>, Failure> {
        check_owner(customer_id)?;
        let empty = || {
            let doc = CartDoc { customer_id: customer_id.to_owned(), ..CartDoc::default() };
            Stored { doc, version: 0 }
        };
        Ok(self.store.get::<CartDoc>(customer_id).await?.unwrap_or_else(empty))
    }

    /// Changes a cart, again if another caller was quicker. A change that returns false leaves it as it is.
    async fn change(
        &self,
        customer_id: &str,
        change: impl Fn(&mut CartDoc) -> Result<bool, Problem>,
    ) -> Result<Response<Cart>, Status> {
        let changed = retry_conflicts(async || {
            let Stored { mut doc, version } = self.read(customer_id).await?;
            let before = doc.lines.clone();
            if !change(&mut doc)? {
                return Ok::<_, Failure>(to_wire(doc, version));
            }
            doc.unseen_writes += u64::from(doc.lines == before);
            doc.guest_at = is_guest(customer_id).then(|| self.clock.now_ms());
            let mut tx = self.store.begin();
            if version == 0 {
                tx.insert(&doc)
            } else {
                tx.update(&Stored { doc: doc.clone(), version })
            }
            tx.commit().await?;
            Ok(to_wire(doc, version + 1))
        });
        Ok(Response::new(changed.await?))
    }

    /// The same for the cart of a customer who was not erased.
    async fn change_living(
        &self,
        customer_id: &str,
        change: impl Fn(&mut CartDoc) -> Result<bool, Problem>,
    ) -> Result<Response<Cart>, Status> {
        let refuse_erased = |doc: &mut CartDoc| {
            if doc.erased { Err(Problem::not_found("there is no such customer")) } else { change(doc) }
        };
        self.change(customer_id, refuse_erased).await
    }
}

#[tonic::async_trait]
impl CartsService for Service {
    async fn get_cart(&self, request: Request<GetCartRequest>) -> Result<Response<Cart>, Status> {
        let Stored { doc, version } = self.read(&request.into_inner().customer_id).await?;
        Ok(Response::new(to_wire(doc, version)))
    }

    async fn add_item(&self, request: Request<AddItemRequest>) -> Result<Response<Cart>, Status> {
        let request = request.into_inner();
        let line =
            request.line.ok_or_else(|| Problem::invalid("line", "a product and a quantity", "the line is missing"))?;
        check_id("prd", &line.product_id, "product_id")?;
        self.catalog.clone().get_product(GetProductRequest { product_id: line.product_id.clone() }).await?;
        let most = self.most_lines(&request.customer_id);
        let add = |doc: &mut CartDoc| {
            domain::check_room(&doc.lines, &line.product_id, most)?;
            domain::add(&mut doc.lines, &line.product_id, line.quantity).map(|()| true)
        };
        self.change_living(&request.customer_id, add).await
    }

    async fn set_item(&self, request: Request<SetItemRequest>) -> Result<Response<Cart>, Status> {
        let request = request.into_inner();
        check_id("prd", &request.product_id, "product_id")?;
        if request.quantity > 0 {
            self.catalog.clone().get_product(GetProductRequest { product_id: request.product_id.clone() }).await?;
        }
        let most = self.most_lines(&request.customer_id);
        let set = |doc: &mut CartDoc| {
            if request.quantity > 0 {
                domain::check_room(&doc.lines, &request.product_id, most)?;
            }
            domain::set(&mut doc.lines, &request.product_id, request.quantity).map(|()| true)
        };
        self.change_living(&request.customer_id, set).await
    }

    async fn clear_cart(&self, request: Request<ClearCartRequest>) -> Result<Response<Cart>, Status> {
        let clear = |doc: &mut CartDoc| Ok(!std::mem::take(&mut doc.lines).is_empty());
        self.change_living(&request.into_inner().customer_id, clear).await
    }

    async fn merge_cart(&self, request: Request<MergeCartRequest>) -> Result<Response<Cart>, Status> {
        let MergeCartRequest { guest_id, customer_id } = request.into_inner();
        check_id("gst", &guest_id, "guest_id")?;
        check_id("cus", &customer_id, "customer_id")?;
        let most = self.most_lines(&customer_id);
        let merged = retry_conflicts(async || {
            let (mut guest, mut own) = (self.read(&guest_id).await?, self.read(&customer_id).await?);
            if own.erased {
                return Err(Failure::from(Problem::not_found("there is no such customer")));
            }
            let before = own.lines.clone();
            domain::merge(&mut own.doc.lines, &mut guest.doc.lines, most);
            let mut tx = self.store.begin();
            if own.lines != before {
                if own.version == 0 { tx.insert(&own.doc) } else { tx.update(&own) }
            }
            match (guest.version, guest.lines.is_empty()) {
                (0, _) => {}
                (version, true) => tx.delete_expecting::<CartDoc>(&guest_id, version),
                (_, false) => tx.update(&guest),
            }
            let version = own.version + u64::from(own.lines != before);
            tx.commit().await?;
            Ok(to_wire(own.doc, version))
        });
        Ok(Response::new(merged.await?))
    }

    async fn take_cart(&self, request: Request<TakeCartRequest>) -> Result<Response<Cart>, Status> {
        let TakeCartRequest { customer_id, purchase_id, lines } = request.into_inner();
        let wanted = check_purchase(&customer_id, &purchase_id, lines)?;
        if wanted.is_empty() {
            return Err(Problem::invalid("lines", "at least one line", "the purchase is of nothing").into());
        }
        let take = |doc: &mut CartDoc| doc.purchases.take(&doc.lines, &purchase_id, &wanted);
        self.change_living(&customer_id, take).await
    }

    async fn release_cart(&self, request: Request<ReleaseCartRequest>) -> Result<Response<Cart>, Status> {
        let ReleaseCartRequest { customer_id, purchase_id } = request.into_inner();
        check_purchase(&customer_id, &purchase_id, Vec::new())?;
        self.change(&customer_id, |doc| Ok(!doc.erased && doc.purchases.release(&purchase_id))).await
    }

    async fn settle_cart(&self, request: Request<SettleCartRequest>) -> Result<Response<Cart>, Status> {
        let SettleCartRequest { customer_id, purchase_id, lines } = request.into_inner();
        let bought = check_purchase(&customer_id, &purchase_id, lines)?;
        let settle = |doc: &mut CartDoc| Ok(!doc.erased && doc.purchases.settle(&mut doc.lines, &purchase_id, &bought));
        self.change(&customer_id, settle).await
    }
}
