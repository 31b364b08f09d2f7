//! The provenance of a build: an in-toto statement (version 1) with SLSA's predicate (`https://slsa.dev/provenance/v1`).
//!
//! It holds no time and no place, so that whoever builds the same files with the same tools writes the same statement.

use anyhow::Context;
use noreturn_image_format::Sha256Digest;
use serde_json::{Value, json};

/// What is done, and what the parameters mean: `docs/image.md` tells.
pub const BUILD_TYPE: &str = "urn:noreturn:build:1";

/// A file and its digest.
#[derive(Clone, Debug)]
pub struct File {
    /// As the statement names it.
    pub name: String,
    /// Its digest.
    pub sha256: Sha256Digest,
}

/// What the statement says.
#[derive(Debug)]
pub struct Build<'a> {
    /// What was made for others.
    pub subjects: &'a [File],
    /// What was made on the way.
    pub byproducts: &'a [File],
    /// The commit of the sources, as git names it, or that nobody knows it.
    pub commit: &'a str,
    /// Whether the sources were changed after that commit.
    pub is_changed: bool,
    /// Digest of the site file.
    pub site: Sha256Digest,
    /// The owner's public key.
    pub owner: [u8; 32],
    /// The lists of crates, each with its digest.
    pub locks: &'a [File],
    /// The tools, in the form of `image/toolchain.lock`.
    pub toolchain: &'a str,
    /// Whether it was built in the root that `./scripts/build --official` makes.
    pub is_official: bool,
}

impl Build<'_> {
    /// The statement as text.
    ///
    /// # Errors
    /// A line about a tool that is not as it must be.
    pub fn emit(&self) -> anyhow::Result<String> {
        let tools = self.toolchain.lines().map(tool).collect::<anyhow::Result<Vec<_>>>()?;
        let source = json!({ "name": "source", "digest": { "gitCommit": self.commit } });
        let locks = self.locks.iter().map(resource);
        let dependencies: Vec<Value> = [source].into_iter().chain(locks).chain(tools).collect();
        let builder = if self.is_official { "official" } else { "any" };
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": self.subjects.iter().map(resource).collect::<Vec<_>>(),
            "predicateType": "https://slsa.dev/provenance/v1",
            "predicate": {
                "buildDefinition": {
                    "buildType": BUILD_TYPE,
                    "externalParameters": {
                        "commit": self.commit,
                        "changed": self.is_changed,
                        "site": { "sha256": self.site.to_string() },
                        "owner": Sha256Digest(self.owner).to_string(),
                    },
                    "resolvedDependencies": dependencies,
                },
                "runDetails": {
                    "builder": { "id": format!("urn:noreturn:builder:{builder}") },
                    "byproducts": self.byproducts.iter().map(resource).collect::<Vec<_>>(),
                },
            },
        });
        Ok(format!("{statement:#}\n"))
    }
}

fn resource(file: &File) -> Value {
    json!({ "name": file.name, "digest": { "sha256": file.sha256.to_string() } })
}

/// "ROLE PACKAGE=VERSION SHA256", or with "-" where no package brought the tool.
fn tool(line: &str) -> anyhow::Result<Value> {
    let told = || format!("expected a tool, its package and its SHA-256: {line:?}");
    let [role, package, digest] = line.split(' ').collect::<Vec<_>>()[..] else { anyhow::bail!(told()) };
    let sha256 = Sha256Digest::parse(digest).with_context(told)?;
    let mut value = resource(&File { name: role.to_owned(), sha256 });
    if let Some((name, version)) = package.split_once('=') {
        value["annotations"] = json!({ "package": name, "version": version });
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(toolchain: &str) -> anyhow::Result<Value> {
        let file = |name: &str| File { name: name.to_owned(), sha256: Sha256Digest::of(name.as_bytes()) };
        let text = Build {
            subjects: &[file("diode.img")],
            byproducts: &[file("loader.efi")],
            commit: "c0ffee",
            is_changed: false,
            site: Sha256Digest::of(b"site"),
            owner: [7; 32],
            locks: &[file("Cargo.lock")],
            toolchain,
            is_official: true,
        }
        .emit()?;
        Ok(serde_json::from_str(&text)?)
    }

    #[test]
    fn subjects_sources_and_tools_are_named_by_digest() {
        let digest = Sha256Digest::of(b"rustc").to_string();
        let statement =
            build(&format!("rustc rustc-web=1.96 {digest}\nlinker - {digest}\n")).expect("two tools");
        assert_eq!(statement["subject"][0]["name"], "diode.img");
        let definition = &statement["predicate"]["buildDefinition"];
        let dependencies = &definition["resolvedDependencies"];
        assert_eq!(dependencies[0]["digest"]["gitCommit"], "c0ffee");
        assert_eq!(dependencies[1]["name"], "Cargo.lock");
        assert_eq!(dependencies[2]["digest"]["sha256"], digest.as_str());
        assert_eq!(dependencies[2]["annotations"]["version"], "1.96");
        assert!(dependencies[3]["annotations"].is_null(), "no package brought it");
        assert_eq!(definition["externalParameters"]["owner"], "07".repeat(32).as_str());
        assert_eq!(statement["predicate"]["runDetails"]["builder"]["id"], "urn:noreturn:builder:official");
    }

    #[test]
    fn a_tool_that_is_not_whole_is_refused() {
        for line in ["rustc", "rustc rustc-web=1.96 abc", "rustc a b c"] {
            assert!(build(line).is_err(), "{line}");
        }
    }
}
