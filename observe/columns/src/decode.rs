//! Values and levels out of pages, as bytes: the inverse of the page encoders.
//!
//! Every function takes what it is given as hostile: it answers with what is wrong, never panics, and makes no room for
//! more than the caller said there is. Formats: <https://parquet.apache.org/docs/file-format/data-pages/encodings/>.

use vitrine_kit::varint;

/// What is wrong with a page.
pub(crate) type Malformation = &'static str;

/// Widest value of [`hybrid`] and of a block of [`lengths`], in bits.
const MAX_WIDTH: usize = 32;
/// Values of a packed group.
const GROUP: usize = 8;
/// Bytes that the fast kernels read beyond a group.
const WINDOW: usize = 8;
/// Most values of a block of [`lengths`]; all writers use 128.
const MAX_BLOCK: usize = 1 << 16;

const CUT_OFF: Malformation = "is cut off";
const TOO_MANY: Malformation = "holds other than the number of values it should";

fn varint(bytes: &mut &[u8]) -> Result<u64, Malformation> {
    varint::read(bytes).map_err(|malformed| match malformed {
        varint::Malformed::CutOff => CUT_OFF,
        varint::Malformed::TooLong => "holds a number of more than 64 bits",
    })
}

/// The inverse of [`zigzag`](crate::encode::zigzag).
pub(crate) fn zigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Takes the first `length` bytes off.
fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Result<&'a [u8], Malformation> {
    let (taken, rest) = bytes.split_at_checked(length).ok_or(CUT_OFF)?;
    *bytes = rest;
    Ok(taken)
}

/// Values of `W` bits, packed from the lowest bit on. There must be bytes for whole groups.
fn unpack<const W: usize>(bytes: &[u8], out: &mut [u32]) {
    let mask = if W == MAX_WIDTH { u32::MAX } else { (1 << W) - 1 };
    let mut groups = out.chunks_exact_mut(GROUP);
    let mut at = 0;
    for group in &mut groups {
        if at + W + WINDOW > bytes.len() {
            group.copy_from_slice(&last_group::<W>(&bytes[at..at + W], mask));
        } else {
            let window = &bytes[at..at + W + WINDOW];
            for (place, value) in group.iter_mut().enumerate() {
                *value = bits(&window[place * W / 8..place * W / 8 + 8], place * W % 8) & mask;
            }
        }
        at += W;
    }
    let rest = groups.into_remainder();
    if !rest.is_empty() {
        let values = last_group::<W>(&bytes[at..at + W], mask);
        rest.copy_from_slice(&values[..rest.len()]);
    }
}

fn bits(bytes: &[u8], shift: usize) -> u32 {
    let mut eight = [0; 8];
    eight.copy_from_slice(bytes);
    (u64::from_le_bytes(eight) >> shift) as u32
}

#[cold]
fn last_group<const W: usize>(bytes: &[u8], mask: u32) -> [u32; GROUP] {
    let mut padded = [0; MAX_WIDTH + WINDOW];
    padded[..W].copy_from_slice(bytes);
    std::array::from_fn(|place| bits(&padded[place * W / 8..place * W / 8 + 8], place * W % 8) & mask)
}

/// [`unpack`] of one width.
type Kernel = fn(&[u8], &mut [u32]);

/// Kernels by their width.
const KERNELS: [Kernel; MAX_WIDTH + 1] = [
    unpack::<0>,
    unpack::<1>,
    unpack::<2>,
    unpack::<3>,
    unpack::<4>,
    unpack::<5>,
    unpack::<6>,
    unpack::<7>,
    unpack::<8>,
    unpack::<9>,
    unpack::<10>,
    unpack::<11>,
    unpack::<12>,
    unpack::<13>,
    unpack::<14>,
    unpack::<15>,
    unpack::<16>,
    unpack::<17>,
    unpack::<18>,
    unpack::<19>,
    unpack::<20>,
    unpack::<21>,
    unpack::<22>,
    unpack::<23>,
    unpack::<24>,
    unpack::<25>,
    unpack::<26>,
    unpack::<27>,
    unpack::<28>,
    unpack::<29>,
    unpack::<30>,
    unpack::<31>,
    unpack::<32>,
];

