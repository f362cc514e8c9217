//! Kills an observatory at random moments while shippers send by Forward and by syslog, and counts what it kept.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::Observatory;
use crate::observatory::Launch;

/// Senders of each protocol at a time.
const SENDERS: usize = 3;
/// Records of each batch.
const RECORDS: u64 = 20;
/// The longest that the observatory lives in a round, in milliseconds.
const MAX_LIFE_MS: u64 = 400;
/// The service that sends.
const SERVICE: &str = "crash-test";
/// When what is sent has happened, in seconds since 1970.
const TIME_S: u32 = 1_795_867_200;

/// What the rounds came to.
#[derive(Clone, Debug, Default)]
pub struct ShipperCrashes {
    /// How often the observatory was killed.
    pub kills: usize,
    /// Records that it had acknowledged, by Forward and by syslog.
    pub acknowledged: [u64; 2],
}

/// A way in that acknowledges: where it is in what a ready observatory says, and the attribute that tells batches apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shipper {
    /// Forward, with acknowledgements.
    Forward,
    /// Syslog over TCP. A connection that ends in order, after its sender has ended it, says that all was kept.
    Syslog,
}

impl Shipper {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Forward, Self::Syslog];

    /// Settings by which an observatory listens for both, as variables.
    pub fn variables() -> Vec<(String, String)> {
        ["VITRINE_OBSERVATORY__FORWARD__LISTEN", "VITRINE_OBSERVATORY__SYSLOG__TCP"]
            .map(|name| (name.to_owned(), "127.0.0.1:0".to_owned()))
            .into()
    }

    fn key(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Syslog => "syslog_tcp",
        }
    }

    fn attribute(self) -> &'static str {
        match self {
            Self::Forward => "batch",
            Self::Syslog => "syslog.crash.batch",
        }
    }

    /// Sends batches one after the other until told to stop or cut off; returns the numbers of those that were acknowledged.
    pub async fn send(
        self,
        address: SocketAddr,
        numbers: impl Iterator<Item = u64> + Send,
        stop: CancellationToken,
    ) -> BTreeSet<u64> {
        let mut acknowledged = BTreeSet::new();
        let mut connection = None;
        for number in numbers {
            let sent = match self {
                Self::Forward => forward(address, &mut connection, number).await,
                Self::Syslog => syslog(address, number).await,
            };
            match sent {
                Ok(()) => drop(acknowledged.insert(number)),
                Err(_) => break,
            }
            if stop.is_cancelled() {
                break;
            }
        }
        acknowledged
    }
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.push(0xdb);
    out.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn map(out: &mut Vec<u8>, entries: &[(&str, &str)]) {
    out.push(0x80 | u8::try_from(entries.len()).unwrap_or(0x0f));
    for (key, value) in entries {
        text(out, key);
        text(out, value);
    }
}

/// A message in packed mode whose chunk is this number.
fn packed(number: u64) -> Vec<u8> {
    let batch = number.to_string();
    let mut entries = Vec::new();
    for record in 0..RECORDS {
        entries.push(0x92);
        entries.push(0xce);
        entries.extend_from_slice(&TIME_S.to_be_bytes());
        map(&mut entries, &[("message", &format!("record {record}")), ("service", SERVICE), ("batch", &batch)]);
    }
    let mut message = vec![0x93];
    text(&mut message, "crash");
    message.push(0xc6);
    message.extend_from_slice(&u32::try_from(entries.len()).unwrap_or(u32::MAX).to_be_bytes());
    message.extend(entries);
    map(&mut message, &[("chunk", &batch)]);
    message
}

async fn forward(address: SocketAddr, connection: &mut Option<TcpStream>, number: u64) -> Result<()> {
    let stream = match connection {
        Some(stream) => stream,
        None => connection.insert(TcpStream::connect(address).await?),
    };
    stream.write_all(&packed(number)).await?;
    let mut expected = b"\x81\xa3ack".to_vec();
    text(&mut expected, &number.to_string());
    let mut answer = vec![0; expected.len()];
    stream.read_exact(&mut answer).await?;
    ensure!(answer == expected, "{answer:?} acknowledges {number}");
    Ok(())
}

