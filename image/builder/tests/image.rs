//! The medium: deterministic, clean in the eyes of other tools, and read back by them.

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use noreturn_image::{BuildError, Image, Owner, Parts};
use noreturn_image_format::config::Key;
use noreturn_image_format::layout::{
    ALIGNMENT, BLOCK_BYTES, CONFIG_NAME, DATA_PLACE, ESP_BYTES, ESP_PLACE, ISO_PLACE, KERNEL_BYTES_MAX,
    KERNEL_NAME, LOADER_BYTES_MAX, LOADER_NAME, LOADER_PATH, MANIFEST_BYTES, MANIFEST_NAME, MANIFEST_PLACE,
};
use noreturn_image_format::{Config, Manifest, Sha256Digest, owner};

const SITE: &str = include_str!("site.toml");

fn config() -> Config {
    noreturn_site::parse(SITE, "site.toml", |_| Ok([7; 32])).expect("the site file is right")
}

fn loader() -> Vec<u8> {
    [b"MZ".to_vec(), vec![0x11; 60_001], owner::NO_OWNER.to_vec()].concat()
}

fn signer() -> Owner {
    Owner::from_seed([9; 32])
}

/// The loader with the key of [`signer`].
fn owned_loader() -> Vec<u8> {
    let mut loader = loader();
    let place = owner::find(&loader).expect("it has one");
    loader[place].copy_from_slice(&signer().public());
    loader
}

fn kernel() -> Vec<u8> {
    [b"\x7fELF".to_vec(), (0..500_000_u32).map(|n| (n % 251) as u8).collect()].concat()
}

fn build() -> Image {
    build_for(&config(), &signer()).expect("it fits")
}

fn build_for(config: &Config, owner: &Owner) -> Result<Image, BuildError> {
    Image::build(&Parts { loader: &loader(), kernel: &kernel(), config, owner })
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
}

/// Whoever changes the medium's layout changes every image's hash, and should know it.
#[test]
fn the_bytes_are_pinned() {
    assert_eq!(
        built().sha256.to_string(),
        "e6b850a8cdea7841604da8e750fa005608f7c402c08ab7339f0d1c9b8003420e"
    );
}

#[test]
fn another_configuration_is_another_image() {
    let mut other = config();
    other.diode.key = Key::Here([9; 32]);
    assert_ne!(build_for(&other, &signer()).unwrap().sha256, built().sha256);
    let of_other_owner = build_for(&config(), &Owner::from_seed([8; 32])).unwrap();
    assert_ne!(of_other_owner.manifest.loader.sha256, built().manifest.loader.sha256);
}

#[test]
fn sgdisk_finds_no_problem() {
    let file = save(&built().bytes);
    let told = String::from_utf8(run("gdisk", "sgdisk", &["-v", "-p", name(file.path())])).unwrap();
    assert!(told.contains("No problems found"), "{told}");
    assert!(!told.contains("Caution") && !told.contains("Warning"), "{told}");
    let lines: Vec<Vec<_>> =
        told.lines().rev().take(2).map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[1][..3], ["1", "128", "1151"], "{told}");
    assert_eq!(lines[1][5..], ["EF00", "noreturn", "loader"], "{told}");
    assert_eq!(lines[0][..2], ["2", "1152"], "{told}");
}

#[test]
fn fsck_finds_a_clean_fat12() {
    let file = save(&built().bytes[ESP_PLACE as usize..(ESP_PLACE + ESP_BYTES) as usize]);
    let told = String::from_utf8(run("dosfstools", "fsck.vfat", &["-n", "-v", name(file.path())])).unwrap();
    assert!(told.contains("12 bit entries"), "{told}");
    assert!(told.contains(": 4 files, 32/255 clusters"), "label, two folders and a file: {told}");
}

#[test]
fn mtools_reads_the_loader_back() {
    let image = built();
    let file = save(&image.bytes);
    let drive = format!("{}@@64K", name(file.path()));
    let read = run("mtools", "mtype", &["-i", &drive, &format!("::/{LOADER_PATH}")]);
    assert!(read == owned_loader());
    assert!(image.bytes[image.manifest.loader.range()] == read[..], "what the manifest names is the file");
}

#[test]
fn xorriso_finds_a_cd_that_starts_the_same_partition() {
    let file = save(&built().bytes);
    let drive = format!("stdio:{}", name(file.path()));
    let told = run(
        "xorriso",
        "xorriso",
        &["-indev", &drive, "-report_el_torito", "plain", "-report_system_area", "plain"],
    );
    let told = String::from_utf8(told).unwrap();
    let entry = told.lines().find(|line| line.starts_with("El Torito boot img :   1  UEFI")).expect(&told);
    let fields: Vec<_> = entry.split_whitespace().collect();
    assert_eq!(fields[fields.len() - 2..], ["1024", "32"], "512 KiB at block 32: {told}");
    assert!(told.contains("ISO image size/512 : 4096"), "{told}");
    assert!(told.contains("GPT start and size :   1  128  1024"), "{told}");
}

#[test]
fn xorriso_reads_every_part_back() {
    let image = built();
    let file = save(&image.bytes);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let drive = format!("stdio:{}", name(file.path()));
    run("xorriso", "xorriso", &["-osirrox", "on", "-indev", &drive, "-extract", "/", name(folder.path())]);
    let read = |name: &str| std::fs::read(folder.path().join(name)).expect(name);
    assert!(read(LOADER_NAME) == owned_loader());
    assert!(read(KERNEL_NAME) == kernel());
    assert_eq!(Config::decode(&read(CONFIG_NAME)), Ok(config()));
    let text = read(MANIFEST_NAME);
    let parsed = Manifest::parse(&text).unwrap();
    assert_eq!(parsed.manifest, image.manifest);
    assert_eq!(text.last(), Some(&b'\n'), "no zeros belong to the file");
    let signer = ed25519_compact::PublicKey::new(signer().public());
    assert!(signer.verify(parsed.signed, &ed25519_compact::Signature::new(parsed.signature)).is_ok());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 4);
}

