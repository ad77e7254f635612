//! The register as a value, its file, and what one version may make of the one before.

use alloc::collections::BTreeMap;
use alloc::string::ToString as _;
use alloc::vec::Vec;

use tongtu_codec::Reader;
use tongtu_crypto::{PublicKey, Signature, Signer, sm3};
use tongtu_types::{InstitutionCode, Timestamp};

use crate::row::{CHECK_LEN, FORMAT, MAGIC};
use crate::{
    Damage, Fingerprint, InstitutionRow, LinkRow, Name, RegisterError, RegisterHead, Roles,
    Standing,
};

const SIGNATURE_LEN: usize = 64;

/// An institution of the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Institution {
    /// Its code; role digit 0 where it issues or acquires.
    pub code: InstitutionCode,
    /// What it does.
    pub roles: Roles,
    /// Where it stands.
    pub standing: Standing,
    /// Since when it stands so.
    pub since: Timestamp,
    /// Who took over what it did.
    pub successor: Option<InstitutionCode>,
    /// Chinese name.
    pub name_zh: Name,
    /// English name.
    pub name_en: Name,
}

/// A certificate that an institution's nodes show on their links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Whose it is.
    pub institution: InstitutionCode,
    /// SHA-256 of its DER.
    pub fingerprint: Fingerprint,
    /// First moment of its term.
    pub from: Timestamp,
    /// First moment after its term.
    pub until: Timestamp,
}

/// One version of the register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Register {
    version: u64,
    published_at: Timestamp,
    institutions: BTreeMap<InstitutionCode, Institution>,
    links: BTreeMap<Fingerprint, Link>,
}

impl Register {
    /// A register of these institutions and links, in any order.
    ///
    /// # Errors
    /// [`RegisterError`] naming what is there twice, or is nobody's.
    pub fn new(
        version: u64,
        published_at: Timestamp,
        institutions: impl IntoIterator<Item = Institution>,
        links: impl IntoIterator<Item = Link>,
    ) -> Result<Self, RegisterError> {
        if version == 0 {
            return Err(RegisterError::Version);
        }
        let mut register = Self {
            version,
            published_at,
            institutions: BTreeMap::new(),
            links: BTreeMap::new(),
        };
        for institution in institutions {
            let code = institution.code;
            if code.home() != code {
                return Err(RegisterError::RoleDigit(code));
            }
            if register.institutions.insert(code, institution).is_some() {
                return Err(order("institution", &code));
            }
        }
        for institution in register.institutions.values() {
            let successor = institution.successor;
            let stranger = |code: &InstitutionCode| {
                *code == institution.code || !register.institutions.contains_key(code)
            };
            if successor.as_ref().is_some_and(stranger) {
                return Err(RegisterError::Successor(institution.code));
            }
        }
        for link in links {
            let (institution, fingerprint) = (link.institution, link.fingerprint);
            if !register.institutions.contains_key(&institution) {
                return Err(RegisterError::Nobodys {
                    institution,
                    fingerprint,
                });
            }
            if link.from >= link.until {
                return Err(RegisterError::Term { fingerprint });
            }
            if register.links.insert(fingerprint, link).is_some() {
                return Err(order("link certificate", &fingerprint));
            }
        }
        let rows = [
            ("institutions", register.institutions.len()),
            ("link certificates", register.links.len()),
        ];
        match rows.into_iter().find(|(_, n)| *n > usize::from(u16::MAX)) {
            Some((what, found)) => Err(RegisterError::TooMany { what, found }),
            None => Ok(register),
        }
    }

    /// Checks the signature by one of the trusted keys, then reads the file.
    ///
    /// # Errors
    /// [`RegisterError`]; until a signature holds, nothing but magic and length was looked at.
    pub fn open(bytes: &[u8], trusted: &[PublicKey]) -> Result<Self, RegisterError> {
        if !bytes.starts_with(&MAGIC) {
            return Err(RegisterError::Magic);
        }
        let least = RegisterHead::LEN + SIGNATURE_LEN;
        let found = bytes.len();
        let Some((signed, signature)) = bytes
            .split_last_chunk::<SIGNATURE_LEN>()
            .filter(|_| found >= least)
        else {
            return Err(RegisterError::Length {
                found,
                expected: least,
            });
        };
        let signature = Signature(*signature);
        let held = |key: &PublicKey| key.verify(signed, &signature).is_ok();
        if !trusted.iter().any(held) {
            let damage = damage(signed);
            return Err(RegisterError::Signature { damage });
        }
        Self::read(signed)
    }

