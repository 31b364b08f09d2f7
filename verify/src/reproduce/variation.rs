//! What is other in the second build, as far as this machine and this user allow it.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use rustix::process::geteuid;

/// A circumstance, and how the second build had another one, or why not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Variation {
    /// Its name.
    pub name: &'static str,
    /// How it differs.
    pub told: Result<String, &'static str>,
}

/// A user without an account, whom nothing belongs to.
const OTHER_USER: u32 = 54_321;
/// How far in the future the second build is.
const SHIFT: &str = "+400d";
/// A place that no table of time zones needs to know, 14 hours ahead.
const ZONE: &str = "NRT-14";

/// How the second build is started.
pub(super) struct Varied {
    /// Programs that each start the next with something changed.
    pub wrappers: Vec<String>,
    pub environment: Vec<(&'static str, OsString)>,
    pub user: Option<u32>,
    pub told: Vec<Variation>,
}

impl Varied {
    /// What is possible here. `give` gives the copy in `folder` to another user.
    pub fn find(folder: &Path, give: impl Fn(u32) -> anyhow::Result<()>) -> anyhow::Result<Self> {
        let mut varied = Self {
            wrappers: ["sh", "-c", "umask 077; exec \"$@\"", "sh"].map(str::to_owned).into(),
            environment: environment(folder),
            user: None,
            told: Vec::new(),
        };
        varied.tell("folder", Ok(folder.display().to_string()));
        varied.vary_user(folder, give)?;
        varied.tell("umask", Ok("077".to_owned()));
        varied.vary_time();
        varied.tell("time zone", Ok(ZONE.to_owned()));
        varied.tell("locale", Ok(locale()));
        varied.vary_processors();
        varied.tell("environment", Ok(names(&varied.environment)));
        varied.tell("host name and Linux", Err("takes another machine"));
        varied.tell("order of files in folders", Err("takes another file system"));
        Ok(varied)
    }

    fn tell(&mut self, name: &'static str, told: Result<String, &'static str>) {
        self.told.push(Variation { name, told });
    }

    /// The other user must find a compiler, too: one in somebody's home is not for others.
    fn vary_user(&mut self, folder: &Path, give: impl Fn(u32) -> anyhow::Result<()>) -> anyhow::Result<()> {
        if !geteuid().is_root() {
            self.tell("user", Err("only root can be somebody else"));
            return Ok(());
        }
        give(OTHER_USER)?;
        let mut probe = Command::new("bash");
        probe
            .args(["-c", "source scripts/lib/toolchain.sh && use_host_toolchain && find_image_toolchain"])
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(folder.join("source"))
            .uid(OTHER_USER)
            .gid(OTHER_USER);
        if answers(&mut probe) {
            self.user = Some(OTHER_USER);
            self.tell("user", Ok(format!("number {OTHER_USER}, with a home of its own")));
        } else {
            give(0)?;
            self.tell("user", Err("another user finds no compiler, or does not come to the folder"));
        }
        Ok(())
    }

    fn vary_time(&mut self) {
        let shifted = ["faketime", "-m", "--exclude-monotonic", "-f", SHIFT].map(str::to_owned);
        let told = if answers(Command::new(&shifted[0]).args(&shifted[1..]).arg("true")) {
            self.wrappers.extend(shifted);
            Ok(format!("{SHIFT}, files of 2001, SOURCE_DATE_EPOCH of 1970"))
        } else {
            Ok("later by the first build, files of 2001, SOURCE_DATE_EPOCH of 1970 (faketime would do more)"
                .to_owned())
        };
        self.tell("time", told);
    }

    fn vary_processors(&mut self) {
        let Some(processor) = first_processor() else {
            return self.tell("processors", Err("Linux does not tell which there are"));
        };
        let pinned = ["taskset", "--cpu-list", &processor].map(str::to_owned);
        if answers(Command::new(&pinned[0]).args(&pinned[1..]).arg("true")) {
            self.wrappers.extend(pinned);
            self.tell("processors", Ok("1".to_owned()));
        } else {
            self.tell("processors", Err("there is no taskset"));
        }
    }
}

/// Variables that differ, those among them that cargo and compilers listen to.
fn environment(folder: &Path) -> Vec<(&'static str, OsString)> {
    let mut path = OsString::from("/nonexistent:");
    path.push(env::var_os("PATH").unwrap_or_default());
    path.push(":/usr/games");
    let mut all: Vec<(&str, OsString)> = vec![
        ("HOME", folder.join("home").into()),
        ("TMPDIR", folder.join("tmp").into()),
        ("CARGO_HOME", folder.join("cargo").into()),
        ("PATH", path),
        ("TZ", ZONE.into()),
        ("LC_ALL", locale().into()),
        ("LANG", locale().into()),
        ("USER", "somebody-else".into()),
        ("LOGNAME", "somebody-else".into()),
        ("SOURCE_DATE_EPOCH", "86400".into()),
        ("RUSTFLAGS", "-Cdebuginfo=0".into()),
        ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1".into()),
        ("CARGO_PROFILE_RELEASE_DEBUG", "0".into()),
        ("CARGO_INCREMENTAL", "0".into()),
        ("CARGO_BUILD_JOBS", "3".into()),
        ("CFLAGS", "-O1".into()),
        ("NORETURN_VARIED", "x".repeat(1 + std::process::id() as usize % 4000).into()),
    ];
    // A toolchain of rustup's is found by its home, which is not to change with the other one.
    all.extend(home_of("RUSTUP_HOME", ".rustup").map(|home| ("RUSTUP_HOME", home.into())));
    all
}

/// The folder that a variable names, or the one in the home.
pub(super) fn home_of(variable: &str, folder: &str) -> Option<PathBuf> {
    let below_home = || env::var_os("HOME").map(|home| Path::new(&home).join(folder));
    env::var_os(variable).map(PathBuf::from).or_else(below_home)
}

fn names(environment: &[(&'static str, OsString)]) -> String {
    environment.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" ")
}

/// One that programs notice, if it is installed; else the one that every Debian has.
fn locale() -> String {
    let listed = Command::new("locale").arg("-a").output().map(|output| output.stdout).unwrap_or_default();
    let listed = String::from_utf8_lossy(&listed).into_owned();
    let other = listed.lines().find(|name| name.starts_with("tr_TR") || name.starts_with("de_DE"));
    other.unwrap_or("C.UTF-8").to_owned()
}

/// The first processor that this process may run on.
fn first_processor() -> Option<String> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    let digits: String = list.trim().chars().take_while(char::is_ascii_digit).collect();
    (!digits.is_empty()).then_some(digits)
}

fn answers(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// The names of what varies.
pub(super) fn summary(told: &[Variation]) -> String {
    let varied = told.iter().filter(|variation| variation.told.is_ok());
    let names: Vec<_> = varied.map(|variation| variation.name).collect();
    format!("another {}", names.join(", "))
}
