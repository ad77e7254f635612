//! A secure channel to a card's issuer domain, and what is done through it. Its keys are one that was
//! typed, or in a store, where the channel's own are made and stay.

use std::collections::BTreeSet;

use tongtu_apdu::select::{Aid, Select};
use tongtu_apdu::tlv::{self, Tag};
use tongtu_apdu::{CardCommand, Command, Response, StatusWord};
use tongtu_crypto::padding;
use tongtu_crypto::{TdesKey, WideCipher, WideKey};
use tongtu_globalplatform::command::{
    Delete, DeleteTarget, ForInstall, GetData, InitializeUpdate, Install, PutKey, StoreData,
    StoreFormat,
};
use tongtu_globalplatform::key::read_key_information;
use tongtu_globalplatform::recognition::Recognition;
use tongtu_globalplatform::scp::{ChannelError, HostChannel, Protocol, SecurityLevel, StaticKeys};
use tongtu_hsm::{CardSession, Custody as _, DomainKeys, Opening};
use tongtu_reader::CardChannel;
use tongtu_services::personalising::{CardManager, algorithm_of};
use zeroize::Zeroizing;

use super::place::no_card;
use crate::custody::{UsedCustody, blank_key, refused};
use crate::exit::Failure;
use crate::lang::both;

/// The key that public tools try first.
pub(crate) const TEST_KEY: &str = "404142434445464748494A4B4C4D4E4F";

/// Data bytes of one block of STORE DATA; with padding and MAC it still fits an APDU.
const BLOCK: usize = 224;

/// Whose keys open the channel.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Opener<'a> {
    /// One key, three times.
    Key(&'a [u8; 16]),
    /// Those of a store.
    Kept(&'a UsedCustody, CardManager),
}

/// A domain whose channel is open.
pub(crate) struct Management<'a> {
    card: &'a mut dyn CardChannel,
    channel: Channel,
    kind: Protocol,
    /// Version of the card's keys that opened it.
    key_version: u8,
    /// What the card says of itself.
    pub(crate) chip: [u8; 10],
    /// The protocol, for people.
    pub(crate) protocol: String,
}

enum Channel {
    Flat(Box<HostChannel>),
    Kept(Box<CardSession>),
}

impl Channel {
    fn protect(&mut self, command: &Command) -> Result<Command, ChannelError> {
        match self {
            Self::Flat(channel) => channel.protect(command),
            Self::Kept(session) => session.protect(command),
        }
    }

    fn unprotect(&mut self, response: &Response) -> Result<Response, ChannelError> {
        match self {
            Self::Flat(channel) => channel.unprotect(response),
            Self::Kept(session) => session.unprotect(response),
        }
    }

    /// Pads and enciphers.
    fn encipher(&self, clear: &[u8]) -> Vec<u8> {
        match self {
            Self::Flat(channel) => {
                let mut value = Zeroizing::new(clear.to_vec());
                padding::pad(&mut value, channel.dek().block_len());
                channel.encipher(&value)
            }
            Self::Kept(session) => session.encipher(clear),
        }
    }
}

/// A group of personalisation data.
pub(crate) struct DataGroup {
    pub(crate) id: u16,
    pub(crate) value: Zeroizing<Vec<u8>>,
    /// How it travels inside the channel.
    pub(crate) secrecy: Secrecy,
}

/// What the data key of the card has to do with a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Secrecy {
    /// Nothing.
    Plain,
    /// It is to be enciphered under it.
    Secret,
    /// Whoever has the keys enciphered it under it already.
    Enciphered,
}

impl Secrecy {
    /// Of a value that is secret, or is not.
    pub(crate) const fn of(is_secret: bool) -> Self {
        if is_secret { Self::Secret } else { Self::Plain }
    }
}

