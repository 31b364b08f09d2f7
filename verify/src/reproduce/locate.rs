//! What lies at a place of a file: of an image, a program, or a text. Pure and total.

use noreturn_image_format::layout::{DATA_PLACE, ESP_PLACE, ISO_PLACE, MANIFEST_PLACE, MANIFEST_RANGE};
use object::{Object, ObjectSection, ObjectSymbol};
use rustc_demangle::demangle;

use crate::medium::Medium;

/// What lies at `offset`, in words.
pub(crate) fn part_of(file: &[u8], offset: usize) -> String {
    let medium = Medium::read(file);
    if medium.manifest.is_ok() {
        return part_of_image(&medium, offset);
    }
    part_of_program(file, offset).or_else(|| line_of_text(file, offset)).unwrap_or_else(|| "bytes".to_owned())
}

/// A part that the manifest names; else the region of the layout.
fn part_of_image(medium: &Medium<'_>, offset: usize) -> String {
    if let Ok(manifest) = medium.manifest() {
        for (name, part) in
            [("loader", &manifest.loader), ("kernel", &manifest.kernel), ("configuration", &manifest.config)]
        {
            let range = part.range();
            if range.contains(&offset) {
                let inner =
                    medium.part(part).ok().and_then(|bytes| part_of_program(bytes, offset - range.start));
                return format!("the {name}{}", inner.map(|inner| format!(", {inner}")).unwrap_or_default());
            }
        }
    }
    let place = offset as u64;
    let region = match place {
        _ if MANIFEST_RANGE.contains(&offset) => "the manifest",
        ..ISO_PLACE => "the partition table",
        ISO_PLACE..MANIFEST_PLACE => "the descriptors of the CD",
        MANIFEST_PLACE..ESP_PLACE => "the space behind the manifest",
        ESP_PLACE..DATA_PLACE => "the file system of the loader, outside its file",
        DATA_PLACE.. => "the second partition behind its parts, or the second partition table",
    };
    region.to_owned()
}

/// The section, and the function or variable if the program names it.
fn part_of_program(file: &[u8], offset: usize) -> Option<String> {
    let program = object::File::parse(file).ok()?;
    let place = offset as u64;
    let found = program.sections().find_map(|section| {
        let (start, bytes) = section.file_range()?;
        let within = place.checked_sub(start).filter(|within| *within < bytes)?;
        Some((section, within))
    });
    let Some((section, within)) = found else { return Some("the headers of the program".to_owned()) };
    let address = section.address().wrapping_add(within);
    let symbol = program.symbols().find(|symbol| {
        let covered = symbol.address()..symbol.address().saturating_add(symbol.size());
        symbol.section_index() == Some(section.index()) && covered.contains(&address)
    });
    let name = section.name().unwrap_or("without a name").to_owned();
    let symbol = symbol.and_then(|symbol| symbol.name().ok().map(|name| demangle(name).to_string()));
    Some(match symbol {
        Some(symbol) => format!("section {name}, {symbol}"),
        None => format!("section {name}"),
    })
}

fn line_of_text(file: &[u8], offset: usize) -> Option<String> {
    std::str::from_utf8(file).ok()?;
    let before = file.get(..offset)?;
    Some(format!("line {}", 1 + before.iter().filter(|byte| **byte == b'\n').count()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model;

    #[test]
    fn a_program_tells_section_and_function() {
        let kernel = model::kernel();
        assert_eq!(part_of(&kernel, 3), "the headers of the program");
        assert_eq!(part_of(&kernel, model::CODE), "section .text, noreturn_kernel::start_outside");
        assert!(part_of(&kernel, 5120).starts_with("the headers"), "outside of every section");
    }

    #[test]
    fn a_text_tells_its_line_and_nonsense_nothing() {
        assert_eq!(part_of(b"{\n  \"a\": 1\n}\n", 5), "line 2");
        assert_eq!(part_of(&[0xff; 40], 5), "bytes");
        assert_eq!(part_of(b"", 0), "line 1");
    }

    /// Every program that is cut off anywhere, and every byte changed, ends in an answer.
    #[test]
    fn hostile_programs_are_no_trap() {
        for program in [model::kernel(), model::loader()] {
            for bytes in 0..program.len().min(700) {
                let _ = part_of(&program[..bytes], bytes / 2);
                let mut changed = program.clone();
                changed[bytes] ^= 0xff;
                let _ = part_of(&changed, bytes);
            }
        }
    }
}
