//! A soft module in a file: made once with test keys, its memory on the disk before it answers.

use std::path::Path;

use tongtu_card_file::{CardFile, CardFileError, NewCardFile};
use tongtu_codec::hex_encode;
use tongtu_crypto::Algorithm;
use tongtu_sam::{BlankPsam, PsamProfile, SoftPsam};
use tongtu_sam_pool::{VirtualModule, VirtualModuleError};

use crate::card::unusable;
use crate::exit::Failure;
use crate::lang::both;

/// What the file's first line calls its profile.
const PROFILE: &str = "psam";

/// Bytes of memory that a new module has.
const SIZE: usize = 16 * 1024;

/// Makes a module in a new file.
pub(crate) fn make(path: &Path, profile: &PsamProfile) -> Result<(), Failure> {
    let unmade = |cause: String| {
        Failure::fault(both("the PSAM cannot be made", "无法制作该 PSAM")).because(cause)
    };
    let new = NewCardFile::begin(path, PROFILE, SIZE).map_err(|error| unusable(&error))?;
    let made = SoftPsam::manufacture(new, profile).map_err(|error| unmade(error.to_string()))?;
    made.power_down()
        .keep()
        .map_err(|error| unusable(&error))
        .map(drop)
}

/// Makes a module in a new file out of a blank one with this transport key, by commands. The file is
/// there when the last was answered, or not at all.
pub(super) fn make_by_commands(
    path: &Path,
    algorithm: Algorithm,
    transport: [u8; 16],
    apdus: &[Vec<u8>],
) -> Result<(), Failure> {
    let unmade = |cause: String| {
        Failure::fault(both("the PSAM cannot be made", "无法制作该 PSAM")).because(cause)
    };
    let new = NewCardFile::begin(path, PROFILE, SIZE).map_err(|error| unusable(&error))?;
    let blank = BlankPsam::manufacture(new, algorithm, transport);
    let mut blank = blank.map_err(|error| unmade(error.to_string()))?;
    for apdu in apdus {
        let answer = blank.transmit(apdu);
        let answer = answer.map_err(|error| unmade(error.to_string()))?;
        if !answer.ends_with(&[0x90, 0x00]) {
            return Err(Failure::refused(both(
                format!("the module answers {}", hex_encode(&answer)),
                format!("模块应答 {}", hex_encode(&answer)),
            ))
            .hint(both(
                "the batch may be for modules with another transport key",
                "该批次可能使用其他传输密钥",
            )));
        }
    }
    blank
        .power_down()
        .keep()
        .map_err(|error| unusable(&error))
        .map(drop)
}

/// The module in a file, without power.
pub(super) fn open(path: &Path) -> Result<VirtualModule<CardFile>, Failure> {
    let file = CardFile::open(path).map_err(|error| match &error {
        CardFileError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            unusable(&error).hint(both(
                "`tongtu psam serve --state FILE` makes one",
                "`tongtu psam serve --state FILE` 可制作一张",
            ))
        }
        _ => unusable(&error),
    })?;
    let randomness =
        Box::new(|out: &mut [u8]| getrandom::fill(out).map_err(|error| error.to_string()));
    VirtualModule::new(file, randomness).map_err(|error| no_module(path, &error))
}

/// The module in a file, under power in this very process, as a terminal has it in its slot.
pub(crate) fn power_up(path: &Path) -> Result<SoftPsam<CardFile>, Failure> {
    let file = CardFile::open(path).map_err(|error| unusable(&error))?;
    SoftPsam::power_up(file).map_err(|error| no_module(path, &error.into()))
}

fn no_module(path: &Path, error: &VirtualModuleError) -> Failure {
    let path = path.display();
    let mut cause = error.to_string();
    if let Some(source) = std::error::Error::source(error) {
        cause += &format!(": {source}");
    }
    Failure::usage(both(
        format!("{path} holds no PSAM"),
        format!("{path} 不是 PSAM"),
    ))
    .because(cause)
}
