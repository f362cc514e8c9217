//! `vitrine range`: campaigns run against a shop over its public APIs, exported, scored and reported.

mod campaign_folder;
mod collect;
mod run;

use std::path::Path;

use anyhow::{Result, anyhow, bail};
use serde_json::json;
use vitrine_flags_range::baselines::Rule;
use vitrine_flags_range::blind::{self, LeakWords, Renumbered, Searched, metadata};
use vitrine_flags_range::layouts::{self, Case, Layout};
use vitrine_flags_range::scores::{self, Diagnosis, Named, Report};
use vitrine_flags_range::{Control, Record, Wrong};

use crate::cli::{RangeCommand, RangeExportArgs, RangeLayout, RangeReportArgs, RangeScoreArgs};
use crate::flags_commands::ask::content;
use crate::say::say;
use campaign_folder::CampaignFolder;

/// Scores that are printed; `--json` has all.
const SHOWN: [&str; 9] = ["ac@1", "ac@3", "ac@5", "avg@5", "lift", "f1", "kind_ac@1", "time", "path_node_f1"];

/// The command.
pub async fn run(command: RangeCommand) -> Result<()> {
    match command {
        RangeCommand::Run(args) => run::run(args).await,
        RangeCommand::Export(args) => export(&args),
        RangeCommand::Score(args) => score(&args),
        RangeCommand::Report(args) => report(&args),
    }
}

/// All that is wrong with a document, a line each.
fn wrongs(what: &Path, all: &[Wrong]) -> anyhow::Error {
    let lines: Vec<String> = all.iter().map(ToString::to_string).collect();
    anyhow!("{}: {}", what.display(), lines.join("\n"))
}

fn layout(of: RangeLayout) -> Layout {
    match of {
        RangeLayout::Vitrine => Layout::Vitrine,
        RangeLayout::Rcaeval => Layout::Rcaeval,
        RangeLayout::Openrca => Layout::Openrca,
        RangeLayout::Openrca2 => Layout::Openrca2,
    }
}

fn export(args: &RangeExportArgs) -> Result<()> {
    let kept = CampaignFolder::read(&args.campaign)?;
    let is_blind = args.blind || kept.campaign.blind;
    let mut cases: Vec<Case> = Vec::new();
    for record in kept.records.iter().filter(|record| record.is_graded()) {
        cases.push(Case { record: record.clone(), telemetry: kept.telemetry(&record.id)? });
    }
    if is_blind {
        let words = leak_words(&kept);
        let mut found = Searched::default();
        for case in &mut cases {
            let one = blind::search(&words, &case.telemetry);
            found.bytes += one.bytes;
            found.hits += one.hits;
            found.leaks.extend(one.leaks);
            Renumbered::new(kept.secret).apply(&mut case.telemetry);
            Renumbered::new(kept.secret).apply_to_record(&mut case.record);
        }
        refuse_leaks(&found)?;
        refuse_metadata(&cases, kept.campaign.seed)?;
    }
    let files =
        layouts::export(layout(args.layout), &cases, &kept.topology, is_blind).map_err(|wrong| anyhow!("{wrong}"))?;
    if is_blind {
        let mut found = Searched::default();
        // Folders of incidents bear their ids: they are names of tasks there.
        let words = file_leak_words(&kept);
        for file in files.iter().filter(|file| !file.is_answer) {
            words.search(&file.path, &file.bytes, &mut found);
        }
        refuse_leaks(&found)?;
    }
    campaign_folder::write_files(&args.out, &files)?;
    let bytes: usize = files.iter().map(|file| file.bytes.len()).sum();
    say!("{} incidents, {} files, {} MiB in {}", cases.len(), files.len(), bytes >> 20, args.out.display());
    Ok(())
}

fn leak_words(kept: &CampaignFolder) -> LeakWords {
    LeakWords::of(kept.plan.incidents(), &[], &kept.digest)
}

fn file_leak_words(kept: &CampaignFolder) -> LeakWords {
    let canaries: Vec<String> = kept.plan.incidents().map(|incident| incident.canary.clone()).collect();
    LeakWords::of(std::iter::empty(), &canaries, &kept.digest)
}

fn refuse_leaks(found: &Searched) -> Result<()> {
    if found.hits == 0 {
        say!("leak search: 0 in {} bytes", found.bytes);
        return Ok(());
    }
    for leak in &found.leaks {
        say!("{}: {:?} in {:?}", leak.place, leak.word, leak.around);
    }
    bail!("{} words in what would be exported tell what was done: nothing is exported", found.hits)
}

