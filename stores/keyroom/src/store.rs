//! Opening a room's files, and adding a step to all of them.

use std::collections::BTreeMap;

use tongtu_crypto::sm3;
use tongtu_hsm::VaultState;

use crate::error::{FrameFault, OpenError, RoomFault, StoreError};
use crate::frame::{self, CONTENT_MAX, Content, Head, Intent, Part, Step, StepHead};
use crate::medium::{File, Medium};

/// Bytes of a first frame, whose content is 17 bytes and a name.
const HEAD_FRAME_MIN: u64 = 50 + 18 + 33;

/// Bytes and records of a file so far.
#[derive(Debug, Clone, Copy, Default)]
struct Extent {
    bytes: u64,
    records: u64,
}

/// The files of a room, held by this process alone.
#[derive(Debug)]
pub struct RoomStore<M> {
    medium: M,
    head: Head,
    /// Frames so far, the head included.
    records: u64,
    /// Steps so far.
    steps: u64,
    value: sm3::Digest,
    extents: BTreeMap<Part, Extent>,
    /// The custody as the last step that says something of it left it.
    vault: Option<VaultState>,
    /// An intent without its step.
    open: Option<Intent>,
    is_broken: bool,
}

/// A room that was opened, and what opening had to do.
#[derive(Debug)]
pub struct Opened<M> {
    /// The room.
    pub store: RoomStore<M>,
    /// Bytes of a step that was never finished, and were cut off.
    pub cut: u64,
    /// Files to which the last step was written again.
    pub completed: Vec<File>,
}

fn io(doing: &'static str, file: File) -> impl FnOnce(std::io::Error) -> RoomFault {
    move |source| RoomFault::Io {
        doing,
        file,
        source,
    }
}

impl<M: Medium> RoomStore<M> {
    /// Makes a room's files.
    ///
    /// # Errors
    /// [`StoreError`]: a room is there already, or the device refuses.
    pub fn make(medium: M, head: Head) -> Result<Self, StoreError> {
        let mut medium = medium;
        for file in File::ALL {
            if medium.len(file).map_err(io("look at", file))? > 0 {
                let is_whole = file != File::Steps || is_made(&medium)?;
                if is_whole {
                    return Err(RoomFault::Exists.into());
                }
                // What a power cut left of a room that nobody ever saw.
                medium.truncate(file, 0).map_err(io("empty", file))?;
            }
        }
        let content = Content::Head(head.clone());
        let (bytes, value) = frame::write(0, [0; 32], &content)?;
        let file = File::Steps;
        medium.append(file, &bytes).map_err(io("write", file))?;
        medium.sync(file).map_err(io("keep", file))?;
        Ok(Self {
            medium,
            head,
            records: 1,
            steps: 0,
            value,
            extents: BTreeMap::new(),
            vault: None,
            open: None,
            is_broken: false,
        })
    }

    /// Opens a room; each step is handed to `take`, in order, and then never kept.
    ///
    /// # Errors
    /// [`OpenError`] naming the file and the record that is not as it was, or what `take` says.
    pub fn open<E>(
        medium: M,
        mut take: impl FnMut(&Head, &Step) -> Result<(), E>,
    ) -> Result<Opened<M>, OpenError<E>> {
        let mut reading = Reading::begin(medium)?;
        while let Some(content) = reading.next()? {
            let record = reading.store.records - 1;
            if let Content::Step(step) = content {
                let taken = take(&reading.store.head, &step);
                taken.map_err(|error| OpenError::Step { record, error })?;
            }
        }
        Ok(reading.finish()?)
    }

    /// Which room this is.
    #[must_use]
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// How many steps there are.
    #[must_use]
    pub const fn steps(&self) -> u64 {
        self.steps
    }

    /// The custody as the last step left it.
    #[must_use]
    pub const fn vault(&self) -> Option<&VaultState> {
        self.vault.as_ref()
    }

    /// What was about to be done in the custody when the last process ended.
    #[must_use]
    pub const fn open_intent(&self) -> Option<&Intent> {
        self.open.as_ref()
    }

    /// The device.
    #[must_use]
    pub const fn medium(&self) -> &M {
        &self.medium
    }