/// Appends `count` values of `width` bits in runs and packed groups (Parquet's `RLE`). All bytes must be used, and what
/// fills up the last group must be zero: so a wrong count shows.
pub(crate) fn hybrid(mut bytes: &[u8], width: usize, count: usize, out: &mut Vec<u32>) -> Result<(), Malformation> {
    let kernel = KERNELS.get(width).ok_or("holds values of more than 32 bits")?;
    let end = out.len() + count;
    if width == 0 && bytes.is_empty() {
        out.resize(end, 0);
        return Ok(());
    }
    while out.len() < end {
        let left = end - out.len();
        let header = varint(&mut bytes)?;
        let number = usize::try_from(header >> 1).map_err(|_| TOO_MANY)?;
        if number == 0 {
            return Err("holds a run of nothing");
        }
        if header & 1 == 0 {
            if number > left {
                return Err(TOO_MANY);
            }
            let value = run_value(take(&mut bytes, width.div_ceil(8))?);
            out.resize(out.len() + number, value);
        } else {
            if number > left.div_ceil(GROUP) {
                return Err(TOO_MANY);
            }
            let packed = take(&mut bytes, number * width)?;
            let start = out.len();
            out.resize(start + number * GROUP, 0);
            kernel(packed, &mut out[start..]);
            if out.len() > end && out[end..].iter().any(|filler| *filler != 0) {
                return Err(TOO_MANY);
            }
            out.truncate(end);
        }
    }
    if bytes.is_empty() { Ok(()) } else { Err(TOO_MANY) }
}

fn run_value(bytes: &[u8]) -> u32 {
    let mut four = [0; 4];
    four[..bytes.len()].copy_from_slice(bytes);
    u32::from_le_bytes(four)
}

/// Levels of a page, one for each value, nulls included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Levels {
    /// All alike.
    All(u32),
    /// One by one.
    Each(Vec<u32>),
}

impl Levels {
    /// Takes the levels that `bytes` begin with off it; `max` is the highest they may be.
    pub fn take(bytes: &mut &[u8], max: u32, count: usize) -> Result<Self, Malformation> {
        let width = (u32::BITS - max.leading_zeros()) as usize;
        let length = run_value(take(bytes, 4)?) as usize;
        let bytes = take(bytes, length)?;
        let mut rest = bytes;
        if count > 0 && varint(&mut rest)? == (count as u64) << 1 && rest.len() == 1 {
            return if u32::from(rest[0]) <= max { Ok(Self::All(rest[0].into())) } else { Err("holds a wrong level") };
        }
        // The count has no checksum; the bytes have.
        let mut levels = Vec::with_capacity(count.min(bytes.len() * GROUP));
        hybrid(bytes, width, count, &mut levels)?;
        if levels.iter().any(|level| *level > max) { Err("holds a wrong level") } else { Ok(Self::Each(levels)) }
    }

    /// How many of `count` levels are at least `level`.
    pub fn at_least(&self, level: u32, count: usize) -> usize {
        match self {
            Self::All(all) => count * usize::from(*all >= level),
            Self::Each(levels) => levels.iter().filter(|each| **each >= level).count(),
        }
    }
}

/// Appends `count` values of `N` bytes, each as `make` has it of its bytes.
pub(crate) fn plain<const N: usize, T>(
    bytes: &[u8],
    count: usize,
    make: impl Fn([u8; N]) -> T,
    out: &mut Vec<T>,
) -> Result<(), Malformation> {
    let (values, rest) = bytes.as_chunks::<N>();
    if values.len() != count || !rest.is_empty() {
        return Err(TOO_MANY);
    }
    out.extend(values.iter().map(|value| make(*value)));
    Ok(())
}

/// Appends `count` eight-byte numbers of which first all first bytes stand, then all second bytes, and so on.
pub(crate) fn byte_stream_split<T>(
    bytes: &[u8],
    count: usize,
    make: impl Fn([u8; 8]) -> T,
    out: &mut Vec<T>,
) -> Result<(), Malformation> {
    if Some(bytes.len()) != count.checked_mul(8) {
        return Err(TOO_MANY);
    }
    let stream = |place: usize| &bytes[place * count..][..count];
    let [a, b, c, d, e, f, g, h]: [&[u8]; 8] = std::array::from_fn(stream);
    let value = |at: usize| make([a[at], b[at], c[at], d[at], e[at], f[at], g[at], h[at]]);
    out.extend((0..count).map(value));
    Ok(())
}

