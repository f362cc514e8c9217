//! The engine that keeps everything, as a user sees it.

mod answers;
mod crash;
mod damage;
mod graph;
mod likeness;
mod limits;
mod objects;
mod support;
mod times;
