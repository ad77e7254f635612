//! A bus with its lists, cards with money, riders with codes: everything through the C functions.

use std::ffi::{CStr, c_void};
use std::ptr::{null, null_mut};

use tongtu_apdu::CardCommand;
use tongtu_card::factory::{Blueprint, Preinstalled};
use tongtu_card::{Card, Env, Interface, RamMemory};
use tongtu_crypto::{Algorithm, SecretKey, sm3};
use tongtu_ffi::api::{
    tt_apply_lists, tt_last_error, tt_open, tt_prompt_display, tt_prompt_voice, tt_tap_begin,
    tt_tap_end, tt_tap_next, tt_told,
};
use tongtu_ffi::code::TT_OK;
use tongtu_ffi::types::{
    TT_ABI, TT_ASK_CARD, TT_ASK_DONE, TT_DATA_MAX, TT_HEARD, TT_LANG_EN, TT_LOST, TT_POST_BUS,
    TT_PSAM_TEST_FLAT, TtAsk, TtMedium, TtPost, TtScanEnd, TtSetup, TtSigner, TtStatus, TtTapEnd,
};
use tongtu_purse::command::{CreditForLoad, InitLoad};
use tongtu_purse::field::{Amount, City as CardCity, DateTime, Institution, Serial, Terminal};
use tongtu_purse::keys::KeyUse;
use tongtu_purse::profile::Profile;
use tongtu_purse::proof;
use tongtu_ride_code::certificate::apply_for_certificate;
use tongtu_ride_code::{BlackLists, Root, RootTable, UserCertificate, UserTerms};
use tongtu_terminal::{CardLists, ListBundle};
use tongtu_types::{CardNumber, Fen, InstitutionCode, Timestamp};

/// 2026-01-01T08:00:00Z.
pub(crate) const T0: i64 = 1_767_254_400;

pub(crate) fn key(label: &str) -> SecretKey {
    SecretKey::from_bytes(&secret(label)).unwrap()
}

fn secret(label: &str) -> [u8; 32] {
    sm3::digest(label.as_bytes())
}

/// The bytes of the test key that signs the terminal's records.
pub(crate) fn sam_key() -> [u8; 32] {
    secret("sam")
}

/// The city's list key, as a terminal is told it.
pub(crate) fn list_key() -> [u8; 33] {
    key("list").public().to_compressed()
}

fn institution(code: &str) -> InstitutionCode {
    InstitutionCode::parse(code).unwrap()
}

fn root() -> Root {
    Root::self_sign(2, "1240".parse().unwrap(), &key("root")).unwrap()
}

/// A signed list bundle with Guangzhou's fares and its own issuer.
pub(crate) fn bundle(version: u64) -> Vec<u8> {
    let bundle = ListBundle {
        acquirer: institution("11345810"),
        version,
        issued_at: Timestamp::new(T0),
        roots: RootTable::new([root()]),
        issuers: [institution("01345810")].into(),
        blacklists: BlackLists::default(),
        fare_books: vec![tongtu_fare::GUANGZHOU.to_string()],
        cards: CardLists::default(),
    };
    bundle.sign(&key("list")).unwrap()
}

/// The bytes of a rider's code, made at this time.
pub(crate) fn code(number: u8, at: i64) -> Vec<u8> {
    let issuer_key = key("issuer");
    let application = apply_for_certificate(
        institution("01345810"),
        "1230".parse().unwrap(),
        [0, 0, 1],
        &issuer_key,
    );
    let issuer = root().certify(&application.unwrap(), &key("root")).unwrap();
    let user_key = key(&format!("rider {number}"));
    let terms = UserTerms {
        issuer_data: b"CHN0000000000001".to_vec(),
        account: CardNumber::parse(&format!("3104581000000000{number:03}")).unwrap(),
        card_issuer: [0x01, 0x34, 0x58, 0x10],
        platform: [0; 4],
        account_type: 0,
        limit: Fen::new(2000),
        user_key: user_key.public().clone(),
        expires: Timestamp::new(T0 + 7 * 86_400),
        validity_s: 600,
        extension: Vec::new(),
    };
    let certificate = UserCertificate::issue(&issuer, &terms, &issuer_key).unwrap();
    let code = certificate.ride_code_unchecked(Timestamp::new(at), &user_key);
    code.unwrap().as_bytes().to_vec()
}

