//! The journal: what every saga is about, and how far it is. No card numbers, and nothing about a person once it has ended.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use tonic::Status;
use vitrine_contracts::{Code, Problem, RemoteProblem};
use vitrine_kit::clock::Clock;
use vitrine_platform_host::Failure;
use vitrine_platform_store::{self as store, Document, Index, Keys, Query, Store, Stored};

use crate::buy::Purchase;
use crate::cancel::Cancellation;
use crate::domain::course::{Course, Outcome, Position};

/// Most sagas of one look.
const BATCH: usize = 500;

/// What a saga does.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Work {
    Buy(Box<Purchase>),
    Cancel(Cancellation),
}

impl Work {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Buy(_) => "buy",
            Self::Cancel(_) => "cancel",
        }
    }

    pub(crate) fn course(&self) -> Course {
        match self {
            Self::Buy(purchase) => purchase.course(),
            Self::Cancel(cancellation) => cancellation.course(),
        }
    }

    pub(crate) fn order_id(&self) -> &str {
        match self {
            Self::Buy(purchase) => &purchase.order_id,
            Self::Cancel(cancellation) => &cancellation.order_id,
        }
    }

    /// Whether what was asked for is on record, though something is left to do.
    pub(crate) fn is_recorded(&self, at: Position) -> bool {
        matches!(self, Self::Buy(purchase) if purchase.is_recorded(at))
    }

    /// Forgets what it says about a person.
    pub(crate) fn forget_person(&mut self) {
        match self {
            Self::Buy(purchase) => purchase.order.clear(),
            Self::Cancel(cancellation) => cancellation.reason.clear(),
        }
    }
}

/// One saga.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SagaDoc {
    pub(crate) id: String,
    /// A digest of what was asked, to tell a repeat from another request under the same key.
    pub(crate) fingerprint: String,
    pub(crate) work: Work,
    pub(crate) position: Position,
    /// Why it turned back.
    pub(crate) refusal: Option<Refusal>,
    pub(crate) started_at: i64,
    pub(crate) updated_at: i64,
}

impl SagaDoc {
    pub(crate) fn new(id: String, fingerprint: String, work: Work, now: i64) -> Self {
        Self { id, fingerprint, work, position: Position::Doing(0), refusal: None, started_at: now, updated_at: now }
    }
}

impl Document for SagaDoc {
    const COLLECTION: &'static str = "sagas";
    const INDEXES: &'static [Index] = &[Index::ordered("open"), Index::ordered("ended"), Index::ordered("purchase")];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.id)
    }
    fn keys(&self, out: &mut Keys) {
        out.put(if self.position.is_final() { "ended" } else { "open" }, self.updated_at);
        if let Work::Buy(purchase) = &self.work {
            out.put("purchase", purchase.order_id.as_str());
        }
    }
}

/// Why a saga turned back, as whoever asked is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Refusal {
    code: i32,
    reason: String,
    message: String,
    field: Option<String>,
    expected: Option<String>,
    /// Asking again with the same key gives the same answer. Otherwise nothing happened, and it is tried anew with whatever is asked.
    pub(crate) lasting: bool,
}

impl Refusal {
    pub(crate) fn new(status: &Status, outcome: Outcome) -> Self {
        let RemoteProblem { code, reason, message, field, expected } = Problem::from_status(status);
        // A mistyped card is typed again; a declined one stays declined.
        let lasting = outcome == Outcome::Refused && code != Code::InvalidArgument;
        Self { code: code.into(), reason, message, field, expected, lasting }
    }

    /// Why a saga turned back whose process was gone.
    pub(crate) fn interrupted() -> Self {
        Self::new(&Problem::unavailable("the purchase was interrupted and undone; ask again").into(), Outcome::Unknown)
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let Refusal { code, reason, message, field, expected, .. } = refusal;
        RemoteProblem { code: Code::from(code), reason, message, field, expected }.into()
    }
}

/// All sagas. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Journal {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
}

impl Journal {
    pub(crate) async fn get(&self, id: &str) -> Result<Option<Stored<SagaDoc>>, Failure> {
        Ok(self.store.get(id).await?)
    }

    /// Whether there is a purchase of this order that has not ended.
    pub(crate) async fn is_under_way(&self, order_id: &str) -> Result<bool, Failure> {
        let found = self.store.find::<SagaDoc>(Query::eq("purchase", order_id).limit(1)).await?.items;
        Ok(found.iter().any(|saga| !saga.position.is_final()))
    }

    /// Notes a new saga; none if there is one with this id.
    pub(crate) async fn open(&self, doc: SagaDoc) -> Result<Option<Stored<SagaDoc>>, Failure> {
        let mut tx = self.store.begin();
        tx.insert(&doc);
        match tx.commit().await {
            Ok(()) => Ok(Some(Stored { doc, version: 1 })),
            Err(store::Error::Exists { .. }) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    /// Notes where a saga is now; none if somebody else did meanwhile.
    pub(crate) async fn note(&self, mut saga: Stored<SagaDoc>) -> Result<Option<Stored<SagaDoc>>, Failure> {
        saga.doc.updated_at = self.clock.now_ms();
        let mut tx = self.store.begin();
        tx.update(&saga);
        match tx.commit().await {
            Ok(()) => Ok(Some(Stored { version: saga.version + 1, ..saga })),
            Err(store::Error::Conflict { .. }) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    /// Sagas that are not at their end and were not touched after this time.
    pub(crate) async fn unfinished(&self, untouched_since: i64) -> Result<Vec<Stored<SagaDoc>>, Failure> {
        Ok(self.store.find(Query::range("open", 0..=untouched_since).limit(BATCH)).await?.items)
    }

    /// Forgets a saga.
    pub(crate) async fn forget(&self, saga: &Stored<SagaDoc>) -> Result<(), Failure> {
        let mut tx = self.store.begin();
        tx.delete_expecting::<SagaDoc>(&saga.id, saga.version);
        Ok(tx.commit().await?)
    }

    /// Forgets sagas that ended before this time.
    pub(crate) async fn prune(&self, ended_before: i64) -> Result<(), Failure> {
        let old = self.store.find::<SagaDoc>(Query::range("ended", 0..=ended_before).limit(BATCH)).await?.items;
        let mut tx = self.store.begin();
        for saga in &old {
            tx.delete::<SagaDoc>(&saga.id);
        }
        Ok(tx.commit().await?)
    }
}
