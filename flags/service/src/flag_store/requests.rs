//! Change requests: proposed, changed, approved or turned down, and made once enough others approved.

use vitrine_flags_engine::Finding;
use vitrine_kit::clock::rfc3339;
use vitrine_platform_store::{Query, Stored};

use super::change::{Changing, Transition, Written};
use super::{Error, FlagStore, quorum};
use crate::audit::Action;
use crate::documents::{Approval, ChangeRequest, RequestState, Schedule, number_id};
use crate::operation::{Author, Operation};

/// Most change requests that are kept. The oldest that ended go first.
pub const MAX_REQUESTS: usize = 200;

/// A change request that is kept.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Proposed {
    /// Its number.
    pub id: u64,
    /// What is to be approved.
    pub hash: String,
    /// How many others must approve.
    pub needed: u32,
    /// What the author should know.
    pub findings: Vec<Finding>,
}

impl Changing<'_> {
    /// Refuses a change that is the file's to make, or that others must approve.
    pub(super) fn check_direct(&self, transition: &Transition) -> Result<(), Error> {
        self.check_file(transition)?;
        let (needed, what) = quorum::needed(&self.now, &transition.set, &transition.edits, self.flags.quorum);
        if needed == 0 {
            return Ok(());
        }
        Err(Error::Protected(format!(
            "{what} takes {needed} approvals of others: propose the change (propose=true), so that they can be given"
        )))
    }

    /// How many others must approve; one at least, since its author asked for it.
    fn needed(&self, transition: &Transition) -> u32 {
        quorum::needed(&self.now, &transition.set, &transition.edits, self.flags.quorum).0.max(1)
    }

    async fn request(&self, id: u64) -> Result<Stored<ChangeRequest>, Error> {
        let found = self.flags.store().get::<ChangeRequest>(&number_id(id)).await?;
        found.ok_or_else(|| Error::NotFound(format!("there is no change request {id}")))
    }
}

impl FlagStore {
    /// The change requests, the latest first.
    pub async fn requests(&self) -> Result<Vec<ChangeRequest>, Error> {
        let found = self.store().find_all::<ChangeRequest>(Query::all()).await?;
        Ok(found.into_iter().rev().map(|found| found.doc).collect())
    }

    /// Proposes a change, which must be one that could be made now.
    pub async fn propose(
        &self,
        author: Author,
        set: &str,
        operation: Operation,
        at_ms: Option<i64>,
    ) -> Result<Proposed, Error> {
        self.check_planned(&operation, at_ms)?;
        let changing = self.begin().await;
        let transition = changing.transition_of(set, &operation, &author).await?;
        changing.check_file(&transition)?;
        let needed = changing.needed(&transition);
        let findings = changing.check(set, &operation, &author).await?;
        let all = self.requests().await?;
        let surplus = (all.len() + 1).saturating_sub(MAX_REQUESTS);
        let ended = all.into_iter().rev().filter(|request| request.state != RequestState::Open);
        let gone: Vec<u64> = ended.take(surplus).map(|request| request.id).collect();
        if gone.len() < surplus {
            return Err(Error::Invalid(format!("{MAX_REQUESTS} change requests are open, which is the most")));
        }
        let mut request = ChangeRequest {
            id: changing.revision(),
            set: set.to_owned(),
            operation,
            at_ms,
            author: author.clone(),
            hash: String::new(),
            approvals: Vec::new(),
            state: RequestState::Open,
            because: None,
        };
        request.hash = request.content_hash();
        let (id, hash) = (request.id, request.hash.clone());
        let transition = tell(Action::Propose, &request).with(move |tx| {
            gone.iter().for_each(|id| tx.delete::<ChangeRequest>(&number_id(*id)));
            tx.insert(&request);
        });
        changing.commit(author, transition).await?;
        Ok(Proposed { id, hash, needed, findings })
    }

    /// Its author asks for something else: whoever approved what it was before did not approve this.
    pub async fn amend_request(
        &self,
        author: Author,
        id: u64,
        operation: Operation,
        at_ms: Option<i64>,
    ) -> Result<Proposed, Error> {
        self.check_planned(&operation, at_ms)?;
        let changing = self.begin().await;
        let mut kept = changing.request(id).await?;
        if kept.author.who != author.who {
            return Err(Error::Protected(format!("change request {id} is {:?}'s to change", kept.author.who)));
        }
        if !matches!(kept.state, RequestState::Open | RequestState::Failed) {
            return Err(ended(&kept));
        }
        let transition = changing.transition_of(&kept.set, &operation, &author).await?;
        changing.check_file(&transition)?;
        let needed = changing.needed(&transition);
        let findings = changing.check(&kept.set, &operation, &author).await?;
        kept.doc.operation = operation;
        kept.doc.at_ms = at_ms;
        kept.doc.author = author.clone();
        kept.doc.hash = kept.doc.content_hash();
        kept.doc.approvals.clear();
        kept.doc.state = RequestState::Open;
        kept.doc.because = None;
        let hash = kept.hash.clone();
        changing.commit(author, tell(Action::Propose, &kept.doc).with(move |tx| tx.update(&kept))).await?;
        Ok(Proposed { id, hash, needed, findings })
    }

