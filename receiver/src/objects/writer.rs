//! The thread that writes streams and files: it may wait for the disk, and nobody waits for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use noreturn_link::receiver::{Lane, Mark, Objects as Kind};
use noreturn_wire::{BootId, DiodeId, StreamId};
use tokio::sync::mpsc;

use super::files::Files;
use super::losses::ObjectId;
use super::progress::Progress;
use super::queue::{Inlet, queue};
use super::streams::Streams;
use super::{Failure, FileReport, FileState, Key, Losses, Object, Objects, Part, StreamReport, StreamState};
use crate::complaint::Complaint;
use crate::config::Config;
use crate::counters::{SharedCounters, add};
use crate::item::Item;

/// Reports that wait for the intake at most; the writer waits then.
const REPORTS_MAX: usize = 1024;

/// Opens the directories and starts the thread, which ends with its queue. `marks` are what an earlier daemon
/// remembered.
///
/// # Errors
/// A directory cannot be used, or no thread started.
pub fn start(config: &Config, marks: &[Mark], shared: &Arc<SharedCounters>) -> anyhow::Result<Objects> {
    let (mut writer, reports) = Writer::new(config, marks, shared)?;
    let (outlet, inlet) = queue(config.limits.object_queue_bytes_max, shared.clone());
    let thread = std::thread::Builder::new().name("objects".to_owned());
    Ok(Objects { outlet, reports, thread: thread.spawn(move || writer.run(&inlet))? })
}

/// How far the streams had come, by the marks of an earlier daemon.
fn restored(config: &Config, marks: &[Mark]) -> BTreeMap<Key<StreamId>, Progress> {
    let mut lanes: BTreeMap<(DiodeId, BootId, StreamId), Progress> = BTreeMap::new();
    for mark in marks {
        let (diode, boot) = mark.session();
        match mark {
            Mark::Next { lane: Lane::Stream(stream), next, .. } => {
                lanes.entry((diode, boot, *stream)).or_default().restore_next(*next);
            }
            Mark::Missing { lane: Lane::Stream(stream), ranges, .. } => {
                lanes.entry((diode, boot, *stream)).or_default().restore_missing(ranges);
            }
            Mark::Over { objects: Kind::Streams, ranges, .. } => lanes.retain(|key, _| {
                let is_over = ranges.iter().any(|&(first, last)| (first..=last).contains(&key.2.0.into()));
                (key.0, key.1) != (diode, boot) || !is_over
            }),
            Mark::Ended { .. } => lanes.retain(|key, _| (key.0, key.1) != (diode, boot)),
            Mark::Session { .. } | Mark::Next { .. } | Mark::Missing { .. } | Mark::Over { .. } => {}
        }
    }
    let name = |id| config.diodes.iter().find(|diode| diode.id == id).map(|diode| diode.name.clone());
    let named = lanes.into_iter().map(|((diode, boot, stream), progress)| {
        let name = name(diode)?;
        Some(((name, boot, stream), progress))
    });
    named.flatten().collect()
}

/// The thread's state.
pub(super) struct Writer {
    files: Option<Files>,
    streams: Option<Streams>,
    reports: mpsc::Sender<Item>,
    complaint: Complaint,
    shared: Arc<SharedCounters>,
}

impl Writer {
    /// A writer, and what it tells.
    pub(super) fn new(
        config: &Config,
        marks: &[Mark],
        shared: &Arc<SharedCounters>,
    ) -> anyhow::Result<(Self, mpsc::Receiver<Item>)> {
        let files = config.files.clone().map(|files| Files::open(files, shared.clone())).transpose()?;
        let (gaps_max, restored) = (config.limits.link.gaps_max, restored(config, marks));
        let streams = config.streams.clone();
        let streams =
            streams.map(|streams| Streams::open(streams, gaps_max, restored, shared.clone())).transpose()?;
        let (reports, receiver) = mpsc::channel(REPORTS_MAX);
        let (complaint, shared) = (Complaint::default(), shared.clone());
        Ok((Self { files, streams, reports, complaint, shared }, receiver))
    }

