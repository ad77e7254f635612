//! The nodes' HTTP contract: paths and bodies.
//!
//! Plain data that both sides of the wire agree on. JSON throughout; bytes as lower-case hex
//! ([`Hex`]), money as whole fen (`…_fen`), exact sums as decimal strings of 10^-7 fen
//! ([`AmountE7`]), instants as Unix seconds (`…_s`), days as `yyyy-mm-dd`. Numbers that name
//! things (accounts, terminals, files) are strings: they have leading zeros.
//!
//! Requests refuse members they do not know, so that a misspelt one is not silently ignored;
//! answers may grow new members, and readers ignore those.
//!
//! | method and path | request | answer |
//! |---|---|---|
//! | `GET /health` | | [`HealthView`] |
//! | `POST /issuer/accounts` | [`AccountOpen`] | [`AccountView`] |
//! | `GET /issuer/accounts/{account}` | | [`AccountView`] |
//! | `POST /issuer/accounts/{account}/recharges` | [`AccountRecharge`] | [`AccountView`] |
//! | `POST /issuer/accounts/{account}/suspension` | [`AccountSuspend`] | [`AccountView`] |
//! | `POST /issuer/accounts/{account}/certificates` | | [`CertificateView`] |
//! | `POST /acquirer/terminals` | [`TerminalRegister`] | 204 |
//! | `POST /acquirer/terminals/{terminal}/records` | [`RecordsUpload`] | [`RecordsUploaded`] |
//! | `GET /acquirer/chains` | | [`ChainsView`] |
//! | `GET /acquirer/lists?after=N` | [`ListsQuery`] | the signed bundle, or 204 when none is newer |
//! | `POST /acquirer/blacklist` | [`BlacklistAdd`] | [`BlacklistView`] |
//! | `GET /issuer/face-terms` | | [`FaceTermsView`] |
//! | `POST /issuer/accounts/{account}/face` | [`FaceEnrol`] | [`FaceView`] |
//! | `GET /issuer/accounts/{account}/face` | | [`FaceView`] |
//! | `POST /issuer/accounts/{account}/face/withdrawal` | | [`FaceView`] |
//! | `POST /acquirer/terminals/{terminal}/face` | [`FaceTerminalPut`] | 204 |
//! | `GET /acquirer/terminals/{terminal}/gallery?after=N` | [`ListsQuery`] | the update's bytes |
//! | `POST /acquirer/terminals/{terminal}/gallery/confirmation` | [`GalleryConfirm`] | 204 |
//! | `GET /acquirer/face-terminals` | | [`FaceTerminalsView`] |
//! | `GET /acquirer/card-blacklist?after=N` | [`CardBlacklistQuery`] | the signed file, or 204 |
//! | `POST /acquirer/card-blacklist` | [`CardBlacklistChange`] | [`BlacklistView`] |
//! | `POST /acquirer/terminals/{terminal}/coverage` | [`CoverageReport`] | 204 |
//! | `GET /acquirer/coverage?lagging=BOOL` | [`CoverageQuery`] | [`CoverageView`] |
//! | `POST /revocations` | [`RevocationsPut`] | [`RevocationsView`] |
//! | `POST /acquirer/psams` | [`PsamAdmit`] | 204 |
//! | `POST /acquirer/psams/withdrawal` | [`PsamWithdraw`] | 204 |
//! | `PUT /exchange/files/{name}` | the file's bytes, [`SENDER_HEADER`] | [`FileReceipt`] |
//! | `GET /exchange/files?receiver=CODE` | [`ReceiverQuery`] | [`FilesView`] |
//! | `GET /exchange/files/{name}?receiver=CODE` | [`ReceiverQuery`] | the file's bytes |
//! | `POST /exchange/files/{name}/confirmation` | [`FileConfirm`] | 204 |
//! | `GET /papers` | | [`PapersView`] |
//! | `GET /papers/{paper}` | | the paper's bytes |
//! | `GET /key-notes` | | [`KeyNotesView`] |
//! | `POST /key-notes` | [`KeyNotesPut`] | [`KeyNotesTaken`] |
//! | `GET /key-uses?after=N` | [`KeyUsesQuery`] | [`KeyUsesView`] |
//! | `POST /days/{day}/close`, `POST /days/{day}/settle`, `GET /days/{day}` | | [`DayView`] |
//! | `GET /audit/ledger` | | [`LedgerView`] |
//! | `GET /audit/rides?role=ROLE` | [`RidesQuery`] | [`RidesView`] |
//! | `GET /audit/rejected` | | [`RejectedView`] |
//! | `GET /audit/files` | | [`MadeFilesView`] |
//! | `GET /audit/envelopes` | | [`FileEnvelopesView`] |
//! | `GET /audit/callers?after=N` | [`CallerActsQuery`] | [`CallerActsView`] |
//! | `POST /pump` | | [`PumpReport`] |
//! | `GET /callers` | | [`CallersView`] |
//! | `POST /callers` | [`CallerAdmit`] | [`CallerActed`] |
//! | `POST /callers/{caller}/keys` | [`CallerRotate`] | [`CallerActed`] |
//! | `POST /callers/{caller}/state` | [`CallerState`] | [`CallerActed`] |
//!
//! Every request but `GET /health` bears a signed envelope in [`ENVELOPE_HEADER`]: who asks which
//! node for what. Every answer says the node's present life in [`LIFE_HEADER`], which the envelope
//! must name; what was signed for another one is answered 401 `envelope.life` and may be signed
//! once more. An exchange file bears its sender's envelope in [`FILE_ENVELOPE_HEADER`], in the
//! request that delivers it and in the answer that reads it.
//!
//! The two signed files for terminals, and papers, have an `ETag` and may be asked for from any byte on
//! (`Range` with `If-Range`: 206 with the rest, or 200 with all of a file that is another now);
//! [`VERSION_HEADER`] says the version that a file leads to, or with 204 the newest there is.
//!
//! What goes wrong is answered with [`ApiError`] and a status outside 200..=299; a `Retry-After`
//! header says that the very same request may succeed later. Every request may be repeated.
//!
//! Start with [`path`], then the bodies, one module per noun. Not here: any behaviour, any domain
//! type (`tongtu-http` converts by hand), and sockets.

