//! Version 1.0: `prometheus.WriteRequest`.

use vitrine_observe_series::{Exemplar, MetadataEntry, MetricType};

use super::histogram;
use super::series::{Decoder, ReadSample, ReadSeries, labels_of, metric_type};
use crate::rejected::Rejected;
use crate::wire::{Fault, Reader, fields, fixed64, length, varint};

const REQUEST: u64 = fields(&[1, 3]);
const SERIES: u64 = fields(&[1, 2, 3, 4]);
const LABEL: u64 = fields(&[1, 2]);
const SAMPLE: u64 = fields(&[1, 2]);
const EXEMPLAR: u64 = fields(&[1, 2, 3]);
const METADATA: u64 = fields(&[1, 2, 4, 5]);

impl Decoder<'_, '_> {
    /// A `WriteRequest`.
    pub(super) fn v1(&mut self, message: &[u8]) -> Result<(), Fault> {
        const TIME_SERIES: u32 = length(1);
        const METRIC_METADATA: u32 = length(3);
        const V2_SYMBOLS: u32 = length(4);
        const V2_TIME_SERIES: u32 = length(5);
        let mut read = ReadSeries::default();
        let mut reader = Reader::new(message);
        while let Some(key) = reader.key()? {
            match key {
                TIME_SERIES => {
                    series(reader.bytes()?, &mut read)?;
                    self.add(&mut read);
                }
                METRIC_METADATA => {
                    let entry = metadata(reader.bytes()?)?;
                    self.batch.metadata(entry);
                }
                V2_SYMBOLS | V2_TIME_SERIES => {
                    return Err(
                        reader.fault("a field of io.prometheus.write.v2.Request, which Content-Type does not say")
                    );
                }
                _ => reader.skip(key, REQUEST)?,
            }
        }
        Ok(())
    }
}

fn series<'a>(message: &'a [u8], read: &mut ReadSeries<'a>) -> Result<(), Fault> {
    const LABELS: u32 = length(1);
    const SAMPLES: u32 = length(2);
    const EXEMPLARS: u32 = length(3);
    const HISTOGRAMS: u32 = length(4);
    read.clear();
    let mut reader = Reader::new(message);
    while let Some(key) = reader.key()? {
        match key {
            LABELS => read.labels.push(label(reader.bytes()?)?),
            SAMPLES => read.samples.push(sample(reader.bytes()?)?),
            EXEMPLARS => read.exemplars.push(exemplar(reader.bytes()?)?),
            HISTOGRAMS => read.histograms.push(histogram::read(reader.bytes()?)?),
            _ => reader.skip(key, SERIES)?,
        }
    }
    Ok(())
}

fn label(message: &[u8]) -> Result<(&[u8], &[u8]), Fault> {
    const NAME: u32 = length(1);
    const VALUE: u32 = length(2);
    let (mut name, mut value) = (&message[..0], &message[..0]);
    let mut reader = Reader::new(message);
    while let Some(key) = reader.key()? {
        match key {
            NAME => name = reader.bytes()?,
            VALUE => value = reader.bytes()?,
            _ => reader.skip(key, LABEL)?,
        }
    }
    Ok((name, value))
}

fn sample(message: &[u8]) -> Result<ReadSample, Fault> {
    const VALUE: u32 = fixed64(1);
    const TIME: u32 = varint(2);
    let mut sample = ReadSample::default();
    let mut reader = Reader::new(message);
    while let Some(key) = reader.key()? {
        match key {
            VALUE => sample.bits = reader.fixed64()?,
            TIME => sample.time_ms = reader.varint()? as i64,
            _ => reader.skip(key, SAMPLE)?,
        }
    }
    Ok(sample)
}

fn exemplar(message: &[u8]) -> Result<Result<Exemplar, Rejected>, Fault> {
    const LABELS: u32 = length(1);
    const VALUE: u32 = fixed64(2);
    const TIME: u32 = varint(3);
    let (mut labels, mut value, mut time_ms) = (Vec::new(), 0.0, 0);
    let mut reader = Reader::new(message);
    while let Some(key) = reader.key()? {
        match key {
            LABELS => labels.push(label(reader.bytes()?)?),
            VALUE => value = reader.double()?,
            TIME => time_ms = reader.varint()? as i64,
            _ => reader.skip(key, EXEMPLAR)?,
        }
    }
    Ok(labels_of(&labels).map(|labels| Exemplar { labels, value, time_ms }))
}

fn metadata(message: &[u8]) -> Result<MetadataEntry, Fault> {
    const TYPE: u32 = varint(1);
    const FAMILY: u32 = length(2);
    const HELP: u32 = length(4);
    const UNIT: u32 = length(5);
    let mut kind = MetricType::Unknown;
    let (mut metric, mut help, mut unit) = (&message[..0], &message[..0], &message[..0]);
    let mut reader = Reader::new(message);
    while let Some(key) = reader.key()? {
        match key {
            TYPE => kind = metric_type(reader.varint()?),
            FAMILY => metric = reader.bytes()?,
            HELP => help = reader.bytes()?,
            UNIT => unit = reader.bytes()?,
            _ => reader.skip(key, METADATA)?,
        }
    }
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    Ok(MetadataEntry { metric: text(metric), kind, help: text(help), unit: text(unit) })
}
