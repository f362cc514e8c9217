//! Which of several equal senders a request is from, and the request without saying so.
//!
//! Two Prometheus servers that scrape the same say who they are in two external labels, `cluster` and `__replica__`. The second one must go, or
//! their series would not be the same.

use super::encode::bytes as push_bytes;
use super::{RemoteWrite, RemoteWriteError, WriteCompression, WriteVersion, body};
use crate::wire::{Fault, Malformed, Reader, length, varint};

/// A request of one of several equal senders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaWrite {
    /// What they have in common.
    pub cluster: String,
    /// Which of them it is.
    pub replica: String,
    /// Samples and histograms in it.
    pub samples: u64,
    /// The request, without the label that says which of them it is.
    pub request: RemoteWrite,
}

impl RemoteWrite {
    /// Which of several equal senders it is from, by the labels of its first series; none if that has not both labels.
    ///
    /// # Errors
    ///
    /// Why nothing of it can be taken.
    pub fn replica(&self, cluster: &str, replica: &str) -> Result<Option<ReplicaWrite>, RemoteWriteError> {
        let message = body::decompress(self.compression, &self.body)?;
        let names = (cluster.as_bytes(), replica.as_bytes());
        let found = match self.version {
            WriteVersion::V1 => v1(&message, names),
            WriteVersion::V2 => v2(&message, names),
        };
        let found = found.map_err(|fault| {
            let Malformed { offset, problem } = fault.within(&message);
            RemoteWriteError::Malformed { offset, problem, message: self.version.message() }
        })?;
        let Some(ReplicaMessage { cluster, replica, samples, message }) = found else { return Ok(None) };
        let request = Self { version: self.version, compression: WriteCompression::None, body: message.into() };
        Ok(Some(ReplicaWrite { cluster, replica, samples, request }))
    }
}

struct ReplicaMessage {
    cluster: String,
    replica: String,
    samples: u64,
    message: Vec<u8>,
}

/// Names of the two labels.
type Names<'a> = (&'a [u8], &'a [u8]);

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Reads a message field by field. `take` gets the key and the content of those with a length, and the bytes of the whole field.
fn each<'a>(
    message: &'a [u8],
    mut take: impl FnMut(u32, &'a [u8], &'a [u8]) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut reader = Reader::new(message);
    loop {
        let before = reader.rest();
        let Some(key) = reader.key()? else { return Ok(()) };
        let content = if key & 7 == 2 {
            reader.bytes()?
        } else {
            reader.skip(key, 0)?;
            &[]
        };
        take(key, content, &before[..before.len() - reader.rest().len()])?;
    }
}

fn v1(message: &[u8], (cluster, replica): Names<'_>) -> Result<Option<ReplicaMessage>, Fault> {
    const SERIES: u32 = length(1);
    const LABEL: u32 = length(1);
    let (mut out, mut samples, mut is_first) = (Vec::with_capacity(message.len()), 0, true);
    let (mut clusters, mut replicas) = (None, None);
    each(message, |key, series, field| {
        if key != SERIES {
            out.extend_from_slice(field);
            return Ok(());
        }
        let mut kept = Vec::with_capacity(series.len());
        each(series, |key, content, field| {
            samples += u64::from(matches!(key, SAMPLES | V1_HISTOGRAMS));
            if key == LABEL {
                let (name, value) = pair(content)?;
                if is_first && name == cluster {
                    clusters = Some(text(value));
                } else if name == replica {
                    if is_first {
                        replicas = Some(text(value));
                    }
                    return Ok(());
                }
            }
            kept.extend_from_slice(field);
            Ok(())
        })?;
        is_first = false;
        push_bytes(&mut out, 1, &kept);
        Ok(())
    })?;
    let both = clusters.zip(replicas);
    Ok(both.map(|(cluster, replica)| ReplicaMessage { cluster, replica, samples, message: out }))
}

const SAMPLES: u32 = length(2);
const V1_HISTOGRAMS: u32 = length(4);
const V2_HISTOGRAMS: u32 = length(3);

/// The name and the value of a label.
fn pair(label: &[u8]) -> Result<(&[u8], &[u8]), Fault> {
    const NAME: u32 = length(1);
    const VALUE: u32 = length(2);
    let (mut name, mut value) = (&[][..], &[][..]);
    each(label, |key, content, _| {
        match key {
            NAME => name = content,
            VALUE => value = content,
            _ => {}
        }
        Ok(())
    })?;
    Ok((name, value))
}

