//! The encoding of Gorilla, for comparison: each double as the bits in which it differs from the one before. Pelkonen and others, "Gorilla: A
//! Fast, Scalable, In-Memory Time Series Database" (2015).

/// Bits, the highest first.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: usize,
}

impl Bits {
    fn push(&mut self, value: u64, count: u32) {
        for bit in (0..count).rev() {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            if let Some(last) = self.bytes.last_mut() {
                *last |= ((value >> bit & 1) as u8) << (7 - self.used % 8);
            }
            self.used += 1;
        }
    }
}

/// Writes doubles.
pub fn write(values: &[u64]) -> Vec<u8> {
    let mut bits = Bits::default();
    let (mut before, mut leading, mut trailing) = (0, u32::MAX, 0);
    for (number, value) in values.iter().enumerate() {
        let difference = value ^ before;
        before = *value;
        if number == 0 {
            bits.push(*value, 64);
        } else if difference == 0 {
            bits.push(0, 1);
        } else if leading != u32::MAX
            && difference.leading_zeros() >= leading
            && difference.trailing_zeros() >= trailing
        {
            bits.push(0b10, 2);
            bits.push(difference >> trailing, 64 - leading - trailing);
        } else {
            (leading, trailing) = (difference.leading_zeros().min(31), difference.trailing_zeros());
            bits.push(0b11, 2);
            bits.push(u64::from(leading), 5);
            bits.push(u64::from(64 - leading - trailing - 1), 6);
            bits.push(difference >> trailing, 64 - leading - trailing);
        }
    }
    bits.bytes
}

/// Reads so many doubles.
pub fn read(bytes: &[u8], count: usize) -> Vec<u64> {
    let mut at = 0;
    let mut take = |count: u32| {
        (0..count).fold(0u64, |value, _| {
            let bit = bytes[at / 8] >> (7 - at % 8) & 1;
            at += 1;
            value << 1 | u64::from(bit)
        })
    };
    let (mut value, mut leading, mut trailing) = (0, 0, 0);
    let mut values = Vec::with_capacity(count);
    for number in 0..count {
        if number == 0 {
            value = take(64);
        } else if take(1) == 1 {
            if take(1) == 1 {
                leading = take(5) as u32;
                trailing = 64 - leading - (take(6) as u32 + 1);
            }
            value ^= take(64 - leading - trailing) << trailing;
        }
        values.push(value);
    }
    values
}
