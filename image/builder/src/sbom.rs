//! The software bill of materials: every crate whose code can be in the image, from cargo's own account of the builds.
//!
//! CycloneDX 1.5, JSON. What only helps to build (build scripts, procedural macros, tests) is left out: it leaves nothing of itself
//! in the image but what it makes of the sources.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, ensure};
use noreturn_image_format::Sha256Digest;
use serde_json::{Value, json};

/// A program of the image, and what cargo says of it.
#[derive(Debug)]
pub struct Program<'a> {
    /// Name in the bill, such as `kernel`.
    pub name: &'a str,
    /// Its digest, which says which build is meant.
    pub sha256: Sha256Digest,
    /// What `cargo metadata --format-version 1 --filter-platform TARGET` printed.
    pub metadata: &'a [u8],
}

/// One crate in one version; the same in two programs is one.
type Crates = BTreeMap<(String, String), Component>;

#[derive(Debug)]
struct Component {
    licence: String,
    origin: Origin,
    programs: BTreeSet<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Origin {
    /// A registry.
    Registry,
    /// An edited copy of what a registry has.
    Edited,
    /// This project, or the compiler.
    Own,
}

/// Crates of the compiler's own library that every program is built with from their sources, of which cargo says nothing.
const LIBRARY: [&str; 3] = ["alloc", "compiler_builtins", "core"];
/// Their licence (the compiler's `COPYRIGHT`).
const LIBRARY_LICENCE: &str = "MIT OR Apache-2.0";

/// The bill of these programs, built by the compiler of version `rustc`. The same inputs give the same text.
///
/// # Errors
/// What is not as cargo writes it, or a crate that names no licence.
pub fn emit(programs: &[Program<'_>], rustc: &str) -> anyhow::Result<String> {
    let mut crates = library(programs, rustc);
    for program in programs {
        add(&mut crates, program).with_context(|| format!("what cargo says of the {}", program.name))?;
    }
    let components: Vec<Value> =
        crates.iter().map(|((name, version), found)| component(name, version, found)).collect();
    let parts: Vec<Value> = programs
        .iter()
        .map(|program| {
            let hash = json!({ "alg": "SHA-256", "content": program.sha256.to_string() });
            json!({ "type": "application", "name": program.name, "hashes": [hash] })
        })
        .collect();
    let bill = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "component": { "type": "firmware", "name": "noreturn", "components": parts } },
        "components": components,
    });
    Ok(format!("{bill:#}\n"))
}

fn library(programs: &[Program<'_>], rustc: &str) -> Crates {
    let found = || Component {
        licence: LIBRARY_LICENCE.to_owned(),
        origin: Origin::Own,
        programs: programs.iter().map(|program| program.name.to_owned()).collect(),
    };
    LIBRARY.into_iter().map(|name| ((name.to_owned(), rustc.to_owned()), found())).collect()
}

fn component(name: &str, version: &str, found: &Component) -> Value {
    let programs: Vec<Value> = found
        .programs
        .iter()
        .map(|program| json!({ "name": "noreturn:program", "value": program }))
        .collect();
    let mut component = json!({
        "type": "library",
        "name": name,
        "version": version,
        "licenses": [{ "expression": found.licence }],
        "properties": programs,
    });
    let purl = format!("pkg:cargo/{name}@{version}");
    match found.origin {
        Origin::Registry => component["purl"] = purl.into(),
        Origin::Edited => {
            let ancestor = json!({ "type": "library", "name": name, "version": version, "purl": purl });
            component["pedigree"] = json!({ "ancestors": [ancestor] });
        }
        Origin::Own => {}
    }
    component
}

/// Adds the program's own crate and everything that it is linked with.
fn add(crates: &mut Crates, program: &Program<'_>) -> anyhow::Result<()> {
    let metadata: Value = serde_json::from_slice(program.metadata)?;
    let packages = by_id(&metadata["packages"], "packages")?;
    let nodes = by_id(&metadata["resolve"]["nodes"], "resolve.nodes")?;
    let root = metadata["resolve"]["root"].as_str().context("resolve.root is no text")?;
    let (mut waiting, mut seen) = (vec![root], BTreeSet::from([root]));
    while let Some(id) = waiting.pop() {
        let package = packages.get(id).with_context(|| format!("{id} is in no list of packages"))?;
        if is_macro(package) {
            continue;
        }
        let (key, found) = read_package(package)?;
        crates.entry(key).or_insert(found).programs.insert(program.name.to_owned());
        let node = nodes.get(id).with_context(|| format!("{id} is not resolved"))?;
        let linked = node["deps"].as_array().into_iter().flatten().filter(|dep| is_linked(dep));
        waiting.extend(linked.filter_map(|dep| dep["pkg"].as_str()).filter(|&id| seen.insert(id)));
    }
    Ok(())
}

fn by_id<'v>(list: &'v Value, name: &str) -> anyhow::Result<BTreeMap<&'v str, &'v Value>> {
    let list = list.as_array().with_context(|| format!("{name} is no list"))?;
    list.iter()
        .map(|entry| Ok((entry["id"].as_str().with_context(|| format!("{name} has no id"))?, entry)))
        .collect()
}

