//! Whoever puts keys on cards and modules for the country (个人化): a desk of each city, and one of the
//! nation for modules.
//!
//! ```text
//! holder's store ── wrapped under the desk's transport key ──▶ desk's store: masters
//!     a card's keys ◀── wrapped for the card (services::personalising) ──┘
//!     a module's keys ◀── in a batch for the lot ─────────────────────────┘
//! ```
//! No master is in the clear here, and no key of a purse or a module: the chip opens what is enciphered
//! for it. An e-cash takes its keys as one group still, so the machine that writes it has them for
//! that moment. The issuer's key that certifies the card stays in the store.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tongtu_apdu::select::Select;
use tongtu_apdu::{CardCommand, Command, Response};
use tongtu_card::RamMemory;
use tongtu_card::factory::{Channel, Issuer, KeySet};
use tongtu_crypto::{Algorithm, BlockKey, WideCipher, WideKey};
use tongtu_ecash::Values;
use tongtu_ecash::perso::{CardKeys, Group as CashGroup, Profile as CashProfile, groups_by};
use tongtu_globalplatform::command::{InitializeUpdate, Install, StoreData, StoreFormat};
use tongtu_globalplatform::scp::{HostChannel, Protocol, SecurityLevel, StaticKeys};
use tongtu_hsm::{
    Component, Custody as _, CustodyError, Export, KeyInfo, KeyName, KeyPath, Label, Mark,
};
use tongtu_hsm::{MacScheme, SealedCustody};
use tongtu_keycentre::{CentreError, Store, entropy};
use tongtu_keyring::code::{KeyAlgorithm, Purpose};
use tongtu_keyring::{Check, Slot};
use tongtu_psam::PsamIdentity;
use tongtu_purse::command::{CreditForLoad, InitLoad, LoadInit};
use tongtu_purse::field::{DateTime, Institution, Serial};
use tongtu_purse::keys::KeyUse;
use tongtu_purse::profile::Profile;
use tongtu_sam::{BlankPsam, SoftPsam};
use tongtu_services::personalising::{
    BatchOrder, CardIssuer, CashSigner, MASTERS, PersonalisingError, Scope, SealedGroup,
    cash_file_keys, cash_keys, make_batch, master_name, purse_key, seal_purse,
};
use tongtu_types::{CardNumber, CityCode, InstitutionCode, Timestamp};
use zeroize::Zeroizing;

use crate::WorldError;

/// Version of the masters on cards and modules.
pub(crate) const VERSION: u8 = 1;
/// Key version of the domain that blank chips come with.
const CHIP_VERSION: u8 = 0x30;
/// Wrong MAC2 in a row that lock a module.
const MAC2_FAILURES_MAX: u8 = 15;

/// A desk with its store.
pub struct Desk {
    city: CityCode,
    custody: Mutex<SealedCustody>,
    /// What enciphers masters on their way here, and the keys of an e-cash on their way out.
    transport: Label,
    machine: BlockKey,
    /// What blank chips, or the blank modules of a lot, come with.
    chip_data: Label,
    chip: [Zeroizing<[u8; 16]>; 3],
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Desk({})", self.city)
    }
}

fn refused(error: PersonalisingError) -> WorldError {
    WorldError::Personalising(Box::new(error))
}

fn label(text: &str) -> Label {
    Label::parse(text).expect("capital letters and hyphens")
}

