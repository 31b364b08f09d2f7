//! The `[status]` table: where the state of the box can be read on the inside network. Nothing listens by default.

use noreturn_image_format::config::status::{PORT_MAX, Status};

use crate::section::{Section, integer};

pub(crate) fn read(section: &Section<'_>) -> Option<Status> {
    let port = || integer(1..=PORT_MAX);
    let modbus_port = section.optional("modbus_port", &port());
    let http_port = section.optional("http_port", &port());
    let status = Status { modbus_port: modbus_port?, http_port: http_port? };
    if status.http_port.is_some() && status.http_port == status.modbus_port {
        section.fault("http_port", "is modbus_port, too; each needs a port of its own");
    }
    Some(status)
}
