//! LD: what became of each file that a member sent.

use alloc::string::{String, ToString};

use tongtu_codec::{Ascii, Digits, record};

use super::fixed_record;
use crate::encoding::Kept;
use crate::gb::Gb;
use crate::{GbText, ResultCode};

record! {
    /// LD, processed-file list (消费已处理文件清单): one line per file.
    ///
    /// Source: JT/T 978.4-2015 §6.2.2.1 as implemented.
    pub struct LdRecord: 148 {
        [0..8] file_sequence: u64 as Digits, Impl, "sequence of this list", "文件序号";
        [8..12] line_number: u64 as Digits, Impl, "line in this list, from 1", "行号";
        [12..62] file_name: String as Ascii, Impl, "name of the processed file", "文件名";
        [62..68] result: ResultCode as Digits, Impl, "result code", "处理结果";
        [68..108] text: GbText<40> as Gb, Impl, "result text", "结果描述";
        [108..148] reserved: [u8; 40] as Kept, Impl, "reserved", "保留";
    }
}

impl LdRecord {
    /// The answer to one file; its name is a text, because a wrong name needs an answer too.
    ///
    /// `list_sequence` is the sequence in this LD file's own name, of which the last eight
    /// digits go in; `line_number` counts the lines of this list from 1. Of the name, 50
    /// characters go in, `?` for each that is not printable ASCII.
    // UNSPECIFIED: the twelve digits are known to be "file sequence 8 + line 4" and no more;
    // we read them as the running number of the list's own lines.
    #[must_use]
    pub fn answer(
        list_sequence: u64,
        line_number: u64,
        file_name: &str,
        result: ResultCode,
    ) -> Self {
        Self {
            file_sequence: list_sequence % 100_000_000,
            line_number,
            file_name: printable(file_name),
            result,
            text: if result.is_ok() {
                GbText::fit("SUCCESS")
            } else {
                result.text()
            },
            reserved: [b'F'; 40],
        }
    }
}

/// A name from outside, as the field can hold it.
fn printable(name: &str) -> String {
    let shown = |c: char| if matches!(c, ' '..='~') { c } else { '?' };
    name.chars()
        .take(50)
        .map(shown)
        .collect::<String>()
        .trim_end()
        .to_string()
}

fixed_record!(LdRecord, LD);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_can_be_answered() {
        let long = "城\r\n".to_string() + &"x".repeat(60);
        let record = LdRecord::answer(12_345_678_901, 9999, &long, ResultCode::FILE_NAME);
        assert_eq!(record.file_name, "???".to_string() + &"x".repeat(47));
        assert_eq!(record.file_sequence, 45_678_901);
        assert_eq!(record.text.to_string(), "文件名错误");
        let bytes = record.encode().unwrap();
        assert_eq!(LdRecord::decode(&bytes).unwrap(), record);
    }
}
