//! Loki's API: Grafana's requests to the byte, what queries mean case by case, what is refused, and lines that are followed.

mod cases;
mod data;
mod follow;
mod grafana;
mod refused;
