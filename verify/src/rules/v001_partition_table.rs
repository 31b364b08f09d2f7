//! V001: the partition table.

use super::Rule;

/// Both copies of the GPT have right CRCs, agree, and lie at the two ends of the image, behind a protective MBR.
pub(super) const RULE: Rule = Rule {
    id: "V001",
    title: "the partition table is whole, twice, and ends with the image",
    check: |medium, _| {
        let partitions = medium.partitions.as_ref().map_err(Clone::clone);
        partitions.map(|_| "both copies agree".to_owned()).into()
    },
};
