//! Files: put together under a hidden name; under their own only when complete, with the right SHA-256.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use noreturn_link::receiver::{FileAbout, FileEvent};
use noreturn_wire::FileId;
use sha2::{Digest, Sha256};

use super::names::{
    diode_folder, lock_directory, name_with_origin, rename_to_free, safe_name, synchronise_folder,
};
use super::{Failure, FileReport, FileState, Key, belongs, key};
use crate::complaint::Complaint;
use crate::config::ObjectsConfig;
use crate::counters::{SharedCounters, add};
use crate::disk::regular;
use crate::item::Origin;

/// How the names of files that are not complete end; they begin with a dot.
const PARTIAL: &str = ".part";
/// Bytes that are read at once for the SHA-256.
const READ_BYTES: usize = 256 << 10;

/// All files that are being put together.
#[derive(Debug)]
pub(super) struct Files {
    config: ObjectsConfig,
    open: BTreeMap<Key<FileId>, Assembly>,
    shared: Arc<SharedCounters>,
    complaint: Complaint,
    _lock: File,
}

#[derive(Debug)]
struct Assembly {
    origin: Arc<Origin>,
    about: FileAbout,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Bytes are written to this file, which lies here.
    Writing(File, PathBuf),
    /// It failed; its end is still to come.
    Failed(Failure),
}

impl Files {
    /// Takes possession of the directory, and removes what an earlier run has not completed: it starts again.
    ///
    /// # Errors
    /// The directory cannot be used.
    pub(super) fn open(config: ObjectsConfig, shared: Arc<SharedCounters>) -> anyhow::Result<Self> {
        let lock = lock_directory("files", &config.directory)?;
        remove_partial(&config.directory)
            .with_context(|| format!("files.directory: cannot tidy \"{}\" up", config.directory.display()))?;
        Ok(Self { config, open: BTreeMap::new(), shared, complaint: Complaint::default(), _lock: lock })
    }

    /// Takes what became known of a file; what is to be told of that.
    pub(super) fn handle(
        &mut self,
        origin: &Arc<Origin>,
        file: FileId,
        step: FileEvent,
    ) -> Option<FileReport> {
        match step {
            FileEvent::Started(about) => {
                self.start(origin, file, about);
                None
            }
            FileEvent::Data { offset, bytes } => {
                self.write(&key(origin, file), offset, &bytes);
                None
            }
            FileEvent::Completed(about) => {
                let result = match self.open.remove(&key(origin, file)).map(|assembly| assembly.state) {
                    Some(State::Writing(written, path)) => deliver(origin, file, &about, (written, path)),
                    Some(State::Failed(why)) => Err(why),
                    None => Err(Failure::PartsDropped),
                };
                let state = result.map_or_else(FileState::Failed, FileState::Completed);
                Some(self.report(origin, file, Some(about), state))
            }
            FileEvent::Aborted => self.end(origin, file, FileState::Aborted),
            FileEvent::Abandoned => self.end(origin, file, FileState::Abandoned),
        }
    }

    /// Parts of a file were dropped. If its end was among them, this is it.
    pub(super) fn lose(
        &mut self,
        origin: &Arc<Origin>,
        file: FileId,
        about: Option<FileAbout>,
        is_end: bool,
    ) -> Option<FileReport> {
        let key = key(origin, file);
        let state = FileState::Failed(Failure::PartsDropped);
        match self.open.get_mut(&key) {
            None if is_end => Some(self.report(origin, file, about, state)),
            Some(_) if is_end => self.end(origin, file, state),
            Some(assembly) => {
                assembly.fail(Failure::PartsDropped);
                None
            }
            // Its end is still to come, and will find nothing.
            None => None,
        }
    }

    /// Gives up every file of a boot.
    pub(super) fn end_boot(&mut self, origin: &Origin, why: Failure) -> Vec<FileReport> {
        self.end_if(|key| belongs(key, origin), &FileState::Failed(why))
    }

    /// Gives up every file.
    pub(super) fn end_all(&mut self, state: &FileState) -> Vec<FileReport> {
        self.end_if(|_| true, state)
    }

    fn end_if(&mut self, condition: impl Fn(&Key<FileId>) -> bool, state: &FileState) -> Vec<FileReport> {
        let ended: Vec<_> = self.open.extract_if(.., |key, _| condition(key)).collect();
        ended.into_iter().map(|((.., file), assembly)| self.give_up(file, assembly, state.clone())).collect()
    }

    fn end(&mut self, origin: &Arc<Origin>, file: FileId, state: FileState) -> Option<FileReport> {
        Some(match self.open.remove(&key(origin, file)) {
            Some(assembly) => self.give_up(file, assembly, state),
            None => self.report(origin, file, None, state),
        })
    }

    /// Removes what has been written of a file, and tells why.
    fn give_up(&self, file: FileId, mut assembly: Assembly, mut state: FileState) -> FileReport {
        match assembly.state {
            State::Failed(why) => state = FileState::Failed(why),
            State::Writing(..) => assembly.fail(Failure::PartsDropped),
        }
        self.report(&assembly.origin, file, Some(assembly.about), state)
    }

