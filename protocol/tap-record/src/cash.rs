//! What a record of an e-cash has in place of a TAC: all that the issuer needs to verify the
//! cryptogram (TC), and what the terminal found of the card's signature.

use alloc::string::String;
use alloc::vec::Vec;

use tongtu_apdu::tlv::Tag;
use tongtu_codec::{Be, DecodeError, Raw, record};
use tongtu_crypto::BlockKey;
use tongtu_ecash::cryptogram::CryptogramInput;
use tongtu_ecash::{CryptogramKind, Iad, Values, tag};
use tongtu_types::Fen;

use crate::TapRecord;
use crate::code::{CashCheck, RecordKind, Tap};

record! {
    /// A payment by e-cash: its cryptogram and what it was made over. The counter (ATC) is the
    /// record's sequence, the amount the record's, the transaction type (9C) the record's, and the
    /// card number (PAN) its serial.
    ///
    /// UNSPECIFIED: no public text gives this layout; the fields are those of bank field 55.
    pub struct CashProof: 80 {
        [0..8] cryptogram: [u8; 8] as Raw, Ours, "application cryptogram (9F26)", "应用密文";
        [8..9] issuer_len: u8 as Be, Ours,
            "length of the issuer application data", "发卡行应用数据长度";
        [9..41] issuer_data: [u8; 32] as Raw, Ours,
            "issuer application data (9F10), zeros behind", "发卡行应用数据";
        [41..45] unpredictable: [u8; 4] as Raw, Ours, "unpredictable number (9F37)", "不可预知数";
        [45..50] tvr: [u8; 5] as Raw, Ours,
            "terminal verification results as told to the card (95)", "终端验证结果";
        [50..51] cid: u8 as Be, Ours, "cryptogram information (9F27)", "密文信息数据";
        [51..53] aip: [u8; 2] as Raw, Ours, "interchange profile (82)", "应用交互特征";
        [53..54] pan_sequence: u8 as Be, Ours, "PAN sequence number (5F34)", "主账号序列号";
        [54..56] currency: [u8; 2] as Raw, Ours, "currency (5F2A)", "交易货币代码";
        [56..58] country: [u8; 2] as Raw, Ours, "terminal country (9F1A)", "终端国家代码";
        [58..59] told: Told as Tap, Ours,
            "which elements the card was told; it takes the others as zeros", "已告知卡片的数据";
        [59..60] name_len: u8 as Be, Ours, "length of the AID", "应用标识长度";
        [60..76] name: [u8; 16] as Raw, Ours, "AID, zeros behind", "应用标识";
        [76..78] expiry: [u8; 2] as Raw, Ours, "month of expiry, YYMM (5F24)", "失效年月";
        [78..79] authority: u8 as Be, Ours, "index of the authority (8F)", "认证中心公钥索引";
        [79..80] check: CashCheck as Tap, Ours, "signature of the tap (fDDA)", "脱机数据认证结果";
    }
}

/// Which of the eight elements of a cryptogram the card's list asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Told(pub u8);

impl Told {
    /// The elements, bit 8 first.
    pub const ELEMENTS: [Tag; 8] = [
        tag::AMOUNT,
        tag::AMOUNT_OTHER,
        tag::TERMINAL_COUNTRY,
        tag::TVR,
        tag::CURRENCY,
        tag::DATE,
        tag::TRANSACTION_TYPE,
        tag::UNPREDICTABLE,
    ];

    /// What these values tell.
    #[must_use]
    pub fn of(values: &Values) -> Self {
        Self(Self::ELEMENTS.iter().fold(0, |mask, tag| {
            mask << 1 | u8::from(values.contains_key(tag))
        }))
    }

    const fn has(self, at: usize) -> bool {
        self.0 & (0x80 >> at) != 0
    }
}

impl tongtu_codec::Encoding<Told> for Tap {
    const LETTER: &'static str = "B";

    fn decode(bytes: &[u8]) -> Result<Told, tongtu_codec::FieldError> {
        let [mask] = Raw::decode(bytes)?;
        Ok(Told(mask))
    }

    fn encode(value: &Told, out: &mut [u8]) -> Result<(), tongtu_codec::FieldError> {
        Raw::encode(&[value.0], out)
    }

    fn show(value: &Told) -> String {
        let mut out = String::new();
        for (at, tag) in Told::ELEMENTS.iter().enumerate() {
            if value.has(at) {
                out += &alloc::format!("{}{tag}", if out.is_empty() { "" } else { " " });
            }
        }
        out
    }
}

