//! A set of flags at one moment: immutable, so that whoever evaluates needs no lock, and a change is another snapshot put in its stead.

mod index;

use std::sync::Arc;

use crate::context::Context;
use crate::error::{EvaluationError, Finding, Malformed, Refused};
use crate::eval::{Algorithm, MAX_STEPS, Outcome, Run};
use crate::flag::{Evaluation, Flag, Reading, Reason, Targeting, Variant, metadata};
use crate::json::{self, Json, Kind, Lines, Member};
use crate::rule::{Code, Evaluators, Mode, Rule, Rules, Start, compile};
use crate::value::Value;

use index::Index;

/// Most flags in a set.
pub const MAX_FLAGS: usize = 10_000;

/// What the flags of a set have in common.
#[derive(Debug, Default)]
pub struct FlagSet {
    pub(crate) evaluators: Evaluators,
    pub(crate) metadata: Box<[Member<'static>]>,
    pub(crate) algorithm: Algorithm,
}

/// What was read, and what its author should know.
#[derive(Debug)]
pub struct Read<T> {
    /// What was read.
    pub read: T,
    /// What its author should know.
    pub findings: Vec<Finding>,
}

impl FlagSet {
    /// Reads `$evaluators` and `metadata` of a definition; its flags, if it has some, are not looked at.
    pub fn read(text: &str, mode: Mode) -> Result<Read<Self>, Refused> {
        reading(text, mode, |reading, json| reading.set(json))
    }

    /// The rules by name.
    pub fn evaluators(&self) -> &Evaluators {
        &self.evaluators
    }

    /// The way of `fractional`: metadata `fractional`, `v2` without it.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// A member of its metadata, if it is a text.
    pub fn metadata_text(&self, name: &str) -> Option<&str> {
        self.metadata_member(name).and_then(Json::as_text)
    }

    /// A member of its metadata.
    pub fn metadata_member(&self, name: &str) -> Option<&Json<'static>> {
        self.metadata.iter().find(|member| member.name == name).map(|member| &member.value)
    }

    /// The same with one more member of its metadata, a text.
    pub fn with_metadata_text(mut self, name: &str, text: &str) -> Self {
        let value = Json { at: 0, end: 0, kind: Kind::Text(text.to_owned().into()) };
        let member = Member { at: 0, name: name.to_owned().into(), value };
        self.metadata = self.metadata.into_iter().chain([member]).collect();
        self
    }

    fn metadata_json(&self, flag: &[Member<'_>]) -> String {
        let mut out = String::from("{");
        let inherited = self.metadata.iter().filter(|member| flag.iter().all(|own| own.name != member.name));
        for member in inherited.chain(flag) {
            out.push_str(if out.len() > 1 { "," } else { "" });
            json::write_text(&member.name, &mut out);
            out.push(':');
            member.value.write(&mut out);
        }
        out.push('}');
        out
    }
}

impl Flag {
    /// Reads the definition of one flag, whose evaluators are those of a set.
    pub fn read(key: &str, text: &str, set: &FlagSet, mode: Mode) -> Result<Read<Self>, Refused> {
        reading(text, mode, |reading, json| reading.flag(key, json, &set.evaluators))
    }
}

fn reading<T>(
    text: &str,
    mode: Mode,
    read: impl FnOnce(&mut Reading<'_>, &Json<'_>) -> Result<T, Malformed>,
) -> Result<Read<T>, Refused> {
    let lines = Lines::new(if text.len() > json::MAX_BYTES { "" } else { text });
    let json = json::read(text).map_err(|malformed| malformed.refuse(&lines))?;
    let mut reading = Reading { lines: &lines, findings: Vec::new() };
    let read = read(&mut reading, &json).map_err(|malformed| malformed.refuse(&lines))?;
    let mut findings = reading.findings;
    match findings.iter().position(|finding| finding.is_mistake) {
        Some(n) if mode == Mode::Strict => Err(Refused(findings.swap_remove(n))),
        _ => Ok(Read { read, findings }),
    }
}

impl Reading<'_> {
    fn set(&mut self, json: &Json<'_>) -> Result<FlagSet, Malformed> {
        let members = crate::flag::members(json, "a flag set")?;
        crate::flag::unique(members)?;
        for member in members {
            if !["$schema", "flags", "$evaluators", "metadata"].contains(&member.name.as_ref()) {
                self.unknown(member, "a flag set");
            }
        }
        let mut rules = Vec::new();
        if let Some(evaluators) = json.get("$evaluators") {
            let members = crate::flag::members(evaluators, "$evaluators")?;
            crate::flag::unique(members)?;
            rules = members.iter().map(|m| (m.name.as_ref().into(), m.value.clone().into_owned())).collect();
        }
        let evaluators = Evaluators::new(rules, self.lines);
        for (_, rule) in evaluators.iter() {
            self.findings.extend(compile(rule, self.lines, &evaluators, &[])?.findings);
        }
        let metadata = json.get("metadata").map(metadata).transpose()?.unwrap_or_default();
        let algorithm = match metadata.iter().find(|member| member.name == "fractional") {
            None => Algorithm::default(),
            Some(member) => member.value.as_text().and_then(Algorithm::read).ok_or_else(|| {
                Malformed::new(member.value.at, format!("fractional is v1, v2 or v3, and not {}", member.value))
            })?,
        };
        Ok(FlagSet { evaluators, metadata, algorithm })
    }

