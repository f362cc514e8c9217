//! Settings of series that are made of spans.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vitrine_observe_store::SpanMetrics;

use super::SpanNames;

/// What series that are made of spans have besides. When labels change, counters begin anew.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SpanSeries {
    /// Whether there are series of who calls whom.
    pub service_graph: bool,
    /// Attributes of resources or spans that become labels of operations, such as http.route; at most 8.
    pub dimensions: Vec<String>,
    /// Attributes that become labels of calls, with client_ or server_ in front, such as deployment.environment.name; at most 8.
    pub graph_dimensions: Vec<String>,
    /// Whether operations have a label status_message.
    pub status_message: bool,
    /// Whether operations have labels job and instance.
    pub instance: bool,
    /// Whether a series tells the attributes of each resource: traces_target_info, or the connector's target_info.
    pub target_info: bool,
    /// Whether a series tells each host that spans are from: traces_host_info.
    pub host_info: bool,
}

impl Default for SpanSeries {
    fn default() -> Self {
        let SpanMetrics {
            graph, dimensions, graph_dimensions, status_message, instance, target_info, host_info, ..
        } = SpanMetrics::default();
        Self { service_graph: graph, dimensions, graph_dimensions, status_message, instance, target_info, host_info }
    }
}

impl SpanSeries {
    /// What the engine is told, where they are called this; or which setting cannot be meant.
    pub fn options(&self, names: SpanNames) -> Result<Option<SpanMetrics>, String> {
        let own = self.clone();
        let metrics = names.names().map(|names| SpanMetrics {
            names,
            graph: own.service_graph,
            dimensions: own.dimensions,
            graph_dimensions: own.graph_dimensions,
            status_message: own.status_message,
            instance: own.instance,
            target_info: own.target_info,
            host_info: own.host_info,
            ..SpanMetrics::default()
        });
        match metrics.as_ref().map(SpanMetrics::check) {
            Some(Err((option, text))) => Err(format!("observatory.span_series.{option}: {text}")),
            _ => Ok(metrics),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{SpanNames, SpanSeries};

    #[test]
    fn what_is_meant_is_told_or_refused_by_name() {
        let series = SpanSeries { dimensions: vec!["service".to_owned()], ..SpanSeries::default() };
        let refused = series.options(SpanNames::Tempo).expect_err("operations have that label");
        assert!(refused.starts_with("observatory.span_series.dimensions: expected another attribute"), "{refused}");
        assert_eq!(series.options(SpanNames::Off), Ok(None), "no one asks for them");
        let told = SpanSeries::default().options(SpanNames::Both).expect("the usual").expect("series are made");
        assert!(told.graph && told.dimensions.is_empty());
    }
}
