//! What a series that was met before is called: its views from its identity.

use std::cell::OnceCell;

use vitrine_observe_series::{Projection, View};

use super::metric::{Metric, Shape};
use super::resource::{Scope, ScopeOfResource, pairs};
use crate::metrics::identity::{Origin, OtlpIdentity, PartOfPoint, Parts};
use crate::metrics::translation::Translation;

/// The views of a series of this identity under a translation; none if no translation decides them, or it says that there is none.
pub fn views(identity: &[u8], translation: &Translation) -> Option<Vec<View>> {
    let mut parts = Parts::new(identity);
    match Origin::from_number(parts.byte()?)? {
        Origin::Labels => None,
        Origin::Otlp => of_metric(parts.otlp()?, translation),
        Origin::TargetInfo => {
            let resource = parts.entries()?;
            let labels = translation.target_info(&pairs(&resource).ok()?).ok()??;
            parts.is_at_end().then(|| vec![View { labels, projection: Projection::Whole }])
        }
    }
}

fn of_metric(sent: OtlpIdentity<'_>, translation: &Translation) -> Option<Vec<View>> {
    let scope = Scope {
        name: sent.scope_name,
        version: sent.scope_version,
        schema_url: sent.scope_schema_url,
        attributes: sent.scope_attributes,
    };
    let scope =
        ScopeOfResource { resource: &sent.resource, scope, identity: Vec::new(), clock: 0, shared: OnceCell::new() };
    let metric = Metric {
        name: sent.name,
        unit: sent.unit,
        description: &[],
        kind: sent.kind,
        temporality: sent.temporality,
        monotonic: sent.monotonic,
    };
    let shape = match &sent.part {
        PartOfPoint::Part(part) => Shape::Part(*part),
        PartOfPoint::Explicit { bounds, has_sum } => Shape::Explicit { bounds, has_sum: *has_sum },
    };
    metric.describe(translation, &scope, &sent.attributes, shape).ok().map(|(description, _)| description.views)
}
