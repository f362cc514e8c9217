//! Labels that series of spans have besides: attributes of spans and of their resources, and what a resource is.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use vitrine_observe_columns::{Columns, Texts};
use vitrine_observe_model::{Attribute, json_attributes};

use crate::column_engine::span_attributes::SpanAttributes;
use crate::column_engine::span_metrics::{CountingPlan, LabelValues, Target, cut_value, no_labels};

/// Resource attributes that say which service, and which of its processes.
const SERVICE: &str = "service.name";
const NAMESPACE: &str = "service.namespace";
const INSTANCE: &str = "service.instance.id";
/// Resource attributes that say which host, the surest first.
const HOSTS: [&str; 2] = ["k8s.node.name", "host.id"];

/// What was found of a memtable's resources, and the sets of labels that its spans have.
#[derive(Debug, Default)]
pub(crate) struct LabelReader {
    /// By the columns' numbers.
    resources: HashMap<u32, Arc<Resource>>,
    sets: Vec<LabelValues>,
    numbers: HashMap<LabelValues, u32>,
    /// Resources that were told in this block.
    told: HashSet<u32>,
}

/// What is wanted of a resource.
#[derive(Debug)]
struct Resource {
    job: Arc<str>,
    instance: Arc<str>,
    /// Values of the plan's attributes, of operations and then of calls.
    values: Vec<Option<Arc<str>>>,
    targets: Vec<Target>,
}

/// What is read of a block.
pub(super) struct Reading<'a> {
    plan: &'a CountingPlan,
    /// Attributes of operations, and then of calls.
    attributes: SpanAttributes<'a>,
    resources: &'a Texts,
    messages: Option<&'a Texts>,
}

fn find<'a>(attributes: &'a [Attribute], key: &str) -> Option<&'a Attribute> {
    attributes.iter().find(|attribute| attribute.key == key)
}

fn value(attributes: &[Attribute], key: &str) -> Option<Arc<str>> {
    find(attributes, key).map(|found| cut_value(&found.value.text())).filter(|value| !value.is_empty())
}

impl Resource {
    fn of(text: &str, plan: &CountingPlan) -> Self {
        let attributes = json_attributes(text);
        let service = value(&attributes, SERVICE).unwrap_or_default();
        let job = match value(&attributes, NAMESPACE).filter(|_| !service.is_empty()) {
            Some(namespace) => format!("{namespace}/{service}").into(),
            None => service,
        };
        let mut targets = Vec::new();
        if plan.tells_targets {
            let pairs = attributes.iter().map(|found| (found.key.clone(), cut_value(&found.value.text()).to_string()));
            let labels = plan.translation.target_info(&pairs.collect()).ok().flatten();
            targets.extend(labels.map(|labels| Target { is_host: false, labels }));
        }
        let host = HOSTS.iter().find_map(|key| Some((*key, value(&attributes, key)?)));
        targets.extend(host.filter(|_| plan.tells_hosts).map(|(key, id)| Target::host(key, &id)));
        let keys = plan.operation_attributes.iter().chain(&plan.edge_attributes);
        Self {
            job,
            instance: value(&attributes, INSTANCE).unwrap_or_default(),
            values: keys.map(|key| value(&attributes, key)).collect(),
            targets,
        }
    }
}

impl LabelReader {
    /// Begins a block; none if nothing is wanted of it.
    pub(super) fn begin<'a>(&mut self, columns: &'a Columns, plan: &'a CountingPlan) -> Option<Reading<'a>> {
        self.told.clear();
        if !plan.reads_labels() {
            return None;
        }
        let keys: Vec<&str> =
            plan.operation_attributes.iter().chain(&plan.edge_attributes).map(String::as_str).collect();
        let attributes = SpanAttributes::of(columns, &keys)?;
        Some(Reading {
            plan,
            attributes,
            resources: columns.texts("resource")?,
            messages: columns.texts("status_message"),
        })
    }

    fn resource(&mut self, reading: &Reading<'_>, row: usize) -> Arc<Resource> {
        let code = reading.resources.codes[row];
        let text = reading.resources.get(row).unwrap_or_default();
        self.resources.entry(code).or_insert_with(|| Arc::new(Resource::of(text, reading.plan))).clone()
    }

    /// The number of a row's labels, and tells its resource once.
    pub(super) fn of_operation(&mut self, reading: &Reading<'_>, row: usize, targets: &mut Vec<Target>) -> u32 {
        let resource = self.resource(reading, row);
        if self.told.insert(reading.resources.codes[row]) {
            targets.extend(resource.targets.iter().cloned());
        }
        let plan = reading.plan;
        if plan.operation_labels.is_empty() {
            return 0;
        }
        let mut values: Vec<Arc<str>> = Vec::with_capacity(plan.operation_labels.len());
        if plan.has_message {
            let message = reading.messages.filter(|texts| row < texts.codes.len()).and_then(|texts| texts.get(row));
            values.push(cut_value(message.unwrap_or_default()));
        }
        if plan.has_instance {
            values.extend([resource.job.clone(), resource.instance.clone()]);
        }
        values.extend((0..plan.operation_attributes.len()).map(|place| attribute(reading, &resource, row, place)));
        let values: LabelValues = values.into();
        if let Some(number) = self.numbers.get(&values) {
            return *number;
        }
        self.sets.push(values.clone());
        let number = self.sets.len() as u32;
        self.numbers.insert(values, number);
        number
    }

    /// The labels of a number.
    pub(super) fn set(&self, number: u32) -> LabelValues {
        (number as usize).checked_sub(1).map_or_else(no_labels, |place| self.sets[place].clone())
    }

    /// The labels of one side of a call; none if none are wanted.
    pub(super) fn of_side(&mut self, reading: &Reading<'_>, row: usize) -> Option<LabelValues> {
        let (before, count) = (reading.plan.operation_attributes.len(), reading.plan.edge_attributes.len());
        if count == 0 {
            return None;
        }
        let resource = self.resource(reading, row);
        Some((before..before + count).map(|place| attribute(reading, &resource, row, place)).collect())
    }
}

/// The value of an attribute: the resource's, else the span's, else nothing.
fn attribute(reading: &Reading<'_>, resource: &Resource, row: usize, place: usize) -> Arc<str> {
    let of_span = || reading.attributes.value(row, place).map(|value| cut_value(&value.text()));
    resource.values[place].clone().or_else(of_span).unwrap_or_default()
}
