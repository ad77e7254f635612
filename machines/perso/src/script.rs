//! A module of a batch as the commands that make it of a blank one.

use alloc::string::String;
use alloc::vec::Vec;

use tongtu_apdu::{CardCommand as _, Command};
use tongtu_codec::{EncodeError, hex_encode};
use tongtu_psam::command::{
    EndPersonalisation, FileNo, PURCHASE_DF, ROOT, SelectFile, WriteFile, WriteKey,
};

use crate::batch::Module;

/// The commands, in order; each is answered `9000`.
///
/// # Errors
/// [`EncodeError`] naming a field that is wider than its place.
pub fn commands(module: &Module) -> Result<Vec<Command>, EncodeError> {
    let identity = &module.identity;
    let write = |file, data: &[u8]| {
        let data = data.to_vec();
        WriteFile { file, data }.to_command()
    };
    let mut out = Vec::from([
        SelectFile::Id(ROOT).to_command(),
        write(FileNo::SERIAL, &identity.serial.0),
        write(FileNo::TERMINAL, &identity.terminal.0),
        SelectFile::Id(PURCHASE_DF).to_command(),
        write(FileNo::INFO, &identity.info().encode()?),
    ]);
    let keys = module.keys.iter().cloned();
    out.extend(keys.map(|slot| WriteKey { slot }.to_command()));
    let finish = module.finish.clone();
    out.push(EndPersonalisation { finish }.to_command());
    Ok(out)
}

/// The same as text for a personalisation machine: a command a line in hex, with its answer.
///
/// # Errors
/// [`EncodeError`] naming a field that is wider than its place.
pub fn script(module: &Module) -> Result<String, EncodeError> {
    let mut out = alloc::format!("# PSAM {}\n", module.identity.serial);
    for command in commands(module)? {
        let apdu = command.encode().expect("none of them has much data");
        out.push_str(&hex_encode(&apdu).to_ascii_uppercase());
        out.push_str(" => *9000\n");
    }
    Ok(out)
}
