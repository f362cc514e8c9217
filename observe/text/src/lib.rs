//! Words in texts: how a text is cut into words, what a text must hold to match, which pages of a file hold such texts, and what is left of a
//! text without its values.
//!
//! A word is the longest run of letters, digits and underscores; words are compared without regard to case. [`TextMatch`] is what a
//! query asks of one text, whatever language it was asked in. A [`TextIndex`] says on which pages of a segment such texts may be; its file
//! is made by a [`TextIndexWriter`].
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
//!
//! ```
//! # fn main() -> Result<(), vitrine_observe_text::IndexError> {
//! use bytes::Bytes;
//! use vitrine_observe_text::{IndexOwner, TextIndex, TextIndexWriter, TextMatch};
//!
//! let mut writer = TextIndexWriter::default();
//! let mut body = writer.column("body");
//! for page in ["payment accepted", "card declined: order 7f3a91"] {
//!     body.add(page);
//!     body.end_page();
//! }
//! body.finish();
//! let owner = IndexOwner { checksum: 7, rows: 2, pages: 2 };
//! let file = Bytes::from(writer.finish(owner).expect("something was indexed"));
//!
//! let length = file.len() as u64;
//! let index = TextIndex::open(owner, length, move |at, bytes| Ok(file.slice(at as usize..at as usize + bytes)))?;
//! let declined = TextMatch::phrase("order 7F3A91").ask();
//! assert_eq!(index.pages("body", &declined)?, Some(vec![false, true]));
//! # Ok(())
//! # }
//! ```

mod ask;
mod hash;
mod index;
mod scan;
mod template;
mod terms;
mod text_match;
mod words;

pub use ask::Ask;
pub use index::{ColumnIndexWriter, IndexError, IndexOwner, TextIndex, TextIndexWriter};
pub use scan::TextScan;
pub use template::{template, template_id};
pub use text_match::{Pattern, TextMatch};
pub use words::{fold, folded_words, is_word, words};