/// Appends `count` booleans of one bit each.
pub(crate) fn bools(bytes: &[u8], count: usize, out: &mut Vec<u8>) -> Result<(), Malformation> {
    if bytes.len() != count.div_ceil(8) {
        return Err(TOO_MANY);
    }
    out.extend((0..count).map(|row| bytes[row / 8] >> (row % 8) & 1));
    Ok(())
}

/// Texts one after another, each with its length before it; the places where each starts, and where the last ends.
pub(crate) fn plain_texts(bytes: &[u8], count: usize) -> Result<Vec<u32>, Malformation> {
    // Each takes four bytes at least: so there is no more room made than there are bytes.
    if u32::try_from(bytes.len()).is_err() || count > bytes.len() / 4 {
        return Err(TOO_MANY);
    }
    let mut starts = Vec::with_capacity(count + 1);
    let mut at = 0;
    starts.push(0);
    for _ in 0..count {
        let length = bytes.get(at..at + 4).ok_or(CUT_OFF)?;
        at += 4 + run_value(length) as usize;
        starts.push(at as u32);
        if at > bytes.len() {
            return Err(CUT_OFF);
        }
    }
    if at == bytes.len() { Ok(starts) } else { Err(TOO_MANY) }
}

/// `count` texts, first all lengths, then all bytes (`DELTA_LENGTH_BYTE_ARRAY`): where each ends in what is left.
pub(crate) fn delta_length_texts(bytes: &[u8], count: usize) -> Result<(Vec<u32>, &[u8]), Malformation> {
    let mut rest = bytes;
    let mut ends = lengths(&mut rest, count)?;
    let mut end = 0u32;
    for length in &mut ends {
        end = end.checked_add(*length).ok_or(TOO_MANY)?;
        *length = end;
    }
    if end as usize == rest.len() { Ok((ends, rest)) } else { Err(TOO_MANY) }
}

/// Takes `count` lengths off (`DELTA_BINARY_PACKED`).
fn lengths(bytes: &mut &[u8], count: usize) -> Result<Vec<u32>, Malformation> {
    let mut size = |most: usize| usize::try_from(varint(bytes)?).ok().filter(|size| *size <= most).ok_or(TOO_MANY);
    let (block, miniblocks, total) = (size(MAX_BLOCK)?, size(MAX_BLOCK)?, size(count)?);
    if total != count {
        return Err(TOO_MANY);
    }
    if miniblocks == 0 || block % miniblocks != 0 || block / miniblocks % (4 * GROUP) != 0 || block == 0 {
        return Err("has blocks of a wrong size");
    }
    let length = |value: i64| u32::try_from(value).map_err(|_| "holds a length that is none");
    let mut last = zigzag(varint(bytes)?);
    let mut out = Vec::new();
    if count > 0 {
        out.push(length(last)?);
    }
    let mut deltas = vec![0; block / miniblocks];
    while out.len() < count {
        let min = zigzag(varint(bytes)?);
        for width in take(bytes, miniblocks)? {
            let wanted = (count - out.len()).min(deltas.len());
            if wanted == 0 {
                break;
            }
            let width = usize::from(*width);
            let kernel = KERNELS.get(width).ok_or("holds values of more than 32 bits")?;
            kernel(take(bytes, deltas.len() / 8 * width)?, &mut deltas);
            for delta in &deltas[..wanted] {
                last = last.wrapping_add(min).wrapping_add(i64::from(*delta));
                out.push(length(last)?);
            }
        }
    }
    Ok(out)
}

