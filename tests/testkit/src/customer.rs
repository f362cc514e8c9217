//! A caller that speaks REST with a shop.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use http::header::CONTENT_TYPE;
use http::{HeaderName, Method};
use rand::Rng;
use serde_json::{Value, json};
use vitrine_shop_load::http::{Call, Client, Response};
use vitrine_shop_load::sign_in;

/// A REST client, with a token or without.
#[derive(Clone, Debug)]
pub struct Api {
    client: Client,
    token: Option<String>,
}

impl Api {
    /// Of a base URL.
    pub fn new(base: &str, token: Option<String>) -> Result<Self> {
        Ok(Self { client: Client::new(base)?, token })
    }

    /// The same with another token.
    pub fn with_token(&self, token: &str) -> Self {
        Self { client: self.client.clone(), token: Some(token.to_owned()) }
    }

    /// The token that requests carry.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// The plain client.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Sends a request as it is, with the token.
    pub async fn send(&self, call: Call) -> Result<Response> {
        let call = match &self.token {
            Some(token) => call.bearer(token),
            None => call,
        };
        Ok(self.client.send(call).await?)
    }

    /// Sends and expects a status.
    pub async fn expect(&self, status: u16, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let call = Call::new(method.clone(), path);
        let call = match body {
            Some(body) => call.json(body),
            None => call,
        };
        let answer = self.send(call).await?;
        let text = String::from_utf8_lossy(&answer.body);
        ensure!(answer.status == status, "{method} {path}: {} instead of {status}: {text}", answer.status);
        Ok(answer.json())
    }

    /// GET that must succeed.
    pub async fn get(&self, path: &str) -> Result<Value> {
        self.expect(200, Method::GET, path, None).await
    }

    /// The rows that an observatory answers to a statement.
    pub async fn sql(&self, statement: &str) -> Result<Vec<Value>> {
        let call = Call::new(Method::POST, "/api/sql").raw(statement).header(CONTENT_TYPE, "application/sql");
        let answer = self.send(call).await?;
        let text = String::from_utf8_lossy(&answer.body);
        ensure!(answer.status == 200, "{statement}: {} {text}", answer.status);
        text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }

    /// Every item of a list, over all pages.
    pub async fn all(&self, path: &str) -> Result<Vec<Value>> {
        let (mut items, mut cursor) = (Vec::new(), String::new());
        let separator = if path.contains('?') { '&' } else { '?' };
        loop {
            let page = self.get(&format!("{path}{separator}limit=100&cursor={cursor}")).await?;
            items.extend(page["items"].as_array().context("a list")?.iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => next.clone_into(&mut cursor),
                None => return Ok(items),
            }
        }
    }
}

/// Someone who buys.
#[derive(Clone, Debug)]
pub struct Customer {
    /// Signed in.
    pub api: Api,
    /// To sign in with again.
    pub email: String,
    /// To sign in with again.
    pub password: String,
}

/// An address in a country.
pub fn address(country: &str) -> Value {
    json!({"recipient": "Ada Brenner", "line1": "Glashüttenweg 4", "city": "Dresden", "postal_code": "01067", "country": country})
}

/// A card that is accepted, or declined.
pub fn card(number: &str) -> Value {
    json!({"number": number, "expiry_month": 12, "expiry_year": 2034, "cvv": "123"})
}

/// The body of a purchase.
pub fn order_body(currency: &str, number: &str) -> Value {
    json!({"currency": currency, "address": address("DE"), "payment": {"card": card(number)}})
}

impl Customer {
    /// Signs up and in.
    pub async fn new(anybody: &Api) -> Result<Self> {
        let email = format!("test-{:016x}@test.vitrine.example", rand::rng().random::<u64>());
        let password = "correct horse battery".to_owned();
        let body = json!({"email": email, "password": password, "display_name": "Ada"});
        anybody.expect(201, Method::POST, "/api/v1/customers", Some(&body)).await?;
        Self::sign_in(anybody, &email, &password).await
    }

    /// Signs in.
    pub async fn sign_in(anybody: &Api, email: &str, password: &str) -> Result<Self> {
        let tokens =
            sign_in(anybody.client(), email, password).await.map_err(|e| anyhow!("{email} could not sign in: {e}"))?;
        let token = tokens["access_token"].as_str().context("a token")?;
        Ok(Self { api: anybody.with_token(token), email: email.to_owned(), password: password.to_owned() })
    }

    /// The same customer, signed in, at another gateway of the same shop.
    pub fn at(&self, gateway: &Api) -> Self {
        Self { api: Api { client: gateway.client.clone(), token: self.api.token.clone() }, ..self.clone() }
    }

    /// Asks for something to be put into the cart.
    pub async fn try_add(&self, product_id: &str, quantity: u32) -> Result<Response> {
        let body = json!({"product_id": product_id, "quantity": quantity});
        self.api.send(Call::new(Method::POST, "/api/v1/cart/items").json(&body)).await
    }

    /// Puts something into the cart.
    pub async fn add(&self, product_id: &str, quantity: u32) -> Result<Value> {
        let answer = self.try_add(product_id, quantity).await?;
        ensure!(answer.status == 200, "{}: {}", answer.status, String::from_utf8_lossy(&answer.body));
        Ok(answer.json())
    }

    /// Asks for a purchase.
    pub async fn ask(&self, key: &str, body: &Value) -> Result<Response> {
        let call = Call::new(Method::POST, "/api/v1/orders")
            .header(HeaderName::from_static("idempotency-key"), key)
            .json(body);
        self.api.send(call).await
    }

    /// Buys what is in the cart.
    pub async fn buy(&self, key: &str, body: &Value) -> Result<Value> {
        let answer = self.ask(key, body).await?;
        ensure!(answer.status == 201, "{}: {}", answer.status, String::from_utf8_lossy(&answer.body));
        Ok(answer.json())
    }

    /// Buys one product with a fresh key, in euros.
    pub async fn buy_one(&self, product_id: &str) -> Result<Value> {
        self.add(product_id, 1).await?;
        self.buy(&format!("{:032x}", rand::rng().random::<u128>()), &order_body("EUR", "4242424242424242")).await
    }
}

/// How long something took.
pub async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let began = Instant::now();
    (work.await, began.elapsed())
}
