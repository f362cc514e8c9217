//! Segments, looked at from outside: as any Parquet reader sees them.

#[path = "segments/merging.rs"]
mod merging;
#[path = "segments/older.rs"]
mod older;
#[path = "segments/parquet_rows.rs"]
mod parquet_rows;
#[path = "segments/peers.rs"]
mod peers;
#[path = "segments/tables.rs"]
mod tables;
#[path = "segments/writing.rs"]
mod writing;
