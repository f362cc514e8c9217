//! What is known of a target's series: a series that came before costs a look at a table, and what does not come again has ended.

use std::collections::HashMap;

use vitrine_observe_model::exposition::{ExposedSeries, series_labels};
use vitrine_observe_series::{Label, Labels};

use crate::config::Job;
use crate::relabel::{LabelMap, apply};
use crate::target::Target;

/// What begins a label that a target sends and that the scrape has itself.
const EXPORTED: &str = "exported_";
/// How many more series than came with the last scrape may be remembered before those that did not come are forgotten.
const SLACK: usize = 1_000;

/// What is made of it.
#[derive(Debug)]
struct Known {
    /// None where the rules drop it.
    labels: Option<Labels>,
    /// The last scrape that brought it.
    scrape: u64,
}

/// The series of one target.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    written: HashMap<Box<str>, Known>,
    labelled: HashMap<Labels, Known>,
    /// Series of the last scrape whose end is to be told.
    tracked: HashMap<Labels, u64>,
    scrape: u64,
}

impl Cache {
    /// A scrape begins.
    pub fn begin(&mut self) {
        self.scrape += 1;
    }

    /// The labels of a series under the rules of its job, and whether it is new; none where it is dropped. An error fails the scrape.
    pub fn resolve(
        &mut self,
        series: &ExposedSeries<'_>,
        job: &Job,
        target: &Target,
    ) -> Result<Option<(Labels, bool)>, String> {
        let scrape = self.scrape;
        let known = match series {
            ExposedSeries::Written(text) => self.written.get_mut(*text),
            ExposedSeries::Labels(labels) => self.labelled.get_mut(labels),
        };
        if let Some(known) = known {
            known.scrape = scrape;
            return Ok(known.labels.clone().map(|labels| (labels, false)));
        }
        let sent = match series {
            ExposedSeries::Written(text) => series_labels(text)?,
            ExposedSeries::Labels(labels) => labels.clone(),
        };
        let labels = relabelled(&sent, job, target);
        if let Some(labels) = &labels {
            check(labels, job)?;
        }
        let known = Known { labels: labels.clone(), scrape };
        match series {
            ExposedSeries::Written(text) => self.written.insert((*text).into(), known),
            ExposedSeries::Labels(labels) => self.labelled.insert(labels.clone(), known),
        };
        Ok(labels.map(|labels| (labels, true)))
    }

    /// The end of this series is to be told when a scrape does not bring it. Returns whether this scrape brought it before.
    pub fn track(&mut self, labels: &Labels) -> bool {
        self.tracked.insert(labels.clone(), self.scrape) == Some(self.scrape)
    }

    /// Returns the series that this scrape did not bring, and forgets them.
    pub fn ended(&mut self) -> Vec<Labels> {
        let scrape = self.scrape;
        let mut ended = Vec::new();
        self.tracked.retain(|labels, seen| {
            let stays = *seen == scrape;
            if !stays {
                ended.push(labels.clone());
            }
            stays
        });
        ended.sort();
        let most = self.tracked.len() + SLACK;
        if self.written.len() + self.labelled.len() > most {
            self.written.retain(|_, known| known.scrape == scrape);
            self.labelled.retain(|_, known| known.scrape == scrape);
        }
        ended
    }
}

/// A series' labels with those of its target, after the rules; none where these drop it.
fn relabelled(sent: &Labels, job: &Job, target: &Target) -> Option<Labels> {
    let mut labels: LabelMap = sent.iter().map(|label| (label.name.to_string(), label.value.to_string())).collect();
    if job.honors_labels {
        for (name, value) in &target.labels {
            labels.entry(name.clone()).or_insert_with(|| value.clone());
        }
    } else {
        for (name, value) in &target.labels {
            let Some(own) = labels.insert(name.clone(), value.clone()) else { continue };
            let mut exported = format!("{EXPORTED}{name}");
            while labels.contains_key(&exported) || target.labels.contains_key(&exported) {
                exported.insert_str(0, EXPORTED);
            }
            labels.insert(exported, own);
        }
    }
    if !job.metric_relabel.is_empty() && !apply(&job.metric_relabel, &mut labels) {
        return None;
    }
    let labels = labels.into_iter().map(|(name, value)| Label { name: name.into(), value: value.into() });
    Some(Labels::new(labels)).filter(|labels| !labels.is_empty())
}

fn check(labels: &Labels, job: &Job) -> Result<(), String> {
    if labels.metric().is_empty() {
        return Err(format!("{labels}: metric without a name after relabelling"));
    }
    let limits = &job.limits;
    let beyond = |limit: u64, found: usize| limit > 0 && found as u64 > limit;
    if beyond(limits.labels, labels.len()) {
        return Err(format!(
            "label_limit exceeded (metric: {:?}, number of labels: {}, limit: {})",
            labels.metric(),
            labels.len(),
            limits.labels
        ));
    }
    for label in labels.iter() {
        let wrong = |what: &str, found: usize, limit: u64| {
            Err(format!(
                "{what} exceeded (metric: {:?}, label name: {:?}, length: {found}, limit: {limit})",
                labels.metric(),
                label.name
            ))
        };
        if beyond(limits.label_name_bytes, label.name.len()) {
            return wrong("label_name_length_limit", label.name.len(), limits.label_name_bytes);
        }
        if beyond(limits.label_value_bytes, label.value.len()) {
            return wrong("label_value_length_limit", label.value.len(), limits.label_value_bytes);
        }
    }
    Ok(())
}
