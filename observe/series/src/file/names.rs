//! What is kept of series beside their samples: ids, kinds, and the labels of their views, as numbers of texts.

use vitrine_kit::varint;

use crate::chunk::{read_byte, read_bytes, read_length};
use crate::error::FileError;
use crate::file::BLOCK_SERIES;
use crate::{MetricType, Projection, SeriesId, Temporality};

/// Most bytes of an identity.
const MAX_IDENTITY: usize = 16 << 20;
pub(crate) const KINDS: [MetricType; 8] = [
    MetricType::Unknown,
    MetricType::Counter,
    MetricType::Gauge,
    MetricType::Histogram,
    MetricType::GaugeHistogram,
    MetricType::Summary,
    MetricType::Info,
    MetricType::StateSet,
];
/// Bytes of an id, and of a kind.
const ID_AND_KIND: usize = 16 + 1;
/// A view of a bucket, behind which its bound follows.
const BUCKET: u8 = 3;
const TEMPORALITIES: [Temporality; 2] = [Temporality::Cumulative, Temporality::Delta];

/// A series.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NamedSeries {
    pub id: SeriesId,
    pub kind: MetricType,
    pub temporality: Temporality,
    pub views: Vec<NamedView>,
}

/// A view of a series.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NamedView {
    pub projection: Projection,
    /// Names and values of labels, in order.
    pub labels: Vec<(u32, u32)>,
}

impl NamedSeries {
    /// By which series stand in order: the labels under which they are found, then their ids.
    pub(crate) fn order(&self) -> (&[(u32, u32)], SeriesId) {
        (self.views.first().map_or(&[], |view| view.labels.as_slice()), self.id)
    }

    /// Adds it to a block.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.id.0.to_be_bytes());
        let kind = KINDS.iter().position(|kind| *kind == self.kind).unwrap_or(0);
        let temporality = TEMPORALITIES.iter().position(|it| *it == self.temporality).unwrap_or(0);
        out.push((kind << 1 | temporality) as u8);
        varint::write(out, self.views.len() as u64);
        for view in &self.views {
            match view.projection {
                Projection::Whole => out.push(0),
                Projection::Count => out.push(1),
                Projection::Sum => out.push(2),
                Projection::Bucket(le) => {
                    out.push(BUCKET);
                    out.extend(le.to_le_bytes());
                }
            }
            varint::write(out, view.labels.len() as u64);
            for (name, value) in &view.labels {
                varint::write(out, u64::from(*name));
                varint::write(out, u64::from(*value));
            }
        }
    }

    /// How many views it has that comes next.
    pub(crate) fn count_views(bytes: &[u8]) -> Result<u32, FileError> {
        let mut bytes = bytes;
        read_bytes(&mut bytes, ID_AND_KIND)?;
        // Each takes bytes.
        let most = bytes.len();
        Ok(read_length(&mut bytes, most)? as u32)
    }

    /// Passes over the one that comes next.
    pub(crate) fn skip(bytes: &mut &[u8]) -> Result<(), FileError> {
        read_bytes(bytes, ID_AND_KIND)?;
        let most = bytes.len();
        for _ in 0..read_length(bytes, most)? {
            if read_byte(bytes)? == BUCKET {
                read_bytes(bytes, size_of::<u64>())?;
            }
            let numbers = 2 * read_length(bytes, most)?;
            // Each ends with a byte whose upper bit is not set.
            let mut ends = bytes.iter().enumerate().filter(|(_, byte)| **byte < 0x80).map(|(at, _)| at + 1);
            let length = if numbers == 0 { Some(0) } else { ends.nth(numbers - 1) };
            *bytes = &bytes[length.ok_or(FileError::Damaged("it ends within a value"))?..];
        }
        Ok(())
    }

    /// Reads the one that comes next.
    pub(crate) fn read(bytes: &mut &[u8]) -> Result<Self, FileError> {
        let id = read_bytes(bytes, 16)?.first_chunk().map_or(0, |id| u128::from_be_bytes(*id));
        let head = usize::from(read_byte(bytes)?);
        let kind = *KINDS.get(head >> 1).ok_or(FileError::Damaged("a series of an unknown kind"))?;
        let mut views = Vec::new();
        let most = bytes.len();
        for _ in 0..read_length(bytes, most)? {
            let projection = match read_byte(bytes)? {
                0 => Projection::Whole,
                1 => Projection::Count,
                2 => Projection::Sum,
                BUCKET => {
                    Projection::Bucket(read_bytes(bytes, 8)?.first_chunk().map_or(0, |le| u64::from_le_bytes(*le)))
                }
                _ => return Err(FileError::Damaged("a view of an unknown kind")),
            };
            let count = read_length(bytes, most)?;
            let mut number = || read_length(bytes, u32::MAX as usize).map(|number| number as u32);
            let labels: Vec<(u32, u32)> =
                (0..count).map(|_| Ok((number()?, number()?))).collect::<Result<_, FileError>>()?;
            if !labels.is_sorted_by(|one, other| one.0 < other.0) {
                return Err(FileError::Damaged("labels are not in order"));
            }
            views.push(NamedView { projection, labels });
        }
        Ok(Self { id: SeriesId(id), kind, temporality: TEMPORALITIES[head & 1], views })
    }

    /// All series of a block.
    pub(crate) fn read_block(mut bytes: &[u8]) -> Result<Vec<Self>, FileError> {
        let mut series = Vec::new();
        while !bytes.is_empty() && series.len() < BLOCK_SERIES {
            series.push(Self::read(&mut bytes)?);
        }
        if bytes.is_empty() { Ok(series) } else { Err(FileError::Damaged("a block has too many series")) }
    }
}

/// Adds an identity to a block.
pub(crate) fn write_identity(identity: &[u8], out: &mut Vec<u8>) {
    varint::write(out, identity.len() as u64);
    out.extend(identity);
}

/// All identities of a block.
pub(crate) fn read_identities(mut bytes: &[u8]) -> Result<Vec<&[u8]>, FileError> {
    let mut identities = Vec::new();
    while !bytes.is_empty() {
        let length = read_length(&mut bytes, MAX_IDENTITY)?;
        identities.push(read_bytes(&mut bytes, length)?);
    }
    Ok(identities)
}
