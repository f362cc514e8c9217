//! Protobuf as it comes over the wire: one field after the other, nothing copied, nothing trusted.

use vitrine_kit::varint;

/// How deep groups, which OTLP does not use, may be nested before a message is refused.
const MAX_GROUP_DEPTH: u32 = 64;

/// Bytes that are not the message that they should be. Nothing of the request was taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("byte {offset}: {problem}; expected an OTLP export request in protobuf")]
pub struct Malformed {
    /// How far into the request.
    pub offset: usize,
    /// What was found.
    pub problem: &'static str,
}

/// A fault, with the address of the byte at fault: a part of a message does not know where it lies in the whole.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    problem: &'static str,
    address: usize,
}

impl Fault {
    /// What is wrong.
    pub(crate) fn problem(self) -> &'static str {
        self.problem
    }

    /// The fault as told to the sender.
    pub(crate) fn within(self, request: &[u8]) -> Malformed {
        Malformed { offset: self.address.saturating_sub(request.as_ptr().addr()), problem: self.problem }
    }
}

/// A set of field numbers below 64: those that a message knows.
pub(crate) const fn fields(numbers: &[u32]) -> u64 {
    let mut set = 0;
    let mut place = 0;
    while place < numbers.len() {
        set |= 1 << numbers[place];
        place += 1;
    }
    set
}

/// The key of a field with a varint.
pub(crate) const fn varint(number: u32) -> u32 {
    number << 3
}

/// The key of a field with eight bytes.
pub(crate) const fn fixed64(number: u32) -> u32 {
    number << 3 | 1
}

/// The key of a field with a text, bytes, a message, or packed numbers.
pub(crate) const fn length(number: u32) -> u32 {
    number << 3 | 2
}

/// The key of a field with four bytes.
pub(crate) const fn fixed32(number: u32) -> u32 {
    number << 3 | 5
}

/// Reads a message's fields in order. `Copy`, so that a place can be remembered.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// What was not read yet.
    #[inline(always)]
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next field's key; none at the end.
    #[inline(always)]
    pub(crate) fn key(&mut self) -> Result<Option<u32>, Fault> {
        match *self.rest {
            [] => Ok(None),
            [key, ref rest @ ..] if key < 0x80 => {
                self.rest = rest;
                Ok(Some(u32::from(key)))
            }
            _ => self.long_key().map(Some),
        }
    }

    #[inline(never)]
    fn long_key(&mut self) -> Result<u32, Fault> {
        let here = *self;
        u32::try_from(self.varint()?).map_err(|_| here.fault("a field number that is too large"))
    }

    /// A varint.
    #[inline(always)]
    pub(crate) fn varint(&mut self) -> Result<u64, Fault> {
        varint::read(&mut self.rest).map_err(|malformed| {
            self.fault(match malformed {
                varint::Malformed::CutOff => "a varint without an end",
                varint::Malformed::TooLong => "a varint of more than 64 bits",
            })
        })
    }

    /// A text, bytes, a message, or packed numbers.
    #[inline(always)]
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Fault> {
        let length = self.varint()?;
        match usize::try_from(length).ok().and_then(|length| self.rest.split_at_checked(length)) {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(bytes)
            }
            None => Err(self.fault("a length that goes past the end")),
        }
    }

    /// Eight bytes.
    #[inline(always)]
    pub(crate) fn fixed64(&mut self) -> Result<u64, Fault> {
        match self.rest.split_first_chunk() {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(u64::from_le_bytes(*bytes))
            }
            None => Err(self.fault("a number of 8 bytes that is cut off")),
        }
    }

    /// Four bytes.
    #[inline(always)]
    pub(crate) fn fixed32(&mut self) -> Result<u32, Fault> {
        match self.rest.split_first_chunk() {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(u32::from_le_bytes(*bytes))
            }
            None => Err(self.fault("a number of 4 bytes that is cut off")),
        }
    }

    /// A floating point number.
    pub(crate) fn double(&mut self) -> Result<f64, Fault> {
        self.fixed64().map(f64::from_bits)
    }

    /// A whole number of 32 bits in zigzag.
    pub(crate) fn zigzag32(&mut self) -> Result<i32, Fault> {
        let value = self.varint()? as u32;
        Ok((value >> 1) as i32 ^ -((value & 1) as i32))
    }

    /// Skips a field that the message does not know. A known field of another wire type is a fault.
    #[inline(never)]
    pub(crate) fn skip(&mut self, key: u32, known: u64) -> Result<(), Fault> {
        let number = key >> 3;
        if number == 0 {
            return Err(self.fault("a field with the number 0"));
        }
        if number < 64 && known >> number & 1 == 1 {
            return Err(self.fault("a field of the wrong wire type"));
        }
        self.skip_value(key, 0)
    }

    fn skip_value(&mut self, key: u32, depth: u32) -> Result<(), Fault> {
        match key & 7 {
            0 => self.varint().map(drop),
            1 => self.fixed64().map(drop),
            2 => self.bytes().map(drop),
            3 => self.skip_group(key >> 3, depth + 1),
            4 => Err(self.fault("the end of a group that did not begin")),
            5 => self.fixed32().map(drop),
            _ => Err(self.fault("an unknown wire type")),
        }
    }

    fn skip_group(&mut self, number: u32, depth: u32) -> Result<(), Fault> {
        if depth > MAX_GROUP_DEPTH {
            return Err(self.fault("groups that are nested too deep"));
        }
        loop {
            let Some(key) = self.key()? else { return Err(self.fault("a group without an end")) };
            if key == number << 3 | 4 {
                return Ok(());
            }
            if key >> 3 == 0 {
                return Err(self.fault("a field with the number 0"));
            }
            self.skip_value(key, depth)?;
        }
    }

    /// A fault at this place.
    #[cold]
    pub(crate) fn fault(&self, problem: &'static str) -> Fault {
        Fault { problem, address: self.rest.as_ptr().addr() }
    }
}
