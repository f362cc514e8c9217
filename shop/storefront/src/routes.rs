//! Which page is where, and what it asks: read from what `make web` wrote, which is made of the same table that pages are made of.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value as Json, json};
use vitrine_kit::money::{Currency, Money};
use vitrine_kit::percent;

/// The longest value of a path or a query that is looked at, in bytes. Longer ones are as good as none.
const MAX_VALUE: usize = 256;
/// The longest amount of money that is looked at.
const MAX_AMOUNT: usize = 12;
/// The parameter that says which currency prices are shown in, and what they are in without it.
const CURRENCY: &str = "currency";
const USUAL_CURRENCY: &str = "EUR";
/// Parameters that pages know without asking for them: where someone goes on after signing in, and that an order was placed just now.
const KNOWN: [&str; 2] = ["next", "placed"];

/// Parts of a path, or parameters of a query.
pub(crate) type Parameters = BTreeMap<String, String>;

/// Who sees a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Access {
    /// Everyone sees the same.
    Everyone,
    /// Each visitor sees their own.
    Visitor,
    /// Customers only.
    Customer,
}

/// Where a variable's value comes from.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Source {
    Path {
        path: String,
        #[serde(default)]
        prefix: String,
    },
    Query {
        query: String,
        default: Option<String>,
        #[serde(default)]
        among: Vec<String>,
    },
    Flag {
        flag: String,
    },
    Amount {
        amount: String,
    },
    Currency {
        #[serde(rename = "currency")]
        _currency: bool,
    },
}

/// A question that a page asks.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Need {
    pub(crate) operation: String,
    pub(crate) document: String,
    variables: BTreeMap<String, Source>,
    pub(crate) optional: bool,
}

/// A page and where it is.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Route {
    /// As the router has it: `/p/{slug}`.
    pub(crate) path: String,
    pub(crate) page: String,
    pub(crate) access: Access,
    pub(crate) needs: Vec<Need>,
}

/// All pages.
pub(crate) struct Routes(pub(crate) Vec<Route>);

impl Routes {
    pub(crate) fn parse(text: &str) -> serde_json::Result<Self> {
        serde_json::from_str(text).map(Self)
    }

    /// The page of this name.
    pub(crate) fn named(&self, page: &str) -> Option<&Route> {
        self.0.iter().find(|route| route.page == page)
    }

    /// What stands around every page, asked for a page that has nothing else.
    pub(crate) fn around(&self) -> &[Need] {
        self.0.first().and_then(|route| route.needs.get(..1)).unwrap_or_default()
    }
}

impl Route {
    /// What of a query the page knows. All else changes nothing, and is not told to it.
    pub(crate) fn known(&self, query: Parameters) -> Parameters {
        let sources = || self.needs.iter().flat_map(|need| need.variables.values());
        let is_known = |name: &str| {
            KNOWN.contains(&name)
                || sources().any(|source| match source {
                    Source::Query { query, .. } => query == name,
                    Source::Flag { flag } => flag == name,
                    Source::Amount { amount } => amount == name,
                    Source::Path { .. } | Source::Currency { .. } => false,
                })
        };
        query
            .into_iter()
            .filter(|(name, value)| is_known(name) && !value.is_empty() && value.len() <= MAX_VALUE)
            .collect()
    }
}

impl Need {
    /// The variables of the question for this path and query.
    pub(crate) fn variables(&self, path: &Parameters, query: &Parameters, currency: &str) -> Map<String, Json> {
        let value = |source: &Source| match source {
            Source::Path { path: name, prefix } => {
                let part = path.get(name).filter(|part| part.len() <= MAX_VALUE);
                Json::from(format!("{prefix}{}", part.map_or("", String::as_str)))
            }
            Source::Query { query: name, default, among } => {
                let given = query.get(name).filter(|value| among.is_empty() || among.contains(value));
                given.or(default.as_ref()).map_or(Json::Null, |value| value.as_str().into())
            }
            Source::Flag { flag } => query.get(flag).is_some_and(|value| value == "yes").into(),
            Source::Amount { amount: name } => query.get(name).map_or(Json::Null, |text| amount(text, currency)),
            Source::Currency { .. } => currency.into(),
        };
        self.variables.iter().map(|(name, source)| (name.clone(), value(source))).collect()
    }
}

