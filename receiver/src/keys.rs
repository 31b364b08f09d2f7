//! Keys by time: which of a diode's keys are good now. Keys that overlap let one take over from another.

use noreturn_link::{DiodeKey, Receiver};
use noreturn_wire::DiodeId;

use crate::config::{DiodeConfig, KeyConfig};

/// The keys of all diodes.
#[derive(Debug)]
pub struct Keys(Vec<DiodeKeys>);

#[derive(Debug)]
struct DiodeKeys {
    diode: DiodeId,
    name: String,
    keys: Vec<KeyConfig>,
    /// Whether each was good the last time; `None` before the first time.
    good: Option<Vec<bool>>,
}

impl Keys {
    /// The keys of a configuration; none is in use before the first [`Keys::update`].
    #[must_use]
    pub fn new(diodes: &[DiodeConfig]) -> Self {
        let keys = |diode: &DiodeConfig| DiodeKeys {
            diode: diode.id,
            name: diode.name.to_string(),
            keys: diode.keys.clone(),
            good: None,
        };
        Self(diodes.iter().map(keys).collect())
    }

    /// Gives the receiver the keys that are good at `now_us` (since 1970), where they have changed.
    pub fn update(&mut self, now_us: u64, receiver: &mut Receiver) {
        self.0.iter_mut().for_each(|diode| diode.update(now_us, receiver));
    }
}

impl DiodeKeys {
    fn update(&mut self, now_us: u64, receiver: &mut Receiver) {
        let good: Vec<bool> =
            self.keys.iter().map(|key| (key.from_us..key.until_us).contains(&now_us)).collect();
        if self.good.as_ref() == Some(&good) {
            return;
        }
        let keys: Vec<DiodeKey> =
            self.keys.iter().zip(&good).filter(|(_, good)| **good).map(|(key, _)| key.key.clone()).collect();
        let (count, all) = (keys.len(), self.keys.len());
        if count == 0 {
            tracing::error!(
                "{}: none of its {all} keys is valid now: everything from it is refused",
                self.name
            );
        } else if all > 1 || self.good.is_some() {
            tracing::info!("{}: {count} of its {all} keys are valid now", self.name);
        }
        receiver.set_keys(self.diode, &keys);
        self.good = Some(good);
    }
}

#[cfg(test)]
mod tests {
    use noreturn_link::{ReceiverConfig, Refusal, Sender, SenderConfig};
    use noreturn_wire::crossing::Sending;
    use noreturn_wire::{BootId, Class};

    use super::*;

    const DIODE: DiodeId = DiodeId(7);

    fn frame(boot: u8, key: u8) -> Vec<u8> {
        let config = SenderConfig::new(DIODE, 1 << 30);
        let mut sender = Sender::new(&config, BootId([boot; 16]), &DiodeKey([key; 32]));
        let heads = [3, 2, 0, 0];
        assert_eq!(sender.push(Sending { class: Class::Telemetry, kept: false }, &heads), Ok(()));
        let mut buffer = [0; 1472];
        let length = sender.poll_transmit(0, &mut buffer);
        buffer[..length.unwrap_or(0)].to_vec()
    }

    #[test]
    fn one_key_takes_over_from_another_while_both_are_good() {
        let key = |key: u8, from_us, until_us| KeyConfig { key: DiodeKey([key; 32]), from_us, until_us };
        let keys = vec![key(1, 0, 200), key(2, 100, u64::MAX)];
        let mut keys = Keys(vec![DiodeKeys { diode: DIODE, name: "east".to_owned(), keys, good: None }]);
        let mut receiver =
            Receiver::new(ReceiverConfig { sessions_per_diode_max: 64, ..Default::default() }, []);
        let mut boot = 0;
        let mut take = |now_us, key| {
            boot += 1;
            keys.update(now_us, &mut receiver);
            receiver.handle_datagram(&frame(boot, key), now_us)
        };
        for (now_us, first, second) in [
            (0, Ok(()), Err(Refusal::ForgedHeader)),
            (99, Ok(()), Err(Refusal::ForgedHeader)),
            (100, Ok(()), Ok(())),
            (199, Ok(()), Ok(())),
            (200, Err(Refusal::ForgedHeader), Ok(())),
        ] {
            assert_eq!((take(now_us, 1), take(now_us, 2)), (first, second), "at {now_us}");
        }
    }
}
