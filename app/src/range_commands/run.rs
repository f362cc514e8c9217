//! A campaign is run: people come, faults are armed when the plan says so, and what happened is written down.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use http::Method;
use tokio::time::{Instant, sleep_until};
use vitrine_flags_range::alerts::Rule;
use vitrine_flags_range::blind::{self, LeakWords};
use vitrine_flags_range::judge::{self, HitReported, ProcessReported, Reported, Seen, SiteReported};
use vitrine_flags_range::layouts::Topology;
use vitrine_flags_range::record::{BlindCheck, Windows};
use vitrine_flags_range::{Campaign, Incident, Plan, Record, Slot, Telemetry, Window, pairs};
use vitrine_kit::clock::{Clock, rfc3339};
use vitrine_kit::percent;
use vitrine_platform_faults::{At, Fault, Faults, mix64};
use vitrine_shop_load::{Config, Load, Weights};

use super::campaign_folder::{self, About};
use super::{alerts, collect, print};
use crate::cli::{FlagsAskArgs, RangeRunArgs};
use crate::flags_commands::ask::{read, send};
use crate::process::StopSignals;
use crate::runfile::RunFile;
use crate::say::say;

/// How long telemetry, and what processes say of a fault's end, are on their way at most, before they can be asked for.
const SETTLED: Duration = Duration::from_secs(2);

/// Whom a campaign talks to.
struct Range {
    args: RangeRunArgs,
    shop: String,
    flags: FlagsAskArgs,
    campaign: Campaign,
    plan: Plan,
    out: PathBuf,
    digest: String,
    /// Rules that the shop's observatory evaluates.
    rules: Vec<Rule>,
    /// What nothing that was seen may hold.
    words: LeakWords,
    /// Faults of those who come: they are at work in this process.
    own: Faults,
}

/// A fault that was armed.
struct Armed<'a> {
    incident: &'a Incident,
    at_ns: i64,
    /// Its number at the service; none of what was not armed there.
    id: Option<u64>,
}

/// A slot that is over.
struct Lived<'a> {
    slot: &'a Slot,
    whole: Window,
    telemetry: Telemetry,
    topology: &'a Topology,
    /// The share of the processor that others took.
    steal: Option<f64>,
    blind: BlindCheck,
}

fn ns(seconds: u32) -> i64 {
    i64::from(seconds) * 1_000_000_000
}

fn now_ns() -> i64 {
    Clock::system().now_ms() * 1_000_000
}

/// `vitrine range run`
pub(super) async fn run(args: RangeRunArgs) -> Result<()> {
    let (campaign, digest, bytes) = campaign_folder::campaign(&args.file)?;
    let whole = campaign_folder::plan(&args.file, &campaign)?;
    let plan = whole.part(args.part.nth, args.part.of);
    if args.plan {
        say!("{}", serde_json::to_string_pretty(&plan)?);
        return Ok(());
    }
    let data = &args.observatory.data;
    let known = RunFile::read(&data.data).map(|run| run.shop);
    let shop = args
        .shop
        .clone()
        .map_or(known, Ok)
        .context("no shop runs there: vitrine up starts one, --shop says where another is")?;
    let (url, token, set) = (args.flags.clone(), args.flags_token.clone(), String::new());
    let flags = FlagsAskArgs { url, token, set, data: data.clone() };
    // Nothing is armed where nobody could see it.
    read(&flags, "faults").await?;
    crate::sql::rows(&args.observatory, "SELECT 1").await?;
    let out = args.out.clone().context("expected --out DIR")?;
    let rules = alerts::rules(&args.observatory).await?;
    campaign_folder::new_folder(&out)?;
    for folder in ["records", "telemetry"] {
        campaign_folder::new_folder(&out.join(folder))?;
    }
    std::fs::write(out.join("campaign.json"), bytes).context("the campaign cannot be kept")?;
    campaign_folder::write(&out.join("plan.json"), &plan)?;
    let about = About { run: rand::random(), secret: rand::random(), ..About::default() };
    campaign_folder::write(&out.join("about.json"), &about)?;
    let words = LeakWords::of(whole.incidents(), &[], &digest);
    let own = Faults::default();
    let range = Range { args, shop, flags, campaign, plan, out, digest, rules, words, own };
    range.whole(about).await
}

impl Range {
    async fn whole(&self, mut about: About) -> Result<()> {
        let incidents = self.plan.incidents().count();
        say!(
            "{incidents} incidents in {} s, until about {}",
            self.plan.seconds(),
            rfc3339(Clock::system().now_ms() + i64::from(self.plan.seconds()) * 1_000)
        );
        let warm = Duration::from_secs(self.campaign.warm_s.into());
        let load = self.load(self.campaign.seed, warm, about.run)?;
        tokio::time::sleep(warm).await;
        load.abort();
        let mut signals = StopSignals::listen()?;
        for slot in &self.plan.slots {
            let mut armed = Vec::new();
            let outcome = tokio::select! {
                outcome = self.slot(slot, &mut about, &mut armed) => outcome,
                () = signals.received() => {
                    Err(anyhow!("the campaign was stopped: what came before is in {}", self.out.display()))
                }
            };
            if let Err(error) = outcome {
                self.end_all(&armed).await;
                return Err(error);
            }
            campaign_folder::write(&self.out.join("about.json"), &about)?;
        }
        say!("vitrine range report {}", self.out.display());
        Ok(())
    }

