//! The commands that ask a flags service which runs, over its operators' API.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use http::Method;
use serde_json::{Value, json};
use vitrine_kit::clock::rfc3339;
use vitrine_kit::percent;
use vitrine_platform_fetch::{Client, Limits, Request, Settings};

use crate::cli::{FlagsAskArgs, FlagsExplainArgs, FlagsHistoryArgs, FlagsSetArgs, FlagsWhenArgs};
use crate::promql::with_token;
use crate::say::say;
use crate::{Usage, runfile};

/// How long an answer may take, and how large it may be.
const LIMITS: Limits = Limits { within: Duration::from_secs(30), max_response_bytes: 64 << 20 };
/// Where the flags answer if nothing else is known.
const FLAGS_URL: &str = "http://127.0.0.1:8016";

/// Sends a request, and reads the JSON that comes back; what is refused is said as the service says it.
pub(super) async fn send(at: &FlagsAskArgs, method: Method, path: &str, body: String) -> Result<Value> {
    let known = || runfile::flags(&at.data.data).unwrap_or_else(|| FLAGS_URL.to_owned());
    let url = at.url.clone().unwrap_or_else(known);
    let mut request = Request::post(format!("{}/api/v1/{path}", url.trim_end_matches('/')), "application/json", body);
    request.method = method;
    let request = with_token(request, at.token.as_ref())?;
    let sent = Client::new(&Settings::default())?.send(request, LIMITS).await;
    let hint = || runfile::hint(&at.data.data, at.url.as_deref());
    let response = sent.map_err(|e| anyhow!("{url}: {e}{}", hint()))?;
    let body: Value = serde_json::from_slice(&response.body).context("the answer is not one of a flags service")?;
    if response.status.is_success() {
        return Ok(body);
    }
    let detail = body["detail"].as_str().map_or_else(|| response.status.to_string(), str::to_owned);
    Err(anyhow!("{detail}"))
}

pub(super) async fn read(at: &FlagsAskArgs, path: &str) -> Result<Value> {
    send(at, Method::GET, path, String::new()).await
}

fn flag_path(key: &str) -> String {
    format!("flags/{}", percent::encode(key))
}

/// A path about the set that the command is about.
pub(super) fn in_set(at: &FlagsAskArgs, path: &str) -> String {
    format!("{path}?{}", percent::form([("set", at.set.as_str())]))
}

/// What a change says of itself besides its content.
pub(super) fn about(at: &FlagsAskArgs, when: &FlagsWhenArgs, why: &str, revision: Option<u64>) -> String {
    let revision = revision.map(|revision| revision.to_string());
    let mut fields = vec![("why", why), ("set", at.set.as_str())];
    fields.extend(revision.as_deref().map(|revision| ("revision", revision)));
    fields.extend(when.at.as_deref().map(|at| ("at", at)));
    if when.propose {
        fields.push(("propose", "true"));
    }
    percent::form(fields)
}

/// The revision of a flag; 0 where it is not there.
pub(super) async fn revision_of(at: &FlagsAskArgs, key: &str) -> Result<u64> {
    let flags = read(at, &in_set(at, "flags")).await?;
    let known = flags["flags"].as_array().into_iter().flatten().find(|flag| flag["key"] == key);
    Ok(known.map_or(0, |flag| flag["revision"].as_u64().unwrap_or(0)))
}

/// What a file holds; without one, the standard input.
pub(super) fn content(file: Option<&Path>) -> Result<String> {
    if let Some(file) = file {
        return std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()));
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("the standard input cannot be read")?;
    Ok(text)
}

