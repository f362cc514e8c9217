//! The journal: what every saga is about, and how far it is. No card numbers, and nothing about a person once it has ended.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use tonic::Status;
use vitrine_contracts::{Code, Problem, RemoteProblem};
use vitrine_kit::clock::Clock;
use vitrine_platform_host::Failure;
use vitrine_platform_store::{self as store, Document, Index, Keys, Query, Store, Stored, Tx};
use vitrine_platform_workflow::{self as workflow, Outcome, Phase, Record};

use crate::positions;
use crate::saga::{ABANDONED_MS, outcome_of};
use crate::work::Work;

/// Most sagas of one page.
const PAGE: usize = 500;

/// One saga.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SagaDoc {
    pub(crate) id: String,
    /// A digest of what was asked, to tell a repeat from another request under the same key.
    pub(crate) fingerprint: String,
    pub(crate) work: Work,
    pub(crate) record: Record,
    /// Why it turned back.
    pub(crate) refusal: Option<Refusal>,
    pub(crate) started_at: i64,
    pub(crate) updated_at: i64,
    /// Until when it waits for a challenge, in milliseconds since 1970; nobody drives it until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) waits_until: Option<i64>,
}

impl SagaDoc {
    pub(crate) fn new(id: String, fingerprint: String, work: Work, record: Record, now: i64) -> Self {
        Self { id, fingerprint, work, record, refusal: None, started_at: now, updated_at: now, waits_until: None }
    }

    pub(crate) fn phase(&self) -> Phase {
        self.record.phase
    }
}

/// A saga as it stands in the journal: one that can be read, or one of another version that is left as it is.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    Saga(Box<SagaDoc>),
    Unreadable(Unreadable),
}

/// What can be told of a saga that cannot be read.
#[derive(Clone, Debug)]
pub(crate) struct Unreadable {
    pub(crate) id: String,
    pub(crate) why: String,
    whole: Value,
}

impl Entry {
    fn read(whole: Value) -> Self {
        match saga_of(&whole) {
            Ok(saga) => Self::Saga(Box::new(saga)),
            Err(why) => {
                Self::Unreadable(Unreadable { id: whole["id"].as_str().unwrap_or_default().to_owned(), why, whole })
            }
        }
    }

    /// When it was touched, in milliseconds since 1970; 0 where that cannot be read. One that waits counts as touched until then, so that
    /// it is taken for abandoned when its time is over.
    pub(crate) fn touched_at(&self) -> i64 {
        match self {
            Self::Saga(saga) => saga.waits_until.map_or(saga.updated_at, |until| until - ABANDONED_MS),
            Self::Unreadable(unreadable) => unreadable.whole["updated_at"].as_i64().unwrap_or_default(),
        }
    }
}

fn saga_of(whole: &Value) -> Result<SagaDoc, String> {
    fn field<T: DeserializeOwned>(whole: &Value, name: &str) -> Result<T, String> {
        T::deserialize(&whole[name]).map_err(|e| format!("its {name} cannot be read: {e}"))
    }
    let record = match whole.get("position") {
        Some(position) => positions::record(&whole["work"], position)?,
        None => field(whole, "record")?,
    };
    Ok(SagaDoc {
        id: field(whole, "id")?,
        fingerprint: field(whole, "fingerprint")?,
        work: field(whole, "work")?,
        record,
        refusal: field(whole, "refusal")?,
        started_at: field(whole, "started_at")?,
        updated_at: field(whole, "updated_at")?,
        waits_until: field(whole, "waits_until")?,
    })
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::read(Value::deserialize(deserializer)?))
    }
}

impl Serialize for Entry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Saga(saga) => saga.serialize(serializer),
            Self::Unreadable(unreadable) => unreadable.whole.serialize(serializer),
        }
    }
}

impl Document for Entry {
    const COLLECTION: &'static str = "sagas";
    const INDEXES: &'static [Index] = &[Index::ordered("open"), Index::ordered("ended"), Index::ordered("purchase")];
    fn id(&self) -> Cow<'_, str> {
        match self {
            Self::Saga(saga) => Cow::Borrowed(&saga.id),
            Self::Unreadable(unreadable) => Cow::Borrowed(&unreadable.id),
        }
    }
    fn keys(&self, out: &mut Keys) {
        match self {
            Self::Saga(saga) => {
                out.put(if saga.phase().is_final() { "ended" } else { "open" }, self.touched_at());
                if let Work::Buy(purchase) = &saga.work {
                    out.put("purchase", purchase.order_id.as_str());
                }
            }
            Self::Unreadable(unreadable) => {
                out.put("open", self.touched_at());
                if let Some(order_id) = unreadable.whole["work"]["Buy"]["order_id"].as_str() {
                    out.put("purchase", order_id);
                }
            }
        }
    }
}

/// Why a saga turned back, as the caller is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Refusal {
    code: i32,
    reason: String,
    message: String,
    field: Option<String>,
    expected: Option<String>,
    /// Asking again with the same key gives the same answer. Otherwise nothing happened, and it is tried again with
    /// whatever is asked.
    pub(crate) lasting: bool,
}

