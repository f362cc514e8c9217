//! A campaign is run: people come, faults are armed when the plan says so, and what happened is written down.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use http::Method;
use tokio::time::{Instant, sleep_until};
use vitrine_flags_range::judge::{self, HitReported, ProcessReported, Reported, Seen, SiteReported};
use vitrine_flags_range::record::Windows;
use vitrine_flags_range::{Campaign, Incident, Plan, Slot, Window};
use vitrine_kit::clock::{Clock, rfc3339};
use vitrine_kit::percent;
use vitrine_platform_faults::{At, Fault, Faults};
use vitrine_shop_load::{Config, Load, Weights};

use super::campaign_folder::{self, About};
use super::collect;
use crate::cli::{FlagsAskArgs, RangeRunArgs};
use crate::flags_commands::ask::{read, send};
use crate::process;
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
    digest: String,
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

fn now_ns() -> i64 {
    Clock::system().now_ms() * 1_000_000
}

/// `vitrine range run`
pub(super) async fn run(args: RangeRunArgs) -> Result<()> {
    let (campaign, digest, bytes) = campaign_folder::campaign(&args.file)?;
    let plan = campaign_folder::plan(&args.file, &campaign)?;
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
    let out = args.out.clone();
    campaign_folder::new_folder(&out)?;
    for folder in ["records", "telemetry"] {
        campaign_folder::new_folder(&out.join(folder))?;
    }
    std::fs::write(out.join("campaign.json"), bytes).context("the campaign cannot be kept")?;
    campaign_folder::write(&out.join("plan.json"), &plan)?;
    let about = About { secret: rand::random(), ..About::default() };
    campaign_folder::write(&out.join("about.json"), &about)?;
    let range = Range { args, shop, flags, campaign, digest, own: Faults::default() };
    range.whole(&plan, &out, about).await
}

impl Range {
    async fn whole(&self, plan: &Plan, out: &Path, mut about: About) -> Result<()> {
        let incidents = plan.incidents().count();
        say!(
            "{incidents} incidents in {} s, until about {}",
            plan.seconds(),
            rfc3339(Clock::system().now_ms() + i64::from(plan.seconds()) * 1_000)
        );
        let warm = Duration::from_secs(self.campaign.warm_s.into());
        let load = self.load(self.campaign.seed, warm)?;
        tokio::time::sleep(warm).await;
        load.abort();
        for slot in &plan.slots {
            let mut armed = Vec::new();
            let outcome = tokio::select! {
                outcome = self.slot(slot, out, &mut about, &mut armed) => outcome,
                stopped = process::stopped() => stopped.and_then(|_| anyhow::bail!("the campaign was stopped: what came before is in {}", out.display())),
            };
            if let Err(error) = outcome {
                self.end_all(&armed).await;
                return Err(error);
            }
            campaign_folder::write(&out.join("about.json"), &about)?;
        }
        say!("vitrine range report {}", out.display());
        Ok(())
    }

    fn load(&self, seed: u64, duration: Duration) -> Result<tokio::task::JoinHandle<()>> {
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
        let load = Load::with_faults(config, &self.own).map_err(|error| anyhow::anyhow!("{error}"))?;
        Ok(tokio::spawn(async move {
            load.run(std::future::pending()).await;
        }))
    }

    /// One baseline, what goes wrong after it, and the recovery.
    async fn slot<'a>(&self, slot: &'a Slot, out: &Path, about: &mut About, armed: &mut Vec<Armed<'a>>) -> Result<()> {
        let (began, began_ns) = (Instant::now(), now_ns());
        let after = |second: u32| Duration::from_secs(u64::from(second - slot.baseline_s));
        let ns = |second: u32| began_ns + i64::from(second - slot.baseline_s) * 1_000_000_000;
        let steal = collect::stolen();
        let load = self.load(slot.load_seed, after(slot.end_s))?;
        for incident in &slot.incidents {
            sleep_until(began + after(incident.from_s)).await;
            armed.push(Armed { incident, at_ns: now_ns(), id: self.arm(incident).await? });
        }
        sleep_until(began + after(slot.end_s)).await;
        load.abort();
        tokio::time::sleep(SETTLED).await;
        let whole = Window { from_ns: began_ns, to_ns: ns(slot.end_s) };
        let telemetry = collect::telemetry(&self.args.observatory, whole).await?;
        about.topology = collect::topology(&self.args.observatory, &telemetry).await?;
        let steal = steal.zip(collect::stolen()).map(|((all, some), (all_now, some_now))| {
            some_now.saturating_sub(some) as f64 / all_now.saturating_sub(all).max(1) as f64
        });
        for one in armed.iter() {
            let windows = Windows {
                baseline: Window { from_ns: began_ns, to_ns: ns(slot.incidents[0].from_s) },
                during: Window { from_ns: one.at_ns, to_ns: ns(one.incident.to_s) },
                after: Window { from_ns: ns(slot.recovery_s), to_ns: ns(slot.end_s) },
            };
            let (reported, hits) = self.reported(one).await?;
            let figures = match &one.incident.fault {
                Some(fault) => collect::figures(&self.args.observatory, fault, windows).await?,
                None => Vec::new(),
            };
            let of = one.incident.fault.as_ref().map(|fault| fault.target.service.clone()).unwrap_or_default();
            let rps = self.campaign.load.rps;
            let (mut environment, in_process) = collect::environment(&self.args.observatory, whole, rps, &of).await?;
            environment.cpu_steal = steal;
            let record = judge::record(Seen {
                campaign: &self.digest,
                seed: self.campaign.seed,
                run: &format!("{began_ns}"),
                incident: one.incident,
                reported: reported.as_ref(),
                hits: &hits,
                telemetry: &telemetry,
                figures,
                topology: &about.topology,
                windows,
                environment,
                in_process,
            });
            let name = format!("{}.json", record.id);
            campaign_folder::write(&out.join("telemetry").join(&name), &telemetry)?;
            campaign_folder::write(&out.join("records").join(&name), &record)?;
            let (kind, seen) =
                (record.kind.as_deref().unwrap_or("nothing"), if record.visible { "visible" } else { "not visible" });
            say!(
                "{:>4}  {:?} {kind}: {} of {} hit, {seen}, ended by {:?}",
                record.ordinal,
                record.control,
                record.hits.hit,
                record.hits.eligible,
                record.ended_by
            );
        }
        Ok(())
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
            self.own.apply(&[plan], self.own.epoch()).map_err(|error| anyhow::anyhow!("{error}"))?;
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
