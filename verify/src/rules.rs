//! The rules. Each is a file; an id is never given to another rule.

mod names;
mod outside;
mod v001_partition_table;
mod v002_partitions;
mod v003_file;
mod v004_manifest;
mod v005_kernel_digest;
mod v006_config;
mod v007_kernel_program;
mod v008_image_digest;
mod v009_site;
mod v010_nothing_hidden;
mod v011_loader;
mod v012_signature;
mod v013_cd;
mod v014_secure_boot;
mod v015_bill_programs;
mod v016_bill_crates;
mod v017_licences;
mod v018_rebuilt;
mod v019_proof;
mod v020_origins;
mod v021_outside_reach;
mod v022_outside_writes;
mod v023_ports;
mod v024_vectors;
mod v025_executed;
mod v026_start;
mod v027_privileged;

use noreturn_image_format::{Part, Sha256Digest};

use crate::controls::{
    CIP_005_R1_3, CIP_007_R1_2, CIP_007_R3_1, CIP_010_R1_1, CIP_010_R1_6, CIP_010_R2_1, CR_3_3, CR_3_4,
    CR_7_6, CR_7_7, Control, NDR_3_2, NDR_3_14, NDR_5_2, NDR_5_3, NIS2_D, NIS2_E, NIS2_F, SR_2_3, SR_3_2,
    SR_3_3, SR_3_4, SR_5_1, SR_5_2, SR_5_3, SR_7_6, SR_7_7,
};
use crate::medium::Medium;
use crate::program::Program;
use crate::report::{Finding, Outcome};
use crate::{Bill, Expectations};