impl<'a> Management<'a> {
    /// Selects the issuer domain and opens a channel, at the highest level that the card has.
    pub(crate) fn open(card: &'a mut dyn CardChannel, opener: Opener<'_>) -> Result<Self, Failure> {
        answered::<Select>(&exchange(card, &Select::by_name([]).to_command())?)?;
        // What the card announces tells SCP02's options; SCP03 tells its own.
        let data = exchange(card, &GetData::of(0x66).to_command())?;
        let announced = Recognition::parse(&data.data).map(|card| card.protocols);
        let announced = announced.unwrap_or_default();
        let mut challenge = [0; 8];
        getrandom::fill(&mut challenge).map_err(|error| {
            Failure::fault(both("the system gives no randomness", "系统无法提供随机数"))
                .because(error)
        })?;
        let update = InitializeUpdate {
            key_version: 0,
            key_id: 0,
            host_challenge: challenge,
        };
        let answer = answered::<InitializeUpdate>(&exchange(card, &update.to_command())?)?;
        let scp = answer.scp();
        let protocol = announced
            .iter()
            .filter(|[number, _]| *number == scp)
            .find_map(|bytes| Protocol::from_bytes(*bytes))
            .unwrap_or(if scp == 2 {
                Protocol::SCP02_15
            } else {
                Protocol::SCP03_70
            });
        let levels = [SecurityLevel::FULL, SecurityLevel::C_ENC];
        let level = levels.into_iter().find(|level| protocol.allows(*level));
        let level = level.unwrap_or(SecurityLevel::C_MAC);
        let (channel, authenticate) = match opener {
            Opener::Key(key) => {
                let keys = static_keys(key, protocol);
                let begun = HostChannel::begin(&keys, protocol, &challenge, &answer, level);
                let (channel, command) = begun.map_err(|error| {
                    no_channel(&error).hint(both(
                        "the card has other keys: --gp-key, or --store with the issuer's masters",
                        "卡中是其他密钥：请用 --gp-key，或以 --store 给出发卡机构主密钥",
                    ))
                })?;
                (Channel::Flat(Box::new(channel)), command)
            }
            Opener::Kept(custody, manager) => {
                let blank = blank_key(algorithm_of(protocol))?;
                let keys = manager.keys_of(&answer, protocol, blank);
                let opening = Opening {
                    protocol,
                    host_challenge: challenge,
                    answer: &answer,
                    level,
                };
                let opened = custody.open_channel(keys.of_domain(), &opening);
                let (session, command) = opened.map_err(|error| {
                    no_channel(&error).hint(both(
                        "`tongtu card masters` puts the keys of blank cards and of card managers \
                         into a TEST store",
                        "`tongtu card masters` 可在测试密钥库中备好空白卡与卡管理密钥",
                    ))
                })?;
                (Channel::Kept(Box::new(session)), command)
            }
        };
        let response = exchange(card, &authenticate)?;
        answered::<tongtu_globalplatform::command::ExternalAuthenticate>(&response)?;
        let [number, i] = protocol.bytes();
        Ok(Self {
            card,
            channel,
            kind: protocol,
            key_version: answer.key_version,
            chip: answer.diversification,
            protocol: format!("SCP{number:02X} i={i:02X} {:02X}", level.byte()),
        })
    }

    /// The channel, where a store has its keys.
    pub(crate) const fn session(&self) -> Option<&CardSession> {
        match &self.channel {
            Channel::Kept(session) => Some(session),
            Channel::Flat(_) => None,
        }
    }