    fn load(&self, seed: u64, duration: Duration, run: u64) -> Result<tokio::task::JoinHandle<()>> {
        let of = |name: &str, usual: u32| self.campaign.load.journeys.get(name).copied().unwrap_or(usual);
        let usual = Weights::default();
        let weights = Weights {
            browse: of("browse", usual.browse),
            search: of("search", usual.search),
            cart: of("cart", usual.cart),
            buy_one: of("buy_one", usual.buy_one),
            buy_many: of("buy_many", usual.buy_many),
            come_back: of("come_back", usual.come_back),
            cancel: of("cancel", usual.cancel),
        };
        let config = Config {
            base_url: self.shop.clone(),
            rate: self.campaign.load.rps,
            seed,
            duration: Some(duration),
            weights,
        };
        let load = Load::with_traces(config, &self.own, run).map_err(|error| anyhow!("{error}"))?;
        Ok(tokio::spawn(async move {
            load.run(std::future::pending()).await;
        }))
    }

    /// One baseline, what goes wrong after it, and the recovery.
    async fn slot<'a>(&self, slot: &'a Slot, about: &mut About, armed: &mut Vec<Armed<'a>>) -> Result<()> {
        let (began, began_ns) = (Instant::now(), now_ns());
        let after = |second: u32| Duration::from_secs(u64::from(second - slot.baseline_s));
        let steal = collect::stolen();
        // No two slots have traces of one id: a twin has the same people.
        let run = mix64(about.run, slot.baseline_s.into());
        let load = self.load(slot.load_seed, after(slot.end_s), run)?;
        for incident in &slot.incidents {
            sleep_until(began + after(incident.from_s)).await;
            armed.push(Armed { incident, at_ns: now_ns(), id: self.arm(incident).await? });
        }
        sleep_until(began + after(slot.end_s)).await;
        load.abort();
        tokio::time::sleep(SETTLED).await;
        let whole = Window { from_ns: began_ns, to_ns: began_ns + ns(slot.end_s - slot.baseline_s) };
        let telemetry = collect::telemetry(&self.args.observatory, whole).await?;
        about.topology = collect::topology(&self.args.observatory, &telemetry).await?;
        let steal = steal.zip(collect::stolen()).map(|((all, some), (all_now, some_now))| {
            some_now.saturating_sub(some) as f64 / all_now.saturating_sub(all).max(1) as f64
        });
        let found = blind::search(&self.words, &telemetry);
        let of = Lived {
            slot,
            whole,
            telemetry,
            topology: &about.topology,
            steal,
            blind: BlindCheck { searched_bytes: found.bytes, hits: found.hits },
        };
        for one in armed.iter() {
            let record = self.record(&of, one).await?;
            campaign_folder::write_telemetry(&self.out, &record.id, &of.telemetry)?;
            campaign_folder::write_record(&self.out, &record)?;
            print::incident(&record);
            self.pair(&record)?;
        }
        for leak in &found.leaks {
            say!("      {:?} is in {}: {:?}", leak.word, leak.place, leak.around);
        }
        Ok(())
    }

    /// The truth of an incident.
    async fn record(&self, of: &Lived<'_>, one: &Armed<'_>) -> Result<Record> {
        let (slot, began_ns) = (of.slot, of.whole.from_ns);
        let at = |second: u32| began_ns + ns(second - slot.baseline_s);
        let (reported, hits) = self.reported(one).await?;
        // What is ended before its time does nothing from then on.
        let ended_ns = reported.as_ref().and_then(|reported| reported.ended.as_ref()).map(|ended| ended.at_ns);
        let to_ns = ended_ns.map_or(at(one.incident.to_s), |ended| ended.clamp(one.at_ns, at(one.incident.to_s)));
        let windows = Windows {
            baseline: Window { from_ns: began_ns, to_ns: at(slot.incidents[0].from_s) },
            during: Window { from_ns: one.at_ns, to_ns },
            after: Window { from_ns: at(slot.recovery_s), to_ns: of.whole.to_ns },
        };
        // Of a twin is measured what its incident's oracle measures.
        let twin_of = |incident: &&Incident| one.incident.twin_of.as_ref() == Some(&incident.id);
        let meant = one.incident.fault.as_ref().or_else(|| self.plan.incidents().find(twin_of)?.fault.as_ref());
        let figures = match meant {
            Some(fault) => collect::figures(&self.args.observatory, fault, windows).await?,
            None => Vec::new(),
        };
        let services = one.incident.fault.as_ref().map(|fault| fault.target.service.clone()).unwrap_or_default();
        let (mut environment, in_process) =
            collect::environment(&self.args.observatory, of.whole, &self.campaign.load, &services).await?;
        environment.cpu_steal = of.steal;
        let firing = Window { from_ns: windows.during.from_ns, to_ns: of.whole.to_ns };
        Ok(judge::record(Seen {
            campaign: &self.digest,
            seed: self.campaign.seed,
            run: &format!("{began_ns}"),
            incident: one.incident,
            reported: reported.as_ref(),
            hits: &hits,
            telemetry: &of.telemetry,
            figures,
            topology: of.topology,
            windows,
            environment,
            in_process,
            rules: &self.rules,
            alerts_fired: alerts::fired(&self.args.observatory, firing).await?,
            blind: of.blind,
        }))
    }

    /// Where both an incident and its twin were run, notes what the one made of the same requests.
    fn pair(&self, record: &Record) -> Result<()> {
        let twin = self.plan.incidents().find(|other| other.twin_of.as_ref() == Some(&record.id));
        let ids = match (&record.twin_of, twin) {
            (Some(of), _) => Some((of, &record.id)),
            (None, Some(twin)) => Some((&record.id, &twin.id)),
            (None, None) => None,
        };
        let Some((incident, twin)) = ids else { return Ok(()) };
        let both = (campaign_folder::read_record(&self.out, incident)?, campaign_folder::read_record(&self.out, twin)?);
        let (Some(mut with), Some(without)) = both else { return Ok(()) };
        let seen = campaign_folder::read_telemetry(&self.out, incident)?;
        let unharmed = campaign_folder::read_telemetry(&self.out, twin)?;
        with.paired = Some(pairs::paired((&with, &seen), (&without, &unharmed), self.campaign.seed));
        campaign_folder::write_record(&self.out, &with)
    }

    /// Arms what an incident has; what is of those who come is armed here.
    async fn arm(&self, incident: &Incident) -> Result<Option<u64>> {
        let Some(fault) = &incident.fault else { return Ok(None) };
        if fault.target.at == At::Load {
            let plan = vitrine_platform_faults::Plan {
                id: u64::from(incident.ordinal) + 1,
                fault: fault.clone(),
                age: Duration::ZERO,
            };
            self.own.apply(&[plan], self.own.epoch()).map_err(|error| anyhow!("{error}"))?;
            return Ok(None);
        }
        // What is armed says nothing of a campaign: the reason is a word that stands nowhere else.
        let query = percent::form([("why", incident.canary.as_str())]);
        let told = send(&self.flags, Method::POST, &format!("faults?{query}"), serde_json::to_string(fault)?).await?;
        Ok(Some(number_of(&told).context("the flags service does not say which number the fault has")?))
    }

    async fn reported(&self, one: &Armed<'_>) -> Result<(Option<Reported>, Vec<HitReported>)> {
        if let Some(id) = one.id {
            let told = read(&self.flags, &format!("faults/{id}")).await?;
            let reported: Reported =
                serde_json::from_value(told).context("the flags service says of a fault what is not known here")?;
            let hits = read(&self.flags, &format!("faults/{id}/hits")).await?;
            let hits = serde_json::from_value(hits["hits"].clone())
                .context("the flags service lists hits in a way that is not known here")?;
            return Ok((Some(reported), hits));
        }
        let Some(fault) = one.incident.fault.as_ref().filter(|fault| fault.target.at == At::Load) else {
            return Ok((None, Vec::new()));
        };
        self.own.tick();
        Ok((Some(self.own_report(one, fault)), Vec::new()))
    }

    /// The same of a fault of those who come.
    fn own_report(&self, one: &Armed<'_>, fault: &Fault) -> Reported {
        let id = u64::from(one.incident.ordinal) + 1;
        let known = self.own.reports().into_iter().find(|report| report.plan == id);
        let counts = known.map(|report| report.counts).unwrap_or_default();
        let end_ns = one.at_ns + i64::from(fault.timing.ttl_s) * 1_000_000_000;
        let sites = vec![SiteReported { at: fault.target.at.name().to_owned(), service: "load".to_owned() }];
        let process = ProcessReported {
            sites,
            armed_ns: one.at_ns,
            cleared_ns: Some(end_ns),
            eligible: counts.eligible,
            hit: counts.hit,
            asked_ns: 0,
            got_ns: 0,
        };
        let hit_ns = (counts.hit > 0).then_some(one.at_ns);
        Reported {
            id,
            committed_ns: one.at_ns,
            ended: Some(judge::EndReported { at_ns: end_ns, by: "ttl".to_owned() }),
            processes: [("load".to_owned(), process)].into(),
            first_hit_ns: hit_ns,
            last_hit_ns: hit_ns.map(|_| end_ns),
            ..Reported::default()
        }
    }

    /// Ends what was armed: as well as can be, for something has gone wrong already.
    async fn end_all(&self, armed: &[Armed<'_>]) {
        let query = percent::form([("why", "stopped")]);
        for id in armed.iter().filter_map(|one| one.id) {
            if let Err(error) = send(&self.flags, Method::DELETE, &format!("faults/{id}?{query}"), String::new()).await
            {
                say!("fault {id} is not ended, and ends by itself: {error:#}");
            }
        }
    }
}

fn number_of(told: &serde_json::Value) -> Option<u64> {
    told["id"].as_u64().or_else(|| told["faults"].as_array()?.first()?["id"].as_u64())
}