impl Desk {
    /// Puts a desk up with the masters of a holder, which are wrapped in its store for this one.
    pub(crate) fn set_up(
        city: CityCode,
        from: &mut Store,
        mut desk: Store,
        seed: &[u8],
    ) -> Result<Self, CentreError> {
        let mut chance = entropy(seed, &format!("desk {city}"));
        let mut draw = || {
            let mut bytes = Zeroizing::new([0; 16]);
            chance(&mut bytes[..]);
            bytes
        };
        let transport = label("PERSO");
        let parts = [draw(), draw()];
        let mut machine = Zeroizing::new([0; 16]);
        for store in [&mut *from, &mut desk] {
            machine = carry(store, city, transport, &parts)?;
        }
        let chip = [draw(), draw(), draw()];
        let chip_data = label("CHIP-DATA");
        let mut other = Zeroizing::new([0; 16]);
        for (at, byte) in other.iter_mut().enumerate() {
            *byte = chip[2][at] ^ parts[0][at];
        }
        carry(&mut desk, city, chip_data, &[parts[0].clone(), other])?;
        for info in from.custody.list()? {
            let slot = info.name.slot;
            let master = MASTERS
                .iter()
                .find(|master| master.purpose == slot.purpose && master.index == 1);
            let algorithm = match slot.algorithm {
                KeyAlgorithm::Tdes => Algorithm::Tdes,
                KeyAlgorithm::Sm4 => Algorithm::Sm4,
                _ => continue,
            };
            let Some(master) = master else {
                continue;
            };
            let wrapped = from.custody.wrap(KeyPath::of(info.name.label), transport)?;
            let name = master_name(city, master, algorithm, info.name.version, Mark::Test);
            desk.custody.unwrap(&name, transport, &wrapped)?;
        }
        // A key pair travels in a container, under the same transport key.
        let issuing = |info: &KeyInfo| info.name.slot.purpose == Purpose::CashIssuer;
        for info in from.custody.list()?.into_iter().filter(issuing) {
            let container = from.custody.export(info.name.label, transport)?;
            desk.custody.take_in(&container, transport)?;
        }
        Ok(Self {
            city,
            custody: Mutex::new(desk.custody),
            transport,
            machine: BlockKey::new(Algorithm::Sm4, *machine),
            chip_data,
            chip,
        })
    }

    /// The desk's store, for whoever looks what is in it.
    pub fn custody(&self) -> MutexGuard<'_, SealedCustody> {
        // A test that failed elsewhere left it as it was.
        self.custody.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a blank chip of this city comes with: nobody but its maker and this desk has it.
    #[must_use]
    pub fn chip(&self) -> Issuer {
        let keys = KeySet {
            version: CHIP_VERSION,
            channel: Channel::Sm4,
            keys: self.chip.clone(),
        };
        Issuer {
            key_sets: vec![keys],
            ..Issuer::without_keys()
        }
    }

    /// Personalises the purse of a blank card: over a channel of its own, its keys enciphered for the
    /// chip alone.
    ///
    /// # Errors
    /// [`WorldError::Personalising`] when the desk has no masters for it.
    ///
    /// # Panics
    /// When the card refuses what every card of ours takes.
    pub fn write_purse(
        &self,
        profile: &Profile,
        mut send: impl FnMut(&[u8]) -> Vec<u8>,
    ) -> Result<(), WorldError> {
        let groups = seal_purse(&*self.custody(), profile, VERSION, self.chip_data);
        let groups = groups.map_err(refused)?;
        let mut ask = |command: &Command| {
            let bytes = command.encode().expect("short commands only");
            Response::parse(&send(&bytes)).expect("an answer has a status word")
        };
        ask(&Select::by_name([]).to_command());
        let challenge = [0x54; 8];
        let update = InitializeUpdate {
            key_version: CHIP_VERSION,
            key_id: 0,
            host_challenge: challenge,
        };
        let answer = ask(&update.to_command());
        let answer = InitializeUpdate::answer(&answer.data).expect("its own domain answers");
        let key = |bytes: &[u8; 16]| WideKey::new(WideCipher::Sm4, bytes).expect("128 bits");
        let [enc, mac, _] = &self.chip;
        let keys = StaticKeys::Scp03 {
            enc: key(enc),
            mac: key(mac),
            // The custody has enciphered already; who runs the channel needs no data key.
            dek: key(&[0; 16]),
        };
        let level = SecurityLevel::FULL;
        let begun = HostChannel::begin(&keys, Protocol::SM4, &challenge, &answer, level);
        let (mut host, command) = begun.expect("the chip has these keys");
        assert!(ask(&command).sw.is_ok(), "the channel does not open");
        let mut order = |command: &Command| {
            let command = host.protect(command).expect("short commands only");
            let answer = host.unprotect(&ask(&command)).expect("the chip's own MAC");
            assert!(answer.sw.is_ok(), "refused with {:?}", answer.sw);
        };
        let subject = profile.aid;
        order(&Install::Personalization { subject }.to_command());
        let blocks = blocks(&groups);
        let count = blocks.len();
        for (at, (enciphered, data)) in blocks.into_iter().enumerate() {
            let store = StoreData {
                last: at + 1 == count,
                enciphered,
                application_dependent: false,
                format: StoreFormat::Dgi,
                answer: false,
                number: u8::try_from(at).expect("some dozen blocks"),
                data,
            };
            order(&store.to_command());
        }
        Ok(())
    }

