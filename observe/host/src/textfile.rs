//! Metrics that others left in files.

use std::path::Path;
use std::time::UNIX_EPOCH;

use vitrine_observe_model::exposition::{Description, Entry, ExposedSeries, ExposedValue, Format, Text, series_labels};
use vitrine_observe_series::{FAMILY_ENDINGS, MetricType};

use crate::families::{Families, MetricFamily, Sample};
use crate::files::{names, read};

/// Takes all `*.prom` files of a folder. A file that is wrong is left out, and told of.
pub(crate) fn collect(folder: &Path, families: &mut Families) {
    let mut failed = false;
    let files = names(folder).unwrap_or_else(|error| {
        tracing::warn!(%error, "the folder of text files cannot be read");
        failed = true;
        Vec::new()
    });
    for name in files.iter().filter(|name| name.ends_with(".prom")) {
        let path = folder.join(name);
        match read(&path).map_err(|error| error.to_string()).and_then(|text| parse(&text)) {
            Ok(found) => {
                for family in found {
                    failed |= !families.take(family);
                }
                let changed = std::fs::metadata(&path).and_then(|metadata| metadata.modified()).ok();
                let since = changed.and_then(|changed| changed.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
                let help = "Unixtime mtime of textfiles successfully read.";
                let file = path.display().to_string();
                families.gauge("node_textfile_mtime_seconds", help, &[("file", &file)], since.as_secs_f64());
            }
            Err(error) => {
                tracing::warn!(file = %path.display(), error, "a text file is left out");
                failed = true;
            }
        }
    }
    let help = "1 if there was an error opening or reading a file, 0 otherwise";
    families.gauge("node_textfile_scrape_error", help, &[], f64::from(u8::from(failed)));
}

fn parse(text: &str) -> Result<Vec<MetricFamily>, String> {
    let mut families: Vec<MetricFamily> = Vec::new();
    for entry in Text::new(text.as_bytes(), Format::Text).map_err(|mistake| mistake.to_string())? {
        match entry.map_err(|mistake| mistake.to_string())? {
            Entry::Metadata { metric, description } => {
                let family = family(&mut families, &metric);
                match description {
                    Description::Type(kind) => family.kind = kind,
                    Description::Help(help) => family.help = help.into_owned(),
                    Description::Unit(_) => {}
                }
            }
            Entry::Sample(sample) => {
                if sample.time_ms.is_some() {
                    return Err("a sample with a time of its own, which text files may not have".to_owned());
                }
                let ExposedSeries::Written(series) = sample.series else { continue };
                let ExposedValue::Float(bits) = sample.value else { continue };
                let labels = series_labels(series)?;
                let metric = labels.metric().to_owned();
                let own = labels.iter().filter(|label| &*label.name != vitrine_observe_series::NAME);
                let labels = own.map(|label| (label.name.to_string(), label.value.to_string())).collect();
                family(&mut families, &metric).samples.push(Sample { labels, value: f64::from_bits(bits) });
            }
        }
    }
    families.retain(|family| !family.samples.is_empty());
    Ok(families)
}

fn family<'a>(families: &'a mut Vec<MetricFamily>, metric: &str) -> &'a mut MetricFamily {
    let place = families.iter().position(|family| family.name == metric).unwrap_or_else(|| {
        // A histogram's parts say what the histogram is for.
        let stem = FAMILY_ENDINGS.iter().find_map(|suffix| metric.strip_suffix(suffix));
        let help = families.iter().find(|family| Some(family.name.as_str()) == stem).map(|family| family.help.clone());
        families.push(MetricFamily {
            name: metric.to_owned(),
            kind: MetricType::Unknown,
            help: help.unwrap_or_default(),
            unit: "",
            samples: Vec::new(),
        });
        families.len() - 1
    });
    &mut families[place]
}