impl Refusal {
    fn new(status: &Status) -> Self {
        let RemoteProblem { code, reason, message, field, expected } = Problem::from_status(status);
        // A mistyped card is typed again; a declined one stays declined.
        let lasting = outcome_of(status) == Outcome::Refused && code != Code::InvalidArgument;
        Self { code: code.into(), reason, message, field, expected, lasting }
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let Refusal { code, reason, message, field, expected, .. } = refusal;
        RemoteProblem { code: Code::from(code), reason, message, field, expected }.into()
    }
}

/// A saga and its place in the journal.
#[derive(Clone, Debug)]
pub(crate) struct Saga {
    pub(crate) doc: SagaDoc,
    pub(crate) version: u64,
    clock: Clock,
}

impl workflow::Journal for Saga {
    type Cause = Status;

    fn write(&mut self, tx: &mut Tx, record: Record, cause: Option<&Status>) {
        self.doc.record = record;
        self.doc.refusal = cause.map(Refusal::new).or(self.doc.refusal.take());
        self.doc.updated_at = self.clock.now_ms();
        self.doc.waits_until = None;
        if self.doc.phase().is_final() {
            self.doc.work.forget_person();
        }
        tx.update(&Stored { doc: Entry::Saga(Box::new(self.doc.clone())), version: self.version });
    }

    fn committed(&mut self) {
        self.version += 1;
    }
}

/// All sagas. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Journal {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
}

impl Journal {
    fn saga(&self, stored: Stored<Entry>) -> Result<Saga, Unreadable> {
        match stored.doc {
            Entry::Saga(doc) => Ok(Saga { doc: *doc, version: stored.version, clock: self.clock.clone() }),
            Entry::Unreadable(unreadable) => Err(unreadable),
        }
    }

    /// The saga with this id.
    pub(crate) async fn get(&self, id: &str) -> Result<Option<Saga>, Failure> {
        let found = self.store.get::<Entry>(id).await?;
        found.map(|stored| self.saga(stored).map_err(|_| of_another_version().into())).transpose()
    }

    /// The purchase of this order.
    pub(crate) async fn purchase(&self, order_id: &str) -> Result<Option<Saga>, Failure> {
        let found = self.store.find::<Entry>(Query::eq("purchase", order_id).limit(1)).await?.items.pop();
        found.map(|stored| self.saga(stored).map_err(|_| of_another_version().into())).transpose()
    }

    /// The purchase of this order, if it waits.
    pub(crate) async fn waiting(&self, order_id: &str) -> Result<Option<Saga>, Failure> {
        if order_id.is_empty() {
            return Ok(None);
        }
        let found = self.store.find::<Entry>(Query::eq("purchase", order_id).limit(1)).await?.items.pop();
        let readable = found.and_then(|stored| self.saga(stored).ok());
        Ok(readable.filter(|saga| saga.doc.waits_until.is_some()))
    }

    /// Notes until when a saga waits. False if it is not as it was: another process goes on with it.
    pub(crate) async fn wait(&self, saga: &mut Saga, until: i64) -> Result<bool, Failure> {
        (saga.doc.waits_until, saga.doc.updated_at) = (Some(until), self.clock.now_ms());
        let mut tx = self.store.begin();
        tx.update(&Stored { doc: Entry::Saga(Box::new(saga.doc.clone())), version: saga.version });
        match tx.commit().await {
            Ok(()) => {
                saga.version += 1;
                Ok(true)
            }
            Err(store::Error::Conflict { .. }) => Ok(false),
            Err(e) => Err(e.into()),
        }
    }

    /// Whether there is a purchase of this order that has not ended.
    pub(crate) async fn is_under_way(&self, order_id: &str) -> Result<bool, Failure> {
        let found = self.store.find::<Entry>(Query::eq("purchase", order_id).limit(1)).await?.items;
        Ok(found.iter().any(|entry| !matches!(&entry.doc, Entry::Saga(saga) if saga.phase().is_final())))
    }

