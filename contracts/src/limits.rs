//! The bounds that the contracts promise: how long, how many, how much. Services refuse what is beyond them, and the REST API's document
//! states them, both from here, so that neither can say what the other does not hold.
//!
//! Bounds that only one service knows of, and that no caller can run into, stand in that service.

/// Most items of a page of a list.
pub const MAX_PAGE: u32 = 100;
/// Items of a page by default.
pub const DEFAULT_PAGE: u32 = 20;
/// Longest idempotency key, in bytes of visible ASCII.
pub const MAX_IDEMPOTENCY_KEY: usize = 128;
/// Longest reason of a change, in characters.
pub const MAX_REASON: usize = 200;

/// Most of one product in a cart, an order or a reservation.
pub const MAX_QUANTITY: u32 = 999;
/// Most different products in a cart, an order or a reservation.
pub const MAX_LINES: usize = 100;

/// Most of one product that is ever in stock.
pub const MAX_STOCK: u32 = 10_000_000;
/// Highest price, in the currency's smallest unit.
pub const MAX_PRICE: i64 = 100_000_000;
/// Heaviest product, in grams.
pub const MAX_WEIGHT_G: u32 = 100_000;
/// Longest name of a product, in characters.
pub const MAX_PRODUCT_NAME: usize = 120;
/// Longest description of a product, in characters.
pub const MAX_DESCRIPTION: usize = 4000;
/// Most tags of one product.
pub const MAX_TAGS: usize = 10;
/// Longest tag, in characters.
pub const MAX_TAG: usize = 40;
/// Longest name of an event's venue, in characters.
pub const MAX_VENUE: usize = 200;
/// Shortest event, in minutes.
pub const MIN_DURATION_MIN: u32 = 15;
/// Longest event, in minutes.
pub const MAX_DURATION_MIN: u32 = 24 * 60;
/// Longest search, in characters.
pub const MAX_SEARCH: usize = 200;

/// Most products that recommendations are asked for at once.
pub const MAX_RECOMMENDED_FOR: usize = 20;
/// Most recommendations at once.
pub const MAX_RECOMMENDATIONS: u32 = 20;
/// Most ids of a batch read.
pub const MAX_BATCH: usize = 100;
/// Most hits of a search that are looked at, where they are filtered or sorted.
pub const MAX_FILTERED: usize = 1000;
/// Most cards that a customer keeps a token for, and is shown.
pub const MAX_CARDS: usize = 100;
/// How long a guest's cart is kept after its last change, in days.
pub const GUEST_CART_DAYS: u32 = 30;

/// Recommendations by default how many.
pub const DEFAULT_RECOMMENDATIONS: u32 = 5;
/// Most words that an advertisement is chosen by.
pub const MAX_AD_CONTEXT: usize = 20;
/// Most advertisements at once.
pub const MAX_ADS: u32 = 5;
/// Advertisements by default how many.
pub const DEFAULT_ADS: u32 = 1;

/// Longest name of a customer, in characters.
pub const MAX_DISPLAY_NAME: usize = 100;
/// Most addresses that a customer keeps.
pub const MAX_ADDRESSES: usize = 20;
/// Longest label of a kept address, in characters.
pub const MAX_LABEL: usize = 40;
/// Longest name of who receives a parcel, in characters.
pub const MAX_RECIPIENT: usize = 100;
/// Longest line of an address, in characters.
pub const MAX_ADDRESS_LINE: usize = 120;
/// Longest name of a city, in characters.
pub const MAX_CITY: usize = 80;
/// Longest postal code, in characters.
pub const MAX_POSTAL_CODE: usize = 16;
/// Longest e-mail address, in bytes (RFC 5321, section 4.5.3.1.3).
pub const MAX_EMAIL: usize = 254;

/// Shortest password, in characters.
pub const MIN_PASSWORD: usize = 10;
/// Longest password, in characters.
pub const MAX_PASSWORD: usize = 128;

/// Most keys of a promoter.
pub const MAX_PROMOTER_KEYS: usize = 20;
/// Longest name of a promoter's key, in characters.
pub const MAX_KEY_NAME: usize = 60;
/// Most origins whose pages may use a promoter's key.
pub const MAX_KEY_ORIGINS: usize = 10;
/// Longest origin, in bytes.
pub const MAX_ORIGIN: usize = 200;

/// Fewest digits of a card's number.
pub const MIN_CARD_DIGITS: usize = 12;
/// Most digits of a card's number.
pub const MAX_CARD_DIGITS: usize = 19;
/// Longest card number as typed, with spaces and dashes.
pub const MAX_CARD_TYPED: usize = 40;
/// Fewest digits of a security code.
pub const MIN_CVV_DIGITS: usize = 3;
/// Most digits of a security code: those of American Express.
pub const MAX_CVV_DIGITS: usize = 4;
/// Most years that a card may be valid for.
pub const MAX_CARD_YEARS: i64 = 20;

/// Largest request with messages of analytics, in bytes, after decompression.
pub const MAX_ANALYTICS_BODY: usize = 500_000;
/// Largest message of analytics, in bytes.
pub const MAX_ANALYTICS_MESSAGE: usize = 32 * 1024;
/// Most messages of one request.
pub const MAX_ANALYTICS_BATCH: usize = 2_500;
/// Longest id of a message, in bytes.
pub const MAX_MESSAGE_ID: usize = 100;
/// Most sources of one owner.
pub const MAX_SOURCES: usize = 50;
/// Longest name of a source, in characters.
pub const MAX_SOURCE_NAME: usize = 80;

/// Digits of the code that answers a challenge.
pub const CHALLENGE_CODE_DIGITS: usize = 6;
/// How long a challenge can be answered, in milliseconds.
pub const CHALLENGE_MS: i64 = 5 * 60_000;
/// How many codes may be tried.
pub const MAX_CHALLENGE_TRIES: u32 = 5;
/// How long a quote is good, in milliseconds.
pub const QUOTE_MS: i64 = 15 * 60_000;

/// The highest score of an assessment.
pub const MAX_SCORE: u32 = 100;

/// The slugs of all categories, in the order in which they are shown.
pub const CATEGORIES: &[&str] = &[
    "vases",
    "drinking-glasses",
    "carafes",
    "bowls",
    "lamps",
    "jewellery",
    "ornaments",
    "paperweights",
    "windows",
    "workshops",
];

/// Most digits before the decimal point of an amount that someone gives: more than is ever paid, and no rate makes it
/// too large to count.
pub const MAX_WHOLE_DIGITS: usize = 12;

/// The countries that parcels are sent to, by ISO 3166-1 alpha-2 code.
pub const COUNTRIES_SERVED: &[&str] = &[
    "AT", "AU", "BE", "BG", "BR", "CA", "CH", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GB", "GR", "HR", "HU",
    "IE", "IL", "IN", "IS", "IT", "JP", "KR", "LI", "LT", "LU", "LV", "MT", "MX", "MY", "NL", "NO", "NZ", "PL", "PT",
    "RO", "SE", "SG", "SI", "SK", "TH", "TR", "US", "ZA",
];
