//! What values look like to a program: the patterns, lengths and limits that the API's document states. Every number is a constant by
//! which a service refuses, and every list is the one that it looks in, so that what is valid by the document is not refused as malformed.
//!
//! Patterns are read by many engines: they keep to what ECMAScript, Python's translators, Java and Rust's `regex` have in common.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};
use vitrine_contracts::fraud::v1 as fraud;
use vitrine_contracts::limits::{
    CATEGORIES, CHALLENGE_CODE_DIGITS, DEFAULT_ADS, DEFAULT_PAGE, DEFAULT_RECOMMENDATIONS, MAX_ADS, MAX_CARD_DIGITS,
    MAX_CARD_TYPED, MAX_CVV_DIGITS, MAX_EMAIL, MAX_IDEMPOTENCY_KEY, MAX_ORIGIN, MAX_PAGE, MAX_PRICE,
    MAX_RECOMMENDATIONS, MAX_SCORE, MAX_SEARCH, MAX_WHOLE_DIGITS, MIN_CARD_DIGITS, MIN_CVV_DIGITS,
};
use vitrine_contracts::orders::v1 as orders;
use vitrine_contracts::payments::v1 as payments;
use vitrine_contracts::shipping::v1 as shipping;
use vitrine_kit::id;
use vitrine_kit::money::Currency as Known;

/// Whether a schema stands among the components, under its name, or wherever it is used.
const NAMED: bool = false;
const INLINE: bool = true;

/// Characters that are letters, marks or symbols by their category, and yet are never shown: refused whatever stands around them. Also the
/// rest of a block of marks that engines without Unicode's tables take for marks.
const NEVER_SHOWN: &str = r"\u20F1-\u20FF\u034F\u115F\u1160\u17B4\u17B5\u2800\u3164\uFFA0";
/// A character that people see.
const SEEN: &str = r"[\p{L}\p{N}\p{P}\p{S}]";
/// A character that can stand at the end: white space there is taken away.
const AT_END: &str = r"[\p{L}\p{M}\p{N}\p{P}\p{S}]";
/// A character of a line of text: what people see, the marks on it, and spaces.
const IN_LINE: &str = r"[\p{L}\p{M}\p{N}\p{P}\p{S} ]";
/// The same where line feeds are meant.
const IN_PARAGRAPHS: &str = r"[\p{L}\p{M}\p{N}\p{P}\p{S} \n]";

macro_rules! schemas {
    ($($(#[$doc:meta])* $name:ident: $inline:expr => $schema:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub(crate) enum $name {}

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                $inline
            }
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    )*};
}

