//! What a soft module keeps, as objects of a journal.

use alloc::vec::Vec;

use tongtu_card::journal::{Batch, CommitError, Nvm, ObjectId};
use tongtu_card::{Memory, Torn};
use tongtu_crypto::Algorithm;
use tongtu_psam::PsamIdentity;
use tongtu_psam::command::KeyPurpose;
use tongtu_psam::layout::{PsamInfo, PsamNumbers};
use zeroize::Zeroizing;

use crate::profile::{KeyRole, ModuleKey, PsamProfile};

/// The owner of every object; no card has an application of this number.
const OWNER: u16 = 0x5053;

const NUMBERS: ObjectId = ObjectId::new(OWNER, 1);
const INFO: ObjectId = ObjectId::new(OWNER, 2);
/// The next terminal sequence, 4 bytes.
const SEQUENCE: ObjectId = ObjectId::new(OWNER, 3);
/// Wrong MAC2 in a row, and how many lock the module: a byte each.
const FAILURES: ObjectId = ObjectId::new(OWNER, 4);
/// The transport key of a blank module: algorithm, then 16 bytes.
const TRANSPORT: ObjectId = ObjectId::new(OWNER, 5);
/// The keys are the objects from here on.
const FIRST_KEY: u16 = 0x100;

/// Bytes of a key object: kind, purpose, name, levels, algorithm, then the key.
const KEY_LEN: usize = 21;

/// Puts a blank module into a journal: nothing but the key under which its keys will come.
pub(crate) fn put_transport<M: Memory>(
    nvm: &mut Nvm<M>,
    algorithm: Algorithm,
    key: &[u8; 16],
) -> Result<(), CommitError> {
    let mut object = Zeroizing::new([algorithm_byte(algorithm)].to_vec());
    object.extend(key);
    let mut batch = Batch::default();
    batch.put(TRANSPORT, object.to_vec());
    nvm.commit(batch)
}

/// The transport key of a blank module; none when this is none.
pub(crate) fn transport<M: Memory>(nvm: &Nvm<M>) -> Option<(Algorithm, Zeroizing<[u8; 16]>)> {
    let (algorithm, key) = nvm.get(TRANSPORT)?.split_first()?;
    Some((
        algorithm_of_byte(*algorithm)?,
        Zeroizing::new(key.try_into().ok()?),
    ))
}

/// Puts a new module into a journal, whole or not at all; a blank one is not blank any more.
pub(crate) fn personalise<M: Memory>(
    nvm: &mut Nvm<M>,
    profile: &PsamProfile,
) -> Result<(), CommitError> {
    const WIDE: &str = "every field is as wide as its value";
    let mut batch = Batch::default();
    batch.put(NUMBERS, profile.identity.numbers().encode().expect(WIDE));
    batch.put(INFO, profile.identity.info().encode().expect(WIDE));
    batch.put(SEQUENCE, profile.first_sequence.to_be_bytes());
    batch.put(FAILURES, [0, profile.mac2_failures_max]);
    for (number, key) in (FIRST_KEY..).zip(&profile.keys) {
        batch.put(ObjectId::new(OWNER, number), encode_key(key));
    }
    if nvm.get(TRANSPORT).is_some() {
        batch.remove(TRANSPORT);
    }
    nvm.commit(batch)
}

/// Who the module is and which keys it has; none when this is no module.
pub(crate) fn read<M: Memory>(nvm: &Nvm<M>) -> Option<(PsamIdentity, Vec<ModuleKey>)> {
    let numbers = PsamNumbers::decode(nvm.get(NUMBERS)?).ok()?;
    let info = PsamInfo::decode(nvm.get(INFO)?).ok()?;
    sequence(nvm)?;
    failures(nvm)?;
    let keys = nvm
        .ids(OWNER)
        .filter(|id| id.number >= FIRST_KEY)
        .map(|id| decode_key(nvm.get(id)?))
        .collect::<Option<_>>()?;
    Some((PsamIdentity::of_files(&numbers, &info), keys))
}

/// The next terminal sequence.
pub(crate) fn sequence<M: Memory>(nvm: &Nvm<M>) -> Option<u32> {
    Some(u32::from_be_bytes(nvm.get(SEQUENCE)?.try_into().ok()?))
}

/// Keeps the next terminal sequence.
pub(crate) fn keep_sequence<M: Memory>(nvm: &mut Nvm<M>, next: u32) -> Result<(), CommitError> {
    let mut batch = Batch::default();
    batch.put(SEQUENCE, next.to_be_bytes());
    nvm.commit(batch)
}

/// Wrong MAC2 in a row, and how many lock the module.
pub(crate) fn failures<M: Memory>(nvm: &Nvm<M>) -> Option<[u8; 2]> {
    nvm.get(FAILURES)?.try_into().ok()
}

/// Keeps the number of wrong MAC2 in a row.
pub(crate) fn keep_failures<M: Memory>(
    nvm: &mut Nvm<M>,
    failures: [u8; 2],
) -> Result<(), CommitError> {
    let mut batch = Batch::default();
    batch.put(FAILURES, failures);
    nvm.commit(batch)
}

/// Power is lost, or there is no room: the one kills the module, the other is an answer.
pub(crate) const fn is_torn(error: &CommitError) -> Option<Torn> {
    match error {
        CommitError::Torn(torn) => Some(*torn),
        CommitError::NoRoom { .. } => None,
    }
}

const fn algorithm_byte(algorithm: Algorithm) -> u8 {
    match algorithm {
        Algorithm::Tdes => 0,
        Algorithm::Sm4 => 1,
    }
}

const fn algorithm_of_byte(byte: u8) -> Option<Algorithm> {
    match byte {
        0 => Some(Algorithm::Tdes),
        1 => Some(Algorithm::Sm4),
        _ => None,
    }
}

fn encode_key(key: &ModuleKey) -> Vec<u8> {
    let (kind, purpose) = match key.role {
        KeyRole::Purchase => (0, 0),
        KeyRole::Crypt(purpose) => (1, purpose.get()),
    };
    let algorithm = algorithm_byte(key.algorithm);
    let mut out = Vec::with_capacity(KEY_LEN);
    out.extend([kind, purpose, key.name, key.levels, algorithm]);
    out.extend(&key.bytes[..]);
    out
}

fn decode_key(object: &[u8]) -> Option<ModuleKey> {
    let ([kind, purpose, name, levels, algorithm], bytes) = object.split_first_chunk()?;
    Some(ModuleKey {
        role: match kind {
            0 => KeyRole::Purchase,
            1 => KeyRole::Crypt(KeyPurpose::new(*purpose)),
            _ => return None,
        },
        name: *name,
        levels: *levels,
        algorithm: algorithm_of_byte(*algorithm)?,
        bytes: Zeroizing::new(bytes.try_into().ok()?),
    })
}
