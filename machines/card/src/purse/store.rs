//! The purse's state as objects of the journal, and what is read from them.

use alloc::vec::Vec;

use tongtu_codec::{Be, Raw, record};
use tongtu_crypto::{Algorithm, BlockKey};
use tongtu_purse::command::Sfi;
use tongtu_purse::fci::{FCI, FciForm, NAME, Node};
use tongtu_purse::keys::{self, KeyUse};
use tongtu_purse::profile::{FileSpec, KeyIndex, Settings};
use tongtu_types::Fen;

use crate::context::Context;

/// Numbers of the objects of one purse.
pub(super) mod object {
    use tongtu_crypto::Algorithm;
    use tongtu_purse::command::Sfi;

    /// [`super::State`].
    pub(in crate::purse) const STATE: u16 = 1;
    /// The last transaction's proof.
    pub(in crate::purse) const PROOF: u16 = 2;
    /// The rules.
    pub(in crate::purse) const SETTINGS: u16 = 3;
    /// What key indexes stand for.
    pub(in crate::purse) const INDEXES: u16 = 4;
    /// What stands in the FCI.
    pub(in crate::purse) const FCI: u16 = 5;
    /// The file table.
    pub(in crate::purse) const FILES: u16 = 6;
    /// The PIN.
    pub(in crate::purse) const PIN: u16 = 7;
    /// The second ticket's maximum; there when the card has a second ticket.
    pub(in crate::purse) const TICKET_MAX: u16 = 8;

    /// The 15 keys of a set.
    pub(in crate::purse) const fn keys(algorithm: Algorithm) -> u16 {
        match algorithm {
            Algorithm::Tdes => 0x10,
            Algorithm::Sm4 => 0x11,
        }
    }

    /// The further key of a set.
    pub(in crate::purse) const fn quick(algorithm: Algorithm) -> u16 {
        keys(algorithm) + 0x10
    }

    /// A transparent file.
    pub(in crate::purse) fn transparent(sfi: Sfi) -> u16 {
        0x0100 + u16::from(sfi.get())
    }

    /// How many records a file has, and where the next goes.
    pub(in crate::purse) fn head(sfi: Sfi) -> u16 {
        0x0200 + u16::from(sfi.get())
    }

    /// A record's place, 0 to 63.
    pub(in crate::purse) fn record(sfi: Sfi, slot: u8) -> u16 {
        0x1000 | u16::from(sfi.get()) << 6 | u16::from(slot & 0x3F)
    }

    /// Whether it is part of a file.
    pub(in crate::purse) const fn is_content(number: u16) -> bool {
        number >= 0x0100
    }
}

/// Whether the application still serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    /// It does.
    Open,
    /// Blocked until an unblock.
    Blocked,
    /// Locked for ever.
    Locked,
}

record! {
    /// What a transaction changes: one small object, so that a commit is short.
    pub struct State: 21 {
        [0..1] life_code: u8 as Be, Ours, "0 open, 1 blocked, 2 locked", "应用状态";
        [1..9] value_bytes: [u8; 8] as Raw, Ours, "the money there is, fen", "余额";
        [9..11] online: u16 as Be, Ours, "online sequence", "联机交易序号";
        [11..13] offline: u16 as Be, Ours, "offline sequence", "脱机交易序号";
        [13..17] ticket: u32 as Be, Ours, "the second ticket's count", "第二票种余数";
        [17..18] money_failures: u8 as Be, Ours, "wrong MAC1 or MAC2 in a row", "MAC 错误计数";
        [18..19] secure_failures: u8 as Be, Ours,
            "wrong secure-messaging MACs in a row", "安全报文错误计数";
        [19..20] pin_left: u8 as Be, Ours, "tries left of the PIN", "密码剩余次数";
        [20..21] external_left: u8 as Be, Ours,
            "tries left of external authentication", "外部认证剩余次数";
    }
}

impl State {
    /// A purse without money.
    pub(super) const fn fresh(settings: &Settings) -> Self {
        Self {
            life_code: 0,
            value_bytes: [0; 8],
            online: 0,
            offline: 0,
            ticket: 0,
            money_failures: 0,
            secure_failures: 0,
            pin_left: settings.pin_tries,
            external_left: settings.external_tries,
        }
    }

    /// As staged or committed.
    pub(super) fn of(ctx: &Context<'_>) -> Self {
        let stored = ctx.get(object::STATE).map(Self::decode);
        match stored {
            Some(Ok(state)) => state,
            _ => Self::fresh(&Settings::plain()),
        }
    }

    /// Stages it.
    pub(super) fn stage(&self, ctx: &mut Context<'_>) {
        ctx.put(
            object::STATE,
            self.encode().expect("every field is as wide as its value"),
        );
    }

    pub(super) const fn life(&self) -> Life {
        match self.life_code {
            0 => Life::Open,
            1 => Life::Blocked,
            _ => Life::Locked,
        }
    }

    pub(super) const fn set_life(&mut self, life: Life) {
        self.life_code = match life {
            Life::Open => 0,
            Life::Blocked => 1,
            Life::Locked => 2,
        };
    }

    /// The money there is; below zero in overdraft.
    pub(super) const fn value(&self) -> Fen {
        Fen::new(i64::from_be_bytes(self.value_bytes))
    }

    pub(super) const fn set_value(&mut self, value: Fen) {
        self.value_bytes = value.get().to_be_bytes();
    }
}

/// The rules.
pub(super) fn settings(ctx: &Context<'_>) -> Settings {
    match ctx.get(object::SETTINGS).map(Settings::decode) {
        Some(Ok(settings)) => settings,
        _ => Settings::plain(),
    }
}

/// A file of the table.
pub(super) fn file(ctx: &Context<'_>, sfi: Sfi) -> Option<FileSpec> {
    let (entries, _) = ctx.get(object::FILES)?.as_chunks();
    entries
        .iter()
        .filter_map(FileSpec::decode)
        .find(|spec| spec.sfi == sfi)
}

/// What a key index stands for.
pub(super) fn index(ctx: &Context<'_>, index: u8) -> Option<KeyIndex> {
    let (rows, _) = ctx.get(object::INDEXES)?.as_chunks();
    rows.iter()
        .filter_map(KeyIndex::decode)
        .find(|row| row.index == index)
}

/// A key.
pub(super) fn key(
    ctx: &Context<'_>,
    algorithm: Algorithm,
    purpose: KeyUse,
    version: u8,
) -> Option<BlockKey> {
    match purpose {
        KeyUse::QuickUpdate => {
            let entry = ctx.get(object::quick(algorithm))?.first_chunk::<16>()?;
            Some(BlockKey::new(algorithm, *entry))
        }
        _ => keys::key_in(
            algorithm,
            ctx.get(object::keys(algorithm))?,
            purpose,
            version,
        ),
    }
}

/// The FCI as the files are now; of a purse without public data, its name alone.
pub(super) fn fci(ctx: &Context<'_>) -> Vec<u8> {
    let Some(entry) = ctx.registry.entry(ctx.owner) else {
        return Vec::new();
    };
    let form = ctx.get(object::FCI).and_then(FciForm::decode);
    let public = ctx.get(object::transparent(Sfi::PUBLIC));
    match (form, public) {
        (Some(form), Some(public)) => form.fci(entry.aid, public).encode(),
        _ => {
            let mut out = Vec::new();
            let name = Node::Object(NAME, entry.aid.as_bytes().to_vec());
            Node::Template(FCI, [name].into()).write(&mut out);
            out
        }
    }
}
