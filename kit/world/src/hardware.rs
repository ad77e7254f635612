//! Simulated devices: what stands around a terminal and what a rider sees and hears of it.
//!
//! A gate (闸机) has a barrier and a passage sensor, a bus validator (车载刷卡机) and a hand-held
//! terminal (手持机) have a lamp, a buzzer, a voice and a display. Card reader and scanner of one
//! housing share them. All are driven by prompts alone: what a device does is what the terminal
//! told it, and nothing else.
//!
//! What is not here: the terminal, the card, the phone.

use std::collections::BTreeMap;

use tongtu_fare::Lang;
use tongtu_ride_code::Verdict;
use tongtu_terminal::face::{FaceMoment, FacePrompt};
use tongtu_terminal::tap::TapPrompt;
use tongtu_terminal::{Light, Prompt};
use tongtu_types::{TerminalNumber, Timestamp};

use crate::country::{Country, Place};

/// Which device it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeviceKind {
    /// A gate with a barrier.
    Gate,
    /// A validator in a bus.
    Validator,
    /// A hand-held terminal of the staff.
    HandHeld,
}

impl DeviceKind {
    /// What it is called, in English and Chinese.
    #[must_use]
    pub const fn name(self) -> (&'static str, &'static str) {
        match self {
            Self::Gate => ("gate", "闸机"),
            Self::Validator => ("bus validator", "车载刷卡机"),
            Self::HandHeld => ("hand-held", "手持机"),
        }
    }
}

/// A barrier (扇门).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Barrier {
    /// Nobody gets through.
    Closed,
    /// One rider may pass.
    Open,
}

/// Two of everything that is said: English and Chinese.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Both {
    /// English.
    pub en: String,
    /// Chinese.
    pub zh: String,
}

/// What a rider saw and heard at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// When.
    pub at: Timestamp,
    /// The lamp.
    pub light: Light,
    /// How often the buzzer sounded: once for who goes on, twice for a second try, three times
    /// for who does not.
    pub beeps: u8,
    /// What was spoken.
    pub voice: Both,
    /// What stood on the display, line by line.
    pub display: Both,
    /// The barrier afterwards; none without one.
    pub barrier: Option<Barrier>,
}

/// A device with what it has shown last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    kind: DeviceKind,
    barrier: Option<Barrier>,
    passages: u64,
}

impl Device {
    /// A device just switched on; a gate is closed.
    #[must_use]
    pub const fn new(kind: DeviceKind) -> Self {
        let barrier = match kind {
            DeviceKind::Gate => Some(Barrier::Closed),
            DeviceKind::Validator | DeviceKind::HandHeld => None,
        };
        Self {
            kind,
            barrier,
            passages: 0,
        }
    }

    /// Which device it is.
    #[must_use]
    pub const fn kind(&self) -> DeviceKind {
        self.kind
    }

    /// Shows a prompt; green opens the barrier, anything else leaves it closed.
    pub fn show(&mut self, prompt: &TapPrompt, at: Timestamp) -> Shown {
        let voice = |lang| prompt.voice(lang).to_owned();
        let both = Both {
            en: voice(Lang::En),
            zh: voice(Lang::Zh),
        };
        let display = Both {
            en: prompt.display(Lang::En),
            zh: prompt.display(Lang::Zh),
        };
        let light = prompt.light();
        self.sound(light, light == Light::Green, both, display, at)
    }

    /// Shows what is said to a code. A rider who is let out although something is to be settled
    /// later sees amber, and passes.
    pub fn show_scan(&mut self, prompt: &Prompt, at: Timestamp) -> Shown {
        let voice = |lang| prompt.voice(lang).to_owned();
        let both = Both {
            en: voice(Lang::En),
            zh: voice(Lang::Zh),
        };
        let display = Both {
            en: prompt.display(Lang::En),
            zh: prompt.display(Lang::Zh),
        };
        let lets_on = prompt.verdict == Verdict::Accepted || prompt.notice.is_some();
        self.sound(prompt.light(), lets_on, both, display, at)
    }

    /// Shows what is said to a face. Whoever is let out although the fare follows sees amber, and
    /// passes.
    pub fn show_face(&mut self, prompt: &FacePrompt, at: Timestamp) -> Shown {
        let voice = |lang| prompt.voice(lang).to_owned();
        let both = Both {
            en: voice(Lang::En),
            zh: voice(Lang::Zh),
        };
        let display = Both {
            en: prompt.display(Lang::En),
            zh: prompt.display(Lang::Zh),
        };
        let lets_on = matches!(prompt.moment, FaceMoment::Pass | FaceMoment::PassNoEntry);
        self.sound(prompt.light(), lets_on, both, display, at)
    }

    /// Two cards are in the field at once: the reader hears both, and asks for one. No terminal
    /// is told of either.
    pub fn show_collision(&mut self, at: Timestamp) -> Shown {
        let both = Both {
            en: "One card at a time".to_owned(),
            zh: "请只出示一张卡".to_owned(),
        };
        self.sound(Light::Amber, false, both.clone(), both, at)
    }