schemas! {
    ProductId: NAMED => id_of(&["prd"]);
    OrderId: NAMED => id_of(&["ord"]);
    OrderIdOrAny: INLINE => or_empty(id_of(&["ord"]));
    CustomerId: NAMED => id_of(&["cus"]);
    AccountId: NAMED => id_of(&["cus", "pro", "adm"]);
    PromoterId: NAMED => id_of(&["pro"]);
    AddressId: NAMED => id_of(&["adr"]);
    LetterId: NAMED => id_of(&["eml"]);
    CardToken: NAMED => id_of(&["tok"]);
    PromoterKeyId: NAMED => id_of(&["pk"]);
    Origin: NAMED => text("https, or http on localhost or 127.0.0.1; exact, without a path", origin(), MAX_ORIGIN);
    SourceId: NAMED => id_of(&["src"]);
    DestinationKind: INLINE => words("Where messages go", vec!["webhook", "segment", "rudderstack", "ga4", "mixpanel", "amplitude", "file"]);
    ReceiverText: INLINE => json_schema!({"type": "string", "maxLength": 500, "pattern": r"^[!-~]*$"});
    QuoteId: NAMED => id_of(&["qte"]);
    ChallengeId: NAMED => id_of(&["chl"]);
    /// One of everyone's customers, or all.
    Currency: NAMED => words("A currency that the shop knows, by its ISO 4217 code", currencies(|_| true));
    /// A currency; empty is the euro.
    CurrencyOrEuro: INLINE => words("ISO 4217, or empty for EUR", [vec![""], currencies(|_| true)].concat());
    Category: NAMED => words("A category's slug", CATEGORIES.to_vec());
    CategoryOrAny: INLINE => words("A category's slug; empty is any", [&[""], CATEGORIES].concat());
    Country: NAMED => text("ISO 3166-1 alpha-2, upper case", "^[A-Z]{2}$".to_owned(), 2);
    /// Where an order went; of a customer who was erased the country alone.
    OrderAddress: NAMED => json_schema!({
        "type": "object",
        "description": "Where it goes; when the customer was erased, the country alone",
        "properties": {
            "recipient": {"type": "string"},
            "line1": {"type": "string"},
            "line2": {"type": "string"},
            "city": {"type": "string"},
            "postal_code": {"type": "string"},
            "country": {"type": "string", "pattern": "^([A-Z]{2})?$"},
        },
        "required": ["recipient", "line1", "line2", "city", "postal_code", "country"],
    });
    Email: INLINE => json_schema!({"type": "string", "format": "idn-email", "maxLength": MAX_EMAIL});
    Time: INLINE => json_schema!({"type": "string", "format": "date-time"});
    Day: INLINE => json_schema!({"type": "string", "format": "date"});
    Path: INLINE => json_schema!({"type": "string", "format": "uri-reference"});
    Decimal: INLINE => json_schema!({"type": "string", "pattern": decimal(3)});
    CardNumber: INLINE => text(
        "The number as typed: digits, spaces and dashes. Its last digit is the check digit of ISO/IEC 7812-1",
        format!("^[ -]*([0-9][ -]*){{{MIN_CARD_DIGITS},{MAX_CARD_DIGITS}}}$"),
        MAX_CARD_TYPED,
    );
    ChallengeCode: INLINE => text("As the bank has sent it", format!("^[0-9]{{{CHALLENGE_CODE_DIGITS}}}$"), CHALLENGE_CODE_DIGITS);
    SecurityCode: INLINE => text(
        "Three digits; four for American Express",
        format!("^[0-9]{{{MIN_CVV_DIGITS},{MAX_CVV_DIGITS}}}$"),
        MAX_CVV_DIGITS,
    );
    /// What someone may say: not negative.
    Amount: NAMED => one_per_exponent("An exact amount, not negative", decimal);
    /// What something may cost.
    Price: NAMED => one_per_exponent("An exact amount, more than nothing", price);
    Limit: INLINE => at_most(MAX_PAGE, DEFAULT_PAGE);
    LimitOfRecommendations: INLINE => at_most(MAX_RECOMMENDATIONS, DEFAULT_RECOMMENDATIONS);
    LimitOfAds: INLINE => at_most(MAX_ADS, DEFAULT_ADS);
    MinScore: INLINE => json_schema!({"type": "integer", "minimum": 0, "maximum": MAX_SCORE});
    Cursor: INLINE => json_schema!({"type": "string", "pattern": "^[A-Za-z0-9_-]*$"});
    OrderState: INLINE => words("Where an order stands", order_states(|_| true));
    /// A state that an order can be moved to.
    NextState: INLINE => words("Only checkout places and charges", order_states(|state| !of_checkout(state)));
    ShipmentState: INLINE => words("Where a parcel is", named("SHIPMENT_STATE_", |n| Some(shipping::ShipmentState::try_from(n).ok()?.as_str_name())));
    PaymentState: INLINE => words("Where a payment stands", named("PAYMENT_STATE_", |n| Some(payments::PaymentState::try_from(n).ok()?.as_str_name())));
    ChallengeState: INLINE => words("Where a challenge stands", named("CHALLENGE_STATE_", |n| Some(payments::ChallengeState::try_from(n).ok()?.as_str_name())));
    Verdict: INLINE => words("How risky", named("VERDICT_", |n| Some(fraud::Verdict::try_from(n).ok()?.as_str_name())));
    Search: INLINE => json_schema!({"type": "string", "minLength": 1, "maxLength": MAX_SEARCH, "pattern": r"\S"});
    IdempotencyKey: INLINE => text("Fresh for each purchase", "^[!-~]+$".to_owned(), MAX_IDEMPOTENCY_KEY);
    EntityTags: INLINE => json_schema!({"type": "string", "anyOf": [{"const": "*"}, {"pattern": ENTITY_TAGS}]});
}

/// A list of entity tags (RFC 9110, sections 8.8.3 and 13.1.1).
const ENTITY_TAGS: &str = r#"^(W/)?"[!#-~]*"([ \t]*,[ \t]*(W/)?"[!#-~]*")*$"#;

/// One line of text of so many characters, as people write it. Joiners are taken, too, where the writing needs them.
#[derive(Debug)]
pub(crate) enum Line<const MIN: usize, const MAX: usize> {}

impl<const MIN: usize, const MAX: usize> JsonSchema for Line<MIN, MAX> {
    fn inline_schema() -> bool {
        INLINE
    }
    fn schema_name() -> Cow<'static, str> {
        format!("Line{MIN}To{MAX}").into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        plain_text(IN_LINE, MIN, MAX)
    }
}

/// The same with line feeds.
#[derive(Debug)]
pub(crate) enum Paragraphs<const MIN: usize, const MAX: usize> {}

impl<const MIN: usize, const MAX: usize> JsonSchema for Paragraphs<MIN, MAX> {
    fn inline_schema() -> bool {
        INLINE
    }
    fn schema_name() -> Cow<'static, str> {
        format!("Paragraphs{MIN}To{MAX}").into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        plain_text(IN_PARAGRAPHS, MIN, MAX)
    }
}

