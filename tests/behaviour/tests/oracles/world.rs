//! A shop whose telemetry comes soon, and its faults' API.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use http::Method;
use serde_json::{Value, json};
use vitrine_flags_range::Window;
use vitrine_flags_range::oracle::{Measured, Oracle};
use vitrine_platform_faults::{At, Fault};
use vitrine_shop_load::LOAD;
use vitrine_tests_testkit::{Api, Options, Placement, Shop, eventually};

use crate::cases::{ADS_PROCESS, EXIT_CODE, TTL_S, fault};
use crate::drive::{Drive, People, number};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_vitrine-under-test");
/// How often processes tell of metrics, and of the rest, in milliseconds.
const TOLD_EVERY_MS: [(&str, &str); 2] = [("OTEL_METRIC_EXPORT_INTERVAL", "200"), ("OTEL_BSP_SCHEDULE_DELAY", "100")];
/// How much later than what it tells of a process may collect its metrics: its spans go first.
const TOLD_AFTER_NS: i64 = 100_000_000;
/// Journeys a second where people come by themselves.
const RATE: &str = "20";

/// A shop.
pub(crate) struct World {
    shop: Shop,
    placement: Placement,
    options: Options,
    flags: Api,
    observatory: Api,
    people: People,
    /// Its processes, as telemetry names them.
    instances: Vec<String>,
}

pub(crate) fn now_ns() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_nanos()).unwrap_or(i64::MAX)
}

/// Options of a shop whose telemetry comes soon.
pub(crate) fn options(mut variables: Vec<(String, String)>) -> Options {
    variables.extend(TOLD_EVERY_MS.map(|(name, ms)| (name.to_owned(), ms.to_owned())));
    Options { flags: true, variables, ..Options::default() }
}

/// The kinds of places that the processes of a shop say they have.
async fn places(flags: &Api) -> Result<BTreeSet<At>> {
    let told = flags.get("/api/v1/faults/sites").await?;
    let sites = told["processes"].as_array().into_iter().flatten().flat_map(|p| p["sites"].as_array()).flatten();
    let at = |site: &Value| At::ALL.into_iter().find(|at| site["at"] == at.name()).context("a place of no kind");
    sites.map(at).collect()
}

/// Waits until faults can act on those who come by themselves.
pub(crate) async fn people_can_be_faulted(flags: &Api) -> Result<()> {
    let is_so = async || Ok(places(flags).await?.contains(&At::Load).then_some(()));
    eventually("those who come can be faulted", is_so).await
}

impl World {
    pub(crate) async fn start(placement: Placement, variables: Vec<(String, String)>) -> Result<Self> {
        let options = options(variables);
        let shop = Shop::start(Path::new(BINARY), placement, &options).await?;
        let (flags, observatory, people) = (shop.flags()?, shop.observatory()?, People::of(&shop).await?);
        let mut world = Self { shop, placement, options, flags, observatory, people, instances: Vec::new() };
        world.instances = world.heard_since(0).await?;
        Ok(world)
    }

    /// The processes that follow, once all of them do.
    async fn heard_since(&self, since_ns: i64) -> Result<Vec<String>> {
        // Those who come tell nothing, nor do the observatory and the flags follow.
        let others = ["up", "flags", "load"];
        let services = self.shop.processes.keys().filter(|name| !others.contains(&name.as_str())).count();
        let expected = if self.placement == Placement::Local { 1 } else { services };
        eventually("all processes follow", async || {
            let told = self.flags.get("/api/v1/faults/sites").await?;
            let processes = told["processes"].as_array().context("a list")?;
            let is_heard = |process: &&Value| {
                process["heardNs"].as_i64().unwrap_or(0) >= since_ns && process["services"] != json!([LOAD])
            };
            let heard = processes.iter().filter(is_heard).filter_map(|p| p["instance"].as_str().map(str::to_owned));
            let heard: Vec<String> = heard.collect();
            Ok((heard.len() == expected).then_some(heard))
        })
        .await
    }

    /// The kinds of places that its processes say they have.
    pub(crate) async fn places(&self) -> Result<BTreeSet<At>> {
        places(&self.flags).await
    }

    /// Arms a fault, and returns its path once a site carries it.
    pub(crate) async fn arm(&self, fault: &Fault) -> Result<String> {
        let path = self.order(fault).await?;
        self.until(&path, "running").await?;
        Ok(path)
    }

    async fn order(&self, fault: &Fault) -> Result<String> {
        let document = serde_json::to_value(fault)?;
        let armed = self.flags.expect(201, Method::POST, "/api/v1/faults?why=test", Some(&document)).await?;
        Ok(format!("/api/v1/faults/{}", armed["id"]))
    }

    /// Ends a fault, and returns what became of it once it has ended everywhere.
    pub(crate) async fn end(&self, path: &str) -> Result<Value> {
        self.flags.expect(200, Method::DELETE, &format!("{path}?why=enough"), None).await?;
        self.until(path, "ended").await
    }

    async fn until(&self, path: &str, state: &str) -> Result<Value> {
        eventually(state, async || {
            let told = self.flags.get(path).await?;
            ensure!(told["state"] != "ended" || state == "ended", "it ended by itself: {told}");
            Ok((told["state"] == state).then_some(told))
        })
        .await
    }

