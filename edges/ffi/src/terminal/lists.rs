//! The lists: bundles, the card blacklist and where they lie.

use std::io;
use std::path::Path;

use tongtu_blacklist::file::HEAD_LEN;
use tongtu_blacklist::{Blacklist, Kind, Loader};
use tongtu_crypto::PublicKey;
use tongtu_journal::{BlacklistStore, ListsFile, TwinWriter};
use tongtu_terminal::tap::Snapshot;
use tongtu_types::{InstitutionCode, Timestamp};

use super::{Terminal, out_of_order};
use crate::code::{TT_ERR_LISTS, TT_ERR_STORE};
use crate::fault::Fault;
use crate::hooks::{Device, Source};

/// Files of the card blacklist at rest.
pub(crate) type Kept = BlacklistStore<Device>;

/// Bytes that are read at once.
const PIECE: usize = 1 << 16;

/// Where the card blacklist lies.
pub(super) enum Shelf {
    /// In memory alone.
    None,
    /// On devices.
    Here(Box<Kept>),
    /// A file is being taken into it, beside the taps.
    Away,
}

/// What taking a file needs; the terminal goes on without it meanwhile.
pub(crate) struct Taking {
    pub(crate) loader: Loader,
    pub(crate) kept: Option<Box<Kept>>,
}

fn store(what: &str) -> impl Fn(io::Error) -> Fault {
    move |error| Fault::new(TT_ERR_STORE, format!("{what}: {error}"))
}

impl Terminal {
    /// Takes a list bundle.
    pub(crate) fn apply_lists(&mut self, bundle: &[u8], now: Timestamp) -> Result<(), Fault> {
        let applied = self.scans.apply_lists(bundle, now, &mut self.store);
        applied.map_err(|error| Fault::of(TT_ERR_LISTS)(&error))?;
        self.show_lists();
        match &self.lists {
            Some(file) => file.keep(bundle).map_err(store("lists")),
            None => Ok(()),
        }
    }

    /// Cards see the lists not only at the next tap: notices of the group are judged by them too.
    /// A tap under way keeps its own.
    fn show_lists(&mut self) {
        if let (Some(cards), Some(held)) = (&mut self.cards, self.scans.lists()) {
            cards.take(Snapshot::of(held));
        }
    }

    /// Takes the bundle that lies in files at `path`, if there is one, and keeps others there.
    pub(crate) fn open_lists(&mut self, path: &str, now: Timestamp) -> Result<(), Fault> {
        let file = ListsFile::new(Path::new(path));
        let bundle = file.load().map_err(store("lists"))?;
        if let Some(bundle) = bundle {
            let applied = self.scans.apply_lists(&bundle, now, &mut self.store);
            applied.map_err(|error| Fault::of(TT_ERR_LISTS)(&error))?;
            self.show_lists();
        }
        self.lists = Some(file);
        Ok(())
    }

    /// There are no newer lists.
    pub(crate) fn confirm_lists(&mut self, now: Timestamp) {
        self.scans.confirm_lists(now);
    }

    /// The report of which lists are held, signed.
    pub(crate) fn coverage(&self, now: Timestamp) -> Result<Vec<u8>, Fault> {
        let report = self.scans.coverage_report(now);
        report.map_err(|error| Fault::of(TT_ERR_LISTS)(&error))
    }

    /// Whose lists under which key.
    pub(crate) fn list_keys(&self) -> Result<(PublicKey, InstitutionCode), Fault> {
        match self.blacklist {
            Shelf::None => Ok((self.list_key.clone(), self.acquirer)),
            Shelf::Here(_) => Err(out_of_order("the card blacklist has its place")),
            Shelf::Away => Err(out_of_order("a card blacklist is being taken")),
        }
    }

    /// The card blacklist lies there from now on; this is what was there.
    pub(crate) fn shelve_blacklist(
        &mut self,
        kept: Box<Kept>,
        list: Blacklist,
        now: Timestamp,
    ) -> Result<u64, Fault> {
        // Another call may have been faster.
        self.list_keys()?;
        self.blacklist = Shelf::Here(kept);
        if list.version() > self.scans.lists_status(now).card_blacklist {
            self.hold_blacklist(list, now)?;
        }
        Ok(self.scans.lists_status(now).card_blacklist)
    }

