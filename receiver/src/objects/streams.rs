//! Streams: their bytes in a file each, at the places where they belong, while they come.
//!
//! What ends the name of a stream's file says how it is with it, so that a restart knows:
//!
//! ```text
//! .part         more will come, or what is missing
//! .bin          it is over, and all of it is there
//! .incomplete   bytes are missing that will not come any more
//! .end          beside a .part of a stream that is over: number of its last step, and its length
//! ```

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use noreturn_link::receiver::StreamEvent;
use noreturn_wire::StreamId;

use super::end::End;
use super::names::{diode_folder, lock_directory, rename_to_free, safe_name};
use super::progress::{Progress, Turn};
use super::{Failure, Key, StreamReport, StreamState, belongs, key};
use crate::complaint::Complaint;
use crate::config::ObjectsConfig;
use crate::counters::{SharedCounters, add};
use crate::disk::regular::{self, Links};
use crate::item::Origin;

const END: &str = ".end";
/// Files that are kept open at once.
const HANDLES_MAX: usize = 128;

/// All streams that are not over, or miss something that may still come.
#[derive(Debug)]
pub(super) struct Streams {
    config: ObjectsConfig,
    /// Missing ranges that the protocol remembers of each stream.
    gaps_max: usize,
    open: BTreeMap<Key<StreamId>, Stream>,
    /// How far streams had come that an earlier run has followed.
    restored: BTreeMap<Key<StreamId>, Progress>,
    handles: BTreeMap<Key<StreamId>, File>,
    shared: Arc<SharedCounters>,
    complaint: Complaint,
    _lock: File,
}

#[derive(Debug)]
struct Stream {
    origin: Arc<Origin>,
    id: StreamId,
    name: Option<String>,
    progress: Progress,
    /// Where the last byte ends that was written.
    end: u64,
    /// Its length, once its end was heard.
    length: Option<u64>,
    stage: Stage,
}

/// The step that ends a stream, and how it is told, given whether the stream is whole.
type Closing = (End, fn(bool) -> StreamState);

/// What ends the name of its file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Coming,
    Complete,
    Incomplete,
}

impl Stage {
    const ALL: [Self; 3] = [Self::Complete, Self::Coming, Self::Incomplete];

    const fn suffix(self) -> &'static str {
        match self {
            Self::Coming => ".part",
            Self::Complete => ".bin",
            Self::Incomplete => ".incomplete",
        }
    }
}

impl Streams {
    /// Takes possession of the directory.
    ///
    /// # Errors
    /// The directory cannot be used.
    pub(super) fn open(
        config: ObjectsConfig,
        gaps_max: usize,
        restored: BTreeMap<Key<StreamId>, Progress>,
        shared: Arc<SharedCounters>,
    ) -> anyhow::Result<Self> {
        let lock = lock_directory("streams", &config.directory)?;
        let (open, handles, complaint) = (BTreeMap::new(), BTreeMap::new(), Complaint::default());
        Ok(Self { config, gaps_max, open, restored, handles, shared, complaint, _lock: lock })
    }

    /// Takes a step of a stream; what is to be told of it goes to `out`.
    pub(super) fn handle(
        &mut self,
        origin: &Arc<Origin>,
        id: StreamId,
        (sequence, step): (u64, StreamEvent),
        out: &mut Vec<StreamReport>,
    ) {
        self.with(origin, id, out, |streams, stream, out| {
            let turn = stream.progress.take(sequence);
            match turn {
                Turn::Repeated => return add(&streams.shared.object_parts_useless, 1),
                Turn::Ahead => streams.fail(stream, Failure::PartsDropped, out),
                Turn::Next | Turn::Missing => {}
            }
            match step {
                StreamEvent::Opened(name) => {
                    stream.name = Some(name);
                    out.push(streams.report(stream, StreamState::Opened));
                }
                StreamEvent::Data { offset, bytes } => {
                    streams.write(stream, turn, (offset, &bytes), out);
                    streams.settle(stream, None, out);
                }
                StreamEvent::Closed(length) => {
                    streams.settle(stream, Some((End { sequence, length }, StreamState::Closed)), out);
                }
                StreamEvent::Aborted(length) => {
                    streams.settle(stream, Some((End { sequence, length }, StreamState::Aborted)), out);
                }
            }
        });
    }

