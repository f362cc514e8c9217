//! The servers that a shop may stand on, and how it is told.

use anyhow::{Result, bail};
use vitrine_tests_engines::{Server, nats, postgres, redis};

/// Servers of a shop. They end with it.
#[derive(Debug, Default)]
pub struct Engines {
    /// Each, by its kind.
    servers: Vec<Server>,
}

impl Engines {
    /// Starts these kinds: `nats`, `postgres`, `redis`. It must be called on a thread that lives as long as they shall.
    pub fn start(kinds: &[&str]) -> Result<Self> {
        // Tests kill the server, not the machine: what it handed to the system is safe.
        Self::with(kinds, "off")
    }

    /// The same, for measuring: PostgreSQL waits for the disk.
    pub fn durable(kinds: &[&str]) -> Result<Self> {
        Self::with(kinds, "on")
    }

    fn with(kinds: &[&str], fsync: &str) -> Result<Self> {
        let mut servers = Vec::new();
        for kind in kinds {
            servers.push(match *kind {
                "nats" => nats(&[])?,
                "postgres" => postgres(&[("fsync", fsync), ("max_connections", "400")])?,
                "redis" => redis(&[])?,
                other => bail!("there is no engine {other}"),
            });
        }
        Ok(Self { servers })
    }

    /// One of them.
    pub fn server(&mut self, kind: &str) -> Result<&mut Server> {
        let Some(server) = self.servers.iter_mut().find(|s| s.kind() == kind) else { bail!("{kind} was not started") };
        Ok(server)
    }

    /// What a shop must have in its environment to stand on them.
    pub fn variables(&self) -> Vec<(String, String)> {
        let kinds: Vec<&str> = self.servers.iter().map(Server::kind).collect();
        let mut variables = vec![("VITRINE_SHOP__ENGINES".to_owned(), kinds.join(","))];
        variables.extend(self.servers.iter().map(|server| {
            let section = if server.kind() == "redis" { "CACHE".to_owned() } else { server.kind().to_uppercase() };
            (format!("VITRINE_{section}__URL"), server.url())
        }));
        variables
    }
}
