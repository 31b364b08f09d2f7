//! The `[[modbus]]` tables: devices, and the points that are read from them.

mod point;

use std::collections::BTreeMap;

use noreturn_image_format::config::modbus::Device;
use noreturn_image_format::config::{Class, DEVICES_MAX, Inside, NAME_BYTES_MAX, SOURCES_MAX, Source};

use crate::cards::Neighbours;
use crate::section::{Section, integer};
use crate::{cards, class, name, reads};

/// Last level of the source that tells whether a device can be reached.
const STATUS: &str = "status";

/// Reads every device. What is wrong is reported, so the result only counts if nothing was.
pub(crate) fn read(
    root: &Section<'_>,
    inside: Option<&Inside>,
    neighbours: &mut Neighbours,
) -> (Vec<Device>, Vec<Source>) {
    let tables = root.tables("modbus");
    if tables.len() > DEVICES_MAX {
        root.fault("modbus", &format!("there are {} devices, more than {DEVICES_MAX}", tables.len()));
    }
    let mut sources = Sources::default();
    let devices = tables
        .into_iter()
        .filter_map(|table| table.read(|table| read_device(table, inside, neighbours, &mut sources)))
        .collect();
    (devices, sources.list)
}

fn read_device(
    section: &Section<'_>,
    inside: Option<&Inside>,
    neighbours: &mut Neighbours,
    sources: &mut Sources,
) -> Option<Device> {
    let name = section.required("name", &name::levels());
    let address = section.required("address", &cards::host_and_port());
    if let (Some(address), Some(inside)) = (address, inside) {
        cards::check_reachable(section, "address", *address.ip(), inside);
    }
    let mac = section.optional("mac", &cards::card_mac());
    if let (Some(address), Some(mac)) = (address, mac) {
        neighbours.add(section, "mac", *address.ip(), mac, inside);
    }
    let unit = section.or("unit", &integer(0..=255), 1);
    let timeout_ms = section.or("timeout_ms", &integer(10..=60_000), 1_000);
    let backoff_ms_min = section.or("backoff_ms_min", &integer(10..=3_600_000), 1_000);
    let backoff_ms_max = section.or("backoff_ms_max", &integer(10..=3_600_000), 30_000);
    if let (Some(min), Some(max)) = (backoff_ms_min, backoff_ms_max)
        && min > max
    {
        section.fault("backoff_ms_min", &format!("{min} is more than backoff_ms_max, which is {max}"));
    }
    // A wrong one has been told, so that what follows does not count.
    let class = section.or("class", &class::of_a_tag(), Class::Telemetry).unwrap_or(Class::Telemetry);
    // Points are looked at even without a name, so that their mistakes are told at once.
    let prefix = name.clone().unwrap_or_else(|| section.path_of(""));
    let status = Source { name: format!("{prefix}/{STATUS}"), unit: String::new(), class };
    let status = sources.add(section, "name", status);
    let tables = section.tables("point");
    if tables.is_empty() {
        section.fault("point", "there are no points; write [[modbus.point]] at least once");
    }
    let mut values = Vec::new();
    for table in tables {
        values.extend(table.read(|table| point::read(table, &prefix, class, sources)).into_iter().flatten());
    }
    let address = address?;
    Some(Device {
        name: name?,
        address: *address.ip(),
        mac: mac?,
        port: address.port(),
        unit: unit?,
        timeout_ms: timeout_ms?,
        backoff_ms_min: backoff_ms_min?,
        backoff_ms_max: backoff_ms_max?,
        status: status?,
        reads: reads::merge(values),
    })
}

/// Every source so far; their numbers are dense, in the order of the file.
#[derive(Default)]
pub(super) struct Sources {
    list: Vec<Source>,
    /// Who has a name: the path of the key that gave it.
    owners: BTreeMap<String, String>,
}

impl Sources {
    /// Adds a source that `key` of `section` names, and returns its number.
    fn add(&mut self, section: &Section<'_>, key: &str, source: Source) -> Option<u32> {
        if self.list.len() > SOURCES_MAX {
            return None; // Told already.
        }
        if self.list.len() == SOURCES_MAX {
            section.fault(
                key,
                &format!("is one tag more than {SOURCES_MAX}; each device has a tag \"{STATUS}\", too"),
            );
        }
        let name = &source.name;
        if name.len() > NAME_BYTES_MAX {
            let what = format!(
                "\"{name}\" has {} bytes with the device's name, more than {NAME_BYTES_MAX}",
                name.len()
            );
            section.fault(key, &what);
        }
        if let Some(owner) = self.owners.get(name) {
            section.fault(key, &format!("\"{name}\" is named by {owner} already"));
            return None;
        }
        self.owners.insert(name.clone(), section.path_of(key));
        let number = u32::try_from(self.list.len()).ok()?;
        self.list.push(source);
        Some(number)
    }
}
