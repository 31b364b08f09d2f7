//! A disk that keeps what was synchronised, and of the rest what chance leaves.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::regular::Opening;
use super::{AppendFile, Disk, FileId};

/// The files that a machine finds when its power is back.
pub type Remains = BTreeMap<PathBuf, Vec<u8>>;

/// The disk; its copies are the same one.
#[derive(Clone, Default, Debug)]
pub struct ModelDisk(Arc<Mutex<State>>);

#[derive(Default, Debug)]
struct State {
    files: Vec<Contents>,
    /// What lies where, now and on the disk.
    names: BTreeMap<PathBuf, usize>,
    names_kept: BTreeMap<PathBuf, usize>,
    /// Bytes that may still be written.
    room: Option<usize>,
    /// The synchronisations of files from which on one fails, and what that loses.
    fails_at: Option<u64>,
    synchronisations: u64,
    /// Operations so far, the one before which the power goes, and what it leaves.
    operations: u64,
    power_cut_at: u64,
    chance: u64,
    remains: Option<Remains>,
}

#[derive(Default, Debug)]
struct Contents {
    bytes: Vec<u8>,
    /// How many of them the disk has; and those that it has lost.
    kept: usize,
    lost: Vec<std::ops::Range<usize>>,
}

#[derive(Debug)]
struct ModelFile {
    disk: ModelDisk,
    number: usize,
}

impl ModelDisk {
    /// A disk whose machine loses its power before an operation; `seed` decides what that leaves.
    pub fn with_power_cut(power_cut_at: u64, seed: u64) -> Self {
        let disk = Self::default();
        disk.with(|state| (state.power_cut_at, state.chance) = (power_cut_at, seed));
        disk
    }

    /// The disk of a machine that is started again, with what a power cut has left.
    pub fn holding(remains: &Remains) -> Self {
        let disk = Self::default();
        disk.with(|state| {
            for (number, (path, bytes)) in remains.iter().enumerate() {
                let (bytes, kept) = (bytes.clone(), bytes.len());
                state.files.push(Contents { bytes, kept, lost: Vec::new() });
                state.names.insert(path.clone(), number);
            }
            state.names_kept = state.names.clone();
        });
        disk
    }

    /// Lets the synchronisation of this number, from 0, fail and lose what it was to keep.
    pub fn fail_synchronisation(&self, number: u64) {
        self.with(|state| state.fails_at = Some(number));
    }

    /// Leaves room for so many bytes more.
    pub fn set_room(&self, bytes: usize) {
        self.with(|state| state.room = Some(bytes));
    }

    /// Operations so far.
    pub fn operations(&self) -> u64 {
        self.with(|state| state.operations)
    }

    /// Everything that is in a file now.
    pub fn contents(&self, path: &Path) -> Vec<u8> {
        self.read(path).unwrap()
    }

    /// What the power cut has left, or leaves now.
    pub fn remains(&self) -> Remains {
        self.with(|state| state.remains.clone().unwrap_or_else(|| state.cut()))
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.0.lock().unwrap())
    }

    /// One operation: the power may go before it.
    fn operate<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        self.with(|state| {
            if state.operations == state.power_cut_at && state.power_cut_at > 0 {
                state.remains = Some(state.cut());
            }
            state.operations += 1;
            act(state)
        })
    }
}

impl State {
    /// SplitMix64 (Steele, Lea, Flood 2014).
    fn draw(&mut self, below: usize) -> usize {
        self.chance = self.chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.chance;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) as usize % below
    }

    /// Of what was not synchronised a part is there, as long as chance wants; its end may be zeros.
    fn cut(&mut self) -> Remains {
        let names = if self.draw(2) == 0 { self.names.clone() } else { self.names_kept.clone() };
        let mut remains = Remains::new();
        for (path, number) in names {
            let (kept, length) = (self.files[number].kept, self.files[number].bytes.len());
            let there = kept + self.draw(length - kept + 1);
            let written = kept + self.draw(there - kept + 1);
            let file = &self.files[number];
            let mut bytes = file.bytes[..there].to_vec();
            bytes[written..].fill(0);
            for lost in &file.lost {
                let end = lost.end.min(there);
                bytes[lost.start.min(end)..end].fill(0);
            }
            remains.insert(path, bytes);
        }
        remains
    }
}

impl Disk for ModelDisk {
    fn append_to(&self, path: &Path, _: Opening) -> io::Result<Box<dyn AppendFile>> {
        let number = self.operate(|state| {
            let number = *state.names.entry(path.to_owned()).or_insert(state.files.len());
            if number == state.files.len() {
                state.files.push(Contents::default());
            }
            number
        });
        self.operate(|state| state.names_kept.insert(path.to_owned(), number));
        Ok(Box::new(ModelFile { disk: self.clone(), number }))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.with(|state| state.names.get(path).map(|&number| state.files[number].bytes.clone()))
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn last_byte(&self, path: &Path) -> io::Result<Option<u8>> {
        Ok(self.read(path)?.last().copied())
    }

    fn replace(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.operate(|state| {
            let number = state.names.remove(from).unwrap();
            state.names.insert(to.to_owned(), number);
        });
        self.operate(|state| state.names_kept = state.names.clone());
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let removed = self.operate(|state| state.names.remove(path));
        removed.map(|_| ()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn id(&self, path: &Path) -> io::Result<FileId> {
        let number = self.with(|state| state.names.get(path).copied());
        number.map(|number| (1, number as u64)).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Write for ModelFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.disk.operate(|state| {
            let count = bytes.len().min(state.room.unwrap_or(usize::MAX));
            state.room = state.room.map(|room| room - count);
            state.files[self.number].bytes.extend_from_slice(&bytes[..count]);
            if count == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(count) }
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AppendFile for ModelFile {
    fn synchronise(&mut self) -> io::Result<()> {
        self.disk.operate(|state| {
            let has_failed = state.fails_at == Some(state.synchronisations);
            state.synchronisations += 1;
            let file = &mut state.files[self.number];
            if has_failed {
                // As Linux does: the pages count as written from now on, and are not.
                file.lost.push(file.kept..file.bytes.len());
            }
            file.kept = file.bytes.len();
            if has_failed { Err(io::ErrorKind::Other.into()) } else { Ok(()) }
        })
    }

    fn duplicate(&self) -> io::Result<Box<dyn AppendFile>> {
        Ok(Box::new(Self { disk: self.disk.clone(), number: self.number }))
    }

    fn truncate(&mut self, bytes: u64) -> io::Result<()> {
        self.disk.operate(|state| {
            let file = &mut state.files[self.number];
            file.bytes.truncate(bytes as usize);
            file.kept = file.kept.min(file.bytes.len());
        });
        Ok(())
    }

    fn id(&self) -> Option<FileId> {
        Some((1, self.number as u64))
    }
}