    /// Begins to take a file: what is needed for it leaves the terminal.
    pub(crate) fn blacklist_begin(&mut self) -> Result<Taking, Fault> {
        let kept = match std::mem::replace(&mut self.blacklist, Shelf::Away) {
            Shelf::None => None,
            Shelf::Here(kept) => Some(kept),
            Shelf::Away => return Err(out_of_order("a card blacklist is being taken")),
        };
        let loader = self.scans.card_blacklist_loader();
        Ok(Taking { loader, kept })
    }

    /// What came of it comes back.
    pub(crate) fn blacklist_end(
        &mut self,
        kept: Option<Box<Kept>>,
        list: Result<Blacklist, Fault>,
        now: Timestamp,
    ) -> Result<u64, Fault> {
        self.blacklist = kept.map_or(Shelf::None, Shelf::Here);
        let list = list?;
        let version = list.version();
        self.hold_blacklist(list, now)?;
        Ok(version)
    }

    fn hold_blacklist(&mut self, list: Blacklist, now: Timestamp) -> Result<(), Fault> {
        let applied = self.scans.apply_card_blacklist(list, now);
        applied.map_err(|error| Fault::of(TT_ERR_LISTS)(&error))?;
        self.show_lists();
        Ok(())
    }

    /// Works waiting changes into the card blacklist; how many still wait.
    pub(crate) fn compact_blacklist(&mut self, chunks: usize) -> Result<usize, Fault> {
        self.idle()?;
        let waiting = self.scans.compact_card_blacklist(chunks);
        self.show_lists();
        Ok(waiting)
    }
}

/// Builds the list from what is kept.
pub(crate) fn restore(
    kept: &Kept,
    list_key: &PublicKey,
    acquirer: InstitutionCode,
) -> Result<(Blacklist, Option<String>), Fault> {
    let restored = kept.restore(list_key, acquirer);
    let restored = restored.map_err(store("card blacklist"))?;
    Ok((restored.list, restored.refused.map(|why| why.to_string())))
}

/// Reads a file to its end, once: into the list that comes of it, and to its place. It counts there
/// only when the list is good.
pub(crate) fn fetch(
    source: &Source<'_>,
    mut loader: Loader,
    kept: Option<&mut Kept>,
) -> Result<Blacklist, Fault> {
    let refused = |error| Fault::of(TT_ERR_LISTS)(&error);
    let len = source.len();
    let mut head = vec![
        0;
        PIECE
            .min(usize::try_from(len).unwrap_or(PIECE))
            .min(HEAD_LEN)
    ];
    source.read(0, &mut head)?;
    loader.feed(&head).map_err(refused)?;
    let kind = loader.head().map(|head| head.kind);
    let mut place = match (kept, kind) {
        (Some(kept), Some(Kind::Full)) => {
            let writer = kept.begin_full(len).map_err(store("card blacklist"))?;
            Place::Full(writer)
        }
        (Some(kept), Some(Kind::Delta { .. })) => Place::Delta(kept, Vec::new()),
        (_, None) | (None, _) => Place::None,
    };
    place.push(&head)?;
    let mut at = u64::try_from(head.len()).expect("a length in memory");
    let mut piece = vec![0; PIECE];
    while at < len {
        let left = usize::try_from(len - at).unwrap_or(PIECE);
        let piece = &mut piece[..left.min(PIECE)];
        source.read(at, piece)?;
        loader.feed(piece).map_err(refused)?;
        place.push(piece)?;
        at += u64::try_from(piece.len()).expect("a length in memory");
    }
    let list = loader.finish().map_err(refused)?;
    place.commit()?;
    Ok(list)
}

/// Where a file is kept.
enum Place<'a> {
    None,
    Full(TwinWriter<'a, Device>),
    Delta(&'a mut Kept, Vec<u8>),
}

impl Place<'_> {
    fn push(&mut self, piece: &[u8]) -> Result<(), Fault> {
        match self {
            Self::None => Ok(()),
            Self::Full(writer) => writer.push(piece).map_err(store("card blacklist")),
            Self::Delta(_, bytes) => {
                bytes.extend_from_slice(piece);
                Ok(())
            }
        }
    }

    fn commit(self) -> Result<(), Fault> {
        match self {
            Self::None => Ok(()),
            Self::Full(writer) => writer.commit(),
            Self::Delta(kept, bytes) => kept.keep_delta(&bytes),
        }
        .map_err(store("card blacklist"))
    }
}
