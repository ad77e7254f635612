//! A double of the module that knows nothing but `tongtu_purse::proof`.

use tongtu_crypto::{Algorithm, BlockKey, diversify};
use tongtu_psam::{
    CardFactor, CreditRequest, Psam, PsamAnswer, PsamFault, PsamIdentity, PsamRequest, PsamSerial,
    PurchaseRequest,
};
use tongtu_purse::field::{Date, Terminal};
use tongtu_purse::keys::KeyUse;
use tongtu_purse::proof::{self, Deal, purchase_session};

use super::fixture::{ISSUER, masters};

/// A module that has the master keys and knows its latest purchase.
#[derive(Clone)]
pub(crate) struct TestPsam {
    pub(crate) identity: PsamIdentity,
    pub(crate) sequence: u32,
    /// Terminal sequence of the latest purchase, and its MAC2.
    pub(crate) awaited: Option<(u32, proof::Code)>,
    pub(crate) fails: Option<PsamFault>,
    /// Fails at MAC2 only.
    pub(crate) fails_credit: Option<PsamFault>,
}

impl std::fmt::Debug for TestPsam {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TestPsam({})", self.identity.serial)
    }
}

impl TestPsam {
    pub(crate) fn new(number: u8) -> Self {
        Self {
            identity: PsamIdentity {
                serial: PsamSerial([number; 10]),
                terminal: Terminal([0x58, 0x10, 0, 0, 0, number]),
                key_index: 1,
                issuer: ISSUER,
                receiver: ISSUER,
                starts: Date([0x20, 0x20, 0x01, 0x01]),
                expires: Date([0x20, 0x40, 0x12, 0x31]),
            },
            sequence: 0x100,
            awaited: None,
            fails: None,
            fails_credit: None,
        }
    }

    fn key(
        &self,
        algorithm: u8,
        (purpose, version): (KeyUse, u8),
        card: CardFactor,
    ) -> Option<BlockKey> {
        let algorithm = if algorithm == 4 {
            Algorithm::Sm4
        } else {
            Algorithm::Tdes
        };
        let master = masters(algorithm).key(purpose, version)?;
        Some(diversify::levels(&master, &[ISSUER.0, card.0]))
    }

    fn permit(&mut self, purchase: &PurchaseRequest) -> Result<PsamAnswer, PsamFault> {
        self.sequence += 1;
        let deal = Deal {
            amount: purchase.amount,
            kind: purchase.kind,
            terminal: self.identity.terminal,
        };
        let (version, algorithm) = (purchase.key_version, purchase.algorithm);
        let key = self
            .key(algorithm, (KeyUse::Purchase, version), purchase.card)
            .ok_or(PsamFault::Key { version, algorithm })?;
        let session = purchase_session(&key, purchase.random, purchase.sequence, self.sequence);
        let mac1 = deal.purchase_mac1(&session, purchase.at);
        self.awaited = Some((self.sequence, deal.purchase_mac2(&session)));
        Ok(PsamAnswer::Permit {
            terminal_sequence: self.sequence,
            mac1,
        })
    }

    fn credit(&mut self, credit: &CreditRequest) -> Result<PsamAnswer, PsamFault> {
        if let Some(fault) = &self.fails_credit {
            return Err(fault.clone());
        }
        let asked = credit.terminal_sequence;
        let awaited = self.awaited.map(|(sequence, _)| sequence);
        let (_, mac2) = self
            .awaited
            .take_if(|(sequence, _)| *sequence == asked)
            .ok_or(PsamFault::Superseded { asked, awaited })?;
        if proof::same(&mac2, &credit.mac2) {
            Ok(PsamAnswer::Credited)
        } else {
            Err(PsamFault::Mac2 {
                tries_left: Some(2),
            })
        }
    }
}

impl Psam for TestPsam {
    fn identity(&self) -> &PsamIdentity {
        &self.identity
    }

    fn ask(&mut self, request: &PsamRequest) -> Result<PsamAnswer, PsamFault> {
        if let Some(fault) = &self.fails {
            return Err(fault.clone());
        }
        match request {
            PsamRequest::Purchase(purchase) => self.permit(purchase),
            PsamRequest::Credit(credit) => self.credit(credit),
            PsamRequest::Lock(lock) => {
                let key = self
                    .key(lock.algorithm, (KeyUse::Maintenance, 1), lock.card)
                    .unwrap();
                let [cla, ins, p1, p2, _] = lock.head;
                let command = tongtu_apdu::Command::new(cla, ins, p1, p2);
                Ok(PsamAnswer::Mac(tongtu_purse::secure::mac(
                    &key,
                    &lock.challenge,
                    &command,
                )))
            }
            PsamRequest::UpdateMac(_) => Err(PsamFault::Absent),
        }
    }
}
