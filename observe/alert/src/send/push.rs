//! Messages to telephones and topics: Pushover's API, and Amazon SNS's `Publish` (version 2010-03-31), signed by Signature Version 4.

use hmac::{Hmac, Mac};
use http::header::AUTHORIZATION;
use http::{HeaderName, Uri};
use sha2::{Digest, Sha256};
use vitrine_kit::clock::rfc3339;
use vitrine_kit::percent;
use vitrine_observe_routing::{Pushover, Sns};
use vitrine_platform_fetch::{Request, secret_value};

use super::{Failure, Known, Sending, truncated};

const FORM: &str = "application/x-www-form-urlencoded";
/// Characters of a title, a message and a link in Pushover.
const PUSHOVER_TITLE: usize = 250;
const PUSHOVER_MESSAGE: usize = 1024;
const PUSHOVER_URL: usize = 512;
/// Bytes of a message of SNS, and of one to a telephone.
const SNS_MESSAGE: usize = 256 * 1024;
const SNS_TELEPHONE: usize = 1600;
const SNS_VERSION: &str = "2010-03-31";
/// Characters of a time such as `20261121T101500Z`, and of its date.
const DATE_CHARS: usize = 8;
const AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");
const AMZ_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// Who signs, for which region.
#[derive(Debug)]
struct Signer {
    name: String,
    secret: String,
    token: Option<String>,
    region: String,
}

impl Sending<'_> {
    pub(super) async fn pushover(&self, pushover: &Pushover) -> Result<Known, Failure> {
        let (token, user) = (self.secret_text(&pushover.token).await?, self.secret_text(&pushover.user).await?);
        let message =
            if pushover.is_html { self.renderer.html(&pushover.message)? } else { self.text(&pushover.message)? };
        let message = truncated(&message, PUSHOVER_MESSAGE);
        let message = if message.trim().is_empty() { "(no details)" } else { message.trim() };
        let mut form = vec![
            ("token", token),
            ("user", user),
            ("title", truncated(&self.text(&pushover.title)?, PUSHOVER_TITLE)),
            ("message", message.to_owned()),
            ("url", truncated(&self.text(&pushover.url)?, PUSHOVER_URL)),
            ("url_title", self.text(&pushover.url_title)?),
            ("priority", self.text(&pushover.priority)?),
            ("retry", pushover.retry.as_secs().to_string()),
            ("expire", pushover.expire.as_secs().to_string()),
            ("device", self.text(&pushover.device)?),
            ("sound", self.text(&pushover.sound)?),
        ];
        for (name, is_set) in [("html", pushover.is_html), ("monospace", pushover.is_monospace)] {
            form.extend(is_set.then(|| (name, "1".to_owned())));
        }
        form.extend((!pushover.ttl.is_zero()).then(|| ("ttl", pushover.ttl.as_secs().to_string())));
        // In the body and not, as Alertmanager has it, in the URL, which proxies write down.
        self.request(Request::post(pushover.api_url.clone(), FORM, percent::form(form))).await.map(|_| Known::new())
    }

    pub(super) async fn sns(&self, sns: &Sns) -> Result<Known, Failure> {
        let (kind, to) = (sns.to.0, self.text(&sns.to.1)?);
        let mut form = vec![("Action", "Publish".to_owned()), ("Version", SNS_VERSION.to_owned()), (kind, to.clone())];
        if kind == "TopicArn" && to.ends_with(".fifo") {
            // Two that are the same make one: the end is another than the beginning.
            form.push(("MessageDeduplicationId", self.delivery.dedup_key.clone()));
            form.push(("MessageGroupId", self.group_hash()));
        }
        let most = if kind == "PhoneNumber" { SNS_TELEPHONE } else { SNS_MESSAGE };
        let mut message = self.text(&sns.message)?;
        let mut attributes = Vec::new();
        for (name, text) in &sns.attributes {
            attributes.push((self.text(name)?, self.text(text)?));
        }
        if message.len() > most {
            message.truncate(message.floor_char_boundary(most));
            attributes.push(("truncated".to_owned(), "true".to_owned()));
        }
        form.push(("Message", message));
        if !sns.subject.is_empty() {
            form.push(("Subject", self.text(&sns.subject)?));
        }
        let numbered: Vec<(String, String)> = (1..)
            .zip(attributes)
            .flat_map(|(number, (name, value))| {
                let of = |what: &str| format!("MessageAttributes.entry.{number}.{what}");
                [(of("Name"), name), (of("Value.DataType"), "String".to_owned()), (of("Value.StringValue"), value)]
            })
            .collect();
        let mut form: Vec<(&str, String)> = form;
        form.extend(numbered.iter().map(|(name, value)| (name.as_str(), value.clone())));
        let signer = Signer::of(sns).await?;
        let url = match self.text(&sns.api_url)? {
            url if url.is_empty() => format!("https://sns.{}.amazonaws.com/", signer.region),
            url => url,
        };
        let request = signer.signed(url, percent::form(form), self.now_ms)?;
        self.request(request).await.map(|_| Known::new())
    }
}

