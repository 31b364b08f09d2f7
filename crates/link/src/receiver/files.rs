//! The files of a session: which bytes have come, for as many files as there is room.

use alloc::collections::BTreeMap;
use alloc::string::ToString;
use alloc::vec::Vec;

use noreturn_wire::{Bytes, FileId, FilePart, FileStep};

use super::over::Over;
use super::ranges::Ranges;
use super::{EventKind, FileAbout, FileEvent, Output, ReceiverConfig, Refusal};

#[derive(Debug)]
pub(super) struct Files {
    open: BTreeMap<FileId, File>,
    /// Files that were completed or aborted.
    over: Over,
}

#[derive(Debug)]
pub(super) struct File {
    about: FileAbout,
    /// Places of the bytes that have come.
    seen: Ranges,
    heard_us: u64,
}

impl Files {
    pub(super) const fn new() -> Self {
        Self { open: BTreeMap::new(), over: Over::new() }
    }

    /// Takes a piece of a file.
    pub(super) fn handle(&mut self, part: &FilePart<'_>, out: &mut Output<'_>) -> Result<(), Refusal> {
        let id = part.file;
        if !self.open.contains_key(&id) && self.over.contains(id.0) {
            out.counters.file_parts_repeated += 1;
            return Ok(());
        }
        match part.step {
            FileStep::About { name, length, sha256 } => {
                self.handle_about(id, FileAbout { name: name.to_string(), length, sha256 }, out)
            }
            FileStep::Data { offset, bytes: Bytes(bytes) } => self.handle_data(id, offset, bytes, out),
            FileStep::Abort => {
                self.abort(id, out);
                Ok(())
            }
        }
    }

    pub(super) const fn over(&self) -> &Over {
        &self.over
    }

    pub(super) const fn over_mut(&mut self) -> &mut Over {
        &mut self.over
    }

    fn handle_about(&mut self, id: FileId, about: FileAbout, out: &mut Output<'_>) -> Result<(), Refusal> {
        if let Some(file) = self.open.get_mut(&id) {
            if file.about != about {
                return Err(Refusal::Inconsistent);
            }
            file.heard_us = out.now_us;
            out.counters.file_parts_repeated += 1;
            return Ok(());
        }
        while self.open.len() >= out.config.files_max.max(1) {
            self.abandon(out);
        }
        out.counters.file_parts += 1;
        emit(id, FileEvent::Started(about.clone()), out);
        self.open.insert(id, File { about, seen: Ranges::new(), heard_us: out.now_us });
        self.settle(id, out);
        Ok(())
    }

    fn handle_data(
        &mut self,
        id: FileId,
        offset: u64,
        bytes: &[u8],
        out: &mut Output<'_>,
    ) -> Result<(), Refusal> {
        let Some(file) = self.open.get_mut(&id) else {
            out.counters.file_parts_unknown += 1;
            return Ok(());
        };
        file.heard_us = out.now_us;
        let last = offset.saturating_add((bytes.len() as u64).saturating_sub(1));
        if last >= file.about.length {
            return Err(Refusal::Inconsistent);
        }
        if file.seen.is_apart(offset, last) && file.seen.len() >= out.config.file_extents_max.max(1) {
            out.counters.file_parts_dropped += 1;
            return Ok(());
        }
        let mut new = false;
        for (first, last) in file.seen.holes(offset, last) {
            emit(id, FileEvent::Data { offset: first, bytes: cut(bytes, offset, first, last) }, out);
            new = true;
        }
        file.seen.insert(offset, last);
        if new {
            out.counters.file_parts += 1;
        } else {
            out.counters.file_parts_repeated += 1;
        }
        self.settle(id, out);
        Ok(())
    }

    /// Its sender has given the file up, of which maybe nothing has come yet.
    fn abort(&mut self, id: FileId, out: &mut Output<'_>) {
        if self.open.remove(&id).is_some() {
            emit(id, FileEvent::Aborted, out);
        }
        out.counters.files_aborted += 1;
        self.over.insert(id.0, over_max(out.config));
    }

    /// Gives up the file that has been idle for longest.
    fn abandon(&mut self, out: &mut Output<'_>) {
        let idle = self.open.iter().min_by_key(|(_, file)| file.heard_us).map(|(&id, _)| id);
        if let Some(id) = idle {
            self.open.remove(&id);
            out.counters.files_abandoned += 1;
            emit(id, FileEvent::Abandoned, out);
        }
    }

    /// Completes a file of which everything has come.
    fn settle(&mut self, id: FileId, out: &mut Output<'_>) {
        if self.open.get(&id).is_some_and(File::is_complete)
            && let Some(file) = self.open.remove(&id)
        {
            out.counters.files_completed += 1;
            emit(id, FileEvent::Completed(file.about), out);
            self.over.insert(id.0, over_max(out.config));
        }
    }
}

impl File {
    fn is_complete(&self) -> bool {
        match self.about.length.checked_sub(1) {
            None => true,
            Some(last) => self.seen.as_slice() == [(0, last)],
        }
    }
}

/// Ranges that can be needed to remember which files are over: some between those that are not.
pub(super) const fn over_max(config: &ReceiverConfig) -> usize {
    config.files_max.saturating_add(config.gaps_max)
}

/// Of `bytes`, the first of which is at `offset`, those from `first` to `last`.
fn cut(bytes: &[u8], offset: u64, first: u64, last: u64) -> Vec<u8> {
    let place = |at: u64| usize::try_from(at.saturating_sub(offset)).unwrap_or(usize::MAX);
    bytes.get(place(first)..=place(last)).unwrap_or_default().to_vec()
}

fn emit(file: FileId, step: FileEvent, out: &mut Output<'_>) {
    out.emit(EventKind::File { file, step });
}
