//! What customers do.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderName, Method};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::Inner;
use crate::arrivals::Journey;
use crate::http::{Answer, Call, Client, Failed, encode};
use crate::shoppers::{Shopper, Tokens, renew_at};
use crate::stats::Ending;

const BAGGAGE: HeaderName = HeaderName::from_static("baggage");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// What people search for.
const WORDS: &[&str] = &[
    "vase",
    "blue",
    "bowl",
    "lamp",
    "hand blown",
    "wine",
    "green glass",
    "bead",
    "workshop",
    "recycled",
    "gift",
    "water",
];
const CURRENCIES: &[&str] = &["EUR", "EUR", "EUR", "EUR", "USD", "GBP", "CZK", "JPY"];
/// Where people live: recipient, street, city, postal code, country.
const HOMES: &[[&str; 5]] = &[
    ["Ada Brenner", "Glashüttenweg 4", "Dresden", "01067", "DE"],
    ["Luc Moreau", "12 rue des Verriers", "Nancy", "54000", "FR"],
    ["Chiara Barovier", "Fondamenta Vetrai 8", "Venezia", "30141", "IT"],
    ["Jana Nováková", "Sklářská 21", "Nový Bor", "473 01", "CZ"],
    ["Tom Whitefriars", "7 Furnace Lane", "Stourbridge", "DY8 1AA", "GB"],
    ["Mei Sato", "3-1-2 Otaru", "Otaru", "047-0031", "JP"],
    ["Grace Corning", "1 Museum Way", "Corning", "14830", "US"],
    ["Pieter de Vries", "Glasblazerstraat 5", "Leerdam", "4141 BJ", "NL"],
];
/// Problem codes that customers bring about.
const REFUSALS: &[&str] = &[
    "CARD_DECLINED",
    "OUT_OF_STOCK",
    "PRODUCT_GONE",
    "EVENT_OVER",
    "ORDER_STATE",
    "ALREADY_DISPATCHED",
    "NOTHING_SHIPPED",
    "RATE_LIMITED",
    "PRODUCT_NOT_FOUND",
];
/// One card in so many is declined.
const DECLINED_ONE_IN: u32 = 50;
/// How often a purchase is asked for again when nobody knows whether it was made.
const RETRIES: u32 = 2;

/// Why a journey ended early: it was noted already.
struct Stopped(Ending);

type Step<T> = Result<T, Stopped>;

/// One customer's visit.
pub(crate) struct Visit {
    inner: Arc<Inner>,
    /// From when the next request counts: the journey's intended beginning, then the end of the request before.
    since: Instant,
    intended: Instant,
    rng: StdRng,
    session: String,
}

impl Visit {
    pub(crate) fn new(inner: Arc<Inner>, intended: Instant, seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let session = format!("session.id={:016x},synthetic_request=true", rng.random::<u64>());
        Self { inner, since: intended, intended, rng, session }
    }

    pub(crate) async fn make(mut self, journey: Journey) {
        let ended = match journey {
            Journey::Browse => self.browse().await,
            Journey::Search => self.search().await,
            Journey::Cart | Journey::BuyOne | Journey::BuyMany | Journey::Return | Journey::Cancel => {
                self.as_customer(journey).await
            }
        };
        let ending = ended.map_or_else(|Stopped(ending)| ending, |()| Ending::Good);
        self.inner.stats.journey(journey.name(), self.intended.elapsed(), ending);
    }

    /// Sends a request and notes how it went; answers only what is good.
    async fn send(&mut self, action: &'static str, call: Call) -> Step<Answer> {
        let sent = self.inner.client.send(call.header(BAGGAGE, &self.session)).await;
        let latency = self.since.elapsed();
        self.since = Instant::now();
        let (ending, result) = match sent {
            Ok(answer) if answer.is_good() => (Ending::Good, Ok(answer)),
            Ok(answer) => {
                let code = answer.code();
                let refused = REFUSALS.contains(&code.as_str());
                if !refused {
                    let kind = format!("{action}: {} {code}", answer.status);
                    self.inner.stats.example(&kind, answer.json()["detail"].as_str().unwrap_or_default());
                }
                let ending = if refused { Ending::Refused } else { Ending::Bad };
                (ending, Err(Stopped(ending)))
            }
            Err(failed) => {
                self.inner.stats.example(&format!("{action}: {}", kind_of(&failed)), &failed.to_string());
                (Ending::Bad, Err(Stopped(Ending::Bad)))
            }
        };
        self.inner.stats.request(action, latency, ending);
        result
    }

