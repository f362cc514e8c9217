//! Version 2.0: `io.prometheus.write.v2.Request`. Texts stand once in a table, and are called by their places in it.

use vitrine_observe_series::Exemplar;

use super::histogram;
use super::series::{Decoder, ReadMetadata, ReadSample, ReadSeries, labels_of, metric_type, refused};
use crate::rejected::{Refusal, Rejected};
use crate::wire::{Fault, Reader, fields, fixed64, length, varint};

const REQUEST: u64 = fields(&[4, 5]);
const SERIES: u64 = fields(&[1, 2, 3, 4, 5]);
const SAMPLE: u64 = fields(&[1, 2, 3]);
const EXEMPLAR: u64 = fields(&[1, 2, 3]);
const METADATA: u64 = fields(&[1, 3, 4]);
/// What is expected of the places of texts.
const PLACES: &str = "places in symbols, two for each label";

/// What of a series needs the table to be read: its labels are places there. One serves all series of a request.
#[derive(Default)]
struct Sent<'a> {
    labels: Vec<u64>,
    histograms: Vec<&'a [u8]>,
    exemplars: Vec<&'a [u8]>,
    metadata: Option<&'a [u8]>,
}

impl Decoder<'_, '_> {
    /// A `Request`. The table may stand behind the series.
    pub(super) fn v2(&mut self, message: &[u8]) -> Result<(), Fault> {
        const SYMBOL: u32 = length(4);
        const TIME_SERIES: u32 = length(5);
        let mut symbols = Vec::new();
        let mut reader = Reader::new(message);
        loop {
            let here = reader;
            let Some(key) = reader.key()? else { break };
            match key {
                SYMBOL => {
                    let symbol = reader.bytes()?;
                    if symbols.is_empty() && !symbol.is_empty() {
                        return Err(here.fault("a first symbol that is not empty"));
                    }
                    symbols.push(symbol);
                }
                TIME_SERIES => drop(reader.bytes()?),
                // These numbers are kept free, so that the two messages cannot be taken for each other.
                _ if (1..=3).contains(&(key >> 3)) => {
                    return Err(here.fault("a field of prometheus.WriteRequest, which Content-Type does not say"));
                }
                _ => reader.skip(key, REQUEST)?,
            }
        }
        let (mut sent, mut read) = (Sent::default(), ReadSeries { is_strict: true, ..ReadSeries::default() });
        let mut reader = Reader::new(message);
        while let Some(key) = reader.key()? {
            match key {
                TIME_SERIES => self.v2_series(&symbols, reader.bytes()?, &mut sent, &mut read)?,
                _ => reader.skip(key, 0)?,
            }
        }
        Ok(())
    }

    fn v2_series<'a>(
        &mut self,
        symbols: &[&'a [u8]],
        message: &'a [u8],
        sent: &mut Sent<'a>,
        read: &mut ReadSeries<'a>,
    ) -> Result<(), Fault> {
        series(message, sent, read)?;
        let count = (read.samples.len() + sent.histograms.len() + sent.exemplars.len()) as u64;
        if let Err(reason) = labels(symbols, &sent.labels, &mut read.labels) {
            self.written.refuse(count, reason);
            return Ok(());
        }
        let field = match (read.samples.is_empty(), sent.histograms.is_empty()) {
            (true, true) => Some(("is neither a sample nor a histogram", "timeseries")),
            (false, false) => Some(("are samples and histograms both", "timeseries")),
            _ => None,
        };
        if let Some((found, field)) = field {
            let name = labels_of(&read.labels).map(|labels| labels.to_string()).unwrap_or_default();
            let problem = format!("in {name} there {found}");
            let expected = "samples, or histograms, of each series";
            self.written.refuse(count, Rejected { field, problem, expected, refusal: Refusal::Invalid });
            return Ok(());
        }
        for message in &sent.histograms {
            read.histograms.push(histogram::read(message)?);
        }
        for message in &sent.exemplars {
            read.exemplars.push(exemplar(symbols, message)?);
        }
        match sent.metadata.map(|message| metadata(symbols, message)).transpose()?.transpose() {
            Ok(metadata) => {
                read.metadata = metadata;
                self.add(read);
            }
            Err(reason) => self.written.refuse(count, reason),
        }
        Ok(())
    }
}

