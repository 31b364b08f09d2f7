//! What lies on the medium, and what the loader hands the kernel.

use noreturn_image_format::manifest::Parsed;
use noreturn_image_format::{Config, Handover, Manifest};
use noreturn_loader::check::HEAD_BYTES;

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

/// Runs the input as a manifest.
pub(super) fn manifest(data: &[u8]) {
    match Manifest::parse(data) {
        Ok(Parsed { manifest, text, signed, signature }) => {
            assert_eq!(manifest.emit(&signature).as_bytes(), text, "it can be written in two ways");
            assert_eq!(manifest.emit_unsigned().as_bytes(), signed, "something else is signed");
            let (before, behind) = data.split_at(text.len());
            assert!(before == text && behind.iter().all(|&byte| byte == 0), "something hides behind it");
            check_parts(&manifest);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Parts lie within the image, behind one another.
fn check_parts(manifest: &Manifest) {
    let Manifest { loader, kernel, config, image_bytes, .. } = manifest;
    let places = [loader, kernel, config].map(|part| part.range());
    assert!(places.windows(2).all(|pair| pair[0].end <= pair[1].start), "{places:?}");
    assert!(places[2].end as u64 <= *image_bytes && places[0].start >= HEAD_BYTES, "{places:?}");
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