#[test]
fn whoever_has_the_signature_builds_the_same_without_the_secret() {
    let public = Owner::from_public(signer().public(), &built().bytes).unwrap();
    assert!(build_for(&config(), &public).unwrap().bytes == built().bytes);
    let mut other = config();
    other.diode.id += 1;
    assert!(matches!(build_for(&other, &public), Err(BuildError::Signature)));
    let stranger = Owner::from_public([3; 32], &built().bytes).unwrap();
    assert!(matches!(build_for(&config(), &stranger), Err(BuildError::Signature)));
    assert!(Owner::from_public(signer().public(), b"MZ").is_err());
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
        "1: blocks 128 to 1151",
        LOADER_PATH,
        KERNEL_NAME,
        "noreturn-manifest 2",
        &Sha256Digest(signer().public()).to_string(),
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
    let (loader, kernel, config, owner) = (loader(), kernel(), config(), signer());
    let parts = Parts { loader: &loader, kernel: &kernel, config: &config, owner: &owner };
    let refuse = |parts| Image::build(&parts).expect_err("refused");
    assert!(matches!(refuse(Parts { loader: &kernel, ..parts }), BuildError::Loader));
    assert!(matches!(refuse(Parts { kernel: &loader, ..parts }), BuildError::Kernel));
    let large = [kernel.clone(), vec![0; KERNEL_BYTES_MAX as usize]].concat();
    assert!(matches!(refuse(Parts { kernel: &large, ..parts }), BuildError::TooLarge { name: "kernel", .. }));
    let large = [loader.clone(), vec![0; LOADER_BYTES_MAX as usize]].concat();
    assert!(matches!(refuse(Parts { loader: &large, ..parts }), BuildError::TooLarge { name: "loader", .. }));
    assert!(matches!(refuse(Parts { loader: b"MZ", ..parts }), BuildError::LoaderWithoutPlace));
    let stranger = Owner::from_seed([8; 32]);
    let owned = owned_loader();
    assert!(matches!(
        refuse(Parts { loader: &owned, owner: &stranger, ..parts }),
        BuildError::LoaderOfAnother
    ));
    assert!(Image::build(&Parts { loader: &owned, ..parts }).unwrap().bytes == built().bytes);
    let mut wrong = config.clone();
    wrong.outside.card = wrong.inside.card;
    assert!(matches!(refuse(Parts { config: &wrong, ..parts }), BuildError::Config(_)));
}

/// The largest loader and a kernel of the usual size make an image that is still small.
#[test]
fn the_largest_loader_fits() {
    let mut large = loader();
    large.resize(LOADER_BYTES_MAX as usize, 0x22);
    let (kernel, config, owner) = (kernel(), config(), signer());
    let image =
        Image::build(&Parts { loader: &large, kernel: &kernel, config: &config, owner: &owner }).unwrap();
    assert!(image.bytes[image.manifest.loader.range()].ends_with(&[0x22; 100]));
    let file = save(&image.bytes[ESP_PLACE as usize..(ESP_PLACE + ESP_BYTES) as usize]);
    run("dosfstools", "fsck.vfat", &["-n", name(file.path())]);
}

/// The documents name these numbers.
#[test]
fn the_documented_layout_is_the_layout() {
    let document = include_str!("../../../docs/image.md");
    let esp_end = ESP_PLACE + ESP_BYTES;
    for fact in [
        format!("| {ISO_PLACE} to {} | ISO 9660", MANIFEST_PLACE - 1),
        format!("| {MANIFEST_PLACE} to {} | the manifest", MANIFEST_PLACE + MANIFEST_BYTES - 1),
        format!("| {ESP_PLACE} to {} | EFI system partition", esp_end - 1),
        format!("| {DATA_PLACE} on | second partition"),
    ] {
        assert!(document.contains(&fact), "docs/image.md does not say: {fact}");
    }
    let (_, rest) = document.split_once("noreturn-manifest 2").expect("docs/image.md has a manifest");
    let (lines, _) = rest.split_once("```").expect("the manifest ends");
    Manifest::parse(format!("noreturn-manifest 2{lines}").as_bytes()).expect("it is valid");
}

/// What no part and no table uses is zero, so that nothing can hide there.
#[test]
fn what_is_not_used_is_zero() {
    let Image { bytes, manifest, .. } = built();
    let end = |place: u64, bytes: u64| (place + bytes) as usize;
    let Manifest { loader, kernel, config, .. } = manifest;
    let gaps = [
        34 * BLOCK_BYTES..ISO_PLACE as usize,
        (MANIFEST_PLACE - ALIGNMENT) as usize..MANIFEST_PLACE as usize,
        end(MANIFEST_PLACE, MANIFEST_BYTES)..ESP_PLACE as usize,
        end(loader.place, loader.bytes)..DATA_PLACE as usize,
        end(kernel.place, kernel.bytes)..config.place as usize,
        end(config.place, config.bytes)..bytes.len() - 33 * BLOCK_BYTES,
    ];
    for gap in gaps {
        assert!(bytes[gap.clone()].iter().all(|&byte| byte == 0), "{gap:?}");
    }
}
