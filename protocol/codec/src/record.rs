//! The [`record!`](crate::record) table and what is read from it.

use alloc::string::String;
use alloc::vec::Vec;

/// How sure we are of a field's place and meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    /// In the text of a standard or rule.
    Std,
    /// Seen in public implementations.
    Impl,
    /// Our reasoning; a bought standard may correct it.
    Inferred,
    /// Ours: the standards leave it open.
    Ours,
}

impl Certainty {
    /// One word, as the documents print it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Std => "std",
            Self::Impl => "impl",
            Self::Inferred => "inferred",
            Self::Ours => "ours",
        }
    }
}

/// One row of a record table.
#[derive(Debug, Clone, Copy)]
pub struct FieldSpec {
    /// Field name, as in the struct.
    pub name: &'static str,
    /// 0-based offset of its first byte.
    pub offset: usize,
    /// Length in bytes.
    pub len: usize,
    /// Encoding letter: `B`, `cn`, `n`, `an`, `H`.
    pub letter: &'static str,
    /// How sure we are.
    pub certainty: Certainty,
    /// English title.
    pub en: &'static str,
    /// Chinese title (the standard's own where it has one).
    pub zh: &'static str,
}

/// A whole record table.
#[derive(Debug, Clone, Copy)]
pub struct RecordSpec {
    /// Struct name.
    pub name: &'static str,
    /// Total length in bytes.
    pub len: usize,
    /// Its documentation comment.
    pub doc: &'static str,
    /// Its rows, in order.
    pub fields: &'static [FieldSpec],
}

/// One field of one record, as a person reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldView {
    /// Field name.
    pub name: &'static str,
    /// English title.
    pub en: &'static str,
    /// Chinese title.
    pub zh: &'static str,
    /// Absolute offset of its first byte.
    pub offset: usize,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its value in words, or what is wrong with it.
    pub value: Result<String, crate::FieldError>,
}

/// Says at compile time that fields follow each other without gap or overlap and fill `len`.
///
/// # Panics
/// At compile time, when they do not.
pub const fn check_layout(spans: &[(usize, usize)], len: usize) {
    let mut end = 0;
    let mut i = 0;
    while i < spans.len() {
        assert!(spans[i].0 >= end, "record table: fields overlap");
        assert!(spans[i].0 == end, "record table: gap between fields");
        assert!(spans[i].1 > spans[i].0, "record table: empty field");
        end = spans[i].1;
        i += 1;
    }
    assert!(end == len, "record table: fields do not fill the record");
}

/// The record table as a Markdown table, offsets shown as 0-based half-open ranges.
#[must_use]
pub fn markdown(spec: &RecordSpec) -> String {
    use core::fmt::Write as _;
    let mut out = String::new();
    let write = |out: &mut String| -> core::fmt::Result {
        writeln!(out, "### {} — {} bytes\n", spec.name, spec.len)?;
        for line in spec.doc.lines() {
            writeln!(out, "{}", line.trim())?;
        }
        writeln!(
            out,
            "\n| bytes | len | form | field | meaning | 含义 | certainty |"
        )?;
        writeln!(out, "| --- | --- | --- | --- | --- | --- | --- |")?;
        for f in spec.fields {
            let (from, to) = (f.offset, f.offset + f.len);
            let (len, letter, name, en, zh) = (f.len, f.letter, f.name, f.en, f.zh);
            let certainty = f.certainty.as_str();
            writeln!(
                out,
                "| {from}..{to} | {len} | {letter} | `{name}` | {en} | {zh} | {certainty} |"
            )?;
        }
        Ok(())
    };
    write(&mut out).expect("writing to a String does not fail");
    out
}

