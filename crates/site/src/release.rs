//! The `[image]` table: which image this is, and which older ones it puts out of use.

use noreturn_image_format::config::release::Release;

use crate::section::{Section, integer};

pub(crate) fn read(section: &Section<'_>) -> Option<Release> {
    let number = || integer(0..=u32::MAX);
    let version = section.or("version", &number(), 0);
    let floor = section.or("version_floor", &number(), 0);
    let release = Release { version: version?, floor: floor? };
    if release.floor > release.version {
        section.fault("version_floor", "is above version; the image would refuse itself");
    }
    Some(release)
}
