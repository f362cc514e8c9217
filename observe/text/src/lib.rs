//! Words in texts: how a text is cut into words, and what a text must hold to match.
//!
//! A word is the longest run of letters, digits and underscores; words are compared without regard to case. [`TextMatch`] is what a
//! query asks of one text, whatever language it was asked in.
//!
//! It knows no columns and no telemetry: who keeps texts hands them in.
//!
//! ```
//! use vitrine_observe_text::{TextMatch, words};
//!
//! let text = "Card declined: insufficient_funds (order 7F3a-91)";
//! let found: Vec<&str> = words(text).map(|range| &text[range]).collect();
//! assert_eq!(found, ["Card", "declined", "insufficient_funds", "order", "7F3a", "91"]);
//!
//! let phrase = TextMatch::phrase("card DECLINED");
//! assert!(phrase.matches(text));
//! assert_eq!(phrase.ranges(text), [0..13]);
//! assert!(!TextMatch::Word("insufficient".to_owned()).matches(text));
//! ```

mod text_match;
mod words;

pub use text_match::TextMatch;
pub use words::{fold, is_word, words};
