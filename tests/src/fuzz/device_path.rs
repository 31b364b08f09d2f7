//! The firmware's device paths, as the loader reads them.

use noreturn_loader::device_path::{has_com1, is_disk_of_partition, is_partition};

/// The first byte says where the path of a disk ends and that of a partition begins.
pub(super) fn device_path(data: &[u8]) {
    let Some((&at, paths)) = data.split_first() else { return };
    let (disk, partition) = paths.split_at(usize::from(at).min(paths.len()));
    if is_disk_of_partition(disk, partition) {
        assert!(is_partition(partition), "a disk of what is no partition");
        assert!(!is_disk_of_partition(partition, disk), "each is the disk of the other");
    }
    assert!(!is_disk_of_partition(paths, paths), "a disk of itself");
    // A serial port takes two nodes, of 12 and at least 4 bytes.
    assert!(!has_com1(paths) || paths.len() >= 16);
}