    /// Lets people make a round, and waits until all of it is told. Returns the window from `from_ns` on.
    pub(crate) async fn round(&self, drive: Drive, from_ns: i64) -> Result<Window> {
        self.people.round(drive, from_ns).await?;
        let (since, processes) = (now_ns() + TOLD_AFTER_NS, self.instances.len());
        let names: Vec<String> = self.instances.iter().map(|name| format!("'{name}'")).collect();
        let told = format!(
            "SELECT count(DISTINCT attr(resource, 'service.instance.id')) AS n FROM metrics WHERE name = 'process.uptime' \
             AND time > to_timestamp_nanos({since}) AND attr(resource, 'service.instance.id') IN ({})",
            names.join(", ")
        );
        eventually("all processes tell", async || {
            let told = self.observatory.sql(&told).await?;
            Ok((number(&told) == Some(processes as f64)).then_some(()))
        })
        .await?;
        Ok(Window { from_ns, to_ns: now_ns() })
    }

    /// A round before which, and in which, no circuit breaker had opened: what one fault leaves is not to be taken for what the next one does.
    pub(crate) async fn quiet_round(&self, drive: Drive) -> Result<Window> {
        eventually("no circuit breaker is open", async || {
            let window = self.round(drive, now_ns()).await?;
            Ok(self.is_quiet(window).await?.then_some(window))
        })
        .await
    }

    /// Whether no circuit breaker was told to be anything but closed.
    pub(crate) async fn is_quiet(&self, Window { from_ns, to_ns }: Window) -> Result<bool> {
        let open = format!(
            "SELECT coalesce(max(value), 0) FROM metrics WHERE time >= to_timestamp_nanos({from_ns}) AND time < to_timestamp_nanos({to_ns}) \
             AND name = 'vitrine.circuit_breaker.status' AND attr(attributes, 'vitrine.circuit_breaker.state') <> 'closed'"
        );
        Ok(number(&self.observatory.sql(&open).await?) == Some(0.0))
    }

    /// What each check of an oracle measures in a window.
    pub(crate) async fn measured(&self, oracle: &Oracle, fault: &Fault, window: Window) -> Result<Vec<Measured>> {
        let mut all = Vec::new();
        for (_, check) in oracle.checks() {
            let statement = check.sql(fault, window);
            let rows = self.observatory.sql(&statement).await.with_context(|| check.what.to_owned())?;
            all.push(number(&rows));
        }
        Ok(all)
    }

    /// Arms a fault that ends the process of the service, and starts it again.
    pub(crate) async fn exit(&mut self, fault: &Fault) -> Result<()> {
        // A process that keeps faults, too, may end before it has answered.
        let refused = self.order(fault).await.err();
        let over_ns = now_ns() + i64::from(fault.timing.ttl_s) * 1_000_000_000;
        let name = if self.placement == Placement::Local { "up" } else { fault.target.service[0].as_str() };
        let process = self.shop.processes.get_mut(name).context("it runs")?;
        let error = process.ended().err().map(|error| format!("{error:#}")).unwrap_or_default();
        ensure!(error.contains(EXIT_CODE), "it did not end as was asked for: {error} ({refused:?})");
        // Until then the fault hits whoever comes instead, too.
        eventually("its time is over", async || Ok((now_ns() > over_ns).then_some(()))).await?;
        let began_ns = now_ns();
        match self.placement {
            Placement::Local => self.shop.kill_and_restart(&self.options)?,
            _ => self.shop.restart(name)?,
        }
        self.known_anew(began_ns).await
    }

    /// Lets people come by themselves from now on.
    pub(crate) async fn let_come(&mut self) -> Result<()> {
        let began_ns = now_ns();
        if self.placement == Placement::Local {
            self.options = loaded(std::mem::take(&mut self.options));
            self.shop.kill_and_restart(&self.options)?;
            self.known_anew(began_ns).await?;
        } else {
            self.shop.load(RATE)?;
        }
        people_can_be_faulted(&self.flags).await
    }

    /// A process whose clock is wrong tells another time where that is asked for; nothing else of it changes, and the others tell what it is.
    pub(crate) async fn tells_another_time(&self) -> Result<()> {
        let what = r#"{"clock": {"offset_ms": -3600000, "telemetry": true}}"#;
        let path = self.arm(&fault(what, ADS_PROCESS, TTL_S)).await?;
        let half_an_hour_ago = now_ns() - 1_800_000_000_000;
        let early = async |service: &str| {
            let spans = format!(
                "SELECT count(*) FROM spans WHERE service = '{service}' AND time < to_timestamp_nanos({half_an_hour_ago})"
            );
            anyhow::Ok(number(&self.observatory.sql(&spans).await?))
        };
        eventually("spans of an hour ago", async || {
            self.people.round(Drive::Ads, 0).await?;
            Ok(early("ads").await?.filter(|n| *n > 0.0))
        })
        .await?;
        if self.placement != Placement::Local {
            ensure!(early("gateway").await? == Some(0.0), "the clock of another process is wrong");
        }
        self.end(&path).await?;
        // What was told before it ended has come by then.
        self.round(Drive::Ads, now_ns()).await?;
        let before = early("ads").await?;
        self.round(Drive::Ads, now_ns()).await?;
        ensure!(early("ads").await? == before, "the clock is still wrong");
        Ok(())
    }

    async fn known_anew(&mut self, began_ns: i64) -> Result<()> {
        self.flags = self.shop.flags()?;
        self.observatory = self.shop.observatory()?;
        self.people = People::of(&self.shop).await?;
        self.instances = self.heard_since(began_ns).await?;
        Ok(())
    }
}

/// Where people come by themselves: the load's options.
pub(crate) fn loaded(options: Options) -> Options {
    Options { load: Some(RATE.to_owned()), ..options }
}
