//! What operators do with flags, over the API and on pages.

mod served;
mod sets;
