//! The forms that commands of content management have: length-value fields and BER-TLV.

/// The value of a length in its forms, and what follows; 128 may be one byte where fields are told
/// from each other by their lengths alone (GP 2.3.1 §11.1.5).
fn length(bytes: &[u8], short_128: bool) -> Option<(usize, &[u8])> {
    match bytes {
        [len @ ..=0x7F, rest @ ..] => Some((usize::from(*len), rest)),
        [0x80, rest @ ..] if short_128 => Some((128, rest)),
        [0x81, len, rest @ ..] => Some((usize::from(*len), rest)),
        [0x82, high, low, rest @ ..] => Some((usize::from(*high) * 256 + usize::from(*low), rest)),
        _ => None,
    }
}

/// The length-value fields of an INSTALL, and how many bytes stand before the last of them.
pub(super) fn fields(data: &[u8]) -> Option<(Vec<Vec<u8>>, usize)> {
    let mut out = Vec::new();
    let mut rest = data;
    let mut last = 0;
    while !rest.is_empty() {
        last = data.len() - rest.len();
        let (len, after) = length(rest, true)?;
        let (value, after) = after.split_at_checked(len)?;
        out.push(value.to_vec());
        rest = after;
    }
    Some((out, last))
}

/// An object: its tag as a number, its value, and what follows.
pub(super) fn object(bytes: &[u8]) -> Option<(u32, &[u8], &[u8])> {
    let (first, mut rest) = bytes.split_first()?;
    let mut tag = u32::from(*first);
    if first & 0x1F == 0x1F {
        // A tag has three bytes at most.
        let end = rest.iter().take(2).position(|byte| byte & 0x80 == 0)?;
        let (more, after) = rest.split_at(end + 1);
        tag = more
            .iter()
            .fold(tag, |tag, byte| tag << 8 | u32::from(*byte));
        rest = after;
    }
    let (len, rest) = length(rest, false)?;
    let (value, rest) = rest.split_at_checked(len)?;
    Some((tag, value, rest))
}

/// The objects of a string, `00` between them left out, and whether it was whole.
pub(super) fn objects(mut bytes: &[u8]) -> (Vec<(u32, &[u8])>, bool) {
    let mut out = Vec::new();
    loop {
        while let [0, rest @ ..] = bytes {
            bytes = rest;
        }
        if bytes.is_empty() {
            return (out, true);
        }
        let Some((tag, value, rest)) = object(bytes) else {
            return (out, false);
        };
        out.push((tag, value));
        bytes = rest;
    }
}

/// The value of the first object with a tag.
pub(super) fn find(bytes: &[u8], wanted: u32) -> Option<&[u8]> {
    let (all, _) = objects(bytes);
    all.into_iter()
        .find(|(tag, _)| *tag == wanted)
        .map(|(_, value)| value)
}

/// The same on any level, outer before inner.
pub(super) fn find_deep(bytes: &[u8], wanted: u32) -> Option<&[u8]> {
    if let Some(found) = find(bytes, wanted) {
        return Some(found);
    }
    let (all, _) = objects(bytes);
    all.into_iter().find_map(|(tag, value)| {
        let first = tag.to_be_bytes().into_iter().find(|byte| *byte != 0);
        let is_constructed = first.is_some_and(|first| first & 0x20 != 0);
        is_constructed.then(|| find_deep(value, wanted))?
    })
}

/// The parameters field of an INSTALL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Parameters {
    /// The application's own (C9).
    pub(super) own: Option<Vec<u8>>,
    /// Memory for code and for data that is asked for.
    pub(super) code: u64,
    pub(super) data: u64,
    /// For whom a token is.
    pub(super) control: Option<Control>,
    /// Label in the directory.
    pub(super) label: Vec<u8>,
}

impl Parameters {
    /// None when the field is not BER-TLV, or a memory value is of neither length.
    pub(super) fn read(field: &[u8]) -> Option<Self> {
        let (all, true) = objects(field) else {
            return None;
        };
        let mut out = Self::default();
        for (tag, value) in all {
            match tag {
                0xC9 => out.own = Some(value.to_vec()),
                0xB6 => out.control = Some(Control::read(value)),
                0xEF => {
                    let (system, true) = objects(value) else {
                        return None;
                    };
                    (out.code, out.data) = (0, 0);
                    for (tag, value) in system {
                        if matches!(tag, 0xC6..=0xC8) {
                            if !matches!(value.len(), 2 | 4) {
                                return None;
                            }
                            let asked = value.iter().fold(0, |n, byte| n << 8 | u64::from(*byte));
                            match tag {
                                0xC6 => out.code = asked,
                                0xC8 => out.data = asked,
                                _ => {}
                            }
                        }
                    }
                }
                _ => {}
            }
        }
        let system = find(field, 0xEF).unwrap_or_default();
        out.label = find_deep(system, 0x50).unwrap_or_default().to_vec();
        out.label.truncate(16);
        Some(out)
    }
}

/// What a token's control reference says (B6).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Control {
    /// The verifying domain's provider number (42) and image number (45).
    pub(super) provider: Option<Vec<u8>>,
    pub(super) image: Option<Vec<u8>>,
    /// The token's own number (93).
    pub(super) number: Option<Vec<u8>>,
}

impl Control {
    pub(super) fn read(value: &[u8]) -> Self {
        let get = |tag| find(value, tag).map(<[u8]>::to_vec);
        Self {
            provider: get(0x42),
            image: get(0x45),
            number: get(0x93),
        }
    }
}

/// A length in its shortest form, then the value.
pub(super) fn lv(value: &[u8]) -> Vec<u8> {
    let mut out = match value.len() {
        len @ ..=0x7F => vec![u8::try_from(len).expect("below 128")],
        len @ ..=0xFF => vec![0x81, u8::try_from(len).expect("below 256")],
        len => {
            let len = u16::try_from(len).expect("a command is far shorter");
            [&[0x82][..], &len.to_be_bytes()].concat()
        }
    };
    out.extend_from_slice(value);
    out
}

/// An object.
pub(super) fn put(tag: &[u8], value: &[u8]) -> Vec<u8> {
    [tag, &lv(value)[..]].concat()
}