    fn flags(&mut self, json: &Json<'_>, set: &FlagSet) -> Result<Vec<Arc<Flag>>, Malformed> {
        let Some(flags) = json.get("flags") else { return Err(Malformed::new(json.at, "a flag set has flags")) };
        let count = match &flags.kind {
            Kind::Map(members) => {
                crate::flag::unique(members)?;
                members.len()
            }
            Kind::List(items) => items.len(),
            _ => {
                return Err(Malformed::new(
                    flags.at,
                    format!("flags is an object or a list, and here is {}", flags.what()),
                ));
            }
        };
        if count > MAX_FLAGS {
            return Err(Malformed::new(flags.at, format!("a set has at most {MAX_FLAGS} flags, and here are {count}")));
        }
        let evaluators = &set.evaluators;
        match &flags.kind {
            Kind::Map(members) => {
                members.iter().map(|m| self.flag(&m.name, &m.value, evaluators).map(Arc::new)).collect()
            }
            Kind::List(items) => {
                let mut keys = std::collections::HashSet::new();
                items.iter().map(|item| self.item(item, evaluators, &mut keys)).collect()
            }
            _ => Ok(Vec::new()),
        }
    }

    fn item<'j>(
        &mut self,
        json: &'j Json<'_>,
        evaluators: &Evaluators,
        keys: &mut std::collections::HashSet<&'j str>,
    ) -> Result<Arc<Flag>, Malformed> {
        let Some(key) = json.get("key").and_then(Json::as_text) else {
            return Err(Malformed::new(json.at, "a flag in a list has a key, which is a text"));
        };
        if !keys.insert(key) {
            return Err(Malformed::new(json.at, format!("{key:?} is there twice")));
        }
        self.flag(key, json, evaluators).map(Arc::new)
    }
}

#[derive(Debug)]
struct Entry {
    flag: Arc<Flag>,
    /// The flag's own, so that it need not be looked at to name one.
    variants: Arc<[Variant]>,
    metadata: Arc<str>,
    default: Option<u8>,
    decided: Decided,
}

/// What decides on a flag's value.
#[derive(Clone, Copy, Debug)]
enum Decided {
    Disabled,
    ByDefault,
    ByRule(Start),
    /// By the rule where it was read; or it is broken.
    ByFlag,
}

impl Entry {
    fn new(flag: Arc<Flag>, metadata: Arc<str>, rules: &mut Rules) -> Self {
        let decided = match &flag.targeting {
            _ if !flag.enabled => Decided::Disabled,
            Targeting::None => Decided::ByDefault,
            Targeting::Rule(rule) => rules.push(rule).map_or(Decided::ByFlag, Decided::ByRule),
            Targeting::Broken(_) => Decided::ByFlag,
        };
        Self { variants: flag.variants.clone(), default: flag.default, metadata, decided, flag }
    }

    fn variant(&self, n: u8) -> Option<&Variant> {
        self.variants.get(usize::from(n))
    }

