//! The riders' phones: codes drawn honestly, and codes spoilt on purpose.

use tongtu_crypto::SecretKey;
use tongtu_ride_code::{RideCode, UserCertificate, UserTerms};
use tongtu_types::{CardNumber, Fen, Timestamp};

use crate::WorldError;
use crate::country::{Country, LIFETIME_S, LIMIT, VALIDITY_S};
use crate::plan::Trick;

/// A phone with its certificate and the code it drew last.
#[derive(Debug)]
pub struct Phone {
    /// The rider's signing key.
    pub key: SecretKey,
    /// The user certificate in force.
    pub certificate: Option<UserCertificate>,
    /// The bytes shown last.
    pub last: Vec<u8>,
}

impl Phone {
    /// Draws what the rider shows, by the trick's rules.
    ///
    /// # Errors
    /// [`WorldError`] when the phone has no certificate yet, or none can be made.
    pub fn show(
        &mut self,
        country: &Country,
        rider: usize,
        trick: Trick,
        at: Timestamp,
    ) -> Result<Vec<u8>, WorldError> {
        let bytes = match trick {
            // Shown again; nothing is drawn.
            Trick::Replayed | Trick::PassedBack => return Ok(self.last.clone()),
            Trick::WalletCode => return Ok(b"134567890123456789".to_vec()),
            Trick::Torn => {
                let whole = self.draw(at)?;
                whole.as_bytes()[..whole.as_bytes().len() / 2].to_vec()
            }
            Trick::ForgedUser => {
                let mut bytes = self.draw(at)?.as_bytes().to_vec();
                let last = bytes.len() - 1;
                bytes[last] ^= 0x01;
                bytes
            }
            Trick::ForgedIssuer => {
                let mut bytes = self.draw(at)?.as_bytes().to_vec();
                // One yuan more on the limit, nobody's signature on it.
                bytes[157] = bytes[157].wrapping_add(100);
                let end = bytes.len() - 65;
                let signature = self.key.sign(&bytes[..end]);
                bytes[end + 1..].copy_from_slice(&signature.0);
                bytes
            }
            Trick::ForgedCertificate => {
                let mut bytes = self.draw(at)?.as_bytes().to_vec();
                let forged = self.key.sign(&bytes[9..56]);
                bytes[56..120].copy_from_slice(&forged.0);
                bytes
            }
            Trick::Stranger => strange_code(country, rider, at)?.as_bytes().to_vec(),
            Trick::Honest
            | Trick::Stale
            | Trick::FromTheFuture
            | Trick::Companion
            | Trick::OverLimit
            | Trick::Suspended
            | Trick::PowerCutWriting
            | Trick::PowerCutUntold => self.draw(at)?.as_bytes().to_vec(),
        };
        self.last.clone_from(&bytes);
        Ok(bytes)
    }

    fn draw(&self, at: Timestamp) -> Result<RideCode, WorldError> {
        let certificate = self.certificate.as_ref().ok_or(WorldError::NoCertificate)?;
        Ok(certificate.ride_code_unchecked(at, &self.key)?)
    }
}

/// A genuine code of a neighbour that nobody here has agreed to accept.
fn strange_code(country: &Country, rider: usize, at: Timestamp) -> Result<RideCode, WorldError> {
    let key = country.seed.key(&format!("stranger {rider}"));
    let account = CardNumber::parse(&format!("3105840009999{rider:06}")).expect("digits");
    let terms = UserTerms {
        issuer_data: b"NEIGHBOUR".to_vec(),
        account,
        card_issuer: [0; 4],
        platform: [0; 4],
        account_type: 0,
        limit: Fen::new(LIMIT.get()),
        user_key: key.public().clone(),
        expires: at.plus_s(LIFETIME_S),
        validity_s: VALIDITY_S,
        extension: Vec::new(),
    };
    let certificate = country.keys.certify_stranger(&country.stranger, &terms)?;
    Ok(certificate.ride_code(at, &key)?)
}