    /// Says what will be in the custody, before it is touched. Safe when this returns.
    ///
    /// # Errors
    /// [`StoreError`]; nothing may then be done.
    pub fn intend(&mut self, intent: Intent) -> Result<(), StoreError> {
        self.whole()?;
        self.add(&Content::Intent(intent.clone()))?;
        self.open = Some(intent);
        Ok(())
    }

    /// Keeps a step in all files. Safe when this returns.
    ///
    /// # Errors
    /// [`StoreError`]; after [`StoreError::Fault`] the room must be opened again, which says
    /// whether the step was kept.
    pub fn commit(&mut self, step: &Step) -> Result<(), StoreError> {
        self.whole()?;
        if !step.entries.iter().any(|entry| entry.part == Part::Line) {
            return Err(StoreError::NoLine);
        }
        self.steps += 1;
        let content = Content::Step(step.clone());
        if let Err(error) = self.add(&content) {
            self.steps -= 1;
            return Err(error);
        }
        self.open = None;
        self.vault = step.vault.or(self.vault);
        let kept = self.keep_parts(step);
        self.is_broken |= kept.is_err();
        kept?;
        // Needs no sync: without it the files are compared and completed once more.
        self.append_frame(&Content::Done)
    }

    const fn whole(&self) -> Result<(), StoreError> {
        if self.is_broken {
            Err(StoreError::Broken)
        } else {
            Ok(())
        }
    }

    /// Appends a frame and waits until it is safe.
    fn add(&mut self, content: &Content) -> Result<(), StoreError> {
        self.append_frame(content)?;
        let file = File::Steps;
        let synced = self.medium.sync(file).map_err(io("keep", file));
        self.is_broken |= synced.is_err();
        Ok(synced?)
    }

    fn append_frame(&mut self, content: &Content) -> Result<(), StoreError> {
        let (bytes, value) = frame::write(self.steps, self.value, content)?;
        let limit = CONTENT_MAX;
        if bytes.len() > limit {
            let found = bytes.len();
            return Err(StoreError::TooLong { found, limit });
        }
        let file = File::Steps;
        let appended = self.medium.append(file, &bytes).map_err(io("write", file));
        self.is_broken |= appended.is_err();
        appended?;
        (self.value, self.records) = (value, self.records + 1);
        Ok(())
    }

    fn keep_parts(&mut self, step: &Step) -> Result<(), RoomFault> {
        for (part, bytes, records) in by_part(step) {
            let file = File::Of(part);
            self.medium
                .append(file, &bytes)
                .map_err(io("write", file))?;
            self.medium.sync(file).map_err(io("keep", file))?;
            let extent = self.extents.entry(part).or_default();
            extent.bytes += len(&bytes);
            extent.records += records;
        }
        Ok(())
    }
}

/// Whether the first frame is there as a whole.
fn is_made(medium: &impl Medium) -> Result<bool, RoomFault> {
    let file = File::Steps;
    let mut head = [0; StepHead::LEN];
    let found = medium
        .read_at(file, 0, &mut head)
        .map_err(io("read", file))?;
    let there = medium.len(file).map_err(io("read", file))?;
    Ok(match frame::len_of(&head) {
        Ok((_, size)) if found == head.len() => there >= u64::try_from(size).unwrap_or(u64::MAX),
        _ => false,
    })
}

fn len(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).expect("a length in memory")
}

/// What a step adds to each file: kind, bytes, records.
fn by_part(step: &Step) -> Vec<(Part, Vec<u8>, u64)> {
    Part::ALL
        .into_iter()
        .filter_map(|part| {
            let mut records = 0;
            let mut bytes = Vec::new();
            for entry in step.entries.iter().filter(|entry| entry.part == part) {
                bytes.extend(&entry.bytes);
                records += 1;
            }
            (records > 0).then_some((part, bytes, records))
        })
        .collect()
}

/// A room while it is being opened.
struct Reading<M> {
    store: RoomStore<M>,
    at: u64,
    end: u64,
    cut: u64,
    /// The last step, until it is said to be done.
    last: Option<Step>,
    /// Files that are behind that step, and the first record that they lack or have otherwise.
    behind: Vec<(Part, u64)>,
}