    /// Puts the card's own keys in the place of those that its lot has, and takes all others that
    /// open a channel away; false when it has its own. The card's check values are compared with the
    /// store's.
    pub(crate) fn take_own_keys(
        &mut self,
        custody: &UsedCustody,
        manager: &CardManager,
    ) -> Result<bool, Failure> {
        let version = manager.key_version(self.kind);
        let Channel::Kept(session) = &self.channel else {
            return Ok(false);
        };
        let is_own = self.key_version == version;
        if !is_own {
            let keys = DomainKeys {
                label: manager.label(self.kind),
                card: Some(&self.chip),
            };
            let blocks = custody.domain_keys(keys, session);
            let blocks = blocks.map_err(|error| refused(&error))?;
            let expected: Vec<u8> = blocks.iter().flat_map(|block| block.kcv.clone()).collect();
            let put = PutKey {
                // A version above 7F cannot be replaced; the card drops it by itself.
                replace: if self.key_version > 0x7F {
                    0
                } else {
                    self.key_version
                },
                first_id: 1,
                several: true,
                version,
                keys: blocks.into(),
            };
            let answer = self.ask(&put)?;
            if answer.version != version || answer.kcvs != expected {
                return Err(Failure::refused(both(
                    "the card tells other check values of its new keys than the store",
                    "卡片给出的新密钥校验值与密钥库不符",
                )));
            }
        }
        for other in self.other_versions(version)? {
            self.ask(&Delete {
                target: DeleteTarget::Keys {
                    id: None,
                    version: Some(other),
                },
                related: false,
                control: None,
                token: Vec::new(),
            })?;
        }
        Ok(!is_own)
    }

    /// Versions of keys for channels beside one.
    fn other_versions(&mut self, own: u8) -> Result<BTreeSet<u8>, Failure> {
        let response = self.send(&GetData::of(0xE0).to_command())?;
        let value = tlv::find(&response.data, Tag::new(0xE0)).unwrap_or_default();
        let keys = read_key_information(value).into_iter();
        // Versions 70 to 75 are keys for tokens, receipts and load files.
        let channels = keys.filter(|key| !(0x70..=0x75).contains(&key.version));
        let others = channels.map(|key| key.version);
        Ok(others.filter(|version| *version != own).collect())
    }

    fn send(&mut self, command: &Command) -> Result<Response, Failure> {
        let protected = self
            .channel
            .protect(command)
            .map_err(|error| broken(&error))?;
        let response = exchange(self.card, &protected)?;
        self.channel
            .unprotect(&response)
            .map_err(|error| broken(&error))
    }

    fn ask<C: CardCommand>(&mut self, command: &C) -> Result<C::Answer, Failure> {
        let response = self.send(&command.to_command())?;
        answered::<C>(&response)
    }

    /// Puts an application on the card and makes it selectable; false when its name is taken.
    pub(crate) fn install(
        &mut self,
        load_file: Aid,
        module: Aid,
        instance: Aid,
        label: &[u8],
        priority: u8,
    ) -> Result<bool, Failure> {
        // Label and priority as a published installation has them: EF { A1 { A6 { 50, 87 } } }.
        let mut listed = tlv::object(Tag::new(0x50), label);
        tlv::write(Tag::new(0x87), &[priority], &mut listed);
        let listed = tlv::object(Tag::new(0xA6), &listed);
        let mut parameters = tlv::object(Tag::new(0xC9), &[]);
        tlv::write(
            Tag::new(0xEF),
            &tlv::object(Tag::new(0xA1), &listed),
            &mut parameters,
        );
        let install = Install::Install(ForInstall {
            load_file,
            module,
            instance: Some(instance),
            privileges: vec![0],
            parameters,
            token: Vec::new(),
            selectable: true,
            combined: false,
        });
        let response = self.send(&install.to_command())?;
        if response.sw == StatusWord::ALREADY_EXISTS {
            return Ok(false);
        }
        answered::<Install>(&response).map(|_| true)
    }

    /// Takes an application off the card.
    pub(crate) fn delete(&mut self, instance: Aid) -> Result<(), Failure> {
        self.ask(&Delete::object(instance)).map(drop)
    }

    /// STORE DATA goes to this application from now on.
    pub(crate) fn personalise(&mut self, subject: Aid) -> Result<(), Failure> {
        self.ask(&Install::Personalization { subject }).map(drop)
    }

