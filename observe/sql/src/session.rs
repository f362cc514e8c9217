//! What a statement finds: the tables of one tenant, functions and settings; nothing of the machine.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList, MemorySchemaProvider,
    SchemaProvider, TableFunction,
};
use datafusion::common::Result;
use datafusion::execution::SessionStateDefaults;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::{AggregateUDF, ScalarUDF};
use datafusion::optimizer::{Analyzer, AnalyzerRule};
use datafusion::prelude::SessionConfig;
use vitrine_observe_store::model::Table;

use crate::exact::ExactNumbers;
use crate::functions;
use crate::parent::Run;
use crate::promql::{self, PromqlFunction};
use crate::statement::MAX_NESTING;
use crate::summaries::Summary;
use crate::table::TelemetryTable;
use crate::text_ids::TextIds;

/// The catalog and the schema in which all tables are, as information_schema tells.
const CATALOG: &str = "vitrine";
const SCHEMA: &str = "public";

/// What is the same for all statements.
pub(crate) struct SessionFactory {
    functions: Vec<Arc<ScalarUDF>>,
    aggregates: Vec<Arc<AggregateUDF>>,
    analyzer: Vec<Arc<dyn AnalyzerRule + Send + Sync>>,
}

impl SessionFactory {
    /// DataFusion's functions and ours.
    pub(crate) fn new() -> Self {
        let mut functions = SessionStateDefaults::default_scalar_functions();
        functions.extend(functions::all());
        let mut analyzer: Vec<Arc<dyn AnalyzerRule + Send + Sync>> = vec![Arc::new(TextIds), Arc::new(ExactNumbers)];
        analyzer.extend(Analyzer::new().rules);
        Self { functions, aggregates: functions::aggregates(), analyzer }
    }

    /// A session for one statement on so many threads. Its memory is that of the process; nothing is put on disk.
    pub(crate) fn session(&self, run: &Run, threads: usize) -> Result<SessionState> {
        let runtime = RuntimeEnvBuilder::new()
            .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled))
            .build_arc()?;
        let mut tables = SessionStateDefaults::default_table_functions();
        for summary in Summary::ALL {
            let function = summary.function(run.clone());
            tables.push(Arc::new(TableFunction::new(summary.name().to_owned(), Arc::new(function))));
        }
        let promql = PromqlFunction::new(run.clone());
        tables.push(Arc::new(TableFunction::new(promql::NAME.to_owned(), Arc::new(promql))));
        let tables: HashMap<String, Arc<TableFunction>> =
            tables.into_iter().map(|function| (function.name().to_owned(), function)).collect();
        let mut builder = SessionStateBuilder::new()
            .with_config(config(threads))
            .with_runtime_env(runtime)
            .with_catalog_list(catalog_provider(run)?)
            .with_analyzer_rules(self.analyzer.clone())
            .with_expr_planners(SessionStateDefaults::default_expr_planners())
            .with_scalar_functions(self.functions.clone())
            .with_higher_order_functions(SessionStateDefaults::default_higher_order_functions())
            .with_aggregate_functions(self.aggregates.clone())
            .with_window_functions(SessionStateDefaults::default_window_functions());
        *builder.table_functions() = Some(tables);
        let mut session = builder.build();
        // What now() returns, throughout the statement.
        session.mark_start_execution();
        Ok(session)
    }
}

fn config(threads: usize) -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_target_partitions(threads)
        .with_information_schema(true)
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(CATALOG, SCHEMA);
    let options = config.options_mut();
    options.sql_parser.recursion_limit = datafusion::common::config::ConfigNonZeroUsize::try_new(MAX_NESTING)
        .unwrap_or(options.sql_parser.recursion_limit);
    // Sorting would put this much aside before the first row, which a small limit does not allow.
    options.execution.sort_spill_reservation_bytes = 0;
    config
}

fn catalog_provider(run: &Run) -> Result<Arc<dyn CatalogProviderList>> {
    let schema = MemorySchemaProvider::new();
    for table in Table::ALL {
        let provider = TelemetryTable::new(run.clone(), table);
        schema.register_table(table.name().to_owned(), Arc::new(provider))?;
    }
    for summary in Summary::ALL {
        let provider = summary.whole(run.clone());
        schema.register_table(summary.name().to_owned(), Arc::new(provider))?;
    }
    let catalog = MemoryCatalogProvider::new();
    catalog.register_schema(SCHEMA, Arc::new(schema))?;
    let list = MemoryCatalogProviderList::new();
    list.register_catalog(CATALOG.to_owned(), Arc::new(catalog));
    Ok(Arc::new(list))
}
