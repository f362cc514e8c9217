//! What people do in a shop while telemetry is looked at: always the same, so that before, during and after can be compared.

use anyhow::{Context, Result, ensure};
use http::Method;
use http::header::IF_MATCH;
use rand::Rng;
use serde_json::{Value, json};
use vitrine_shop_load::http::Call;
use vitrine_tests_testkit::{Api, Customer, Shop, eventually, order_body};

/// Requests of a round.
const CALLS: usize = 6;
/// Purchases of a round.
const PURCHASES: usize = 2;
/// Requests of those who come by themselves, that make a round.
const COME: u64 = 80;
const CARD: &str = "4242424242424242";
const PRODUCT: &str = "prd_dawn-vase";

/// What a round consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drive {
    /// Advertisements are asked for.
    Ads,
    /// Something is put into a cart, and the cart is looked at.
    Cart,
    /// A cart's price is asked for.
    Quote,
    /// A product is looked at.
    Product,
    /// A product is changed, and looked at.
    Sell,
    /// Something is bought.
    Buy,
    /// People come by themselves, and are waited for.
    Watch,
}

/// Those who do it.
pub(crate) struct People {
    anybody: Api,
    seller: Api,
    customer: Customer,
    observatory: Api,
}

impl People {
    pub(crate) async fn of(shop: &Shop) -> Result<Self> {
        let anybody = shop.anybody()?;
        let customer = Customer::new(&anybody).await?;
        // So that there is a price to ask for.
        customer.add(PRODUCT, 1).await?;
        Ok(Self { anybody, seller: shop.admin()?, customer, observatory: shop.observatory()? })
    }

    /// Makes a round that begins at `from_ns`. What comes of it telemetry says: here an error is as good as an answer.
    pub(crate) async fn round(&self, drive: Drive, from_ns: i64) -> Result<()> {
        match drive {
            Drive::Watch => return self.watched(from_ns).await,
            Drive::Buy => {
                for _ in 0..PURCHASES {
                    self.buy().await;
                }
            }
            _ => {
                for _ in 0..CALLS {
                    self.ask(drive).await?;
                }
            }
        }
        Ok(())
    }

    async fn ask(&self, drive: Drive) -> Result<()> {
        let product = format!("/api/v1/products/{PRODUCT}");
        match drive {
            Drive::Ads => passed(&self.anybody, Call::new(Method::GET, "/api/v1/ads")).await,
            Drive::Product => passed(&self.anybody, Call::new(Method::GET, &product)).await,
            Drive::Cart => {
                let item = json!({"product_id": PRODUCT, "quantity": 1});
                passed(&self.customer.api, Call::new(Method::POST, "/api/v1/cart/items").json(&item)).await;
                passed(&self.customer.api, Call::new(Method::GET, "/api/v1/cart")).await;
            }
            Drive::Quote => {
                let mut body = order_body("EUR", CARD);
                body.as_object_mut().context("an object")?.remove("payment");
                passed(&self.customer.api, Call::new(Method::POST, "/api/v1/checkout/quote").json(&body)).await;
            }
            Drive::Sell => {
                let restocked = Call::new(Method::PATCH, &product).header(IF_MATCH, "*").json(&json!({"restock": 1}));
                let answer = self.seller.send(restocked).await?;
                let said = String::from_utf8_lossy(&answer.body);
                ensure!(answer.status == 200, "the product is not changed: {} {said}", answer.status);
                passed(&self.anybody, Call::new(Method::GET, &product)).await;
            }
            Drive::Buy | Drive::Watch => {}
        }
        Ok(())
    }

    async fn buy(&self) {
        // Before a cart is full it is bought; what was refused stays in it, and does not matter.
        drop(self.customer.try_add(PRODUCT, 1).await);
        let key = format!("{:032x}", rand::rng().random::<u128>());
        drop(self.customer.ask(&key, &order_body("EUR", CARD)).await);
    }

    /// Waits until enough people have come since then.
    async fn watched(&self, from_ns: i64) -> Result<()> {
        let come = format!(
            "SELECT count(*) AS n FROM spans WHERE time >= to_timestamp_nanos({from_ns}) AND service = 'gateway' AND kind = 'server'"
        );
        eventually("people come", async || {
            let rows = self.observatory.sql(&come).await?;
            let n = rows.first().and_then(|row| row["n"].as_u64()).unwrap_or(0);
            Ok((n >= COME).then_some(()))
        })
        .await
    }
}

async fn passed(api: &Api, call: Call) {
    drop(api.send(call).await);
}

/// The first cell of the first row, as a number; none where nothing was measured.
pub(crate) fn number(rows: &[Value]) -> Option<f64> {
    let cell = rows.first()?.as_object()?.values().next()?;
    // Decimals of many digits come as texts.
    cell.as_f64().or_else(|| cell.as_str()?.parse().ok())
}
