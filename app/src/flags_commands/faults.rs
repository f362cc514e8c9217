//! `vitrine faults`: faults armed, ended and looked at, over the flags service's API.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use http::Method;
use serde_json::Value;
use vitrine_kit::clock::{Clock, rfc3339};
use vitrine_kit::percent;

use super::ask::{content, read, send, text};
use crate::cli::{
    FaultsCommand, FaultsDemoArgs, FaultsEndArgs, FaultsReasonArgs, FaultsShowArgs, FaultsStartArgs, FlagsAskArgs,
};
use crate::say::say;

/// How long is waited until processes say that they carry a fault: longer than the service waits itself.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(5);
/// How often is asked meanwhile.
const LOOK: Duration = Duration::from_millis(100);

/// The command.
pub async fn run(command: FaultsCommand) -> Result<()> {
    match command {
        FaultsCommand::List(args) => list(&args.at).await,
        FaultsCommand::Sites(args) => sites(&args.at).await,
        FaultsCommand::Start(args) => start(&args).await,
        FaultsCommand::Demo(args) => demo(&args).await,
        FaultsCommand::Show(args) => show(&args).await,
        FaultsCommand::End(args) => end(&args).await,
        FaultsCommand::StopAll(args) => stop_all(&args).await,
        FaultsCommand::Release(args) => release(&args).await,
    }
}

fn why(text: &str) -> String {
    percent::form([("why", text)])
}

/// Seconds from now until a time in nanoseconds.
fn left_s(over_ns: &Value) -> i64 {
    (over_ns.as_i64().unwrap_or(0) / 1_000_000 - Clock::system().now_ms()).max(0) / 1_000
}

fn when(ns: &Value) -> String {
    ns.as_i64().map_or_else(|| "never".to_owned(), |ns| rfc3339(ns / 1_000_000))
}

/// The place that a fault's document names.
fn place(fault: &Value) -> String {
    let target = &fault["where"];
    let list = |name: &str| {
        let items = target[name].as_array().into_iter().flatten().filter_map(Value::as_str);
        items.collect::<Vec<_>>().join(",")
    };
    let (from, method) = (list("from"), list("method"));
    let from = if from.is_empty() { String::new() } else { format!(" from {from}") };
    let method = if method.is_empty() { String::new() } else { format!("/{method}") };
    format!("{} {}{method}{from}", text(&target["at"]), list("service"))
}

fn line(told: &Value) -> String {
    let fault = &told["fault"];
    let rate = fault["share"]["rate"].as_f64().unwrap_or(1.0);
    let share = if rate < 1.0 { format!(" for {} %", rate * 100.0) } else { String::new() };
    let state = match &told["ended"] {
        Value::Null => format!("{}, {} s left", text(&told["state"]), left_s(&told["overNs"])),
        ended => format!("{} by {}", text(&told["state"]), text(&ended["by"])),
    };
    let nothing = if told["hitsNothing"] == true { ", and hits nothing" } else { "" };
    format!(
        "{:>4}  {} at {}{share}  ({state}; {} of {} hit{nothing})",
        told["id"],
        text(&told["effect"]),
        place(fault),
        told["hit"],
        told["eligible"]
    )
}

async fn list(at: &FlagsAskArgs) -> Result<()> {
    let told = read(at, "faults").await?;
    if told["stopped"].is_object() {
        let stopped = &told["stopped"];
        say!(
            "all faults are stopped, by {} ({}): vitrine faults release",
            text(&stopped["who"]),
            text(&stopped["why"])
        );
    }
    let faults = told["faults"].as_array().context("the answer is not one of a flags service")?;
    if faults.is_empty() {
        say!("there was no fault yet; {} processes follow", told["processes"]);
    }
    faults.iter().for_each(|fault| say!("{}", line(fault)));
    Ok(())
}

async fn sites(at: &FlagsAskArgs) -> Result<()> {
    let told = read(at, "faults/sites").await?;
    for process in told["processes"].as_array().into_iter().flatten() {
        say!("{}  {}", text(&process["instance"]), text(&process["version"]));
        for site in process["sites"].as_array().into_iter().flatten() {
            let kind = text(&site["at"]);
            let from = site["from"].as_str().map(|from| format!("{from} to ")).unwrap_or_default();
            let carries = told["carries"][kind].as_array().into_iter().flatten().filter_map(Value::as_str);
            let carries = carries.collect::<Vec<_>>().join(" ");
            say!("  {kind:<9} {:<40} {carries}", format!("{from}{}", text(&site["service"])));
        }
    }
    Ok(())
}

