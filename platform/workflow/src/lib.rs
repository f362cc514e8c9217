//! Durable workflows: named steps that are executed in an order, or compensated, whatever breaks meanwhile.
//!
//! A [`Definition`] is data: steps with names, what each comes after, and what becomes of the workflow when a step is refused or its
//! outcome is not known. What to do next is a pure function of a definition and a [`Progress`]. [`Driver::drive`] does it: it executes
//! steps that do not need each other side by side and writes down how far the workflow is, one commit for each finished step that also
//! starts the next, and none where a crash would be recovered from in the same way with it and without. A step that waits for something
//! outside says so: then the workflow is left, and driven again when that has come about.
//!
//! What is written down, a [`Record`], names its definition with a version, and its steps by name. So a process reads what one of an
//! earlier version began, as long as [`Definitions`] has the old definition, and leaves alone what it does not know.
//!
//! It does not decide what a step does (its [`Activities`] do), where records are kept (its [`Journal`] says), or which of them are
//! taken over after a crash.
//!
//! ```
//! use vitrine_platform_workflow::{Action, Definition, Outcome, Phase, Step};
//!
//! let purchase = Definition::new("purchase", 1, [
//!     Step::tentative("reserve"),
//!     Step::tentative("authorize"),
//!     Step::firm("capture").after(["reserve", "authorize"]).refusable().compensable(),
//!     Step::firm("ship").after(["capture"]),
//! ])?;
//! // Stock and money are held side by side.
//! let begun = purchase.begin();
//! assert_eq!(purchase.due(&begun), [Action::Execute(0), Action::Execute(1)]);
//! // The card is declined: the workflow turns back, and the stock is given back.
//! let held = purchase.after(&begun, Action::Execute(0), Outcome::Succeeded);
//! let declined = purchase.after(&held, Action::Execute(1), Outcome::Refused);
//! assert_eq!(purchase.due(&declined), [Action::Compensate(0)]);
//! let undone = purchase.after(&declined, Action::Compensate(0), Outcome::Succeeded);
//! assert_eq!(undone.phase(), Phase::Undone);
//! # Ok::<(), vitrine_platform_workflow::Malformed>(())
//! ```

mod definition;
mod driver;
mod progress;
mod record;

pub use definition::{Definition, MAX_STEPS, Malformed, Step};
pub use driver::{Activities, Driver, Error, Journal, Point, Probe, Stop, Workflow};
pub use progress::{Action, Outcome, Phase, Progress, StepState};
pub use record::{Definitions, Record, Unreadable};