/// Returns an amount in this currency, as GraphQL takes it; null where the text is none.
fn amount(text: &str, currency: &str) -> Json {
    let money = Currency::parse(currency).and_then(|currency| Money::parse_amount(currency, text.trim()));
    match money {
        Ok(money) if !money.is_negative() && text.len() <= MAX_AMOUNT => {
            json!({"amount": money.amount_string(), "currency": currency})
        }
        _ => Json::Null,
    }
}

/// Returns the currency that a query asks for: a known one.
pub(crate) fn currency(query: &Parameters) -> &'static str {
    query.get(CURRENCY).and_then(|code| Currency::parse(code).ok()).map_or(USUAL_CURRENCY, Currency::code)
}

/// Returns an address of the shop, with the currency that the reader has chosen.
pub(crate) fn address(path: &str, parameters: &[(&str, &str)], currency: &str) -> String {
    let chosen = (currency != USUAL_CURRENCY).then_some((CURRENCY, currency));
    let query = percent::form(parameters.iter().copied().chain(chosen));
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Access, Parameters, Routes, address, amount, currency};

    const ROUTES: &str = r#"[{"path": "/c/{slug}", "page": "category", "access": "everyone", "needs": [
        {"operation": "Shop", "document": "{a}", "variables": {}, "optional": true},
        {"operation": "Page", "document": "query Page {b}", "optional": false, "variables": {
            "id": {"path": "slug", "prefix": "cat_"}, "in": {"currency": true}, "after": {"query": "after", "default": null},
            "sort": {"query": "sort", "default": "OWN", "among": ["OWN", "NEWEST"]}, "available": {"flag": "available"}, "from": {"amount": "min"}}}]}]"#;

    fn parameters(pairs: &[(&str, &str)]) -> Parameters {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn variables_come_from_path_query_and_currency() {
        let routes = Routes::parse(ROUTES).expect("readable");
        let route = routes.named("category").expect("known");
        assert_eq!((route.access, routes.around().len()), (Access::Everyone, 1));
        let check = |query: &[(&str, &str)], expected| {
            let query = parameters(query);
            let code = currency(&query);
            let variables = route.needs[1].variables(&parameters(&[("slug", "bowls")]), &route.known(query), code);
            assert_eq!(serde_json::Value::from(variables), expected);
        };
        check(
            &[],
            json!({"id": "cat_bowls", "in": "EUR", "after": null, "sort": "OWN", "available": false, "from": null}),
        );
        check(
            &[("sort", "NEWEST"), ("available", "yes"), ("after", "x"), ("currency", "CZK"), ("min", " 250")],
            json!({"id": "cat_bowls", "in": "CZK", "after": "x", "sort": "NEWEST", "available": true,
                "from": {"amount": "250.00", "currency": "CZK"}}),
        );
        let long = "x".repeat(257);
        for text in ["", "many", "1e3", "0.001", "9999999999999", "-1"] {
            assert!(amount(text, "EUR").is_null(), "{text}");
        }
        check(
            &[("sort", "drop table"), ("available", "1"), ("after", &long), ("currency", "<script>"), ("min", "-3")],
            json!({"id": "cat_bowls", "in": "EUR", "after": null, "sort": "OWN", "available": false, "from": null}),
        );
    }

    #[test]
    fn addresses_keep_the_currency_and_escape_all_else() {
        assert_eq!(address("/cart", &[], "EUR"), "/cart");
        assert_eq!(address("/sign-in", &[("next", "/a?b=c&d")], "CZK"), "/sign-in?next=%2Fa%3Fb%3Dc%26d&currency=CZK");
    }
}