    /// MAC2 of a load, if MAC1 says that the card is this issuer's.
    #[must_use]
    pub fn load(
        &self,
        (issuer, serial, algorithm): (Institution, Serial, Algorithm),
        init: &InitLoad,
        answer: &LoadInit,
        at: DateTime,
    ) -> Option<CreditForLoad> {
        let issuer = CardIssuer::of(issuer).ok()?;
        let [a, b, c, d] = answer.random;
        let [e, f] = answer.sequence.to_be_bytes();
        let scheme = MacScheme::Session {
            block: [a, b, c, d, e, f, 0x80, 0x00],
        };
        let factors = [serial.factor()];
        let path = KeyPath {
            label: purse_key(&issuer, KeyUse::Load, 1, algorithm, VERSION)?,
            factors: &factors,
        };
        let deal = [
            &init.amount.bytes()[..],
            &[InitLoad::KIND.0],
            &init.terminal.0,
        ]
        .concat();
        let balance = [&answer.balance.bytes()[..], &deal].concat();
        let custody = self.custody();
        custody
            .verify_mac(path, scheme, &balance, &answer.mac1)
            .ok()?;
        let mac2 = custody
            .mac(path, scheme, &[&deal[..], &at.0].concat())
            .ok()?;
        let mac2 = mac2.try_into().ok()?;
        Some(CreditForLoad { at, mac2 })
    }

    /// The keys of an e-cash, as the machine has them that writes the card.
    ///
    /// # Errors
    /// [`WorldError::Personalising`] when the desk has no masters for it.
    ///
    /// # Panics
    /// Never: what is wrapped here is opened here.
    pub fn cash(
        &self,
        issuer: Institution,
        (number, sequence): (&CardNumber, u8),
        algorithm: Algorithm,
    ) -> Result<CardKeys, WorldError> {
        let issuer = CardIssuer::of(issuer).map_err(refused)?;
        let custody = self.custody();
        let by = self.transport;
        let wrapped = cash_keys(&*custody, &issuer, number, sequence, algorithm, VERSION, by);
        let [cryptogram, mac, encipher] = wrapped.map_err(refused)?.map(|wrapped| {
            let mut bytes: [u8; 16] = wrapped.bytes.try_into().expect("keys of 16 bytes");
            let opened = self.machine.decrypt_blocks(&mut bytes);
            opened.expect("sixteen bytes are a whole block");
            bytes
        });
        Ok(CardKeys {
            cryptogram,
            mac,
            encipher,
        })
    }

    /// The opening keys of an e-cash's extension files, as the machine has them that writes the card.
    ///
    /// # Errors
    /// [`WorldError::Personalising`] when the desk has no master for it.
    ///
    /// # Panics
    /// Never: what is wrapped here is opened here.
    pub fn cash_files(
        &self,
        issuer: Institution,
        card: (&CardNumber, u8),
        files: &[u8],
        algorithm: Algorithm,
    ) -> Result<Vec<[u8; 16]>, WorldError> {
        let issuer = CardIssuer::of(issuer).map_err(refused)?;
        let (custody, kind) = (self.custody(), (algorithm, VERSION));
        let wrapped = cash_file_keys(&*custody, &issuer, card, files, kind, self.transport);
        let opened = wrapped.map_err(refused)?.into_iter().map(|wrapped| {
            let mut bytes: [u8; 16] = wrapped.bytes.try_into().expect("keys of 16 bytes");
            let opened = self.machine.decrypt_blocks(&mut bytes);
            opened.expect("sixteen bytes are a whole block");
            bytes
        });
        Ok(opened.collect())
    }