impl Signer {
    /// The configuration's, or else the environment's.
    async fn of(sns: &Sns) -> Result<Self, Failure> {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let region = Some(sns.region.clone()).filter(|region| !region.is_empty());
        let region = region.or_else(|| set("AWS_REGION")).or_else(|| set("AWS_DEFAULT_REGION"));
        let region = region.ok_or_else(|| Failure::never("region not configured in sns.sigv4.region or AWS_REGION"))?;
        if let Some((name, secret)) = &sns.key {
            let secret = secret.read().await?.expose().to_owned();
            return Ok(Self { name: name.clone(), secret, token: None, region });
        }
        match (set("AWS_ACCESS_KEY_ID"), set("AWS_SECRET_ACCESS_KEY")) {
            (Some(name), Some(secret)) => Ok(Self { name, secret, token: set("AWS_SESSION_TOKEN"), region }),
            _ => Err(Failure::never(
                "no key: expected sns.sigv4.access_key, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            )),
        }
    }

    /// A form that is posted, signed. Source: AWS's "Create a signed AWS API request".
    fn signed(&self, url: String, body: String, now_ms: i64) -> Result<Request, Failure> {
        let parsed: Uri = url.parse().map_err(|_| Failure::never("api_url: expected a URL"))?;
        let host = parsed.authority().map(ToString::to_string).unwrap_or_default();
        let path = if parsed.path().is_empty() { "/" } else { parsed.path() };
        let query = parsed.query().unwrap_or_default();
        // 2026-11-21T10:15:00.000Z without its punctuation and its fraction.
        let time = rfc3339(now_ms);
        let time: String = time.split(['.', 'Z']).next().unwrap_or_default().replace(['-', ':'], "") + "Z";
        let date = &time[..DATE_CHARS.min(time.len())];
        let mut headers = vec![("content-type", FORM), ("host", host.as_str()), ("x-amz-date", time.as_str())];
        headers.extend(self.token.as_deref().map(|token| ("x-amz-security-token", token)));
        let written: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let hash = hex::encode(Sha256::digest(&body));
        let canonical = format!("POST\n{path}\n{query}\n{written}\n{names}\n{hash}");
        let scope = format!("{date}/{}/sns/aws4_request", self.region);
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex::encode(Sha256::digest(canonical)));
        let parts = [date, &self.region, "sns", "aws4_request"];
        let first = format!("AWS4{}", self.secret).into_bytes();
        let key = parts.iter().fold(first, |key, part| keyed(&key, part));
        let signature = hex::encode(keyed(&key, &text));
        let said =
            format!("AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}", self.name);
        let with = |request: Request, name: HeaderName, value: &str| {
            let value = secret_value(name.clone(), value).map_err(|_| Failure::never("the key is no header"))?;
            Ok::<_, Failure>(request.with_header(name, value))
        };
        let mut request = with(Request::post(url, FORM, body), AMZ_DATE, &time)?;
        if let Some(token) = &self.token {
            request = with(request, AMZ_TOKEN, token)?;
        }
        with(request, AUTHORIZATION, &said)
    }
}

fn keyed(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::{Signer, keyed};

    #[test]
    fn a_key_is_derived_as_amazon_shows_it() {
        // AWS's documentation, "Deriving the signing key", examples of keys.
        let first = b"AWS4wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_vec();
        let parts = ["20150830", "us-east-1", "iam", "aws4_request"];
        let key = parts.iter().fold(first, |key, part| keyed(&key, part));
        assert_eq!(hex::encode(key), "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9");
    }

    #[test]
    fn a_request_says_who_signed_it_and_when() {
        let signer = Signer {
            name: "AKID".to_owned(),
            secret: "hidden".to_owned(),
            token: Some("session".to_owned()),
            region: "eu-west-1".to_owned(),
        };
        let request =
            signer.signed("https://sns.example".to_owned(), "a=b".to_owned(), 1_795_256_100_000).expect("signed");
        let said = request.headers["authorization"].to_str().expect("text");
        let expected = "AWS4-HMAC-SHA256 Credential=AKID/20261121/eu-west-1/sns/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature=";
        assert!(said.starts_with(expected), "{said}");
        assert_eq!(
            (request.headers["x-amz-date"].as_bytes(), request.headers["authorization"].is_sensitive()),
            (&b"20261121T101500Z"[..], true)
        );
    }
}
