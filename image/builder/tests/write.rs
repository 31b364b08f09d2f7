//! `diode-image write` on real disks: loop devices of this machine, which need its administrator.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use noreturn_image_format::Sha256Digest;
use tempfile::TempDir;

const DISK_BYTES: u64 = 64 << 20;

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn say(command: &mut Command) -> String {
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

/// A disk made of a file; nobody else's loop device is touched.
struct Disk {
    device: String,
    file: PathBuf,
    _folder: TempDir,
}

impl Disk {
    fn new(bytes: u64, more: &[&str]) -> Self {
        let folder = TempDir::new().expect("a folder");
        let file = folder.path().join("disk");
        fs::File::create(&file).and_then(|disk| disk.set_len(bytes)).expect("a file");
        let device = say(Command::new("losetup").args(more).args(["--find", "--show"]).arg(&file));
        Self { device, file, _folder: folder }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        say(Command::new("losetup").args(["--detach", &self.device]));
    }
}

/// A mounted file system.
struct Mounted<'d>(&'d Path);

impl<'d> Mounted<'d> {
    fn new(device: &str, place: &'d Path) -> Self {
        say(Command::new("mount").arg(device).arg(place));
        Self(place)
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        say(Command::new("umount").arg(self.0));
    }
}

fn image(folder: &Path) -> PathBuf {
    let write = |name: &str, contents: &[u8]| fs::write(folder.join(name), contents).expect("it is written");
    write("site.toml", include_bytes!("site.toml"));
    write("diode.key", "07".repeat(32).as_bytes());
    write("loader.efi", &[b"MZ".as_slice(), &noreturn_image_format::owner::NO_OWNER].concat());
    write("owner.key", format!("noreturn-owner-secret {}\n", "09".repeat(32)).as_bytes());
    write("kernel.elf", b"\x7fELF kernel");
    let image = folder.join("diode.img");
    let mut build = Command::new(env!("CARGO_BIN_EXE_diode-image"));
    build.args(["build", "--site", "site.toml", "--loader", "loader.efi", "--kernel", "kernel.elf"]);
    say(build.args(["--output", "diode.img"]).current_dir(folder));
    image
}

fn write(image: &Path, device: &str, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_diode-image"));
    command.arg("write").arg(image).arg(device).args(more).output().expect("diode-image runs")
}

fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_disk_gets_the_image_and_what_lies_behind_stays() {
    let folder = TempDir::new().expect("a folder");
    let image = image(folder.path());
    if !is_root() {
        let told = refused(&write(&image, "/dev/loop0", &["--yes"]));
        assert!(told.starts_with("diode-image: /dev/loop0: "), "{told}");
        return;
    }
    let disk = Disk::new(DISK_BYTES, &[]);
    let bytes = fs::read(&image).expect("the image");
    fs::write(&disk.file, vec![0x5a; DISK_BYTES as usize]).expect("what was there");
    let output = write(&image, &disk.device, &["--yes"]);
    assert!(output.status.success(), "{output:?}");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(told.lines().last(), Some(&*Sha256Digest::of(&bytes).to_string()), "{told}");
    let found = fs::read(&disk.file).expect("the disk");
    assert!(found[..bytes.len()] == bytes, "the disk does not hold the image");
    assert!(found[bytes.len()..].iter().all(|&byte| byte == 0x5a), "what lies behind has changed");
}

#[test]
fn a_disk_that_must_not_be_written_stays_as_it_was() {
    if !is_root() {
        eprintln!("NOT RUN: only the machine's administrator can make disks of files");
        return;
    }
    let folder = TempDir::new().expect("a folder");
    let image = image(folder.path());
    let unchanged = |disk: &Disk, more: &[&str], expected: &str| {
        let before = fs::read(&disk.file).expect("the disk");
        let told = refused(&write(&image, &disk.device, more));
        assert!(told.contains(expected), "{told}");
        assert!(fs::read(&disk.file).expect("the disk") == before, "it was written to: {told}");
    };
    let disk = Disk::new(DISK_BYTES, &[]);
    unchanged(&disk, &[], "say --yes if everything on /dev/loop");
    unchanged(&Disk::new(4096, &["--sector-size", "512"]), &["--yes"], "it has 4096 bytes, and the image ");
    unchanged(&Disk::new(DISK_BYTES, &["--read-only"]), &["--yes"], "write-protected");
    unchanged(&Disk::new(DISK_BYTES, &["--sector-size", "4096"]), &["--yes"], "blocks of 4096 bytes");
    say(Command::new("/sbin/mkfs.ext4").args(["-q", &disk.device]));
    let place = folder.path().join("mounted");
    fs::create_dir(&place).expect("a folder");
    let mounted = Mounted::new(&disk.device, &place);
    let told = refused(&write(&image, &disk.device, &["--yes"]));
    assert!(told.contains(&format!("is mounted at {}", place.display())), "{told}");
    drop(mounted);
}

#[test]
fn what_is_no_disk_or_no_image_is_refused() {
    let folder = TempDir::new().expect("a folder");
    let image = image(folder.path());
    let file = image.display().to_string();
    assert!(refused(&write(&image, &file, &["--yes"])).contains("is no disk; name one that `lsblk` shows"));
    assert!(refused(&write(&image, "/dev/null", &["--yes"])).contains("is no disk"));
    assert!(refused(&write(&image, "/dev/nowhere", &["--yes"])).contains("/dev/nowhere: is not there"));
    let site = folder.path().join("site.toml");
    assert!(refused(&write(&site, "/dev/null", &["--yes"])).contains("site.toml: is not an image"));
}