    /// Steps of a stream did not come in time.
    pub(super) fn handle_gap(
        &mut self,
        origin: &Arc<Origin>,
        id: StreamId,
        (first, last): (u64, u64),
        out: &mut Vec<StreamReport>,
    ) {
        self.with(origin, id, out, |streams, stream, out| {
            if !stream.progress.miss(first, last) {
                streams.fail(stream, Failure::Contradictory, out);
            }
            out.push(streams.report(stream, StreamState::Gap(first, last)));
        });
    }

    /// Nothing of what is missing of a stream will come, for this reason.
    pub(super) fn give_up(
        &mut self,
        origin: &Arc<Origin>,
        id: StreamId,
        why: Failure,
        out: &mut Vec<StreamReport>,
    ) {
        self.with(origin, id, out, |streams, stream, out| streams.fail(stream, why, out));
    }

    /// Nothing more will come of any stream of a boot.
    pub(super) fn end_boot(&mut self, origin: &Arc<Origin>, why: Failure, out: &mut Vec<StreamReport>) {
        let keys = self.open.keys().chain(self.restored.keys()).filter(|key| belongs(key, origin));
        let ids: Vec<StreamId> = keys.map(|&(_, _, id)| id).collect();
        ids.into_iter().for_each(|id| self.give_up(origin, id, why, out));
    }

    /// So much was dropped that every stream may miss something.
    pub(super) fn give_up_all(&mut self, out: &mut Vec<StreamReport>) {
        let origins: Vec<_> = self.open.iter().map(|(key, stream)| (stream.origin.clone(), key.2)).collect();
        origins.into_iter().for_each(|(origin, id)| self.give_up(&origin, id, Failure::PartsDropped, out));
    }

    /// Does something with a stream, and keeps it if it may still become whole.
    fn with(
        &mut self,
        origin: &Arc<Origin>,
        id: StreamId,
        out: &mut Vec<StreamReport>,
        work: impl FnOnce(&mut Self, &mut Stream, &mut Vec<StreamReport>),
    ) {
        let key = key(origin, id);
        let found = match self.open.remove(&key) {
            Some(stream) => Ok(Some(stream)),
            None => self.find(origin, id, out),
        };
        match found {
            Ok(Some(mut stream)) => {
                work(self, &mut stream, out);
                if stream.progress.gaps() > self.gaps_max {
                    self.fail(&mut stream, Failure::TooManyHoles, out);
                }
                if stream.stage == Stage::Coming {
                    self.open.insert(key, stream);
                } else {
                    self.handles.remove(&key);
                }
            }
            // It was whole before: what comes again is nothing new.
            Ok(None) => add(&self.shared.object_parts_useless, 1),
            Err(error) => self.complain(&error),
        }
    }