/// Text that must hold something that is seen, unless it may be empty.
fn plain_text(class: &str, min: usize, max: usize) -> Schema {
    let shown = format!("(?!.*[{NEVER_SHOWN}])");
    let text = format!("{SEEN}({class}*{AT_END})?");
    let pattern = if min == 0 { format!("^{shown}({text})?$") } else { format!("^{shown}{text}$") };
    json_schema!({"type": "string", "minLength": min, "maxLength": max, "pattern": pattern})
}

fn text(meaning: &str, pattern: String, max: usize) -> Schema {
    json_schema!({"type": "string", "description": meaning, "pattern": pattern, "maxLength": max})
}

fn id_of(prefixes: &[&str]) -> Schema {
    let kinds = if let [one] = prefixes { (*one).to_owned() } else { format!("({})", prefixes.join("|")) };
    let longest = prefixes.iter().map(|prefix| prefix.len()).max().unwrap_or_default();
    let rest = id::MAX_LEN - longest - 1;
    json_schema!({"type": "string", "pattern": format!("^{kinds}_[A-Za-z0-9_-]{{1,{rest}}}$"), "maxLength": id::MAX_LEN})
}

/// What may be left empty.
fn or_empty(schema: Schema) -> Schema {
    json_schema!({"anyOf": [{"const": ""}, schema]})
}

/// The names of an enum of the contracts, without its zero, as the API says them.
fn named(prefix: &str, name_of: impl Fn(i32) -> Option<&'static str>) -> Vec<String> {
    (1..).map_while(name_of).map(|name| super::dto::word(name, prefix)).collect()
}

/// Whether only checkout brings an order into this state.
pub(crate) fn of_checkout(state: orders::OrderState) -> bool {
    matches!(state, orders::OrderState::Placed | orders::OrderState::Paid)
}

fn order_states(which: impl Fn(orders::OrderState) -> bool) -> Vec<String> {
    let states = (1..).map_while(|n| orders::OrderState::try_from(n).ok()).filter(|state| which(*state));
    states.map(|state| super::dto::word(state.as_str_name(), "ORDER_STATE_")).collect()
}

fn words<W: serde::Serialize>(meaning: &str, words: Vec<W>) -> Schema {
    json_schema!({"type": "string", "description": meaning, "enum": words})
}

fn at_most(max: u32, default: u32) -> Schema {
    json_schema!({"type": "integer", "minimum": 1, "maximum": max, "default": default})
}

fn currencies(which: impl Fn(Known) -> bool) -> Vec<&'static str> {
    Known::all().filter(|currency| which(*currency)).map(Known::code).collect()
}

/// An origin as browsers send it (RFC 6454, section 6.2), with letters of either case.
fn origin() -> String {
    let label = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
    let port = "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])";
    format!(r"^(https://{label}(\.{label})*|http://(localhost|127\.0\.0\.1))(:{port})?$")
}

/// A decimal number with at most so many decimals, not negative.
fn decimal(exponent: u32) -> String {
    format!("^[0-9]{{1,{MAX_WHOLE_DIGITS}}}{}$", fraction(exponent))
}

fn fraction(exponent: u32) -> String {
    if exponent == 0 { String::new() } else { format!(r"(\.[0-9]{{1,{exponent}}})?") }
}

/// The same, more than zero and at most the highest price: a power of ten of the smallest unit.
fn price(exponent: u32) -> String {
    let highest = MAX_PRICE / 10_i64.pow(exponent);
    let digits = highest.to_string().len() - 1;
    let zeros = if exponent == 0 { String::new() } else { format!(r"(\.0{{1,{exponent}}})?") };
    format!("^(?=.*[1-9])([0-9]{{1,{digits}}}{}|{highest}{zeros})$", fraction(exponent))
}

/// Money, whose currency says how many decimals there may be.
fn one_per_exponent(meaning: &str, pattern: fn(u32) -> String) -> Schema {
    let mut exponents: Vec<u32> = Known::all().map(Known::exponent).collect();
    exponents.sort_unstable();
    exponents.dedup();
    let of = |exponent: u32| -> Value {
        json!({
            "type": "object",
            "properties": {
                "amount": {"type": "string", "pattern": pattern(exponent)},
                "currency": {"type": "string", "enum": currencies(|currency| currency.exponent() == exponent)},
            },
            "required": ["amount", "currency"],
            "additionalProperties": false,
        })
    };
    json_schema!({"description": meaning, "oneOf": exponents.into_iter().map(of).collect::<Vec<_>>()})
}

#[cfg(test)]
mod tests {
    use super::{decimal, price};

    #[test]
    fn amounts_are_written_with_the_decimals_of_their_currency() {
        assert_eq!(decimal(0), "^[0-9]{1,12}$");
        assert_eq!(decimal(2), r"^[0-9]{1,12}(\.[0-9]{1,2})?$");
        assert_eq!(price(0), "^(?=.*[1-9])([0-9]{1,8}|100000000)$");
        assert_eq!(price(3), r"^(?=.*[1-9])([0-9]{1,5}(\.[0-9]{1,3})?|100000(\.0{1,3})?)$");
    }
}
