//! INSTALL [for load] and LOAD: a load file comes in blocks and is there after the last.
//!
//! The card runs no code of load files. It keeps their data blocks, checks hash and DAP, and
//! binds module AIDs that it knows to its own applets; a module of foreign code can be
//! installed and does nothing ([`crate::foreign`]). Blocks are gathered in volatile memory, so
//! that a power cut leaves no part of a file.

use alloc::vec::Vec;

use tongtu_apdu::select::Aid;
use tongtu_apdu::{Response, StatusWord};
use tongtu_crypto::{padding, sha2};
use tongtu_globalplatform::command::{ForLoad, Install, InstallParameters, Load};
use tongtu_globalplatform::key::KeyMaterial;
use tongtu_globalplatform::load_file::{self, Block, LoadFile, LoadFileError, hash_holds};
use tongtu_globalplatform::privilege::Privilege;
use tongtu_globalplatform::receipt::Operation;
use tongtu_globalplatform::signature;

use super::authority::{self, Permit};
use super::done;
use super::install::is_taken;
use super::store::{self, version};
use crate::context::{Context, Halt};
use crate::factory::{Blueprint, kind_of_module};
use crate::journal::ObjectId;
use crate::registry;
use crate::registry::AppletKind;

/// The object of a load file that holds its data block.
const BLOCK: u16 = 1;

/// A load that goes on.
pub(super) struct Loading {
    request: Install,
    covered: Vec<u8>,
    domain: u16,
    next: u8,
    bytes: Vec<u8>,
    whole: bool,
}

impl Loading {
    /// Whether everything came and the install of a combined operation is due.
    pub(super) fn awaits_install(&self) -> bool {
        self.whole && self.load().combined
    }

    /// What the token of the INSTALL that began it is over.
    pub(super) fn covered(&self) -> &[u8] {
        &self.covered
    }

    /// The load file that comes.
    pub(super) fn load_file(&self) -> Aid {
        self.load().load_file
    }

    /// The domain that the file is for.
    pub(super) const fn domain(&self) -> u16 {
        self.domain
    }

    fn load(&self) -> &ForLoad {
        match &self.request {
            Install::Load(load) => load,
            _ => unreachable!("a load begins with INSTALL [for load]"),
        }
    }
}

/// INSTALL [for load]: everything that can be refused before the first block.
pub(super) fn begin(
    ctx: &mut Context<'_>,
    request: Install,
    covered: Vec<u8>,
) -> Result<Loading, Halt> {
    let Install::Load(load) = &request else {
        return Err(StatusWord::WRONG_P1P2.into());
    };
    let parameters = InstallParameters::parse(&load.parameters).ok_or(StatusWord::WRONG_DATA)?;
    let delegates = authority::has(ctx, Privilege::DelegatedManagement);
    if !load.combined {
        // The token is checked now, and counted when the load is done.
        permit(ctx, &request, &covered)?;
        ctx.discard();
    } else if !authority::has(ctx, Privilege::AuthorizedManagement) && !delegates {
        return Err(StatusWord::SECURITY_STATUS.into());
    } else if !load.token.is_empty() {
        // The token of a combined operation comes with its end, over both commands.
        return Err(StatusWord::CONDITIONS.into());
    }
    if delegates && load.hash.is_empty() {
        // A token is over the code by its hash only.
        return Err(StatusWord::WRONG_DATA.into());
    }
    if !matches!(load.hash.len(), 0 | 20 | 32 | 48 | 64) {
        return Err(StatusWord::WRONG_DATA.into());
    }
    let domain = match &load.domain {
        None => ctx.owner,
        Some(aid) => {
            let entry = ctx
                .registry
                .find(aid)
                .ok_or(StatusWord::REFERENCE_NOT_FOUND)?;
            if !entry.is_domain() {
                return Err(StatusWord::REFERENCE_NOT_FOUND.into());
            }
            let takes = entry.number == ctx.owner
                || !entry.life().is_locked()
                    && store::config_of(ctx, entry.number).accepts_arrivals;
            if !takes {
                return Err(StatusWord::CONDITIONS.into());
            }
            entry.number
        }
    };
    if is_taken(ctx, &load.load_file) {
        return Err(StatusWord::ALREADY_EXISTS.into());
    }
    let quota = parameters.quota;
    let asked = u64::from(quota.code) + u64::from(quota.non_volatile);
    if asked > u64::try_from(ctx.free()).unwrap_or(u64::MAX) {
        return Err(StatusWord::NO_ROOM.into());
    }
    Ok(Loading {
        request,
        covered,
        domain,
        next: 0,
        bytes: Vec::new(),
        whole: false,
    })
}

