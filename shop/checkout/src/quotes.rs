//! The ids of quotes: what was quoted, for how much and until when, authenticated by a key that all replicas share. Nothing is kept of a
//! quote itself.

use std::borrow::Cow;
use std::sync::Arc;

use hmac::{Hmac, Mac};
use prost::Message;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use tokio::sync::OnceCell;
use vitrine_contracts::Problem;
use vitrine_contracts::checkout::v1::QuoteRequest;
use vitrine_contracts::common::v1::{Address, Line};
use vitrine_contracts::limits::QUOTE_MS;
use vitrine_kit::money::{Currency, Money};
use vitrine_platform_host::Failure;
use vitrine_platform_store::{self as store, Document, Index, Keys, Store};

use crate::domain::pricing::Most;

const PREFIX: &str = "qte_";
/// What the id says, in bytes: until when, how much, and the beginning of an HMAC-SHA256 that authenticates both with what was quoted.
const EXPIRES: usize = 8;
const TOTAL: usize = 8;
const TAG: usize = 14;
/// Bytes of the key.
const KEY: usize = 32;
/// The one key.
const KEY_ID: &str = "quotes";
const FIELD: &str = "quote_id";

/// The key, as it is kept.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct KeyDoc {
    id: String,
    #[serde(with = "vitrine_platform_store::bytes")]
    key: Vec<u8>,
}

impl Document for KeyDoc {
    const COLLECTION: &'static str = "keys";
    const INDEXES: &'static [Index] = &[];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.id)
    }
    fn keys(&self, _: &mut Keys) {}
}

/// What is quoted, and to whom.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) customer_id: &'a str,
    pub(crate) lines: &'a [Line],
    pub(crate) currency: Currency,
    pub(crate) address: &'a Address,
}

/// A quote's id, read; whether it is one of ours is not known yet.
#[derive(Clone, Copy)]
pub(crate) struct QuoteId {
    expires_at: i64,
    total: i64,
    tag: [u8; TAG],
}

impl QuoteId {
    /// Reads it; none where none is given.
    pub(crate) fn parse(given: &str) -> Result<Option<Self>, Problem> {
        let malformed = || Problem::invalid(FIELD, "the id of a quote, or nothing", "that cannot be a quote's id");
        if given.is_empty() { Ok(None) } else { Self::decode(given).ok_or_else(malformed).map(Some) }
    }

    fn decode(id: &str) -> Option<Self> {
        let mut bytes = [0; EXPIRES + TOTAL + TAG];
        hex::decode_to_slice(id.strip_prefix(PREFIX)?, &mut bytes).ok()?;
        let (expires_at, rest) = bytes.split_first_chunk::<EXPIRES>()?;
        let (total, tag) = rest.split_first_chunk::<TOTAL>()?;
        let (expires_at, total) = (i64::from_be_bytes(*expires_at), i64::from_be_bytes(*total));
        Some(Self { expires_at, total, tag: tag.try_into().ok()? })
    }

    fn text(&self) -> String {
        let said = [&self.expires_at.to_be_bytes()[..], &self.total.to_be_bytes(), &self.tag].concat();
        format!("{PREFIX}{}", hex::encode(said))
    }
}

fn mac(key: &[u8], subject: &Subject<'_>, expires_at: i64, total: i64) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(&expires_at.to_be_bytes());
    mac.update(&total.to_be_bytes());
    let asked = QuoteRequest {
        customer_id: subject.customer_id.to_owned(),
        currency_code: subject.currency.code().to_owned(),
        address: Some(subject.address.clone()),
    };
    mac.update(&asked.encode_length_delimited_to_vec());
    for line in subject.lines {
        mac.update(&line.encode_length_delimited_to_vec());
    }
    mac
}

/// Makes and reads ids of quotes. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Quotes {
    store: Store,
    key: Arc<OnceCell<Vec<u8>>>,
}

impl Quotes {
    pub(crate) fn new(store: Store) -> Self {
        Self { store, key: Arc::default() }
    }

    async fn key(&self) -> Result<&[u8], Failure> {
        Ok(self.key.get_or_try_init(|| self.choose_key()).await?)
    }

    async fn kept_key(&self) -> Result<Option<Vec<u8>>, Failure> {
        Ok(self.store.get::<KeyDoc>(KEY_ID).await?.map(|kept| kept.doc.key))
    }

