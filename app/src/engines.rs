//! What a shop stands on beside its own files: NATS, PostgreSQL and Redis, each when it is asked for.

use std::path::Path;

use anyhow::Result;
use vitrine_kit::clock::Clock;
use vitrine_platform_cache as cache;
use vitrine_platform_host::{Host, NatsUse, Storage};
use vitrine_platform_mesh::Mesh;
use vitrine_platform_nats::Nats;
use vitrine_platform_telemetry::Telemetry;

use crate::Usage;
use crate::settings::Settings;

/// Which of them are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Engines {
    /// Calls between processes, and events.
    pub nats: bool,
    /// Data.
    pub postgres: bool,
    /// What is cached, and rate limits.
    pub redis: bool,
    /// Data, in a program that was built with it.
    #[cfg(feature = "mongodb")]
    pub mongodb: bool,
}

impl Engines {
    /// Whether the data of services is on a server, where several processes may share it.
    pub fn share_data(self) -> bool {
        #[cfg(feature = "mongodb")]
        if self.mongodb {
            return true;
        }
        self.postgres
    }

    /// Reads a list such as `nats,postgres`; an empty one is none.
    pub fn parse(list: &str) -> Result<Self, Usage> {
        let mut engines = Self::default();
        for name in list.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let used = match name {
                "nats" => &mut engines.nats,
                "postgres" => &mut engines.postgres,
                "redis" => &mut engines.redis,
                #[cfg(feature = "mongodb")]
                "mongodb" => &mut engines.mongodb,
                _ => {
                    return Err(Usage(format!(
                        "shop.engines = {list:?}: there is no engine {name:?}: expected any of nats, postgres, redis, separated by commas"
                    )));
                }
            };
            *used = true;
        }
        Ok(engines)
    }
}

/// A host for services with their data below this folder, on the engines that the settings name; and NATS, if it is one of them.
pub async fn host(data: &Path, settings: &Settings, telemetry: &Telemetry, mesh: Mesh) -> Result<(Host, Option<Nats>)> {
    let engines = Engines::parse(&settings.shop.engines)?;
    let (clock, seed) = (Clock::system(), settings.shop.seed.unsigned_abs());
    let mut host = Host::new(data, clock, seed, telemetry.clone(), mesh);
    if engines.postgres {
        host = host.with_storage(Storage::Postgres(settings.postgres.clone()));
    }
    if engines.redis {
        host = host.with_cache(cache::Engine::new(&settings.cache)?);
    }
    #[cfg(feature = "mongodb")]
    if engines.mongodb {
        host = host.with_storage(Storage::MongoDb(settings.mongodb.clone()));
    }
    let mut nats = None;
    if engines.nats {
        let connected = Nats::connect(&settings.nats).await?;
        host = host.with_nats(connected.clone(), NatsUse { calls: true, events: true });
        nats = Some(connected);
    }
    Ok((host, nats))
}

#[cfg(test)]
mod tests {
    use super::Engines;

    #[test]
    fn lists_are_read() {
        assert_eq!(Engines::parse(" ").expect("none"), Engines::default());
        let all = Engines::parse("redis, nats,postgres").expect("all");
        assert!(all.nats && all.postgres && all.redis && all.share_data());
        let wrong = Engines::parse("nats,kafka").expect_err("no such engine");
        assert!(wrong.to_string().contains("\"kafka\": expected any of nats, postgres, redis"), "{wrong}");
    }
}