fn permit(ctx: &mut Context<'_>, request: &Install, covered: &[u8]) -> Result<Permit, Halt> {
    let parameters = InstallParameters::parse(request.parameters());
    let control = parameters.and_then(|parameters| parameters.control);
    authority::permit(ctx, request.token(), control.as_ref(), covered)
}

/// LOAD: the next block.
pub(super) fn load(
    ctx: &mut Context<'_>,
    slot: &mut Option<Loading>,
    request: Load,
) -> Result<Response, Halt> {
    let mut loading = slot.take().ok_or(StatusWord::CONDITIONS)?;
    if loading.whole || request.number != loading.next {
        return Err(StatusWord::CONDITIONS.into());
    }
    loading.bytes.extend(&request.block);
    // UNSPECIFIED: numbers run from 00 to FF (GP 2.3.1 §11.6.2.2), and nothing says what follows;
    // clients begin anew.
    loading.next = loading.next.wrapping_add(1);
    if loading.bytes.len() > ctx.free() {
        return Err(StatusWord::NO_ROOM.into());
    }
    // WORKAROUND(node-gp): it does not mark the last block when one is enough; the file is
    // whole all the same when its data block is as long as it says.
    if !request.last && !load_file::is_whole(&loading.bytes) {
        *slot = Some(loading);
        return Ok(Response::ok([0]));
    }
    loading.whole = true;
    if loading.load().combined {
        verify(ctx, &loading)?;
        *slot = Some(loading);
        return Ok(Response::ok([0]));
    }
    let permit = permit(ctx, &loading.request, &loading.covered)?;
    let domain = place(ctx, &loading)?;
    let operation = Operation::Load {
        load_file: loading.load().load_file,
        domain,
    };
    let answer = authority::confirm(ctx, permit, &operation)?;
    done(ctx, &answer)
}

/// The data block, in clear, once its hash and all its signatures held.
fn verify(ctx: &Context<'_>, loading: &Loading) -> Result<Vec<u8>, Halt> {
    let load = loading.load();
    let file = LoadFile::parse(&loading.bytes).map_err(|error| match error {
        LoadFileError::Form { .. } | LoadFileError::Short { .. } => StatusWord::WRONG_DATA,
        _ => StatusWord::UNKNOWN,
    })?;
    let block = match file.block {
        Block::Plain(block) => block.to_vec(),
        Block::Ciphered { icv, data } => decipher(ctx, loading.domain, icv, data)?,
    };
    let ciphered = matches!(file.block, Block::Ciphered { .. });
    if load.hash.is_empty() {
        if ciphered || !file.daps.is_empty() {
            return Err(StatusWord::WRONG_DATA.into());
        }
    } else if !hash_holds(&load.hash, &block) {
        return Err(StatusWord::WRONG_DATA.into());
    }
    // Who must have signed: the domain that the file comes to, if it verifies, and every
    // domain that does so for all files of the card.
    let must = ctx.registry.entries.iter().filter(|entry| {
        let rights = entry.rights();
        rights.has(Privilege::MandatedDap)
            || rights.has(Privilege::DapVerification) && entry.number == loading.domain
    });
    for entry in must {
        if !file.daps.iter().any(|dap| dap.domain == entry.aid) {
            return Err(StatusWord::SECURITY_STATUS.into());
        }
    }
    for dap in &file.daps {
        let signer = ctx
            .registry
            .find(&dap.domain)
            .filter(|entry| entry.rights().has(Privilege::DapVerification))
            .ok_or(StatusWord::REFERENCE_NOT_FOUND)?;
        let key = store::key(ctx, signer.number, version::DAP, 1).ok_or(StatusWord::CONDITIONS)?;
        signature::verify(&key, &load.hash, &dap.signature)
            .map_err(|_| StatusWord::SECURITY_STATUS)?;
    }
    Ok(block)
}