    /// Whether it is the same as in another snapshot, to all who see it. Mostly the flag is the very same.
    fn same(&self, other: &Self) -> bool {
        (Arc::ptr_eq(&self.flag, &other.flag) || self.flag.projected == other.flag.projected)
            && self.metadata == other.metadata
    }
}

/// What happened to a flag between two snapshots, in flagd's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Write,
    /// It is another, or its evaluators or its set's metadata are.
    Update,
    /// It is gone.
    Delete,
}

impl Change {
    /// flagd's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// A set of flags at one moment.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// By their keys in order.
    entries: Vec<Entry>,
    index: Index,
    rules: Rules,
    set: Arc<FlagSet>,
}

impl Snapshot {
    /// Flags whose definitions were read with this set's evaluators. Of two with one key, the later one counts.
    pub fn new(flags: impl IntoIterator<Item = Arc<Flag>>, set: Arc<FlagSet>) -> Self {
        let mut by_key = std::collections::BTreeMap::new();
        for flag in flags {
            by_key.insert(flag.key.clone(), flag);
        }
        // Flags without metadata of their own have the set's.
        let common: Arc<str> = set.metadata_json(&[]).into();
        let mut rules = Rules::default();
        let entry = |flag: Arc<Flag>| {
            let has_none = flag.metadata.is_empty();
            let metadata = if has_none { common.clone() } else { set.metadata_json(&flag.metadata).into() };
            Entry::new(flag, metadata, &mut rules)
        };
        let entries: Vec<Entry> = by_key.into_values().map(entry).collect();
        rules.finish();
        let index = Index::new(entries.iter().map(|entry| &*entry.flag.key));
        Self { entries, index, rules, set }
    }

    /// Reads a whole definition: flags by key, or in a list with their keys.
    pub fn read(text: &str, mode: Mode) -> Result<Read<Self>, Refused> {
        reading(text, mode, |reading, json| {
            let set = reading.set(json)?;
            let flags = reading.flags(json, &set)?;
            Ok(Self::new(flags, Arc::new(set)))
        })
    }

    /// What its flags have in common.
    pub fn set(&self) -> &Arc<FlagSet> {
        &self.set
    }

    /// The flags, by their keys in order.
    pub fn flags(&self) -> impl ExactSizeIterator<Item = &Arc<Flag>> {
        self.entries.iter().map(|entry| &entry.flag)
    }

    /// A flag.
    pub fn get(&self, key: &str) -> Option<&Arc<Flag>> {
        self.entry(key).map(|entry| &entry.flag)
    }

    fn entry(&self, key: &str) -> Option<&Entry> {
        self.index.find(key).and_then(|n| self.entries.get(n))
    }

