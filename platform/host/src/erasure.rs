//! Erased means erased: how a service that keeps something about people writes nothing for someone who is gone.
//!
//! The events of an erasure and of what a person did come by different ways, so either may be the later one. A caller that writes
//! something about a person calls [`writing_for`] with the same batch; a caller that erases them calls [`erase`] before it looks for
//! what is to go. Both change the one document about the person under its version: when they meet, one of them conflicts, and decides
//! again.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use vitrine_platform_store::{Document, Error, Index, Keys, Store, Stored, Tx};

/// Someone about whom a service keeps something, by the id of their account, and nothing else of them. It belongs into the
/// service's schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataSubject {
    account_id: String,
    erased: bool,
}

impl Document for DataSubject {
    const COLLECTION: &'static str = "data_subjects";
    const INDEXES: &'static [Index] = &[];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.account_id)
    }
    fn keys(&self, _: &mut Keys) {}
}

/// Whether someone was erased.
pub async fn is_erased(store: &Store, account_id: &str) -> Result<bool, Error> {
    Ok(store.get::<DataSubject>(account_id).await?.is_some_and(|subject| subject.erased))
}

/// Returns whether something may be written about someone: not when they were erased. If they are erased before the batch is
/// committed, the commit is a conflict.
pub async fn writing_for(tx: &mut Tx, account_id: &str) -> Result<bool, Error> {
    let known = tx.get::<DataSubject>(account_id).await?;
    if known.as_ref().is_some_and(|subject| subject.erased) {
        return Ok(false);
    }
    write(tx, known, DataSubject { account_id: account_id.to_owned(), erased: false });
    Ok(true)
}

/// Notes that someone is erased. To be called before the service looks for what it keeps about them: what others write
/// meanwhile makes the commit a conflict.
pub async fn erase(tx: &mut Tx, account_id: &str) -> Result<(), Error> {
    let known = tx.get::<DataSubject>(account_id).await?;
    write(tx, known, DataSubject { account_id: account_id.to_owned(), erased: true });
    Ok(())
}

fn write(tx: &mut Tx, known: Option<Stored<DataSubject>>, doc: DataSubject) {
    match known {
        Some(Stored { version, .. }) => tx.update(&Stored { doc, version }),
        None => tx.insert(&doc),
    }
}

#[cfg(test)]
mod tests {
    use vitrine_platform_store::{Conflicting, Schema, Store};

    use super::{DataSubject, erase, is_erased, writing_for};

    #[tokio::test]
    async fn of_a_write_and_an_erasure_that_meet_one_decides_again() {
        for writer_first in [true, false] {
            let store = Store::temporary("people", Schema::new().with::<DataSubject>()).expect("a database");
            let (mut writing, mut erasing) = (store.begin(), store.begin());
            assert!(writing_for(&mut writing, "cus_1").await.expect("read"));
            erase(&mut erasing, "cus_1").await.expect("read");
            let (first, second) = if writer_first { (writing, erasing) } else { (erasing, writing) };
            first.commit().await.expect("nobody was quicker");
            assert!(second.commit().await.expect_err("somebody was quicker").is_conflict());
            assert_eq!(is_erased(&store, "cus_1").await.expect("read"), !writer_first);
        }
    }

    #[tokio::test]
    async fn nothing_is_written_for_who_is_gone() {
        let store = Store::temporary("people", Schema::new().with::<DataSubject>()).expect("a database");
        for _ in 0..2 {
            let mut tx = store.begin();
            erase(&mut tx, "cus_1").await.expect("read");
            tx.commit().await.expect("noted, also twice");
        }
        let mut tx = store.begin();
        assert!(!writing_for(&mut tx, "cus_1").await.expect("read") && tx.is_empty());
        assert!(writing_for(&mut tx, "cus_2").await.expect("read"), "somebody else");
        tx.commit().await.expect("noted");
        assert!(!is_erased(&store, "cus_2").await.expect("read"));
    }
}