    fn start(&mut self, origin: &Arc<Origin>, file: FileId, about: FileAbout) {
        let assembling = self.open.iter().filter(|((diode, ..), _)| *diode == origin.diode);
        let bytes = assembling
            .filter(|(_, assembly)| matches!(assembly.state, State::Writing(..)))
            .fold(about.length, |bytes, (_, assembly)| bytes.saturating_add(assembly.about.length));
        let state = if bytes > self.config.bytes_max {
            State::Failed(Failure::TooLarge)
        } else {
            self.create(origin, file).unwrap_or_else(|error| {
                self.complain(&error);
                State::Failed(Failure::WriteFailed)
            })
        };
        let assembly = Assembly { origin: origin.clone(), about, state };
        if let Some(earlier) = self.open.insert(key(origin, file), assembly) {
            // Its end was dropped; it had the same name, so that it is gone already.
            drop(earlier);
        }
    }

    fn create(&self, origin: &Origin, file: FileId) -> io::Result<State> {
        let folder = diode_folder(&self.config.directory, &origin.diode)?;
        let path = folder.join(format!(".{}-{}{PARTIAL}", origin.boot_text, file.0));
        // What may lie there is what an earlier start of the same file has left.
        Ok(State::Writing(regular::create(&path)?, path))
    }

    fn write(&mut self, key: &Key<FileId>, offset: u64, bytes: &[u8]) {
        let Some(assembly) = self.open.get_mut(key) else {
            return add(&self.shared.object_parts_useless, 1);
        };
        let State::Writing(file, _) = &assembly.state else {
            return add(&self.shared.object_parts_useless, 1);
        };
        let end = offset.saturating_add(bytes.len() as u64);
        if end > assembly.about.length {
            return assembly.fail(Failure::Contradictory);
        }
        if let Err(error) = file.write_all_at(bytes, offset) {
            assembly.fail(Failure::WriteFailed);
            self.complain(&error);
        }
    }

    fn complain(&mut self, error: &io::Error) {
        add(&self.shared.object_write_errors, 1);
        if self.complaint.is_due() {
            let directory = self.config.directory.display();
            tracing::error!(
                "files: cannot write to \"{directory}\": {error}; counted as object_write_errors"
            );
        }
    }

    fn report(
        &self,
        origin: &Arc<Origin>,
        file: FileId,
        about: Option<FileAbout>,
        state: FileState,
    ) -> FileReport {
        let counter = match &state {
            FileState::Completed(_) => &self.shared.files_written,
            FileState::Failed(_) => &self.shared.files_failed,
            FileState::Aborted | FileState::Abandoned => &self.shared.files_given_up,
        };
        add(counter, 1);
        FileReport {
            origin: origin.clone(),
            file: file.0,
            bytes: about.as_ref().map(|about| about.length),
            sha256: about.as_ref().map(|about| about.sha256),
            name: about.map(|about| about.name),
            state,
        }
    }
}

impl Assembly {
    fn fail(&mut self, why: Failure) {
        if let State::Writing(_, path) = &self.state {
            remove(path);
            self.state = State::Failed(why);
        }
    }
}

/// Checks a file whose bytes are all there, and gives it its name.
fn deliver(
    origin: &Origin,
    file: FileId,
    about: &FileAbout,
    (written, partial): (File, PathBuf),
) -> Result<PathBuf, Failure> {
    let delivered = match digest(&written) {
        Ok(digest) if digest == about.sha256 => name(origin, file, &about.name, (&written, &partial))
            .map_err(|error| {
                tracing::error!("files: cannot deliver \"{}\": {error}", partial.display());
                Failure::WriteFailed
            }),
        Ok(_) => Err(Failure::WrongHash),
        Err(error) => {
            tracing::error!("files: cannot read \"{}\" back: {error}", partial.display());
            Err(Failure::WriteFailed)
        }
    };
    let delivered = delivered.and_then(|path| path.ok_or(Failure::NameTaken));
    if delivered.is_err() {
        remove(&partial);
    }
    delivered
}

/// Gives a file its name, or one that adds where it comes from; none if even that is taken.
fn name(
    origin: &Origin,
    file: FileId,
    name: &str,
    (written, partial): (&File, &Path),
) -> io::Result<Option<PathBuf>> {
    written.sync_all()?;
    let folder = partial.parent().unwrap_or(Path::new("."));
    let plain = safe_name(name);
    let unique = name_with_origin(&plain, &origin.boot_text, file.0);
    for name in [plain, unique] {
        let path = folder.join(name);
        if rename_to_free(partial, &path)? {
            synchronise_folder(folder)?;
            return Ok(Some(path));
        }
    }
    Ok(None)
}

fn digest(file: &File) -> io::Result<[u8; 32]> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; READ_BYTES];
    let mut offset = 0;
    loop {
        match file.read_at(&mut buffer, offset) {
            Ok(0) => return Ok(hasher.finalize().into()),
            Ok(count) => {
                hasher.update(buffer.get(..count).unwrap_or_default());
                offset += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Removes what is of no use any more.
fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path) {
        tracing::warn!("files: \"{}\" stays behind: {error}", path.display());
    }
}

/// Removes partial files in the folders of all diodes.
fn remove_partial(directory: &Path) -> io::Result<()> {
    for folder in fs::read_dir(directory)? {
        let folder = folder?;
        if !folder.file_type()?.is_dir() {
            continue;
        }
        for file in fs::read_dir(folder.path())? {
            let file = file?;
            let name = file.file_name();
            let name = name.as_encoded_bytes();
            if name.starts_with(b".") && name.ends_with(PARTIAL.as_bytes()) && file.file_type()?.is_file() {
                fs::remove_file(file.path())?;
            }
        }
    }
    Ok(())
}