/// A card with money on it, in or out of the field.
pub(crate) struct Rider {
    card: Card<RamMemory>,
    profile: Profile,
    throws: u64,
    /// How many answers still come before the card is torn away; `None` for all.
    pub(crate) torn_after: Option<usize>,
}

impl Rider {
    pub(crate) fn with(number: u8, fen: u32) -> Self {
        let mut profile = Profile::test_with(Algorithm::Tdes);
        profile.public.issuer = Institution([0x02, 0x90, 0x58, 0x10, 0xFF, 0xFF, 0xFF, 0xFF]);
        profile.transit.city = CardCity([0x58, 0x10]);
        let Serial(mut serial) = profile.public.serial;
        serial[9] = number;
        profile.public.serial = Serial(serial);
        let blueprint = Blueprint {
            applications: vec![Preinstalled::purse(&profile)],
            ..Blueprint::default()
        };
        let mut entropy = |out: &mut [u8]| out.fill(7);
        let memory = RamMemory::new(24 * 1024);
        let card = Card::manufacture(memory, &blueprint, &mut entropy).unwrap();
        let mut rider = Self {
            card,
            profile,
            throws: u64::from(number) + 1,
            torn_after: None,
        };
        rider.load(fen);
        rider
    }

    /// The card comes into the field: powered up, nothing selected.
    pub(crate) fn present(&mut self) {
        self.card.reset();
        self.torn_after = None;
    }

    /// What the card answers, if it is still there.
    pub(crate) fn transmit(&mut self, apdu: &[u8]) -> Option<Vec<u8>> {
        match &mut self.torn_after {
            Some(0) => return None,
            Some(left) => *left -= 1,
            None => {}
        }
        let throws = &mut self.throws;
        let mut entropy = |out: &mut [u8]| {
            for byte in out {
                *throws = throws
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                *byte = throws.to_be_bytes()[0];
            }
        };
        let mut env = Env {
            entropy: &mut entropy,
            interface: Interface::Contactless,
        };
        Some(self.card.transmit(&mut env, apdu).unwrap())
    }

    fn call<C: CardCommand>(&mut self, command: &C) -> C::Answer {
        let answer = self
            .transmit(&command.to_command().encode().unwrap())
            .unwrap();
        let answer = tongtu_apdu::Response::parse(&answer).unwrap();
        assert!(answer.sw.is_ok(), "{}", answer.sw);
        C::answer(&answer.data).unwrap()
    }

    pub(crate) fn load(&mut self, fen: u32) {
        self.present();
        let aid = self.profile.aid;
        self.call(&tongtu_apdu::select::Select::by_name(aid.as_bytes()));
        let init = InitLoad {
            key: 1,
            amount: Amount::new(fen),
            terminal: Terminal([0x31; 6]),
        };
        let asked = self.call(&init);
        let key = self.profile.transaction_key(KeyUse::Load, 1).unwrap();
        let session = proof::load_session(&key, asked.random, asked.sequence);
        let at = DateTime::of(Timestamp::new(T0 - 86_400));
        let mac2 = init.deal().load_mac2(&session, at);
        self.call(&CreditForLoad { at, mac2 });
    }
}

/// A device of the maker's in memory, with room from the start.
#[derive(Default)]
pub(crate) struct Flash {
    pub(crate) bytes: Vec<u8>,
    /// What every hook that writes returns.
    pub(crate) fails: i32,
}

impl Flash {
    pub(crate) fn with_room(room: usize) -> Box<Self> {
        Box::new(Self {
            bytes: Vec::with_capacity(room),
            fails: 0,
        })
    }

