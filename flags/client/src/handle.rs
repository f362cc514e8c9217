//! Reading flags: one [`Flags`] for a process, one [`Handle`] for each of its services.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use parking_lot::RwLock;
use rustc_hash::FxHasher;
use vitrine_flags_engine::{Attributes, Evaluation, EvaluationError, Mode, Refused, Snapshot, Value as Attribute};
use vitrine_kit::clock::Clock;
use vitrine_platform_telemetry::semconv::{
    ERROR_TYPE, FEATURE_FLAG_CONTEXT_ID, FEATURE_FLAG_ERROR_MESSAGE, FEATURE_FLAG_EVALUATION, FEATURE_FLAG_KEY,
    FEATURE_FLAG_PROVIDER_NAME, FEATURE_FLAG_RESULT_REASON, FEATURE_FLAG_RESULT_VALUE, FEATURE_FLAG_RESULT_VARIANT,
    FEATURE_FLAG_SET_ID, FEATURE_FLAG_VERSION,
};
use vitrine_platform_telemetry::{Context, Counter, Service};

use crate::counts::Slot;
use crate::declaration::{Count, Declaration};
use crate::declared::{Declared, Flag, Typed};

/// The provider's name in telemetry.
const PROVIDER: &str = "vitrine";
/// The metadata of a set that telemetry tells as the set's id, as flagd names it.
const SET_ID: &str = "flagSetId";

/// For whom a flag is read: nothing that says who somebody is but an id that means nothing outside of the shop.
#[derive(Clone, Copy, Debug, Default)]
pub struct Subject<'a> {
    /// The customer's id: OpenFeature's `targetingKey`.
    pub customer_id: Option<&'a str>,
    /// ISO 3166-1 alpha-2: `country`.
    pub country: Option<&'a str>,
    /// ISO 4217: `currency`.
    pub currency: Option<&'a str>,
}

impl<'a> Subject<'a> {
    /// Nobody in particular.
    pub const ANYONE: Subject<'static> = Subject { customer_id: None, country: None, currency: None };

    /// A customer.
    pub fn customer(id: &'a str) -> Self {
        Self { customer_id: Some(id), ..Self::default() }
    }

    /// The same, in a country.
    pub fn in_country(self, code: &'a str) -> Self {
        Self { country: Some(code), ..self }
    }

    /// The same, paying in a currency.
    pub fn paying_in(self, code: &'a str) -> Self {
        Self { currency: Some(code), ..self }
    }
}

/// The flags in force, as this process knows them.
#[derive(Debug, Default)]
struct InForce {
    revision: u64,
    snapshot: Snapshot,
}

/// The flags of a process. Cheap to clone.
///
/// What is in force is given by [`Flags::put`]; until then, and for whatever is missing, disabled or of another type, code's own default holds.
#[derive(Clone, Debug)]
pub struct Flags(Arc<FlagsInner>);

#[derive(Debug)]
struct FlagsInner {
    clock: Clock,
    version: &'static str,
    /// Held as long as it takes to count one reference more; a change is another snapshot put here.
    in_force: RwLock<Arc<InForce>>,
    slots: RwLock<Vec<Arc<Slot>>>,
}

impl Flags {
    /// No flags yet: code's defaults hold. `version` is that of the services here, which rules may read.
    pub fn new(clock: Clock, version: &'static str) -> Self {
        Self(Arc::new(FlagsInner { clock, version, in_force: RwLock::default(), slots: RwLock::default() }))
    }

    /// Flags that nobody feeds: what code says holds.
    pub fn of_code() -> Self {
        Self::new(Clock::system(), env!("CARGO_PKG_VERSION"))
    }

    /// Lets a service read the flags that it declares.
    pub fn handle(&self, service: &Service, declared: &'static [Declared]) -> Handle {
        let slots: Arc<[Arc<Slot>]> =
            declared.iter().map(|declared| Arc::new(Slot::new(*declared, service.name()))).collect();
        self.0.slots.write().extend(slots.iter().cloned());
        let description = "Evaluations of feature flags, by flag and variant";
        let evaluations = service.counter("vitrine.feature_flag.evaluations", "{evaluation}", description);
        Handle { flags: self.clone(), service: service.name().into(), slots, evaluations }
    }

    /// Puts other flags in force: a definition as flagd's clients take it, and its revision.
    pub fn put(&self, revision: u64, definition: &str) -> Result<(), Refused> {
        let snapshot = Snapshot::read(definition, Mode::Lenient)?.read;
        let in_force = Arc::new(InForce { revision, snapshot });
        let before = std::mem::replace(&mut *self.0.in_force.write(), in_force);
        // Not under the lock: to drop many flags takes its time.
        drop(before);
        Ok(())
    }

    /// The revision in force; 0 before any.
    pub fn revision(&self) -> u64 {
        self.in_force().revision
    }