async fn syslog(address: SocketAddr, number: u64) -> Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    let mut lines = String::new();
    for record in 0..RECORDS {
        lines += &format!("<14>1 2026-11-28T12:00:00Z here {SERVICE} - - [crash batch=\"{number}\"] record {record}\n");
    }
    stream.write_all(lines.as_bytes()).await?;
    stream.shutdown().await?;
    ensure!(stream.read(&mut [0; 1]).await? == 0, "syslog says nothing");
    Ok(())
}

/// How many records there are of each batch.
async fn counted(observatory: &Observatory, shipper: Shipper) -> Result<BTreeMap<u64, u64>> {
    let attribute = shipper.attribute();
    let statement = format!(
        "SELECT attr(attributes, '{attribute}') AS batch, count(*) AS records FROM logs WHERE service = '{SERVICE}' \
         AND attr(attributes, '{attribute}') IS NOT NULL GROUP BY 1"
    );
    let rows = observatory.sql(&statement).await?.into_iter().map(|row| {
        let number = row["batch"].as_str().context("a batch")?.parse()?;
        Ok((number, row["records"].as_u64().context("a count")?))
    });
    rows.collect()
}

/// Kills the observatory `kills` times while shippers send, and counts after every `audit_every` of them and at the end: what was acknowledged is
/// there exactly once, and of the rest no record is there twice, and each batch of Forward as a whole or not at all.
pub async fn shippers_crash(binary: &Path, kills: usize, audit_every: usize, seed: u64) -> Result<ShipperCrashes> {
    let mut rng = StdRng::seed_from_u64(seed);
    let args = vec!["--quiet".to_owned()];
    let launch = Launch { args, variables: Shipper::variables(), ..Launch::default() };
    let mut observatory = Observatory::launch(binary, launch)?;
    let mut acknowledged: [BTreeSet<u64>; 2] = Default::default();
    for round in 1..=kills {
        let (stop, mut senders) = (CancellationToken::new(), JoinSet::new());
        for (place, shipper) in Shipper::ALL.into_iter().enumerate() {
            let ready = &observatory.process().ready;
            let address: SocketAddr = ready[shipper.key()].as_str().context("an address")?.parse()?;
            for sender in 0..SENDERS as u64 {
                // Never the same number twice.
                let first = 1 + (round as u64) * 1_000_000 + sender * 100_000;
                let stop = stop.clone();
                senders.spawn(async move { (place, shipper.send(address, first..first + 100_000, stop).await) });
            }
        }
        tokio::time::sleep(Duration::from_millis(rng.random_range(1..MAX_LIFE_MS))).await;
        observatory.process().kill()?;
        stop.cancel();
        while let Some(sent) = senders.join_next().await {
            let (place, numbers) = sent?;
            acknowledged[place].extend(numbers);
        }
        observatory.kill_and_restart()?;
        if round % audit_every == 0 || round == kills {
            audit(&observatory, &acknowledged).await.with_context(|| format!("after {round} kills"))?;
        }
    }
    observatory.process().stop()?;
    Ok(ShipperCrashes { kills, acknowledged: acknowledged.map(|numbers| numbers.len() as u64 * RECORDS) })
}

async fn audit(observatory: &Observatory, acknowledged: &[BTreeSet<u64>; 2]) -> Result<()> {
    for (shipper, acknowledged) in Shipper::ALL.into_iter().zip(acknowledged) {
        let found = counted(observatory, shipper).await?;
        let lost: Vec<u64> = acknowledged.iter().filter(|number| !found.contains_key(number)).copied().collect();
        ensure!(
            lost.is_empty(),
            "{shipper:?}: {} acknowledged batches are lost, such as {:?}",
            lost.len(),
            lost.first()
        );
        // To syslog, lines are no batch: of those that were not acknowledged, some may be there.
        let may_be_cut = |number| shipper == Shipper::Syslog && !acknowledged.contains(number);
        let is_odd = |number, records| if may_be_cut(number) { records > RECORDS } else { records != RECORDS };
        let odd: Vec<_> = found.iter().filter(|(number, records)| is_odd(number, **records)).collect();
        ensure!(odd.is_empty(), "{shipper:?}: {} batches are there in part or twice: {:?}", odd.len(), odd.first());
    }
    Ok(())
}