    /// Hands over the groups and says in how many blocks; `done` is told the number of blocks
    /// after each of them.
    pub(crate) fn store(
        &mut self,
        groups: &[DataGroup],
        done: &mut dyn FnMut(u64),
    ) -> Result<usize, Failure> {
        // A group that is longer than a block goes on in the next.
        let mut blocks: Vec<(bool, Zeroizing<Vec<u8>>)> = Vec::new();
        for group in groups {
            let encoded = self.encoded(group);
            for block in encoded.chunks(BLOCK) {
                let enciphered = group.secrecy != Secrecy::Plain;
                blocks.push((enciphered, Zeroizing::new(block.to_vec())));
            }
        }
        let count = blocks.len();
        for (index, (enciphered, block)) in blocks.into_iter().enumerate() {
            let number = u8::try_from(index % 256).expect("a remainder of 256");
            let store = StoreData {
                last: index + 1 == count,
                enciphered,
                application_dependent: false,
                format: StoreFormat::Dgi,
                answer: false,
                number,
                data: block.to_vec(),
            };
            self.ask(&store)?;
            done(u64::try_from(count).unwrap_or(u64::MAX));
        }
        Ok(count)
    }

    /// Identifier, length, value; a secret value padded and under the data key.
    fn encoded(&self, group: &DataGroup) -> Zeroizing<Vec<u8>> {
        let mut value = group.value.clone();
        if group.secrecy == Secrecy::Secret {
            value = Zeroizing::new(self.channel.encipher(&value));
        }
        let len = u16::try_from(value.len()).expect("a group of a card is short");
        let mut out = Zeroizing::new(group.id.to_be_bytes().to_vec());
        match u8::try_from(len) {
            Ok(short) if short != 0xFF => out.push(short),
            _ => {
                out.push(0xFF);
                out.extend(len.to_be_bytes());
            }
        }
        out.extend(value.iter());
        out
    }
}

fn static_keys(key: &[u8; 16], protocol: Protocol) -> StaticKeys {
    let wide = |cipher| {
        let key = || WideKey::new(cipher, key).expect("both ciphers have keys of 16 bytes");
        StaticKeys::Scp03 {
            enc: key(),
            mac: key(),
            dek: key(),
        }
    };
    match protocol {
        Protocol::Scp02(_) => StaticKeys::Scp02 {
            enc: TdesKey::new(*key),
            mac: TdesKey::new(*key),
            dek: TdesKey::new(*key),
        },
        Protocol::SM4 => wide(WideCipher::Sm4),
        Protocol::Scp03(_) => wide(WideCipher::Aes128),
    }
}

fn no_channel(error: &dyn std::fmt::Display) -> Failure {
    Failure::refused(both("no channel can be opened", "无法建立安全通道")).because(error)
}

fn exchange(card: &mut dyn CardChannel, command: &Command) -> Result<Response, Failure> {
    let apdu = command.encode().expect("blocks are cut to fit");
    let answer = card.transmit(&apdu).map_err(|error| no_card(&error))?;
    Response::parse(&answer).map_err(|error| broken(&error))
}

fn broken(error: &dyn std::fmt::Display) -> Failure {
    Failure::fault(both("the channel to the card broke", "与卡的通道中断")).because(error)
}

/// Reads an answer, or says why there is none, in the words of the command's own table.
pub(crate) fn answered<C: CardCommand>(response: &Response) -> Result<C::Answer, Failure> {
    let (name, sw) = (C::NAME, response.sw);
    if sw.is_ok() {
        return C::answer(&response.data).map_err(|error| {
            Failure::refused(both(
                format!("the answer to {name} cannot be read"),
                format!("无法识别 {name} 的应答"),
            ))
            .because(error)
        });
    }
    let (en, zh) = match C::STATUS.iter().find(|row| row.sw == sw) {
        Some(row) => (row.en.into(), row.zh.into()),
        None => (sw.en(), sw.zh()),
    };
    Err(Failure::refused(both(
        format!("{name}: {:04X}, {en}", sw.value()),
        format!("{}：{:04X}，{zh}", C::NAME_ZH, sw.value()),
    )))
}