fn v2(message: &[u8], (cluster, replica): Names<'_>) -> Result<Option<ReplicaMessage>, Fault> {
    const SYMBOL: u32 = length(4);
    const SERIES: u32 = length(5);
    let mut symbols = Vec::new();
    each(message, |key, content, _| {
        if key == SYMBOL {
            symbols.push(content);
        }
        Ok(())
    })?;
    // Places that are out of range are for who reads the request to tell of.
    let symbol = |place: u64| usize::try_from(place).ok().and_then(|place| symbols.get(place).copied());
    let (mut out, mut samples, mut is_first) = (Vec::with_capacity(message.len()), 0, true);
    let (mut clusters, mut replicas) = (None, None);
    each(message, |key, series, field| {
        if key != SERIES {
            out.extend_from_slice(field);
            return Ok(());
        }
        let (places, rest, count) = v2_series(series)?;
        samples += count;
        let mut kept = Vec::new();
        for label in places.chunks(2) {
            let name = symbol(label[0]);
            let value = label.get(1).copied().and_then(symbol).unwrap_or_default();
            if is_first && name == Some(cluster) {
                clusters = Some(text(value));
            }
            if name == Some(replica) && label.len() == 2 {
                if is_first {
                    replicas = Some(text(value));
                }
                continue;
            }
            label.iter().for_each(|place| vitrine_kit::varint::write(&mut kept, *place));
        }
        is_first = false;
        let mut series = Vec::with_capacity(rest.len() + kept.len() + 8);
        push_bytes(&mut series, 1, &kept);
        series.extend_from_slice(&rest);
        push_bytes(&mut out, 5, &series);
        Ok(())
    })?;
    let both = clusters.zip(replicas);
    Ok(both.map(|(cluster, replica)| ReplicaMessage { cluster, replica, samples, message: out }))
}

/// Places of labels, all other fields as they are, and how many samples they have.
fn v2_series(series: &[u8]) -> Result<(Vec<u64>, Vec<u8>, u64), Fault> {
    const PLACES: u32 = length(1);
    const PLACE: u32 = varint(1);
    let (mut places, mut rest, mut samples) = (Vec::new(), Vec::with_capacity(series.len()), 0);
    each(series, |key, content, field| {
        samples += u64::from(matches!(key, SAMPLES | V2_HISTOGRAMS));
        // Packed, or one by one.
        let mut numbers = match key {
            PLACES => Reader::new(content),
            PLACE => Reader::new(&field[1..]),
            _ => {
                rest.extend_from_slice(field);
                return Ok(());
            }
        };
        while !numbers.rest().is_empty() {
            places.push(numbers.varint()?);
        }
        Ok(())
    })?;
    Ok((places, rest, samples))
}

#[cfg(test)]
mod tests {
    use vitrine_observe_series::{Labels, MetricType, Value};

    use super::super::encode::{SeriesWrite, bytes};
    use super::super::{RemoteWrite, WriteCompression, WriteVersion};

    fn series(labels: &[(&str, &str)]) -> SeriesWrite {
        SeriesWrite {
            labels: Labels::of(labels.iter().copied()),
            kind: MetricType::Gauge,
            help: String::new(),
            unit: String::new(),
            samples: vec![(1, 0, Value::Float(0)), (2, 0, Value::Float(0))],
            exemplars: Vec::new(),
        }
    }

    fn v1(all: &[&[(&str, &str)]]) -> RemoteWrite {
        let mut message = Vec::new();
        for labels in all {
            let mut series = Vec::new();
            for (name, value) in *labels {
                let mut label = Vec::new();
                bytes(&mut label, 1, name.as_bytes());
                bytes(&mut label, 2, value.as_bytes());
                bytes(&mut series, 1, &label);
            }
            bytes(&mut series, 2, &[]);
            bytes(&mut message, 1, &series);
        }
        RemoteWrite { version: WriteVersion::V1, compression: WriteCompression::None, body: message.into() }
    }

    #[test]
    fn the_replica_goes_and_all_else_stays() {
        let (with, without) = (
            [("__name__", "up"), ("__replica__", "a"), ("cluster", "c"), ("job", "j")],
            [("__name__", "up"), ("cluster", "c"), ("job", "j")],
        );
        let found = v1(&[&with, &with]).replica("cluster", "__replica__").unwrap().expect("a replica");
        assert_eq!((&*found.cluster, &*found.replica, found.samples), ("c", "a", 2));
        assert_eq!(found.request, v1(&[&without, &without]));
        let found = RemoteWrite::of(&[series(&with), series(&with)]).replica("cluster", "__replica__").unwrap();
        let found = found.expect("a replica");
        assert_eq!((&*found.cluster, &*found.replica, found.samples), ("c", "a", 4));
        assert_eq!(found.request.replica("cluster", "__replica__").unwrap(), None);
        // The table of texts still has what no label names any more; all else is as if it had never been there.
        let texts = |request: &RemoteWrite| request.body.windows(3).filter(|part| part == b"job").count();
        assert_eq!(texts(&found.request), 1);
    }

    #[test]
    fn who_does_not_say_both_is_no_replica() {
        for labels in [&[("cluster", "c")][..], &[("__replica__", "a")], &[]] {
            assert_eq!(v1(&[labels]).replica("cluster", "__replica__").unwrap(), None);
            assert_eq!(RemoteWrite::of(&[series(labels)]).replica("cluster", "__replica__").unwrap(), None);
        }
        // The first series decides.
        let both = [("__replica__", "a"), ("cluster", "c")];
        assert_eq!(v1(&[&[], &both]).replica("cluster", "__replica__").unwrap(), None);
        assert_eq!(v1(&[]).replica("cluster", "__replica__").unwrap(), None);
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for version in [WriteVersion::V1, WriteVersion::V2] {
            let body = b"\x2a\x7f".to_vec().into();
            let request = RemoteWrite { version, compression: WriteCompression::None, body };
            assert!(request.replica("cluster", "__replica__").is_err());
        }
    }
}