/// Declares a fixed-length record: one table gives struct, codec, description and document.
///
/// Each row: `[from..to] name: Type as Encoding, Certainty, "English", "中文";` with 0-based
/// half-open byte ranges. Gaps, overlaps and a wrong total do not compile.
///
/// ```
/// use tongtu_codec::{Be, record};
///
/// record! {
///     /// Guide domain (引导域).
///     pub struct Guide: 3 {
///         [0..1] kind_version: u8 as Be, Std, "type and version", "类型标识、版本";
///         [1..3] body_len: u16 as Be, Std, "data length", "数据长度";
///     }
/// }
///
/// let guide = Guide::decode(&[0x81, 0x01, 0x49])?;
/// assert_eq!(guide.body_len, 0x0149);
/// assert_eq!(guide.encode()?, [0x81, 0x01, 0x49]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A gap is a compile error:
/// ```compile_fail
/// # use tongtu_codec::{Be, record};
/// record! {
///     /// Gap.
///     pub struct Gap: 4 {
///         [0..1] a: u8 as Be, Std, "a", "甲";
///         [2..4] b: u16 as Be, Std, "b", "乙";
///     }
/// }
/// ```
/// So is an overlap:
/// ```compile_fail
/// # use tongtu_codec::{Be, record};
/// record! {
///     /// Overlap.
///     pub struct Overlap: 3 {
///         [0..2] a: u16 as Be, Std, "a", "甲";
///         [1..3] b: u16 as Be, Std, "b", "乙";
///     }
/// }
/// ```
#[macro_export]
macro_rules! record {
    (
        $(#[doc = $doc:literal])+
        pub struct $name:ident : $len:literal {
            $( [$from:literal .. $to:literal] $field:ident : $t:ty as $enc:ty, $certainty:ident,
               $en:literal, $zh:literal; )+
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            $(
                #[doc = concat!($en, " (", $zh, "), bytes ", $from, "..", $to, ".")]
                pub $field: $t,
            )+
        }

        const _: () = $crate::check_layout(&[$(($from, $to)),+], $len);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $len;

            /// The table that this record is made from.
            pub const SPEC: $crate::RecordSpec = $crate::RecordSpec {
                name: stringify!($name),
                len: $len,
                doc: concat!($($doc, "\n"),+),
                fields: &[$($crate::FieldSpec {
                    name: stringify!($field),
                    offset: $from,
                    len: $to - $from,
                    letter: <$enc as $crate::Encoding<$t>>::LETTER,
                    certainty: $crate::Certainty::$certainty,
                    en: $en,
                    zh: $zh,
                }),+],
            };

            /// Reads the record from exactly [`Self::LEN`] bytes.
            ///
            /// # Errors
            /// [`DecodeError`]($crate::DecodeError) naming the first field that does not hold.
            pub fn decode(bytes: &[u8]) -> ::core::result::Result<Self, $crate::DecodeError> {
                if bytes.len() != $len {
                    let kind = if bytes.len() < $len {
                        $crate::FieldError::Truncated { needed: $len, found: bytes.len() }
                    } else {
                        $crate::FieldError::Trailing { extra: bytes.len() - $len }
                    };
                    let record = stringify!($name);
                    return Err($crate::DecodeError { record, field: "length", offset: 0, kind });
                }
                Ok(Self {
                    $($field: <$enc as $crate::Encoding<$t>>::decode(&bytes[$from..$to]).map_err(
                        |kind| $crate::DecodeError {
                            record: stringify!($name),
                            field: stringify!($field),
                            offset: $from,
                            kind,
                        },
                    )?,)+
                })
            }

            /// Writes the record over exactly [`Self::LEN`] bytes.
            ///
            /// # Errors
            /// [`EncodeError`]($crate::EncodeError) naming the first field that does not fit.
            pub fn encode_into(
                &self,
                out: &mut [u8],
            ) -> ::core::result::Result<(), $crate::EncodeError> {
                if out.len() != $len {
                    let kind = $crate::FieldError::TooLong { needed: $len, width: out.len() };
                    let record = stringify!($name);
                    return Err($crate::EncodeError { record, field: "length", kind });
                }
                $(<$enc as $crate::Encoding<$t>>::encode(&self.$field, &mut out[$from..$to])
                    .map_err(|kind| $crate::EncodeError {
                        record: stringify!($name),
                        field: stringify!($field),
                        kind,
                    })?;)+
                Ok(())
            }

            /// The record's bytes.
            ///
            /// # Errors
            /// [`EncodeError`]($crate::EncodeError) naming the first field that does not fit.
            pub fn encode(
                &self,
            ) -> ::core::result::Result<$crate::alloc::vec::Vec<u8>, $crate::EncodeError> {
                let mut out = $crate::alloc::vec![0; $len];
                self.encode_into(&mut out)?;
                Ok(out)
            }

            /// Every field of `bytes` that is there, good or bad, offsets counted from `base`.
            #[must_use]
            pub fn describe(
                bytes: &[u8],
                base: usize,
            ) -> $crate::alloc::vec::Vec<$crate::FieldView> {
                let mut views = $crate::alloc::vec::Vec::new();
                $(if let Some(field) = bytes.get($from..$to) {
                    views.push($crate::FieldView {
                        name: stringify!($field),
                        en: $en,
                        zh: $zh,
                        offset: base + $from,
                        bytes: field.to_vec(),
                        value: <$enc as $crate::Encoding<$t>>::decode(field)
                            .map(|value| <$enc as $crate::Encoding<$t>>::show(&value)),
                    });
                })+
                views
            }
        }
    };
}
