//! The e-cash: its authorities, and that it is taken.

use std::sync::Arc;

use tongtu_crypto::sm3;
use tongtu_ecash::oda::paper::RevocationPaper;
use tongtu_terminal::tap::{
    AuthorityKey, AuthorityTable, Cash, CashRules, RecordKeys, Unpredictable,
};
use zeroize::Zeroizing;

use super::Terminal;
use crate::code::TT_ERR_VALUE;
use crate::fault::Fault;

/// How a terminal takes the e-cash.
pub(crate) struct Till {
    pub(crate) rules: CashRules,
    pub(crate) records: Option<Arc<dyn RecordKeys>>,
    pub(crate) seed: Zeroizing<[u8; 32]>,
    /// How often numbers were begun from the seed.
    pub(crate) times: u32,
}

impl Till {
    /// What a machine takes. Its unpredictable numbers begin elsewhere each time, so that none
    /// comes twice when only an authority is new.
    pub(super) fn cash(&mut self, authorities: &Arc<AuthorityTable>) -> Cash {
        self.times = self.times.wrapping_add(1);
        let seed = sm3::digest_parts(&[&self.seed[..], &self.times.to_be_bytes()]);
        Cash {
            rules: self.rules.clone(),
            authorities: Arc::clone(authorities),
            records: self.records.clone(),
            unpredictable: Unpredictable::new(seed),
        }
    }
}

impl Terminal {
    /// Takes an authority's key.
    pub(crate) fn take_authority(&mut self, key: AuthorityKey) -> Result<(), Fault> {
        self.idle()?;
        let taken = Arc::make_mut(&mut self.authorities).take(key);
        taken.map_err(|error| Fault::of(TT_ERR_VALUE)(&error))?;
        self.serve_till();
        Ok(())
    }

    /// Takes a list of certificates that an authority took back.
    pub(crate) fn take_revocations(&mut self, list: &RevocationPaper) -> Result<(), Fault> {
        self.idle()?;
        let taken = Arc::make_mut(&mut self.authorities).take_revocations(list);
        taken.map_err(|error| Fault::of(TT_ERR_VALUE)(&error))?;
        self.serve_till();
        Ok(())
    }

    /// Takes e-cashes from now on.
    pub(crate) fn serve_cash(&mut self, till: Till) -> Result<(), Fault> {
        self.idle()?;
        self.till = Some(till);
        self.serve_till();
        Ok(())
    }

    pub(crate) const fn serves_cash(&self) -> bool {
        self.cards.is_some() && self.till.is_some()
    }

    /// Hands the machine what it needs; before there is one, that is done when there is.
    pub(super) fn serve_till(&mut self) {
        if let (Some(till), Some(cards)) = (&mut self.till, &mut self.cards) {
            cards.serve_cash(till.cash(&self.authorities));
        }
    }
}
