//! Handing letters to a relay, where there is one.

use std::time::Duration;

use lettre::message::{Mailbox, MultiPart};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use vitrine_contracts::Problem;

use crate::Config;
use crate::letter::Letter;

/// How long a relay may take for a letter: connecting, and all that is said. By itself the client bounds only the connecting.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The way of a letter.
pub(crate) struct Delivery {
    relay: Option<AsyncSmtpTransport<Tokio1Executor>>,
    from: Mailbox,
    timeout: Duration,
}

fn wrong(field: &str, expected: &str, message: &str) -> Problem {
    Problem::invalid(field, expected, message)
}

impl Delivery {
    pub(crate) fn new(config: &Config) -> Result<Self, Problem> {
        let bad_from = |e: lettre::address::AddressError| {
            wrong("email.from", "an address such as Shop <shop@example.org>", &e.to_string())
        };
        let from = config.from.parse().map_err(bad_from)?;
        let relay = match config.smtp_url.as_str() {
            "" => None,
            url => Some(relay(url).ok_or_else(|| {
                wrong(
                    "email.smtp_url",
                    "smtp://HOST:PORT of a relay that takes letters without TLS",
                    &format!("{url:?} cannot be used"),
                )
            })?),
        };
        Ok(Self { relay, from, timeout: TIMEOUT })
    }

    /// Whether letters go to a relay.
    pub(crate) fn has_relay(&self) -> bool {
        self.relay.is_some()
    }

    /// Hands a letter over; says by what way it went.
    pub(crate) async fn deliver(&self, to: &str, letter: &Letter) -> Result<&'static str, String> {
        let Some(relay) = &self.relay else { return Ok("mailbox") };
        // Only an address, never a list or what holds more headers. Trying again would not make it one, and hold up all other letters.
        let Ok(to) = to.parse::<Address>() else {
            tracing::warn!(
                template = letter.template,
                "a letter stays in the mailbox: its recipient's address is none"
            );
            return Ok("mailbox");
        };
        let body = MultiPart::alternative_plain_html(letter.text.clone(), letter.html.clone());
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(letter.subject.clone())
            .multipart(body);
        let message = message.map_err(|e| format!("the letter could not be put together: {e}"))?;
        match tokio::time::timeout(self.timeout, relay.send(message)).await {
            Ok(Ok(_)) => Ok("smtp"),
            Ok(Err(e)) => Err(format!("the relay did not take the letter: {e}")),
            Err(_) => Err(format!("the relay did not take the letter within {:?}", self.timeout)),
        }
    }
}

fn relay(url: &str) -> Option<AsyncSmtpTransport<Tokio1Executor>> {
    let (host, port) = url.strip_prefix("smtp://")?.trim_end_matches('/').rsplit_once(':')?;
    let port = port.parse().ok()?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() || host.contains(['/', '@', '?']) {
        return None;
    }
    Some(AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host).port(port).timeout(Some(TIMEOUT)).build())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Config, Delivery, Letter};

    #[tokio::test]
    async fn a_relay_that_says_nothing_is_given_up() {
        // Connections are made, and no one ever greets.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("bound");
        let smtp_url = format!("smtp://{}", silent.local_addr().expect("bound"));
        let delivery = Delivery::new(&Config { smtp_url, ..Config::default() }).expect("good settings");
        let impatient = Delivery { timeout: Duration::from_millis(50), ..delivery };
        let letter = Letter { subject: "s".into(), text: "t".into(), html: "h".into(), template: "paid" };
        let delivered =
            tokio::time::timeout(Duration::from_secs(20), impatient.deliver("ann@vitrine.example", &letter));
        let told = delivered.await.expect("given up").expect_err("not delivered");
        assert!(told.contains("within 50ms"), "{told}");
    }

    #[test]
    fn settings_are_checked() {
        let with = |smtp_url: &str| Delivery::new(&Config { smtp_url: smtp_url.to_owned(), ..Config::default() });
        assert!(with("").is_ok_and(|d| d.relay.is_none()));
        assert!(with("smtp://127.0.0.1:2525").is_ok_and(|d| d.relay.is_some()));
        for bad in
            ["127.0.0.1:25", "smtps://mail.example.org:465", "smtp://mail.example.org", "smtp://u:p@h:25", "smtp://:25"]
        {
            assert_eq!(with(bad).err().and_then(|p| p.field), Some("email.smtp_url".to_owned()), "{bad}");
        }
        assert!(Delivery::new(&Config { from: "nobody".to_owned(), ..Config::default() }).is_err());
    }
}