/// Says what became of a change: its revision, or its number where it is kept for later.
pub(super) fn say_made(body: &Value) {
    for finding in body["findings"].as_array().into_iter().flatten() {
        let at = &finding["location"];
        eprintln!("line {}, column {}: {}", at["line"], at["column"], text(&finding["message"]));
    }
    match (&body["revision"], &body["id"], body["hash"].as_str()) {
        (Value::Null, id, Some(hash)) => {
            say!("change request {id} with hash {hash}; approvals needed: {}", body["needed"])
        }
        (Value::Null, id, None) => say!("schedule {id}"),
        (revision, ..) => say!("revision {revision}"),
    }
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// `vitrine flags list`
pub(super) async fn list(at: &FlagsAskArgs) -> Result<()> {
    let body = read(at, &in_set(at, "flags")).await?;
    let flags = body["flags"].as_array().context("the answer is not one of a flags service")?;
    let width = flags.iter().map(|flag| text(&flag["key"]).chars().count()).max().unwrap_or(0);
    for flag in flags {
        let state = if flag["enabled"] == true { "enabled" } else { "disabled" };
        let rule = if flag["targeted"] == true { "  by a rule" } else { "" };
        let default = flag["defaultVariant"].as_str().unwrap_or("-");
        say!("{:<width$}  {:<8} {state:<8} {default}{rule}", text(&flag["key"]), text(&flag["type"]));
    }
    Ok(())
}

/// `vitrine flags get`
pub(super) async fn get(at: &FlagsAskArgs, key: &str) -> Result<()> {
    let body = read(at, &in_set(at, &flag_path(key))).await?;
    say!("{}", serde_json::to_string_pretty(&body["definition"])?);
    Ok(())
}

/// `vitrine flags set`: for the revision that is in force now, so that a change between is not overwritten.
pub(super) async fn set(args: &FlagsSetArgs) -> Result<()> {
    let path = flag_path(&args.key);
    // A set of which nothing is there yet has no flags.
    let revision = if has_set(&args.at).await? { revision_of(&args.at, &args.key).await? } else { 0 };
    let about = about(&args.at, &args.when, &args.why, Some(revision));
    let body = if args.enable || args.disable {
        let body = json!({"enabled": args.enable}).to_string();
        send(&args.at, Method::POST, &format!("{path}/state?{about}"), body).await?
    } else {
        send(&args.at, Method::PUT, &format!("{path}?{about}"), content(args.file.as_deref())?).await?
    };
    say_made(&body);
    Ok(())
}

/// Whether the set that a command is about is there.
pub(super) async fn has_set(at: &FlagsAskArgs) -> Result<bool> {
    let sets = read(at, "sets").await?;
    Ok(sets["sets"].as_array().into_iter().flatten().any(|set| set["name"] == at.set.as_str()))
}

/// `vitrine flags explain`
pub(super) async fn explain(args: &FlagsExplainArgs) -> Result<()> {
    let context: Value = serde_json::from_str(&args.context)
        .map_err(|e| Usage(format!("--context: {e}; expected JSON such as {{\"targetingKey\": \"cus_1\"}}")))?;
    let body = json!({"context": context}).to_string();
    let told =
        send(&args.at, Method::POST, &in_set(&args.at, &format!("{}/explain", flag_path(&args.key))), body).await?;
    say!("{} = {} ({})", told["variant"].as_str().unwrap_or("no variant"), told["value"], text(&told["reason"]));
    if let Some(error) = told["error"].as_str() {
        say!("{error}");
    }
    if told["rule"].is_object() {
        node(&told["rule"], 1);
    }
    Ok(())
}

/// A node of the rule, and those below it. What decided bears a mark.
fn node(told: &Value, depth: usize) {
    let mark = if told["decides"] == true { "*" } else { " " };
    let bucket = &told["bucket"];
    let drawn = if bucket.is_object() {
        let (range, total) = (&bucket["range"], &bucket["total"]);
        format!("  [{} of {total}: bucket {}, from {} to {}]", bucket["at"], bucket["number"], range[0], range[1])
    } else {
        String::new()
    };
    say!("{:indent$}{mark} {} = {}{drawn}", "", text(&told["node"]), told["value"], indent = depth * 2);
    for child in told["children"].as_array().into_iter().flatten() {
        node(child, depth + 1);
    }
}

/// `vitrine flags history`
pub(super) async fn history(args: &FlagsHistoryArgs) -> Result<()> {
    let path = match &args.key {
        Some(key) => format!("{}&limit={}", in_set(&args.at, &format!("{}/history", flag_path(key))), args.limit),
        None => format!("history?limit={}", args.limit),
    };
    let body = read(&args.at, &path).await?;
    for entry in body["entries"].as_array().into_iter().flatten() {
        let names = entry["changes"].as_array().into_iter().flatten();
        let names: Vec<&str> = names.map(|changed| changed["key"].as_str().unwrap_or("(shared)")).collect();
        let at = rfc3339(entry["atMs"].as_i64().unwrap_or(0));
        say!(
            "{} {at} {} {}{}{} {}: {}",
            entry["revision"],
            text(&entry["who"]),
            text(&entry["action"]),
            entry["set"].as_str().map(|set| format!(" in {set}")).unwrap_or_default(),
            entry["about"].as_str().map(|about| format!(" ({about})")).unwrap_or_default(),
            names.join(", "),
            text(&entry["why"])
        );
    }
    Ok(())
}

/// `vitrine flags clients`
pub(super) async fn clients(at: &FlagsAskArgs) -> Result<()> {
    let body = read(at, "clients").await?;
    for warning in body["warnings"].as_array().into_iter().flatten() {
        eprintln!("{}", text(warning));
    }
    for client in body["clients"].as_array().into_iter().flatten() {
        say!(
            "{:<20} {:<3} streams  revision {:<6} {:>3} behind  seen {}  {} {} {}",
            text(&client["protocol"]),
            client["streams"],
            client["revision"],
            client["behind"],
            rfc3339(client["lastSeenMs"].as_i64().unwrap_or(0)),
            text(&client["token"]),
            text(&client["address"]),
            text(&client["sdk"])
        );
    }
    Ok(())
}