    /// Evaluates a flag for a context at a time in seconds since 1970.
    pub fn evaluate(&self, key: &str, context: &dyn Context, now_s: u64) -> Result<Evaluation<'_>, EvaluationError> {
        let n = self.index.find(key).ok_or_else(|| EvaluationError::FlagNotFound(key.to_owned()))?;
        self.evaluate_entry(n, context, now_s)
    }

    /// Evaluates all flags, by their keys in order.
    pub fn evaluate_all<'s>(
        &'s self,
        context: &'s dyn Context,
        now_s: u64,
    ) -> impl Iterator<Item = (&'s Flag, Result<Evaluation<'s>, EvaluationError>)> {
        let entries = self.entries.iter().enumerate();
        entries.map(move |(n, entry)| (entry.flag.as_ref(), self.evaluate_entry(n, context, now_s)))
    }

    /// The metadata of a flag, its set's with it, as a JSON object.
    pub fn metadata_of(&self, key: &str) -> Option<&str> {
        self.entry(key).map(|entry| entry.metadata.as_ref())
    }

    /// The set's metadata as a JSON object.
    pub fn metadata(&self) -> String {
        self.set.metadata_json(&[])
    }

    fn evaluate_entry<'s>(
        &'s self,
        n: usize,
        context: &dyn Context,
        now_s: u64,
    ) -> Result<Evaluation<'s>, EvaluationError> {
        let entry = &self.entries[n];
        let done = |variant, reason| Ok(Evaluation { flag: &entry.flag, variant, reason, metadata: &entry.metadata });
        let default = || entry.default.and_then(|n| entry.variant(n));
        let code: Code<'s> = match entry.decided {
            Decided::ByRule(start) => self.rules.code(start),
            Decided::Disabled => return done(None, Reason::Disabled),
            Decided::ByDefault => {
                let variant = default();
                return done(variant, if variant.is_some() { Reason::Static } else { Reason::Default });
            }
            Decided::ByFlag => entry.flag.code()?,
        };
        let key = self.index.key(n);
        let run = Run::new(code, context, key, now_s, self.set.algorithm);
        let outcome = run.outcome();
        if run.exhausted() {
            return Err(EvaluationError::General(format!("the rule of {key:?} takes more than {MAX_STEPS} steps")));
        }
        let value = match outcome {
            Outcome::Variant(n) => return done(entry.variant(n), Reason::TargetingMatch),
            Outcome::Value(value) => value,
        };
        match variant_name(&value) {
            None => done(default(), Reason::Default),
            Some(name) => match entry.flag.variant(&name) {
                Some(variant) => done(Some(variant), Reason::TargetingMatch),
                None => {
                    Err(EvaluationError::General(format!("the rule of {key:?} says {name:?}, which is no variant")))
                }
            },
        }
    }

    /// What changed from this one to a newer one, by keys in order.
    pub fn changes(&self, newer: &Self) -> Vec<(Arc<str>, Change)> {
        let mut changes = Vec::new();
        // Another way to draw changes every flag that draws, and cheap as a change is, it is told for all.
        let redrawn = self.set.algorithm != newer.set.algorithm;
        for entry in &newer.entries {
            let key = &entry.flag.key;
            match self.entry(key) {
                None => changes.push((key.clone(), Change::Write)),
                Some(old) if !redrawn && old.same(entry) => {}
                Some(_) => changes.push((key.clone(), Change::Update)),
            }
        }
        let gone = self.entries.iter().filter(|entry| newer.entry(&entry.flag.key).is_none());
        changes.extend(gone.map(|entry| (entry.flag.key.clone(), Change::Delete)));
        changes.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        changes
    }

    /// The definitions as flagd's clients take them: evaluators put in where they are named, and no member that their schema does not know.
    pub fn sync_payload(&self) -> String {
        let mut out = String::from("{\"flags\":{");
        for (n, entry) in self.entries.iter().enumerate() {
            out.push_str(if n > 0 { "," } else { "" });
            json::write_text(&entry.flag.key, &mut out);
            out.push(':');
            out.push_str(&entry.flag.projected);
        }
        out.push_str("},\"metadata\":");
        out.push_str(&self.metadata());
        out.push('}');
        out
    }
}

/// The name of a variant that a rule's value means; none for null.
pub(crate) fn variant_name<'a>(value: &Value<'a>) -> Option<std::borrow::Cow<'a, str>> {
    match value {
        Value::Null => None,
        Value::Bool(_) | Value::Number(_) | Value::Text(_) => Some(value.to_text()),
        Value::Json(_) | Value::List(_) | Value::Map(_) => {
            let mut text = String::new();
            value.write(&mut text);
            Some(text.into())
        }
    }
}

/// A rule by itself, as JsonLogic has it: for what is not a flag, and for tests against JsonLogic's own.
#[derive(Debug)]
pub struct Logic {
    rule: Result<Rule, String>,
}

impl Logic {
    /// Reads a rule.
    pub fn read(text: &str, mode: Mode) -> Result<Read<Self>, Refused> {
        let evaluators = Evaluators::default();
        reading(text, mode, |reading, json| {
            let compiled = compile(json, reading.lines, &evaluators, &[])?;
            reading.findings.extend(compiled.findings);
            Ok(Self { rule: compiled.rule })
        })
    }

    /// Evaluates it and writes the result as JSON.
    pub fn apply(
        &self,
        context: &dyn Context,
        flag_key: &str,
        now_s: u64,
        algorithm: Algorithm,
    ) -> Result<String, EvaluationError> {
        let rule = self.rule.as_ref().map_err(|missing| EvaluationError::ParseError(missing.clone()))?;
        let run = Run::new(rule.code(), context, flag_key, now_s, algorithm);
        let value = run.root();
        if run.exhausted() {
            return Err(EvaluationError::General(format!("the rule takes more than {MAX_STEPS} steps")));
        }
        let mut out = String::new();
        value.write(&mut out);
        Ok(out)
    }
}