impl<M: Medium> Reading<M> {
    fn begin(medium: M) -> Result<Self, RoomFault> {
        let end = medium.len(File::Steps).map_err(io("read", File::Steps))?;
        if end == 0 {
            return Err(RoomFault::NoRoom);
        }
        let head = Head {
            room: [0; 16],
            mark: tongtu_hsm::Mark::Test,
            device: String::new(),
            token: None,
        };
        let mut reading = Self {
            store: RoomStore {
                medium,
                head,
                records: 0,
                steps: 0,
                value: [0; 32],
                extents: BTreeMap::new(),
                vault: None,
                open: None,
                is_broken: false,
            },
            at: 0,
            end,
            cut: 0,
            last: None,
            behind: Vec::new(),
        };
        let fault = |fault| RoomFault::Steps { record: 0, fault };
        match reading.frame()? {
            Ok((0, Content::Head(head))) => reading.store.head = head,
            // A room whose first frame is not whole was never made.
            Err(FrameFault::CutOff) if end < HEAD_FRAME_MIN => return Err(RoomFault::NoRoom),
            Ok((_, other)) => return Err(fault(FrameFault::Kind(other.kind()))),
            Err(other) => return Err(fault(other)),
        }
        Ok(reading)
    }

    /// Reads the frame that follows and goes on behind it.
    fn frame(&mut self) -> Result<Result<(u64, Content), FrameFault>, RoomFault> {
        let file = File::Steps;
        let medium = &self.store.medium;
        let read_at = |at, out: &mut [u8]| medium.read_at(file, at, out).map_err(io("read", file));
        let mut head = [0; StepHead::LEN];
        if read_at(self.at, &mut head)? < head.len() {
            return Ok(Err(FrameFault::CutOff));
        }
        let (head, size) = match frame::len_of(&head) {
            Ok(found) => found,
            Err(fault) => return Ok(Err(fault)),
        };
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        if size > left {
            return Ok(Err(FrameFault::CutOff));
        }
        let mut bytes = vec![0; size];
        if read_at(self.at, &mut bytes)? < size {
            return Ok(Err(FrameFault::CutOff));
        }
        Ok(
            frame::read(&head, &bytes, self.store.value).map(|(content, value)| {
                self.at += len(&bytes);
                self.store.value = value;
                self.store.records += 1;
                (head.number, content)
            }),
        )
    }

    /// The next frame that is whole; at the end nothing.
    fn next(&mut self) -> Result<Option<Content>, RoomFault> {
        if self.at == self.end {
            return Ok(None);
        }
        let record = self.store.records;
        let fault = |fault| RoomFault::Steps { record, fault };
        let (number, content) = match self.frame()? {
            Ok(found) => found,
            Err(broken) => {
                if !self.is_unfinished(broken)? {
                    return Err(fault(broken));
                }
                self.cut = self.end - self.at;
                return Ok(None);
            }
        };
        let steps = self.store.steps;
        match &content {
            Content::Intent(intent) if self.store.open.is_none() && number == steps => {
                self.close_last()?;
                self.store.open = Some(intent.clone());
            }
            Content::Step(step) if number == steps + 1 => {
                self.close_last()?;
                self.store.open = None;
                self.store.steps = number;
                self.store.vault = step.vault.or(self.store.vault);
                self.compare(step)?;
                self.last = Some(step.clone());
            }
            Content::Done if self.last.is_some() && number == steps => {
                self.close_last()?;
            }
            other => return Err(fault(FrameFault::Kind(other.kind()))),
        }
        Ok(Some(content))
    }

    /// A frame behind it says that a step was kept in every file.
    fn close_last(&mut self) -> Result<(), RoomFault> {
        self.last = None;
        match self.behind.first() {
            None => Ok(()),
            Some((part, record)) => Err(RoomFault::Differs {
                file: File::Of(*part),
                record: *record,
            }),
        }
    }

    /// Compares a step with what the files have. Whether a difference is damage or was never
    /// written is said by the frame behind it.
    fn compare(&mut self, step: &Step) -> Result<(), RoomFault> {
        for (part, bytes, records) in by_part(step) {
            let file = File::Of(part);
            let extent = self.store.extents.entry(part).or_default();
            let mut there = vec![0; bytes.len()];
            let found = self
                .store
                .medium
                .read_at(file, extent.bytes, &mut there)
                .map_err(io("read", file))?;
            if there[..found] != bytes {
                let record = extent.records + differing(step, part, &there[..found]);
                self.behind.push((part, record));
            }
            extent.bytes += len(&bytes);
            extent.records += records;
        }
        Ok(())
    }

