//! Why a flag has its value: a second walk over the rule, which tells what each node was. The first walk carries nothing of it.

use serde::Serialize;

use crate::context::{Context, Path};
use crate::error::EvaluationError;
use crate::eval::{Algorithm, Run, Scope};
use crate::flag::{Flag, Targeting};
use crate::json::Location;
use crate::rule::{Code, Fractional, Id, Node, Op};
use crate::snapshot::Snapshot;
use crate::value::Value;

/// Longest JSON of a value that is told, in bytes; of longer ones, the beginning.
const MAX_SHOWN: usize = 1_024;

/// Why a flag has its value.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The flag.
    pub key: String,
    /// The variant; none where the caller's default is used, and where there is an error.
    pub variant: Option<String>,
    /// Its value.
    pub value: Option<serde_json::Value>,
    /// OpenFeature's reason, `SPLIT` where a `fractional` decided.
    pub reason: &'static str,
    /// What went wrong.
    pub error: Option<String>,
    /// OpenFeature's code of it.
    pub error_code: Option<&'static str>,
    /// The rule, if one was evaluated.
    pub rule: Option<Explained>,
}

/// What a node of the rule was.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explained {
    /// Where it stands in the flag's definition, or in its set's where it is an evaluator's.
    pub location: Location,
    /// The operation, with the path that it reads; `value` for what stands for itself.
    pub node: String,
    /// What came out.
    pub value: serde_json::Value,
    /// Whether the node above has its value from this one.
    pub decides: bool,
    /// For `fractional`: what was drawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket: Option<Bucket>,
    /// The nodes that were evaluated for it. What a list's items were is not told one by one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<Explained>,
}

/// What a `fractional` drew.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bucket {
    /// How: `v1`, `v2` or `v3`.
    pub algorithm: &'static str,
    /// The hash of the key.
    pub hash: u32,
    /// The sum of the weights.
    pub total: u64,
    /// Where the subject is in `0..total`.
    pub at: u64,
    /// Which bucket that is, from 0.
    pub number: usize,
    /// The bucket's part of `0..total`: from, and up to.
    pub range: (u64, u64),
}

impl Snapshot {
    /// Evaluates a flag, and tells why it has its value.
    pub fn explain(&self, key: &str, context: &dyn Context, now_s: u64) -> Result<Explanation, EvaluationError> {
        let flag = self.get(key).ok_or_else(|| EvaluationError::FlagNotFound(key.to_owned()))?;
        let rule = explain_rule(flag, context, now_s, self.set().algorithm());
        let split = rule.as_ref().is_some_and(is_split);
        let evaluated = self.evaluate(key, context, now_s);
        Ok(match evaluated {
            Ok(evaluation) => Explanation {
                key: key.to_owned(),
                variant: evaluation.variant.map(|variant| variant.name.to_string()),
                value: evaluation.variant.and_then(|variant| serde_json::from_str(&variant.json).ok()),
                reason: match evaluation.reason {
                    crate::flag::Reason::TargetingMatch if split => "SPLIT",
                    reason => reason.name(),
                },
                error: None,
                error_code: None,
                rule,
            },
            Err(error) => Explanation {
                key: key.to_owned(),
                variant: None,
                value: None,
                reason: "ERROR",
                error: Some(error.to_string()),
                error_code: Some(error.code()),
                rule,
            },
        })
    }
}

fn explain_rule(flag: &Flag, context: &dyn Context, now_s: u64, algorithm: Algorithm) -> Option<Explained> {
    let Targeting::Rule(rule) = &flag.targeting else { return None };
    if !flag.enabled {
        return None;
    }
    let run = Run::new(rule.code(), context, &flag.key, now_s, algorithm);
    Some(Explaining { run, locations: &rule.locations }.explain(rule.code().root, true))
}

/// Whether a `fractional` is on the way that decided.
fn is_split(explained: &Explained) -> bool {
    explained.bucket.is_some() || explained.children.iter().any(|child| child.decides && is_split(child))
}

/// The second walk.
struct Explaining<'a> {
    run: Run<'a>,
    locations: &'a [Location],
}