/// One rule.
pub(crate) struct Rule {
    pub id: &'static str,
    /// What it demands.
    pub title: &'static str,
    pub check: fn(&Medium<'_>, &Expectations) -> Outcome,
}

/// How a rule is checked, and what that is good for.
pub(crate) struct Evidence {
    /// One sentence for whoever has to trust the result.
    pub method: &'static str,
    /// What a result supports; at least one.
    pub controls: &'static [Control],
}

/// Every rule in the order of the ids.
const ALL: &[(Rule, Evidence)] = &[
    (
        v001_partition_table::RULE,
        Evidence {
            method: "Both copies of the partition table are read, their checksums are computed again, and they are \
                compared with each other and with the length of the image.",
            controls: &[SR_3_4, CR_3_4],
        },
    ),
    (
        v002_partitions::RULE,
        Evidence {
            method: "Number, type and place of the partitions in the table are compared with the layout.",
            controls: &[SR_7_7, CR_7_7],
        },
    ),
    (
        v003_file::RULE,
        Evidence {
            method: "The file system is read with code that the builder does not share, and every file and folder in it \
                is compared with the list of those that belong there.",
            controls: &[SR_3_2, SR_7_7, NDR_3_2, CR_7_7, CIP_007_R3_1, CIP_010_R1_1],
        },
    ),
    (
        v004_manifest::RULE,
        Evidence {
            method: "The manifest is parsed, and the length and the SHA-256 of the whole image, without the manifest itself, are \
                computed and compared with those that it names.",
            controls: &[SR_3_4, CR_3_4],
        },
    ),
    (
        v005_kernel_digest::RULE,
        Evidence {
            method: "Length and SHA-256 of the kernel are computed from the medium and compared with the manifest, which \
                the loader holds the kernel to.",
            controls: &[SR_3_4, CR_3_4, NDR_3_14, CIP_010_R1_6],
        },
    ),
    (
        v006_config::RULE,
        Evidence {
            method: "Length and SHA-256 of the configuration are computed from the medium and compared with the manifest, \
                then it is decoded and written again, which must give the same bytes.",
            controls: &[SR_3_4, SR_7_6, CR_3_4, NDR_3_14, CR_7_6, CIP_010_R1_1],
        },
    ),
    (
        v007_kernel_program::RULE,
        Evidence {
            method: "The kernel's program headers are read as the loader reads them: each segment must fit the file and the memory \
                that it is loaded to, none may lie on another or be both written and executed, what the loader writes must be \
                addresses and go to data, and the sections must agree.",
            controls: &[SR_3_2, NDR_3_2, CIP_007_R3_1],
        },
    ),
    (
        v008_image_digest::RULE,
        Evidence {
            method: "The SHA-256 of the whole image is computed and compared with the one that the person who asks was \
                given.",
            controls: &[SR_3_4, CR_3_4, CIP_010_R1_6, CIP_010_R2_1, NIS2_D, NIS2_E],
        },
    ),
    (
        v009_site::RULE,
        Evidence {
            method: "The site file and its key are read, and what they mean is compared with the configuration on the \
                medium, part by part.",
            controls: &[SR_7_6, CR_7_6, CIP_005_R1_3, CIP_010_R1_1, NIS2_E],
        },
    ),
    (
        v010_nothing_hidden::RULE,
        Evidence {
            method: "Every block that neither a table nor a file uses is read, and must hold nothing but zeros.",
            controls: &[SR_3_2, NDR_3_2, CIP_007_R3_1, NIS2_D],
        },
    ),
    (
        v011_loader::RULE,
        Evidence {
            method: "The loader that the firmware finds in the file system is compared, byte by byte, with the place that the \
                manifest names, and its SHA-256 with the manifest.",
            controls: &[SR_3_4, CR_3_4, NDR_3_14],
        },
    ),
    (
        v012_signature::RULE,
        Evidence {
            method: "The Ed25519 signature of the manifest is checked with the public key in the loader, by a library that the \
                loader does not use, and that key is compared with the one that the person who asks was given, if any.",
            controls: &[SR_3_4, CR_3_4, NDR_3_14, CIP_010_R1_6, NIS2_D, NIS2_E],
        },
    ),
    (
        v013_cd::RULE,
        Evidence {
            method: "The descriptors of the CD are read with code that the builder does not share; what it starts and the files \
                that it names are compared with the partition and the manifest, and bytes of no field must be zero.",
            controls: &[SR_3_2, SR_7_7, NDR_3_2, CR_7_7],
        },
    ),
    (
        v014_secure_boot::RULE,
        Evidence {
            method: "The loader's Authenticode digest is computed and compared with the one that is signed, the RSA signature is \
                checked with the certificate beside it, and that is compared with the one that the person who asks was given, if any.",
            controls: &[SR_3_4, CR_3_4, NDR_3_14, CIP_010_R1_6, NIS2_D, NIS2_E],
        },
    ),
    (
        v015_bill_programs::RULE,
        Evidence {
            method: "The SHA-256 of the kernel, and of the loader with zeros in place of the owner's key and without its signature for Secure Boot, are computed and compared \
                with those in the bill of materials.",
            controls: &[CIP_010_R1_1, NIS2_D, NIS2_E],
        },
    ),
    (
        v016_bill_crates::RULE,
        Evidence {
            method: "The crates that the symbols of the kernel's functions tell of are compared with those that the bill of \
                materials names for it.",
            controls: &[CIP_010_R1_1, NIS2_D, NIS2_E],
        },
    ),
    (
        v017_licences::RULE,
        Evidence {
            method: "The licence of every crate in the bill of materials is read as an SPDX expression, and must hold with a list of \
                permissive licences.",
            controls: &[NIS2_D],
        },
    ),
    (
        v018_rebuilt::RULE,
        Evidence {
            method: "The kernel, and the loader with zeros in place of the owner's key and without its signature for Secure Boot, are \
                compared byte by byte with those of an image that the person who asks had built elsewhere from the same sources.",
            controls: &[SR_3_4, CR_3_4, CIP_010_R1_6, NIS2_D, NIS2_E],
        },
    ),
    (
        v019_proof::RULE,
        Evidence {
            method: "The SHA-256 of the kernel is compared with the one in the report of scripts/prove that the person who asks gave, which \
                must say that each claim is proved and each planted fault is found.",
            controls: &[SR_3_3, SR_5_2, CR_3_3, NDR_5_2, CIP_005_R1_3, NIS2_F],
        },
    ),
];

pub(crate) use outside::reach as reach_of_outside;

/// A rule about the kernel's machine code alone.
pub(crate) struct KernelRule {
    pub id: &'static str,
    /// What it demands.
    pub title: &'static str,
    pub check: fn(&Program<'_>) -> Result<String, String>,
}

/// Every rule about the kernel's machine code in the order of the ids.
const KERNEL: &[(KernelRule, Evidence)] = &[
    (
        v020_origins::RULE,
        Evidence {
            method: "The symbol of every function of the kernel is compared with a list of the crates that may be there, \
                and with a list of drivers that may not.",
            controls: &[SR_2_3, SR_3_2, SR_7_7, NDR_3_2, CR_7_7, CIP_007_R1_2, NIS2_D, NIS2_E],
        },
    ),
    (
        v021_outside_reach::RULE,
        Evidence {
            method: "From the functions that start and run the outside half, every branch, call and address in code and \
                tables is followed, and none may lead to a function that receives.",
            controls: &[SR_3_3, SR_5_1, SR_5_2, SR_5_3, CR_3_3, NDR_5_2, NDR_5_3, CIP_005_R1_3, NIS2_F],
        },
    ),
    (
        v022_outside_writes::RULE,
        Evidence {
            method: "Of every write of the outside half to a register, the place that the machine code gives is found by following \
                constants, and compared with a list for each driver, and for starting and sending; and of every write to memory, addresses \
                that are numbers, in the instruction or handed over, are compared with the kernel's variables.",
            controls: &[SR_3_3, SR_5_2, CR_3_3, NDR_5_2, CIP_005_R1_3, NIS2_F],
        },
    ),
    (
        v023_ports::RULE,
        Evidence {
            method: "Of every instruction that reads or writes a port, the port is found by following constants, and compared with a \
                list of ports and of the functions that may use them.",
            controls: &[SR_2_3, SR_7_7, CR_7_7, CIP_007_R1_2],
        },
    ),
    (
        v024_vectors::RULE,
        Evidence {
            method: "Every instruction of the kernel is decoded, and those that name a vector register must be in the \
                code that makes parity.",
            controls: &[SR_7_7, CR_7_7],
        },
    ),
    (
        v025_executed::RULE,
        Evidence {
            method: "What the program headers make executable is decoded, byte by byte, as the functions that the symbols name; what lies \
                between them must be padding, and every branch and address must lead to where an instruction starts.",
            controls: &[SR_3_2, NDR_3_2, CIP_007_R3_1],
        },
    ),
    (
        v026_start::RULE,
        Evidence {
            method: "The instructions at the entry of the program are compared with those of Hermit's source.",
            controls: &[SR_3_2, NDR_3_2, NDR_3_14],
        },
    ),
    (
        v027_privileged::RULE,
        Evidence {
            method: "Every instruction of the kernel is decoded, and those that are privileged are compared with a list of the functions \
                that may have them.",
            controls: &[SR_3_2, SR_7_7, NDR_3_2, CR_7_7],
        },
    ),
];

/// Judges a medium by the rules about it.
pub(crate) fn judge_medium(medium: &Medium<'_>, expectations: &Expectations) -> Vec<Finding> {
    let judged = ALL
        .iter()
        .map(|(rule, evidence)| finding(rule.id, rule.title, evidence, (rule.check)(medium, expectations)));
    judged.collect()
}

/// Judges a kernel by the rules about its machine code.
pub(crate) fn judge_kernel(kernel: Result<&[u8], String>) -> Vec<Finding> {
    let program = kernel.and_then(Program::read);
    let judged = KERNEL.iter().map(|(rule, evidence)| {
        let outcome = program.as_ref().map_err(Clone::clone).and_then(rule.check);
        finding(rule.id, rule.title, evidence, outcome.into())
    });
    judged.collect()
}

fn finding(id: &'static str, title: &'static str, evidence: &Evidence, outcome: Outcome) -> Finding {
    Finding { id, title, method: evidence.method, controls: evidence.controls, outcome }
}

/// Judges by a bill of materials, if the person who asks has one.
fn with_bill(
    medium: &Medium<'_>,
    expectations: &Expectations,
    check: fn(&Medium<'_>, &Bill) -> Result<String, String>,
) -> Outcome {
    match &expectations.bill {
        None => Outcome::Skipped("no --sbom was given".to_owned()),
        Some(bill) => check(medium, bill).into(),
    }
}

/// Compares contents with their part in the manifest.
fn compare(contents: &[u8], expected: &Part) -> Result<String, String> {
    let bytes = contents.len() as u64;
    if bytes != expected.bytes {
        return Err(format!("it has {bytes} bytes, the manifest says {}", expected.bytes));
    }
    let sha256 = Sha256Digest::of(contents);
    if sha256 != expected.sha256 {
        return Err(format!("its SHA-256 is {sha256}, the manifest says {}", expected.sha256));
    }
    Ok(format!("{bytes} bytes, SHA-256 {sha256}"))
}
