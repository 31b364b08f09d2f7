//! Site files: what is accepted can be given to the kernel; what is refused is refused with a place.

use super::formats::check_config;

/// Runs the input as the text of a site file.
pub(super) fn site(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match noreturn_site::parse(&text, "site.toml", |_| Ok([7; 32])) {
        Ok(config) => check_config(&config),
        Err(errors) => {
            assert!(!errors.errors.is_empty(), "refused without a reason");
            let lines = text.split('\n').count();
            for error in &errors.errors {
                assert!((1..=lines).contains(&error.line) && error.column >= 1, "no such place: {error:?}");
                assert!(!error.what.is_empty(), "refused without a reason: {error:?}");
            }
            assert!(errors.to_string().contains("site.toml"));
        }
    }
}