    fn sound(
        &mut self,
        light: Light,
        lets_on: bool,
        voice: Both,
        display: Both,
        at: Timestamp,
    ) -> Shown {
        let beeps = match light {
            Light::Green => 1,
            Light::Amber => 2,
            Light::Red => 3,
        };
        if let Some(barrier) = &mut self.barrier {
            *barrier = match lets_on {
                true => Barrier::Open,
                false => Barrier::Closed,
            };
        }
        Shown {
            at,
            light,
            beeps,
            voice,
            display,
            barrier: self.barrier,
        }
    }

    /// Somebody walks at it. True when the way is free: no barrier, or an open one, which the
    /// passage sensor closes behind the rider.
    pub const fn pass(&mut self) -> bool {
        match self.barrier {
            Some(Barrier::Closed) => return false,
            Some(Barrier::Open) => self.barrier = Some(Barrier::Closed),
            None => {}
        }
        self.passages += 1;
        true
    }

    /// How many riders passed.
    #[must_use]
    pub const fn passages(&self) -> u64 {
        self.passages
    }
}

/// Every device of the country, by its terminal's number.
#[derive(Debug)]
pub struct Hardware(BTreeMap<TerminalNumber, Device>);

impl Hardware {
    /// Puts one around every terminal.
    #[must_use]
    pub fn of(country: &Country) -> Self {
        let faces = country.face_posts.iter().map(|place| &place.post);
        let codes = country.posts.iter().chain(faces).map(|post| {
            let kind = match post.place {
                Place::Bus { .. } => DeviceKind::Validator,
                Place::Entry { .. } | Place::Exit { .. } => DeviceKind::Gate,
            };
            (post.number, kind)
        });
        let cards = country.card_posts.iter();
        let cards = cards.map(|post| (post.number, post.device()));
        let devices = codes.chain(cards);
        Self(
            devices
                .map(|(number, kind)| (number, Device::new(kind)))
                .collect(),
        )
    }

    /// The device around this terminal.
    ///
    /// # Panics
    /// When the terminal is not of the country.
    pub fn at(&mut self, number: TerminalNumber) -> &mut Device {
        let device = self.0.get_mut(&number);
        device.expect("every terminal of the country has one")
    }
}

#[cfg(test)]
mod tests {
    use tongtu_ride_code::record::Direction;
    use tongtu_terminal::Notice;
    use tongtu_terminal::tap::Say;
    use tongtu_types::Fen;

    use super::*;

    fn prompt(say: Say) -> TapPrompt {
        TapPrompt {
            say,
            fare: Some(Fen::new(300)),
            balance: Some(Fen::new(1700)),
            notice: None,
        }
    }

    #[test]
    fn a_gate_lets_one_rider_through_for_one_green_light() {
        let mut gate = Device::new(DeviceKind::Gate);
        assert!(!gate.pass());
        let shown = gate.show(&prompt(Say::Enter), Timestamp::new(0));
        assert_eq!((shown.barrier, shown.beeps), (Some(Barrier::Open), 1));
        assert!(gate.pass());
        assert!(!gate.pass(), "closed behind the rider");
        assert_eq!(gate.passages(), 1);
    }

    #[test]
    fn a_refusal_closes_a_gate_that_was_open() {
        let mut gate = Device::new(DeviceKind::Gate);
        gate.show(&prompt(Say::Enter), Timestamp::new(0));
        let shown = gate.show(&prompt(Say::SeeIssuer), Timestamp::new(1));
        assert_eq!((shown.barrier, shown.beeps), (Some(Barrier::Closed), 3));
        assert!(!gate.pass());
    }

    #[test]
    fn a_validator_has_no_barrier_and_says_fare_and_balance_in_both_languages() {
        let mut validator = Device::new(DeviceKind::Validator);
        let shown = validator.show(&prompt(Say::Paid), Timestamp::new(0));
        assert_eq!(shown.barrier, None);
        assert!(shown.display.zh.contains("余额 17.00 元"), "{shown:?}");
        assert!(shown.display.en.contains("Fare 3.00 yuan"), "{shown:?}");
        assert!(validator.pass());
    }

    #[test]
    fn a_code_opens_the_gate_for_one_rider_and_an_amber_exit_does_too() {
        let mut gate = Device::new(DeviceKind::Gate);
        for (verdict, notice, light, passes) in [
            (Verdict::Accepted, None, Light::Green, true),
            (Verdict::Accepted, Some(Notice::NoEntry), Light::Amber, true),
            (
                Verdict::OverLimit,
                Some(Notice::OverLimit),
                Light::Amber,
                true,
            ),
            (Verdict::OverLimit, None, Light::Red, false),
            (Verdict::TooFrequent, None, Light::Amber, false),
            (Verdict::Blacklisted, None, Light::Red, false),
        ] {
            let prompt = Prompt {
                verdict,
                direction: Direction::Exit,
                fare: None,
                notice,
            };
            let shown = gate.show_scan(&prompt, Timestamp::new(0));
            assert_eq!(shown.light, light, "{verdict}");
            assert_eq!(gate.pass(), passes, "{verdict}");
            assert!(!gate.pass(), "closed behind the rider");
        }
    }

    #[test]
    fn two_cards_at_once_open_nothing() {
        let mut gate = Device::new(DeviceKind::Gate);
        let shown = gate.show_collision(Timestamp::new(0));
        assert_eq!(
            (shown.light, shown.barrier),
            (Light::Amber, Some(Barrier::Closed))
        );
    }
}
