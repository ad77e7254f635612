//! A back office at a reader: it opens channels and sends orders in them.

use std::collections::BTreeMap;

use tongtu_apdu::select::Aid;
use tongtu_apdu::{CardCommand, Command, Response};
use tongtu_card::Card;
use tongtu_card::factory::{Blueprint, Channel, Issuer, Preinstalled};
use tongtu_card::journal::ObjectId;
use tongtu_crypto::{TdesKey, WideCipher, WideKey};
use tongtu_globalplatform::chain::split;
use tongtu_globalplatform::command::InitializeUpdate;
use tongtu_globalplatform::scp::{HostChannel, Protocol, SecurityLevel, StaticKeys};
use tongtu_testkit::tear::Chip;

use crate::desk::Desk;
use crate::tear::{Cells, Dice};

/// The bytes of a test's hex, blanks allowed.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    tongtu_codec::hex_decode(&text.replace([' ', '\n'], "")).expect("a test writes hex")
}

pub(crate) fn shown(bytes: &[u8]) -> String {
    tongtu_codec::hex_encode(bytes).to_uppercase()
}

pub(crate) fn aid(text: &str) -> Aid {
    Aid::parse(&hex(text)).expect("a test writes AIDs")
}

/// A length-value field.
pub(crate) fn lv(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    tongtu_apdu::tlv::write_length(value.len(), &mut out);
    out.extend(value);
    out
}

/// Fields of INSTALL, from hex.
pub(crate) fn fields(parts: &[&str]) -> Vec<u8> {
    parts.iter().flat_map(|part| lv(&hex(part))).collect()
}

/// The test key as a set of a kind.
pub(crate) fn test_keys(channel: Channel) -> StaticKeys {
    keys(
        channel,
        &core::array::from_fn(|i| 0x40 + u8::try_from(i).unwrap()),
    )
}

/// Three equal keys.
pub(crate) fn keys(channel: Channel, key: &[u8; 16]) -> StaticKeys {
    let wide = |cipher| WideKey::new(cipher, key).unwrap();
    let three = |cipher| StaticKeys::Scp03 {
        enc: wide(cipher),
        mac: wide(cipher),
        dek: wide(cipher),
    };
    match channel {
        Channel::Scp02 => StaticKeys::Scp02 {
            enc: TdesKey::new(*key),
            mac: TdesKey::new(*key),
            dek: TdesKey::new(*key),
        },
        Channel::Scp03 => three(WideCipher::Aes128),
        Channel::Sm4 => three(WideCipher::Sm4),
    }
}

pub(crate) const LEVELS: [u8; 3] = [0x00, 0x01, 0x03];

/// A reader with a card, and perhaps a channel.
pub(crate) struct Office {
    pub(crate) desk: Desk,
    pub(crate) host: Option<HostChannel>,
    /// `i` of SCP02, which the card does not tell.
    pub(crate) scp02_i: u8,
}

pub(crate) fn blueprint(issuer: Issuer, applications: Vec<Preinstalled>) -> Blueprint {
    Blueprint {
        issuer,
        applications,
        ..Blueprint::default()
    }
}

impl Office {
    /// A card of the test profile, with a channel of SCP03 at full protection.
    pub(crate) fn new() -> Self {
        let mut office = Self::made(&Blueprint::default());
        office.login();
        office
    }

    pub(crate) fn made(blueprint: &Blueprint) -> Self {
        Self::of_size(blueprint, 64 * 1024)
    }

    pub(crate) fn of_size(blueprint: &Blueprint, size: usize) -> Self {
        let mut dice = Dice::new();
        let card = Card::manufacture(
            Cells(Chip::new(size)),
            blueprint,
            &mut |out: &mut [u8]| dice.fill(out),
        );
        Self::around(Desk::around(card.expect("a test blueprint")))
    }

    pub(crate) fn around(desk: Desk) -> Self {
        Self {
            desk,
            host: None,
            scp02_i: 0x15,
        }
    }

    /// Opens the issuer domain's channel with the test keys of SCP03.
    pub(crate) fn login(&mut self) {
        self.select(&[]);
        let opened = self.open(0, &test_keys(Channel::Scp03), 0x33);
        assert_eq!(opened, Ok(()));
    }

    /// Selects by name, or the issuer domain; the status word.
    pub(crate) fn select(&mut self, name: &[u8]) -> u16 {
        self.host = None;
        let select = Command::new(0, 0xA4, 4, 0).with_data(name).with_le(0);
        self.desk.send(&select).unwrap().sw.value()
    }

    /// INITIALIZE UPDATE alone.
    pub(crate) fn initialize(&mut self, version: u8) -> Response {
        let request = InitializeUpdate {
            key_version: version,
            key_id: 0,
            host_challenge: [1, 2, 3, 4, 5, 6, 7, 8],
        };
        self.desk.send(&request.to_command()).unwrap()
    }