fn series<'a>(message: &'a [u8], sent: &mut Sent<'a>, read: &mut ReadSeries<'a>) -> Result<(), Fault> {
    const LABELS: u32 = length(1);
    const ONE_LABEL: u32 = varint(1);
    const SAMPLES: u32 = length(2);
    const HISTOGRAMS: u32 = length(3);
    const EXEMPLARS: u32 = length(4);
    const OF_METRIC: u32 = length(5);
    read.clear();
    sent.clear();
    let mut reader = Reader::new(message);
    while let Some(key) = reader.key()? {
        match key {
            LABELS => packed(reader.bytes()?, &mut sent.labels)?,
            ONE_LABEL => sent.labels.push(reader.varint()?),
            SAMPLES => read.samples.push(sample(reader.bytes()?)?),
            HISTOGRAMS => sent.histograms.push(reader.bytes()?),
            EXEMPLARS => sent.exemplars.push(reader.bytes()?),
            OF_METRIC => sent.metadata = Some(reader.bytes()?),
            _ => reader.skip(key, SERIES)?,
        }
    }
    Ok(())
}

impl Sent<'_> {
    fn clear(&mut self) {
        self.labels.clear();
        self.histograms.clear();
        self.exemplars.clear();
        self.metadata = None;
    }
}

fn packed(message: &[u8], places: &mut Vec<u64>) -> Result<(), Fault> {
    let mut reader = Reader::new(message);
    while !reader.rest().is_empty() {
        places.push(reader.varint()?);
    }
    Ok(())
}

/// The text at a place.
fn symbol<'a>(symbols: &[&'a [u8]], place: u64) -> Result<&'a [u8], Rejected> {
    let found = usize::try_from(place).ok().and_then(|place| symbols.get(place));
    found.copied().ok_or_else(|| refused(format!("place {place} of {} symbols", symbols.len()), PLACES))
}

/// A label's name and value as they were sent.
type Pair<'a> = (&'a [u8], &'a [u8]);

/// The texts of these places, added to `pairs`.
fn labels<'a>(symbols: &[&'a [u8]], places: &[u64], pairs: &mut Vec<Pair<'a>>) -> Result<(), Rejected> {
    let (chunks, rest) = places.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(refused(format!("{} places", places.len()), PLACES));
    }
    for [name, value] in chunks {
        pairs.push((symbol(symbols, *name)?, symbol(symbols, *value)?));
    }
    Ok(())
}

fn sample(message: &[u8]) -> Result<ReadSample, Fault> {
    const VALUE: u32 = fixed64(1);
    const TIME: u32 = varint(2);
    const START: u32 = varint(3);
    let mut sample = ReadSample::default();
    let mut reader = Reader::new(message);
    while let Some(key) = reader.key()? {
        match key {
            VALUE => sample.bits = reader.fixed64()?,
            TIME => sample.time_ms = reader.varint()? as i64,
            START => sample.start_ms = reader.varint()? as i64,
            _ => reader.skip(key, SAMPLE)?,
        }
    }
    Ok(sample)
}

fn exemplar(symbols: &[&[u8]], message: &[u8]) -> Result<Result<Exemplar, Rejected>, Fault> {
    const LABELS: u32 = length(1);
    const ONE_LABEL: u32 = varint(1);
    const VALUE: u32 = fixed64(2);
    const TIME: u32 = varint(3);
    let (mut places, mut value, mut time_ms) = (Vec::new(), 0.0, 0);
    let mut reader = Reader::new(message);
    while let Some(key) = reader.key()? {
        match key {
            LABELS => packed(reader.bytes()?, &mut places)?,
            ONE_LABEL => places.push(reader.varint()?),
            VALUE => value = reader.double()?,
            TIME => time_ms = reader.varint()? as i64,
            _ => reader.skip(key, EXEMPLAR)?,
        }
    }
    let mut pairs = Vec::new();
    let labels = labels(symbols, &places, &mut pairs).and_then(|()| labels_of(&pairs));
    Ok(labels.map(|labels| Exemplar { labels, value, time_ms }))
}

fn metadata<'a>(symbols: &[&'a [u8]], message: &[u8]) -> Result<Result<ReadMetadata<'a>, Rejected>, Fault> {
    const TYPE: u32 = varint(1);
    const HELP: u32 = varint(3);
    const UNIT: u32 = varint(4);
    let (mut kind, mut help, mut unit) = (0, 0, 0);
    let mut reader = Reader::new(message);
    while let Some(key) = reader.key()? {
        match key {
            TYPE => kind = reader.varint()?,
            HELP => help = reader.varint()?,
            UNIT => unit = reader.varint()?,
            _ => reader.skip(key, METADATA)?,
        }
    }
    let texts = symbol(symbols, help).and_then(|help| Ok((help, symbol(symbols, unit)?)));
    Ok(texts.map(|(help, unit)| ReadMetadata { kind: metric_type(kind), help, unit }))
}
