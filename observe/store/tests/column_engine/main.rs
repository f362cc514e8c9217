//! The engine that keeps everything, as a user sees it.

mod admin;
mod crash;
mod damage;
mod graph;
mod limits;
mod logs;
mod model;
mod objects;
mod points;
mod queries;
mod refusals;
mod reindex;
mod replay;
mod series;
mod service_graph;
mod span_metrics;
mod spans;
mod support;
mod tails;
mod text_index;
mod times;
