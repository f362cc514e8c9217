//! What became of notifications.

use std::collections::BTreeMap;

use super::Router;
use crate::state::LogEntry;

impl Router {
    /// An integration took a notification. Whether it is still the one that waits is known by its dedup key: one that the group has outrun is noted as
    /// told, and the newer one goes on waiting. `data` is what the integration wants to know next time.
    pub fn delivered(&mut self, id: &str, told: LogEntry, dedup_key: &str, data: BTreeMap<String, String>) {
        let waiting = self.state.outbox.get(id);
        let is_current = waiting.is_some_and(|waiting| waiting.dedup_key == dedup_key);
        let group = waiting.map(|waiting| waiting.group.clone());
        let is_newer = self.state.told.get(id).is_none_or(|known| known.at <= told.at);
        if is_newer {
            self.state.told.insert(id.to_owned(), LogEntry { data, ..told });
            self.changes.told.insert(id.to_owned());
        }
        if let (true, Some(group)) = (is_current, group) {
            self.drop_delivery(id);
            self.leave_if_told(&group);
        }
    }

    /// An integration will never take a notification as it is. It is tried no more; the next look at the group finds that it was not told.
    pub fn refused(&mut self, id: &str, dedup_key: &str) {
        let waiting = self.state.outbox.get(id).filter(|waiting| waiting.dedup_key == dedup_key);
        let Some(group) = waiting.map(|waiting| waiting.group.clone()) else { return };
        self.drop_delivery(id);
        // Those that are over stay, so that the next look tries to tell of them again.
        if let Some(group) = self.state.groups.get_mut(&group) {
            group.leaving.clear();
            self.changes.groups.insert(group.id.clone());
        }
    }
}