    /// Notes a new saga, instead of the one of this version if there is one; none if another caller did meanwhile.
    pub(crate) async fn open(&self, doc: SagaDoc, instead_of: Option<u64>) -> Result<Option<Saga>, Failure> {
        let entry = Entry::Saga(Box::new(doc.clone()));
        let mut tx = self.store.begin();
        match instead_of {
            Some(version) => tx.update(&Stored { doc: entry, version }),
            None => tx.insert(&entry),
        }
        match tx.commit().await {
            Ok(()) => Ok(Some(Saga { doc, version: instead_of.unwrap_or(0) + 1, clock: self.clock.clone() })),
            Err(store::Error::Exists { .. } | store::Error::Conflict { .. }) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    /// A page of the sagas that are not at their end and were not touched after this time, and where the next page begins.
    pub(crate) async fn unfinished(
        &self,
        untouched_since: i64,
        cursor: Option<&str>,
    ) -> Result<(Vec<Result<Saga, Unreadable>>, Option<String>), Failure> {
        let query = Query::range("open", 0..=untouched_since).limit(PAGE).cursor(cursor);
        let page = self.store.find::<Entry>(query).await?;
        Ok((page.items.into_iter().map(|stored| self.saga(stored)).collect(), page.next_cursor))
    }

    /// Forgets a saga.
    pub(crate) async fn forget(&self, saga: &Saga) -> Result<(), Failure> {
        let mut tx = self.store.begin();
        tx.delete_expecting::<Entry>(&saga.doc.id, saga.version);
        Ok(tx.commit().await?)
    }

    /// Forgets sagas that ended before this time.
    pub(crate) async fn prune(&self, ended_before: i64) -> Result<(), Failure> {
        let old = self.store.find::<Entry>(Query::range("ended", 0..=ended_before).limit(PAGE)).await?.items;
        let mut tx = self.store.begin();
        for saga in &old {
            tx.delete::<Entry>(&saga.id());
        }
        Ok(tx.commit().await?)
    }
}

/// Said of a saga that only another version of the shop can bring to its end.
pub(crate) fn of_another_version() -> Problem {
    let message = "this was begun by another version of the shop, which has to bring it to its end: ask again later";
    Problem::unavailable(message).with_reason("OTHER_VERSION")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use vitrine_platform_store::{Document, Keys};
    use vitrine_platform_workflow::Workflow;

    use super::Entry;
    use crate::definitions;

    /// What journals said before steps had names, and what they say now.
    const POSITION: &str = include_str!("golden/position.json");
    const RECORD: &str = include_str!("golden/record.json");

    fn entries(golden: &str) -> Vec<(Value, Entry)> {
        let docs: Vec<Value> = serde_json::from_str(golden).expect("golden");
        docs.into_iter().map(|doc| (doc.clone(), serde_json::from_value(doc).expect("any document is read"))).collect()
    }

    #[test]
    fn what_is_written_today_will_be_read_as_it_is() {
        let definitions = definitions::all().expect("well formed");
        for (doc, entry) in entries(RECORD) {
            let Entry::Saga(saga) = &entry else { panic!("{entry:?}") };
            Workflow::read(&definitions, &saga.record).expect("it can be followed");
            assert_eq!(serde_json::to_value(&entry).expect("written"), doc);
        }
    }

    #[test]
    fn what_was_written_by_number_is_read_by_name() {
        let definitions = definitions::all().expect("well formed");
        let mut told = Vec::new();
        for (doc, entry) in entries(POSITION) {
            let Entry::Saga(saga) = &entry else { panic!("{entry:?}") };
            Workflow::read(&definitions, &saga.record).expect("it can be followed");
            assert_eq!((json!(saga.refusal), json!(saga.id)), (doc["refusal"].clone(), doc["id"].clone()));
            told.push(json!(saga.record));
        }
        let expected = json!([
            {"definition": "purchase/1", "phase": "forward", "steps": {"reserve": "done", "authorize": "done", "sell": "done", "capture": "started"}},
            {"definition": "purchase/2", "phase": "back", "steps": {"take": "done", "reserve": "done", "authorize": "unknown"}},
            {"definition": "purchase/2", "phase": "done", "steps": {}},
            {"definition": "cancellation/1", "phase": "forward", "steps": {"stop-parcel": "done", "mark-cancelled": "done", "refund": "started"}},
        ]);
        assert_eq!(json!(told), expected);
    }

    #[test]
    fn what_another_version_wrote_is_kept_as_it_is_and_named() {
        let whole = |change: &dyn Fn(&mut Value)| {
            let mut doc = entries(RECORD).remove(0).0;
            change(&mut doc);
            doc
        };
        let cases: [(Value, &str); 6] = [
            (whole(&|doc| doc["work"] = json!({"Exchange": {"order_id": "ord_1"}})), "its work cannot be read"),
            (whole(&|doc| doc["record"]["phase"] = json!("sideways")), "its record cannot be read"),
            (whole(&|doc| doc["record"] = json!(null)), "its record cannot be read"),
            (whole(&|doc| doc["position"] = json!({"Doing": 7})), "purchase/1 has no step 7"),
            (whole(&|doc| doc["position"] = json!({"Pondering": 1})), "its position cannot be read"),
            (whole(&|doc| doc["updated_at"] = json!("today")), "its updated_at cannot be read"),
        ];
        for (doc, expected) in cases {
            let entry: Entry = serde_json::from_value(doc.clone()).expect("any document is read");
            let Entry::Unreadable(unreadable) = &entry else { panic!("{entry:?}") };
            assert!(unreadable.id == "buy/cus_1/a" && unreadable.why.contains(expected), "{unreadable:?}");
            assert_eq!(serde_json::to_value(&entry).expect("written"), doc);
            entry.keys(&mut Keys::default());
        }
    }
}