    fn read(signed: &[u8]) -> Result<Self, RegisterError> {
        let mut reader = Reader::new("register", signed);
        let head = RegisterHead::decode(reader.take("head", RegisterHead::LEN)?)?;
        if head.format != FORMAT {
            return Err(RegisterError::Format {
                found: head.format,
                expected: FORMAT,
            });
        }
        let institutions_len = usize::from(head.institutions) * InstitutionRow::LEN;
        let links_len = usize::from(head.links) * LinkRow::LEN;
        let expected = RegisterHead::LEN + institutions_len + links_len;
        if signed.len() != expected {
            return Err(RegisterError::Length {
                found: signed.len() + SIGNATURE_LEN,
                expected: expected + SIGNATURE_LEN,
            });
        }
        let institutions = reader.take("institutions", institutions_len)?;
        let institutions = institutions
            .chunks_exact(InstitutionRow::LEN)
            .map(|row| InstitutionRow::decode(row).map(Institution::of))
            .collect::<Result<Vec<_>, _>>()?;
        let links = reader.take("links", links_len)?;
        let links = links
            .chunks_exact(LinkRow::LEN)
            .map(|row| LinkRow::decode(row).map(Link::of))
            .collect::<Result<Vec<_>, _>>()?;
        reader.finish()?;
        // One register has one file.
        if let Some(pair) = institutions.windows(2).find(|p| p[0].code >= p[1].code) {
            return Err(order("institution", &pair[1].code));
        }
        if let Some(pair) = links.windows(2).find(|p| p[0].place() >= p[1].place()) {
            return Err(order("link certificate", &pair[1].fingerprint));
        }
        Self::new(head.version, head.published_at, institutions, links)
    }

    /// The file, signed.
    ///
    /// # Errors
    /// [`RegisterError::Signer`] when nobody signs.
    pub fn sign(&self, signer: &mut dyn Signer) -> Result<Vec<u8>, RegisterError> {
        let mut bytes = self.signed_bytes()?;
        let signature = signer.sign_checked(&bytes)?;
        bytes.extend(signature.0);
        Ok(bytes)
    }

    /// What is signed: all of the file but the signature at its end.
    ///
    /// # Errors
    /// Never for what [`Register::new`] admits; the error of the codec is kept.
    pub fn signed_bytes(&self) -> Result<Vec<u8>, RegisterError> {
        let counted = "`new` admits no more rows than that";
        let head = RegisterHead {
            magic: MAGIC,
            format: FORMAT,
            version: self.version,
            published_at: self.published_at,
            institutions: u16::try_from(self.institutions.len()).expect(counted),
            links: u16::try_from(self.links.len()).expect(counted),
            check: [0; CHECK_LEN],
        };
        let mut bytes = checked(head.encode()?);
        for institution in self.institutions.values() {
            bytes.extend(checked(institution.row().encode()?));
        }
        let mut links: Vec<_> = self.links.values().collect();
        links.sort_by_key(|link| link.place());
        for link in links {
            bytes.extend(checked(link.row().encode()?));
        }
        Ok(bytes)
    }

    /// Its version.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// When it was published.
    #[must_use]
    pub const fn published_at(&self) -> Timestamp {
        self.published_at
    }

    /// Every institution, by code.
    pub fn institutions(&self) -> impl Iterator<Item = &Institution> {
        self.institutions.values()
    }

    /// An institution, whatever its standing.
    #[must_use]
    pub fn institution(&self, code: InstitutionCode) -> Option<&Institution> {
        self.institutions.get(&code)
    }

    /// Every link certificate.
    pub fn links(&self) -> impl Iterator<Item = &Link> {
        self.links.values()
    }

    /// A link certificate, in force or not.
    #[must_use]
    pub fn link(&self, fingerprint: Fingerprint) -> Option<&Link> {
        self.links.get(&fingerprint)
    }