    /// Approves what the hash is of. With enough approvals the change is made, or scheduled if it is for later.
    pub async fn approve(&self, approver: Author, id: u64, hash: &str) -> Result<Written, Error> {
        let changing = self.begin().await;
        let mut kept = changing.request(id).await?;
        if kept.state != RequestState::Open {
            return Err(ended(&kept));
        }
        if kept.hash != hash {
            return Err(Error::InUse(format!(
                "change request {id} is another by now, with the hash {}: read it again",
                kept.hash
            )));
        }
        if kept.author.who == approver.who {
            return Err(Error::Protected(
                "others than its author approve a change: each has a token of their own".to_owned(),
            ));
        }
        if kept.approvals.iter().any(|approval| approval.who == approver.who) {
            return Err(Error::Invalid(format!("{:?} approved it already", approver.who)));
        }
        let approval = Approval { who: approver.who.clone(), why: approver.why.clone(), at_ms: self.now_ms() };
        kept.doc.approvals.push(approval);
        let made = match changing.transition_of(&kept.set, &kept.operation, &kept.author).await {
            Ok(transition) => {
                changing.check_file(&transition)?;
                let has_enough = kept.approvals.len() >= changing.needed(&transition) as usize;
                let check = || changing.check_edits(&kept.set, &transition.edits, transition.mode).map(drop);
                if has_enough { check().map(|()| Some(transition)) } else { Ok(None) }
            }
            Err(error) => Err(error),
        };
        match made {
            Err(Error::Store(error)) => Err(Error::Store(error)),
            Err(error) => {
                kept.doc.state = RequestState::Failed;
                kept.doc.because = Some(error.to_string());
                changing.commit(approver, tell(Action::Fail, &kept.doc).with(move |tx| tx.update(&kept))).await
            }
            Ok(None) => {
                changing.commit(approver, tell(Action::Approve, &kept.doc).with(move |tx| tx.update(&kept))).await
            }
            Ok(Some(transition)) => changing.apply_request(approver, kept, transition).await,
        }
    }

    /// Turns a change request down. Its author can take it back so.
    pub async fn reject(&self, author: Author, id: u64) -> Result<Written, Error> {
        let changing = self.begin().await;
        let mut kept = changing.request(id).await?;
        if !matches!(kept.state, RequestState::Open | RequestState::Failed) {
            return Err(ended(&kept));
        }
        kept.doc.state = RequestState::Rejected;
        kept.doc.because = Some(format!("{}: {}", author.who, author.why));
        changing.commit(author, tell(Action::Reject, &kept.doc).with(move |tx| tx.update(&kept))).await
    }
}

impl Changing<'_> {
    /// Makes a change that enough approved: its author is the one who asked for it, and the audit tells who approved.
    async fn apply_request(
        self,
        approver: Author,
        mut kept: Stored<ChangeRequest>,
        mut transition: Transition,
    ) -> Result<Written, Error> {
        kept.doc.state = RequestState::Applied;
        let id = kept.id;
        let author = kept.author.clone();
        if let Some(at_ms) = kept.at_ms.filter(|at_ms| *at_ms > self.flags.now_ms()) {
            let schedule = Schedule {
                id: self.revision(),
                set: kept.set.clone(),
                operation: kept.operation.clone(),
                author,
                at_ms,
                is_approved: true,
                failed: None,
            };
            kept.doc.because = Some(format!("it is schedule {}", schedule.id));
            let transition = tell(Action::Schedule, &kept.doc).with(move |tx| {
                tx.insert(&schedule);
                tx.update(&kept);
            });
            return self.commit(approver, transition).await;
        }
        let names: Vec<&str> = kept.approvals.iter().map(|approval| approval.who.as_str()).collect();
        transition.about = Some(format!("change request {id}, approved by {}", names.join(", ")));
        self.commit(author, transition.with(move |tx| tx.update(&kept))).await
    }
}

fn ended(request: &ChangeRequest) -> Error {
    Error::Invalid(format!("change request {} is {}", request.id, request.state.name()))
}

fn tell(action: Action, request: &ChangeRequest) -> Transition {
    let at = request.at_ms.map(|at_ms| format!(" at {}", rfc3339(at_ms))).unwrap_or_default();
    let because = request.because.as_ref().map(|because| format!(": {because}")).unwrap_or_default();
    let (id, summary, hash) = (request.id, request.operation.summary(), &request.hash);
    Transition::telling(action, &request.set, format!("change request {id}: {summary}{at}, hash {hash}{because}"))
}
