//! Rules: files, templates, and what becomes of alerts. Pure: time and query results come in, effects go out.

pub mod template;
