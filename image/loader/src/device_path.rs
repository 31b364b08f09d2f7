//! Reads device paths (UEFI 2.10, chapter 10): which disk holds a partition, which consoles are in use.

/// Bytes of a node's header: type, subtype, length.
const HEADER_BYTES: usize = 4;

const ACPI: (u8, u8) = (2, 1);
const UART: (u8, u8) = (3, 14);
const HARD_DRIVE: (u8, u8) = (4, 1);
/// The bootable part of a CD (UEFI 2.10, section 10.3.5.2).
const CD_ROM: (u8, u8) = (4, 2);
const END_TYPE: u8 = 0x7f;
/// The whole path ends here, not only one of several instances.
const END_ENTIRE: (u8, u8) = (END_TYPE, 0xff);

/// PNP0501 (16550 serial port) as a compressed EISA identifier, and unit 0: COM1.
const COM1: [u8; 8] = [0xd0, 0x41, 0x01, 0x05, 0, 0, 0, 0];

/// One node of a path.
#[derive(Clone, Copy)]
struct Node<'a> {
    kind: (u8, u8),
    data: &'a [u8],
}

impl Node<'_> {
    fn is_partition(&self) -> bool {
        [HARD_DRIVE, CD_ROM].contains(&self.kind)
    }
}

/// Nodes up to the end of the path, end nodes of instances included; stops at the first malformed one.
fn nodes(path: &[u8]) -> impl Iterator<Item = Node<'_>> {
    let mut rest = path;
    core::iter::from_fn(move || {
        let &[major, minor, low, high, ..] = rest else { return None };
        let length = usize::from(u16::from_le_bytes([low, high]));
        let node = rest.get(..length)?;
        let kind = (major, minor);
        let data = node.get(HEADER_BYTES..)?;
        rest = &rest[length..];
        (kind != END_ENTIRE).then_some(Node { kind, data })
    })
}

/// Bytes of `path` before its end node.
fn body(path: &[u8]) -> &[u8] {
    let length = nodes(path).map(|node| HEADER_BYTES + node.data.len()).sum();
    &path[..length]
}

/// Whether `disk` is the whole disk that holds `partition`: the same path without its last node,
/// which must be a hard drive's partition or a CD's bootable part.
#[must_use]
pub fn is_disk_of_partition(disk: &[u8], partition: &[u8]) -> bool {
    body(partition).strip_prefix(body(disk)).is_some_and(|rest| {
        let mut last = nodes(rest);
        last.next().is_some_and(|node| node.is_partition()) && last.next().is_none()
    })
}

/// Whether `path` ends in a partition of a disk, or the bootable part of a CD.
#[must_use]
pub fn is_partition(path: &[u8]) -> bool {
    nodes(path).last().is_some_and(|node| node.is_partition())
}

/// Whether `consoles`, the contents of the variable `ConOut`, name the serial port COM1.
#[must_use]
pub fn has_com1(consoles: &[u8]) -> bool {
    nodes(consoles)
        .zip(nodes(consoles).skip(1))
        .any(|(port, next)| port.kind == ACPI && port.data == COM1 && next.kind == UART)
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    const PCI_ROOT: &[u8] = &[2, 1, 12, 0, 0xd0, 0x41, 0x03, 0x0a, 0, 0, 0, 0];
    const PCI: &[u8] = &[1, 1, 6, 0, 0, 0x1f];
    const USB: &[u8] = &[3, 5, 6, 0, 0, 0];
    const SERIAL_0: &[u8] = &[2, 1, 12, 0, 0xd0, 0x41, 0x01, 0x05, 0, 0, 0, 0];
    const SERIAL_1: &[u8] = &[2, 1, 12, 0, 0xd0, 0x41, 0x01, 0x05, 1, 0, 0, 0];
    const UART_NODE: &[u8] = &[3, 14, 19, 0, 0, 0, 0, 0, 0, 0xc2, 1, 0, 0, 0, 0, 0, 8, 1, 1];
    const DISPLAY: &[u8] = &[2, 3, 8, 0, 0, 1, 1, 0x80];
    const INSTANCE_END: &[u8] = &[0x7f, 1, 4, 0];
    const END: &[u8] = &[0x7f, 0xff, 4, 0];

    fn partition_node() -> Vec<u8> {
        [&[4, 1, 42, 0][..], &[7; 38]].concat()
    }

    fn path(nodes: &[&[u8]]) -> Vec<u8> {
        [&nodes.concat(), END].concat()
    }

    #[test]
    fn the_disk_of_a_partition_is_its_parent_and_nothing_else() {
        let partition = path(&[PCI_ROOT, PCI, USB, &partition_node()]);
        assert!(is_disk_of_partition(&path(&[PCI_ROOT, PCI, USB]), &partition));
        assert!(!is_disk_of_partition(&partition, &partition));
        assert!(!is_disk_of_partition(&path(&[PCI_ROOT, PCI]), &partition));
        assert!(!is_disk_of_partition(&path(&[PCI_ROOT, PCI, PCI]), &partition));
        assert!(!is_disk_of_partition(END, &partition));
    }

    #[test]
    fn a_cd_is_the_parent_of_its_bootable_part() {
        let part = path(&[PCI_ROOT, PCI, &[4, 2, 24, 0], &[0; 20]]);
        assert!(is_partition(&part));
        assert!(is_disk_of_partition(&path(&[PCI_ROOT, PCI]), &part));
    }

    #[test]
    fn a_path_ends_in_a_partition_or_not() {
        assert!(is_partition(&path(&[PCI_ROOT, PCI, USB, &partition_node()])));
        assert!(!is_partition(&path(&[PCI_ROOT, PCI, USB])));
        assert!(!is_partition(END));
        assert!(!is_partition(&[]));
    }

    #[test]
    fn com1_is_found_among_several_consoles() {
        let screen = [PCI_ROOT, PCI, DISPLAY];
        let serial = [PCI_ROOT, PCI, SERIAL_0, UART_NODE];
        assert!(has_com1(&path(&[&screen.concat(), INSTANCE_END, &serial.concat()])));
        assert!(has_com1(&path(&[&serial.concat(), INSTANCE_END, &screen.concat()])));
        assert!(!has_com1(&path(&screen)));
        assert!(!has_com1(&path(&[PCI_ROOT, PCI, SERIAL_1, UART_NODE])));
        assert!(!has_com1(&path(&[PCI_ROOT, PCI, UART_NODE])));
    }

    #[test]
    fn malformed_paths_end_the_walk() {
        let full = path(&[PCI_ROOT, PCI, SERIAL_0, UART_NODE]);
        for length in 0..full.len() - END.len() {
            assert!(!has_com1(&full[..length]));
        }
        assert!(!has_com1(&[2, 1, 0, 0, 2, 1, 3, 0]));
        assert!(!is_partition(&[4, 1, 3, 0]));
    }
}