    /// Whether what is at the end was never finished; otherwise it is damage.
    fn is_unfinished(&self, fault: FrameFault) -> Result<bool, RoomFault> {
        if self.last.is_some() {
            // Only one frame follows on a step, and its bytes are known.
            let done = frame::write(self.store.steps, self.store.value, &Content::Done);
            let done = done.map_or_else(|_| Vec::new(), |(bytes, _)| bytes);
            return Ok(is_torn(&self.tail(CONTENT_MAX)?, &done));
        }
        // The files are written after a frame is safe. So if one has more than the frames say, the
        // frame was whole once.
        for part in Part::ALL {
            let file = File::Of(part);
            let known = self.store.extents.get(&part).map_or(0, |e| e.bytes);
            if self.store.medium.len(file).map_err(io("read", file))? > known {
                return Ok(false);
            }
        }
        // No frame ends with a zero; a block that was never written out does.
        let is_blank = self.tail(CONTENT_MAX)?.last() == Some(&0);
        Ok(fault == FrameFault::CutOff || is_blank)
    }

    fn tail(&self, limit: usize) -> Result<Vec<u8>, RoomFault> {
        let file = File::Steps;
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let mut tail = vec![0; left.min(limit)];
        let found = self.store.medium.read_at(file, self.at, &mut tail);
        tail.truncate(found.map_err(io("read", file))?);
        Ok(tail)
    }

    /// Cuts off what was never finished, writes what files lack, and looks behind their ends.
    fn finish(mut self) -> Result<Opened<M>, RoomFault> {
        let file = File::Steps;
        if self.cut > 0 {
            self.store
                .medium
                .truncate(file, self.at)
                .map_err(io("cut", file))?;
        }
        let behind = std::mem::take(&mut self.behind);
        if let Some(step) = self.last.take() {
            for (part, bytes, _) in by_part(&step) {
                if !behind.iter().any(|(other, _)| *other == part) {
                    continue;
                }
                let file = File::Of(part);
                let extent = self.store.extents.get(&part).copied().unwrap_or_default();
                let from = extent.bytes - len(&bytes);
                let medium = &mut self.store.medium;
                if medium.len(file).map_err(io("read", file))? > from {
                    medium.truncate(file, from).map_err(io("cut", file))?;
                }
                medium.append(file, &bytes).map_err(io("write", file))?;
                medium.sync(file).map_err(io("keep", file))?;
            }
            let record = self.store.records;
            let done = self.store.append_frame(&Content::Done);
            done.map_err(|error| match error {
                StoreError::Fault(fault) => fault,
                _ => RoomFault::Steps {
                    record,
                    fault: FrameFault::Content,
                },
            })?;
        }
        let completed = behind.iter().map(|(part, _)| File::Of(*part)).collect();
        for part in Part::ALL {
            let file = File::Of(part);
            let extent = self.store.extents.get(&part).copied().unwrap_or_default();
            let there = self.store.medium.len(file).map_err(io("read", file))?;
            if there > extent.bytes {
                let record = extent.records;
                return Err(RoomFault::Longer { file, record });
            }
        }
        Ok(Opened {
            store: self.store,
            cut: self.cut,
            completed,
        })
    }
}

/// The first of a step's entries of a kind that is not as in `there`, counted from 1.
fn differing(step: &Step, part: Part, there: &[u8]) -> u64 {
    let mut rest = there;
    let mut number = 1;
    for entry in step.entries.iter().filter(|entry| entry.part == part) {
        match rest.strip_prefix(&entry.bytes[..]) {
            Some(after) => rest = after,
            None => break,
        }
        number += 1;
    }
    number
}

/// Whether bytes are the beginning of others, and zeros where a device wrote nothing out.
fn is_torn(found: &[u8], whole: &[u8]) -> bool {
    let same = found.iter().zip(whole).take_while(|(a, b)| a == b).count();
    same < whole.len() && found[same..].iter().all(|byte| *byte == 0)
}
