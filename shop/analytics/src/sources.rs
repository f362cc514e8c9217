//! Sources and their destinations: whose they are, and what becomes of them.

use rand::TryRngCore as _;
use rand::rngs::OsRng;
use vitrine_contracts::Problem;
use vitrine_contracts::analytics::v1::{Actor, Destination, Source};
use vitrine_contracts::limits::{MAX_SOURCE_NAME, MAX_SOURCES};
use vitrine_contracts::text;
use vitrine_kit::id;
use vitrine_platform_bus::{replay, replay_since};
use vitrine_platform_host::{Failure, check_id};
use vitrine_platform_store::{Error, Query, Store, Stored, retry_conflicts};

use crate::destinations::kind;
use crate::sending::MAX_DESTINATIONS;
use crate::store::{DestinationDoc, OWNER, SOURCE, SourceDoc};
use crate::{Config, SHOP_SOURCE};

/// Bytes of a new write key, before they are hexadecimal.
const KEY: usize = 16;
/// The longest key of a receiver, address, and name of a category, in bytes, and most categories.
const MAX_TEXT: usize = 500;
const MAX_CATEGORIES: usize = 20;
/// Which accounts have sources.
const OWNERS: [&str; 2] = ["pro", "adm"];

/// Who asks.
pub(crate) fn actor(actor: Option<Actor>) -> Result<Actor, Problem> {
    let actor = actor.unwrap_or_default();
    if !OWNERS.iter().any(|prefix| id::is_valid(prefix, &actor.owner_id)) {
        let expected = "an id that begins with pro_ or adm_";
        return Err(Problem::invalid("actor.owner_id", expected, "the id is missing or malformed"));
    }
    Ok(actor)
}

/// The source of this id, if it is the actor's to see.
pub(crate) async fn find(store: &Store, source_id: &str, actor: &Actor) -> Result<Stored<SourceDoc>, Failure> {
    check_id("src", source_id, "source_id")?;
    let found = store.get::<SourceDoc>(source_id).await?;
    let own = found.filter(|source| actor.is_admin || source.owner_id == actor.owner_id);
    Ok(own.ok_or_else(|| Problem::not_found("there is no such source"))?)
}

/// The same, where it must not be deleted.
pub(crate) async fn alive(store: &Store, source_id: &str, actor: &Actor) -> Result<Stored<SourceDoc>, Failure> {
    let source = find(store, source_id, actor).await?;
    if source.is_deleted {
        return Err(Problem::not_found("there is no such source").into());
    }
    Ok(source)
}

/// The source as it is told.
pub(crate) async fn describe(store: &Store, source: SourceDoc) -> Result<Source, Error> {
    let destinations = store.find_all::<DestinationDoc>(Query::eq(SOURCE, &source.id)).await?;
    Ok(Source { destinations: destinations.into_iter().map(|d| d.doc.into()).collect(), ..head(source) })
}

/// The same without its destinations.
pub(crate) fn head(source: SourceDoc) -> Source {
    Source {
        id: source.id,
        owner_id: source.owner_id,
        name: source.name,
        write_key: source.write_key,
        created_at_unix_ms: source.created_at,
        destinations: Vec::new(),
        needs_consent: source.needs_consent,
    }
}

/// Makes a source.
pub(crate) async fn create(
    store: &Store,
    owner_id: String,
    name: &str,
    needs_consent: bool,
    now_ms: i64,
) -> Result<SourceDoc, Failure> {
    let name = text::line("name", name, 1..=MAX_SOURCE_NAME)?;
    if store.count::<SourceDoc>(Query::eq(OWNER, &owner_id)).await? >= MAX_SOURCES as u64 {
        let message = format!("there are {MAX_SOURCES} sources already: delete one that is not used");
        return Err(Problem::exhausted("TOO_MANY_SOURCES", &message).into());
    }
    let mut key = [0; KEY];
    OsRng.try_fill_bytes(&mut key).expect("the system has random numbers");
    let write_key = hex::encode(key);
    let (id, is_deleted) = (id::new("src"), false);
    let source = SourceDoc { id, owner_id, name, write_key, created_at: now_ms, needs_consent, is_deleted };
    let mut tx = store.begin();
    tx.insert(&source);
    tx.commit().await?;
    Ok(source)
}

/// Makes the shop's own source, unless it is there.
pub(crate) async fn create_own(store: &Store, config: &Config, now_ms: i64) -> Result<(), Error> {
    if config.shop_key.is_empty() || store.get::<SourceDoc>(SHOP_SOURCE).await?.is_some() {
        return Ok(());
    }
    let mut tx = store.begin();
    tx.insert(&SourceDoc {
        id: SHOP_SOURCE.to_owned(),
        owner_id: "adm_shop".to_owned(),
        name: "The shop's own pages".to_owned(),
        write_key: config.shop_key.clone(),
        created_at: now_ms,
        needs_consent: true,
        is_deleted: false,
    });
    match tx.commit().await {
        // Another replica was quicker.
        Err(Error::Exists { .. }) => Ok(()),
        other => other,
    }
}

