//! Rules that are given while others are evaluated, each namespace a document.

use std::collections::BTreeMap;
use std::sync::Arc;

use vitrine_observe_rules::{
    ChangeError, Changing, GivenGroup, Group, MAX_GROUP_BYTES, MAX_NAMESPACE_GROUPS, MAX_NAMESPACE_NAME,
    MAX_NAMESPACES, Namespaces, RuleFile, RuleNamespaces,
};

use super::{GroupKey, Rules, Running};
use crate::documents::{read_namespaces, write_namespace};
use crate::engine::{Alertmanager, Error};
use crate::send::with_causes;

/// Reads what is kept. What cannot be read any more, because it was written for another version, is left out, and told.
pub(super) async fn read(alertmanager: &Alertmanager) -> Result<Namespaces, Error> {
    let mut namespaces = Namespaces::new();
    for (namespace, texts) in read_namespaces(alertmanager.store()).await.map_err(Error::Store)? {
        let mut groups = BTreeMap::new();
        for (name, text) in texts {
            match RuleFile::parse_group(&text) {
                Ok(spec) => {
                    groups.insert(name, GivenGroup { text: text.into(), spec: Arc::new(spec) });
                }
                Err(mistakes) => {
                    let error = ChangeError::Mistakes(mistakes);
                    tracing::error!(namespace, group = name, %error, "a group of rules cannot be evaluated any more");
                }
            }
        }
        namespaces.insert(namespace, groups);
    }
    Ok(namespaces)
}

impl RuleNamespaces for Rules {
    fn namespaces(&self) -> Namespaces {
        self.shared.given.read().clone()
    }

    fn put_group(&self, namespace: String, text: String) -> Changing<'_, ()> {
        Box::pin(async move {
            if namespace.is_empty() || namespace.len() > MAX_NAMESPACE_NAME {
                let message = format!("namespace: expected a name of 1 to {MAX_NAMESPACE_NAME} bytes");
                return Err(ChangeError::Refused(message));
            }
            if text.len() > MAX_GROUP_BYTES {
                let message = format!("the group has {} bytes: expected at most {MAX_GROUP_BYTES}", text.len());
                return Err(ChangeError::Refused(message));
            }
            let spec = Arc::new(RuleFile::parse_group(&text).map_err(ChangeError::Mistakes)?);
            let put = move |groups: &mut BTreeMap<String, GivenGroup>| {
                groups.insert(spec.name.clone(), GivenGroup { text: text.into(), spec });
            };
            self.change(namespace, put).await
        })
    }

    fn delete_group(&self, namespace: String, group: String) -> Changing<'_, bool> {
        Box::pin(self.change(namespace, move |groups| groups.remove(&group).is_some()))
    }

    fn delete_namespace(&self, namespace: String) -> Changing<'_, bool> {
        Box::pin(self.change(namespace, |groups| {
            let is_there = !groups.is_empty();
            groups.clear();
            is_there
        }))
    }
}

impl Rules {
    /// Changes a namespace: as a whole or not at all, and to its end also if who asked goes away.
    async fn change<T: Send + 'static>(
        &self,
        namespace: String,
        change: impl FnOnce(&mut BTreeMap<String, GivenGroup>) -> T + Send + 'static,
    ) -> Result<T, ChangeError> {
        let rules = self.clone();
        let changing = self.shared.tasks.spawn(async move {
            let _changing = rules.shared.changing.lock().await;
            let mut given = rules.namespaces();
            let is_new = !given.contains_key(&namespace);
            let running = rules.running(&namespace);
            if is_new && !running.is_empty() {
                return Err(ChangeError::Refused(format!("{namespace}: a rule file is called so")));
            }
            let groups = given.entry(namespace.clone()).or_default();
            let result = change(groups);
            let (texts, of_namespace) = rules.parts(&namespace, groups);
            check_counts(&namespace, groups.len(), given.len())?;
            let written = write_namespace(rules.shared.alertmanager.store(), &namespace, texts).await;
            written.map_err(|error| ChangeError::NotKept(with_causes(&error)))?;
            given.retain(|_, groups| !groups.is_empty());
            *rules.shared.given.write() = given;
            rules.replace(of_namespace, running).await;
            Ok(result)
        });
        changing.await.unwrap_or_else(|error| Err(ChangeError::NotKept(error.to_string())))
    }

    /// What is evaluated under the name of a namespace.
    fn running(&self, namespace: &str) -> BTreeMap<GroupKey, Arc<Running>> {
        let running = self.shared.running.read();
        let of = running.iter().filter(|((file, _), _)| file == namespace);
        of.map(|(key, running)| (key.clone(), running.clone())).collect()
    }

    /// What is kept of a namespace, and what is evaluated.
    fn parts(&self, namespace: &str, groups: &BTreeMap<String, GivenGroup>) -> (BTreeMap<String, String>, Vec<Group>) {
        let settings = &self.shared.options.settings;
        let texts = groups.iter().map(|(name, group)| (name.clone(), group.text.to_string())).collect();
        (texts, groups.values().map(|group| Group::new(namespace, &group.spec, settings)).collect())
    }
}

fn check_counts(namespace: &str, groups: usize, namespaces: usize) -> Result<(), ChangeError> {
    if groups > MAX_NAMESPACE_GROUPS {
        let message = format!("namespace {namespace:?} has {MAX_NAMESPACE_GROUPS} groups, which is the most");
        return Err(ChangeError::Refused(message));
    }
    if namespaces > MAX_NAMESPACES {
        return Err(ChangeError::Refused(format!("there are {MAX_NAMESPACES} namespaces, which is the most")));
    }
    Ok(())
}