pub mod path;

mod account;
mod acquirer;
mod amount;
mod audit;
mod caller;
mod chain;
mod day;
mod error;
mod face;
mod file;
mod hex;
mod node;
mod paper;

pub use account::{
    AccountOpen, AccountRecharge, AccountSuspend, AccountView, CardIssue, CardLoad, CardView,
    CertificateView,
};
pub use acquirer::{
    BlacklistAdd, BlacklistView, CardBlacklistChange, CardBlacklistQuery, CardSpan, CoverageQuery,
    CoverageReport, CoverageView, ListKind, ListsInForce, ListsQuery, PsamAdmit, PsamWithdraw,
    RecordsUpload, RecordsUploaded, RevocationsPut, RevocationsView, TerminalCoverage, TerminalLag,
    TerminalRegister, UploadKind, UploadOutcome,
};
pub use amount::AmountE7;
pub use audit::{
    AlarmView, BalanceView, LedgerView, RejectedUpload, RejectedView, RideDirection, RideRole,
    RideState, RideView, RidesQuery, RidesView,
};
pub use caller::{
    CALLER_ACTS_MAX, CallerActRequest, CallerActView, CallerActed, CallerActsQuery, CallerActsView,
    CallerAdmit, CallerAwaitingView, CallerKeyView, CallerRotate, CallerState, CallerView,
    CallersView, FileEnvelopeView, FileEnvelopesView,
};
pub use chain::{
    ChainBeginAnew, ChainEnded, ChainFaultView, ChainGap, ChainLink, ChainPlace, ChainView,
    ChainsView, UploadChain,
};
pub use day::{DayPhase, DayView, PositionView};
pub use error::ApiError;
pub use face::{
    FaceCapture, FaceConsent, FaceConsentProof, FaceDigits, FaceEnrol, FaceLiveness, FacePlace,
    FacePlaceState, FaceScope, FaceState, FaceTemplate, FaceTerminalPut, FaceTerminalView,
    FaceTerminalsView, FaceTermsView, FaceView, GalleryConfirm,
};
pub use file::{
    FileConfirm, FileInfo, FileReceipt, FilesView, MadeFile, MadeFilesView, ReceiptKind,
    ReceiverQuery,
};
pub use hex::Hex;
pub use node::{HealthView, PumpProblem, PumpReport, PumpStep};
pub use paper::{
    KeyNote, KeyNotesPut, KeyNotesTaken, KeyNotesView, KeyUseAnchorKey, KeyUseLine, KeyUsesQuery,
    KeyUsesView, PaperView, PapersView,
};

/// Header of `PUT /exchange/files/{name}`: the sending institution's code, 8 digits.
pub const SENDER_HEADER: &str = "tongtu-sender";
/// Header that tells a server with a simulated clock what time it is: Unix seconds.
///
/// A server that runs on real time ignores it.
pub const NOW_HEADER: &str = "tongtu-now";

/// Header of every answer of a node that knows the time: Unix seconds, by which terminals may
/// check their own clocks.
pub const TIME_HEADER: &str = "tongtu-time";
/// Header of a request: its envelope, in hex.
pub const ENVELOPE_HEADER: &str = "tongtu-envelope";
/// Header of every answer: the node's present life, 8 bytes in hex.
pub const LIFE_HEADER: &str = "tongtu-life";
/// Header of an exchange file: its sender's envelope, in hex.
pub const FILE_ENVELOPE_HEADER: &str = "tongtu-file-envelope";
/// Header of an answer about lists: their version.
pub const VERSION_HEADER: &str = "tongtu-version";

#[cfg(test)]
mod golden;