    /// An e-cash's groups, certified by the issuer's key where it is.
    ///
    /// # Errors
    /// [`WorldError::Personalising`] when the desk has no key that certifies such cards.
    pub fn cash_groups(
        &self,
        profile: &CashProfile,
        certificate: &Values,
    ) -> Result<Vec<CashGroup>, WorldError> {
        let algorithm = match profile.algorithm {
            Algorithm::Tdes => KeyAlgorithm::Rsa,
            Algorithm::Sm4 => KeyAlgorithm::Sm2,
        };
        let mut custody = self.custody();
        let mut made = || {
            let slot = Slot {
                city: self.city,
                purpose: Purpose::CashIssuer,
                algorithm,
            };
            let keys = custody.list()?;
            let key = keys.iter().find(|key| key.name.slot == slot);
            let key = key.ok_or(PersonalisingError::NoMasters {
                city: self.city,
                version: VERSION,
            })?;
            let mut signer = CashSigner::new(&mut *custody, key.name.label)?;
            let groups = groups_by(profile, certificate, &mut signer);
            signer.signed()?;
            Ok(groups?)
        };
        made().map_err(refused)
    }

    /// A module out of a batch of one: blank, with the lot's transport key, and then made by commands.
    ///
    /// # Errors
    /// [`WorldError::Personalising`] when the desk has no masters that may leave.
    ///
    /// # Panics
    /// When the blank module refuses what every one of ours takes.
    pub fn module(
        &self,
        identity: PsamIdentity,
        number: u32,
        made_at: Timestamp,
        memory: RamMemory,
    ) -> Result<SoftPsam<RamMemory>, WorldError> {
        let order = BatchOrder {
            number,
            city: self.city,
            sender: InstitutionCode::national(),
            made_at,
            scope: Scope::Nation,
            version: VERSION,
            transport: self.chip_data,
            mac2_failures_max: MAC2_FAILURES_MAX,
        };
        let batch = make_batch(&*self.custody(), &order, &[identity]).map_err(refused)?;
        let blank = BlankPsam::manufacture(memory, Algorithm::Sm4, *self.chip[2]);
        let mut blank = blank.expect("an empty memory takes a module");
        for module in &batch.modules {
            for command in tongtu_perso::commands(module).expect("a batch of ours") {
                let bytes = command.encode().expect("short commands only");
                let answer = blank.transmit(&bytes).expect("its memory does not tear");
                assert!(answer.ends_with(&[0x90, 0x00]), "refused: {answer:02X?}");
            }
        }
        Ok(blank.into_module().expect("every command was taken"))
    }
}

/// Takes a transport key in from two letters, into a store; gives what the desk's machine has.
fn carry(
    store: &mut Store,
    city: CityCode,
    label: Label,
    parts: &[Zeroizing<[u8; 16]>; 2],
) -> Result<Zeroizing<[u8; 16]>, CustodyError> {
    let name = KeyName {
        export: Export::Never,
        ..KeyName::test(label, city, Purpose::PersoTransport, KeyAlgorithm::Sm4)
    };
    let kcv = |bytes: &[u8; 16]| BlockKey::new(Algorithm::Sm4, *bytes).kcv();
    let whole = Zeroizing::new(core::array::from_fn(|at| parts[0][at] ^ parts[1][at]));
    let letters = parts.iter();
    let letters = letters.map(|part| Component::new(part.to_vec(), kcv(part)));
    let check = Check::Kcv(kcv(&whole));
    store.custody.import(&name, letters.collect(), check)?;
    Ok(whole)
}

/// Groups as STORE DATA carries them, and whether each block is enciphered for the chip.
fn blocks(groups: &[SealedGroup]) -> Vec<(bool, Vec<u8>)> {
    /// Bytes of data in one command, so that MAC and padding fit too.
    const BLOCK: usize = 200;
    let mut blocks = Vec::new();
    for group in groups {
        let mut data = group.id.to_be_bytes().to_vec();
        match u8::try_from(group.value.len()) {
            Ok(short) if short < 0xFF => data.push(short),
            _ => {
                let len = u16::try_from(group.value.len()).expect("groups are short");
                data.push(0xFF);
                data.extend(len.to_be_bytes());
            }
        }
        data.extend(&group.value);
        let pieces = data.chunks(BLOCK);
        blocks.extend(pieces.map(|piece| (group.is_enciphered, piece.to_vec())));
    }
    blocks
}
