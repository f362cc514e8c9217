//! What operators do with flags, over the API and on pages.

mod requests;
mod rollouts;
mod schedules;
mod served;
mod sets;
