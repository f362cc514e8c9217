//! Letters, handed to a relay.

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, Mailboxes, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use vitrine_kit::clock::rfc3339;
use vitrine_observe_routing::{Email, Smtp};

use super::{Failure, Known, Sending};

/// Port on which TLS comes before all else.
const IMPLICIT_TLS_PORT: u16 = 465;
/// Characters of the group's name in a thread's id.
const THREAD_CHARS: usize = 16;
/// Characters of a date such as `2026-11-21`.
const DATE_CHARS: usize = 10;

type Relay = AsyncSmtpTransport<Tokio1Executor>;

impl Sending<'_> {
    pub(super) async fn email(&self, email: &Email) -> Result<Known, Failure> {
        let message = self.letter(email)?;
        let relay = self.relay(&email.smtp).await?;
        match relay.send(message).await {
            Ok(_) => Ok(Known::new()),
            Err(error) => Err(Failure { may_retry: !error.is_permanent(), reason: super::with_causes(&error) }),
        }
    }

    fn letter(&self, email: &Email) -> Result<Message, Failure> {
        let bad = |what: &str, error: &dyn std::fmt::Display| Failure::never(format!("{what}: {error}"));
        let from: Mailbox = self.text(&email.smtp.from)?.parse().map_err(|e| bad("parse 'from' address", &e))?;
        let to: Mailboxes = self.text(&email.to)?.parse().map_err(|e| bad("parse 'to' addresses", &e))?;
        let mut builder = Message::builder().from(from);
        for mailbox in to {
            builder = builder.to(mailbox);
        }
        // The same for the same notification: whoever gets it twice can know it.
        let host = if email.smtp.hello.is_empty() { "localhost" } else { &email.smtp.hello };
        builder = builder.message_id(Some(format!("<{}@{host}>", self.delivery.dedup_key)));
        let mut has_subject = false;
        for (name, text) in &email.headers {
            has_subject |= name == "Subject";
            let value = self.text(text)?.replace(['\r', '\n'], " ");
            let header = HeaderName::new_from_ascii(name.clone()).map_err(|e| bad(name, &e))?;
            builder = builder.raw_header(HeaderValue::new(header, value));
        }
        if !has_subject {
            builder =
                builder.subject(self.text("{{ template \"email.default.subject\" . }}")?.replace(['\r', '\n'], " "));
        }
        if email.is_threaded {
            let day =
                if email.is_thread_daily { rfc3339(self.delivery.at)[..DATE_CHARS].to_owned() } else { String::new() };
            let thread = format!("<alert-{}-{day}@alertmanager>", &self.group_hash()[..THREAD_CHARS]);
            builder = builder.references(thread.clone()).in_reply_to(thread);
        }
        let text = Some(self.text(&email.text)?).filter(|_| !email.text.is_empty());
        let html = if email.html.is_empty() { None } else { Some(self.renderer.html(&email.html)?) };
        let message = match (text, html) {
            (Some(text), Some(html)) => builder.multipart(MultiPart::alternative_plain_html(text, html)),
            (None, Some(html)) => builder.multipart(MultiPart::alternative().singlepart(SinglePart::html(html))),
            (text, None) => {
                builder.multipart(MultiPart::alternative().singlepart(SinglePart::plain(text.unwrap_or_default())))
            }
        };
        message.map_err(|e| bad("the letter cannot be put together", &e))
    }

    async fn relay(&self, smtp: &Smtp) -> Result<Relay, Failure> {
        let Some((host, port)) = &smtp.smarthost else { return Err(Failure::never("no smarthost")) };
        let is_implicit = smtp.is_implicit_tls.unwrap_or(*port == IMPLICIT_TLS_PORT);
        let tls = match (is_implicit, smtp.requires_tls) {
            (true, _) => Tls::Wrapper(tls(smtp, host).await?),
            (false, true) => Tls::Required(tls(smtp, host).await?),
            (false, false) => Tls::None,
        };
        let mut builder = Relay::builder_dangerous(host).port(*port).tls(tls).timeout(Some(self.within));
        if !smtp.hello.is_empty() {
            builder = builder.hello_name(ClientId::Domain(smtp.hello.clone()));
        }
        if !smtp.username.is_empty() {
            let password = match &smtp.password {
                Some(password) => password.read().await?,
                None => vitrine_kit::Secret::default(),
            };
            builder = builder.credentials(Credentials::new(smtp.username.clone(), password.expose().to_owned()));
        }
        Ok(builder.build())
    }
}

async fn tls(smtp: &Smtp, host: &str) -> Result<TlsParameters, Failure> {
    let bad =
        |error: &dyn std::error::Error| Failure::never(format!("TLS cannot be set up: {}", super::with_causes(error)));
    let settings = &smtp.tls;
    let name = settings.server_name.clone().unwrap_or_else(|| host.to_owned());
    let mut builder = TlsParameters::builder(name).dangerous_accept_invalid_certs(settings.is_insecure);
    if !settings.tls.ca.as_os_str().is_empty() {
        let pem = tokio::fs::read(&settings.tls.ca).await?;
        builder = builder.add_root_certificate(Certificate::from_pem(&pem).map_err(|e| bad(&e))?);
    }
    builder.build_rustls().map_err(|e| bad(&e))
}