    /// Its hooks; good as long as it lives.
    pub(crate) fn medium(self: &mut Box<Self>) -> TtMedium {
        TtMedium {
            struct_size: size::<TtMedium>(),
            user: (&raw mut **self).cast(),
            size: Some(flash_size),
            read: Some(flash_read),
            append: Some(flash_append),
            sync: Some(flash_sync),
            truncate: Some(flash_truncate),
            replace: Some(flash_replace),
        }
    }
}

unsafe extern "C" fn flash_size(user: *mut c_void, size: *mut u64) -> i32 {
    let flash = unsafe { &*user.cast::<Flash>() };
    unsafe { *size = u64::try_from(flash.bytes.len()).unwrap() };
    0
}

unsafe extern "C" fn flash_read(user: *mut c_void, at: u64, out: *mut u8, len: usize) -> i32 {
    let flash = unsafe { &*user.cast::<Flash>() };
    let at = usize::try_from(at).unwrap();
    let out = unsafe { std::slice::from_raw_parts_mut(out, len) };
    out.copy_from_slice(&flash.bytes[at..at + len]);
    0
}

unsafe extern "C" fn flash_append(user: *mut c_void, bytes: *const u8, len: usize) -> i32 {
    let flash = unsafe { &mut *user.cast::<Flash>() };
    if flash.fails == 0 {
        let bytes = unsafe { std::slice::from_raw_parts(bytes, len) };
        flash.bytes.extend_from_slice(bytes);
    }
    flash.fails
}

unsafe extern "C" fn flash_sync(user: *mut c_void) -> i32 {
    unsafe { &*user.cast::<Flash>() }.fails
}

unsafe extern "C" fn flash_truncate(user: *mut c_void, size: u64) -> i32 {
    let flash = unsafe { &mut *user.cast::<Flash>() };
    flash.bytes.truncate(usize::try_from(size).unwrap());
    0
}

unsafe extern "C" fn flash_replace(user: *mut c_void, bytes: *const u8, len: usize) -> i32 {
    let flash = unsafe { &mut *user.cast::<Flash>() };
    if flash.fails == 0 {
        let bytes = unsafe { std::slice::from_raw_parts(bytes, len) };
        flash.bytes.clear();
        flash.bytes.extend_from_slice(bytes);
    }
    flash.fails
}

pub(crate) fn size<T>() -> u32 {
    u32::try_from(size_of::<T>()).unwrap()
}

/// The setup of a bus, without a journal; `test_key` lives as long as the setup is used.
pub(crate) fn setup(test_key: &[u8; 32]) -> TtSetup {
    TtSetup {
        struct_size: size::<TtSetup>(),
        abi: TT_ABI,
        acquirer: c"11345810".as_ptr(),
        terminal: c"581000000007".as_ptr(),
        model: c"TT-BUS01".as_ptr(),
        terminal_id: c"GZ000007".as_ptr(),
        software: c"0.1_260101".as_ptr(),
        serial: [0, 0, 0, 7],
        list_key: list_key(),
        acceptor: [0x12, 0x90, 0x58, 0x10, 0xFF, 0xFF, 0xFF, 0xFF],
        city: [0x58, 0x10],
        operator_code: [0x30, 0x00],
        post: TtPost {
            kind: TT_POST_BUS,
            line: c"B00001".as_ptr(),
            station: null(),
            vehicle: c"A1234".as_ptr(),
            card_line: [0, 1],
            card_stop: 0,
            direction: 0,
            card_place: [0; 8],
            card_vehicle: *b"GD-00017",
        },
        psam: TT_PSAM_TEST_FLAT,
        psam_first_sequence: 1,
        signer: TtSigner {
            user: null_mut(),
            sign: None,
        },
        test_key: test_key.as_ptr(),
        journal: null(),
        medium: null(),
        records_max: 0,
        bytes_max: 0,
        dead_bytes_max: 0,
    }
}