    async fn get(&mut self, action: &'static str, path: &str) -> Step<Answer> {
        self.send(action, Call::new(Method::GET, path)).await
    }

    async fn category(&mut self) -> Step<String> {
        let known = self.inner.categories.lock().choose(&mut self.rng).cloned();
        // Somebody has to look first; later most people know what they want.
        if let Some(known) = known.filter(|_| self.rng.random_ratio(2, 3)) {
            return Ok(known);
        }
        let answer = self.get("GET categories", "/api/v1/categories").await?;
        let slugs: Vec<String> = items(&answer).iter().filter_map(|c| c["slug"].as_str().map(str::to_owned)).collect();
        let chosen = slugs.choose(&mut self.rng).cloned().unwrap_or_default();
        *self.inner.categories.lock() = slugs;
        Ok(chosen)
    }

    /// Something to look at, with its category; what is sold out is passed by.
    async fn product(&mut self) -> Step<(String, String)> {
        let category = self.category().await?;
        let answer =
            self.get("GET products", &format!("/api/v1/products?category={}&limit=20", encode(&category))).await?;
        let listed = items(&answer);
        let there: Vec<&Value> = listed.iter().filter(|p| p["available"].as_u64().unwrap_or(0) > 0).collect();
        let id = there.choose(&mut self.rng).and_then(|p| p["id"].as_str()).map(str::to_owned);
        id.map(|id| (id, category)).ok_or(Stopped(Ending::Refused))
    }

    async fn browse(&mut self) -> Step<()> {
        for _ in 0..self.rng.random_range(1..=3) {
            let (id, category) = self.product().await?;
            self.get("GET product", &format!("/api/v1/products/{id}")).await?;
            self.get("GET picture", &format!("/api/v1/products/{id}/picture.svg")).await?;
            self.get("GET recommendations", &format!("/api/v1/recommendations?product_id={id}&limit=4")).await?;
            self.get("GET ads", &format!("/api/v1/ads?context={}", encode(&category))).await?;
        }
        Ok(())
    }

    async fn search(&mut self) -> Step<()> {
        let word = WORDS.choose(&mut self.rng).copied().unwrap_or("vase");
        let answer = self.get("GET search", &format!("/api/v1/products/search?q={}", encode(word))).await?;
        let found = items(&answer);
        if let Some(id) = found.choose(&mut self.rng).and_then(|p| p["id"].as_str()) {
            self.get("GET product", &format!("/api/v1/products/{id}")).await?;
        }
        Ok(())
    }

    async fn as_customer(&mut self, journey: Journey) -> Step<()> {
        let inner = self.inner.clone();
        let mut busy = inner.shoppers.take().await.ok_or(Stopped(Ending::Bad))?;
        let shopper = busy.get().ok_or(Stopped(Ending::Bad))?;
        let token = self.sign_in(shopper, journey == Journey::Return).await?;
        match journey {
            Journey::Return => self.come_back(&token).await,
            Journey::Cart => self.play_with_cart(&token).await,
            Journey::BuyMany => {
                let products = self.rng.random_range(2..=5);
                self.buy(&token, products).await.map(drop)
            }
            Journey::Cancel => {
                let order = self.buy(&token, 1).await?;
                let call = Call::new(Method::POST, &format!("/api/v1/orders/{order}/cancel")).bearer(&token);
                self.send("POST cancel", call.json(&json!({"reason": "changed my mind"}))).await.map(drop)
            }
            _ => self.buy(&token, 1).await.map(drop),
        }
    }

