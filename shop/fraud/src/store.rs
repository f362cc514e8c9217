//! Assessments and histories as they are kept.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use vitrine_contracts::fraud::v1::{Assessment, Finding as WireFinding, Verdict};
use vitrine_platform_store::{Document, Index, Keys};

use crate::domain::Finding;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AssessmentDoc {
    pub(crate) order_id: String,
    pub(crate) customer_id: String,
    pub(crate) score: u32,
    pub(crate) findings: Vec<Finding>,
    pub(crate) at: i64,
}

pub(crate) fn verdict(score: u32) -> Verdict {
    match score {
        70.. => Verdict::Suspicious,
        40.. => Verdict::Review,
        _ => Verdict::Clear,
    }
}

impl AssessmentDoc {
    pub(crate) fn to_wire(&self) -> Assessment {
        let finding =
            |f: &Finding| WireFinding { rule: f.rule.clone(), points: f.points, explanation: f.explanation.clone() };
        Assessment {
            order_id: self.order_id.clone(),
            customer_id: self.customer_id.clone(),
            score: self.score,
            verdict: verdict(self.score).into(),
            findings: self.findings.iter().map(finding).collect(),
            at_unix_ms: self.at,
        }
    }
}

impl Document for AssessmentDoc {
    const COLLECTION: &'static str = "assessments";
    const INDEXES: &'static [Index] = &[Index::ordered("score")];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.order_id)
    }
    fn keys(&self, out: &mut Keys) {
        out.put("score", self.score);
    }
}

/// What a customer did lately.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct HistoryDoc {
    pub(crate) customer_id: String,
    pub(crate) orders: u64,
    pub(crate) recent: Vec<(i64, String)>,
}

impl Document for HistoryDoc {
    const COLLECTION: &'static str = "histories";
    const INDEXES: &'static [Index] = &[];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.customer_id)
    }
    fn keys(&self, _: &mut Keys) {}
}
