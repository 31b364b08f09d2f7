//! The writer without a network: hostile names, losses, and disks that fail.
