//! Letters, handed to a relay.

use lettre::Message;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, Mailboxes, MultiPart, SinglePart};
use vitrine_kit::Secret;
use vitrine_kit::clock::rfc3339;
use vitrine_observe_routing::Email;
use vitrine_platform_fetch::SecretSource;

use super::smtp::{self, Proof};
use super::{Failure, Known, Sending};

/// Characters of the group's name in a thread's id.
const THREAD_CHARS: usize = 16;
/// Characters of a date such as `2026-11-21`.
const DATE_CHARS: usize = 10;

impl Sending<'_> {
    pub(super) async fn email(&self, email: &Email) -> Result<Known, Failure> {
        let message = self.letter(email)?;
        let read = async |source: &Option<SecretSource>| match source {
            Some(source) => self.secret(source).await,
            None => Ok(Secret::default()),
        };
        let proof = Proof { password: read(&email.smtp.password).await?, secret: read(&email.smtp.secret).await? };
        smtp::hand_over(&email.smtp, &proof, &message).await?;
        Ok(Known::new())
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
}
