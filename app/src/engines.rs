//! What a shop stands on beside its own files: NATS, PostgreSQL and Redis, each when it is asked for.

use std::fmt;
use std::path::Path;

use anyhow::Result;
use vitrine_kit::clock::Clock;
use vitrine_platform_cache as cache;
use vitrine_platform_config::{Written, written};
use vitrine_platform_host::{Folder, Host, NatsUse, Storage};
use vitrine_platform_mesh::Mesh;
use vitrine_platform_nats::Nats;
use vitrine_platform_telemetry::Telemetry;

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

    /// Each of them by its name, and whether it is used.
    fn named(&mut self) -> impl Iterator<Item = (&'static str, &mut bool)> {
        [
            ("nats", &mut self.nats),
            ("postgres", &mut self.postgres),
            ("redis", &mut self.redis),
            #[cfg(feature = "mongodb")]
            ("mongodb", &mut self.mongodb),
        ]
        .into_iter()
    }
}

impl fmt::Display for Engines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut engines = *self;
        let used: Vec<&str> = engines.named().filter_map(|(name, used)| used.then_some(name)).collect();
        f.write_str(&used.join(","))
    }
}

impl Written for Engines {
    fn name() -> String {
        "Engines".to_owned()
    }

    fn expected() -> String {
        "any of nats, postgres, redis, separated by commas".to_owned()
    }

    fn examples() -> Vec<&'static str> {
        vec!["", "nats,postgres,redis"]
    }

    /// A list such as `nats,postgres`; an empty one is none.
    fn read(list: &str) -> Option<Self> {
        let mut engines = Self::default();
        for name in list.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            *engines.named().find(|(known, _)| *known == name)?.1 = true;
        }
        Some(engines)
    }
}

written!([] Engines);

/// A host for these services with their data below this folder, on the engines that the settings name; and NATS, if it is one of them.
pub async fn host(
    data: &Path,
    services: &[&str],
    settings: &Settings,
    telemetry: &Telemetry,
    mesh: Mesh,
) -> Result<(Host, Option<Nats>)> {
    let engines = settings.shop.engines;
    let (clock, seed) = (Clock::system(), settings.shop.seed.unsigned_abs());
    let mut host =
        Host::new(data, clock, seed, telemetry.clone(), mesh).with_storage(storage(data, services, settings)?);
    if engines.redis {
        host = host.with_cache(cache::Engine::new(&settings.cache)?);
    }
    let mut nats = None;
    if engines.nats {
        let connected = Nats::connect(&settings.nats).await?;
        host = host.with_nats(connected.clone(), NatsUse { calls: true, events: true });
        nats = Some(connected);
    }
    Ok((host, nats))
}

/// Where the databases of these services are.
fn storage(data: &Path, services: &[&str], settings: &Settings) -> Result<Storage> {
    #[cfg(feature = "mongodb")]
    if settings.shop.engines.mongodb {
        return Ok(Storage::MongoDb(settings.mongodb.clone()));
    }
    Ok(match settings.shop.engines.postgres {
        true => Storage::Postgres(settings.postgres.clone()),
        false => Storage::Folder(Folder::shared(data, services)?),
    })
}

#[cfg(test)]
mod tests {
    use vitrine_platform_config::Written;

    use super::Engines;

    #[test]
    fn lists_are_read() {
        assert_eq!(Engines::read(" "), Some(Engines::default()));
        let all = Engines::read("redis, nats,postgres").expect("all");
        assert!(all.nats && all.postgres && all.redis && all.share_data());
        assert_eq!(all.to_string(), "nats,postgres,redis");
        assert_eq!(Engines::read("nats,kafka"), None);
    }
}
