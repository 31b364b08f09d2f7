//! What is told of streams and files, without their bytes.

use std::path::PathBuf;
use std::sync::Arc;

use crate::item::Origin;

/// What became of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileReport {
    /// Boot that it belongs to.
    pub origin: Arc<Origin>,
    /// Its number.
    pub file: u32,
    /// Its name as the box says it, if that was heard.
    pub name: Option<String>,
    /// Its length, if that was heard.
    pub bytes: Option<u64>,
    /// SHA-256 that the box says, if that was heard.
    pub sha256: Option<[u8; 32]>,
    /// What became of it.
    pub state: FileState,
}

/// What became of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FileState {
    /// It is complete, has the right SHA-256, and lies here.
    Completed(PathBuf),
    /// It will not be there.
    Failed(Failure),
    /// The box gave it up.
    Aborted,
    /// It was not complete when others needed its place, or this daemon ended; it starts again if it is sent again.
    Abandoned,
}

impl FileState {
    /// The word used in every output.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Completed(_) => "completed",
            Self::Failed(_) => "failed",
            Self::Aborted => "aborted",
            Self::Abandoned => "abandoned",
        }
    }
}

/// What became of a stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamReport {
    /// Boot that it belongs to.
    pub origin: Arc<Origin>,
    /// Its number.
    pub stream: u32,
    /// Its name as the box says it, if this daemon has heard it.
    pub name: Option<String>,
    /// Where its last byte ends, as far as it has come.
    pub bytes: u64,
    /// Where its bytes lie.
    pub path: PathBuf,
    /// What happened.
    pub state: StreamState,
}

/// What happened to a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StreamState {
    /// It was opened.
    Opened,
    /// Steps of it, first to last, did not come in time.
    Gap(u64, u64),
    /// It was closed gracefully. Whether all of it is there.
    Closed(bool),
    /// It broke off. Whether all before that is there.
    Aborted(bool),
    /// It was over before, and now all of it is there.
    Completed,
    /// It will never be whole.
    Incomplete(Failure),
}

impl StreamState {
    /// The word used in every output.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Gap(..) => "gap",
            Self::Closed(_) => "closed",
            Self::Aborted(_) => "aborted",
            Self::Completed => "completed",
            Self::Incomplete(_) => "incomplete",
        }
    }
}

/// Why an object is not whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// Parts of it found no room here, because they were not written fast enough.
    PartsDropped,
    /// It could not be written.
    WriteFailed,
    /// Its SHA-256 is another than the box says.
    WrongHash,
    /// It is larger than is allowed, or all that is being assembled would be.
    TooLarge,
    /// Both names under which it could lie are taken.
    NameTaken,
    /// What was said of it does not fit together.
    Contradictory,
    /// It had more holes than are remembered.
    TooManyHoles,
    /// It was idle for longest when another stream needed its place.
    Evicted,
    /// Its boot has ended.
    BootEnded,
    /// Its boot runs another image than expected.
    ImageRefused,
}

impl Failure {
    /// The word used in every output.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::PartsDropped => "parts-dropped",
            Self::WriteFailed => "write-failed",
            Self::WrongHash => "wrong-hash",
            Self::TooLarge => "too-large",
            Self::NameTaken => "name-taken",
            Self::Contradictory => "contradictory",
            Self::TooManyHoles => "too-many-holes",
            Self::Evicted => "evicted",
            Self::BootEnded => "boot-ended",
            Self::ImageRefused => "image-refused",
        }
    }
}