async fn start(args: &FaultsStartArgs) -> Result<()> {
    let body = content(args.file.as_deref())?;
    let told = send(&args.at, Method::POST, &format!("faults?{}", why(&args.why)), body).await?;
    started(&args.at, &told).await
}

async fn demo(args: &FaultsDemoArgs) -> Result<()> {
    let (Some(key), Some(reason)) = (&args.key, &args.why) else {
        let told = read(&args.at, "faults/demo").await?;
        for flag in told["flags"].as_array().into_iter().flatten() {
            let variants = flag["variants"].as_array().into_iter().flatten().filter_map(Value::as_str);
            say!("{:<28} {}", text(&flag["key"]), text(&flag["does"]));
            say!("{:<28}   {}", "", variants.collect::<Vec<_>>().join(" "));
        }
        return Ok(());
    };
    let about = percent::form([("why", reason.as_str()), ("ttl_s", args.ttl.to_string().as_str())]);
    let path = format!("faults/demo/{}/{}?{about}", percent::encode(key), percent::encode(&args.variant));
    let told = send(&args.at, Method::POST, &path, String::new()).await?;
    started(&args.at, &told).await
}

/// Says who carries what was armed, as soon as it is known. One that nobody carries is an error.
async fn started(at: &FlagsAskArgs, told: &Value) -> Result<()> {
    for fault in told["faults"].as_array().into_iter().flatten() {
        let id = &fault["id"];
        let until = tokio::time::Instant::now() + ACKNOWLEDGED_WITHIN;
        let told = loop {
            let told = read(at, &format!("faults/{id}")).await?;
            if told["state"] != "starting" || tokio::time::Instant::now() > until {
                break told;
            }
            tokio::time::sleep(LOOK).await;
        };
        say!("{}", line(&told));
        carriers(&told);
        if told["processes"].as_object().is_none_or(serde_json::Map::is_empty) {
            bail!("fault {id} is carried by no site");
        }
    }
    Ok(())
}

fn carriers(told: &Value) {
    for (instance, carrier) in told["processes"].as_object().into_iter().flatten() {
        for site in carrier["sites"].as_array().into_iter().flatten() {
            let from = site["from"].as_str().map(|from| format!("{from} to ")).unwrap_or_default();
            say!("      {} {from}{} in {instance}", text(&site["at"]), text(&site["service"]));
        }
    }
}

async fn show(args: &FaultsShowArgs) -> Result<()> {
    let told = read(&args.at, &format!("faults/{}", args.id)).await?;
    say!("{}", line(&told));
    carriers(&told);
    say!("  armed      {} by {}: {}", when(&told["committedNs"]), text(&told["who"]), text(&told["why"]));
    say!("  first hit  {}", when(&told["firstHitNs"]));
    say!("  last hit   {}", when(&told["lastHitNs"]));
    if told["ended"].is_object() {
        let ended = &told["ended"];
        let reason = ended["why"].as_str().map(|why| format!(": {why}")).unwrap_or_default();
        say!("  ended      {} by {}{reason}", when(&ended["atNs"]), text(&ended["by"]));
    }
    say!("{}", serde_json::to_string_pretty(&told["fault"])?);
    Ok(())
}

async fn end(args: &FaultsEndArgs) -> Result<()> {
    let path = format!("faults/{}?{}", args.id, why(&args.why));
    say!("{}", line(&send(&args.at, Method::DELETE, &path, String::new()).await?));
    Ok(())
}

async fn stop_all(args: &FaultsReasonArgs) -> Result<()> {
    let told = send(&args.at, Method::POST, &format!("faults/stop?{}", why(&args.why)), String::new()).await?;
    say!("{} ended; none begins before vitrine faults release", told["ended"]);
    Ok(())
}

async fn release(args: &FaultsReasonArgs) -> Result<()> {
    send(&args.at, Method::POST, &format!("faults/release?{}", why(&args.why)), String::new()).await?;
    say!("faults may begin again");
    Ok(())
}
