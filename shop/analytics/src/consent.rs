//! What visitors agreed to, and what is personal in what they sent.

use serde_json::{Map, Value, json};

/// The category that stands for being measured by the shop itself.
const ANALYTICS: &str = "analytics";

fn preferences(context: &Value) -> Option<&Map<String, Value>> {
    context["consent"]["categoryPreferences"].as_object()
}

/// Whether a visitor agreed to all of these categories; to none where nothing was said.
pub(crate) fn agrees<S: AsRef<str>>(context: &Value, categories: &[S]) -> bool {
    let said = preferences(context);
    categories.iter().all(|category| said.is_some_and(|said| said.get(category.as_ref()) == Some(&Value::Bool(true))))
}

/// Whether a visitor agreed to be measured.
pub(crate) fn agrees_to_be_measured(context: &Value) -> bool {
    agrees(context, &[ANALYTICS])
}

/// Takes back all that was agreed to: the browser says no.
pub(crate) fn withdraw(context: &mut Map<String, Value>) {
    let mut told = context.remove("consent").unwrap_or_default();
    let names: Vec<String> =
        preferences(&json!({"consent": told})).into_iter().flatten().map(|(name, _)| name.clone()).collect();
    let refused: Map<String, Value> = names.into_iter().map(|name| (name, Value::Bool(false))).collect();
    if !told.is_object() {
        told = json!({});
    }
    told["categoryPreferences"] = Value::Object(refused);
    context.insert("consent".to_owned(), told);
}

/// Takes out e-mail addresses, wherever they stand.
pub(crate) fn without_emails(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, value| !is_email_field(name) && !value.as_str().is_some_and(holds_email));
            fields.values_mut().for_each(without_emails);
        }
        Value::Array(items) => {
            items.retain(|item| !item.as_str().is_some_and(holds_email));
            items.iter_mut().for_each(without_emails);
        }
        _ => {}
    }
}

fn is_email_field(name: &str) -> bool {
    let name = name.trim_start_matches('$');
    ["email", "e-mail", "e_mail", "mail"].iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// Whether a text holds what looks like an address; one that is percent-encoded counts.
fn holds_email(text: &str) -> bool {
    let text = text.replace("%40", "@");
    text.match_indices('@').any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let domain: String =
            text[at + 1..].chars().take_while(|c| c.is_alphanumeric() || ['.', '-'].contains(c)).collect();
        let ends = domain.trim_end_matches('.').rsplit_once('.');
        before.is_some_and(|c| c.is_alphanumeric() || "._%+-\"".contains(c))
            && ends.is_some_and(|(name, top)| !name.is_empty() && top.len() >= 2)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{agrees, agrees_to_be_measured, withdraw, without_emails};

    #[test]
    fn silence_is_no_yes() {
        let yes = json!({"consent": {"categoryPreferences": {"analytics": true, "advertising": false}}});
        for (categories, expected) in [
            (&[][..], true),
            (&["analytics"][..], true),
            (&["analytics", "advertising"][..], false),
            (&["functional"][..], false),
        ] {
            assert_eq!(agrees(&yes, categories), expected, "{categories:?}");
        }
        assert!(!agrees_to_be_measured(&json!({})));
        let Value::Object(mut context) = yes else { panic!("an object") };
        withdraw(&mut context);
        assert_eq!(context["consent"]["categoryPreferences"], json!({"analytics": false, "advertising": false}));
    }

    #[test]
    fn addresses_are_found_where_they_hide() {
        let mut message = json!({
            "traits": {"Email": "x", "name": "Ada", "contact": "write to ada@example.org.", "since": 2},
            "context": {"page": {"url": "https://shop.example/?to=ada%40example.org", "path": "/@ada"}},
            "list": ["ada@example.org", "1 @ 2 EUR"],
        });
        without_emails(&mut message);
        let expected = json!({"traits": {"name": "Ada", "since": 2}, "context": {"page": {"path": "/@ada"}}, "list": ["1 @ 2 EUR"]});
        assert_eq!(message, expected);
    }
}
