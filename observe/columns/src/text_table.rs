//! Distinct texts that can be looked through at once.

/// Distinct texts, which lie one after the other in the order of their codes.
pub(crate) trait TextTable {
    /// How many there are.
    fn count(&self) -> u32;
    /// The code of a text, if it has one.
    fn code_of(&self, text: &[u8]) -> Option<u32>;
    /// What all are parts of.
    fn bytes(&self) -> &[u8];
    /// Where the text of a code starts and ends. Panics for a code that there is not.
    fn place(&self, code: u32) -> (u32, u32);
}
