//! All tables of all tenants.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::Signal;
use crate::column_engine::Error;
use crate::column_engine::budget::Budget;
use crate::column_engine::lock::{Rank, RwLock};
use crate::column_engine::manifest::{Contents, SegmentInfo, SeriesFileInfo, SeriesList, signal_name};
use crate::column_engine::segment_handle::{Files, SegmentHandle};
use crate::column_engine::series::{SeriesHandle, TenantSeries};
use crate::column_engine::span_metrics::CountingPlan;
use crate::column_engine::storage::SegmentStorage;
use crate::column_engine::table::Table;
use crate::engine::Tenant;

/// A tenant's tables, in the order of [`Signal::ALL`].
type OfTenant = [Arc<Table>; Signal::ALL.len()];

/// The tables, by tenant and signal. There are all of a tenant as soon as it has sent something.
#[derive(Debug)]
pub(crate) struct Tables {
    by_tenant: RwLock<BTreeMap<Tenant, OfTenant>>,
    storage: Arc<dyn SegmentStorage>,
    memory: Arc<Budget>,
    /// Most active series of a tenant.
    max_series: usize,
    /// What series are made of spans.
    plan: Option<Arc<CountingPlan>>,
}

impl Tables {
    /// Tables with the segments that are listed.
    pub(crate) fn new(
        contents: &Contents,
        storage: Arc<dyn SegmentStorage>,
        memory: Arc<Budget>,
        max_series: usize,
        plan: Option<Arc<CountingPlan>>,
    ) -> Result<Self, Error> {
        let tables = Self { by_tenant: RwLock::new(Rank::Tables, BTreeMap::new()), storage, memory, max_series, plan };
        let names: BTreeSet<&String> = contents.tenants.keys().chain(contents.series.keys()).collect();
        for name in names {
            let listed = contents.tenants.get(name);
            let malformed = |found: String| Error::Manifest { path: "catalogue.json".into(), found };
            let tenant = Tenant::new(name).map_err(|error| malformed(error.to_string()))?;
            let of_signal = |signal| listed.and_then(|listed| listed.get(signal_name(signal)));
            let infos = |signal| of_signal(signal).map_or(&[][..], |listed| &listed.segments);
            let series = contents.series.get(name).cloned().unwrap_or_default();
            let of_tenant = Signal::ALL.map(|signal| tables.table(&tenant, signal, infos(signal), &series));
            tables.by_tenant.write().insert(tenant, of_tenant);
        }
        Ok(tables)
    }

    fn table(&self, tenant: &Tenant, signal: Signal, infos: &[SegmentInfo], listed: &SeriesList) -> Arc<Table> {
        let files = Files::new(self.storage.clone(), tenant, signal);
        let handle = |info: &SegmentInfo| Arc::new(SegmentHandle::new(*info, files.clone(), signal.definition()));
        let segments = infos.iter().map(handle).collect();
        let series = (signal == Signal::Metrics).then(|| {
            let open = |info: &SeriesFileInfo| SeriesHandle::new(*info, self.storage.clone(), tenant);
            let files = listed.files.iter().map(open).collect();
            TenantSeries::new(self.max_series, self.memory.clone(), files, listed.deleted.clone())
        });
        Arc::new(Table::new(
            tenant.clone(),
            signal,
            files.clone(),
            segments,
            self.memory.clone(),
            series,
            self.plan.clone(),
        ))
    }

    /// A tenant's rows of one signal; none if the tenant never sent something.
    pub(crate) fn get(&self, tenant: &Tenant, signal: Signal) -> Option<Arc<Table>> {
        self.by_tenant.read().get(tenant).map(|tables| tables[signal as usize].clone())
    }

    /// The same, and makes a new tenant's tables.
    pub(crate) fn get_or_create(&self, tenant: &Tenant, signal: Signal) -> Arc<Table> {
        self.entry(&mut self.by_tenant.write(), tenant)[signal as usize].clone()
    }

    /// The same, unless that would be more tenants than this.
    pub(crate) fn get_or_create_within(&self, tenant: &Tenant, signal: Signal, most: usize) -> Option<Arc<Table>> {
        let mut by_tenant = self.by_tenant.write();
        let is_known = by_tenant.contains_key(tenant);
        (is_known || by_tenant.len() < most).then(|| self.entry(&mut by_tenant, tenant)[signal as usize].clone())
    }

    fn entry<'a>(&self, by_tenant: &'a mut BTreeMap<Tenant, OfTenant>, tenant: &Tenant) -> &'a OfTenant {
        let new = || Signal::ALL.map(|signal| self.table(tenant, signal, &[], &SeriesList::default()));
        by_tenant.entry(tenant.clone()).or_insert_with(new)
    }

    /// All tables of a tenant.
    pub(crate) fn of(&self, tenant: &Tenant) -> Vec<Arc<Table>> {
        self.by_tenant.read().get(tenant).map(|tables| tables.to_vec()).unwrap_or_default()
    }

    /// All tables, in the order of their tenants.
    pub(crate) fn all(&self) -> Vec<Arc<Table>> {
        self.by_tenant.read().values().flatten().cloned().collect()
    }

    /// The tenants that ever sent something, in order.
    pub(crate) fn tenants(&self) -> Vec<Tenant> {
        self.by_tenant.read().keys().cloned().collect()
    }

    /// How many there are of these.
    pub(crate) fn tenant_count(&self) -> usize {
        self.by_tenant.read().len()
    }
}
