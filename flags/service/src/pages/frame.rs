//! What all pages have: the frame, the field for a reason, and how a time is written.

use vitrine_kit::clock::rfc3339;
use vitrine_kit::html::Frame;

/// The frame of each page.
pub(crate) const FRAME: Frame = Frame {
    product: "flags",
    links: &[
        ("/", "Flags"),
        ("/faults", "Faults"),
        ("/sets", "Sets"),
        ("/segments", "Segments"),
        ("/planned", "Planned"),
        ("/requests", "Requests"),
        ("/history", "History"),
        ("/clients", "Clients"),
        ("/api/v1/export", "Export"),
    ],
};

/// The field for a reason.
pub(crate) const WHY: &str = "<input name=why aria-label=Reason placeholder=\"why?\" required maxlength=1000>";

/// A time in UTC; the column or the words beside it say so.
pub(crate) fn time(ms: i64) -> String {
    rfc3339(ms).replace('T', " ").trim_end_matches('Z').to_owned()
}
