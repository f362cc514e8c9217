//! The operators' API of what code declares: what is declared and is no flag, flags made of declarations, where each flag stands in its life, and
//! flags that are archived.

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;
use vitrine_platform_http::{Query, Reply};

use crate::admin::{FlagBody, Replied, Why, author, json_reply, set_of};
use crate::flag_store::{DEFAULT_SET, Error, FlagStore, Written};
use crate::lifecycle::Stage;
use crate::lives::Life;
use crate::operation::{Author, Import};
use crate::role::Role;
use crate::service::FlagService;

/// Who puts declared flags into a catalogue that is empty.
const SERVICES: &str = "services";
/// Why.
const DECLARED: &str = "declared by services";

pub(crate) fn routes() -> Router<FlagService> {
    Router::new()
        .route("/api/v1/flags", get(list))
        .route("/api/v1/declarations", get(declarations))
        .route("/api/v1/declarations/{key}/create", post(create))
        .route("/api/v1/archived", get(archived))
}

/// A flag, and where it stands.
#[derive(Debug, Serialize)]
struct ListedFlag {
    #[serde(flatten)]
    flag: FlagBody,
    /// Of a flag of the default set, which is the one that code reads.
    #[serde(skip_serializing_if = "Option::is_none")]
    life: Option<Life>,
}

/// Which flags.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Which {
    /// A stage, or `stale` for those that are settled or unread.
    stage: Option<String>,
    /// The service whose code reads them.
    owner: Option<String>,
    /// The set; without it, the default set.
    set: String,
}

/// Reads which stages are asked for.
fn is_asked(stage: Option<&str>) -> Result<impl Fn(Stage) -> bool, Reply> {
    let wanted = match stage {
        None | Some("stale") => None,
        Some(name) => {
            let stages = [Stage::Declared, Stage::Live, Stage::Settled, Stage::Unread];
            let known = stages.into_iter().find(|known| known.name() == name);
            let problem = || {
                let message = format!("{name:?} is no stage of a flag's life");
                let expected = "declared, live, settled, unread or stale";
                Reply::new(StatusCode::BAD_REQUEST, "INVALID_REQUEST", &message).at("stage", expected)
            };
            Some(known.ok_or_else(problem)?)
        }
    };
    let stale = stage == Some("stale");
    Ok(move |is: Stage| if stale { is.is_stale() } else { wanted.is_none_or(|wanted| wanted == is) })
}

async fn list(State(service): State<FlagService>, Query(which): Query<Which>, headers: HeaderMap) -> Replied {
    service.access.check(&headers, Role::Viewer)?;
    let is_asked = is_asked(which.stage.as_deref())?;
    let now = service.flags.current();
    let (set, is_default) = (set_of(&now, &which.set)?, which.set == DEFAULT_SET);
    if !is_default && (which.stage.is_some() || which.owner.is_some()) {
        let message = "only flags of the default set have stages and owners: code reads no others";
        return Err(Error::Invalid(message.to_owned()).into());
    }
    let registrations = service.flags.registrations();
    registrations.gather();
    let listed = set.snapshot.flags().filter_map(|flag| {
        let life = if is_default { registrations.life(set, flag.key()) } else { None };
        let is_meant = life.as_ref().is_none_or(|life| {
            which.owner.as_ref().is_none_or(|owner| life.owners.contains(owner)) && is_asked(life.stage)
        });
        is_meant.then(|| FlagBody::of(set, flag.key()))?.map(|flag| ListedFlag { flag, life })
    });
    let flags: Vec<ListedFlag> = listed.collect();
    Ok(json_reply(&json!({"revision": now.revision, "changedMs": now.changed_ms, "flags": flags})))
}

async fn declarations(State(service): State<FlagService>, headers: HeaderMap) -> Replied {
    service.access.check(&headers, Role::Viewer)?;
    let now = service.flags.current();
    let registrations = service.flags.registrations();
    let told: Vec<_> = registrations
        .all()
        .into_iter()
        .map(|doc| {
            let flag = now.snapshot.get(&doc.declaration.key);
            let drift = match flag {
                None => Some("unknown to catalogue".to_owned()),
                Some(flag) if !doc.fits(flag.kind()) => Some(format!("another type: it is {}", flag.kind().name())),
                Some(_) => None,
            };
            let mut body = json!(doc);
            body["drift"] = json!(drift);
            body
        })
        .collect();
    Ok(json_reply(&json!({"declarations": told})))
}

async fn create(
    State(service): State<FlagService>,
    Path(key): Path<String>,
    Query(why): Query<Why>,
    headers: HeaderMap,
) -> Replied {
    let author = author(&service, &headers, why.why)?;
    Ok(json_reply(&service.flags.create_declared(author, &key).await?))
}

async fn archived(State(service): State<FlagService>, headers: HeaderMap) -> Replied {
    service.access.check(&headers, Role::Viewer)?;
    let now = service.flags.current();
    let archived = now.archived().map(|document| {
        let mut body = json!(document);
        body["reservedUntilMs"] = json!(document.reserved_until_ms());
        body["stage"] = json!(Stage::Archived);
        body
    });
    Ok(json_reply(&json!({"archived": archived.collect::<Vec<_>>()})))
}

impl FlagStore {
    /// Makes a flag of what code declares: it does what code does without it, until somebody changes it.
    pub async fn create_declared(&self, author: Author, key: &str) -> Result<Written, Error> {
        let declared = self.registrations().of(key);
        let declaration = declared.first().map(|doc| &doc.declaration);
        let definition = declaration.ok_or_else(|| Error::NotFound(format!("no code declares a flag {key:?}")))?;
        self.set(author, key, &definition.definition(), 0).await
    }

    /// Puts all declared flags into a catalogue that never held anything, by one change; into another one, none.
    pub async fn fill_with_declared(&self) -> Result<(), Error> {
        let now = self.current();
        let declared = self.registrations().unknown_to(&now);
        if now.revision > 0 || declared.is_empty() {
            return Ok(());
        }
        let mut definition = String::from("{\"flags\": {");
        for (n, doc) in declared.iter().enumerate() {
            definition.push_str(if n > 0 { ",\n" } else { "\n" });
            vitrine_flags_engine::json::write_text(&doc.declaration.key, &mut definition);
            definition.push_str(": ");
            definition.push_str(&doc.declaration.definition());
        }
        definition.push_str("}}");
        let author = Author { who: SERVICES.to_owned(), why: DECLARED.to_owned() };
        self.import(author, &definition, Import::Merge, vitrine_flags_engine::Mode::Strict).await.map(drop)
    }
}
