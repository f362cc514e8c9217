//! Finds out what a folder holds, finishes what a crash interrupted, and cuts off a torn end.

use std::collections::VecDeque;
use std::fs::OpenOptions;

use crate::error::{Damage, Error};
use crate::folder::{Folder, Listed, Range, SEGMENT};
use crate::format::{BadHeader, HEADER, Link, Position};
use crate::reader::{Reader, Step, read_header};
use crate::replay::{ReplayItem, Segment, quarantine};

/// What was found.
#[derive(Debug)]
pub(crate) struct Recovered {
    /// What there is to replay.
    pub(crate) parts: VecDeque<ReplayItem>,
    /// All segments that can be read.
    pub(crate) segments: VecDeque<Link>,
    pub(crate) range: Range,
    /// The number of the next segment. No position in it or behind it was ever given.
    pub(crate) next: u32,
}

/// Reads all headers and the whole newest segment. The others are read when they are replayed.
pub(crate) fn recover(folder: &Folder) -> Result<Recovered, Error> {
    let (listed, known) = folder.list()?;
    let highest = listed.last().map_or(0, |s| s.number);
    let range = known.unwrap_or(Range { oldest: listed.first().map_or(1, |s| s.number), newest: highest });
    if known.is_none() {
        let named = folder.set_range(None, range).and_then(|()| folder.sync());
        named.map_err(Error::io("name the segments in use in", folder.path()))?;
    }
    let next = highest.max(range.newest).checked_add(1).ok_or(Error::Closed)?;
    let mut parts = VecDeque::new();
    // The number of the last segment whose file is there.
    let mut present = range.oldest.saturating_sub(1);
    for listed in listed {
        let number = listed.number;
        let Some(part) = inspect(folder, range, listed)? else { continue };
        if let ReplayItem::Segment(Segment { header, .. }) = &part
            && let Some(previous) = header.previous
        {
            if previous.number > present {
                parts.push_back(ReplayItem::Damage(Damage::Missing { path: folder.segment(previous.number) }));
            }
            if let Some(ReplayItem::Segment(before)) = parts.back_mut()
                && before.header.number == previous.number
            {
                before.expected = Some(previous.end);
            }
        }
        present = number;
        parts.push_back(part);
    }
    if range.newest > present {
        parts.push_back(ReplayItem::Damage(Damage::Missing { path: folder.segment(range.newest) }));
    } else if let Some(ReplayItem::Segment(newest)) = parts.back_mut()
        && let Some(torn) = cut(newest)?
    {
        parts.push_back(ReplayItem::Damage(torn));
    }
    let segments = parts.iter().filter_map(|part| match part {
        ReplayItem::Segment(s) => {
            let end = s.expected.unwrap_or(s.length).min(s.length);
            Some(Link { number: s.header.number, end })
        }
        ReplayItem::Damage(_) => None,
    });
    Ok(Recovered { segments: segments.collect(), parts, range, next })
}

/// What a file is; none if it is of no use and was removed.
fn inspect(folder: &Folder, range: Range, listed: Listed) -> Result<Option<ReplayItem>, Error> {
    let Listed { number, path } = listed;
    let remove = || std::fs::remove_file(&path).map_err(Error::io("remove", &path));
    let whole = path.extension().is_some_and(|e| e == SEGMENT);
    if number < range.oldest {
        // The crash came between a truncation and its end. What is damaged stays.
        if whole {
            remove()?;
        }
        return Ok(None);
    }
    let header = match read_header(&path, number) {
        Ok(Ok(header)) => header,
        Ok(Err(BadHeader::Version(found))) => return Err(Error::Version { path, found }),
        Ok(Err(BadHeader::Damaged)) if whole && number > range.newest => {
            // The crash came while it was being made: nothing was ever written to it.
            remove()?;
            return Ok(None);
        }
        Ok(Err(BadHeader::Damaged)) => {
            let path = quarantine(folder, number, &path);
            return Ok(Some(ReplayItem::Damage(Damage::Header { path })));
        }
        Err(source) => {
            let (path, at) = (quarantine(folder, number, &path), Position::new(number, 0));
            return Ok(Some(ReplayItem::Damage(Damage::Io { path, at, source })));
        }
    };
    let length = path.metadata().map_err(Error::io("look at", &path))?.len();
    Ok(Some(ReplayItem::Segment(Segment { header, path, length, expected: None })))
}

/// Cuts off what stands behind the last record of the newest segment.
fn cut(newest: &mut Segment) -> Result<Option<Damage>, Error> {
    let Segment { header, path, length, .. } = newest;
    let file = OpenOptions::new().read(true).write(true).open(&*path).map_err(Error::io("open", &*path))?;
    let reading = file.try_clone().map_err(Error::io("open", &*path))?;
    let mut reader = Reader::new(reading, *header, *length);
    let mut end = HEADER as u64;
    while let Some(step) = reader.next() {
        match step {
            Step::Record(_) => end = reader.offset(),
            // If records follow it is damage, which the replay reports; if none do, it is torn.
            Step::Gap(..) => {}
            // What is behind is not known, so nothing is cut.
            Step::Failed(..) => return Ok(None),
        }
    }
    if end >= *length {
        return Ok(None);
    }
    let torn = Damage::Torn { path: path.clone(), at: Position::new(header.number, end), bytes: *length - end };
    file.set_len(end).and_then(|()| file.sync_all()).map_err(Error::io("cut off the torn end of", &*path))?;
    *length = end;
    Ok(Some(torn))
}
