//! Silence as JSON.

use serde::Serialize;

use super::to_vec;
use crate::item::Silence;
use crate::rfc3339;

/// What the alarm is called.
pub(super) const ALARM: &str = "silent";

/// A diode that is silent, or is heard again.
#[derive(Serialize)]
pub(super) struct SilenceJson<'a> {
    diode: &'a str,
    boot: Option<String>,
    silent: bool,
    silent_us: u64,
    last_heard: Option<String>,
    last_heard_us: Option<u64>,
}

impl<'a> From<&'a Silence> for SilenceJson<'a> {
    fn from(silence: &'a Silence) -> Self {
        Self {
            diode: &silence.diode,
            boot: silence.boot.map(|boot| boot.to_string()),
            silent: silence.is_silent,
            silent_us: silence.silent_us,
            last_heard: silence.heard_unix_us.and_then(rfc3339::format),
            last_heard_us: silence.heard_unix_us,
        }
    }
}

/// The MQTT payload of a silence: an alarm, or its end.
#[must_use]
pub fn silence_payload(silence: &Silence) -> Vec<u8> {
    #[derive(Serialize)]
    struct Payload<'a> {
        active: bool,
        alarm: Option<&'static str>,
        #[serde(flatten)]
        silence: SilenceJson<'a>,
    }
    let alarm = silence.is_silent.then_some(ALARM);
    to_vec(&Payload { active: silence.is_silent, alarm, silence: silence.into() })
}