    /// An access token; a returning customer renews it, and who has none signs up or in.
    async fn sign_in(&mut self, shopper: &mut Shopper, renew: bool) -> Step<String> {
        if let Some(tokens) = &shopper.tokens {
            if !renew && Instant::now() < tokens.expires_at {
                return Ok(tokens.access.clone());
            }
            let form = [
                ("grant_type", "refresh_token"),
                ("refresh_token", tokens.refresh.as_str()),
                ("client_id", "vitrine-storefront"),
            ];
            let call = Call::new(Method::POST, "/oauth2/token").form(&form);
            // Whatever comes of it, the old token is used up.
            shopper.tokens = None;
            let answer = self.send("POST token refresh", call).await?;
            return Ok(self.keep_tokens(shopper, &answer));
        }
        if !shopper.signed_up {
            let name = HOMES.choose(&mut self.rng).map_or("Ada", |h| h[0]);
            let body = json!({"email": shopper.email, "password": shopper.password, "display_name": name});
            self.send("POST sign-up", Call::new(Method::POST, "/api/v1/customers").json(&body)).await?;
            shopper.signed_up = true;
        }
        let verifier = URL_SAFE_NO_PAD.encode(self.rng.random::<[u8; 32]>());
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier));
        let form = authorization_form(&challenge, &shopper.email, &shopper.password);
        let answer = self.send("POST sign-in", Call::new(Method::POST, "/oauth2/authorize").form(&form)).await?;
        let code = code_of(&answer).ok_or(Stopped(Ending::Bad))?;
        let answer = self
            .send("POST token", Call::new(Method::POST, "/oauth2/token").form(&token_form(&code, &verifier)))
            .await?;
        Ok(self.keep_tokens(shopper, &answer))
    }

    fn keep_tokens(&self, shopper: &mut Shopper, answer: &Answer) -> String {
        let body = answer.json();
        let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
        let access = text("access_token");
        let expires_at = renew_at(body["expires_in"].as_u64().unwrap_or(0));
        shopper.tokens = Some(Tokens { access: access.clone(), refresh: text("refresh_token"), expires_at });
        access
    }

    async fn add(&mut self, token: &str) -> Step<String> {
        let (id, _) = self.product().await?;
        let body = json!({"product_id": id, "quantity": self.rng.random_range(1..=2)});
        self.send("POST cart item", Call::new(Method::POST, "/api/v1/cart/items").bearer(token).json(&body)).await?;
        Ok(id)
    }

    async fn play_with_cart(&mut self, token: &str) -> Step<()> {
        let id = self.add(token).await?;
        let currency = CURRENCIES.choose(&mut self.rng).copied().unwrap_or("EUR");
        self.send("GET cart", Call::new(Method::GET, &format!("/api/v1/cart?currency={currency}")).bearer(token))
            .await?;
        let path = format!("/api/v1/cart/items/{id}");
        self.send("PUT cart item", Call::new(Method::PUT, &path).bearer(token).json(&json!({"quantity": 3}))).await?;
        self.send("DELETE cart", Call::new(Method::DELETE, "/api/v1/cart").bearer(token)).await.map(drop)
    }

    /// Fills the cart and buys it; answers with the order's id.
    async fn buy(&mut self, token: &str, products: u32) -> Step<String> {
        // What an earlier journey could not buy should not stand in the way of this one.
        self.send("DELETE cart", Call::new(Method::DELETE, "/api/v1/cart").bearer(token)).await?;
        for _ in 0..products {
            self.add(token).await?;
        }
        let [recipient, line1, city, postal_code, country] = *HOMES.choose(&mut self.rng).unwrap_or(&HOMES[0]);
        let address = json!({"recipient": recipient, "line1": line1, "city": city, "postal_code": postal_code, "country": country});
        let currency = CURRENCIES.choose(&mut self.rng).copied().unwrap_or("EUR");
        if self.rng.random_ratio(1, 2) {
            let body = json!({"currency": currency, "address": address});
            self.send("POST quote", Call::new(Method::POST, "/api/v1/checkout/quote").bearer(token).json(&body))
                .await?;
        }
        let declined = self.rng.random_ratio(1, DECLINED_ONE_IN);
        let number = if declined { "4000000000000002" } else { "4242424242424242" };
        let card = json!({"number": number, "expiry_month": 12, "expiry_year": 2034, "cvv": "123"});
        let body = json!({"currency": currency, "address": address, "payment": {"card": card}});
        let key = format!("{:032x}", self.rng.random::<u128>());
        let call = Call::new(Method::POST, "/api/v1/orders").bearer(token).header(IDEMPOTENCY_KEY, &key).json(&body);
        let mut placed = self.send("POST order", call.clone()).await;
        for _ in 0..RETRIES {
            if !matches!(placed, Err(Stopped(Ending::Bad))) {
                break;
            }
            placed = self.send("POST order again", call.clone()).await;
        }
        let order = placed?.json()["id"].as_str().unwrap_or_default().to_owned();
        self.inner.stats.order();
        self.send("GET order", Call::new(Method::GET, &format!("/api/v1/orders/{order}")).bearer(token)).await?;
        Ok(order)
    }

    async fn come_back(&mut self, token: &str) -> Step<()> {
        self.send("GET me", Call::new(Method::GET, "/api/v1/customers/me").bearer(token)).await?;
        let answer = self.send("GET orders", Call::new(Method::GET, "/api/v1/orders?limit=10").bearer(token)).await?;
        let orders = items(&answer);
        if let Some(order) = orders.first().and_then(|o| o["id"].as_str()) {
            self.send("GET order", Call::new(Method::GET, &format!("/api/v1/orders/{order}")).bearer(token)).await?;
            self.send(
                "GET shipment",
                Call::new(Method::GET, &format!("/api/v1/orders/{order}/shipment")).bearer(token),
            )
            .await?;
        }
        self.send("GET mailbox", Call::new(Method::GET, "/api/v1/mailbox?limit=10").bearer(token)).await.map(drop)
    }
}

