//! What customers do.

use http::{HeaderName, Method};
use rand::Rng;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};
use vitrine_kit::percent;

use crate::arrivals::Journey;
use crate::http::{Call, Response};
use crate::people;
use crate::stats::Ending;
use crate::visit::{Step, Stopped, Visit};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// One card in so many is declined.
const DECLINED_ONE_IN: u32 = 50;
/// One in so many customers asks again when no one knows whether the purchase was made; the others give up.
const RETRIED_ONE_IN: u32 = 10;
/// How often such a customer asks again.
const RETRIES: u32 = 2;

impl Visit {
    /// The whole journey.
    pub(crate) async fn travel(&mut self, journey: Journey) -> Step<()> {
        match journey {
            Journey::Browse => self.browse().await,
            Journey::Search => self.search().await,
            Journey::Cart | Journey::BuyOne | Journey::BuyMany | Journey::Return | Journey::Cancel => {
                self.as_customer(journey).await
            }
        }
    }

    async fn category(&mut self) -> Step<String> {
        // Drawn in any case: what a seed makes of a customer should not depend on who was quicker.
        let (choice, knows) = (self.rng.random::<u32>(), self.rng.random_ratio(2, 3));
        let choose = |slugs: &[String]| slugs.get(choice as usize % slugs.len().max(1)).cloned();
        let known = choose(&self.inner.categories.lock());
        // Someone has to look first; later most people know what they want.
        if let Some(known) = known.filter(|_| knows) {
            return Ok(known);
        }
        let answer = self.get("GET categories", "/api/v1/categories").await?;
        let slugs: Vec<String> = items(&answer).iter().filter_map(|c| c["slug"].as_str().map(str::to_owned)).collect();
        let chosen = choose(&slugs).unwrap_or_default();
        *self.inner.categories.lock() = slugs;
        Ok(chosen)
    }

    /// Something to look at, with its category; what is sold out is passed by.
    async fn product(&mut self) -> Step<(String, String)> {
        let category = self.category().await?;
        let path = format!("/api/v1/products?category={}&limit=20", percent::encode(&category));
        let listed = items(&self.get("GET products", &path).await?);
        let there: Vec<&Value> = listed.iter().filter(|p| p["available"].as_u64().unwrap_or(0) > 0).collect();
        let id = there.choose(&mut self.rng).and_then(|p| p["id"].as_str()).map(str::to_owned);
        let site = self.inner.site.as_ref().filter(|site| site.is_armed());
        let id = site.and_then(|site| crate::faulted::hot(site, &mut self.rng)).or(id);
        id.map(|id| (id, category)).ok_or(Stopped::by(Ending::Refused))
    }

    async fn browse(&mut self) -> Step<()> {
        for _ in 0..self.rng.random_range(1..=3) {
            let (id, category) = self.product().await?;
            let id = percent::encode(&id);
            self.get("GET product", &format!("/api/v1/products/{id}")).await?;
            self.get("GET picture", &format!("/api/v1/products/{id}/picture.svg")).await?;
            self.get("GET recommendations", &format!("/api/v1/recommendations?product_id={id}&limit=4")).await?;
            self.get("GET ads", &format!("/api/v1/ads?context={}", percent::encode(&category))).await?;
        }
        Ok(())
    }

    async fn search(&mut self) -> Step<()> {
        let word = people::word(&mut self.rng);
        let answer = self.get("GET search", &format!("/api/v1/products/search?q={}", percent::encode(word))).await?;
        let found = items(&answer);
        if let Some(id) = found.choose(&mut self.rng).and_then(|p| p["id"].as_str()) {
            self.get("GET product", &format!("/api/v1/products/{}", percent::encode(id))).await?;
        }
        Ok(())
    }

    async fn as_customer(&mut self, journey: Journey) -> Step<()> {
        let inner = self.inner.clone();
        let mut busy = inner.shoppers.take().await.ok_or(Stopped::by(Ending::Bad))?;
        let shopper = busy.get().ok_or(Stopped::by(Ending::Bad))?;
        let token = self.sign_in(shopper, journey == Journey::Return).await?;
        let done = self.signed_in(journey, &token).await;
        if done.is_err_and(Stopped::is_unauthorized) {
            shopper.sign_out();
        }
        done
    }