    /// EXTERNAL AUTHENTICATE as a host with these keys would send it.
    pub(crate) fn authentication(
        &self,
        keys: &StaticKeys,
        answer: &Response,
        level: u8,
    ) -> (HostChannel, Command) {
        let answer = InitializeUpdate::answer(&answer.data).unwrap();
        let protocol = match keys {
            StaticKeys::Scp02 { .. } => Protocol::Scp02(self.scp02_i),
            StaticKeys::Scp03 { .. } => Protocol::SCP03_70,
        };
        let level = SecurityLevel::from_byte(level).unwrap();
        HostChannel::begin(keys, protocol, &[1, 2, 3, 4, 5, 6, 7, 8], &answer, level).unwrap()
    }

    /// Opens a channel to the selected domain; else the status word.
    pub(crate) fn open(&mut self, version: u8, keys: &StaticKeys, level: u8) -> Result<(), u16> {
        self.host = None;
        let answer = self.initialize(version);
        if !answer.sw.is_ok() {
            return Err(answer.sw.value());
        }
        let (host, command) = self.authentication(keys, &answer, level);
        let answer = self.desk.send(&command).unwrap();
        if answer.sw.is_ok() {
            self.host = Some(host);
            Ok(())
        } else {
            Err(answer.sw.value())
        }
    }

    /// Sends a command in the channel, or plain when there is none.
    pub(crate) fn order(&mut self, command: &Command) -> (Vec<u8>, u16) {
        let travelling = match &mut self.host {
            Some(host) => host.protect(command).unwrap(),
            None => command.clone(),
        };
        let mut answer = None;
        for segment in split(&travelling) {
            answer = Some(self.desk.send(&segment).expect("power stays"));
        }
        let answer = answer.expect("a command has a segment");
        let answer = match &mut self.host {
            Some(host) => host.unprotect(&answer).unwrap(),
            None => answer,
        };
        (answer.data, answer.sw.value())
    }

    /// The same from hex of header and data.
    pub(crate) fn say(&mut self, header: &str, data: &[u8]) -> (Vec<u8>, u16) {
        let [cla, ins, p1, p2] = hex(header)[..] else {
            panic!("a header has four bytes")
        };
        let command = Command::new(cla, ins, p1, p2).with_data(data).with_le(0);
        self.order(&command)
    }

    /// A command that must be carried out; its answer.
    #[track_caller]
    pub(crate) fn done(&mut self, header: &str, data: &[u8]) -> Vec<u8> {
        let (answer, sw) = self.say(header, data);
        assert_eq!(format!("{sw:04X}"), "9000", "{header} {}", shown(data));
        answer
    }

    /// A command that must be refused, and change nothing.
    #[track_caller]
    pub(crate) fn refused(&mut self, header: &str, data: &[u8], expected: u16) {
        let before = self.image();
        let (answer, sw) = self.say(header, data);
        assert_eq!(
            (format!("{sw:04X}"), answer),
            (format!("{expected:04X}"), Vec::new()),
            "{header} {}",
            shown(data)
        );
        assert!(self.image() == before, "{header} changed something");
    }

    pub(crate) fn typed<C: CardCommand>(&mut self, command: &C) -> (Vec<u8>, u16) {
        self.order(&command.to_command())
    }

    pub(crate) fn image(&self) -> BTreeMap<ObjectId, Vec<u8>> {
        self.desk.image()
    }

    /// Creates a selectable domain from the card's own package; then it is there.
    #[track_caller]
    pub(crate) fn make_domain(&mut self, name: &str, privileges: &str) {
        let data = fields(&[
            "A0000001515350",
            "A000000151535041",
            name,
            privileges,
            "C900",
            "",
        ]);
        assert_eq!(self.done("80E60C00", &data), [0]);
    }

    /// State byte and domain of an object, as GET STATUS tells.
    #[track_caller]
    pub(crate) fn state(&mut self, name: &str) -> Option<(u8, String)> {
        use tongtu_globalplatform::command::{Entry, StatusForm};
        let own = hex(name);
        let mut query = vec![0x4F];
        query.extend(lv(&own));
        let (data, sw) = self.say("80F24002", &query);
        match sw {
            0x9000 => {
                let list = Entry::read_all(&data, StatusForm::Tlv, false).unwrap();
                let entry = list.into_iter().find(|e| e.aid.as_bytes() == own)?;
                Some((entry.state.0, entry.domain?.to_string()))
            }
            0x6A88 => None,
            _ => panic!("GET STATUS: {sw:04X}"),
        }
    }
}