    /// Whether this may take the place of `held`: the same register again, or a later version.
    ///
    /// # Errors
    /// [`RegisterError::NotNewer`], also for another register of the same version.
    pub fn check_newer(&self, held: &Self) -> Result<(), RegisterError> {
        if self == held || self.version > held.version {
            return Ok(());
        }
        Err(RegisterError::NotNewer {
            held: held.version,
            offered: self.version,
        })
    }

    /// Whether the nation may publish this after `before`: nobody vanishes, nobody who left comes
    /// back, no certificate changes hands, and version and date go on.
    ///
    /// Receivers do not ask this: what the nation signed is in force, and refusing it would leave
    /// them with certificates that the nation took back.
    ///
    /// # Errors
    /// [`RegisterError`] naming the first that does not hold.
    pub fn check_after(&self, before: &Self) -> Result<(), RegisterError> {
        let (held, offered) = (before.version, self.version);
        if offered <= held {
            return Err(RegisterError::NotNewer { held, offered });
        }
        if self.published_at < before.published_at {
            return Err(RegisterError::BackInTime { held, offered });
        }
        for institution in before.institutions.values() {
            let code = institution.code;
            let Some(now) = self.institutions.get(&code) else {
                return Err(RegisterError::Vanished(code));
            };
            if institution.standing == Standing::Removed && now.standing != Standing::Removed {
                return Err(RegisterError::Returned(code));
            }
        }
        for link in before.links.values() {
            let now = self.links.get(&link.fingerprint);
            if now.is_some_and(|now| now.institution != link.institution) {
                return Err(RegisterError::Moved {
                    fingerprint: link.fingerprint,
                    was: link.institution,
                });
            }
        }
        Ok(())
    }
}

impl Institution {
    fn of(row: InstitutionRow) -> Self {
        Self {
            code: row.code,
            roles: row.roles,
            standing: row.standing,
            since: row.since,
            successor: row.successor,
            name_zh: row.name_zh,
            name_en: row.name_en,
        }
    }

    fn row(&self) -> InstitutionRow {
        InstitutionRow {
            code: self.code,
            roles: self.roles,
            standing: self.standing,
            since: self.since,
            successor: self.successor,
            name_zh: self.name_zh.clone(),
            name_en: self.name_en.clone(),
            check: [0; CHECK_LEN],
        }
    }
}

impl Link {
    const fn of(row: LinkRow) -> Self {
        Self {
            institution: row.institution,
            fingerprint: row.fingerprint,
            from: row.from,
            until: row.until,
        }
    }

    const fn row(&self) -> LinkRow {
        LinkRow {
            institution: self.institution,
            fingerprint: self.fingerprint,
            from: self.from,
            until: self.until,
            check: [0; CHECK_LEN],
        }
    }

    /// Where it stands in the file.
    const fn place(&self) -> (InstitutionCode, Timestamp, Fingerprint) {
        (self.institution, self.from, self.fingerprint)
    }
}

fn order(what: &'static str, key: &dyn core::fmt::Display) -> RegisterError {
    RegisterError::Order {
        what,
        key: key.to_string(),
    }
}

/// A row with its check.
fn checked(mut row: Vec<u8>) -> Vec<u8> {
    let end = row.len() - CHECK_LEN;
    let check = sm3::digest(&row[..end]);
    row[end..].copy_from_slice(&check[..CHECK_LEN]);
    row
}

fn is_whole(row: &[u8]) -> bool {
    let (content, check) = row.split_at(row.len() - CHECK_LEN);
    sm3::digest(content).starts_with(check)
}

/// Which row is not what its maker wrote. Nothing is decided by it.
fn damage(signed: &[u8]) -> Damage {
    let Some((head, mut rest)) = signed.split_at_checked(RegisterHead::LEN) else {
        return Damage::Head;
    };
    let Some(head) = RegisterHead::decode(head).ok().filter(|_| is_whole(head)) else {
        return Damage::Head;
    };
    let mut torn = |len, rows: u16| {
        for row in 1..=usize::from(rows) {
            match rest.split_at_checked(len) {
                Some((bytes, after)) if is_whole(bytes) => rest = after,
                _ => return Some(row),
            }
        }
        None
    };
    if let Some(row) = torn(InstitutionRow::LEN, head.institutions) {
        return Damage::Institution(row);
    }
    if let Some(row) = torn(LinkRow::LEN, head.links) {
        return Damage::Link(row);
    }
    Damage::Signature
}
