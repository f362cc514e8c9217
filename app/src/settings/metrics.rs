//! Settings of metrics as series.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vitrine_observe_store::model::metrics::{self, Promotion, SeriesLimits, Translation};
use vitrine_platform_config::{Written, written};

/// Metrics as series, for PromQL. Changes hold for series that are new from then on.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Metrics {
    /// How names that come by OTLP become Prometheus's, as in its otlp.translation_strategy.
    pub translation_strategy: Strategy,
    /// Attributes of a resource that become labels of its series, such as service.version.
    pub promote_resource_attributes: Vec<String>,
    /// Whether all attributes of a resource become labels of its series.
    pub promote_all_resource_attributes: bool,
    /// Attributes that do not, where all others do.
    pub ignore_resource_attributes: Vec<String>,
    /// Whether target_info has service.name, service.namespace and service.instance.id, too, which are job and instance.
    pub keep_identifying_resource_attributes: bool,
    /// Whether name, version and attributes of a scope become labels that begin with otel_scope_.
    pub promote_scope_metadata: bool,
    /// How histograms with explicit bounds are shown: "classic" as _bucket, _sum and _count, "native", or "both".
    pub histograms: Histograms,
    /// Most active series of a tenant.
    #[schemars(range(min = 1))]
    pub max_series: u32,
    /// Most series a second that a tenant did not have before; what is not used is saved up for a minute.
    #[schemars(range(min = 1))]
    pub new_series_a_second: u32,
    /// Most labels of a series.
    #[schemars(range(min = 1))]
    pub max_labels: u32,
    /// Most bytes of a label's name.
    #[schemars(range(min = 1))]
    pub max_label_name_bytes: u32,
    /// Most bytes of a label's value.
    #[schemars(range(min = 1))]
    pub max_label_value_bytes: u32,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            translation_strategy: Strategy::default(),
            promote_resource_attributes: Vec::new(),
            promote_all_resource_attributes: false,
            ignore_resource_attributes: Vec::new(),
            keep_identifying_resource_attributes: false,
            promote_scope_metadata: false,
            histograms: Histograms::default(),
            max_series: 1_000_000,
            new_series_a_second: 50_000,
            max_labels: 100,
            max_label_name_bytes: 1024,
            max_label_value_bytes: 4096,
        }
    }
}

impl Metrics {
    /// What series that come by OTLP are called, or which setting has no use.
    pub fn translation(&self) -> Result<Translation, String> {
        let (all, these) = (self.promote_all_resource_attributes, &self.promote_resource_attributes);
        let unused = |setting, when| Err(format!("observatory.metrics.{setting}: expected none {when}"));
        if all && !these.is_empty() {
            return unused("promote_resource_attributes", "where promote_all_resource_attributes is set");
        }
        if !all && !self.ignore_resource_attributes.is_empty() {
            return unused("ignore_resource_attributes", "where promote_all_resource_attributes is not set");
        }
        let promotion = match all {
            true => Promotion::AllBut(self.ignore_resource_attributes.clone()),
            false => Promotion::These(these.clone()),
        };
        Ok(Translation {
            strategy: self.translation_strategy.0,
            promotion,
            keep_identifying_resource_attributes: self.keep_identifying_resource_attributes,
            promote_scope_metadata: self.promote_scope_metadata,
            histograms: self.histograms.0,
        })
    }

    /// What a series may be.
    pub fn limits(&self) -> SeriesLimits {
        let count = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
        SeriesLimits {
            labels: count(self.max_labels),
            name_bytes: count(self.max_label_name_bytes),
            value_bytes: count(self.max_label_value_bytes),
        }
    }
}

/// How names that come by OTLP become Prometheus's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Strategy(pub metrics::Strategy);

/// How histograms with explicit bounds are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Histograms(pub metrics::HistogramForm);

/// Writes and reads a choice by its words.
macro_rules! words {
    ($choice:ident, $name:literal, $expected:literal, [$(($word:literal, $value:expr)),+]) => {
        impl fmt::Display for $choice {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let word = [$(($word, $value)),+].into_iter().find(|(_, value)| *value == self.0).map(|(word, _)| word);
                f.write_str(word.unwrap_or_default())
            }
        }

        impl Written for $choice {
            fn name() -> String {
                $name.to_owned()
            }

            fn expected() -> String {
                $expected.to_owned()
            }

            fn examples() -> Vec<&'static str> {
                vec![$($word),+]
            }

            fn is_closed() -> bool {
                true
            }

            fn read(text: &str) -> Option<Self> {
                [$(($word, $value)),+].into_iter().find(|(word, _)| *word == text).map(|(_, value)| Self(value))
            }
        }
    };
}

words!(
    Strategy,
    "Strategy",
    "UnderscoreEscapingWithSuffixes, UnderscoreEscapingWithoutSuffixes, NoUTF8EscapingWithSuffixes or NoTranslation",
    [
        ("UnderscoreEscapingWithSuffixes", metrics::Strategy::UnderscoreEscapingWithSuffixes),
        ("UnderscoreEscapingWithoutSuffixes", metrics::Strategy::UnderscoreEscapingWithoutSuffixes),
        ("NoUTF8EscapingWithSuffixes", metrics::Strategy::NoUtf8EscapingWithSuffixes),
        ("NoTranslation", metrics::Strategy::NoTranslation)
    ]
);
words!(
    Histograms,
    "Histograms",
    "classic, native or both",
    [
        ("classic", metrics::HistogramForm::Classic),
        ("native", metrics::HistogramForm::Native),
        ("both", metrics::HistogramForm::Both)
    ]
);
written!([] Strategy);
written!([] Histograms);

#[cfg(test)]
mod tests {
    use vitrine_platform_config::Written;

    use super::{Histograms, Metrics, Strategy};

    #[test]
    fn words_are_read_as_they_are_written() {
        for word in Strategy::examples() {
            assert_eq!(Strategy::read(word).map(|read| read.to_string()).as_deref(), Some(word));
        }
        for word in Histograms::examples() {
            assert_eq!(Histograms::read(word).map(|read| read.to_string()).as_deref(), Some(word));
        }
        assert_eq!((Strategy::read("none"), Histograms::read("")), (None, None));
    }

    #[test]
    fn settings_without_use_are_told() {
        let attributes = vec!["service.version".to_owned()];
        let both = Metrics {
            promote_all_resource_attributes: true,
            promote_resource_attributes: attributes.clone(),
            ..Metrics::default()
        };
        let told = both.translation().expect_err("refused");
        assert!(told.starts_with("observatory.metrics.promote_resource_attributes: expected none"), "{told}");
        let ignored = Metrics { ignore_resource_attributes: attributes, ..Metrics::default() };
        assert!(ignored.translation().is_err());
        assert!(Metrics::default().translation().is_ok());
    }
}
