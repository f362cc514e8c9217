//! The writer thread: it takes everything that waits, writes it at once, syncs once, and only then answers.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, IoSlice, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::folder::{Folder, Range};
use crate::format::{ALIGN, HEADER, Link, Position, RecordHeader, SegmentHeader, framed};
use crate::queue::{Append, Truncate, Work, WriteQueue};
use crate::{Fsync, Status};

/// What fills a record up.
const PADDING: [u8; ALIGN] = [0; ALIGN];

/// Owns the files. It ends when the log is closed and everything that waits is written.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) folder: Arc<Folder>,
    pub(crate) shared: Arc<WriteQueue>,
    pub(crate) segment_bytes: u64,
    pub(crate) fsync: Fsync,
    pub(crate) range: Range,
    /// The number of the next segment.
    pub(crate) next: u32,
    /// Segments that are in use and are not written to, by number.
    pub(crate) sealed: VecDeque<Link>,
    /// The last segment that was sealed, truncated or not.
    pub(crate) previous: Option<Link>,
    pub(crate) active: Option<Active>,
    pub(crate) syncs: Syncs,
}

/// The segment that is written to.
#[derive(Debug)]
pub(crate) struct Active {
    file: File,
    number: u32,
    mark: u64,
    /// Where its good bytes end.
    end: u64,
    /// When the first record came that is not synced.
    unsynced: Option<Instant>,
}

/// How long it took to sync.
#[derive(Debug, Default)]
pub(crate) struct Syncs {
    count: u64,
    failed: u64,
    last: Duration,
    longest: Duration,
}

impl Syncs {
    fn sync(&mut self, file: &File) -> io::Result<()> {
        let begun = Instant::now();
        let result = file.sync_data();
        self.last = begun.elapsed();
        self.longest = self.longest.max(self.last);
        self.count += 1;
        self.failed += u64::from(result.is_err());
        result
    }
}

impl Active {
    fn link(&self) -> Link {
        Link { number: self.number, end: self.end }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.abandon();
    }
}

impl Writer {
    pub(crate) fn run(mut self) {
        while let Some(Work { appends, truncations }) = self.shared.take(self.due()) {
            self.append(appends);
            for Truncate { before, reply } in truncations {
                let result = self.truncate(before);
                self.done(&[]);
                // No caller may wait any more, here and below.
                let _ = reply.send(result);
            }
            if self.due().is_some_and(|due| due <= Instant::now()) {
                self.sync_late();
                self.done(&[]);
            }
        }
        if self.fsync != Fsync::Never {
            self.sync_late();
        }
    }

    /// When the next sync is due that no append waits for.
    fn due(&self) -> Option<Instant> {
        match self.fsync {
            Fsync::Every(pause) => self.active.as_ref()?.unsynced.map(|since| since + pause),
            Fsync::Always | Fsync::Never => None,
        }
    }

    fn append(&mut self, mut appends: Vec<Append>) {
        while !appends.is_empty() {
            let written = self.write(&appends);
            // After a failure everything that waited with it fails, too: what comes later must not overtake it.
            let count = written.as_ref().map_or(appends.len(), Vec::len);
            let rest = appends.split_off(count);
            self.done(&appends);
            for (index, append) in appends.into_iter().enumerate() {
                let answer = match &written {
                    Ok(positions) => positions.get(index).copied().ok_or(Error::Closed),
                    Err(e) => Err(e.clone()),
                };
                let _ = append.reply.send(answer);
            }
            appends = rest;
        }
    }

    /// Writes as many records as go into one segment, at least one. Returns their positions.
    fn write(&mut self, appends: &[Append]) -> Result<Vec<Position>, Error> {
        let Some(first) = appends.first() else { return Ok(Vec::new()) };
        let fsync = self.fsync;
        let segment_bytes = self.segment_bytes;
        let mut active = self.active_for(framed(first.length) as u64)?;
        let path = self.folder.segment(active.number);
        let mut end = active.end;
        let mut headers = Vec::with_capacity(appends.len());
        let mut positions = Vec::with_capacity(appends.len());
        for append in appends {
            let behind = end + framed(append.length) as u64;
            if behind > segment_bytes && !positions.is_empty() {
                break;
            }
            let position = Position::new(active.number, end);
            // The length was bounded when the record came.
            let length = u32::try_from(append.length).unwrap_or(u32::MAX);
            let header = RecordHeader { position, length, kind: append.kind, crc: append.crc };
            headers.push(header.encode(active.mark));
            positions.push(position);
            end = behind;
        }
        let mut slices = Vec::new();
        for (header, append) in headers.iter().zip(appends) {
            slices.push(IoSlice::new(header));
            slices.extend(append.parts.iter().map(|part| IoSlice::new(part)));
            let filled = append.length.next_multiple_of(ALIGN) - append.length;
            slices.push(IoSlice::new(&PADDING[..filled]));
        }
        if let Err(e) = write_all(&mut active.file, &mut slices) {
            match active.file.set_len(active.end) {
                Ok(()) => self.active = Some(active),
                Err(_) => self.seal(active),
            }
            return Err(Error::io("write to", path)(e));
        }
        if fsync == Fsync::Always {
            if let Err(e) = self.syncs.sync(&active.file) {
                // Which of the pages are on disk is unknown, and asking again would say that all are. What was not
                // acknowledged goes if it can; the next segment says where this one ends.
                let _ = active.file.set_len(active.end);
                self.seal(active);
                return Err(Error::io("sync", path)(e));
            }
        } else {
            active.unsynced.get_or_insert_with(Instant::now);
        }
        active.end = end;
        self.active = Some(active);
        Ok(positions)
    }

