//! JSON of files and streams.

use std::borrow::Cow;
use std::path::Path;

use serde::Serialize;

use super::hex;
use crate::objects::{FileReport, FileState, StreamReport, StreamState};

/// What a line tells of a file.
#[derive(Serialize)]
pub(super) struct FileJson<'a> {
    file: u32,
    name: Option<&'a str>,
    bytes: Option<u64>,
    sha256: Option<String>,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'static str>,
}

impl<'a> From<&'a FileReport> for FileJson<'a> {
    fn from(report: &'a FileReport) -> Self {
        let (path, why) = match &report.state {
            FileState::Completed(path) => (Some(path), None),
            FileState::Failed(why) => (None, Some(why.word())),
            FileState::Aborted | FileState::Abandoned => (None, None),
        };
        Self {
            file: report.file,
            name: report.name.as_deref(),
            bytes: report.bytes,
            sha256: report.sha256.as_ref().map(hex),
            state: report.state.word(),
            path: path.map(|path| path_text(path)),
            why,
        }
    }
}

/// What a line tells of a stream.
#[derive(Serialize)]
pub(super) struct StreamJson<'a> {
    stream: u32,
    name: Option<&'a str>,
    state: &'static str,
    bytes: u64,
    path: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    whole: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'static str>,
}

impl<'a> From<&'a StreamReport> for StreamJson<'a> {
    fn from(report: &'a StreamReport) -> Self {
        let mut json = Self {
            stream: report.stream,
            name: report.name.as_deref(),
            state: report.state.word(),
            bytes: report.bytes,
            path: path_text(&report.path),
            first: None,
            last: None,
            whole: None,
            why: None,
        };
        match report.state {
            StreamState::Opened | StreamState::Completed => {}
            StreamState::Gap(first, last) => (json.first, json.last) = (Some(first), Some(last)),
            StreamState::Closed(whole) | StreamState::Aborted(whole) => json.whole = Some(whole),
            StreamState::Incomplete(why) => json.why = Some(why.word()),
        }
        json
    }
}

fn path_text(path: &Path) -> Cow<'_, str> {
    path.to_string_lossy()
}
