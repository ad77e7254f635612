//! An officer's key file: one SM2 key, sealed by a passphrase; and the request to be registered.
//!
//! The request is text that its key signed: whoever hands it in has the key.

use std::path::Path;

use tongtu_codec::{hex_decode, hex_encode};
use tongtu_crypto::{PublicKey, Signature, Signer as _};
use tongtu_hsm::{
    Custody as _, CustodyError, CustodySigner, Export, KeyHead, KeyName, Label, Mark, Protection,
    SealedCustody, StoreHead, VaultState,
};
use tongtu_keyring::code::{KeyAlgorithm, Purpose, Role};
use tongtu_keyring::{Officer, OfficerNumber, Slot};
use tongtu_services::keyroom::{Approval, HoldingApproval};
use tongtu_types::InstitutionCode;

use super::{Room, entropy, passphrase};
use crate::exit::Failure;
use crate::input;
use crate::lang::both;

const LABEL: &str = "OFFICER";
const TITLE: &str = "Tongtu officer request 1";

/// An officer's key, open.
pub(crate) struct Credential {
    custody: SealedCustody,
}

/// Why a key file stays closed.
pub(crate) enum Closed {
    /// The passphrase is another.
    Passphrase(Failure),
    /// Everything else.
    Other(Failure),
}

fn label() -> Label {
    Label::parse(LABEL).expect("capitals only")
}

fn no_key(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    let name = path.display();
    Failure::usage(both(
        format!("`{name}` is no officer's key file"),
        format!("`{name}` 不是人员密钥文件"),
    ))
    .because(error)
    .hint(both(
        "`tongtu key officer new` makes one",
        "用 `tongtu key officer new` 生成",
    ))
}

impl Credential {
    /// Makes an officer's key file.
    pub(crate) fn make(
        path: &Path,
        mark: Mark,
        protection: &Protection,
        institution: InstitutionCode,
    ) -> Result<Self, Failure> {
        let failed = |error: CustodyError| match error {
            CustodyError::StoreExists { .. } => super::is_there(path),
            error => Failure::usage(both("the officer's key cannot be made", "无法生成人员密钥"))
                .because(error),
        };
        let custody = SealedCustody::make(path, mark, protection, entropy());
        let mut custody = custody.map_err(failed)?;
        let name = KeyName {
            label: label(),
            slot: Slot {
                city: institution.city(),
                purpose: Purpose::Approval,
                algorithm: KeyAlgorithm::Sm2,
            },
            bits: 256,
            index: 1,
            version: 1,
            mark,
            export: Export::Never,
        };
        custody.generate(&name).map_err(failed)?;
        Ok(Self { custody })
    }

    /// Opens one with its passphrase, to sign for something of this mark: whoever is asked for it
    /// sees what will be signed. A test key signs for nothing that is for production.
    pub(crate) fn open(
        path: &Path,
        passphrase: Option<&Path>,
        (act, wanted): (Option<&str>, Mark),
    ) -> Result<Self, Closed> {
        let (_, mark) = VaultState::of(path).map_err(|e| Closed::Other(no_key(path, &e)))?;
        let name = path.display();
        if wanted == Mark::Production && mark == Mark::Test {
            return Err(Closed::Other(Failure::refused(both(
                format!("`{name}` is an officer's test key, and this is for production"),
                format!("`{name}` 是人员的测试密钥，不能用于生产"),
            ))));
        }
        let asked = match act {
            Some(act) => both(
                format!("passphrase of {name}, to sign `{act}`"),
                format!("{name} 的口令，以签名 `{act}`"),
            ),
            None => both(format!("passphrase of {name}"), format!("{name} 的口令")),
        };
        let words = passphrase::read(passphrase, &asked).map_err(Closed::Other)?;
        let wrong = || {
            Closed::Passphrase(Failure::refused(both(
                format!("`{name}` does not open with this passphrase"),
                format!("口令不正确，`{name}` 无法打开"),
            )))
        };
        // One that is too short is a wrong one too.
        let protection = passphrase::protection(words, mark).map_err(|_| wrong())?;
        match SealedCustody::open(path, mark, &protection, entropy()) {
            Ok(custody) => Ok(Self { custody }),
            Err(CustodyError::Protection { .. }) => Err(wrong()),
            Err(error) => Err(Closed::Other(no_key(path, &error))),
        }
    }

    /// The public key.
    pub(crate) fn public(&mut self) -> Result<PublicKey, Failure> {
        let signer = CustodySigner::new(&mut self.custody, label());
        Ok(signer.map_err(|error| unsigned(&error))?.public())
    }

    /// Adds the officer's signature to an approval.
    pub(crate) fn sign(
        &mut self,
        approval: &mut Approval,
        officer: Officer,
    ) -> Result<(), Failure> {
        let signer = CustodySigner::new(&mut self.custody, label());
        let mut signer = signer.map_err(|error| unsigned(&error))?;
        let signed = approval.sign(officer, &mut signer);
        signed.map_err(|error| unsigned(&error))
    }