/// Why a record has no proof of an e-cash, or one that says nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CashFault {
    /// A record of another medium.
    #[error("tap record of {kind:?}, expected an e-cash")]
    Kind {
        /// Its kind.
        kind: RecordKind,
    },
    /// The table does not hold.
    #[error(transparent)]
    Table(#[from] DecodeError),
    /// A length points outside its field.
    #[error("tap record: {field} is {found}, expected at most {max}")]
    Length {
        /// The field.
        field: &'static str,
        /// What it says.
        found: u8,
        /// The most that there is.
        max: u8,
    },
    /// The issuer application data are not of the form that says what the card decided.
    #[error("tap record: issuer application data: {0}")]
    IssuerData(#[from] tongtu_ecash::EcashError),
}

impl CashProof {
    /// The issuer application data.
    ///
    /// # Errors
    /// [`CashFault::Length`].
    pub fn issuer_application_data(&self) -> Result<&[u8], CashFault> {
        let found = self.issuer_len;
        let data = self.issuer_data.get(..usize::from(found));
        data.ok_or(CashFault::Length {
            field: "issuer_len",
            found,
            max: 32,
        })
    }

    /// The proof as it lies in a record.
    #[must_use]
    pub fn own(&self) -> [u8; 80] {
        let bytes = self.encode().expect("every field is as wide as its value");
        bytes.try_into().expect("the table has 80 bytes")
    }

    /// The AID that was selected.
    ///
    /// # Errors
    /// [`CashFault::Length`].
    pub fn application(&self) -> Result<&[u8], CashFault> {
        let found = self.name_len;
        let name = self.name.get(..usize::from(found));
        name.ok_or(CashFault::Length {
            field: "name_len",
            found,
            max: 16,
        })
    }
}

impl TapRecord {
    /// What proves an e-cash's payment.
    ///
    /// # Errors
    /// [`CashFault`] when there is none in this record.
    pub fn cash(&self) -> Result<CashProof, CashFault> {
        if self.kind != RecordKind::Cash {
            return Err(CashFault::Kind { kind: self.kind });
        }
        let proof = CashProof::decode(&self.own)?;
        proof.issuer_application_data()?;
        proof.application()?;
        Ok(proof)
    }

    /// What was paid, as the cryptogram covers it.
    #[must_use]
    pub fn cash_deal(&self) -> CashDeal {
        let [_, year, month, day, ..] = self.at.0;
        CashDeal {
            amount: self.amount.fen(),
            day: [year, month, day],
            transaction: self.transaction.0,
            atc: self.sequence,
        }
    }

    /// Whether the cryptogram is the one of the card with this key: what an issuer verifies.
    ///
    /// # Errors
    /// [`CashFault`] when the record does not say enough.
    pub fn cryptogram_holds(&self, card_key: &BlockKey) -> Result<bool, CashFault> {
        self.cash()?.cryptogram_holds(&self.cash_deal(), card_key)
    }
}

/// What an e-cash paid, beside what its proof says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CashDeal {
    /// The amount (9F02).
    pub amount: Fen,
    /// The date that the card was told (9A), YYMMDD.
    pub day: [u8; 3],
    /// The transaction type (9C).
    pub transaction: u8,
    /// The card's counter (9F36).
    pub atc: u16,
}

impl CashProof {
    /// Whether the card says by it that it has paid (TC), and not that it declines or wants its
    /// issuer asked.
    ///
    /// # Errors
    /// [`CashFault`] when the issuer application data do not hold.
    pub fn is_payment(&self) -> Result<bool, CashFault> {
        let iad = Iad::parse(self.issuer_application_data()?)?;
        Ok(iad.cvr.kind() == Some(CryptogramKind::Approved))
    }

    /// Whether the cryptogram is the one of the card with this key over this payment.
    ///
    /// # Errors
    /// [`CashFault`] when the proof does not say enough.
    pub fn cryptogram_holds(
        &self,
        deal: &CashDeal,
        card_key: &BlockKey,
    ) -> Result<bool, CashFault> {
        let iad = Iad::parse(self.issuer_application_data()?)?;
        let input = CryptogramInput {
            terminal: &self.told_of(deal)?,
            aip: self.aip,
            atc: deal.atc,
            cvr: iad.cvr,
        };
        Ok(tongtu_crypto::equal(
            &input.cryptogram(card_key),
            &self.cryptogram,
        ))
    }

    /// What the cryptogram is made over: for whoever has the card's key where it is kept.
    ///
    /// # Errors
    /// [`CashFault`] when the proof does not say enough.
    pub fn cryptogram_message(&self, deal: &CashDeal) -> Result<Vec<u8>, CashFault> {
        let iad = Iad::parse(self.issuer_application_data()?)?;
        let input = CryptogramInput {
            terminal: &self.told_of(deal)?,
            aip: self.aip,
            atc: deal.atc,
            cvr: iad.cvr,
        };
        Ok(input.bytes())
    }

    /// What the terminal told the card, as far as a cryptogram covers it.
    fn told_of(&self, deal: &CashDeal) -> Result<Values, CashFault> {
        let amount = tongtu_ecash::Amount::new(deal.amount)?;
        let values: [Vec<u8>; 8] = [
            amount.encode().to_vec(),
            Vec::from([0; 6]),
            self.country.to_vec(),
            self.tvr.to_vec(),
            self.currency.to_vec(),
            deal.day.to_vec(),
            Vec::from([deal.transaction]),
            self.unpredictable.to_vec(),
        ];
        let told = Told::ELEMENTS.into_iter().zip(values).enumerate();
        Ok(told
            .filter(|(at, _)| self.told.has(*at))
            .map(|(_, told)| told)
            .collect())
    }
}
