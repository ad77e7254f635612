//! An e-cash out of a custody: its keys below the issuer's masters, its own key that signs, and the
//! issuer's certificate for that.

use tongtu_crypto::{Algorithm, Signature};
use tongtu_ecash::Values;
use tongtu_ecash::cryptogram::{card_factor, file_factor};
use tongtu_ecash::oda::paper::IssuerApplication;
use tongtu_ecash::oda::{Certifier, NumberHead, VerifyingKey};
use tongtu_ecash::perso::{Profile, dgi, groups_without_keys};
use tongtu_hsm::{
    CardPair, CardSession, Custody, CustodyError, Export, Fill, KeyInfo, KeyName, KeyPath, Label,
    Mark, PairPart, PublicPart, SealedKeys, SignScheme, Signed,
};
use tongtu_keyring::Slot;
use tongtu_keyring::code::{KeyAlgorithm, Purpose};
use tongtu_types::{CityCode, InstitutionCode, MonthYear};

use super::card::{SealedGroup, cash_label};
use super::error::PersonalisingError;
use super::master::{CardIssuer, once};

/// Bits of an issuer's RSA key: its certificate must fit under an authority's of 1408.
const ISSUER_RSA_BITS: u16 = 1280;

/// What an issuer's key that certifies its e-cash cards is called: region, kind, algorithm, version.
///
/// # Panics
/// Never: the longest has 17 characters.
#[must_use]
pub fn cash_issuer_label(city: CityCode, algorithm: Algorithm, version: u8) -> Label {
    let word = match algorithm {
        Algorithm::Tdes => "RSA",
        Algorithm::Sm4 => "SM2",
    };
    Label::parse(&format!("{city}-ISSUER-{word}-V{version}"))
        .expect("four digits, short words and a small number")
}

/// Makes an issuer's key that certifies its e-cash cards, unless it is there. It stays for good; its
/// public half goes to the authority.
///
/// # Errors
/// [`PersonalisingError`].
pub fn make_cash_issuer(
    custody: &mut dyn Custody,
    city: CityCode,
    algorithm: Algorithm,
    version: u8,
    mark: Mark,
) -> Result<KeyInfo, PersonalisingError> {
    let (key_algorithm, bits) = match algorithm {
        Algorithm::Tdes => (KeyAlgorithm::Rsa, ISSUER_RSA_BITS),
        Algorithm::Sm4 => (KeyAlgorithm::Sm2, 256),
    };
    let name = KeyName {
        label: cash_issuer_label(city, algorithm, version),
        slot: Slot {
            city,
            purpose: Purpose::CashIssuer,
            algorithm: key_algorithm,
        },
        bits,
        index: 1,
        version,
        mark,
        export: Export::Never,
    };
    once(custody, &name, |custody| custody.generate(&name).map(drop))
}

/// The public half of an issuer's key, as authorities certify it.
///
/// # Errors
/// [`PersonalisingError`] when there is no such key.
pub fn cash_issuer_key(
    custody: &dyn Custody,
    label: Label,
) -> Result<VerifyingKey, PersonalisingError> {
    Ok(verifying(custody.public(label)?))
}

/// The application for a certificate of an issuer's key: its keeper proves that it has the key.
///
/// # Errors
/// [`CustodyError`] when there is no such key, or it does not sign.
pub fn cash_application(
    custody: &mut dyn Custody,
    label: Label,
    (is_test, issuer): (bool, InstitutionCode),
    wanted: (NumberHead, MonthYear),
) -> Result<IssuerApplication, CustodyError> {
    let key = verifying(custody.public(label)?);
    let scheme = match &key {
        VerifyingKey::Rsa(_) => SignScheme::RsaPss,
        VerifyingKey::Sm2(_) => SignScheme::Sm2,
    };
    IssuerApplication::made_by((is_test, issuer), wanted, key, |body| {
        Ok(match custody.sign(label, scheme, body)? {
            Signed::Rsa(proof) => proof,
            Signed::Sm2(proof) => proof.0.to_vec(),
        })
    })
}

/// With what an e-cash is made: whose, and the issuer's key with its certificate.
#[derive(Debug, Clone, Copy)]
pub struct CashOrder<'a> {
    /// The issuer.
    pub issuer: CardIssuer,
    /// Version of the masters.
    pub version: u8,
    /// The issuer's key.
    pub signer: Label,
    /// Its certificate: elements 8F, 90 and for RSA 92, 9F32.
    pub certificate: &'a Values,
}

