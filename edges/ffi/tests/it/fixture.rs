//! A bus with its lists, cards with money, riders with codes: everything through the C functions.

use std::ffi::{CStr, c_void};
use std::ptr::{null, null_mut};

use tongtu_apdu::CardCommand;
use tongtu_apdu::select::E_CASH;
use tongtu_card::factory::{Blueprint, Module as CardModule, Preinstalled};
use tongtu_card::{Card, Env, Interface, RamMemory};
use tongtu_crypto::{Algorithm, SecretKey, sm3};
use tongtu_ecash::oda::VerifyingKey;
use tongtu_ecash::{perso, test_card};
use tongtu_ffi::api::{
    tt_apply_lists, tt_authority_take, tt_cash_serve, tt_face_usual, tt_last_error, tt_next,
    tt_open, tt_prompt_display, tt_prompt_voice, tt_tap_begin, tt_tap_end, tt_told,
};
use tongtu_ffi::code::TT_OK;
use tongtu_ffi::types::{
    TT_ABI, TT_ASK_CARD, TT_ASK_DONE, TT_DATA_MAX, TT_HEARD, TT_KEY_RSA, TT_KEY_SM2, TT_LANG_EN,
    TT_LIVE, TT_LOST, TT_POST_BUS, TT_PSAM_TEST_FLAT, TtAsk, TtAuthority, TtCapture, TtCash,
    TtFace, TtFaceEnd, TtMatcher, TtMedium, TtPost, TtRecordKeys, TtRules, TtScanEnd, TtSetup,
    TtSigner, TtStatus, TtTapEnd,
};
use tongtu_purse::command::{CreditForLoad, InitLoad};
use tongtu_purse::field::{Amount, City as CardCity, DateTime, Institution, Serial, Terminal};
use tongtu_purse::keys::KeyUse;
use tongtu_purse::profile::Profile;
use tongtu_purse::proof;
use tongtu_ride_code::certificate::apply_for_certificate;
use tongtu_ride_code::{BlackLists, Root, RootTable, UserCertificate, UserTerms};
use tongtu_terminal::face::{
    Consent, EngineId, Enrolled, GALLERY_AGE_MAX_S, GalleryUpdate, Handle, SealKey, UpdateHead,
};
use tongtu_terminal::tap::AuthorityKey;
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
        let mut rider = Self::of(Preinstalled::purse(&profile), profile, number);
        rider.load(fen);
        rider
    }

    /// An e-cash of the conformance profile, with 100.00 yuan on it.
    pub(crate) fn with_cash(algorithm: Algorithm) -> Self {
        let mut dice = 0_u8;
        let mut entropy = |out: &mut [u8]| {
            for byte in out {
                dice = dice.wrapping_mul(77).wrapping_add(31);
                *byte = dice;
            }
        };
        let mut profile = test_card::profile(algorithm);
        // A card of this city.
        let transport = profile.transport.as_mut().unwrap();
        transport.issuer = [0x02, 0x90, 0x58, 0x10, 0xFF, 0xFF, 0xFF, 0xFF];
        let issuer = test_card::issuer(algorithm, &mut entropy);
        let groups = perso::groups(&profile, &issuer, &mut entropy).unwrap();
        let application = Preinstalled {
            module: CardModule::Ecash,
            aid: E_CASH,
            label: b"MOT_T_CASH".to_vec(),
            priority: 1,
            parameters: Vec::new(),
            groups: groups.into_iter().map(Into::into).collect(),
        };
        Self::of(application, Profile::test_with(Algorithm::Tdes), 99)
    }

    fn of(application: Preinstalled, profile: Profile, number: u8) -> Self {
        let blueprint = Blueprint {
            applications: vec![application],
            ..Blueprint::default()
        };
        let mut entropy = |out: &mut [u8]| out.fill(7);
        let memory = RamMemory::new(24 * 1024);
        Self {
            card: Card::manufacture(memory, &blueprint, &mut entropy).unwrap(),
            profile,
            throws: u64::from(number) + 1,
            torn_after: None,
        }
    }

    /// The number on the card, as lists have it.
    pub(crate) fn serial(&self) -> [u8; 10] {
        self.profile.public.serial.0
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

/// The scheme of the test authorities.
pub(crate) const RID: [u8; 5] = [0xA0, 0, 0, 6, 0x32];

/// An authority's key with what the struct for C points to.
pub(crate) struct Authority {
    pub(crate) plain: TtAuthority,
    bytes: [Vec<u8>; 3],
}

impl Authority {
    /// Key, exponent and check value.
    pub(crate) const fn parts(&self) -> &[Vec<u8>; 3] {
        &self.bytes
    }
}

/// The authorities of the test cards: RSA and SM2.
pub(crate) fn authorities() -> Vec<Authority> {
    let of = |authority: tongtu_ecash::oda::Authority| {
        let check = AuthorityKey::check_value(RID, &authority);
        let (kind, key, exponent) = match &authority.key {
            VerifyingKey::Rsa(key) => (TT_KEY_RSA, key.modulus(), key.exponent()),
            VerifyingKey::Sm2(key) => (TT_KEY_SM2, key.to_xy().to_vec(), Vec::new()),
        };
        Authority {
            plain: TtAuthority {
                struct_size: size::<TtAuthority>(),
                kind,
                index: authority.index.into(),
                version: 1,
                key: key.as_ptr(),
                key_len: key.len(),
                exponent: exponent.as_ptr(),
                exponent_len: exponent.len(),
                check: check.as_ptr(),
                check_len: check.len(),
                rid: RID,
                expires: [0x20, 0x35, 0x12, 0x31],
            },
            bytes: [key, exponent, check],
        }
    };
    test_card::authorities().into_iter().map(of).collect()
}

/// How the test cards' e-cashes are taken.
pub(crate) fn cash() -> TtCash {
    TtCash {
        struct_size: size::<TtCash>(),
        limit_fen: 0,
        issuers: c"6217".as_ptr(),
        merchant: null(),
        records: TtRecordKeys {
            user: null_mut(),
            mac: None,
        },
        qualifiers: [0; 4],
        seed: [9; 32],
    }
}

/// Lets a terminal take e-cashes.
pub(crate) fn serve_cash(terminal: u64) {
    for authority in authorities() {
        let code = unsafe { tt_authority_take(terminal, &raw const authority.plain) };
        assert_eq!(code, TT_OK, "{}", words());
    }
    let cash = cash();
    assert_eq!(unsafe { tt_cash_serve(terminal, &raw const cash) }, TT_OK);
}

/// The keys that galleries travel and lie under.
pub(crate) const SEAL_KEY: [u8; 16] = [1; 16];
const OWN_KEY: [u8; 16] = [2; 16];
/// A matcher of the tests' own.
pub(crate) const ENGINE: [u8; 8] = *b"BYTES001";

/// A signed whole gallery with these riders: number, template and when the consent ends.
pub(crate) fn gallery(version: u64, engine: [u8; 8], riders: &[(u8, &[u8], i64)]) -> Vec<u8> {
    gallery_from(0, version, engine, &[], riders)
}

/// A signed update: what it goes on from and leads to, whom it forgets and whom it brings.
pub(crate) fn gallery_from(
    base: u64,
    version: u64,
    engine: [u8; 8],
    forgotten: &[u8],
    riders: &[(u8, &[u8], i64)],
) -> Vec<u8> {
    let riders = riders.iter().map(|(number, template, until)| {
        let consent = Consent {
            terms: 3,
            until: Timestamp::new(*until),
        };
        // Two templates: the second is alike to nobody.
        let other: Vec<u8> = template.iter().map(|byte| !byte).collect();
        Enrolled::with_templates(
            Handle([*number; 16]),
            CardNumber::parse(&format!("3104581000000000{number:03}")).unwrap(),
            institution("01345810"),
            consent,
            [b'0', b'0', b'0', b'0' + number],
            &[template, &other],
        )
        .unwrap()
    });
    let head = UpdateHead {
        acquirer: institution("11345810"),
        terminal: "581000000007".parse().unwrap(),
        base,
        version,
        issued_at: Timestamp::new(T0),
        valid_until: Timestamp::new(T0 + GALLERY_AGE_MAX_S),
        engine: EngineId(engine),
    };
    let forgotten = forgotten.iter().map(|number| Handle([*number; 16]));
    let update = GalleryUpdate::new(head, forgotten.collect(), riders.collect());
    let mut entropy = |out: &mut [u8]| out.fill(8);
    let seal = SealKey::new(&SEAL_KEY);
    update
        .unwrap()
        .signed(&seal, &key("list"), &mut entropy)
        .unwrap()
}

/// How faces are taken, with a matcher.
pub(crate) fn face(matcher: TtMatcher) -> TtFace {
    let mut face = blank_face();
    assert_eq!(unsafe { tt_face_usual(&raw mut face) }, TT_OK);
    (face.matcher, face.seal_key, face.own_key) = (matcher, SEAL_KEY, OWN_KEY);
    face.seed = [5; 32];
    face
}

/// No matcher of one's own.
pub(crate) const fn plain_matcher() -> TtMatcher {
    TtMatcher {
        user: null_mut(),
        id: [0; 8],
        compare: None,
        rank: None,
    }
}

/// What the camera saw: one living face.
pub(crate) fn capture(probe: &[u8]) -> TtCapture {
    TtCapture {
        struct_size: size::<TtCapture>(),
        faces: 1,
        liveness: TT_LIVE,
        quality: 90,
        probe: probe.as_ptr(),
        probe_len: probe.len(),
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
        rules: null(),
        modules: null(),
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
            // SAFETY: numbers, and pointers that may be NULL.
            let mut blank: $type = unsafe { std::mem::zeroed() };
            blank.struct_size = size::<$type>();
            blank
        }
    };
}
blank!(blank_tap_end, TtTapEnd);
blank!(blank_scan_end, TtScanEnd);
blank!(blank_status, TtStatus);
blank!(blank_face, TtFace);
blank!(blank_face_end, TtFaceEnd);
blank!(blank_rules, TtRules);

