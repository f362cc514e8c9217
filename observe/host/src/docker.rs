//! What a Docker daemon knows of its containers, which their cgroups do not say: names, images, labels.
//!
//! Source: Docker's Engine API, `/containers/json`. Podman's socket answers the same.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use vitrine_platform_fetch::{Client, Limits, Request, Settings};

/// Where a Docker daemon listens as a rule.
pub const DOCKER_SOCKET: &str = "/var/run/docker.sock";
/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Largest answer, in bytes.
const MAX_RESPONSE_BYTES: usize = 16 << 20;

/// What is known of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// Its image.
    pub image: String,
    /// Those of its labels that are wanted, by the names that metrics have for them.
    pub labels: Vec<(String, String)>,
}

/// Containers by their ids.
pub type Containers = BTreeMap<String, Container>;

/// A Docker daemon.
#[derive(Debug)]
pub struct Docker {
    client: Client,
    labels: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    id: String,
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    image: String,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
}

impl Docker {
    /// The daemon at this socket. Of the labels of its containers, those with these names are wanted.
    pub fn new(socket: &Path, labels: Vec<String>) -> Result<Self, vitrine_platform_fetch::Error> {
        let settings = Settings { unix_socket: Some(socket.to_owned()), ..Settings::default() };
        Ok(Self { client: Client::new(&settings)?, labels })
    }

    /// Returns the containers that run now. An error says why it does not know.
    pub async fn containers(&self) -> Result<Containers, String> {
        let limits = Limits { within: TIMEOUT, max_response_bytes: MAX_RESPONSE_BYTES };
        let request = Request::get("http://localhost/containers/json");
        let response = self.client.send(request, limits).await.map_err(|error| error.to_string())?;
        if !response.status.is_success() {
            return Err(format!("Docker answered {}", response.status));
        }
        let listed: Vec<Listed> =
            serde_json::from_slice(&response.body).map_err(|error| format!("Docker's answer: {error}"))?;
        Ok(listed.into_iter().map(|listed| self.known(listed)).collect())
    }

    fn known(&self, Listed { id, names, image, labels }: Listed) -> (String, Container) {
        let name = names.first().map(|name| name.trim_start_matches('/').to_owned()).unwrap_or_default();
        let labels = labels.unwrap_or_default();
        let wanted = self.labels.iter().filter_map(|key| Some((label_name(key), labels.get(key)?.clone())));
        (id, Container { name, image, labels: wanted.collect() })
    }
}

/// As cAdvisor names it: what is no letter, digit or `_` becomes `_`.
fn label_name(key: &str) -> String {
    let own = key.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' });
    "container_label_".chars().chain(own).collect()
}
