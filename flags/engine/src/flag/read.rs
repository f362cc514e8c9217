//! A flag's definition, read.

use std::ops::Range;
use std::sync::Arc;

use super::{Flag, FlagType, MAX_METADATA, MAX_NAME_BYTES, MAX_VARIANTS, Targeting, Variant, VariantValue};
use crate::error::{Finding, Malformed};
use crate::json::{self, Json, Kind, Lines, Member};
use crate::rule::{Evaluators, compile};

/// Largest whole number that a double holds with all below it.
const MAX_INTEGER: f64 = 9_007_199_254_740_991.0;

/// What flagd's schema knows of a flag.
const MEMBERS: &[&str] = &["state", "variants", "defaultVariant", "targeting", "metadata"];

/// Reads definitions of one document.
pub(crate) struct Reading<'r> {
    pub(crate) lines: &'r Lines<'r>,
    pub(crate) findings: Vec<Finding>,
}

impl Reading<'_> {
    /// Tells of a member that nothing here knows.
    pub(crate) fn unknown(&mut self, member: &Member<'_>, of: &str) {
        let message = format!("{of} has no member {:?}: it is kept, and not sent to anyone", member.name);
        self.findings.push(Finding { location: self.lines.location(member.at), message, is_mistake: false });
    }

    /// Reads a flag.
    pub(crate) fn flag(&mut self, key: &str, json: &Json<'_>, evaluators: &Evaluators) -> Result<Flag, Malformed> {
        if key.is_empty() || key.len() > MAX_NAME_BYTES {
            return Err(Malformed::new(json.at, format!("a flag's key has 1 to {MAX_NAME_BYTES} bytes")));
        }
        let members = members(json, "a flag")?;
        unique(members)?;
        for member in members.iter().filter(|m| !MEMBERS.contains(&m.name.as_ref()) && m.name != "key") {
            self.unknown(member, "a flag");
        }
        exact(json)?;
        let enabled = match json.get("state").map(|state| (state, state.as_text())) {
            Some((_, Some("ENABLED"))) => true,
            Some((_, Some("DISABLED"))) => false,
            Some((state, _)) => {
                return Err(Malformed::new(state.at, format!("state is ENABLED or DISABLED, and not {state}")));
            }
            None => return Err(Malformed::new(json.at, "a flag has a state: ENABLED or DISABLED")),
        };
        let Some(variants) = json.get("variants") else {
            return Err(Malformed::new(json.at, "a flag has variants"));
        };
        let (kind, variants) = read_variants(variants)?;
        let default = match json.get("defaultVariant").map(|default| (default, &default.kind)) {
            None | Some((_, Kind::Null)) => None,
            Some((default, Kind::Text(name))) => match number_of(&variants, name) {
                Some(n) => Some(n),
                None => {
                    return Err(Malformed::new(
                        default.at,
                        format!("defaultVariant {name:?} is no variant of the flag"),
                    ));
                }
            },
            Some((default, _)) => {
                return Err(Malformed::new(
                    default.at,
                    format!("defaultVariant is a text or null, and here is {}", default.what()),
                ));
            }
        };
        let targeting = self.targeting(json.get("targeting"), evaluators, &variants)?;
        let metadata = json.get("metadata").map(metadata).transpose()?.unwrap_or_default();
        let mut flag = Flag {
            key: Arc::from(key),
            enabled,
            kind,
            variants,
            default,
            targeting,
            metadata,
            projected: Box::default(),
            rule_range: None,
        };
        (flag.projected, flag.rule_range) = project(&flag, json, evaluators);
        Ok(flag)
    }

    fn targeting(
        &mut self,
        json: Option<&Json<'_>>,
        evaluators: &Evaluators,
        variants: &[Variant],
    ) -> Result<Targeting, Malformed> {
        let Some(json) = json else { return Ok(Targeting::None) };
        match &json.kind {
            Kind::Null => Ok(Targeting::None),
            Kind::Map(members) if members.is_empty() => Ok(Targeting::None),
            Kind::Map(_) => {
                let compiled = compile(json, self.lines, evaluators, variants)?;
                self.findings.extend(compiled.findings);
                Ok(match compiled.rule {
                    Ok(rule) => Targeting::Rule(rule),
                    Err(missing) => Targeting::Broken(missing),
                })
            }
            _ => Err(Malformed::new(json.at, format!("targeting is an operation, and here is {}", json.what()))),
        }
    }
}

/// The members of a map.
pub(crate) fn members<'j, 'a>(json: &'j Json<'a>, what: &str) -> Result<&'j [Member<'a>], Malformed> {
    match &json.kind {
        Kind::Map(members) => Ok(members),
        _ => Err(Malformed::new(json.at, format!("{what} is an object, and here is {}", json.what()))),
    }
}

/// Refuses a member that is there twice: which one is meant is not known.
pub(crate) fn unique(members: &[Member<'_>]) -> Result<(), Malformed> {
    let mut names: Vec<(&str, u32)> = members.iter().map(|member| (member.name.as_ref(), member.at)).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        Some(pair) => Err(Malformed::new(pair[1].1, format!("{:?} is there twice", pair[1].0))),
        None => Ok(()),
    }
}

/// Refuses whole numbers that a double would change.
fn exact(json: &Json<'_>) -> Result<(), Malformed> {
    match &json.kind {
        Kind::Number(value, text) if is_whole(text) && value.abs() > MAX_INTEGER => Err(Malformed::new(
            json.at,
            format!("whole numbers lie within ±{MAX_INTEGER}, since clients read them as doubles: not {text}"),
        )),
        Kind::List(items) => items.iter().try_for_each(exact),
        Kind::Map(members) => members.iter().try_for_each(|member| exact(&member.value)),
        _ => Ok(()),
    }
}

