//! What browsers can rely on: pages of a small bundle, before a gateway that answers as it is told.

mod forms;
mod measuring;
mod pages;
mod widget;
mod world;