impl Explaining<'_> {
    /// Tells of a node, and of those below it that counted. Each is evaluated again for each node above it, within the same steps.
    fn explain(&self, id: Id, decides: bool) -> Explained {
        let value = self.run.eval(id, Scope::Context);
        let node = self.run.rule.node(id);
        let (children, bucket) = match node {
            Node::List(items) => (self.explain_all(self.run.rule.args(items)), None),
            Node::Var { default: Some(default), path }
                if self.run.context.find(Path::new(self.run.rule.text(*path))).is_null() =>
            {
                (vec![self.explain(*default, true)], None)
            }
            Node::VarOf { path, .. } => (vec![self.explain(*path, false)], None),
            Node::Op { op: Op::If, args } => (self.explain_choice(self.run.rule.args(args)), None),
            Node::Op { op: op @ (Op::And | Op::Or), args } => {
                (self.explain_connected(*op, self.run.rule.args(args)), None)
            }
            Node::Op { op, args } if op.goes_through_items() => {
                (self.explain_all(self.run.rule.args(args).get(..1).unwrap_or_default()), None)
            }
            Node::Op { args, .. } => (self.explain_all(self.run.rule.args(args)), None),
            Node::InSet(found) => (vec![self.explain(found.needle, false)], None),
            Node::SemVer(known) => (vec![self.explain(known.left, false)], None),
            Node::Fractional(fractional) => self.explain_draw(fractional),
            _ => (Vec::new(), None),
        };
        Explained {
            location: self.locations[usize::from(id)],
            node: describe(self.run.rule, node),
            value: shown(&value),
            decides,
            bucket,
            children,
        }
    }

    fn explain_all(&self, ids: &[Id]) -> Vec<Explained> {
        ids.iter().map(|id| self.explain(*id, false)).collect()
    }

    fn explain_choice(&self, args: &[Id]) -> Vec<Explained> {
        let mut children = Vec::new();
        let mut rest = args;
        loop {
            match rest {
                [] => return children,
                [last] => {
                    children.push(self.explain(*last, true));
                    return children;
                }
                [condition, result, others @ ..] => {
                    children.push(self.explain(*condition, false));
                    if self.run.eval(*condition, Scope::Context).is_true() {
                        children.push(self.explain(*result, true));
                        return children;
                    }
                    rest = others;
                }
            }
        }
    }

    fn explain_connected(&self, op: Op, args: &[Id]) -> Vec<Explained> {
        let mut children = Vec::new();
        for (n, arg) in args.iter().enumerate() {
            let stops = self.run.eval(*arg, Scope::Context).is_true() == (op == Op::Or);
            children.push(self.explain(*arg, stops || n + 1 == args.len()));
            if stops {
                break;
            }
        }
        children
    }

    fn explain_draw(&self, fractional: &Fractional) -> (Vec<Explained>, Option<Bucket>) {
        let mut children: Vec<Explained> = fractional.key.iter().map(|key| self.explain(*key, false)).collect();
        let Some(drawn) = self.run.draw(fractional, Scope::Context) else { return (children, None) };
        children.push(self.explain(drawn.variant, true));
        let bucket = Bucket {
            algorithm: self.run.algorithm.name(),
            hash: drawn.hash,
            total: drawn.total,
            at: drawn.at,
            number: drawn.bucket,
            range: drawn.range,
        };
        (children, Some(bucket))
    }
}

fn describe(rule: Code<'_>, node: &Node) -> String {
    match node {
        Node::Var { path, .. } => format!("var {}", rule.text(*path)),
        Node::VarOf { .. } => "var".to_owned(),
        Node::FlagKey => "var $flagd.flagKey".to_owned(),
        Node::Timestamp => "var $flagd.timestamp".to_owned(),
        Node::Op { op, .. } => op.name().to_owned(),
        Node::InSet(found) => format!("in {} texts", found.set.len()),
        Node::SemVer(known) => format!("sem_ver {}", known.comparison.name()),
        Node::Fractional(_) => "fractional".to_owned(),
        Node::Null
        | Node::Bucket(_)
        | Node::Bool(_)
        | Node::Number(_)
        | Node::Text { .. }
        | Node::Literal(_)
        | Node::List(_) => "value".to_owned(),
    }
}

fn shown(value: &Value<'_>) -> serde_json::Value {
    let mut text = String::new();
    value.write(&mut text);
    if text.len() <= MAX_SHOWN {
        return serde_json::from_str(&text).unwrap_or_default();
    }
    let end = (0..=MAX_SHOWN).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.truncate(end);
    text.push('…');
    serde_json::Value::String(text)
}