fn refuse_metadata(cases: &[Case], seed: u64) -> Result<()> {
    let of = |case: &Case| metadata::of(&case.telemetry, &[], &case.record.id, case.record.control == Control::None);
    let rows: Vec<metadata::Metadata> = cases.iter().map(of).collect();
    match metadata::tell_apart(&rows, seed) {
        None => say!("metadata: fewer than {} incidents or controls, so that nothing can be said", metadata::MIN_EACH),
        Some(check) if check.leaks => {
            bail!("metadata alone tell {:.0} % of incidents from controls: nothing is exported", check.accuracy * 100.0)
        }
        Some(check) => say!("metadata: {:.0} % told apart, which is chance", check.accuracy * 100.0),
    }
    Ok(())
}

/// Services that could be named.
fn candidates(kept: &CampaignFolder) -> Result<usize> {
    let mut all = std::collections::BTreeSet::new();
    for record in &kept.records {
        all.extend(kept.telemetry(&record.id)?.services());
    }
    Ok(all.len())
}

fn score(args: &RangeScoreArgs) -> Result<()> {
    let kept = CampaignFolder::read(&args.campaign)?;
    let text = content(Some(&args.diagnoses))?;
    let diagnoses = scores::read_diagnoses(text.as_bytes()).map_err(|wrong| wrongs(&args.diagnoses, &[wrong]))?;
    let candidates = candidates(&kept)?;
    let name = args.diagnoses.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut reports = vec![scores::score(&name, &kept.records, &diagnoses, candidates, kept.campaign.seed)];
    reports.extend(baselines(&kept, candidates)?);
    print(&reports, args.json)
}

fn report(args: &RangeReportArgs) -> Result<()> {
    let kept = CampaignFolder::read(&args.campaign)?;
    let funnel = scores::funnel(&kept.records);
    let reports = baselines(&kept, candidates(&kept)?)?;
    if args.json {
        let unseen: Vec<&Record> = kept.records.iter().filter(|record| !record.is_graded()).collect();
        let unseen: Vec<&String> = unseen.iter().map(|record| &record.id).collect();
        say!(
            "{:#}",
            json!({"funnel": funnel, "baselines": reports, "ungraded": unseen, "tooTrivial": scores::too_trivial(&kept.records)})
        );
        return Ok(());
    }
    say!(
        "drawn {}  armed {}  hit {}  visible {}  graded {}  (found by each simple rule: {})",
        funnel.drawn,
        funnel.armed,
        funnel.hit,
        funnel.visible,
        funnel.graded,
        funnel.trivial
    );
    for record in &kept.records {
        let seen = if record.visible { "visible" } else { "not visible" };
        let kind = record.kind.as_deref().unwrap_or("nothing");
        let service = record.root_causes.first().map_or("-", |cause| cause.service.as_str());
        say!(
            "{}  {:?}  {kind} at {service}: {} of {} hit, {seen}",
            record.id,
            record.control,
            record.hits.hit,
            record.hits.eligible
        );
    }
    let trivial = scores::too_trivial(&kept.records);
    if !trivial.is_empty() {
        say!("more than {:.0} % are found by each simple rule: {}", scores::MAX_TRIVIAL * 100.0, trivial.join(", "));
    }
    print(&reports, false)
}

/// What the simple rules reach on the same incidents.
fn baselines(kept: &CampaignFolder, candidates: usize) -> Result<Vec<Report>> {
    let mut said: Vec<Vec<Diagnosis>> = vec![Vec::new(); Rule::ALL.len()];
    for record in kept.records.iter().filter(|record| record.is_graded()) {
        let (table, inject_s) = kept.table(record)?;
        for (rule, diagnoses) in Rule::ALL.iter().zip(&mut said) {
            let named =
                rule.rank(&table, inject_s).into_iter().map(|component| Named { component, ..Named::default() });
            diagnoses.push(Diagnosis { id: record.id.clone(), causes: named.collect(), ..Diagnosis::default() });
        }
    }
    let scored = Rule::ALL.iter().zip(&said);
    Ok(scored
        .map(|(rule, said)| scores::score(rule.name(), &kept.records, said, candidates, kept.campaign.seed))
        .collect())
}

fn print(reports: &[Report], is_json: bool) -> Result<()> {
    if is_json {
        say!("{}", serde_json::to_string_pretty(reports)?);
        return Ok(());
    }
    for report in reports {
        say!(
            "{}: {} incidents, {} without an answer; nothing named for {:.0} % of controls",
            report.name,
            report.all.cases,
            report.all.abstained,
            report.controls.mean * 100.0
        );
        for name in SHOWN {
            if let Some(score) = report.all.of.get(name) {
                say!("  {name:<14} {:.3}  ({:.3} to {:.3}, {} incidents)", score.mean, score.low, score.high, score.n);
            }
        }
        for (layer, of) in &report.by_layer {
            let first = of.of.get("ac@1").map_or(0.0, |score| score.mean);
            say!("  {layer:<14} ac@1 {first:.3} of {}", of.cases);
        }
    }
    Ok(())
}
