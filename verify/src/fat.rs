//! The file system: FAT32 (Microsoft's "FAT: General Overview of On-Disk Format", 1.03), in the narrow form that an
//! image has: one block a cluster, short names, nothing deleted, nothing lost.
//!
//! Every cluster is taken once at most, so loops and shared clusters end the reading.

mod boot_sector;
mod folder;

use std::collections::BTreeMap;

use noreturn_image_format::layout::BLOCK_BYTES;

use crate::bytes::{blocks, first_used, u32_at};
use boot_sector::Geometry;
use folder::{Entry, Kind};

/// Folders below one another at most; an image has two.
const DEPTH_MAX: usize = 4;
const ROOT_CLUSTER: u32 = 2;
/// Marks the end of a chain, and anything above does, too.
const END_OF_CHAIN: u32 = 0x0fff_fff8;
/// The upper bits of an entry have no meaning.
const ENTRY_MASK: u32 = 0x0fff_ffff;

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
        taken: vec![false; geometry.clusters as usize],
        volume: Volume { files: BTreeMap::new(), folders: Vec::new(), hidden: geometry.hidden(partition) },
    };
    reader.read_folder("", ROOT_CLUSTER, 0, 0)?;
    reader.check_rest()?;
    Ok(reader.volume)
}

struct Reader<'a> {
    partition: &'a [u8],
    geometry: Geometry,
    fat: &'a [u8],
    taken: Vec<bool>,
    volume: Volume,
}

impl Reader<'_> {
    /// Reads the folder that starts at `cluster`; `parent` is what ".." must say.
    fn read_folder(&mut self, path: &str, cluster: u32, parent: u32, depth: usize) -> Result<(), String> {
        if depth > DEPTH_MAX {
            return Err(format!("{path} is more than {DEPTH_MAX} folders deep"));
        }
        let contents = self.read_chain(path, cluster)?;
        for entry in folder::entries(path, &contents)? {
            let Entry { ref name, kind, cluster: first, bytes } = entry;
            let below = format!("{path}{name}");
            match kind {
                Kind::Label if depth == 0 => {}
                Kind::Own if depth > 0 && first == cluster => {}
                Kind::Parent if depth > 0 && first == parent => {}
                Kind::Folder => {
                    let below = format!("{below}/");
                    let own = if depth == 0 { 0 } else { cluster };
                    self.read_folder(&below, first, own, depth + 1)?;
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

    fn read_file(&mut self, path: String, first: u32, bytes: u32) -> Result<(), String> {
        let mut contents = if bytes == 0 && first == 0 { Vec::new() } else { self.read_chain(&path, first)? };
        let bytes = bytes as usize;
        if contents.len() / BLOCK_BYTES != bytes.div_ceil(BLOCK_BYTES) {
            return Err(format!("{path} has {bytes} bytes, but {} clusters", contents.len() / BLOCK_BYTES));
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
    fn read_chain(&mut self, path: &str, first: u32) -> Result<Vec<u8>, String> {
        let mut contents = Vec::new();
        let mut cluster = first;
        while cluster < END_OF_CHAIN {
            let index = cluster
                .checked_sub(ROOT_CLUSTER)
                .ok_or_else(|| format!("{path} has a chain that ends in cluster {cluster}"))?;
            match self.taken.get_mut(index as usize) {
                Some(taken) if !*taken => *taken = true,
                Some(_) => return Err(format!("{path} shares cluster {cluster}, or runs in a circle")),
                None => return Err(format!("{path} has cluster {cluster}, which does not exist")),
            }
            let block = u64::from(self.geometry.data_block) + u64::from(index);
            contents.extend(blocks(self.partition, block, 1).ok_or("a cluster lies behind the partition")?);
            cluster = self.next(cluster).ok_or("the FAT is cut off")?;
        }
        Ok(contents)
    }

    fn next(&self, cluster: u32) -> Option<u32> {
        Some(u32_at(self.fat, cluster as usize * 4)? & ENTRY_MASK)
    }

    /// What nothing points to must be free in the FAT and zero on the medium.
    fn check_rest(&mut self) -> Result<(), String> {
        for (index, _) in self.taken.iter().enumerate().filter(|(_, taken)| !**taken) {
            let cluster = index as u32 + ROOT_CLUSTER;
            if self.next(cluster) != Some(0) {
                return Err(format!("cluster {cluster} is in use, but belongs to no file"));
            }
            let block = u64::from(self.geometry.data_block) + index as u64;
            let within = blocks(self.partition, block, 1).and_then(first_used);
            let at = within.map(|within| block as usize * BLOCK_BYTES + within);
            self.volume.hidden = self.volume.hidden.or(at);
        }
        Ok(())
    }
}
