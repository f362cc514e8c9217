//! What series are made of spans.

use std::sync::Arc;
use std::time::Duration;

use vitrine_observe_model::metrics::Translation;

use super::SpanMetricNames;

/// Most attributes that become labels, of operations and of calls.
pub(super) const MAX_ATTRIBUTES: usize = 8;
/// Longest value of a label that is told besides, in bytes; the rest is cut off.
const MAX_VALUE_BYTES: usize = 256;
/// How often series that are made of spans get a sample.
const INTERVAL: Duration = Duration::from_secs(15);
/// Labels that operations have anyhow.
const OPERATION_LABELS: [&str; 9] =
    ["service", "service_name", "span_name", "span_kind", "status_code", "status_message", "job", "instance", "le"];

/// Values of labels, in the order of the labels.
pub(crate) type LabelValues = Arc<[Arc<str>]>;

/// No labels.
pub(crate) fn no_labels() -> LabelValues {
    static NONE: std::sync::LazyLock<LabelValues> = std::sync::LazyLock::new(|| Arc::new([]));
    NONE.clone()
}

/// A label's value within its bound.
pub(crate) fn cut_value(value: &str) -> Arc<str> {
    value[..value.floor_char_boundary(MAX_VALUE_BYTES)].into()
}

/// How series are made of spans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpanMetrics {
    /// What they are called.
    pub names: SpanMetricNames,
    /// How often they get a sample.
    pub interval: Duration,
    /// Whether there are series of who calls whom.
    pub graph: bool,
    /// Attributes of spans and resources that become labels of operations, at most 8. A resource's counts before a span's.
    pub dimensions: Vec<String>,
    /// The same of calls: two labels each, with `client_` and `server_` in front.
    pub graph_dimensions: Vec<String>,
    /// Whether operations have the label `status_message`.
    pub status_message: bool,
    /// Whether operations have the labels `job` and `instance`.
    pub instance: bool,
    /// Whether there is a series that tells the attributes of each resource.
    pub target_info: bool,
    /// Whether there is a series that tells each host.
    pub host_info: bool,
}

impl Default for SpanMetrics {
    fn default() -> Self {
        Self {
            names: SpanMetricNames::default(),
            interval: INTERVAL,
            graph: true,
            dimensions: Vec::new(),
            graph_dimensions: Vec::new(),
            status_message: false,
            instance: false,
            target_info: false,
            host_info: false,
        }
    }
}

impl SpanMetrics {
    /// Finds attributes that cannot become labels: which option names them, and what is expected.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        for (option, keys) in [("dimensions", &self.dimensions), ("graph_dimensions", &self.graph_dimensions)] {
            if keys.len() > MAX_ATTRIBUTES {
                return Err((option, format!("expected at most {MAX_ATTRIBUTES} attributes, not {}", keys.len())));
            }
            let mut labels: Vec<String> = Vec::with_capacity(keys.len());
            for key in keys {
                let label = Translation::default()
                    .label(key)
                    .map_err(|wrong| (option, format!("expected {}: {}", wrong.expected, wrong.problem)))?;
                if option == "dimensions" && OPERATION_LABELS.contains(&label.as_str()) {
                    return Err((
                        option,
                        format!(
                            "expected another attribute than {key:?}: series of operations have the label {label} anyhow"
                        ),
                    ));
                }
                if labels.contains(&label) {
                    return Err((
                        option,
                        format!(
                            "expected attributes with labels of their own: {key:?} becomes {label} like another one"
                        ),
                    ));
                }
                labels.push(label);
            }
        }
        Ok(())
    }
}

/// What is counted of spans, and by which labels.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CountingPlan {
    pub makes_graph: bool,
    pub has_message: bool,
    pub has_instance: bool,
    pub tells_targets: bool,
    pub tells_hosts: bool,
    pub operation_attributes: Vec<String>,
    pub edge_attributes: Vec<String>,
    /// Labels that operations have besides.
    pub operation_labels: Vec<Arc<str>>,
    /// Labels that calls have besides: of the calling side, and then of the called one.
    pub edge_labels: Vec<Arc<str>>,
    pub translation: Translation,
}

impl CountingPlan {
    /// What these options mean, where series that come by OTLP are called this.
    pub(crate) fn of(options: &SpanMetrics, translation: &Translation) -> Self {
        let label = |key: &String| Translation::default().label(key).unwrap_or_else(|_| key.clone());
        let own =
            [(options.status_message, "status_message"), (options.instance, "job"), (options.instance, "instance")];
        let own = own.into_iter().filter(|(wanted, _)| *wanted).map(|(_, name)| Arc::from(name));
        let sides = ["client", "server"].into_iter().flat_map(|side| {
            options.graph_dimensions.iter().map(move |key| Arc::from(format!("{side}_{}", label(key))))
        });
        Self {
            makes_graph: options.graph,
            has_message: options.status_message,
            has_instance: options.instance,
            tells_targets: options.target_info,
            tells_hosts: options.host_info,
            operation_attributes: options.dimensions.clone(),
            edge_attributes: options.graph_dimensions.clone(),
            operation_labels: own.chain(options.dimensions.iter().map(|key| label(key).into())).collect(),
            edge_labels: sides.collect(),
            translation: translation.clone(),
        }
    }

    /// Whether more is read of spans than what they always have.
    pub(crate) fn reads_labels(&self) -> bool {
        let has_labels = !self.operation_labels.is_empty() || !self.edge_labels.is_empty();
        has_labels || self.tells_targets || self.tells_hosts
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_ATTRIBUTES, SpanMetrics};

    #[test]
    fn attributes_that_cannot_be_labels_are_told() {
        let many: Vec<String> = (0..=MAX_ATTRIBUTES).map(|number| format!("key.{number}")).collect();
        let keys = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
        for (dimensions, expected) in [
            (many, Err("at most 8 attributes, not 9")),
            (keys(&["span.name"]), Err("another attribute than \"span.name\"")),
            (keys(&["http.route", "http_route"]), Err("\"http_route\" becomes http_route like another one")),
            (keys(&["..."]), Err("has nothing that a label's name may have")),
            (keys(&["http.route", "deployment.environment.name"]), Ok(())),
        ] {
            let options = SpanMetrics { dimensions: dimensions.clone(), ..SpanMetrics::default() };
            match (options.check(), expected) {
                (Ok(()), Ok(())) => {}
                (Err(("dimensions", text)), Err(part)) if text.contains(part) => {}
                (found, expected) => panic!("{dimensions:?}: {found:?} where {expected:?} was expected"),
            }
        }
        let options = SpanMetrics { graph_dimensions: keys(&["span.name"]), ..SpanMetrics::default() };
        assert_eq!(options.check(), Ok(()), "calls have no such label");
    }
}
