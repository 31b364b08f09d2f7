//! What lies on the medium, and what the loader hands the kernel.

use noreturn_image_format::{Config, Handover, Manifest, Sha256Digest};

/// Runs the input as a compiled configuration.
pub(super) fn config(data: &[u8]) {
    match Config::decode(data) {
        Ok(config) => check_config(&config),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A configuration that was accepted is written so that the kernel reads the same.
pub(super) fn check_config(config: &Config) {
    let encoded = config.encode().expect("what was accepted can be written");
    assert_eq!(Config::decode(&encoded).as_ref(), Ok(config), "written as something else");
}

/// Runs the input as a manifest, and again with its digest put right.
pub(super) fn manifest(data: &[u8]) {
    check_manifest(data);
    if let Some(end) = data.windows(10).position(|window| window == b"\nmanifest ") {
        let body = &data[..=end];
        let digest = Sha256Digest::of(body);
        check_manifest(&[body, format!("manifest {digest}\n").as_bytes()].concat());
    }
}

fn check_manifest(data: &[u8]) {
    match Manifest::parse(data) {
        Ok(manifest) => assert_eq!(manifest.emit().as_bytes(), data, "it can be written in two ways"),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Runs the input as arguments that are separated by zero bytes, as the kernel gets them.
pub(super) fn handover(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match Handover::parse(text.split('\0')) {
        Ok(handover) => {
            assert_eq!(
                Handover::parse(handover.emit().split(' ')),
                Ok(handover),
                "written as something else"
            );
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