/// Opens a terminal on a device, with lists of version 1.
pub(crate) fn open(flash: &mut Box<Flash>, change: impl FnOnce(&mut TtSetup)) -> u64 {
    let terminal = try_open(flash, change).unwrap_or_else(|code| panic!("{code}: {}", words()));
    let lists = bundle(1);
    let code = unsafe { tt_apply_lists(terminal, T0, lists.as_ptr(), lists.len()) };
    assert_eq!(code, TT_OK, "{}", words());
    terminal
}

pub(crate) fn try_open(
    flash: &mut Box<Flash>,
    change: impl FnOnce(&mut TtSetup),
) -> Result<u64, i32> {
    let (key, medium) = (sam_key(), flash.medium());
    let mut setup = setup(&key);
    setup.medium = &raw const medium;
    change(&mut setup);
    let mut terminal = 0;
    match unsafe { tt_open(&raw const setup, &raw mut terminal) } {
        TT_OK => Ok(terminal),
        code => Err(code),
    }
}

/// The last fault of this thread, in English.
pub(crate) fn words() -> String {
    text(|buffer, room, len| unsafe { tt_last_error(TT_LANG_EN, buffer.cast(), room, len) })
}

/// A text that a function writes.
pub(crate) fn text(write: impl FnOnce(*mut u8, usize, *mut usize) -> i32) -> String {
    let (mut buffer, mut len) = ([0; 1024], 0);
    let code = write(buffer.as_mut_ptr(), buffer.len(), &raw mut len);
    assert_eq!(code, TT_OK, "{code}");
    let text = CStr::from_bytes_until_nul(&buffer)
        .unwrap()
        .to_str()
        .unwrap();
    assert_eq!(text.len(), len);
    text.to_owned()
}

pub(crate) fn voice(terminal: u64, lang: u32) -> String {
    text(|buffer, room, len| unsafe { tt_prompt_voice(terminal, lang, buffer.cast(), room, len) })
}

pub(crate) fn display(terminal: u64, lang: u32) -> String {
    text(|buffer, room, len| unsafe { tt_prompt_display(terminal, lang, buffer.cast(), room, len) })
}

pub(crate) fn blank_ask() -> TtAsk {
    TtAsk {
        struct_size: size::<TtAsk>(),
        kind: 0,
        len: 0,
        data: [0; TT_DATA_MAX],
    }
}

pub(crate) fn asked(ask: &TtAsk) -> &[u8] {
    &ask.data[..usize::try_from(ask.len).unwrap()]
}

/// A struct that only a library of this size fills.
macro_rules! blank {
    ($name:ident, $type:ty) => {
        pub(crate) fn $name() -> $type {
            // SAFETY: numbers only.
            let mut blank: $type = unsafe { std::mem::zeroed() };
            blank.struct_size = size::<$type>();
            blank
        }
    };
}
blank!(blank_tap_end, TtTapEnd);
blank!(blank_scan_end, TtScanEnd);
blank!(blank_status, TtStatus);

/// A tap to its end at a terminal with a soft PSAM; the rider is told.
pub(crate) fn tap(terminal: u64, rider: &mut Rider, now: i64) -> TtTapEnd {
    let mut ask = blank_ask();
    let mut code = unsafe { tt_tap_begin(terminal, now, &raw mut ask) };
    while code == TT_OK && ask.kind != TT_ASK_DONE {
        assert_eq!(ask.kind, TT_ASK_CARD);
        let answer = rider.transmit(asked(&ask));
        let heard = if answer.is_some() { TT_HEARD } else { TT_LOST };
        let answer = answer.unwrap_or_default();
        code = unsafe { tt_tap_next(terminal, heard, answer.as_ptr(), answer.len(), &raw mut ask) };
    }
    assert_eq!(code, TT_OK, "{}", words());
    let mut end = blank_tap_end();
    assert_eq!(unsafe { tt_tap_end(terminal, &raw mut end) }, TT_OK);
    if end.seq != 0 {
        assert_eq!(tt_told(terminal, end.seq), TT_OK);
    }
    end
}