    /// Adds the custodian's signature to an approval of a holder's custody.
    pub(crate) fn sign_for_custody(
        &mut self,
        approval: &mut HoldingApproval,
        officer: Officer,
    ) -> Result<(), Failure> {
        let signer = CustodySigner::new(&mut self.custody, label());
        let mut signer = signer.map_err(|error| unsigned(&error))?;
        let signed = approval.sign(officer, &mut signer);
        signed.map_err(|error| unsigned(&error))
    }

    /// A request to be registered, signed by this key.
    pub(crate) fn request(&mut self, officer: Officer) -> Result<String, Failure> {
        let public = self.public()?;
        let body = request_body(&officer, &public);
        let signer = CustodySigner::new(&mut self.custody, label());
        let mut signer = signer.map_err(|error| unsigned(&error))?;
        let signature = signer.sign_checked(body.as_bytes());
        let signature = signature.map_err(|error| unsigned(&error))?;
        let proof = hex_encode(&signature.0).to_ascii_lowercase();
        Ok(format!("{body}proof {proof}\n"))
    }
}

fn unsigned(error: &dyn std::fmt::Display) -> Failure {
    Failure::fault(both("the officer's key does not sign", "人员密钥无法签名")).because(error)
}

fn request_body(officer: &Officer, public: &PublicKey) -> String {
    let key = hex_encode(&public.to_compressed()).to_ascii_lowercase();
    let (number, role) = (officer.number, officer.role.byte());
    let institution = officer.institution;
    format!("{TITLE}\nofficer {number} {role:02x} {institution}\nkey {key}\n")
}

/// A request to be registered whose proof holds.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) officer: Officer,
    pub(crate) public_key: [u8; 33],
}

/// Reads a request and verifies its proof.
pub(crate) fn read_request(path: &Path) -> Result<Request, Failure> {
    let text = input::read_text(path)?;
    parse_request(&text).ok_or_else(|| {
        let name = path.display();
        Failure::usage(both(
            format!("`{name}` is no request of an officer, or its key did not sign it"),
            format!("`{name}` 不是人员登记申请，或未由其密钥签名"),
        ))
        .hint(both(
            "`tongtu key officer new` makes one",
            "用 `tongtu key officer new` 生成",
        ))
    })
}

fn parse_request(text: &str) -> Option<Request> {
    let mut lines = text.lines();
    if lines.next() != Some(TITLE) {
        return None;
    }
    let officer: Vec<&str> = lines.next()?.strip_prefix("officer ")?.split(' ').collect();
    let [number, role, institution] = officer[..] else {
        return None;
    };
    let officer = Officer {
        number: OfficerNumber::parse(number).ok()?,
        role: Role::of(u8::from_str_radix(role, 16).ok()?)?,
        institution: InstitutionCode::parse(institution).ok()?,
    };
    let key = hex_decode(lines.next()?.strip_prefix("key ")?).ok()?;
    let public_key: [u8; 33] = key.try_into().ok()?;
    let public = PublicKey::from_compressed(&public_key).ok()?;
    let proof = hex_decode(lines.next()?.strip_prefix("proof ")?).ok()?;
    let proof = Signature(proof.try_into().ok()?);
    let body = request_body(&officer, &public);
    public.verify(body.as_bytes(), &proof).ok()?;
    Some(Request {
        officer,
        public_key,
    })
}

/// Whose key file this is, by its public key, which is not sealed.
pub(crate) fn officer_of(room: &Room, path: &Path) -> Result<Officer, Failure> {
    let public = public_of(path)?;
    let mut members = room.officers().members();
    let member = members.find(|member| member.credential().public_key == public);
    member
        .map(|member| member.credential().officer)
        .ok_or_else(|| {
            let name = path.display();
            Failure::refused(both(
                format!("`{name}` is the key of no officer in this key room's register"),
                format!("`{name}` 不是本密钥室登记人员的密钥"),
            ))
        })
}

/// The public half in a key file. Not believed: a signature says later that it is.
pub(crate) fn public_of(path: &Path) -> Result<[u8; 33], Failure> {
    VaultState::of(path).map_err(|error| no_key(path, &error))?;
    let bytes = input::read_file(path)?;
    let at = StoreHead::LEN;
    let head = bytes.get(at..at + KeyHead::LEN);
    let head = head.and_then(|head| KeyHead::decode(head).ok());
    let from = at + KeyHead::LEN + 16;
    let public = bytes
        .get(from..from + 33)
        .and_then(|key| key.try_into().ok());
    match (head, public) {
        (Some(head), Some(public)) if head.label == label() && head.public_len == 33 => Ok(public),
        _ => Err(no_key(path, &"no key of an officer is in it")),
    }
}