/// Deciphers a data block under the load key of its domain (KVN 75), padding `80 00…`.
fn decipher(ctx: &Context<'_>, domain: u16, icv: &[u8], data: &[u8]) -> Result<Vec<u8>, Halt> {
    let allowed = ctx
        .registry
        .entry(domain)
        .is_some_and(|entry| entry.rights().has(Privilege::CipheredLoad));
    let key = store::key(ctx, domain, version::LOAD, 1).filter(|_| allowed);
    let mut block = data.to_vec();
    let wrong = StatusWord::WRONG_DATA;
    match key.ok_or(StatusWord::CONDITIONS)? {
        KeyMaterial::Tdes(key) => key
            .decrypt_cbc(&initial(icv).ok_or(wrong)?, &mut block)
            .map_err(|_| wrong)?,
        KeyMaterial::Wide(key) => key
            .decrypt_cbc(&initial(icv).ok_or(wrong)?, &mut block)
            .map_err(|_| wrong)?,
        _ => return Err(StatusWord::CONDITIONS.into()),
    }
    Ok(padding::unpad(&block).ok_or(wrong)?.to_vec())
}

fn initial<const N: usize>(icv: &[u8]) -> Option<[u8; N]> {
    match icv {
        [] => Some([0; N]),
        icv => icv.try_into().ok(),
    }
}

/// Puts the load file on the card; gives the domain that it belongs to.
pub(super) fn place(ctx: &mut Context<'_>, loading: &Loading) -> Result<Aid, Halt> {
    let block = verify(ctx, loading)?;
    let load = loading.load();
    if is_taken(ctx, &load.load_file) {
        return Err(StatusWord::ALREADY_EXISTS.into());
    }
    let domain = ctx
        .registry
        .entry(loading.domain)
        .ok_or(StatusWord::REFERENCE_NOT_FOUND)?
        .aid;
    let number = ctx.registry.free_number().ok_or(StatusWord::NO_ROOM)?;
    let len = u32::try_from(block.len()).map_err(|_| StatusWord::NO_ROOM)?;
    ctx.registry.files.push(registry::LoadFile {
        number,
        aid: load.load_file,
        domain: loading.domain,
        hash: sha2::sha256(&block),
        len,
        modules: modules(&load.load_file, &block),
    });
    ctx.put_of(ObjectId::new(number, BLOCK), block);
    Ok(domain)
}

/// The modules of a load file: those that its applet component lists, or, when the block is
/// no converted applet, those that we know by the beginning of their AID.
fn modules(file: &Aid, block: &[u8]) -> Vec<(Aid, AppletKind)> {
    let known = Blueprint::standard_files();
    let mut found: Vec<(Aid, AppletKind)> = applets(block)
        .unwrap_or_default()
        .into_iter()
        .map(|aid| (aid, kind_of_module(&aid, &known)))
        .collect();
    if found.is_empty() {
        let modules = known.iter().flat_map(|file| &file.modules);
        found = modules
            .filter(|(aid, _)| aid.starts_with(file.as_bytes()))
            .map(|(aid, module)| (*aid, module.kind()))
            .collect();
    }
    found
}

/// AIDs of the applet component of a converted applet file: components of tag, two bytes of
/// length and content, as clients concatenate them; tag 3 lists the applets.
fn applets(block: &[u8]) -> Option<Vec<Aid>> {
    const APPLET: u8 = 3;
    let mut rest = block;
    while let [tag, high, low, more @ ..] = rest {
        let len = usize::from(u16::from_be_bytes([*high, *low]));
        let (content, more) = more.split_at_checked(len)?;
        rest = more;
        if *tag != APPLET {
            continue;
        }
        let (count, mut list) = content.split_first()?;
        let mut aids = Vec::new();
        for _ in 0..*count {
            let (len, after) = list.split_first()?;
            let (aid, after) = after.split_at_checked(usize::from(*len))?;
            // The offset of the install method follows.
            list = after.get(2..)?;
            aids.push(Aid::parse(aid).ok()?);
        }
        return Some(aids);
    }
    None
}