    /// Takes the segment that is written to; a new one if this much does not go into it.
    fn active_for(&mut self, bytes: u64) -> Result<Active, Error> {
        if let Some(active) = &self.active
            && active.end > HEADER as u64
            && active.end + bytes > self.segment_bytes
        {
            if self.fsync != Fsync::Never {
                self.sync_late();
            }
            if let Some(full) = self.active.take() {
                self.seal(full);
            }
        }
        match self.active.take() {
            Some(active) => Ok(active),
            None => self.begin(),
        }
    }

    /// Makes a segment, and makes it last.
    fn begin(&mut self) -> Result<Active, Error> {
        let number = self.next;
        let path = self.folder.segment(number);
        let failed = Error::io("begin the segment", &path);
        let after = number.checked_add(1).ok_or(Error::Closed)?;
        let mut file = match OpenOptions::new().append(true).create_new(true).open(&path) {
            Ok(file) => file,
            Err(e) => {
                if e.kind() == io::ErrorKind::AlreadyExists {
                    self.next = after;
                }
                return Err(failed(e));
            }
        };
        // Random, and unknown outside: the keys of a hasher that was just made.
        let mark = RandomState::new().hash_one(number);
        let header = SegmentHeader { number, mark, previous: self.previous };
        let range = Range { oldest: self.range.oldest, newest: number };
        let made = file.write_all(&header.encode()).and_then(|()| file.sync_all()).and_then(|()| self.folder.sync());
        // The range names the segment only when it is there, also after a crash.
        let made = made.and_then(|()| self.set_range(range));
        if let Err(e) = made {
            let _ = std::fs::remove_file(&path);
            return Err(failed(e));
        }
        self.next = after;
        Ok(Active { file, number, mark, end: HEADER as u64, unsynced: None })
    }

    fn set_range(&mut self, range: Range) -> io::Result<()> {
        self.folder.set_range(Some(self.range), range)?;
        self.range = range;
        self.folder.sync()
    }

    /// Never writes to this segment again.
    fn seal(&mut self, active: Active) {
        let link = active.link();
        if link.end > HEADER as u64 {
            self.sealed.push_back(link);
            self.previous = Some(link);
            return;
        }
        // A segment that failed before its first record leaves no trace.
        let range = Range { oldest: self.range.oldest, newest: link.number - 1 };
        let path = self.folder.segment(link.number);
        if let Err(e) = self.set_range(range).and_then(|()| std::fs::remove_file(&path)) {
            tracing::warn!(error = %e, path = %path.display(), "an empty segment cannot be removed");
        }
    }

    /// Syncs records that were acknowledged before.
    fn sync_late(&mut self) {
        let Some(mut active) = self.active.take() else { return };
        if active.unsynced.take().is_none() {
            self.active = Some(active);
            return;
        }
        match self.syncs.sync(&active.file) {
            Ok(()) => self.active = Some(active),
            Err(e) => {
                let path = self.folder.segment(active.number);
                tracing::error!(error = %e, path = %path.display(), "records of the log may be lost: check the disk");
                self.seal(active);
            }
        }
    }

    /// Deletes the segments that are behind. Returns how many bytes they had.
    fn truncate(&mut self, before: Position) -> Result<u64, Error> {
        let behind = |link: &Link| Position::new(link.number, link.end) <= before;
        let mut count = self.sealed.iter().take_while(|link| behind(link)).count();
        let all = self.active.as_ref().is_some_and(|a| a.end > HEADER as u64 && behind(&a.link()));
        if count == 0 && !all {
            return Ok(0);
        }
        let active = self.active.as_ref().filter(|_| !all).map(Active::link);
        let oldest = self.sealed.get(count).or(active.as_ref()).map_or(self.next, |link| link.number);
        // What is truncated is noted before anything is deleted: a crash in between leaves no segment missing.
        let noted = self.set_range(Range { oldest, newest: self.range.newest });
        noted.map_err(Error::io("truncate the log in", self.folder.path()))?;
        self.shared.truncated(oldest);
        if let Some(active) = self.active.take_if(|_| all) {
            self.seal(active);
            count = self.sealed.len();
        }
        let mut freed = 0;
        let mut result = Ok(());
        for link in self.sealed.drain(..count) {
            freed += link.end;
            let path = self.folder.segment(link.number);
            match std::fs::remove_file(&path) {
                Ok(()) => {}
                // It is damaged, and was renamed to be kept.
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => result = Err(Error::io("remove", path)(e)),
            }
        }
        result.map(|()| freed)
    }

    /// Tells what has changed.
    fn done(&self, appends: &[Append]) {
        let active = self.active.as_ref().map(Active::link);
        let segments = self.sealed.len() + usize::from(active.is_some());
        let bytes = self.sealed.iter().chain(&active).map(|link| link.end).sum();
        let end = active.map_or(Position::new(self.next, 0), |link| Position::new(link.number, link.end));
        let Syncs { count, failed, last, longest } = self.syncs;
        self.shared.done(appends, |status| {
            *status = Status {
                bytes,
                segments,
                end,
                syncs: count,
                syncs_failed: failed,
                sync_last: last,
                sync_longest: longest,
                ..status.clone()
            };
        });
    }
}

/// Writes all of it, with as few calls as possible.
fn write_all(file: &mut File, mut slices: &mut [IoSlice<'_>]) -> io::Result<()> {
    // Slices without bytes in front would look like a file that takes nothing.
    IoSlice::advance_slices(&mut slices, 0);
    while !slices.is_empty() {
        match file.write_vectored(slices) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut slices, written),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}
