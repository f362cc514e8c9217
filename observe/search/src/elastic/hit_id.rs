//! Ids of documents that were sent without one: their time and tie, so that nothing is kept for them.

use std::ops::Bound;

use vitrine_observe_model::elastic::ID_ATTRIBUTE;
use vitrine_observe_model::{LogCursor, LogField, LogFilter, LogTest};

use super::fields::any_of;

/// Digits of an id, in order: as many bits as 26 of them can hold, without letters that look like digits.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Digits of a time and a tie.
const LENGTH: usize = 26;
/// What an id begins with, so that it is not taken for one that was sent.
const PREFIX: char = '~';
/// Bits of one digit.
const DIGIT_BITS: u32 = 5;

/// The id of a record that was sent without one.
pub(crate) fn of(cursor: LogCursor) -> String {
    let number = u128::from(cursor.time_ns) << u64::BITS | u128::from(cursor.tie);
    let digits = (0..LENGTH as u32).rev().map(|place| DIGITS[(number >> (DIGIT_BITS * place)) as usize % DIGITS.len()]);
    [PREFIX].into_iter().chain(digits.map(char::from)).collect()
}

/// The record of such an id; none if it is another's.
pub(crate) fn read(id: &str) -> Option<LogCursor> {
    let digits = id.strip_prefix(PREFIX).filter(|digits| digits.len() == LENGTH)?;
    let mut number = 0u128;
    for digit in digits.bytes() {
        let value = DIGITS.iter().position(|known| *known == digit)?;
        number = number.checked_mul(DIGITS.len() as u128)?.checked_add(value as u128)?;
    }
    let (time_ns, tie) = (u64::try_from(number >> u64::BITS).ok()?, number as u64);
    Some(LogCursor { time_ns, tie })
}

/// What a document of an id meets: that it was sent with the id, or is of its time.
pub(crate) fn filter(id: &str) -> LogFilter {
    let sent = LogFilter::equal(LogField::Attribute(ID_ATTRIBUTE.to_owned()), id);
    let Some(cursor) = read(id) else { return sent };
    let time = Bound::Included(cursor.time_ns as f64);
    any_of(vec![sent, LogFilter::Field(LogField::Time, LogTest::Number(time, time))])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::{of, read};
    use vitrine_observe_model::LogCursor;

    proptest! {
        #[test]
        fn ids_are_read_back(time_ns in any::<u64>(), tie in any::<u64>(), other in any::<String>()) {
            let cursor = LogCursor { time_ns, tie };
            assert_eq!(read(&of(cursor)), Some(cursor));
            if let Some(found) = read(&other) {
                assert_eq!(of(found), other);
            }
        }
    }
}