    /// Returns the key that is kept; the first replica that needs one chooses it.
    async fn choose_key(&self) -> Result<Vec<u8>, Failure> {
        if let Some(key) = self.kept_key().await? {
            return Ok(key);
        }
        let doc = KeyDoc { id: KEY_ID.to_owned(), key: rand::random::<[u8; KEY]>().to_vec() };
        let mut tx = self.store.begin();
        tx.insert(&doc);
        match tx.commit().await {
            Ok(()) => Ok(doc.key),
            Err(store::Error::Exists { .. }) => Ok(self.kept_key().await?.ok_or_else(Problem::internal)?),
            Err(e) => Err(e.into()),
        }
    }

    /// The id of a quote that is made now, and until when it is good.
    pub(crate) async fn id(&self, subject: &Subject<'_>, total: Money, now_ms: i64) -> Result<(String, i64), Failure> {
        let expires_at = now_ms + QUOTE_MS;
        let tag = mac(self.key().await?, subject, expires_at, total.minor).finalize().into_bytes();
        let tag = tag.first_chunk().copied().ok_or_else(Problem::internal)?;
        Ok((QuoteId { expires_at, total: total.minor, tag }.text(), expires_at))
    }

    /// What may be charged by a quote: of the very same, and not too late.
    pub(crate) async fn most(&self, quoted: QuoteId, subject: &Subject<'_>, now_ms: i64) -> Result<Most, Failure> {
        if now_ms >= quoted.expires_at {
            let problem = Problem::precondition("QUOTE_EXPIRED", "the quote is too old: ask for another one");
            return Err(problem.with_field(FIELD).into());
        }
        let mac = mac(self.key().await?, subject, quoted.expires_at, quoted.total);
        mac.verify_truncated_left(&quoted.tag).map_err(|_| {
            let message = "the cart, the address or the currency is not the one that was quoted: ask for another quote";
            Problem::aborted("QUOTE_CHANGED", message).with_field(FIELD)
        })?;
        Ok(Most { total: Money::new(subject.currency, quoted.total), field: FIELD })
    }
}

#[cfg(test)]
mod tests {
    use vitrine_platform_store::Schema;

    use super::{Address, Currency, Failure, KeyDoc, Line, Money, QUOTE_MS, QuoteId, Quotes, Store, Subject};

    const NOW: i64 = 1_795_219_200_000;

    fn reason(failure: Failure) -> String {
        vitrine_contracts::Problem::from_status(&failure.into()).reason
    }

    fn read(id: &str) -> QuoteId {
        QuoteId::parse(id).expect("well formed").expect("an id")
    }

    #[tokio::test]
    async fn a_quote_is_good_for_what_was_quoted_for_a_while() {
        let store = Store::temporary("checkout", Schema::new().with::<KeyDoc>()).expect("a database");
        let (quotes, replica) = (Quotes::new(store.clone()), Quotes::new(store));
        let lines = [Line { product_id: "prd_a".to_owned(), quantity: 2 }];
        let more = [Line { product_id: "prd_a".to_owned(), quantity: 3 }];
        let (home, away) = (Address::default(), Address { city: "Brno".to_owned(), ..Address::default() });
        let eur = Currency::EUR;
        let subject = Subject { customer_id: "cus_1", lines: &lines, currency: eur, address: &home };
        let (id, until) = quotes.id(&subject, Money::new(eur, 1999), NOW).await.expect("an id");
        assert!(vitrine_kit::id::is_valid("qte", &id) && until == NOW + QUOTE_MS, "{id}");

        let most = replica.most(read(&id), &subject, until - 1).await.expect("good");
        assert_eq!((most.total, most.field), (Money::new(eur, 1999), "quote_id"));
        assert_eq!(reason(replica.most(read(&id), &subject, until).await.expect_err("late")), "QUOTE_EXPIRED");
        for other in [
            Subject { customer_id: "cus_2", ..subject },
            Subject { lines: &more, ..subject },
            Subject { currency: Currency::parse("CZK").expect("known"), ..subject },
            Subject { address: &away, ..subject },
        ] {
            assert_eq!(reason(quotes.most(read(&id), &other, NOW).await.expect_err("other")), "QUOTE_CHANGED");
        }
        let forged = format!("{}{}", &id[..id.len() - 1], if id.ends_with('0') { '1' } else { '0' });
        assert_eq!(reason(quotes.most(read(&forged), &subject, NOW).await.expect_err("forged")), "QUOTE_CHANGED");
        assert!(QuoteId::parse("").is_ok_and(|none| none.is_none()));
        for bad in ["qte_", "qte_1", "ord_1", &id[..id.len() - 2], &format!("{id}00")] {
            assert_eq!(QuoteId::parse(bad).err().expect(bad).field.as_deref(), Some("quote_id"));
        }
    }
}