fn read_package(package: &Value) -> anyhow::Result<((String, String), Component)> {
    let text = |key: &str| {
        package[key].as_str().map(str::to_owned).with_context(|| format!("a package has no {key}"))
    };
    let (name, version) = (text("name")?, text("version")?);
    let licence = text("license").with_context(|| format!("{name} {version}"))?;
    ensure!(!licence.is_empty(), "{name} {version} names no licence");
    // An old way to write a choice.
    let licence = licence.replace('/', " OR ");
    let origin = origin(package);
    Ok(((name, version), Component { licence, origin, programs: BTreeSet::new() }))
}

/// Nothing of this project may be published (`publish = false`, an empty list to cargo); edited copies keep what their authors said.
fn origin(package: &Value) -> Origin {
    let may_be_published = package["publish"].as_array().is_none_or(|registries| !registries.is_empty());
    match (package["source"].is_null(), may_be_published) {
        (false, _) => Origin::Registry,
        (true, true) => Origin::Edited,
        (true, false) => Origin::Own,
    }
}

/// Whether it runs in the compiler.
fn is_macro(package: &Value) -> bool {
    let targets = package["targets"].as_array().into_iter().flatten();
    targets.filter_map(|target| target["kind"].as_array()).flatten().any(|kind| kind == "proc-macro")
}

/// Whether the dependency is one of the program, and not of its build or tests.
fn is_linked(dep: &Value) -> bool {
    dep["dep_kinds"].as_array().into_iter().flatten().any(|kind| kind["kind"].is_null())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(id: &str, kind: &str, source: Value, licence: Value) -> Value {
        json!({ "id": id, "name": id, "version": "1.2.3", "license": licence, "source": source, "targets": [{ "kind": [kind] }] })
    }

    fn node(id: &str, deps: &[(&str, Value)]) -> Value {
        let deps: Vec<Value> =
            deps.iter().map(|(pkg, kind)| json!({ "pkg": pkg, "dep_kinds": [{ "kind": kind }] })).collect();
        json!({ "id": id, "deps": deps })
    }

    fn metadata(licence: Value) -> Vec<u8> {
        let registry = json!("registry");
        let mut ours = package("ours", "bin", Value::Null, json!("MIT"));
        ours["publish"] = json!([]);
        let packages = [
            ours,
            package("edited", "lib", Value::Null, json!("MIT")),
            package("linked", "lib", registry.clone(), json!("MIT/Apache-2.0")),
            package("below", "lib", registry.clone(), licence),
            package("macro", "proc-macro", registry.clone(), json!("MIT")),
            package("of-macro", "lib", registry.clone(), json!("MIT")),
            package("of-build", "lib", registry.clone(), json!("MIT")),
            package("of-tests", "lib", registry, json!("MIT")),
        ];
        let nodes = [
            node(
                "ours",
                &[
                    ("linked", Value::Null),
                    ("edited", Value::Null),
                    ("macro", Value::Null),
                    ("of-build", json!("build")),
                    ("of-tests", json!("dev")),
                ],
            ),
            node("linked", &[("below", Value::Null), ("ours", Value::Null)]),
            node("below", &[]),
            node("edited", &[]),
            node("macro", &[("of-macro", Value::Null)]),
        ];
        json!({ "packages": packages, "resolve": { "root": "ours", "nodes": nodes } })
            .to_string()
            .into_bytes()
    }

    fn bill(metadata: &[u8]) -> anyhow::Result<String> {
        let program = |name| Program { name, sha256: Sha256Digest::of(b"it"), metadata };
        emit(&[program("kernel"), program("loader")], "1.96.0")
    }

    #[test]
    fn what_is_linked_is_in_it_once_and_nothing_else() {
        let text = bill(&metadata(json!("Zlib"))).expect("as cargo writes it");
        let bill: Value = serde_json::from_str(&text).expect("JSON");
        let components = bill["components"].as_array().expect("a list");
        let names: Vec<_> = components.iter().map(|component| component["name"].as_str()).collect();
        let expected = ["alloc", "below", "compiler_builtins", "core", "edited", "linked", "ours"];
        assert_eq!(names, expected.map(Some));
        assert_eq!(components[3]["version"], "1.96.0");
        assert!(components[4]["purl"].is_null(), "an edited copy is in no registry");
        assert_eq!(components[4]["pedigree"]["ancestors"][0]["purl"], "pkg:cargo/edited@1.2.3");
        assert_eq!(components[5]["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(components[5]["purl"], "pkg:cargo/linked@1.2.3");
        assert!(
            components[6]["purl"].is_null() && components[6]["pedigree"].is_null(),
            "ours is in no registry"
        );
        assert_eq!(components[1]["properties"].as_array().map(Vec::len), Some(2));
        let digest = Sha256Digest::of(b"it").to_string();
        assert_eq!(bill["metadata"]["component"]["components"][1]["hashes"][0]["content"], digest.as_str());
    }

    #[test]
    fn a_crate_without_a_licence_or_an_account_that_is_cut_off_is_refused() {
        let error = format!("{:#}", bill(&metadata(Value::Null)).expect_err("no licence"));
        assert!(
            error.contains("what cargo says of the kernel: below 1.2.3: a package has no license"),
            "{error}"
        );
        assert!(bill(b"").is_err());
        assert!(bill(b"{}").is_err());
    }
}