    /// A stream as its file says, or a new one; nothing if it is whole.
    fn find(
        &mut self,
        origin: &Arc<Origin>,
        id: StreamId,
        out: &mut Vec<StreamReport>,
    ) -> io::Result<Option<Stream>> {
        let key = key(origin, id);
        diode_folder(&self.config.directory, &origin.diode)?;
        let progress = self.restored.remove(&key).unwrap_or_default();
        let mut stream = Stream {
            origin: origin.clone(),
            id,
            name: None,
            progress,
            end: 0,
            length: None,
            stage: Stage::Coming,
        };
        for stage in Stage::ALL {
            stream.stage = stage;
            match fs::metadata(self.path(&stream)) {
                Ok(_) if stage == Stage::Complete => return Ok(None),
                Ok(metadata) => {
                    stream.end = metadata.len();
                    let end = End::read(&self.path_to(&stream, END));
                    // What is remembered may be older than this: then the end is heard again.
                    let end = end.filter(|end| stream.progress.has_passed(end.sequence));
                    stream.length = end.map(|end| end.length);
                    return Ok(Some(stream));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        stream.stage = Stage::Coming;
        let file =
            regular::open(File::options().create_new(true).write(true), &self.path(&stream), Links::Refused)?;
        self.keep(key, file);
        if !stream.progress.is_new() {
            // Its beginning came when nobody wrote it down.
            self.fail(&mut stream, Failure::PartsDropped, out);
        }
        Ok(Some(stream))
    }

    fn write(
        &mut self,
        stream: &mut Stream,
        turn: Turn,
        (offset, bytes): (u64, &[u8]),
        out: &mut Vec<StreamReport>,
    ) {
        if turn == Turn::Next && stream.progress.is_whole() && offset > stream.end {
            self.fail(stream, Failure::Contradictory, out);
        }
        let end = offset.saturating_add(bytes.len() as u64);
        if end > self.config.bytes_max {
            add(&self.shared.object_parts_useless, 1);
            return self.fail(stream, Failure::TooLarge, out);
        }
        match self.handle_of(stream).and_then(|file| file.write_all_at(bytes, offset)) {
            Ok(()) => stream.end = stream.end.max(end),
            Err(error) => {
                self.complain(&error);
                self.fail(stream, Failure::WriteFailed, out);
            }
        }
    }

    /// Looks whether a stream is over, and whole; `closing` is how it ends if that has just been told.
    fn settle(&mut self, stream: &mut Stream, closing: Option<Closing>, out: &mut Vec<StreamReport>) {
        if let Some((end, _)) = closing {
            stream.length = Some(end.length);
        }
        if let Some(length) = stream.length.filter(|_| stream.stage == Stage::Coming) {
            match closing {
                _ if stream.progress.is_whole() && stream.end == length => self.complete(stream, out),
                _ if stream.progress.is_whole() => self.fail(stream, Failure::Contradictory, out),
                Some((end, _)) => self.wait_for_rest(stream, end, out),
                None => return,
            }
        }
        let is_whole = stream.stage == Stage::Complete;
        match closing {
            Some((_, state)) => out.push(self.report(stream, state(is_whole))),
            None if is_whole => out.push(self.report(stream, StreamState::Completed)),
            None => {}
        }
    }

    fn complete(&mut self, stream: &mut Stream, out: &mut Vec<StreamReport>) {
        if self.move_to(stream, Stage::Complete) {
            add(&self.shared.streams_written, 1);
        } else {
            stream.stage = Stage::Coming;
            self.fail(stream, Failure::WriteFailed, out);
        }
    }

    /// A stream is over, but what it misses may still come.
    fn wait_for_rest(&mut self, stream: &mut Stream, end: End, out: &mut Vec<StreamReport>) {
        if let Err(error) = end.write(&self.path_to(stream, END)) {
            self.complain(&error);
            self.fail(stream, Failure::WriteFailed, out);
        }
    }

    /// A stream will never be whole.
    fn fail(&mut self, stream: &mut Stream, why: Failure, out: &mut Vec<StreamReport>) {
        if stream.stage == Stage::Coming {
            self.move_to(stream, Stage::Incomplete);
            add(&self.shared.streams_incomplete, 1);
            out.push(self.report(stream, StreamState::Incomplete(why)));
        }
    }

    /// Gives a stream's file the name that says how it is with it from now on; whether that was possible.
    fn move_to(&mut self, stream: &mut Stream, stage: Stage) -> bool {
        let from = self.path(stream);
        stream.stage = stage;
        let renamed = match rename_to_free(&from, &self.path(stream)) {
            Ok(true) => Ok(()),
            Ok(false) => Err(io::ErrorKind::AlreadyExists.into()),
            Err(error) => Err(error),
        };
        let removed = End::remove(&self.path_to(stream, END));
        let is_renamed = renamed.is_ok();
        if let Err(error) = renamed.and(removed) {
            self.complain(&error);
        }
        is_renamed
    }

    fn path(&self, stream: &Stream) -> PathBuf {
        self.path_to(stream, stream.stage.suffix())
    }

    fn path_to(&self, stream: &Stream, suffix: &str) -> PathBuf {
        let folder = self.config.directory.join(safe_name(&stream.origin.diode));
        folder.join(format!("{}-{}{suffix}", stream.origin.boot_text, stream.id.0))
    }

    fn handle_of(&mut self, stream: &Stream) -> io::Result<&File> {
        let key = key(&stream.origin, stream.id);
        if !self.handles.contains_key(&key) {
            let file = regular::open(File::options().write(true), &self.path(stream), Links::Refused)?;
            self.keep(key.clone(), file);
        }
        self.handles.get(&key).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn keep(&mut self, key: Key<StreamId>, file: File) {
        if self.handles.len() >= HANDLES_MAX {
            self.handles.clear();
        }
        self.handles.insert(key, file);
    }

    fn complain(&mut self, error: &io::Error) {
        add(&self.shared.object_write_errors, 1);
        if self.complaint.is_due() {
            let directory = self.config.directory.display();
            tracing::error!(
                "streams: cannot write to \"{directory}\": {error}; counted as object_write_errors"
            );
        }
    }

    fn report(&self, stream: &Stream, state: StreamState) -> StreamReport {
        StreamReport {
            origin: stream.origin.clone(),
            stream: stream.id.0,
            name: stream.name.clone(),
            bytes: stream.end,
            path: self.path(stream),
            state,
        }
    }
}