    async fn signed_in(&mut self, journey: Journey, token: &str) -> Step<()> {
        match journey {
            Journey::Return => self.come_back(token).await,
            Journey::Cart => self.play_with_cart(token).await,
            Journey::BuyMany => {
                let products = self.rng.random_range(2..=5);
                self.buy(token, products).await.map(drop)
            }
            Journey::Cancel => {
                let order = self.buy(token, 1).await?;
                let call = Call::new(Method::POST, &format!("/api/v1/orders/{order}/cancel")).bearer(token);
                self.send("POST cancel", call.json(&json!({"reason": "changed my mind"}))).await.map(drop)
            }
            Journey::BuyOne | Journey::Browse | Journey::Search => self.buy(token, 1).await.map(drop),
        }
    }

    async fn add(&mut self, token: &str) -> Step<String> {
        let (id, _) = self.product().await?;
        let body = json!({"product_id": id, "quantity": self.rng.random_range(1..=2)});
        self.send("POST cart item", Call::new(Method::POST, "/api/v1/cart/items").bearer(token).json(&body)).await?;
        Ok(id)
    }

    async fn play_with_cart(&mut self, token: &str) -> Step<()> {
        let id = self.add(token).await?;
        let path = format!("/api/v1/cart?currency={}", people::currency(&mut self.rng));
        self.send("GET cart", Call::new(Method::GET, &path).bearer(token)).await?;
        let path = format!("/api/v1/cart/items/{}", percent::encode(&id));
        self.send("PUT cart item", Call::new(Method::PUT, &path).bearer(token).json(&json!({"quantity": 3}))).await?;
        self.send("DELETE cart item", Call::new(Method::DELETE, &path).bearer(token)).await.map(drop)
    }

    /// Fills the cart and buys it; returns the order's id.
    async fn buy(&mut self, token: &str, products: u32) -> Step<String> {
        // What an earlier journey could not buy should not stand in the way of this one.
        self.send("DELETE cart", Call::new(Method::DELETE, "/api/v1/cart").bearer(token)).await?;
        for _ in 0..products {
            self.add(token).await?;
        }
        let address = people::address(&mut self.rng);
        let currency = people::currency(&mut self.rng);
        if self.rng.random_ratio(1, 2) {
            let body = json!({"currency": currency, "address": address});
            self.send("POST quote", Call::new(Method::POST, "/api/v1/checkout/quote").bearer(token).json(&body))
                .await?;
        }
        let declining = self.rng.random_ratio(1, DECLINED_ONE_IN);
        let body = json!({"currency": currency, "address": address, "payment": {"card": people::card(declining)}});
        let answer = self.order(token, &body, declining).await?;
        self.inner.stats.order();
        let order = percent::encode(answer.json()["id"].as_str().unwrap_or_default());
        self.send("GET order", Call::new(Method::GET, &format!("/api/v1/orders/{order}")).bearer(token)).await?;
        Ok(order)
    }

    /// Asks for a purchase, perhaps again with the same key.
    async fn order(&mut self, token: &str, body: &Value, declining: bool) -> Step<Response> {
        // Fresh whatever the seed, for the same load may come twice to the same shop.
        let key = format!("{:032x}", rand::rng().random::<u128>());
        let call = Call::new(Method::POST, "/api/v1/orders").bearer(token).header(IDEMPOTENCY_KEY, &key).json(body);
        let mut placed = self.ask("POST order", call.clone(), declining).await;
        if placed.as_ref().is_err_and(|s| s.is_open()) && self.rng.random_ratio(1, RETRIED_ONE_IN) {
            for _ in 0..RETRIES {
                placed = self.ask("POST order again", call.clone(), declining).await;
                if !placed.as_ref().is_err_and(|s| s.is_open()) {
                    break;
                }
            }
        }
        placed
    }

    async fn come_back(&mut self, token: &str) -> Step<()> {
        self.send("GET me", Call::new(Method::GET, "/api/v1/customers/me").bearer(token)).await?;
        let answer = self.send("GET orders", Call::new(Method::GET, "/api/v1/orders?limit=10").bearer(token)).await?;
        let orders = items(&answer);
        if let Some(id) = orders.first().and_then(|o| o["id"].as_str()) {
            let path = format!("/api/v1/orders/{}", percent::encode(id));
            self.send("GET order", Call::new(Method::GET, &path).bearer(token)).await?;
            self.send("GET shipment", Call::new(Method::GET, &format!("{path}/shipment")).bearer(token)).await?;
        }
        self.send("GET mailbox", Call::new(Method::GET, "/api/v1/mailbox?limit=10").bearer(token)).await.map(drop)
    }
}

fn items(answer: &Response) -> Vec<Value> {
    answer.json()["items"].as_array().cloned().unwrap_or_default()
}
