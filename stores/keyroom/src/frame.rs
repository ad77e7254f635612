//! Frames: head, intent, step, done; each with the value of the one before it.

use tongtu_codec::{Be, EncodeError, Raw, record};
use tongtu_crypto::sm3;
use tongtu_hsm::{Mark, VaultState};

use crate::error::FrameFault;

/// First bytes of a frame.
const MAGIC: [u8; 4] = *b"TTRM";
/// The version of its form.
const VERSION: u8 = 1;
/// Bytes of the value, and of what ends a frame. That has more than one bit, so that no single
/// flipped bit makes it look like a byte that never was written.
pub(crate) const TAIL_LEN: usize = 32 + 1;
const END: u8 = 0x45;
/// The longest content.
pub(crate) const CONTENT_MAX: usize = 4 << 20;

record! {
    /// Head of a frame of a key room's steps. The content follows, then SM3 over `TTROOM1` and
    /// everything before, then 45.
    ///
    /// UNSPECIFIED: no text that we could read gives a form; all of it is ours.
    pub struct StepHead: 50 {
        [0..4] magic: [u8; 4] as Raw, Ours, "TTRM", "标识";
        [4..5] version: u8 as Be, Ours, "form, 01", "版本";
        [5..6] kind: u8 as Be, Ours, "01 head, 02 intent, 03 step, 04 done", "类型";
        [6..10] content_len: u32 as Be, Ours, "bytes of the content", "内容长度";
        [10..18] number: u64 as Be, Ours, "number of the step, from 1; 0 for the head", "步骤序号";
        [18..50] before: [u8; 32] as Raw, Ours,
            "value of the frame before, zero for the head", "前一帧值";
    }
}

/// Kinds of entries; each has a file of its own besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Part {
    /// What officers signed.
    Approval = 1,
    /// An event of the key book.
    Key = 2,
    /// An event of the certificate authority's book.
    Authority = 3,
    /// An event of the officers' register.
    Officer = 4,
    /// A public key of anchors.
    AnchorKey = 5,
    /// An audit line.
    Line = 6,
    /// An anchor.
    Anchor = 7,
    /// An event of the e-cash authority's book.
    Cash = 8,
}

impl Part {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Approval,
        Self::Key,
        Self::Authority,
        Self::Officer,
        Self::AnchorKey,
        Self::Line,
        Self::Anchor,
        Self::Cash,
    ];

    fn of(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|part| *part as u8 == byte)
    }
}

/// One entry of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Which kind.
    pub part: Part,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// The first frame: which room this is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Random; approvals say it, so that one for another room is none for this.
    pub room: [u8; 16],
    /// For tests or for production.
    pub mark: Mark,
    /// The custody's name among devices, up to 12 characters.
    pub device: String,
    /// The PKCS#11 token on which the custody was founded; a file under a passphrase has none.
    pub token: Option<TokenPlace>,
}

/// On which token a custody is, as it was at the founding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenPlace {
    /// The token's label.
    pub label: String,
    /// Its serial number: another token of the same label is another token.
    pub serial: String,
    /// The label of the wrapping key on it.
    pub wrapping_key: String,
    /// Where its maker's library was.
    pub module: String,
}

/// What will be in the custody, said before it is touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// What for.
    pub deed: String,
    /// Labels of keys that will be there and were not.
    pub labels: Vec<String>,
}

/// One step: everything that it adds to any file, and the custody as it is after it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Step {
    /// The custody's file.
    pub vault: Option<VaultState>,
    /// What is added, in order.
    pub entries: Vec<Entry>,
}

impl Step {
    /// Adds an entry.
    pub fn push(&mut self, part: Part, bytes: Vec<u8>) {
        self.entries.push(Entry { part, bytes });
    }
}

/// What a frame says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    Head(Head),
    Intent(Intent),
    Step(Step),
    /// Every file has what the step says.
    Done,
}

impl Content {
    pub(crate) const fn kind(&self) -> u8 {
        match self {
            Self::Head(_) => 1,
            Self::Intent(_) => 2,
            Self::Step(_) => 3,
            Self::Done => 4,
        }
    }

    fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Head(head) => {
                out.extend(head.room);
                out.push(match head.mark {
                    Mark::Test => 1,
                    Mark::Production => 2,
                });
                text(&mut out, &head.device);
                // Behind what every room says, so that rooms of before this was there still open.
                if let Some(token) = &head.token {
                    let TokenPlace {
                        label,
                        serial,
                        wrapping_key,
                        module,
                    } = token;
                    for part in [label, serial, wrapping_key, module] {
                        text(&mut out, part);
                    }
                }
            }
            Self::Intent(intent) => {
                text(&mut out, &intent.deed);
                for label in &intent.labels {
                    text(&mut out, label);
                }
            }
            Self::Step(step) => {
                match &step.vault {
                    None => out.push(0),
                    Some(state) => {
                        out.push(1);
                        out.extend(state.generation.to_be_bytes());
                        out.extend(state.digest);
                    }
                }
                for entry in &step.entries {
                    out.push(entry.part as u8);
                    let len = u32::try_from(entry.bytes.len()).unwrap_or(u32::MAX);
                    out.extend(len.to_be_bytes());
                    out.extend(&entry.bytes);
                }
            }
            Self::Done => {}
        }
        out
    }

    fn read(kind: u8, bytes: &[u8]) -> Result<Self, FrameFault> {
        let mut rest = bytes;
        let content = match kind {
            1 => {
                let room = *take(&mut rest)?;
                let mark = match take::<1>(&mut rest)? {
                    [1] => Mark::Test,
                    [2] => Mark::Production,
                    _ => return Err(FrameFault::Content),
                };
                let device = read_text(&mut rest)?;
                let mut token = None;
                if !rest.is_empty() {
                    token = Some(TokenPlace {
                        label: read_text(&mut rest)?,
                        serial: read_text(&mut rest)?,
                        wrapping_key: read_text(&mut rest)?,
                        module: read_text(&mut rest)?,
                    });
                }
                Self::Head(Head {
                    room,
                    mark,
                    device,
                    token,
                })
            }
            2 => {
                let deed = read_text(&mut rest)?;
                let mut labels = Vec::new();
                while !rest.is_empty() {
                    labels.push(read_text(&mut rest)?);
                }
                Self::Intent(Intent { deed, labels })
            }
            3 => {
                let vault = match take::<1>(&mut rest)? {
                    [0] => None,
                    [1] => Some(VaultState {
                        generation: u64::from_be_bytes(*take(&mut rest)?),
                        digest: *take(&mut rest)?,
                    }),
                    _ => return Err(FrameFault::Content),
                };
                let mut entries = Vec::new();
                while !rest.is_empty() {
                    let [part] = *take(&mut rest)?;
                    let part = Part::of(part).ok_or(FrameFault::Content)?;
                    let len = usize::try_from(u32::from_be_bytes(*take(&mut rest)?))
                        .map_err(|_| FrameFault::Content)?;
                    let (bytes, after) = rest.split_at_checked(len).ok_or(FrameFault::Content)?;
                    rest = after;
                    entries.push(Entry {
                        part,
                        bytes: bytes.to_vec(),
                    });
                }
                Self::Step(Step { vault, entries })
            }
            4 => Self::Done,
            _ => return Err(FrameFault::Kind(kind)),
        };
        if rest.is_empty() {
            Ok(content)
        } else {
            Err(FrameFault::Content)
        }
    }
}

fn text(out: &mut Vec<u8>, text: &str) {
    let bytes = &text.as_bytes()[..text.len().min(255)];
    out.push(u8::try_from(bytes.len()).expect("at most 255"));
    out.extend(bytes);
}

fn read_text(rest: &mut &[u8]) -> Result<String, FrameFault> {
    let [len] = *take(rest)?;
    let (bytes, after) = rest
        .split_at_checked(usize::from(len))
        .ok_or(FrameFault::Content)?;
    *rest = after;
    String::from_utf8(bytes.to_vec()).map_err(|_| FrameFault::Content)
}

fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Result<&'a [u8; N], FrameFault> {
    let (bytes, after) = rest.split_first_chunk().ok_or(FrameFault::Content)?;
    *rest = after;
    Ok(bytes)
}

/// A frame's bytes and its value.
pub(crate) fn write(
    number: u64,
    before: sm3::Digest,
    content: &Content,
) -> Result<(Vec<u8>, sm3::Digest), EncodeError> {
    let body = content.write();
    let head = StepHead {
        magic: MAGIC,
        version: VERSION,
        kind: content.kind(),
        content_len: u32::try_from(body.len()).unwrap_or(u32::MAX),
        number,
        before,
    };
    let mut bytes = head.encode()?;
    bytes.extend(body);
    let value = sm3::digest_parts(&[b"TTROOM1", &bytes]);
    bytes.extend(value);
    bytes.push(END);
    Ok((bytes, value))
}

/// How long the frame is whose head this is.
pub(crate) fn len_of(head: &[u8; StepHead::LEN]) -> Result<(StepHead, usize), FrameFault> {
    let read = StepHead::decode(head).map_err(|_| FrameFault::Content)?;
    if read.magic != MAGIC {
        return Err(FrameFault::Magic);
    }
    let content = usize::try_from(read.content_len).unwrap_or(usize::MAX);
    if content > CONTENT_MAX {
        return Err(FrameFault::Length);
    }
    Ok((read, StepHead::LEN + content + TAIL_LEN))
}

/// Reads a whole frame that follows on one of value `before`.
pub(crate) fn read(
    head: &StepHead,
    bytes: &[u8],
    before: sm3::Digest,
) -> Result<(Content, sm3::Digest), FrameFault> {
    let (covered, tail) = bytes
        .split_at_checked(bytes.len().saturating_sub(TAIL_LEN))
        .ok_or(FrameFault::CutOff)?;
    let value = sm3::digest_parts(&[b"TTROOM1", covered]);
    if tail[..32] != value || tail[32] != END {
        return Err(FrameFault::Changed);
    }
    // Authentic as far as no key can say; what it says may still be of another version.
    if head.version != VERSION {
        return Err(FrameFault::Version(head.version));
    }
    if head.before != before {
        return Err(FrameFault::Foreign);
    }
    let content = Content::read(head.kind, &covered[StepHead::LEN..])?;
    Ok((content, value))
}
