//! Where someone is: the country that parcels are sent to, and the currency that prices are shown in.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use crate::Storefront;
use crate::forms::{Sent, parameters, with_cookies};
use crate::pages::see_other;
use crate::routes::{address, currency};

/// Keeps the country in the browser, and goes on where someone was, with prices in the currency.
pub(crate) async fn choose(State(storefront): State<Arc<Storefront>>, sent: Sent) -> Response {
    let country = storefront.sessions.country(sent.field("country"));
    with_cookies(see_other(&back(sent.next_or("/"), currency(&sent.fields))), [country])
}

/// An address of the shop, in a currency whatever it was in before.
fn back(to: &str, currency: &'static str) -> String {
    let (path, query) = to.split_once('?').unwrap_or((to, ""));
    let mut query = parameters(query.as_bytes());
    query.remove("currency");
    let pairs: Vec<_> = query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    address(path, &pairs, currency)
}

#[cfg(test)]
mod tests {
    use super::back;

    #[test]
    fn one_comes_back_with_another_currency() {
        for (to, currency, expected) in [
            ("/", "CZK", "/?currency=CZK"),
            ("/search?q=blue%20bowl&currency=USD", "CZK", "/search?q=blue%20bowl&currency=CZK"),
            ("/c/vases?currency=CZK", "EUR", "/c/vases"),
        ] {
            assert_eq!(back(to, currency), expected);
        }
    }
}
