//! Customers as they are kept, and what touches their accounts as well.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use vitrine_contracts::auth::v1::auth_service_client::AuthServiceClient;
use vitrine_contracts::auth::v1::{CreateAccountRequest, DeleteAccountRequest, Role};
use vitrine_contracts::common::v1::Address;
use vitrine_contracts::customers::v1::{CustomerErased, SignUpRequest};
use vitrine_contracts::{Code, EmailAddress, Problem, topics};
use vitrine_flags_client::{Handle, Subject};
use vitrine_kit::clock::Clock;
use vitrine_kit::id;
use vitrine_platform_bus as bus;
use vitrine_platform_host::{Failure, erasure};
use vitrine_platform_mesh::Transport;
use vitrine_platform_store::{
    self as store, Conflicting, Document, Index, Keys, Query, Store, Stored, retry_conflicts,
};

use crate::flags::NEW_CURRENCY;
use crate::{Profile, domain};

/// Most erasures that one look finishes.
const BATCH: usize = 50;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct CustomerDoc {
    pub(crate) id: String,
    pub(crate) email: String,
    pub(crate) display_name: String,
    pub(crate) preferred_currency: String,
    pub(crate) addresses: Vec<AddressDoc>,
    pub(crate) created_at: i64,
    /// The account is not made yet: no one was told that the sign-up succeeded.
    pub(crate) pending: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AddressDoc {
    pub(crate) id: String,
    pub(crate) label: String,
    pub(crate) recipient: String,
    pub(crate) line1: String,
    pub(crate) line2: String,
    pub(crate) city: String,
    pub(crate) postal_code: String,
    pub(crate) country: String,
}

impl AddressDoc {
    pub(crate) fn new(id: String, label: String, address: Address) -> Self {
        let Address { recipient, line1, line2, city, postal_code, country_code } = address;
        Self { id, label, recipient, line1, line2, city, postal_code, country: country_code }
    }
}

impl Document for CustomerDoc {
    const COLLECTION: &'static str = "customers";
    const INDEXES: &'static [Index] = &[Index::unique("email")];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.id)
    }
    fn keys(&self, out: &mut Keys) {
        out.put("email", self.email.as_str());
    }
}

/// An erasure whose account may still be there.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ErasureDoc {
    pub(crate) customer_id: String,
}

impl Document for ErasureDoc {
    const COLLECTION: &'static str = "erasures";
    const INDEXES: &'static [Index] = &[];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.customer_id)
    }
    fn keys(&self, _: &mut Keys) {}
}

fn taken_over() -> Problem {
    Problem::aborted("CHANGED_MEANWHILE", "another sign-up with this e-mail address took over: sign in, or try again")
}

fn check_expected(expected: Option<u64>, version: u64) -> Result<(), Problem> {
    if expected.is_none_or(|expected| expected == version) {
        return Ok(());
    }
    Err(Problem::aborted("VERSION_MISMATCH", &format!("the customer is at version {version}")))
}

/// All customers. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Customers {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) auth: AuthServiceClient<Transport>,
    pub(crate) flags: Handle,
}

impl Customers {
    pub(crate) async fn read(&self, id: &str) -> Result<Stored<CustomerDoc>, Failure> {
        let found = self.store.get::<CustomerDoc>(id).await?.filter(|c| !c.pending);
        found.ok_or_else(|| Problem::not_found("there is no such customer").into())
    }

    /// Stores the profiles of the settings that are not there yet, and were not erased.
    pub(crate) async fn ensure(&self, profiles: &[Profile]) -> Result<(), Failure> {
        for profile in profiles {
            let doc = CustomerDoc {
                id: profile.id.clone(),
                email: EmailAddress::parse("email", &profile.email)?.into_string(),
                display_name: domain::display_name(&profile.display_name)?,
                preferred_currency: "EUR".to_owned(),
                addresses: Vec::new(),
                created_at: self.clock.now_ms(),
                pending: false,
            };
            // A replica may be quicker.
            retry_conflicts(async || {
                let known = self.store.get::<CustomerDoc>(&doc.id).await?.is_some();
                let mut tx = self.store.begin();
                if known || !erasure::writing_for(&mut tx, &doc.id).await? {
                    return Ok::<_, Failure>(());
                }
                tx.insert(&doc);
                Ok(tx.commit().await?)
            })
            .await?;
        }
        Ok(())
    }