fn is_whole(text: &str) -> bool {
    !text.contains(['.', 'e', 'E'])
}

/// The number of the variant that has this name. There are at most [`MAX_VARIANTS`].
pub(crate) fn number_of(variants: &[Variant], name: &str) -> Option<u8> {
    variants.iter().position(|variant| *variant.name == *name).and_then(|n| u8::try_from(n).ok())
}

fn read_variants(json: &Json<'_>) -> Result<(FlagType, Arc<[Variant]>), Malformed> {
    let members = members(json, "variants")?;
    unique(members)?;
    if members.is_empty() || members.len() > MAX_VARIANTS {
        return Err(Malformed::new(
            json.at,
            format!("a flag has 1 to {MAX_VARIANTS} variants, and here are {}", members.len()),
        ));
    }
    let has_float = members.iter().any(|m| matches!(&m.value.kind, Kind::Number(_, text) if !is_whole(text)));
    let first = &members[0];
    let mut kind = None;
    let mut variants = Vec::with_capacity(members.len());
    for member in members {
        if member.name.is_empty() || member.name.len() > MAX_NAME_BYTES {
            return Err(Malformed::new(member.at, format!("a variant's name has 1 to {MAX_NAME_BYTES} bytes")));
        }
        let (own, value) = match &member.value.kind {
            Kind::Bool(value) => (FlagType::Boolean, VariantValue::Bool(*value)),
            Kind::Text(text) => (FlagType::String, VariantValue::Text(text.as_ref().into())),
            Kind::Number(value, _) if has_float => (FlagType::Float, VariantValue::Number(*value)),
            Kind::Number(value, _) => (FlagType::Integer, VariantValue::Number(*value)),
            Kind::Map(_) => (FlagType::Object, VariantValue::Object),
            Kind::Null | Kind::List(_) => {
                let what = member.value.what();
                return Err(Malformed::new(
                    member.value.at,
                    format!("a variant is a boolean, a text, a number or an object, and here is {what}"),
                ));
            }
        };
        if *kind.get_or_insert(own) != own {
            let message = format!(
                "all variants are of one type: {} is {}, and {} is not",
                first.name,
                first.value.what(),
                member.name
            );
            return Err(Malformed::new(member.value.at, message));
        }
        let mut text = member.value.to_string();
        if own == FlagType::Float && is_whole(&text) {
            text.push_str(".0");
        }
        variants.push(Variant { name: member.name.as_ref().into(), value, json: text.into() });
    }
    Ok((kind.unwrap_or(FlagType::Boolean), variants.into()))
}

/// Metadata: names, and values without structure.
pub(crate) fn metadata(json: &Json<'_>) -> Result<Box<[Member<'static>]>, Malformed> {
    let members = members(json, "metadata")?;
    unique(members)?;
    if members.len() > MAX_METADATA {
        return Err(Malformed::new(
            json.at,
            format!("metadata has at most {MAX_METADATA} members, and here are {}", members.len()),
        ));
    }
    for member in members {
        if !matches!(member.value.kind, Kind::Bool(_) | Kind::Number(..) | Kind::Text(_)) {
            let what = member.value.what();
            return Err(Malformed::new(
                member.value.at,
                format!("a value of metadata is a text, a number or a boolean, and here is {what}"),
            ));
        }
    }
    let owned = members.iter().map(|m| Member {
        at: m.at,
        name: m.name.clone().into_owned().into(),
        value: m.value.clone().into_owned(),
    });
    Ok(owned.collect())
}

/// Writes what flagd's clients know of a flag, and says where its rule stands. One member more, and some of them refuse the whole set.
fn project(flag: &Flag, json: &Json<'_>, evaluators: &Evaluators) -> (Box<str>, Option<Range<usize>>) {
    let mut rule = None;
    let mut out = String::from("{\"state\":");
    out.push_str(if flag.enabled { "\"ENABLED\"" } else { "\"DISABLED\"" });
    out.push_str(",\"variants\":{");
    for (n, variant) in flag.variants.iter().enumerate() {
        out.push_str(if n > 0 { "," } else { "" });
        json::write_text(&variant.name, &mut out);
        out.push(':');
        out.push_str(&variant.json);
    }
    out.push('}');
    if let Some(default) = flag.default_variant() {
        out.push_str(",\"defaultVariant\":");
        json::write_text(&default.name, &mut out);
    }
    if let (Some(targeting), Targeting::Rule(_) | Targeting::Broken(_)) = (json.get("targeting"), &flag.targeting) {
        out.push_str(",\"targeting\":");
        let from = out.len();
        write_inlined(targeting, evaluators, &mut out);
        rule = Some(from..out.len());
    }
    if !flag.metadata.is_empty() {
        out.push_str(",\"metadata\":");
        write_members(&flag.metadata, &mut out);
    }
    out.push('}');
    (out.into(), rule)
}

/// Writes a rule with its evaluators in it. The rule was compiled: there is no circle, and an end.
fn write_inlined(rule: &Json<'_>, evaluators: &Evaluators, out: &mut String) {
    rule.write_with(out, &|json, out| {
        let Kind::Map(members) = &json.kind else { return false };
        let [member] = members.as_slice() else { return false };
        let named = (member.name == "$ref").then(|| member.value.as_text().and_then(|name| evaluators.get(name)));
        match named.flatten() {
            Some(rule) => {
                write_inlined(rule, evaluators, out);
                true
            }
            None => false,
        }
    });
}

/// Writes members as an object.
pub(crate) fn write_members(members: &[Member<'_>], out: &mut String) {
    out.push('{');
    for (n, member) in members.iter().enumerate() {
        out.push_str(if n > 0 { "," } else { "" });
        json::write_text(&member.name, out);
        out.push(':');
        member.value.write(out);
    }
    out.push('}');
}
