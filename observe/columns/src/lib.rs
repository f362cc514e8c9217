//! Telemetry in columns: in memory, as Parquet, and merged.