/// The groups of an e-cash, every secret enciphered for the card at the other end of a channel. Its
/// three keys are those that the issuer's masters give this card; its own key that signs is made
/// here, and the issuer's key in custody certifies it. Opening keys of extension files come of the
/// issuer's master for them, by card and file. The keys of the profile are left out.
///
/// # Errors
/// [`PersonalisingError`]: no masters here, no key of the issuer, or a profile that does not fit.
pub fn seal_cash(
    custody: &mut dyn Custody,
    profile: &Profile,
    order: &CashOrder<'_>,
    session: &CardSession,
) -> Result<Vec<SealedGroup>, PersonalisingError> {
    let algorithm = profile.algorithm;
    let factors = [card_factor(&profile.number, profile.sequence)];
    let label = |purpose| cash_label(&order.issuer, purpose, algorithm, order.version);
    let path = |purpose| KeyPath {
        label: label(purpose),
        factors: &factors,
    };
    let paths = [
        path(Purpose::CashCryptogram),
        path(Purpose::CashMac),
        path(Purpose::CashCipher),
    ];
    let keys = custody.seal_for(&paths, Fill::Padded, session)?;
    let (id, checks) = match algorithm {
        Algorithm::Tdes => (dgi::KEYS_TDES, dgi::CHECKS_TDES),
        Algorithm::Sm4 => (dgi::KEYS_SM4, dgi::CHECKS_SM4),
    };
    let sealed = |id, value| SealedGroup {
        id,
        value,
        is_enciphered: true,
    };
    let mut out = vec![
        sealed(id, keys.bytes),
        SealedGroup {
            id: checks,
            value: keys.checks.concat(),
            is_enciphered: false,
        },
    ];
    let own = match algorithm {
        Algorithm::Tdes => KeyAlgorithm::Rsa,
        Algorithm::Sm4 => KeyAlgorithm::Sm2,
    };
    let CardPair { public, parts } = custody.make_pair(own, session)?;
    for (part, value) in parts {
        let id = match part {
            PairPart::RsaP => dgi::RSA_P,
            PairPart::RsaQ => dgi::RSA_Q,
            PairPart::Sm2 => dgi::SM2_KEY,
        };
        out.push(sealed(id, value));
    }
    let public = verifying(public);
    let mut signer = CashSigner::new(custody, order.signer)?;
    let open = groups_without_keys(profile, order.certificate, &public, &mut signer);
    signer.signed()?;
    for group in open? {
        // Groups of 8xxx hold a PIN or keys.
        let is_secret = (0x8000..0x9000).contains(&group.id);
        out.push(SealedGroup {
            id: group.id,
            value: match is_secret {
                true => session.encipher(&group.value),
                false => group.value.to_vec(),
            },
            is_enciphered: is_secret,
        });
        if group.id == dgi::FILES {
            // Behind the table, which says how many there are; before records, which need them.
            let master = label(Purpose::CashFile);
            let keys = seal_files(custody, profile, (master, factors[0]), session)?;
            out.push(sealed(dgi::FILE_KEYS, keys.bytes));
            out.push(SealedGroup {
                id: dgi::FILE_CHECKS,
                value: keys.checks.concat(),
                is_enciphered: false,
            });
        }
    }
    Ok(out)
}

/// The opening keys of a card's extension files, in the order of their table.
fn seal_files(
    custody: &dyn Custody,
    profile: &Profile,
    (master, card): (Label, [u8; 8]),
    session: &CardSession,
) -> Result<SealedKeys, CustodyError> {
    let files = profile.files.iter();
    let factors: Vec<_> = files
        .map(|file| [card, file_factor(file.entry.sfi)])
        .collect();
    let paths = factors.iter().map(|factors| KeyPath {
        label: master,
        factors,
    });
    custody.seal_for(&paths.collect::<Vec<_>>(), Fill::Padded, session)
}

pub(crate) fn verifying(public: PublicPart) -> VerifyingKey {
    match public {
        PublicPart::Rsa(key) => VerifyingKey::Rsa(key),
        PublicPart::Sm2(key) => VerifyingKey::Sm2(key),
    }
}

/// A key in custody that certifies cards or issuers, and why it did not sign.
pub struct CashSigner<'a> {
    custody: &'a mut dyn Custody,
    label: Label,
    public: VerifyingKey,
    refused: Option<CustodyError>,
}

impl std::fmt::Debug for CashSigner<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CashSigner({})", self.label)
    }
}

impl<'a> CashSigner<'a> {
    /// Takes a key in custody.
    ///
    /// # Errors
    /// [`CustodyError`] when there is none of this label that signs.
    pub fn new(custody: &'a mut dyn Custody, label: Label) -> Result<Self, CustodyError> {
        Ok(Self {
            public: verifying(custody.public(label)?),
            custody,
            label,
            refused: None,
        })
    }

    /// Whether everything was signed that was asked for.
    ///
    /// # Errors
    /// [`CustodyError`], why not.
    pub fn signed(self) -> Result<(), CustodyError> {
        self.refused.map_or(Ok(()), Err)
    }

    fn sign(&mut self, scheme: SignScheme, message: &[u8]) -> Option<Signed> {
        let signed = self.custody.sign(self.label, scheme, message);
        signed.map_err(|error| self.refused = Some(error)).ok()
    }
}

impl Certifier for CashSigner<'_> {
    fn public(&self) -> VerifyingKey {
        self.public.clone()
    }

    fn rsa(&mut self, message: &[u8]) -> Option<Vec<u8>> {
        match self.sign(SignScheme::RsaRaw, message)? {
            Signed::Rsa(signed) => Some(signed),
            Signed::Sm2(_) => None,
        }
    }

    fn sm2(&mut self, message: &[u8]) -> Option<Signature> {
        match self.sign(SignScheme::Sm2, message)? {
            Signed::Sm2(signed) => Some(signed),
            Signed::Rsa(_) => None,
        }
    }
}
