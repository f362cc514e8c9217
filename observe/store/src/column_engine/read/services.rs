//! What is counted of spans: services, their operations, figures by the minute, and who calls whom.

use std::collections::BTreeSet;

use crate::column_engine::graph::Graph;
use crate::column_engine::read::Reader;
use crate::column_engine::rollup::{Calls, Red, Rollup};
use crate::column_engine::table::Snapshot;
use crate::engine::{QueryError, RedQuery, RedRow, Tenant};
use crate::{Dependency, Operation, Signal};

impl Reader {
    /// Totals of all spans whose times may lie in this range, one rollup after the other.
    fn rollups(
        &self,
        tenant: &Tenant,
        range: (i64, i64),
        mut each: impl FnMut(&Rollup),
    ) -> Result<Option<Snapshot>, QueryError> {
        let Some((table, snapshot)) = self.rows(tenant, Signal::Traces) else { return Ok(None) };
        let query_budget = self.query_budget();
        for handle in &snapshot.segments {
            if handle.info.max_time < range.0 || handle.info.min_time > range.1 {
                continue;
            }
            if let Some(rollup) = self.read_rollup(&table, handle)? {
                rollup.spans().into_iter().for_each(&mut each);
            }
            query_budget.check_time()?;
        }
        snapshot.memtables.iter().for_each(|memtable| each(memtable.read().pass.rollup()));
        Ok(Some(snapshot))
    }

    pub(crate) fn services(&self, tenant: &Tenant) -> Result<Vec<String>, QueryError> {
        let mut services = BTreeSet::new();
        self.rollups(tenant, (i64::MIN, i64::MAX), |rollup| rollup.services(&mut services))?;
        Ok(services.into_iter().collect())
    }

    pub(crate) fn operations(&self, tenant: &Tenant, service: &str) -> Result<Vec<Operation>, QueryError> {
        let mut operations = BTreeSet::new();
        self.rollups(tenant, (i64::MIN, i64::MAX), |rollup| rollup.operations(service, &mut operations))?;
        Ok(operations.into_iter().collect())
    }

    pub(crate) fn red(&self, tenant: &Tenant, query: &RedQuery) -> Result<Vec<RedRow>, QueryError> {
        let mut red = Red::new(query);
        self.rollups(tenant, red.range(), |rollup| rollup.red(query, &mut red))?;
        Ok(red.rows())
    }

    pub(crate) fn dependencies(
        &self,
        tenant: &Tenant,
        min_ns: i64,
        max_ns: i64,
    ) -> Result<Vec<Dependency>, QueryError> {
        let mut calls = Calls::default();
        // A segment counts calls that it completes, also those of which the other segment has the span that gives the time.
        let all = (i64::MIN, i64::MAX);
        let snapshot = self.rollups(tenant, all, |rollup| rollup.calls(min_ns, max_ns, &mut calls))?;
        if let (Some(snapshot), Some(table)) = (snapshot, self.tables.get(tenant, Signal::Traces)) {
            let (mut fresh, mut query_budget) = (Graph::default(), self.query_budget());
            for memtable in &snapshot.memtables {
                let rows = memtable.read();
                let before = fresh.bytes();
                fresh.add_known(rows.columns(), rows.visible().into_iter().flatten(), rows.pass.ends());
                query_budget.add_bytes(fresh.bytes() - before)?;
            }
            let difference = self.new_calls(&table, &snapshot.segments, fresh, Some(&mut query_budget))?;
            for (parent, child, _, count) in
                difference.counts().filter(|(.., start, _)| (min_ns..=max_ns).contains(start))
            {
                calls.add(&String::from_utf8_lossy(parent), &String::from_utf8_lossy(child), count);
            }
        }
        Ok(calls.dependencies())
    }
}
