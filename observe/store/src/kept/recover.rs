//! Opening: the catalogue, the segments, and the log.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, mpsc};

use parking_lot::{Mutex, RwLock};
use vitrine_kit::clock::Clock;
use vitrine_observe_log::{Log, Position, Record, Replay};

use crate::Signal;
use crate::engine::Tenant;
use crate::kept::budget::Budget;
use crate::kept::catalogue::{Catalogue, Contents, Info, signal_name};
use crate::kept::depot::{DAMAGED, Depot, Folder};
use crate::kept::held::{Files, Held};
use crate::kept::status::{Meter, Troubles};
use crate::kept::table::Table;
use crate::kept::write::{Commit, parse_record};
use crate::kept::{Bell, Error, Inner, Options, Tables};

/// The log's folder.
const LOG: &str = "log";
/// The folder of segments that are being written.
const TEMPORARY: &str = "temporary";
/// Ends the names of segments that were put aside before.
const ROWS_ASIDE: &str = ".parquet.damaged";
/// The folder of segments, if nothing else is said.
const SEGMENTS: &str = "segments";

impl Options {
    fn check(&self) -> Result<(), Error> {
        let wrong = |option, expected| Err(Error::Option { option, expected });
        if self.seal_rows == 0 || self.seal_bytes == 0 {
            return wrong("seal_rows and seal_bytes", "choose at least 1");
        }
        if self.fan_in < 2 {
            return wrong("fan_in", "choose at least 2");
        }
        if self.max_tenants == 0 {
            return wrong("max_tenants", "choose at least 1");
        }
        if self.memory_bytes < 2 * self.seal_bytes {
            return wrong("memory_bytes", "choose at least twice seal_bytes");
        }
        Ok(())
    }
}

impl Inner {
    /// Everything but the threads. The log is still to be read.
    pub(crate) fn open(options: Options, clock: Clock) -> Result<(Self, Replay, mpsc::Receiver<Commit>), Error> {
        options.check()?;
        let data = &options.data;
        std::fs::create_dir_all(data).map_err(Error::io("make the folder", data.display()))?;
        // The log locks the folder, so it comes first.
        let log_options = vitrine_observe_log::Options {
            fsync: options.fsync,
            max_bytes: options.log_bytes,
            segment_bytes: vitrine_observe_log::Options::default().segment_bytes.min(options.log_bytes / 2),
            ..vitrine_observe_log::Options::default()
        };
        let (log, replay) = Log::open(data.join(LOG), log_options)?;
        let temporary = data.join(TEMPORARY);
        match std::fs::remove_dir_all(&temporary) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io("empty", temporary.display())(cause));
            }
            _ => std::fs::create_dir(&temporary).map_err(Error::io("make the folder", temporary.display()))?,
        }
        let depot: Arc<dyn Depot> = match &options.segments {
            Some(depot) => depot.clone(),
            None => {
                let path = data.join(SEGMENTS);
                Arc::new(Folder::open(&path).map_err(Error::io("make the folder", path.display()))?)
            }
        };
        let names = depot.list().map_err(Error::io("list", "the segments"))?;
        let segments = || names.iter().filter(|name| !name.ends_with(DAMAGED));
        let catalogue = match Catalogue::open(data)? {
            Some(catalogue) => catalogue,
            None if segments().next().is_none() => Catalogue::create(data)?,
            None => {
                let found = "it is missing, though there are segments".to_owned();
                return Err(Error::Catalogue { path: data.join("catalogue.json"), found });
            }
        };
        let budget = Budget::new(options.memory_bytes);
        let contents = catalogue.contents();
        let tables = tables(&contents, &depot, &budget)?;
        let listed: HashSet<String> = tables
            .values()
            .flatten()
            .flat_map(|table| {
                let segments = table.snapshot().segments;
                segments.into_iter().flat_map(|held| held.files.all(held.info.number)).collect::<Vec<_>>()
            })
            .collect();
        // What a crash left between the writing of files and their listing, or between that and their removal.
        for name in segments().filter(|name| !listed.contains(*name)) {
            depot.remove(name).map_err(Error::io("remove", name))?;
        }
        let next = AtomicU64::new(contents.next);
        let (sender, commits) = mpsc::channel();
        let inner = Self {
            clock,
            log,
            catalogue,
            depot,
            temporary,
            budget,
            tables: RwLock::new(tables),
            next,
            logged: AtomicU64::new(0),
            sealing: Mutex::default(),
            merging: Mutex::default(),
            to_seal: Bell::default(),
            to_merge: Bell::default(),
            commits: Mutex::new(Some(sender)),
            closed: false.into(),
            uncertain: Mutex::default(),
            troubles: Troubles::new(names.iter().filter(|name| name.ends_with(ROWS_ASIDE)).count()),
            meter: Meter::default(),
            options,
        };
        inner.inspect();
        Ok((inner, replay, commits))
    }

    /// Opens each segment once, and takes out those that are damaged.
    fn inspect(&self) {
        for table in self.all_tables() {
            for held in table.snapshot().segments {
                match held.segment() {
                    Ok(_) => self.trim(),
                    Err(error) => self.failed_reading(&table, &held, error),
                }
            }
        }
    }

    /// Learns anew what of segments was known in memory only.
    pub(crate) fn relearn(&self) {
        for table in self.all_tables().iter().filter(|table| table.signal == Signal::Traces) {
            self.relearn_open_traces(table);
        }
    }

    /// Reads what the log holds and no segment does.
    pub(crate) fn replay(&self, replay: Replay) -> Result<(), Error> {
        let contents = self.catalogue.contents();
        let through = |tenant: &Tenant, signal| {
            let tables = contents.tenants.get(tenant.name());
            tables.and_then(|tables| tables.get(signal_name(signal))).map_or(0, |t| t.through)
        };
        for item in replay {
            let Record { position, kind, payload } = match item {
                Ok(record) => record,
                Err(damage) => {
                    self.troubles.tell(damage.to_string());
                    continue;
                }
            };
            let Some(logged) = parse_record(kind, &payload) else {
                self.troubles.tell(format!("the log's record at {position} is of no known kind"));
                continue;
            };
            if position <= Position::from(through(&logged.tenant, logged.signal)) {
                continue;
            }
            let table = self.table_of(&logged.tenant, logged.signal);
            if let Err(error) = self.add_again(&table, position, &logged) {
                self.troubles.tell(format!("the log's record at {position} cannot be read: {error}"));
            }
            if self.budget.used() > self.budget.most / 2 {
                self.make_room(self.budget.most / 2);
                self.seal_waiting(true)?;
            }
        }
        Ok(())
    }
}

/// Tables with the segments that are listed.
fn tables(
    contents: &Contents,
    depot: &Arc<dyn Depot>,
    budget: &Arc<Budget>,
) -> Result<BTreeMap<Tenant, Tables>, Error> {
    let mut all = BTreeMap::new();
    for (name, listed) in &contents.tenants {
        let malformed = |found: String| Error::Catalogue { path: "catalogue.json".into(), found };
        let tenant = Tenant::new(name).map_err(|error| malformed(error.to_string()))?;
        let tables = Signal::ALL.map(|signal| {
            let files = Files::new(depot.clone(), &tenant, signal);
            let infos: &[Info] = listed.get(signal_name(signal)).map_or(&[], |listed| &listed.segments);
            let held = |info: &Info| Arc::new(Held::new(*info, files.clone(), signal.definition()));
            let segments = infos.iter().map(held).collect();
            Arc::new(Table::new(tenant.clone(), signal, files.clone(), segments, budget.clone()))
        });
        all.insert(tenant, tables);
    }
    Ok(all)
}
