//! A signed file for terminals on its way: from where it broke off, piece by piece.

use reqwest::StatusCode;
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG, IF_RANGE, RANGE};
use tongtu_api::VERSION_HEADER;

use super::error::{ClientError, Malformed};
use super::wire::{Answer, LONG_TIMEOUT, Request};

/// The longest file that is taken.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// What is there of a file already.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Begun {
    /// The file's tag, as [`Transfer::tag`] gave it.
    pub tag: String,
    /// How many of its first bytes are there.
    pub len: u64,
}

/// What a node has for a terminal.
#[derive(Debug)]
pub enum Offer {
    /// Nothing newer than what the terminal has.
    Nothing {
        /// The node's newest version; below the terminal's, the node was set back.
        newest: u64,
    },
    /// A file.
    File(Transfer),
}

/// A file whose bytes are still to come.
#[derive(Debug)]
pub struct Transfer {
    tag: String,
    version: u64,
    from: u64,
    len: u64,
    answer: Answer,
}

impl Transfer {
    /// What tells this file from every other one.
    #[must_use]
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// The version that the file leads to.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// From which byte of the file on its bytes come: where the beginning ends that is there, or
    /// 0 when it is the beginning of another file.
    #[must_use]
    pub const fn from(&self) -> u64 {
        self.from
    }

    /// Length of the whole file.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether the file has no bytes at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The next bytes; none once all are there.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`] when the line breaks: what came so far is good.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, ClientError> {
        self.answer.piece().await
    }

    /// All of it at once.
    ///
    /// # Errors
    /// As [`Transfer::next`].
    pub async fn whole(self) -> Result<Vec<u8>, ClientError> {
        self.answer.bytes().await
    }
}

/// Asks for a file, or for what is missing of it.
pub(super) async fn offered(
    mut request: Request,
    begun: Option<&Begun>,
) -> Result<Offer, ClientError> {
    if let Some(begun) = begun {
        let range = format!("bytes={}-", begun.len);
        request = request
            .header(RANGE.as_str(), &range)
            .header(IF_RANGE.as_str(), &begun.tag);
    }
    let answer = request.timeout(LONG_TIMEOUT).send().await?;
    offer(answer, begun)
}

/// All of an offered file; nothing where there is nothing newer.
pub(super) async fn whole(offer: Offer) -> Result<Option<Vec<u8>>, ClientError> {
    match offer {
        Offer::Nothing { .. } => Ok(None),
        Offer::File(transfer) => transfer.whole().await.map(Some),
    }
}

/// Reads the head of an answer about a list.
fn offer(answer: Answer, begun: Option<&Begun>) -> Result<Offer, ClientError> {
    let malformed = Malformed {
        request: answer.request().to_owned(),
    };
    let version = answer.header(VERSION_HEADER).and_then(|v| v.parse().ok());
    let Some(version) = version else {
        return Err(malformed.what(format!(
            "no version in header {VERSION_HEADER}, expected one"
        )));
    };
    let status = answer.status();
    if status == StatusCode::NO_CONTENT {
        return Ok(Offer::Nothing { newest: version });
    }
    let tag = answer.header(ETAG.as_str()).unwrap_or_default().to_owned();
    let (from, len) = if status == StatusCode::PARTIAL_CONTENT {
        let range = answer.header(CONTENT_RANGE.as_str()).and_then(range);
        let asked = begun.filter(|begun| begun.tag == tag).map(|b| b.len);
        match range {
            Some((from, len)) if Some(from) == asked => (from, len),
            _ => {
                return Err(malformed.what(String::from(
                    "another part of the file than was asked for, expected its end",
                )));
            }
        }
    } else {
        let len = answer.header(CONTENT_LENGTH.as_str());
        match len.and_then(|len| len.parse().ok()) {
            Some(len) => (0, len),
            None => {
                return Err(malformed.what(String::from("no length of the file, expected one")));
            }
        }
    };
    if len > FILE_BYTES_MAX {
        let what = format!("a file of {len} bytes, expected at most {FILE_BYTES_MAX}");
        return Err(malformed.what(what));
    }
    Ok(Offer::File(Transfer {
        tag,
        version,
        from,
        len,
        answer,
    }))
}

/// `bytes FROM-LAST/LEN`, up to the end of the file.
fn range(text: &str) -> Option<(u64, u64)> {
    let (range, len) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (from, last) = range.split_once('-')?;
    let (from, last, len): (u64, u64, u64) =
        (from.parse().ok()?, last.parse().ok()?, len.parse().ok()?);
    (from <= last && last.checked_add(1) == Some(len)).then_some((from, len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_reaches_the_end_or_is_none() {
        assert_eq!(range("bytes 5-9/10"), Some((5, 10)));
        assert_eq!(range("bytes 9-9/10"), Some((9, 10)));
        for other in [
            "bytes 5-8/10",
            "bytes 5-9/*",
            "bytes 9-5/6",
            "5-9/10",
            "bytes */10",
            "bytes 0-18446744073709551615/0",
        ] {
            assert_eq!(range(other), None, "{other}");
        }
    }
}
