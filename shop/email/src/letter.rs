//! Filling the templates.

use minijinja::{Environment, context};
use serde::Serialize;
use vitrine_contracts::Problem;
use vitrine_contracts::common::v1::Money as WireMoney;
use vitrine_contracts::money_from_proto;
use vitrine_contracts::orders::v1::{Order, OrderState};

/// Name and source of every template: each letter in two forms, over a common frame.
const TEMPLATES: &[(&str, &str)] = &[
    ("frame.html", include_str!("../templates/frame.html")),
    ("lines.txt", include_str!("../templates/lines.txt")),
    ("lines.html", include_str!("../templates/lines.html")),
    ("receipt.txt", include_str!("../templates/receipt.txt")),
    ("receipt.html", include_str!("../templates/receipt.html")),
    ("shipped.txt", include_str!("../templates/shipped.txt")),
    ("shipped.html", include_str!("../templates/shipped.html")),
    ("cancelled.txt", include_str!("../templates/cancelled.txt")),
    ("cancelled.html", include_str!("../templates/cancelled.html")),
    ("refunded.txt", include_str!("../templates/refunded.txt")),
    ("refunded.html", include_str!("../templates/refunded.html")),
];

/// A letter, written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// "receipt", "shipped", "cancelled" or "refunded".
    pub template: &'static str,
    /// One line.
    pub subject: String,
    /// For readers without HTML.
    pub text: String,
    /// The same, prettier.
    pub html: String,
}

/// How a receipt is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// As it always was.
    Plain,
    /// With thanks in its subject, and a line on returns.
    Thankful,
}

/// Writes letters.
#[derive(Debug)]
pub struct Letters(Environment<'static>);

#[derive(Serialize)]
struct LineView {
    name: String,
    quantity: u32,
    total: String,
}

fn show(money: Option<&WireMoney>) -> String {
    money_from_proto(money, "money").map_or_else(|_| String::new(), |m| m.to_string())
}

impl Letters {
    /// With the templates read.
    pub fn new() -> Result<Self, Problem> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
        for (name, source) in TEMPLATES {
            environment.add_template(name, source).map_err(|e| broken(name, &e))?;
        }
        Ok(Self(environment))
    }

    /// The letter that belongs to an order's state; none for a state that needs no letter.
    pub fn write(&self, order: &Order, state: OrderState, receipt: Receipt) -> Result<Option<Letter>, Problem> {
        let (template, subject) = match state {
            OrderState::Paid if receipt == Receipt::Thankful => ("receipt", "Thank you! Your receipt for order"),
            OrderState::Paid => ("receipt", "Your receipt for order"),
            OrderState::Shipped => ("shipped", "On its way to you: order"),
            OrderState::Cancelled => ("cancelled", "Cancelled: order"),
            OrderState::Refunded => ("refunded", "Your money comes back for order"),
            OrderState::Unspecified | OrderState::Placed | OrderState::Delivered => return Ok(None),
        };
        let address = order.address.clone().unwrap_or_default();
        let line = |l: &vitrine_contracts::orders::v1::OrderLine| LineView {
            name: l.name.clone(),
            quantity: l.quantity,
            total: show(l.total.as_ref()),
        };
        let values = context! {
            order_id => order.id,
            recipient => address.recipient,
            city => address.city,
            thankful => receipt == Receipt::Thankful,
            ships => !order.shipment_id.is_empty(),
            lines => order.lines.iter().map(line).collect::<Vec<_>>(),
            subtotal => show(order.subtotal.as_ref()),
            shipping => show(order.shipping.as_ref()),
            total => show(order.total.as_ref()),
        };
        let fill = |form: &str| {
            let name = format!("{template}.{form}");
            self.0.get_template(&name).and_then(|t| t.render(&values)).map_err(|e| broken(&name, &e))
        };
        Ok(Some(Letter {
            template,
            subject: format!("{subject} {}", order.id),
            text: fill("txt")?,
            html: fill("html")?,
        }))
    }
}

fn broken(template: &str, error: &minijinja::Error) -> Problem {
    tracing::error!(template, error = %error, "a template is broken");
    Problem::internal()
}

#[cfg(test)]
mod tests {
    use super::{Letters, Receipt};
    use vitrine_contracts::common::v1::{Address, Money};
    use vitrine_contracts::orders::v1::{Order, OrderLine, OrderState};

    fn order() -> Order {
        let eur = |minor_units| Some(Money { currency_code: "EUR".to_owned(), minor_units });
        let line =
            OrderLine { name: "Vase <script>&".to_owned(), quantity: 2, total: eur(5000), ..OrderLine::default() };
        let address = Some(Address {
            recipient: "Ada \"Lovelace\"".to_owned(),
            city: "Dresden".to_owned(),
            ..Address::default()
        });
        Order {
            id: "ord_1".to_owned(),
            lines: vec![line],
            subtotal: eur(5000),
            shipping: eur(490),
            total: eur(5490),
            address,
            shipment_id: "shp_1".to_owned(),
            ..Order::default()
        }
    }

    #[test]
    fn every_state_that_needs_a_letter_has_one_in_both_forms() {
        let letters = Letters::new().expect("the templates are good");
        for (state, template) in [
            (OrderState::Paid, "receipt"),
            (OrderState::Shipped, "shipped"),
            (OrderState::Cancelled, "cancelled"),
            (OrderState::Refunded, "refunded"),
        ] {
            let letter = letters.write(&order(), state, Receipt::Plain).expect("fills").expect("a letter");
            assert_eq!(letter.template, template);
            assert!(letter.subject.ends_with("ord_1") && !letter.subject.contains('\n'));
            assert!(letter.text.contains("Ada \"Lovelace\"") && letter.text.contains("54.90 EUR"), "{}", letter.text);
            assert!(
                letter.html.contains("Ada &quot;Lovelace&quot;") && !letter.html.contains("<script>"),
                "{}",
                letter.html
            );
        }
        assert_eq!(letters.write(&order(), OrderState::Delivered, Receipt::Plain).expect("nothing to fill"), None);
        let receipt = letters.write(&order(), OrderState::Paid, Receipt::Plain).expect("fills").expect("a letter");
        let thankful = letters.write(&order(), OrderState::Paid, Receipt::Thankful).expect("fills").expect("a letter");
        assert!(thankful.subject.starts_with("Thank you! ") && thankful.template == receipt.template);
        for (plain, thankful) in [(&receipt.text, &thankful.text), (&receipt.html, &thankful.html)] {
            assert!(thankful.contains("fourteen days") && !plain.contains("fourteen days"), "{thankful}");
        }
        assert!(receipt.text.contains("2 x Vase <script>&") && receipt.html.contains("Vase &lt;script&gt;&amp;"));
    }
}