fn kind_of(failed: &Failed) -> &'static str {
    match failed {
        Failed::Unreachable(_) => "unreachable",
        Failed::Late => "late",
        Failed::TooLong => "too long",
        Failed::Malformed(_) => "malformed",
    }
}

fn items(answer: &Answer) -> Vec<Value> {
    answer.json()["items"].as_array().cloned().unwrap_or_default()
}

fn authorization_form<'a>(challenge: &'a str, email: &'a str, password: &'a str) -> [(&'static str, &'a str); 9] {
    [
        ("response_type", "code"),
        ("client_id", "vitrine-storefront"),
        ("redirect_uri", "http://127.0.0.1/callback"),
        ("scope", "openid offline_access"),
        ("state", "load"),
        ("code_challenge", challenge),
        ("code_challenge_method", "S256"),
        ("email", email),
        ("password", password),
    ]
}

fn token_form<'a>(code: &'a str, verifier: &'a str) -> [(&'static str, &'a str); 5] {
    [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", "http://127.0.0.1/callback"),
        ("client_id", "vitrine-storefront"),
        ("code_verifier", verifier),
    ]
}

fn code_of(answer: &Answer) -> Option<String> {
    let query = answer.header("location")?.split_once('?')?.1;
    query.split('&').find_map(|pair| pair.strip_prefix("code=")).map(str::to_owned)
}

/// Signs somebody in by authorization code with PKCE, as a program without a browser may.
pub async fn sign_in(client: &Client, email: &str, password: &str) -> Result<Value, String> {
    let verifier = URL_SAFE_NO_PAD.encode(rand::rng().random::<[u8; 32]>());
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier));
    let answer = client
        .send(Call::new(Method::POST, "/oauth2/authorize").form(&authorization_form(&challenge, email, password)));
    let answer = answer.await.map_err(|e| e.to_string())?;
    let refused = |answer: &Answer| {
        let body = answer.json();
        body["detail"]
            .as_str()
            .or_else(|| body["error_description"].as_str())
            .unwrap_or("the answer is not one of a shop")
            .to_owned()
    };
    let code = code_of(&answer).ok_or_else(|| refused(&answer))?;
    let answer = client
        .send(Call::new(Method::POST, "/oauth2/token").form(&token_form(&code, &verifier)))
        .await
        .map_err(|e| e.to_string())?;
    if answer.status == 200 { Ok(answer.json()) } else { Err(refused(&answer)) }
}
