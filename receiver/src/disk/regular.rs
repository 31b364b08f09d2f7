//! The one way to open a file that is written to: it is a regular file, or an error that says what it is instead.
//!
//! Opening a named pipe waits for a reader, which may never come; what is written to a device is gone; and what is renamed over
//! either destroys it.

use std::fs::{self, File, FileType, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

/// Whether a symbolic link may lie at the path itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Links {
    /// It is followed: a person has named this path.
    Followed,
    /// It is an error: the receiver has made this name up, or promises so.
    Refused,
}

/// How a file is opened that is appended to.
#[derive(Clone, Copy, Debug)]
pub struct Opening {
    /// Permissions if it is made, before the umask.
    pub mode: u32,
    /// What is done about links.
    pub links: Links,
}

impl Opening {
    /// Opens a file for appending, and makes it if it is missing.
    ///
    /// # Errors
    /// It cannot be opened or made, or is no regular file.
    pub fn append_to(self, path: &Path) -> io::Result<File> {
        open(File::options().create(true).append(true).mode(self.mode), path, self.links)
    }
}

/// Opens a file with these options, without waiting.
///
/// # Errors
/// It cannot be opened, or is no regular file.
pub fn open(options: &mut OpenOptions, path: &Path, links: Links) -> io::Result<File> {
    // Before it is opened, which may already do something to a device.
    check(path, links)?;
    // Who puts something else there meanwhile makes it fail, not wait.
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let flags = if links == Links::Refused { flags | OFlags::NOFOLLOW } else { flags };
    let file = options.custom_flags(flags.bits().cast_signed()).open(path)?;
    demand_regular(file.metadata()?.file_type())?;
    Ok(file)
}

/// Makes a file anew, in place of what an earlier run may have left of it.
///
/// # Errors
/// It cannot be made, or something else than a regular file lies there.
pub fn create(path: &Path) -> io::Result<File> {
    check(path, Links::Refused)?;
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // A new file, or an error: never what somebody has put there meanwhile.
    open(File::options().create_new(true).read(true).write(true), path, Links::Refused)
}

/// Whether a regular file lies at a path, or nothing.
///
/// # Errors
/// Something else does, or it cannot be told.
pub fn check(path: &Path, links: Links) -> io::Result<()> {
    let about = match links {
        Links::Followed => fs::metadata(path),
        Links::Refused => fs::symlink_metadata(path),
    };
    match about {
        Ok(about) => demand_regular(about.file_type()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn demand_regular(kind: FileType) -> io::Result<()> {
    let what = match kind {
        _ if kind.is_file() => return Ok(()),
        _ if kind.is_dir() => "a directory",
        _ if kind.is_symlink() => "a symbolic link, which is not followed here",
        _ if kind.is_fifo() => "a named pipe",
        _ if kind.is_socket() => "a socket",
        _ => "a device",
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, format!("expected a regular file, found {what}")))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;
    use std::path::PathBuf;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    const OURS: Opening = Opening { mode: 0o600, links: Links::Refused };
    const NAMED: Opening = Opening { mode: 0o600, links: Links::Followed };

    /// One of everything that is no regular file, and what it is called.
    fn others(folder: &Path) -> Vec<(PathBuf, &'static str)> {
        let at = |name: &str| folder.join(name);
        mknodat(CWD, at("pipe"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        fs::create_dir(at("folder")).unwrap();
        drop(UnixListener::bind(at("socket")).unwrap());
        symlink("pipe", at("link")).unwrap();
        vec![
            (at("pipe"), "a named pipe"),
            (at("folder"), "a directory"),
            (at("socket"), "a socket"),
            ("/dev/full".into(), "a device"),
            (at("link"), "a named pipe"),
        ]
    }

    #[test]
    fn what_is_no_regular_file_is_an_error_at_once_and_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        for (path, what) in others(folder.path()) {
            let is_link = path.ends_with("link");
            let kind = fs::symlink_metadata(&path).unwrap().file_type();
            let ours = if is_link { "a symbolic link" } else { what };
            for (result, what) in [
                (NAMED.append_to(&path), what),
                (OURS.append_to(&path), ours),
                (open(File::options().read(true), &path, Links::Followed), what),
                (open(File::options().write(true), &path, Links::Refused), ours),
                (create(&path), ours),
            ] {
                let error = result.unwrap_err().to_string();
                assert!(error.contains("expected a regular file") && error.contains(what), "{error}");
            }
            assert_eq!(fs::symlink_metadata(&path).unwrap().file_type(), kind);
        }
    }

    #[test]
    fn a_pipe_that_somebody_reads_is_refused_too() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let _reader = File::options().read(true).write(true).open(&pipe).unwrap();
        assert!(NAMED.append_to(&pipe).is_err() && OURS.append_to(&pipe).is_err());
    }

    #[test]
    fn a_regular_file_is_made_appended_to_through_a_link_that_a_person_has_named_and_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let [file, link] = ["file", "link"].map(|name| folder.path().join(name));
        symlink(&file, &link).unwrap();
        NAMED.append_to(&link).unwrap().write_all(b"one").unwrap();
        OURS.append_to(&file).unwrap().write_all(b"two").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "onetwo");
        create(&file).unwrap().write_all(b"new").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert!(OURS.append_to(&link).is_err());
    }
}
