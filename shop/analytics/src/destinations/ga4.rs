//! Google Analytics 4, by the Measurement Protocol.
//!
//! Source: Google's documentation of the Measurement Protocol (protocol reference, events, limitations) and of recommended events.

use serde_json::{Map, Value, json};
use vitrine_contracts::Problem;
use vitrine_kit::percent;
use vitrine_platform_fetch::Request;

use super::{Destination, JSON, Outgoing, Parcel, options};
use crate::consent;
use crate::message::Message;
use crate::store::DestinationDoc;

/// The longest name of an event or a parameter, the longest value, and most parameters and items of an event.
const MAX_NAME: usize = 40;
const MAX_VALUE: usize = 100;
const MAX_PARAMS: usize = 25;
const MAX_ITEMS: usize = 200;
/// How old an event may be, in milliseconds: three days.
const MAX_AGE_MS: i64 = 72 * 3_600_000;
/// What an event needs to be seen in real time, in milliseconds.
const ENGAGED_MS: i64 = 1;
/// How the names begin that are Google's own.
const RESERVED: &[&str] = &["ga_", "google_", "firebase_", "_"];

/// What Segment's specification of shops calls an event, and what Google does.
const NAMES: &[(&str, &str)] = &[
    ("Product Viewed", "view_item"),
    ("Product Clicked", "select_item"),
    ("Product List Viewed", "view_item_list"),
    ("Products Searched", "search"),
    ("Product Added", "add_to_cart"),
    ("Product Removed", "remove_from_cart"),
    ("Product Added to Wishlist", "add_to_wishlist"),
    ("Cart Viewed", "view_cart"),
    ("Checkout Started", "begin_checkout"),
    ("Payment Info Entered", "add_payment_info"),
    ("Order Completed", "purchase"),
    ("Order Refunded", "refund"),
    ("Promotion Viewed", "view_promotion"),
    ("Promotion Clicked", "select_promotion"),
    ("Signed Up", "sign_up"),
    ("Signed In", "login"),
];

pub(super) struct Ga4 {
    url: String,
}

/// Refuses what is no measurement id.
pub(super) fn check(doc: &DestinationDoc) -> Result<(), Problem> {
    let rest = doc.measurement_id.strip_prefix("G-").unwrap_or_default();
    let is_one = (4..=20).contains(&rest.len()) && rest.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    is_one.then_some(()).ok_or_else(|| {
        Problem::invalid("destination.measurement_id", "an id such as G-ABC123DEF4", "the measurement id is malformed")
    })
}

impl Ga4 {
    pub(super) fn new(base: &str, doc: &DestinationDoc) -> Self {
        let (id, secret) = (percent::encode(&doc.measurement_id), percent::encode(&doc.secret));
        let base = base.trim_end_matches('/');
        Self { url: format!("{base}/mp/collect?measurement_id={id}&api_secret={secret}") }
    }
}

impl Destination for Ga4 {
    /// A request for each event, because the time is said for a request.
    fn translate(&self, parcel: &Parcel, now_ms: i64) -> Vec<Outgoing> {
        let fresh = parcel.messages.iter().filter(|message| message.at_ms() > now_ms - MAX_AGE_MS);
        let bodies = fresh.filter_map(|message| Some(body(message, event(message)?)));
        bodies.map(|body| Outgoing::Request(Request::post(&self.url, JSON, body.to_string()))).collect()
    }
}

fn body(message: &Message, event: Value) -> Value {
    let said = &options(message, "ga4")["clientId"];
    let client_id = said.as_str().or(message.anonymous_id()).unwrap_or(message.subject());
    let granted = |category| if consent::agrees(&message.0["context"], &[category]) { "GRANTED" } else { "DENIED" };
    let mut body = json!({
        "client_id": client_id,
        "timestamp_micros": message.at_ms() * 1000,
        "consent": {"ad_user_data": granted("advertising"), "ad_personalization": granted("advertising")},
        "events": [event],
    });
    if let Some(user_id) = message.user_id() {
        body["user_id"] = json!(user_id);
    }
    body
}

