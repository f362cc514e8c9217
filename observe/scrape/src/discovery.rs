//! Where targets are: lists in the configuration, files, HTTP.
//!
//! Each source makes groups of targets; a group that a source brings again replaces the one before. A source that fails keeps what it said
//! last.

mod file;
mod http;

use std::path::Path;
use std::time::Duration;

use vitrine_platform_config::yaml::{Fields, Node, Reader};

use crate::relabel::LabelMap;

pub use file::FileDiscovery;
pub use http::HttpDiscovery;

/// The label of a target's address.
pub const ADDRESS: &str = "__address__";

/// Targets that share labels.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Group {
    /// Labels of each target, with its address.
    pub targets: Vec<LabelMap>,
    /// Labels that all of them have.
    pub labels: LabelMap,
}

/// A source of targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Discovery {
    /// As the configuration lists them.
    Static(Vec<Group>),
    /// In files that are read again when they change.
    File(FileDiscovery),
    /// At a URL that is asked again and again.
    Http(Box<HttpDiscovery>),
}

impl Discovery {
    pub(crate) fn take_all(reader: &Reader, fields: &mut Fields<'_>, folder: &Path) -> Vec<Self> {
        let mut all = Vec::new();
        let groups: Vec<Group> = fields.list("static_configs").iter().filter_map(|node| group(reader, node)).collect();
        if !groups.is_empty() {
            all.push(Self::Static(groups));
        }
        for node in fields.list("file_sd_configs") {
            all.extend(FileDiscovery::take(reader, node, folder).map(Self::File));
        }
        for node in fields.list("http_sd_configs") {
            all.extend(HttpDiscovery::take(reader, node, folder).map(|found| Self::Http(Box::new(found))));
        }
        all
    }

    /// How long until it is asked again; none where it never changes.
    pub fn interval(&self) -> Option<Duration> {
        match self {
            Self::Static(_) => None,
            Self::File(file) => Some(file.interval()),
            Self::Http(http) => Some(http.interval()),
        }
    }

    /// The groups that there are now, by what brought them. An error says why a source could not be asked.
    pub async fn groups(
        &self,
        client: Option<&vitrine_platform_fetch::Client>,
    ) -> Result<Vec<(String, Group)>, String> {
        match self {
            Self::Static(groups) => {
                Ok(groups.iter().enumerate().map(|(number, group)| (number.to_string(), group.clone())).collect())
            }
            Self::File(file) => {
                let file = file.clone();
                tokio::task::spawn_blocking(move || file.groups()).await.map_err(|error| error.to_string())?
            }
            Self::Http(http) => http.groups(client.ok_or("there is no client")?).await,
        }
    }
}

/// A group as configurations and files have it: `targets` and `labels`.
pub(crate) fn group(reader: &Reader, node: &Node) -> Option<Group> {
    let mut fields = reader.fields(node)?;
    let addresses = fields.list_of_texts("targets");
    let labels = fields.texts("labels").into_iter().collect();
    let targets = addresses.into_iter().map(|address| LabelMap::from([(ADDRESS.to_owned(), address)])).collect();
    Some(Group { targets, labels })
}
