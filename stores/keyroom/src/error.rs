//! Why a room does not open, or takes no step.

use std::io;

use tongtu_codec::EncodeError;

use crate::medium::File;

/// Why bytes are no whole frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameFault {
    /// The bytes end before the frame does.
    #[error("cut off")]
    CutOff,
    /// The first bytes are not a frame's.
    #[error("no frame begins here")]
    Magic,
    /// A version that this program does not know.
    #[error("version {0:02x}, expected 01")]
    Version(u8),
    /// The length is beyond any frame's.
    #[error("length beyond any frame's")]
    Length,
    /// The value is not that of the bytes.
    #[error("changed: the value is not that of its bytes")]
    Changed,
    /// It is whole and follows on another frame.
    #[error("does not follow on the frame before it")]
    Foreign,
    /// A kind that this version does not know, or one that may not follow here.
    #[error("a frame of kind {0:02x} cannot stand here")]
    Kind(u8),
    /// The content is not what the kind calls for.
    #[error("the content is not what its kind calls for")]
    Content,
}

/// What is wrong with a room's files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RoomFault {
    /// The folder holds no room.
    #[error("there is no key room here: `steps` is not there or empty")]
    NoRoom,
    /// There is a room already.
    #[error("there is a key room here already")]
    Exists,
    /// Another process has it open.
    #[error("the key room is in use by another process")]
    InUse,
    /// A frame that was whole once is not now.
    #[error("`steps`, record {record}: {fault}")]
    Steps {
        /// Which frame, from 0 for the head.
        record: u64,
        /// What is wrong.
        fault: FrameFault,
    },
    /// A file is not what the frames say.
    #[error("`{}`, record {record}: not what the steps say", file.name())]
    Differs {
        /// The file.
        file: File,
        /// Which record, from 1.
        record: u64,
    },
    /// Something stands behind a file's last record.
    #[error("`{}`, behind record {record}: nothing should be there", file.name())]
    Longer {
        /// The file.
        file: File,
        /// Its last record.
        record: u64,
    },
    /// The device refused.
    #[error("cannot {doing} `{}`", file.name())]
    Io {
        /// What we asked for.
        doing: &'static str,
        /// Of which file.
        file: File,
        /// The device's answer.
        #[source]
        source: io::Error,
    },
}

/// Why a step is not stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A step without an audit line: nothing happens unseen.
    #[error("a step of the key room has an audit line, this one has none")]
    NoLine,
    /// More than a frame takes.
    #[error("a step of {found} bytes, expected at most {limit}")]
    TooLong {
        /// Its bytes.
        found: usize,
        /// The most.
        limit: usize,
    },
    /// Something failed before, and it is not known how far it came.
    #[error("a step failed half way: the key room must be opened again")]
    Broken,
    /// A field that cannot be written.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The device refused.
    #[error(transparent)]
    Fault(#[from] RoomFault),
}

/// Why a room does not open: its files, or what whoever reads the steps says of them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError<E> {
    /// The files.
    #[error(transparent)]
    Fault(#[from] RoomFault),
    /// A step that whoever reads them does not take.
    #[error("`steps`, record {record}: {error}")]
    Step {
        /// Which frame.
        record: u64,
        /// Why not.
        error: E,
    },
}
