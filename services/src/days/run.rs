//! The run over a closed day: who owes whom, from frozen inputs and the fee rules alone.

use tongtu_clearing::{
    Business, ClearedInput, ClearingSerial, DayResult, FeeKey, Fees, Run, SetDigest, Tier, Traffic,
    clear, relay,
};
use tongtu_crypto::sm3;
use tongtu_sql::JudgedRow;
use tongtu_types::{BusinessDay, Fen};

use super::judging::TO_SETTLE;
use super::upper::Upper;
use crate::{Node, ServiceError, stored};

/// Serials that each tier of hubs has for itself in a day.
const SERIALS_PER_TIER: u64 = 300_000_000;

impl Node {
    /// Clears the rides that are ours to clear, and hands on what the parent cleared.
    pub(super) fn run(
        &self,
        day: BusinessDay,
        judged: &[JudgedRow],
        upper: Option<&Upper>,
    ) -> Result<DayResult, ServiceError> {
        let mut inputs = Vec::new();
        for row in judged {
            if row.judgement.verdict == TO_SETTLE && row.judgement.hub == self.code().as_str() {
                inputs.push(self.input(day, row)?);
            }
        }
        let mut run = Run::new(&self.config().topology, self.code(), day);
        run.first_serial = self.first_serial(day);
        let result = match upper {
            None => clear(&run, inputs),
            Some(upper) => relay(&run, inputs, &self.upper_result(upper)?),
        };
        result.map_err(|source| ServiceError::Run { day, source })
    }

    fn input(&self, day: BusinessDay, row: &JudgedRow) -> Result<ClearedInput, ServiceError> {
        let (topology, own) = (&self.config().topology, self.code());
        let record = stored::record(&row.judgement.record)?;
        let acquirer = stored::institution(&row.judgement.acquirer)?;
        let issuer = stored::institution(&row.issuer)?;
        let service = stored::mcc(&row.category)?.service();
        let amount = Fen::new(row.amount);
        let fees = if topology.route(acquirer, issuer)?.traffic == Traffic::Local {
            // A city that clears for itself pays nobody.
            Fees::NONE
        } else {
            let key = FeeKey {
                day,
                business: Business::Transport,
                service,
                acquirer,
                issuer,
            };
            let fees = self.config().fee_rules.fees(amount, &key);
            fees.map_err(|source| ServiceError::Fees { record, source })?
        };
        Ok(ClearedInput {
            record,
            acquirer: topology.party_at(own, acquirer)?,
            issuer: topology.party_at(own, issuer)?,
            service,
            amount,
            fees,
        })
    }

    /// The day's first clearing serial of this hub.
    // UNSPECIFIED: a serial is unique at the hub that gives it, and no more is known. A province
    // hands on the nation's lines beside its own, so each tier takes a part of the day's serials:
    // a line keeps its serial on its whole way, and no two lines of a member's file share one.
    fn first_serial(&self, day: BusinessDay) -> ClearingSerial {
        let tier = self.config().topology.body(self.code()).map(|b| b.tier);
        let part = match tier {
            Some(Tier::National) | None => 0,
            Some(Tier::Province) => 1,
            Some(Tier::City) => 2,
        };
        let first = ClearingSerial::first_of(day).get() + part * SERIALS_PER_TIER;
        ClearingSerial::new(first).expect("a day's serials are far below twelve nines")
    }
}

/// A digest over the whole result.
pub(super) fn digest(result: &DayResult) -> SetDigest {
    let mut text = String::new();
    result
        .write_canonical(&mut text)
        .expect("writing to a string cannot fail");
    SetDigest(sm3::digest(text.as_bytes()))
}