    /// The currency that was asked for, or the one for those who do not ask; a flag that names none switches nothing.
    fn currency_of(&self, asked: &str) -> Result<&'static str, Problem> {
        if !asked.is_empty() {
            return domain::preferred_currency(asked);
        }
        let usual = self.flags.read(&NEW_CURRENCY, &Subject::ANYONE);
        domain::preferred_currency(&usual).or_else(|_| domain::preferred_currency(""))
    }

    pub(crate) async fn sign_up(&self, request: SignUpRequest) -> Result<Stored<CustomerDoc>, Failure> {
        let doc = CustomerDoc {
            id: id::new("cus"),
            email: EmailAddress::parse("email", &request.email)?.into_string(),
            display_name: domain::display_name(&request.display_name)?,
            preferred_currency: self.currency_of(&request.preferred_currency)?.to_owned(),
            addresses: Vec::new(),
            created_at: self.clock.now_ms(),
            pending: true,
        };
        let pending = self.pending(doc).await?;
        let (account_id, email) = (pending.doc.id.clone(), pending.doc.email.clone());
        let account =
            CreateAccountRequest { account_id, email, password: request.password, role: Role::Customer.into() };
        let create = || async { self.auth.clone().create_account(account.clone()).await };
        let mut created = create().await;
        if created.as_ref().is_err_and(|status| status.code() == Code::AlreadyExists) {
            // Perhaps the account of a sign-up that was taken over by one that was taken over before it erased it.
            self.finish_erasures().await?;
            created = create().await;
        }
        if let Err(status) = created {
            // Erased before it was there: another sign-up with this address has taken over.
            if status.code() == Code::NotFound {
                return Err(taken_over().into());
            }
            // Refused for good: nothing stays. Anything else is carried on by the next try with this e-mail address.
            if matches!(status.code(), Code::AlreadyExists | Code::InvalidArgument | Code::FailedPrecondition) {
                let mut tx = self.store.begin();
                tx.delete_expecting::<CustomerDoc>(&pending.doc.id, pending.version);
                tx.commit().await?;
            }
            return Err(status.into());
        }
        let Stored { mut doc, version } = pending;
        doc.pending = false;
        let mut tx = self.store.begin();
        tx.update(&Stored { doc: doc.clone(), version });
        match tx.commit().await {
            Ok(()) => {}
            // With an account of its own; in the same batch it has noted that this one is to be erased.
            Err(e) if e.is_conflict() => return Err(taken_over().into()),
            Err(e) => return Err(e.into()),
        }
        tracing::info!(customer_id = doc.id, "customer signed up");
        Ok(Stored { doc, version: version + 1 })
    }

    /// Notes a sign-up, or takes over one that was not finished: a caller that began it was never told that it
    /// succeeded.
    async fn pending(&self, doc: CustomerDoc) -> Result<Stored<CustomerDoc>, Failure> {
        let mut tx = self.store.begin();
        tx.insert(&doc);
        match tx.commit().await {
            Ok(()) => return Ok(Stored { doc, version: 1 }),
            Err(store::Error::Duplicate { .. }) => {}
            Err(e) => return Err(e.into()),
        }
        let taken = || {
            Problem::already_exists("there is an account with this e-mail address")
                .with_reason("EMAIL_TAKEN")
                .with_field("email")
        };
        let found = self.store.find::<CustomerDoc>(Query::eq("email", doc.email.as_str()).limit(1)).await?;
        let unfinished = found.items.into_iter().find(|c| c.pending).ok_or_else(taken)?;
        // Under an id of its own: a caller that began the other one may still be at it, and must not touch this one's
        // account.
        let mut tx = self.store.begin();
        tx.delete_expecting::<CustomerDoc>(&unfinished.id, unfinished.version);
        tx.put(&ErasureDoc { customer_id: unfinished.id.clone() });
        tx.insert(&doc);
        tx.commit().await?;
        self.finish_erasure(&unfinished.id).await?;
        Ok(Stored { doc, version: 1 })
    }

    /// Changes a customer, again if another caller was quicker; with an expected version only that one.
    pub(crate) async fn change(
        &self,
        id: &str,
        expected_version: Option<u64>,
        change: impl Fn(&mut CustomerDoc) -> Result<(), Problem>,
    ) -> Result<Stored<CustomerDoc>, Failure> {
        retry_conflicts(async || {
            let Stored { mut doc, version } = self.read(id).await?;
            check_expected(expected_version, version)?;
            change(&mut doc)?;
            let mut tx = self.store.begin();
            tx.update(&Stored { doc: doc.clone(), version });
            tx.commit().await?;
            Ok(Stored { doc, version: version + 1 })
        })
        .await
    }

    /// Erases a customer; with an expected version only that one.
    pub(crate) async fn erase(&self, id: &str, expected_version: Option<u64>) -> Result<(), Failure> {
        let erased = retry_conflicts(async || {
            let Some(known) = self.store.get::<CustomerDoc>(id).await? else { return Ok::<_, Failure>(false) };
            check_expected(expected_version, known.version)?;
            let mut tx = self.store.begin();
            erasure::erase(&mut tx, id).await?;
            tx.delete_expecting::<CustomerDoc>(id, known.version);
            tx.put(&ErasureDoc { customer_id: id.to_owned() });
            let event = CustomerErased { customer_id: id.to_owned() };
            bus::publish(&mut tx, topics::CUSTOMER_ERASED, id, self.clock.now_ms(), &event);
            tx.commit().await?;
            Ok(true)
        });
        if erased.await? {
            tracing::info!(customer_id = id, "customer erased");
        }
        self.finish_erasure(id).await
    }

    async fn finish_erasure(&self, id: &str) -> Result<(), Failure> {
        self.auth.clone().delete_account(DeleteAccountRequest { account_id: id.to_owned() }).await?;
        let mut tx = self.store.begin();
        tx.delete::<ErasureDoc>(id);
        Ok(tx.commit().await?)
    }

    /// Carries erasures to their end that a crash cut short.
    pub(crate) async fn finish_erasures(&self) -> Result<(), Failure> {
        for erasure in self.store.find::<ErasureDoc>(Query::all().limit(BATCH)).await?.items {
            self.finish_erasure(&erasure.customer_id).await?;
        }
        Ok(())
    }
}
