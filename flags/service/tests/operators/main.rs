//! What operators do with flags, over the API and on pages.

mod schedules;
mod served;
mod sets;