/// Appends values where there are any, and `null` elsewhere: where `levels` are `present`. What is below `skip` is no
/// element at all.
pub(crate) fn spread<T: Copy>(
    levels: &[u32],
    present: u32,
    skip: u32,
    values: &[T],
    null: T,
    out: &mut Vec<T>,
) -> Result<(), Malformation> {
    let mut values = values.iter();
    for level in levels {
        if *level == present {
            out.push(*values.next().ok_or(TOO_MANY)?);
        } else if *level >= skip {
            out.push(null);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, prop_assert_eq, proptest};

    use std::sync::Arc;

    use bytes::Bytes;
    use parquet::basic::{Compression, Encoding};
    use parquet::column::page::Page;
    use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, Int64Type};
    use parquet::file::properties::WriterProperties;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;

    use super::{Levels, bools, byte_stream_split, delta_length_texts, hybrid, plain, plain_texts};

    /// Packs values as the format says, bit by bit.
    fn packed(values: &[u32], width: usize) -> Vec<u8> {
        let mut out = vec![0; (values.len() * width).div_ceil(8)];
        for (place, value) in values.iter().enumerate() {
            for bit in 0..width {
                let at = place * width + bit;
                out[at / 8] |= ((value >> bit & 1) as u8) << (at % 8);
            }
        }
        out
    }

    #[test]
    fn packed_values_of_every_width_are_read() {
        for width in 1..=32 {
            for groups in [1, 2, 3, 9] {
                let mask = u32::MAX >> (32 - width);
                let values: Vec<u32> =
                    (0..groups as u32 * 8).map(|n| n.wrapping_mul(0x9E37_79B9).rotate_left(n) & mask).collect();
                let mut bytes = vec![(groups << 1 | 1) as u8];
                bytes.extend(packed(&values, width));
                let mut out = Vec::new();
                hybrid(&bytes, width, values.len(), &mut out).expect("valid");
                assert_eq!(out, values, "{width} bits, {groups} groups");
                assert!(hybrid(&bytes[..bytes.len() - 1], width, values.len(), &mut out).is_err());
                assert!(hybrid(&bytes, width, values.len() + 1, &mut out).is_err());
            }
        }
    }

    #[test]
    fn runs_and_groups_mix_and_a_wrong_count_shows() {
        // Ten threes, then 1 2 3 0 1 and three to fill up.
        let bytes = [20, 3, 3, 0b0011_1001, 0b0000_0001];
        let mut out = Vec::new();
        hybrid(&bytes, 2, 15, &mut out).expect("valid");
        assert_eq!(out, [3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 1, 2, 3, 0, 1]);
        assert!(hybrid(&bytes, 2, 14, &mut out).is_err(), "what fills up is not zero");
        assert!(hybrid(&bytes, 2, 19, &mut out).is_err());
        assert!(hybrid(&[0xFF; 10], 33, 1, &mut out).is_err());
        assert!(hybrid(&[0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1, 0], 1, 9, &mut out).is_err());
    }

    #[test]
    fn levels_that_are_alike_are_not_written_out() {
        let mut bytes: &[u8] = &[2, 0, 0, 0, 16, 1, 77];
        assert_eq!(Levels::take(&mut bytes, 1, 8), Ok(Levels::All(1)));
        assert_eq!(bytes, [77]);
        let mut bytes: &[u8] = &[2, 0, 0, 0, 3, 0b101];
        assert_eq!(Levels::take(&mut bytes, 1, 3), Ok(Levels::Each(vec![1, 0, 1])));
    }

    #[test]
    fn texts_must_fit_exactly() {
        let bytes = [1, 0, 0, 0, b'a', 0, 0, 0, 0];
        assert_eq!(plain_texts(&bytes, 2), Ok(vec![0, 5, 9]));
        for (cut, count) in [(8, 2), (9, 1), (9, 3), (9, usize::MAX)] {
            assert!(plain_texts(&bytes[..cut], count).is_err(), "{count} texts in {cut} bytes");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200), width in 0usize..40, count in 0usize..1000) {
            let mut out = Vec::new();
            if hybrid(&bytes, width, count, &mut out).is_ok() {
                prop_assert_eq!(out.len(), count);
            }
            let _ = Levels::take(&mut &*bytes, 2, count);
            let _ = plain_texts(&bytes, count);
            if let Ok((ends, rest)) = delta_length_texts(&bytes, count) {
                prop_assert_eq!((ends.len(), ends.last().map_or(0, |end| *end as usize)), (count, rest.len()));
            }
        }
    }

    /// The pages of one optional column as the Parquet library writes it.
    fn library_pages<T: DataType>(
        field: &str,
        values: &[T::T],
        levels: &[i16],
        encoding: Option<Encoding>,
    ) -> Vec<Page> {
        let schema = Arc::new(parse_message_type(&format!("message m {{ optional {field} x; }}")).expect("a schema"));
        let properties = WriterProperties::builder().set_compression(Compression::UNCOMPRESSED);
        let properties = match encoding {
            Some(encoding) => properties.set_dictionary_enabled(false).set_encoding(encoding),
            None => properties.set_dictionary_enabled(true),
        };
        let mut file = Vec::new();
        let mut writer = SerializedFileWriter::new(&mut file, schema, Arc::new(properties.build())).expect("a writer");
        let mut group = writer.next_row_group().expect("a row group");
        let mut column = group.next_column().expect("a column").expect("a column");
        column.typed::<T>().write_batch(values, Some(levels), None).expect("written");
        column.close().expect("closed");
        group.close().expect("closed");
        writer.close().expect("closed");
        let reader = SerializedFileReader::new(Bytes::from(file)).expect("a reader");
        let pages = reader.get_row_group(0).expect("a row group").get_column_page_reader(0).expect("pages");
        pages.map(|page| page.expect("a page")).collect()
    }

    /// The levels and the bytes of values of the last page.
    fn last_page(pages: &[Page], levels: &[i16]) -> Bytes {
        let page = pages.last().expect("a page");
        let buffer = page.buffer().clone();
        let mut rest = &buffer[..];
        match Levels::take(&mut rest, 1, levels.len()).expect("levels") {
            Levels::All(all) => assert!(levels.iter().all(|level| *level as u32 == all)),
            Levels::Each(each) => assert!(each.iter().zip(levels).all(|(each, level)| *each == *level as u32)),
        }
        buffer.slice(buffer.len() - rest.len()..)
    }

    #[test]
    fn pages_of_the_parquet_library_are_read() {
        for (count, every) in [(1, 1), (7, 2), (1000, 1), (1000, 3), (4099, 7), (3000, 1000)] {
            let levels: Vec<i16> = (0..count).map(|n| i16::from(n % every == 0)).collect();
            let present = levels.iter().filter(|level| **level == 1).count();
            let numbers: Vec<i64> = (0..present as i64).map(|n| n.wrapping_mul(n) % 300 - 70).collect();
            let texts: Vec<ByteArray> =
                numbers.iter().map(|n| ByteArray::from(&*"t".repeat((n + 70) as usize))).collect();
            let flags: Vec<bool> = numbers.iter().map(|n| n % 3 == 0).collect();

            let pages = library_pages::<Int64Type>("int64", &numbers, &levels, Some(Encoding::BYTE_STREAM_SPLIT));
            let mut out = Vec::new();
            byte_stream_split(&last_page(&pages, &levels), present, i64::from_le_bytes, &mut out).expect("valid");
            assert_eq!(out, numbers);

            let pages = library_pages::<Int64Type>("int64", &numbers, &levels, None);
            let mut distinct = Vec::new();
            let count = pages[0].num_values() as usize;
            plain(pages[0].buffer(), count, i64::from_le_bytes, &mut distinct).expect("valid");
            let body = last_page(&pages, &levels);
            let mut codes = Vec::new();
            hybrid(&body[1..], body[0].into(), present, &mut codes).expect("valid");
            assert_eq!(codes.iter().map(|code| distinct[*code as usize]).collect::<Vec<_>>(), numbers);

            let pages =
                library_pages::<ByteArrayType>("binary", &texts, &levels, Some(Encoding::DELTA_LENGTH_BYTE_ARRAY));
            let body = last_page(&pages, &levels);
            let (ends, bytes) = delta_length_texts(&body, present).expect("valid");
            let mut start = 0;
            for (end, text) in ends.iter().zip(&texts) {
                assert_eq!(&bytes[start..*end as usize], text.data());
                start = *end as usize;
            }

            let pages = library_pages::<ByteArrayType>("binary", &texts, &levels, Some(Encoding::PLAIN));
            let body = last_page(&pages, &levels);
            let starts = plain_texts(&body, present).expect("valid");
            for (ends, text) in starts.windows(2).zip(&texts) {
                assert_eq!(&body[ends[0] as usize + 4..ends[1] as usize], text.data());
            }

            let pages = library_pages::<BoolType>("boolean", &flags, &levels, Some(Encoding::PLAIN));
            let mut out = Vec::new();
            bools(&last_page(&pages, &levels), present, &mut out).expect("valid");
            assert_eq!(out.iter().map(|flag| *flag == 1).collect::<Vec<_>>(), flags);
        }
    }
}
