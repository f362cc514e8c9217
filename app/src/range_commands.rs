//! `vitrine range`: campaigns run against a shop over its public APIs, exported, scored and reported.

mod alerts;
mod campaign_folder;
mod collect;
mod evidence;
mod print;
mod run;

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Result, anyhow, bail};
use serde_json::json;
use vitrine_flags_range::baselines::Rule;
use vitrine_flags_range::blind::{self, LeakWords, Renumbered, Searched, metadata};
use vitrine_flags_range::layouts::{self, Case, Layout};
use vitrine_flags_range::scores::{self, Diagnosis, Named, Report};
use vitrine_flags_range::{Control, Wrong};

use crate::cli::{RangeCommand, RangeExportArgs, RangeLayout, RangeReportArgs, RangeScoreArgs};
use crate::flags_commands::ask::content;
use crate::say::say;
use campaign_folder::CampaignFolder;

/// The command.
pub async fn run(command: RangeCommand) -> Result<()> {
    match command {
        RangeCommand::Run(args) => run::run(args).await,
        RangeCommand::Export(args) => export(&args),
        RangeCommand::Score(args) => score(&args).await,
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
    let graded = scores::graded(&kept.records);
    let mut cases: Vec<Case> = Vec::new();
    for record in &graded.records {
        cases.push(Case { record: (*record).clone(), telemetry: kept.telemetry(&record.id)? });
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
    let of = |control: bool| cases.iter().filter(|case| (case.record.control == Control::None) != control).count();
    let (incidents, controls) = (of(false), of(true));
    let mib = bytes as f64 / f64::from(1 << 20);
    say!(
        "{incidents} incidents and {controls} controls, {} files, {mib:.1} MiB in {}",
        files.len(),
        args.out.display()
    );
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

/// What is to be compared with.
struct Compared {
    /// Services that could be named: all that answer calls.
    candidates: usize,
    /// What each simple rule says.
    said: Vec<Vec<Diagnosis>>,
}

fn compared(kept: &CampaignFolder) -> Result<Compared> {
    let (mut services, mut said) = (BTreeSet::new(), vec![Vec::new(); Rule::ALL.len()]);
    for record in scores::graded(&kept.records).records {
        let telemetry = kept.telemetry(&record.id)?;
        services.extend(telemetry.spans.iter().map(|span| span.service.clone()));
        let (table, inject_s) = campaign_folder::table(record, &telemetry);
        for (rule, diagnoses) in Rule::ALL.iter().zip(&mut said) {
            let named =
                rule.rank(&table, inject_s).into_iter().map(|component| Named { component, ..Named::default() });
            diagnoses.push(Diagnosis { id: record.id.clone(), causes: named.collect(), ..Diagnosis::default() });
        }
    }
    Ok(Compared { candidates: services.len(), said })
}

impl Compared {
    /// What the simple rules reach.
    fn baselines(&self, kept: &CampaignFolder) -> Vec<Report> {
        Rule::ALL.iter().zip(&self.said).map(|(rule, said)| self.score(kept, rule.name(), said)).collect()
    }

    fn score(&self, kept: &CampaignFolder, name: &str, said: &[Diagnosis]) -> Report {
        scores::score(name, &kept.records, said, self.candidates, kept.campaign.seed)
    }
}

async fn score(args: &RangeScoreArgs) -> Result<()> {
    let kept = CampaignFolder::read(&args.campaign)?;
    let text = content(Some(&args.diagnoses))?;
    let mut diagnoses = scores::read_diagnoses(text.as_bytes()).map_err(|wrong| wrongs(&args.diagnoses, &[wrong]))?;
    evidence::look(&args.observatory, &kept.records, &mut diagnoses).await;
    let name =
        args.diagnoses.file_stem().map_or_else(|| "these".to_owned(), |stem| stem.to_string_lossy().into_owned());
    let compared = compared(&kept)?;
    let own = compared.score(&kept, &name, &diagnoses);
    if !args.json {
        for (ids, what) in [(&own.unknown, "is no graded incident"), (&own.missing, "has no diagnosis")] {
            ids.iter().for_each(|id| say!("{id} {what}"));
        }
    }
    let reports: Vec<Report> = std::iter::once(own).chain(compared.baselines(&kept)).collect();
    if args.json {
        say!("{}", serde_json::to_string_pretty(&reports)?);
    } else {
        print::scores(&reports);
    }
    Ok(())
}

fn report(args: &RangeReportArgs) -> Result<()> {
    let kept = CampaignFolder::read(&args.campaign)?;
    let (funnel, graded) = (scores::funnel(&kept.records), scores::graded(&kept.records));
    let reports = compared(&kept)?.baselines(&kept);
    if args.json {
        let is_graded = |id: &String| graded.records.iter().any(|record| record.id == *id);
        let ungraded: Vec<&String> = kept.records.iter().map(|record| &record.id).filter(|id| !is_graded(id)).collect();
        let paired: serde_json::Map<String, serde_json::Value> =
            kept.records.iter().filter_map(|r| Some((r.id.clone(), json!(r.paired.as_ref()?)))).collect();
        let told = json!({
            "funnel": funnel, "baselines": reports, "ungraded": ungraded, "tooTrivial": graded.left_out, "paired": paired,
        });
        say!("{}", serde_json::to_string_pretty(&told)?);
        return Ok(());
    }
    kept.records.iter().for_each(print::incident);
    kept.records.iter().for_each(print::remarks);
    print::funnel(&funnel, &graded);
    print::scores(&reports);
    Ok(())
}