/// Deletes a source with its destinations.
pub(crate) async fn delete(store: &Store, source_id: &str, actor: &Actor) -> Result<(), Failure> {
    retry_conflicts(async || {
        let mut source = find(store, source_id, actor).await?;
        let mut tx = store.begin();
        for destination in store.find_all::<DestinationDoc>(Query::eq(SOURCE, source_id)).await? {
            tx.delete::<DestinationDoc>(&DestinationDoc::name(source_id, &destination.kind));
        }
        if !source.is_deleted {
            source.doc.is_deleted = true;
            tx.update(&source);
        }
        Ok(tx.commit().await?)
    })
    .await
}

/// A destination as it was asked for; what is not said of a secret stays as it was.
fn read(source_id: &str, given: Destination, known: Option<&DestinationDoc>) -> Result<DestinationDoc, Problem> {
    let texts = [("url", &given.url), ("measurement_id", &given.measurement_id), ("secret", &given.secret)];
    for (field, text) in texts.into_iter().chain(given.consent_categories.iter().map(|c| ("consent_categories", c))) {
        if text.len() > MAX_TEXT || text.chars().any(char::is_control) {
            let field = format!("destination.{field}");
            return Err(Problem::invalid(
                &field,
                &format!("at most {MAX_TEXT} bytes, no control characters"),
                "the text cannot be used",
            ));
        }
    }
    if given.consent_categories.len() > MAX_CATEGORIES {
        let expected = format!("at most {MAX_CATEGORIES} categories");
        return Err(Problem::invalid("destination.consent_categories", &expected, "there are too many categories"));
    }
    let secret = match known {
        Some(known) if given.secret.is_empty() => known.secret.clone(),
        _ => given.secret,
    };
    Ok(DestinationDoc {
        source_id: source_id.to_owned(),
        kind: given.kind,
        url: given.url,
        measurement_id: given.measurement_id,
        secret,
        consent_categories: given.consent_categories,
        takes_emails: given.takes_emails,
        replays: known.map_or(0, |known| known.replays),
    })
}

/// Adds a destination, or changes it.
pub(crate) async fn put_destination(
    store: &Store,
    config: &Config,
    source_id: &str,
    actor: &Actor,
    given: Option<Destination>,
) -> Result<SourceDoc, Failure> {
    let source = alive(store, source_id, actor).await?.doc;
    let given = given.unwrap_or_default();
    let kind = kind(&given.kind)?;
    if kind.is_for_admins && !actor.is_admin {
        let message = "only who runs the shop may have this kind of destination";
        return Err(Problem::permission_denied(message).with_field("destination.kind").into());
    }
    let name = DestinationDoc::name(source_id, kind.name);
    retry_conflicts(async || {
        let known = store.get::<DestinationDoc>(&name).await?;
        let doc = read(source_id, given.clone(), known.as_deref())?;
        kind.check(&doc, config)?;
        let mut tx = store.begin();
        match known {
            Some(known) if known.doc == doc => {}
            Some(known) => tx.update(&Stored { doc, ..known }),
            None => {
                if store.count::<DestinationDoc>(Query::all()).await? >= MAX_DESTINATIONS as u64 {
                    let message = "the shop has as many destinations as it sends to";
                    return Err(Problem::exhausted("TOO_MANY_DESTINATIONS", message).into());
                }
                // From now on: what came before is sent where that is asked for.
                let latest = *store.watch_events().borrow();
                replay(store, &name, latest).await?;
                tx.insert(&doc);
            }
        }
        Ok::<_, Failure>(tx.commit().await?)
    })
    .await?;
    Ok(source)
}

/// Sends nothing there any more.
pub(crate) async fn delete_destination(
    store: &Store,
    source_id: &str,
    actor: &Actor,
    kind_name: &str,
) -> Result<SourceDoc, Failure> {
    let source = alive(store, source_id, actor).await?.doc;
    let mut tx = store.begin();
    tx.delete::<DestinationDoc>(&DestinationDoc::name(source_id, kind(kind_name)?.name));
    tx.commit().await?;
    Ok(source)
}

/// Has a destination begin anew at a moment.
pub(crate) async fn replay_destination(
    store: &Store,
    source_id: &str,
    actor: &Actor,
    kind_name: &str,
    since_ms: i64,
) -> Result<SourceDoc, Failure> {
    let source = alive(store, source_id, actor).await?.doc;
    let name = DestinationDoc::name(source_id, kind(kind_name)?.name);
    let missing = || Problem::not_found("the source has no such destination");
    // The one that runs ends when the document changes, and what it may commit in between conflicts with the new place.
    replay_since(store, &name, since_ms.max(0)).await?;
    retry_conflicts(async || {
        let mut doc = store.get::<DestinationDoc>(&name).await?.ok_or_else(missing)?;
        doc.doc.replays += 1;
        let mut tx = store.begin();
        tx.update(&doc);
        Ok::<_, Failure>(tx.commit().await?)
    })
    .await?;
    Ok(source)
}
