//! The EFI system partition's file system: FAT12 (Microsoft's "FAT: General Overview of On-Disk Format", 1.03; section numbers
//! below), read strictly: short names only, nothing deleted, nothing lost.
//!
//! Every cluster is taken once at most, so loops and shared clusters end the reading.

mod boot_sector;
mod folder;

use std::collections::BTreeMap;

use noreturn_image_format::layout::ALIGNMENT;

use crate::bytes::first_used;
use boot_sector::Geometry;
use folder::{Entry, Kind};

/// Folders below one another at most; an image has two.
const DEPTH_MAX: usize = 4;
const CLUSTER_FIRST: u16 = 2;
const CLUSTER_BYTES: usize = ALIGNMENT as usize;
/// The only mark of a chain's end that images have; others up to 0xfff mean the same to other readers.
const END_OF_CHAIN: u16 = 0xfff;
/// The first two entries hold no chain (section 4.2).
const FAT_HEAD: [u16; 2] = [0xff8, END_OF_CHAIN];

/// What the file system holds.
#[derive(Debug)]
pub(crate) struct Volume {
    /// Contents by path.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Paths, each ending with "/".
    pub folders: Vec<String>,
    /// Where a byte lies, in bytes from the start of the partition, that should be zero and is not.
    pub hidden: Option<usize>,
}

/// Reads a file system that fills `partition`.
pub(crate) fn read(partition: &[u8]) -> Result<Volume, String> {
    let geometry = Geometry::read(partition)?;
    let fat = geometry.fat(partition, 0)?;
    if geometry.fat(partition, 1)? != fat {
        return Err("the two FATs differ".to_owned());
    }
    let mut reader = Reader {
        partition,
        geometry,
        fat,
        taken: vec![false; geometry.clusters],
        volume: Volume { files: BTreeMap::new(), folders: Vec::new(), hidden: None },
    };
    reader.read_folder("", None, geometry.root(partition)?, 0)?;
    reader.check_rest()?;
    Ok(reader.volume)
}

struct Reader<'a> {
    partition: &'a [u8],
    geometry: Geometry,
    fat: Vec<u16>,
    taken: Vec<bool>,
    volume: Volume,
}

/// The clusters that "." and ".." of a folder must say; the root has neither.
#[derive(Clone, Copy)]
struct Place {
    own: u16,
    parent: u16,
}

impl Reader<'_> {
    fn read_folder(
        &mut self,
        path: &str,
        place: Option<Place>,
        contents: &[u8],
        depth: usize,
    ) -> Result<(), String> {
        if depth > DEPTH_MAX {
            return Err(format!("{path} is more than {DEPTH_MAX} folders deep"));
        }
        for entry in folder::entries(path, contents)? {
            let Entry { ref name, kind, cluster: first, bytes } = entry;
            let below = format!("{path}{name}");
            match kind {
                Kind::Label if place.is_none() => {}
                Kind::Own if place.is_some_and(|place| place.own == first) => {}
                Kind::Parent if place.is_some_and(|place| place.parent == first) => {}
                Kind::Folder => {
                    let below = format!("{below}/");
                    let own = Some(Place { own: first, parent: place.map_or(0, |place| place.own) });
                    let contents = self.read_chain(&below, first)?;
                    self.read_folder(&below, own, &contents, depth + 1)?;
                    self.volume.folders.push(below);
                }
                Kind::File => self.read_file(below, first, bytes)?,
                Kind::Label | Kind::Own | Kind::Parent => {
                    return Err(format!("{below} does not belong here, or points to the wrong cluster"));
                }
            }
        }
        Ok(())
    }

    fn read_file(&mut self, path: String, first: u16, bytes: u32) -> Result<(), String> {
        let mut contents = if bytes == 0 && first == 0 { Vec::new() } else { self.read_chain(&path, first)? };
        let bytes = bytes as usize;
        if contents.len() / CLUSTER_BYTES != bytes.div_ceil(CLUSTER_BYTES) {
            return Err(format!("{path} has {bytes} bytes, but {} clusters", contents.len() / CLUSTER_BYTES));
        }
        if first_used(&contents[bytes..]).is_some() {
            return Err(format!("{path} hides bytes behind its end"));
        }
        contents.truncate(bytes);
        if self.volume.files.insert(path.clone(), contents).is_some() {
            return Err(format!("{path} is there twice"));
        }
        Ok(())
    }

    /// The contents of a chain of clusters, of which none may have been read before.
    fn read_chain(&mut self, path: &str, first: u16) -> Result<Vec<u8>, String> {
        let mut contents = Vec::new();
        let mut cluster = first;
        while cluster != END_OF_CHAIN {
            let index = cluster
                .checked_sub(CLUSTER_FIRST)
                .ok_or_else(|| format!("{path} has a chain that ends in cluster {cluster}"))?;
            let index = usize::from(index);
            match self.taken.get_mut(index) {
                Some(taken) if !*taken => *taken = true,
                Some(_) => return Err(format!("{path} shares cluster {cluster}, or runs in a circle")),
                None => return Err(format!("{path} has cluster {cluster}, which does not exist")),
            }
            let (_, bytes) =
                self.geometry.cluster(self.partition, index).ok_or("a cluster lies behind the partition")?;
            contents.extend(bytes);
            cluster = *self.fat.get(usize::from(cluster)).ok_or("the FAT is cut off")?;
        }
        Ok(contents)
    }

    /// What nothing points to must be free in the FAT and zero on the medium.
    fn check_rest(&mut self) -> Result<(), String> {
        if !self.fat.starts_with(&FAT_HEAD) {
            return Err("the FAT does not start as that of a disk".to_owned());
        }
        for (index, _) in self.taken.iter().enumerate().filter(|(_, taken)| !**taken) {
            let cluster = index + usize::from(CLUSTER_FIRST);
            if self.fat.get(cluster) != Some(&0) {
                return Err(format!("cluster {cluster} is in use, but belongs to no file"));
            }
            let (start, bytes) =
                self.geometry.cluster(self.partition, index).ok_or("a cluster lies behind the partition")?;
            self.volume.hidden = self.volume.hidden.or(first_used(bytes).map(|within| start + within));
        }
        let behind = self.fat.get(self.taken.len() + FAT_HEAD.len()..).unwrap_or_default();
        if behind.iter().any(|&entry| entry != 0) {
            return Err("the FAT hides bytes behind its end".to_owned());
        }
        Ok(())
    }
}
