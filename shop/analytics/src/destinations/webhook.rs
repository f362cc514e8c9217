//! Anyone's own receiver: a JSON array, signed as Stripe signs its webhooks.

use hmac::{Hmac, Mac};
use http::{HeaderName, HeaderValue};
use serde_json::Value;
use sha2::Sha256;
use vitrine_platform_fetch::Request;

use super::{Destination, JSON, Outgoing, Parcel, chunks};

/// Most messages of one request.
const MOST: usize = 100;
const SIGNATURE: HeaderName = HeaderName::from_static("x-vitrine-signature");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

pub(super) struct Webhook {
    pub(super) url: String,
    pub(super) secret: String,
}

impl Destination for Webhook {
    fn translate(&self, parcel: &Parcel, now_ms: i64) -> Vec<Outgoing> {
        let messages = parcel.messages.iter().map(|message| message.0.clone()).collect();
        let request = |(part, messages): (usize, Vec<Value>)| {
            let body = Value::Array(messages).to_string();
            let signature = format!("t={},v1={}", now_ms / 1000, sign(&self.secret, now_ms / 1000, &body));
            let mut request = Request::post(&self.url, JSON, body);
            let key = format!("{}-{part}", parcel.id);
            for (name, value) in [(SIGNATURE, signature), (IDEMPOTENCY_KEY, key)] {
                request = match HeaderValue::from_str(&value) {
                    Ok(value) => request.with_header(name, value),
                    Err(_) => request,
                };
            }
            Outgoing::Request(request)
        };
        chunks(messages, MOST).into_iter().enumerate().map(request).collect()
    }
}

/// The signature over the time and the body, in hexadecimal.
pub(super) fn sign(secret: &str, at_s: i64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key of any length is taken");
    mac.update(format!("{at_s}.").as_bytes());
    mac.update(body.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}