/// The event; none for what Google has no event for.
fn event(message: &Message) -> Option<Value> {
    let known = NAMES.iter().find(|(name, _)| *name == message.name());
    let name = match message.kind() {
        "track" => known.map_or_else(|| plain(message.name()), |(_, name)| (*name).to_owned()),
        "page" => "page_view".to_owned(),
        "screen" => "screen_view".to_owned(),
        _ => return None,
    };
    let mut params = Map::new();
    let session = options(message, "ga4")["sessionId"].as_str().or(message.session_id());
    if let Some(session) = session {
        params.insert("session_id".to_owned(), json!(session));
    }
    params.insert("engagement_time_msec".to_owned(), json!(ENGAGED_MS));
    match message.kind() {
        "page" => page(message, &mut params),
        _ => shopping(message.properties(), &name, &mut params),
    }
    Some(json!({"name": name, "params": params}))
}

/// A name of letters, digits and underscores that begins with a letter, and is none of Google's own.
fn plain(name: &str) -> String {
    let spelled: String =
        name.trim().chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect();
    let begins = spelled.starts_with(|c: char| c.is_ascii_lowercase());
    let is_reserved = RESERVED.iter().any(|start| spelled.starts_with(start));
    let spelled = if begins && !is_reserved { spelled } else { format!("event_{}", spelled.trim_start_matches('_')) };
    spelled.chars().take(MAX_NAME).collect()
}

fn cut(text: &str) -> Value {
    json!(text.chars().take(MAX_VALUE).collect::<String>())
}

fn page(message: &Message, params: &mut Map<String, Value>) {
    let (own, context) = (message.properties(), &message.0["context"]["page"]);
    for (field, name) in [("url", "page_location"), ("title", "page_title"), ("referrer", "page_referrer")] {
        let text = own[field].as_str().or(context[field].as_str()).filter(|text| !text.is_empty());
        params.extend(text.map(|text| (name.to_owned(), cut(text))));
    }
}

/// A number, also where it was written as a text.
fn number(value: &Value) -> Option<Value> {
    match value {
        Value::Number(_) => Some(value.clone()),
        Value::String(text) => text.parse::<f64>().ok().filter(|number| number.is_finite()).map(|number| json!(number)),
        _ => None,
    }
}

fn shopping(properties: &Value, name: &str, params: &mut Map<String, Value>) {
    let Some(fields) = properties.as_object() else { return };
    let first = |names: &[&str]| names.iter().find_map(|name| number(&properties[*name]));
    let value = first(&["value", "revenue", "total"]).or_else(|| {
        let (price, quantity) = (first(&["price"])?.as_f64()?, first(&["quantity"]).map_or(Some(1.0), |q| q.as_f64())?);
        Some(json!(price * quantity))
    });
    params.extend(value.map(|value| ("value".to_owned(), value)));
    for (field, param) in
        [("currency", "currency"), ("order_id", "transaction_id"), ("coupon", "coupon"), ("query", "search_term")]
    {
        params.extend(properties[field].as_str().map(|text| (param.to_owned(), cut(text))));
    }
    for field in ["shipping", "tax"] {
        params.extend(number(&properties[field]).map(|number| (field.to_owned(), number)));
    }
    let items: Vec<Value> = match properties["products"].as_array() {
        Some(products) => products.iter().take(MAX_ITEMS).filter_map(item).collect(),
        None => item(properties).into_iter().collect(),
    };
    if !items.is_empty() {
        params.insert("items".to_owned(), Value::Array(items));
    } else if !NAMES.iter().any(|(_, known)| *known == name) {
        for (field, value) in fields {
            let room = params.len() < MAX_PARAMS && field.len() <= MAX_NAME && !params.contains_key(field);
            let value = match value {
                Value::String(text) => cut(text),
                Value::Number(_) | Value::Bool(_) => value.clone(),
                _ => continue,
            };
            if room {
                params.insert(plain(field), value);
            }
        }
    }
}

fn item(product: &Value) -> Option<Value> {
    let id = ["product_id", "sku", "id"].iter().find_map(|field| product[*field].as_str())?;
    let mut item = json!({"item_id": cut(id)});
    for (field, name) in
        [("name", "item_name"), ("brand", "item_brand"), ("category", "item_category"), ("variant", "item_variant")]
    {
        if let Some(text) = product[field].as_str() {
            item[name] = cut(text);
        }
    }
    for field in ["price", "quantity"] {
        if let Some(number) = number(&product[field]) {
            item[field] = number;
        }
    }
    Some(item)
}
