//! Which PSAMs a terminal takes money with.

use tongtu_psam::PsamSerial;
use tongtu_purse::field::Institution;
use tongtu_terminal::tap::ModuleRule;
use tongtu_types::TerminalNumber;

use super::wrong;
use crate::fault::Fault;

/// What C says of modules; pointers are gone.
pub(crate) struct GivenModules<'a> {
    pub(crate) own_number: u32,
    pub(crate) receivers: &'a [u8],
    pub(crate) issuers: &'a [u8],
    pub(crate) key_indexes: &'a [u8],
    pub(crate) admitted: &'a [u8],
}

impl GivenModules<'_> {
    pub(crate) fn read(&self, terminal: TerminalNumber) -> Result<ModuleRule, Fault> {
        let rule = match self.own_number {
            0 => ModuleRule::default(),
            1 => ModuleRule::default().of_terminal(terminal),
            other => {
                let detail = format!("{other}, expected 0 or 1");
                return Err(wrong("modules.own_number", detail));
            }
        };
        let institutions = |bytes: &[u8]| {
            bytes
                .as_chunks()
                .0
                .iter()
                .copied()
                .map(Institution)
                .collect()
        };
        Ok(ModuleRule {
            receivers: institutions(self.receivers),
            issuers: institutions(self.issuers),
            key_indexes: self.key_indexes.to_vec(),
            admitted: self
                .admitted
                .as_chunks()
                .0
                .iter()
                .copied()
                .map(PsamSerial)
                .collect(),
            ..rule
        })
    }
}
