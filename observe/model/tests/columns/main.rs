//! OTLP requests go into columns, and come out as rows and as Arrow batches.

mod batches;
mod expected;
mod hostile;
mod points;
mod promotion;
mod requests;
mod roundtrip;
mod samples;
