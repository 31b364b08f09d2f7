//! The medium: deterministic, clean in the eyes of other tools, and read back by them.

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use noreturn_image::size::IMAGE_BYTES;
use noreturn_image::{BuildError, Image, Parts};
use noreturn_image_format::layout::{
    BLOCK_BYTES, CONFIG_PATH, KERNEL_BYTES_MAX, KERNEL_PATH, LOADER_PATH, MANIFEST_PATH,
    PARTITION_FIRST_BLOCK,
};
use noreturn_image_format::{Config, Manifest, Sha256Digest};

const SITE: &str = include_str!("site.toml");

fn config() -> Config {
    noreturn_site::parse(SITE, "site.toml", |_| Ok([7; 32])).expect("the site file is right")
}

fn loader() -> Vec<u8> {
    [b"MZ".to_vec(), vec![0x11; 60_001]].concat()
}

fn kernel() -> Vec<u8> {
    [b"\x7fELF".to_vec(), (0..500_000_u32).map(|n| (n % 251) as u8).collect()].concat()
}

fn build() -> Image {
    Image::build(&Parts { loader: &loader(), kernel: &kernel(), config: &config() }).expect("it fits")
}

/// One image for all tests.
fn built() -> &'static Image {
    static BUILT: LazyLock<Image> = LazyLock::new(build);
    &BUILT
}

