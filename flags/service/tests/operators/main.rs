//! What operators do with flags, over the API and on pages.

mod file;
mod requests;
mod rollouts;
mod schedules;
mod segments;
mod served;
mod sets;
