//! An acquirer with its list key, a root, two issuers' worth of riders.

use tongtu_crypto::{SecretKey, sm3};
use tongtu_ride_code::certificate::apply_for_certificate;
use tongtu_ride_code::layout::IssuerCertificate;
use tongtu_ride_code::{BlackLists, RideCode, Root, RootTable, UserCertificate, UserTerms};
use tongtu_terminal::ListBundle;
use tongtu_types::{CardNumber, Fen, InstitutionCode, Timestamp};

/// 2026-01-01T08:00:00Z.
pub(crate) const T0: Timestamp = Timestamp::new(1_767_254_400);

pub(crate) fn key(label: &str) -> SecretKey {
    SecretKey::from_bytes(&sm3::digest(label.as_bytes())).unwrap()
}

pub(crate) fn institution(code: &str) -> InstitutionCode {
    InstitutionCode::parse(code).unwrap()
}

/// One root, one issuer under it, one acquirer with a list key.
pub(crate) struct City {
    pub(crate) root: Root,
    pub(crate) issuer: IssuerCertificate,
    pub(crate) issuer_key: SecretKey,
    pub(crate) list_key: SecretKey,
}

impl City {
    pub(crate) fn new() -> Self {
        let root_key = key("root");
        let root = Root::self_sign(2, "1240".parse().unwrap(), &root_key).unwrap();
        let issuer_key = key("issuer");
        let application = apply_for_certificate(
            institution("01345810"),
            "1230".parse().unwrap(),
            [0, 0, 1],
            &issuer_key,
        )
        .unwrap();
        let issuer = root.certify(&application, &root_key).unwrap();
        Self {
            root,
            issuer,
            issuer_key,
            list_key: key("list"),
        }
    }

    /// Lists that accept the city's own issuer, with Guangzhou's fares.
    pub(crate) fn bundle(&self, version: u64) -> ListBundle {
        ListBundle {
            acquirer: institution("11345810"),
            version,
            issued_at: T0,
            roots: RootTable::new([self.root.clone()]),
            issuers: [institution("01345810")].into(),
            blacklists: BlackLists::default(),
            fare_book: tongtu_fare::GUANGZHOU.to_string(),
        }
    }

    /// A rider's certificate; rider 7 has account `31045810000000000` 07.
    pub(crate) fn rider(&self, number: u8) -> Rider {
        self.rider_with_limit(number, Fen::new(2000))
    }

    pub(crate) fn rider_with_limit(&self, number: u8, limit: Fen) -> Rider {
        let user_key = key(&format!("rider {number}"));
        let account = CardNumber::parse(&format!("3104581000000000{number:03}")).unwrap();
        let terms = UserTerms {
            issuer_data: b"CHN0000000000001".to_vec(),
            account,
            card_issuer: [0x01, 0x34, 0x58, 0x10],
            platform: [0; 4],
            account_type: 0,
            limit,
            user_key: user_key.public().clone(),
            expires: T0.plus_s(7 * 86_400),
            validity_s: 600,
            extension: Vec::new(),
        };
        let certificate = UserCertificate::issue(&self.issuer, &terms, &self.issuer_key).unwrap();
        Rider {
            account,
            certificate,
            user_key,
        }
    }
}

/// A phone.
pub(crate) struct Rider {
    pub(crate) account: CardNumber,
    pub(crate) certificate: UserCertificate,
    pub(crate) user_key: SecretKey,
}

impl Rider {
    pub(crate) fn code_at(&self, at: Timestamp) -> RideCode {
        self.certificate
            .ride_code_unchecked(at, &self.user_key)
            .unwrap()
    }
}
