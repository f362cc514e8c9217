//! What a series that was met before is called: its views from its identity.

use std::cell::OnceCell;

use vitrine_observe_series::{Projection, Temporality, View};

use super::metric::{Metric, Shape};
use super::resource::{Scope, ScopeOfResource, pairs};
use crate::metric_point::MetricKind;
use crate::metrics::identity::{Origin, Part, Parts};
use crate::metrics::translation::Translation;

/// The views of a series of this identity under a translation; none if no translation decides them, or it says that there is none.
pub fn views(identity: &[u8], translation: &Translation) -> Option<Vec<View>> {
    let mut parts = Parts::new(identity);
    match Origin::from_number(parts.byte()?)? {
        Origin::Labels => None,
        Origin::Otlp => of_metric(&mut parts, translation),
        Origin::TargetInfo => {
            let resource = parts.entries()?;
            let labels = translation.target_info(&pairs(&resource).ok()?).ok()??;
            parts.is_at_end().then(|| vec![View { labels, projection: Projection::Whole }])
        }
    }
}

fn of_metric(parts: &mut Parts<'_>, translation: &Translation) -> Option<Vec<View>> {
    let (resource, _schema_url) = (parts.entries()?, parts.bytes()?);
    let [name, version, schema_url] = [parts.bytes()?, parts.bytes()?, parts.bytes()?];
    let scope = Scope { name, version, schema_url, attributes: parts.entries()? };
    let kind = MetricKind::from_number(parts.byte()?);
    let temporality =
        if parts.byte()? == Temporality::Delta as u8 { Temporality::Delta } else { Temporality::Cumulative };
    let monotonic = parts.byte()? != 0;
    let metric = Metric { name: parts.bytes()?, unit: parts.bytes()?, description: &[], kind, temporality, monotonic };
    let mut explicit = None;
    let part = match parts.byte()? {
        0 => Part::Whole,
        1 => Part::Sum,
        2 => Part::Count,
        3 => Part::Quantile(parts.double()?),
        4 => {
            explicit = Some(parts.bounds()?);
            Part::Whole
        }
        _ => return None,
    };
    let attributes = parts.entries()?;
    if !parts.is_at_end() {
        return None;
    }
    let scope = ScopeOfResource { resource: &resource, scope, identity: Vec::new(), clock: 0, shared: OnceCell::new() };
    let shape = match &explicit {
        Some((has_sum, bounds)) => Shape::Explicit { bounds, has_sum: *has_sum },
        None => Shape::Part(part),
    };
    metric.describe(translation, &scope, &attributes, shape).ok().map(|(description, _)| description.views)
}