    /// Writes until the queue is closed.
    pub(super) fn run(&mut self, inlet: &Inlet) {
        while let Some(object) = inlet.take() {
            self.handle(object);
            inlet.note_written();
        }
        if let Some(files) = &mut self.files {
            let abandoned = files.end_all(&FileState::Abandoned);
            abandoned.into_iter().for_each(|report| self.tell_file(report));
        }
    }

    pub(super) fn handle(&mut self, Object { origin, part }: Object) {
        let mut out = Vec::new();
        match (part, &mut self.streams, &mut self.files) {
            (Part::Stream { stream, sequence, step }, Some(streams), _) => {
                streams.handle(&origin, stream, (sequence, step), &mut out);
            }
            (Part::StreamGap { stream, first, last }, Some(streams), _) => {
                streams.handle_gap(&origin, stream, (first, last), &mut out);
            }
            (Part::StreamEvicted { stream }, Some(streams), _) => {
                streams.give_up(&origin, stream, Failure::Evicted, &mut out);
            }
            (Part::File { file, step }, _, Some(files)) => {
                let report = files.handle(&origin, file, step);
                report.into_iter().for_each(|report| self.tell_file(report));
            }
            (Part::End(why), ..) => self.end_boot(&origin, why),
            (Part::Lost(losses), ..) => self.handle_losses(*losses),
            _ => add(&self.shared.object_parts_unwanted, 1),
        }
        out.into_iter().for_each(|report| self.tell_stream(report));
    }

    fn end_boot(&mut self, origin: &Arc<crate::item::Origin>, why: Failure) {
        let mut out = Vec::new();
        if let Some(streams) = &mut self.streams {
            streams.end_boot(origin, why, &mut out);
        }
        out.into_iter().for_each(|report| self.tell_stream(report));
        let files = self.files.as_mut().map(|files| files.end_boot(origin, why));
        files.into_iter().flatten().for_each(|report| self.tell_file(report));
    }

    fn handle_losses(&mut self, losses: Losses) {
        let everything = losses.everything;
        for (id, loss) in losses.into_objects() {
            match (id, &mut self.streams, &mut self.files) {
                (ObjectId::Stream(stream), Some(streams), _) => {
                    let mut out = Vec::new();
                    streams.give_up(&loss.origin, stream, Failure::PartsDropped, &mut out);
                    out.into_iter().for_each(|report| self.tell_stream(report));
                }
                (ObjectId::File(file), _, Some(files)) => {
                    let report = files.lose(&loss.origin, file, loss.about, loss.end.is_some());
                    report.into_iter().for_each(|report| self.tell_file(report));
                }
                (ObjectId::Boot, ..) => {
                    self.end_boot(&loss.origin, loss.end.unwrap_or(Failure::PartsDropped));
                }
                _ => {}
            }
        }
        if everything {
            self.give_up_everything();
        }
    }

    fn give_up_everything(&mut self) {
        let mut out = Vec::new();
        if let Some(streams) = &mut self.streams {
            streams.give_up_all(&mut out);
        }
        out.into_iter().for_each(|report| self.tell_stream(report));
        let failed = FileState::Failed(Failure::PartsDropped);
        let files = self.files.as_mut().map(|files| files.end_all(&failed));
        files.into_iter().flatten().for_each(|report| self.tell_file(report));
    }

    fn tell_stream(&mut self, report: StreamReport) {
        if let StreamState::Incomplete(why) = report.state
            && self.complaint.is_due()
        {
            tracing::error!(
                "{}: stream {} of boot {} is incomplete: {}; see \"{}\"",
                report.origin.diode,
                report.stream,
                report.origin.boot,
                why.word(),
                report.path.display()
            );
        }
        self.tell(Item::Stream(report.into()));
    }

    fn tell_file(&mut self, report: FileReport) {
        if let FileState::Failed(why) = &report.state
            && self.complaint.is_due()
        {
            tracing::error!(
                "{}: file {} of boot {} ({:?}) is not delivered: {}",
                report.origin.diode,
                report.file,
                report.origin.boot,
                report.name.as_deref().unwrap_or_default(),
                why.word()
            );
        }
        self.tell(Item::File(report.into()));
    }

    fn tell(&self, item: Item) {
        // Fails only if the intake has ended, which takes all reports before.
        let _ = self.reports.blocking_send(item);
    }
}
