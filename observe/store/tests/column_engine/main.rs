//! The engine that keeps everything, as a user sees it.

mod crash;
mod damage;
mod graph;
mod limits;
mod model;
mod objects;
mod queries;
mod reindex;
mod series;
mod span_metrics;
mod support;
mod times;
