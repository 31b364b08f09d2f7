//! Requirements of standards that the result of a rule is evidence for. Each id is written here, and nowhere else.

/// The text that a requirement is part of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standard {
    /// IEC 62443-3-3: what a control system is held to.
    Iec62443System,
    /// IEC 62443-4-2: what a component is held to.
    Iec62443Component,
    /// NERC CIP: what North American grid operators are held to.
    NercCip,
    /// NIS2: what essential and important entities of the European Union are held to.
    Nis2,
}

impl Standard {
    /// Every standard, in the order in which it is shown.
    pub const ALL: [Self; 4] = [Self::Iec62443System, Self::Iec62443Component, Self::NercCip, Self::Nis2];

    /// What people call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Iec62443System => "IEC 62443-3-3",
            Self::Iec62443Component => "IEC 62443-4-2",
            Self::NercCip => "NERC CIP",
            Self::Nis2 => "NIS2 (EU) 2022/2555",
        }
    }
}

/// One requirement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Control {
    /// What it is part of.
    pub standard: Standard,
    /// Such as `SR 3.4`; no two have the same.
    pub id: &'static str,
    /// Its name; what it is about, in a few words, where the standard gives no name.
    pub title: &'static str,
}

/// Writes each control once, for two uses: a constant that rules name, and the list of all.
macro_rules! controls {
    ($($name:ident: $standard:ident, $id:literal, $title:literal;)*) => {
        $(pub(crate) const $name: Control =
            Control { standard: Standard::$standard, id: $id, title: $title };)*

        /// Every control that a rule may name, in the order of the standards.
        pub const ALL: &[Control] = &[$($name),*];
    };
}

controls! {
    SR_2_3: Iec62443System, "SR 2.3", "Use control for portable and mobile devices";
    SR_3_2: Iec62443System, "SR 3.2", "Malicious code protection";
    SR_3_3: Iec62443System, "SR 3.3", "Security functionality verification";
    SR_3_4: Iec62443System, "SR 3.4", "Software and information integrity";
    SR_5_1: Iec62443System, "SR 5.1", "Network segmentation";
    SR_5_2: Iec62443System, "SR 5.2", "Zone boundary protection";
    SR_5_3: Iec62443System, "SR 5.3", "General purpose person-to-person communication restrictions";
    SR_7_6: Iec62443System, "SR 7.6", "Network and security configuration settings";
    SR_7_7: Iec62443System, "SR 7.7", "Least functionality";
    NDR_3_2: Iec62443Component, "NDR 3.2", "Protection from malicious code";
    CR_3_3: Iec62443Component, "CR 3.3", "Security functionality verification";
    CR_3_4: Iec62443Component, "CR 3.4", "Software and information integrity";
    NDR_3_14: Iec62443Component, "NDR 3.14", "Integrity of the boot process";
    NDR_5_2: Iec62443Component, "NDR 5.2", "Zone boundary protection";
    NDR_5_3: Iec62443Component, "NDR 5.3", "General purpose person-to-person communication restrictions";
    CR_7_6: Iec62443Component, "CR 7.6", "Network and security configuration settings";
    CR_7_7: Iec62443Component, "CR 7.7", "Least functionality";
    CIP_005_R1_3: NercCip, "CIP-005-7 R1.3", "Inbound and outbound access permissions, all else denied";
    CIP_007_R1_2: NercCip, "CIP-007-6 R1.2", "Unnecessary physical input/output ports";
    CIP_007_R3_1: NercCip, "CIP-007-6 R3.1", "Methods against malicious code";
    CIP_010_R1_1: NercCip, "CIP-010-4 R1.1", "Baseline configuration";
    CIP_010_R1_6: NercCip, "CIP-010-4 R1.6", "Source and integrity of software before a change";
    CIP_010_R2_1: NercCip, "CIP-010-4 R2.1", "Monitoring for changes to the baseline configuration";
    NIS2_D: Nis2, "Art. 21(2)(d)", "Supply chain security";
    NIS2_E: Nis2, "Art. 21(2)(e)", "Security in acquisition, development and maintenance";
    NIS2_F: Nis2, "Art. 21(2)(f)", "Assessing the effectiveness of measures";
}