/// A tap to its end at a terminal with a soft PSAM; the rider is told.
pub(crate) fn tap(terminal: u64, rider: &mut Rider, now: i64) -> TtTapEnd {
    let end = tap_silently(terminal, rider, now);
    if end.seq != 0 {
        assert_eq!(tt_told(terminal, end.seq), TT_OK);
    }
    end
}

/// The same, and nobody tells the rider.
pub(crate) fn tap_silently(terminal: u64, rider: &mut Rider, now: i64) -> TtTapEnd {
    let mut ask = blank_ask();
    let mut code = unsafe { tt_tap_begin(terminal, now, &raw mut ask) };
    while code == TT_OK && ask.kind != TT_ASK_DONE {
        assert_eq!(ask.kind, TT_ASK_CARD);
        let answer = rider.transmit(asked(&ask));
        let heard = if answer.is_some() { TT_HEARD } else { TT_LOST };
        let answer = answer.unwrap_or_default();
        code = unsafe { tt_next(terminal, heard, answer.as_ptr(), answer.len(), &raw mut ask) };
    }
    assert_eq!(code, TT_OK, "{}", words());
    let mut end = blank_tap_end();
    assert_eq!(unsafe { tt_tap_end(terminal, &raw mut end) }, TT_OK);
    end
}
