//! What any room does in its custody: is the file the one that was left, and what is said before a
//! key is touched and kept after it, whatever came of it.

use tongtu_audit::Entry as LineEntry;
use tongtu_hsm::{Custody as _, CustodyError, Label, Vault, VaultState};
use tongtu_keyroom::{Intent, Medium, RoomStore};

use super::audited::{Audited, OnBehalf, audited};
use super::error::RoomError;

/// What came of something that was done in a custody.
pub(super) struct Watched<T> {
    pub(super) result: Result<T, RoomError>,
    pub(super) vault: VaultState,
    pub(super) uses: Vec<LineEntry>,
}

/// Whether a custody's file is the one that the last step left.
pub(super) fn check<M: Medium>(store: &RoomStore<M>, state: &VaultState) -> Result<(), RoomError> {
    let Some(known) = store.vault() else {
        return Ok(());
    };
    let (found, expected) = (state.generation, known.generation);
    if found < expected {
        return Err(RoomError::RolledBack { found, expected });
    }
    if found > expected {
        // What was cut off may have written; mending tells.
        return match store.open_intent() {
            Some(_) => Ok(()),
            None => Err(RoomError::Ahead { found, expected }),
        };
    }
    if state.digest == known.digest {
        Ok(())
    } else {
        Err(RoomError::OtherFile { found })
    }
}

/// That nothing was cut off.
pub(super) fn ready<M: Medium>(store: &RoomStore<M>) -> Result<(), RoomError> {
    match store.open_intent() {
        None => Ok(()),
        Some(intent) => Err(RoomError::Unfinished {
            deed: intent.deed.clone(),
        }),
    }
}

/// Does something in a custody, said before. `labels` are the keys that will be there afterwards
/// and were not: none of them stays of what does not come about.
pub(super) fn within<M: Medium, T>(
    store: &mut RoomStore<M>,
    (custody, who): (&mut dyn Vault, OnBehalf),
    (deed, labels): (&str, &[Label]),
    act: impl FnOnce(&mut Audited<'_, dyn Vault + '_>) -> Result<T, RoomError>,
) -> Result<Watched<T>, RoomError> {
    for label in labels {
        // What is there already would be taken out again as if it were new.
        if custody.check(*label).is_ok() {
            return Err(CustodyError::Exists { label: *label }.into());
        }
    }
    store.intend(Intent {
        deed: String::from(deed),
        labels: labels.iter().map(ToString::to_string).collect(),
    })?;
    let mut audited = audited(custody, who);
    let mut result = act(&mut audited);
    if result.is_err() {
        for label in labels {
            if audited.check(*label).is_ok()
                && let Err(error) = audited.destroy(*label)
            {
                result = Err(error.into());
            }
        }
    }
    Ok(Watched {
        result,
        vault: audited.state(),
        uses: audited.into_watcher().all(),
    })
}

/// Takes out of the custody what a step that was cut off may have left there.
pub(super) fn mend(
    (custody, who): (&mut dyn Vault, OnBehalf),
    intent: &Intent,
) -> Result<(VaultState, Vec<LineEntry>), RoomError> {
    let mut audited = audited(custody, who);
    for label in &intent.labels {
        if let Ok(label) = Label::parse(label)
            && audited.check(label).is_ok()
        {
            audited.destroy(label)?;
        }
    }
    Ok((audited.state(), audited.into_watcher().all()))
}
