//! Lines of a chain, and what is said of uses, in their files, read a window at a time: a log may be
//! longer than memory.

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};
use std::path::Path;

use tongtu_audit::{AuditLine, KeyUse};

use crate::exit::Failure;
use crate::input::unreadable;

/// So much of the files is in memory.
const WINDOW: usize = 1 << 18;

/// Files of records of one length, one behind the other.
pub(super) struct Lines {
    files: Vec<Part>,
    /// Bytes of a record.
    record: u64,
    len: u64,
    window: Vec<u8>,
    /// Where the window begins.
    from: u64,
}

struct Part {
    name: String,
    source: Source,
    /// Where it begins in the whole.
    from: u64,
    len: u64,
}

/// Where the bytes are.
enum Source {
    File(File),
    /// Those of an answer, which is in memory as a whole anyway.
    Memory(Vec<u8>),
}

/// The first four bytes of a file.
pub(super) fn head(path: &Path) -> Result<Vec<u8>, Failure> {
    let name = path.display().to_string();
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(4).read_to_end(&mut head));
    read.map_err(|error| unreadable(&name, &error))?;
    Ok(head)
}

impl Default for Lines {
    fn default() -> Self {
        Self::of(AuditLine::LEN)
    }
}

impl Lines {
    /// Nothing yet of what is said of uses.
    pub(super) fn uses() -> Self {
        Self::of(KeyUse::LEN)
    }

    fn of(record: usize) -> Self {
        Self {
            files: Vec::new(),
            record: u64::try_from(record).unwrap_or(u64::MAX),
            len: 0,
            window: Vec::with_capacity(WINDOW),
            from: 0,
        }
    }

    /// Adds bytes at the end.
    pub(super) fn add_bytes(&mut self, name: &Path, bytes: Vec<u8>) {
        let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.push(name.display().to_string(), Source::Memory(bytes), len);
    }

    /// Whether nothing was added.
    pub(super) const fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Adds a file at the end. What it has now is what is read of it, however it grows.
    pub(super) fn add(&mut self, path: &Path) -> Result<(), Failure> {
        let name = path.display().to_string();
        let opened = File::open(path).and_then(|file| {
            let len = file.metadata()?.len();
            Ok((file, len))
        });
        let (file, len) = opened.map_err(|error| unreadable(&name, &error))?;
        self.push(name, Source::File(file), len);
        Ok(())
    }

    fn push(&mut self, name: String, source: Source, len: u64) {
        let from = self.len;
        self.len += len;
        self.files.push(Part {
            name,
            source,
            from,
            len,
        });
    }

    /// How many whole lines there are.
    pub(super) const fn count(&self) -> u64 {
        self.len / self.record
    }

    /// What stands at a place, counted from 1: a line, less at the end, nothing behind it.
    pub(super) fn at(&mut self, place: u64) -> Result<&[u8], Failure> {
        let from = (place - 1).saturating_mul(self.record).min(self.len);
        let to = from.saturating_add(self.record).min(self.len);
        let held = u64::try_from(self.window.len()).unwrap_or(u64::MAX);
        if from < self.from || to > self.from + held {
            self.load(from)?;
        }
        let start = index(from - self.from).min(self.window.len());
        let end = index(to - self.from).min(self.window.len());
        Ok(&self.window[start..end])
    }

    fn load(&mut self, from: u64) -> Result<(), Failure> {
        self.window.clear();
        self.from = from;
        for part in &mut self.files {
            let at = from.max(part.from);
            let room = WINDOW - self.window.len();
            let there = (part.from + part.len).saturating_sub(at);
            let len = index(there).min(room);
            // Parts lie one behind the other, and so do the pieces of them.
            if len > 0 {
                let read = part.source.read_at(at - part.from, len, &mut self.window);
                read.map_err(|error| unreadable(&part.name, &error))?;
            }
        }
        Ok(())
    }
}

impl Source {
    fn read_at(&mut self, at: u64, len: usize, out: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::File(file) => {
                file.seek(SeekFrom::Start(at))?;
                let before = out.len();
                out.resize(before + len, 0);
                file.read_exact(&mut out[before..])
            }
            Self::Memory(bytes) => {
                let from = index(at).min(bytes.len());
                let to = (from + len).min(bytes.len());
                out.extend_from_slice(&bytes[from..to]);
                Ok(())
            }
        }
    }
}

fn index(len: u64) -> usize {
    usize::try_from(len).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_the_same_whatever_files_they_are_cut_into() {
        let folder = std::env::temp_dir().join(format!("tongtu-lines-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        // Longer than two windows, and no whole number of lines.
        let count = 2 * WINDOW / AuditLine::LEN + 9;
        let whole: Vec<u8> = (0..count * AuditLine::LEN + 50)
            .map(|at| u8::try_from(at % 251).unwrap())
            .collect();
        for cuts in [
            &[][..],
            &[100],
            &[AuditLine::LEN * 3, WINDOW + 1, WINDOW + 2],
        ] {
            let mut lines = Lines::default();
            let ends = cuts.iter().copied().chain([whole.len()]);
            let mut from = 0;
            for (part, to) in ends.enumerate() {
                let path = folder.join(format!("part-{part}"));
                std::fs::write(&path, &whole[from..to]).unwrap();
                lines.add(&path).unwrap();
                from = to;
            }
            assert_eq!(lines.count(), u64::try_from(count).unwrap());
            // Forwards, then back to a line of long ago, then the end and behind it.
            let far = count / 2;
            for at in (0..=count).chain([2, far, 0, count, count + 1, count + 7]) {
                let from = (at * AuditLine::LEN).min(whole.len());
                let to = (from + AuditLine::LEN).min(whole.len());
                let place = u64::try_from(at + 1).unwrap();
                assert_eq!(lines.at(place).unwrap(), &whole[from..to], "{at} {cuts:?}");
                assert!(lines.window.capacity() <= WINDOW, "{cuts:?}");
            }
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