    /// What the services of this process declare, by key.
    pub fn declared(&self) -> Vec<Declaration> {
        let mut all: Vec<Declaration> =
            self.0.slots.read().iter().map(|slot| Declaration::from(&slot.declared)).collect();
        all.sort_by(|a, b| (&a.key, &a.owner).cmp(&(&b.key, &b.owner)));
        all.dedup_by(|a, b| (&a.key, &a.owner) == (&b.key, &b.owner));
        all
    }

    /// How often flags were read since this was asked last. Whoever takes counts and cannot tell them gives them back.
    pub fn take_counts(&self) -> Vec<Count> {
        let mut counts = Vec::new();
        self.0.slots.read().iter().for_each(|slot| slot.take(&mut counts));
        counts
    }

    /// Adds counts that were taken and could not be told.
    pub fn give_back(&self, counts: &[Count]) {
        let slots = self.0.slots.read();
        for count in counts {
            if let Some(slot) = slots.iter().find(|slot| slot.is_of(count)) {
                slot.counts.count(&count.variant, count.count, count.last_ms);
            }
        }
    }

    fn in_force(&self) -> Arc<InForce> {
        self.0.in_force.read().clone()
    }
}

/// A service's way to its flags. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle {
    flags: Flags,
    service: Arc<str>,
    slots: Arc<[Arc<Slot>]>,
    evaluations: Counter,
}

impl Handle {
    /// The value of a flag for someone. A flag of another service has the value that code says.
    pub fn read<T: Typed>(&self, flag: &Flag<T>, subject: &Subject<'_>) -> T::Read {
        let key = flag.declared().key;
        let Some(slot) = self.slots.iter().find(|slot| slot.declared.key == key) else { return flag.default() };
        let in_force = self.flags.in_force();
        let now_ms = self.flags.0.clock.now_ms();
        let text = |text: Option<&_>| text.map_or(Attribute::Null, |text: &&str| Attribute::from(*text));
        let context = [
            ("targetingKey", text(subject.customer_id.as_ref())),
            ("country", text(subject.country.as_ref())),
            ("currency", text(subject.currency.as_ref())),
            ("service", Attribute::from(&*self.service)),
            ("version", Attribute::from(self.flags.0.version)),
        ];
        let context = Attributes(&context);
        let now_s = u64::try_from(now_ms / 1_000).unwrap_or(0);
        let evaluated = in_force.snapshot.evaluate(key, &context, now_s).and_then(|found| found.expect(T::TYPE));
        let resolved =
            evaluated.as_ref().ok().and_then(|found| found.variant).and_then(|v| Some((&*v.name, T::of_variant(v)?)));
        let variant = resolved.as_ref().map_or("", |(name, _)| name);
        slot.counts.count(variant, 1, now_ms);
        self.evaluations.add(1, &[(FEATURE_FLAG_KEY, key), (FEATURE_FLAG_RESULT_VARIANT, variant)]);
        tell(&in_force, key, &evaluated, variant, &slot.declared, &context, now_s, subject.customer_id);
        resolved.map_or_else(|| flag.default(), |(_, value)| value)
    }
}

/// Tells the current span of an evaluation. Of a flag that nobody defined there is nothing to tell: code did what it says.
#[expect(clippy::too_many_arguments, reason = "one call; a struct of them would be read nowhere else")]
fn tell(
    in_force: &InForce,
    key: &'static str,
    evaluated: &Result<Evaluation<'_>, EvaluationError>,
    variant: &str,
    declared: &Declared,
    context: &Attributes<'_>,
    now_s: u64,
    customer_id: Option<&str>,
) {
    if matches!(evaluated, Err(EvaluationError::FlagNotFound(_))) {
        return;
    }
    let mut identity = FxHasher::default();
    (key, variant).hash(&mut identity);
    Context::current().event_once(FEATURE_FLAG_EVALUATION, identity.finish(), || {
        let error = evaluated.as_ref().err();
        // Whether a draw decided is told by the walk that explains; it is made once a trace.
        let explained = in_force.snapshot.explain(key, context, now_s).ok();
        let reason = match (error, &explained) {
            (None, Some(explained)) => explained.reason.to_lowercase(),
            _ => "error".to_owned(),
        };
        let own = declared.default().to_json().to_string();
        let set_id = in_force.snapshot.set().metadata_text(SET_ID);
        [
            Some((FEATURE_FLAG_KEY, key.into())),
            Some((FEATURE_FLAG_PROVIDER_NAME, PROVIDER.into())),
            Some((FEATURE_FLAG_RESULT_REASON, reason.into())),
            Some(match variant {
                "" => (FEATURE_FLAG_RESULT_VALUE, own.into()),
                variant => (FEATURE_FLAG_RESULT_VARIANT, variant.to_owned().into()),
            }),
            Some((FEATURE_FLAG_VERSION, in_force.revision.to_string().into())),
            customer_id.map(|id| (FEATURE_FLAG_CONTEXT_ID, id.to_owned().into())),
            set_id.map(|id| (FEATURE_FLAG_SET_ID, id.to_owned().into())),
            error.map(|error| (ERROR_TYPE, error.code().to_lowercase().into())),
            error.map(|error| (FEATURE_FLAG_ERROR_MESSAGE, error.to_string().into())),
        ]
    });
}