/// Runs a tool of the Debian package `package`, which must find nothing wrong; returns what it printed.
#[track_caller]
fn run(package: &str, program: &str, arguments: &[&str]) -> Vec<u8> {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let output =
        Command::new(program).args(arguments).env("PATH", path).output().unwrap_or_else(|error| {
            panic!("{program} of the Debian package {package} does not run: {error}")
        });
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{program}: {told}{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn save(bytes: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("it holds an image");
    file
}

fn name(path: &Path) -> &str {
    path.to_str().expect("the path is UTF-8")
}

#[test]
fn two_builds_are_the_same_bytes() {
    let (first, second) = (built(), build());
    assert_eq!(first.sha256, second.sha256);
    assert!(first.bytes == second.bytes);
    assert_eq!(first.sha256, Sha256Digest::of(&first.bytes));
    assert_eq!(first.bytes.len() as u64, IMAGE_BYTES);
}

/// Whoever changes the medium's layout changes every image's hash, and should know it.
#[test]
fn the_bytes_are_pinned() {
    assert_eq!(
        built().sha256.to_string(),
        "aed8e7d96782386ccd3481dd5bff9de4e92d4935221c206c9526788d0da06aca"
    );
}

#[test]
fn another_configuration_is_another_image() {
    let mut other = config();
    other.diode.key[31] ^= 1;
    let other = Image::build(&Parts { loader: &loader(), kernel: &kernel(), config: &other }).unwrap();
    assert_ne!(other.sha256, built().sha256);
}

#[test]
fn sgdisk_finds_no_problem() {
    let file = save(&built().bytes);
    let told = String::from_utf8(run("gdisk", "sgdisk", &["-v", "-p", name(file.path())])).unwrap();
    assert!(told.contains("No problems found"), "{told}");
    assert!(!told.contains("Caution") && !told.contains("Warning"), "{told}");
    let partition = told.lines().last().expect("a line for the partition");
    let fields: Vec<_> = partition.split_whitespace().collect();
    assert_eq!(fields[..3], ["1", "2048", "69631"], "{told}");
    assert_eq!((fields[5], fields[6]), ("EF00", "noreturn"), "{told}");
}

#[test]
fn fsck_finds_a_clean_fat32() {
    let image = &built().bytes;
    let first = PARTITION_FIRST_BLOCK as usize * BLOCK_BYTES;
    let file = save(&image[first..image.len() - 33 * BLOCK_BYTES]);
    let told = String::from_utf8(run("dosfstools", "fsck.vfat", &["-n", "-v", name(file.path())])).unwrap();
    assert!(told.contains("32 bit entries"), "{told}");
    assert!(told.contains(": 8 files, 1101/66512 clusters"), "four folders and four files: {told}");
}

#[test]
fn mtools_reads_the_files_back() {
    let image = built();
    let file = save(&image.bytes);
    let drive = format!("{}@@1M", name(file.path()));
    let read = |path: &str| run("mtools", "mtype", &["-i", &drive, &format!("::/{path}")]);
    assert!(read(LOADER_PATH) == loader());
    assert!(read(KERNEL_PATH) == kernel());
    assert_eq!(Config::decode(&read(CONFIG_PATH)), Ok(config()));
    let manifest = Manifest::parse(&read(MANIFEST_PATH)).unwrap();
    assert_eq!(manifest, image.manifest);
    assert_eq!(manifest.image_bytes, image.bytes.len() as u64);
    assert_eq!(manifest.kernel.sha256, Sha256Digest::of(&kernel()));
}

#[test]
fn the_backup_table_ends_with_the_image() {
    let image = &built().bytes;
    assert_eq!(&image[BLOCK_BYTES..BLOCK_BYTES + 8], b"EFI PART");
    assert_eq!(&image[image.len() - BLOCK_BYTES..][..8], b"EFI PART");
}

#[test]
fn inspect_shows_everything_but_the_key() {
    let text = noreturn_image::inspect::describe(built().bytes.clone()).unwrap();
    for part in [
        "blocks 2048 to 69631",
        LOADER_PATH,
        KERNEL_PATH,
        "noreturn-manifest 1",
        "waterworks-east",
        "plc-1/level",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    assert!(!text.contains("0707"), "{text}");
    let mut damaged = built().bytes.clone();
    damaged.truncate(10 * BLOCK_BYTES);
    assert!(noreturn_image::inspect::describe(damaged).is_err());
}

#[test]
fn parts_that_the_loader_would_refuse_are_refused() {
    let (loader, kernel, config) = (loader(), kernel(), config());
    let parts = Parts { loader: &loader, kernel: &kernel, config: &config };
    let refuse = |parts| Image::build(&parts).expect_err("refused");
    assert!(matches!(refuse(Parts { loader: &kernel, ..parts }), BuildError::Loader));
    assert!(matches!(refuse(Parts { kernel: &loader, ..parts }), BuildError::Kernel));
    let large = [kernel.clone(), vec![0; KERNEL_BYTES_MAX as usize]].concat();
    assert!(matches!(refuse(Parts { kernel: &large, ..parts }), BuildError::TooLarge { name: "kernel", .. }));
    let large = [loader.clone(), vec![0; IMAGE_BYTES as usize]].concat();
    assert!(matches!(refuse(Parts { loader: &large, ..parts }), BuildError::NoRoom { .. }));
    let mut wrong = config.clone();
    wrong.outside.card = wrong.inside.card;
    assert!(matches!(refuse(Parts { config: &wrong, ..parts }), BuildError::Config(_)));
}

/// The documents name these numbers.
#[test]
fn the_documented_layout_is_the_layout() {
    let document = include_str!("../../../docs/image.md");
    let image = &built().bytes;
    let blocks = image.len() / BLOCK_BYTES;
    for fact in [
        format!("an image has {blocks} of them, {} bytes", image.len()),
        format!("| {} to {} | backup GPT", blocks - 33, blocks - 1),
        format!("| {PARTITION_FIRST_BLOCK} to {} | EFI system partition", blocks - 34),
    ] {
        assert!(document.contains(&fact), "docs/image.md does not say: {fact}");
    }
    let (_, rest) = document.split_once("noreturn-manifest 1").expect("docs/image.md has a manifest");
    let (lines, _) = rest.split_once("```").expect("the manifest ends");
    let manifest = Manifest::parse(format!("noreturn-manifest 1{lines}").as_bytes()).expect("it is valid");
    assert_eq!(manifest.image_bytes, image.len() as u64);
}

/// Blocks that no file and no table uses hold zeros, so that nothing can hide in them.
#[test]
fn what_is_not_used_is_zero() {
    let image = &built().bytes;
    let used = [&loader(), &kernel()].map(|file| file.len().div_ceil(BLOCK_BYTES)).iter().sum::<usize>();
    let gap = &image[34 * BLOCK_BYTES..PARTITION_FIRST_BLOCK as usize * BLOCK_BYTES];
    assert!(gap.iter().all(|&byte| byte == 0));
    let in_use = image.chunks(BLOCK_BYTES).filter(|block| block.iter().any(|&byte| byte != 0)).count();
    // Protective MBR, two headers and one block of entries each; boot sector, FSInfo and their copies; both
    // FATs; four folders, configuration and manifest (at most two blocks each).
    let tables = 1 + 2 * 2 + 4 + 2 * (used + 10).div_ceil(BLOCK_BYTES / 4);
    assert!(
        (used..=used + tables + 4 + 4).contains(&in_use),
        "{in_use} blocks are not zero, {used} hold files"
    );
}
