//! What cards of some cities do differently, seen in public implementations and dumps.

/// A quirk of one line of real cards.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// A short name for commands and files.
    pub name: &'static str,
    /// English: whose cards, and what about them.
    pub en: &'static str,
    /// Chinese.
    pub zh: &'static str,
    /// Label and priority in the FCI.
    pub label: Option<(&'static [u8], u8)>,
    /// Version in the FCI.
    pub version: &'static [u8],
    /// Display name in the FCI.
    pub display_name: Option<&'static [u8]>,
    /// Zero bytes at the end of the FCI.
    pub padding: u8,
    /// P1 of GET BALANCE that the card knows, bit by bit.
    pub balance_kinds: u8,
    /// Local records (file 0x19): longest record and how many.
    pub local: (u8, u16),
    /// Whether the rail record carries Shanghai's CRC.
    pub rail_crc: bool,
}

const PLAIN: Style = Style {
    name: "plain",
    en: "most cities: version 02, nothing else",
    zh: "多数城市：版本 02",
    label: None,
    version: &[0x02],
    display_name: None,
    padding: 0,
    balance_kinds: 0x0F,
    local: (48, 4),
    rail_crc: false,
};

/// Styles of cards that were seen; the first is the ordinary one.
pub const STYLES: &[Style] = &[
    PLAIN,
    Style {
        name: "shanghai",
        en: "Shanghai: CRC in the rail record, balances by P1 00 and 01",
        zh: "上海：轨道记录带校验码，余额 P1 为 00、01",
        balance_kinds: 0x03,
        rail_crc: true,
        ..PLAIN
    },
    Style {
        name: "labelled",
        en: "label, priority and display name in the FCI",
        zh: "FCI 带应用标签、优先级和显示名",
        label: Some((b"MOT_T_EP", 2)),
        display_name: Some(b"CARD IMAGE 0001"),
        ..PLAIN
    },
    Style {
        name: "version-3",
        en: "two version bytes 0030 and zero padding in the FCI",
        zh: "版本 0030，FCI 末尾补零",
        version: &[0x00, 0x30],
        padding: 4,
        ..PLAIN
    },
    Style {
        name: "old-balance",
        en: "GET BALANCE by P1 00 only, as the older text has it",
        zh: "只支持 P1 为 00 的读余额",
        balance_kinds: 0x01,
        ..PLAIN
    },
    Style {
        name: "large-local",
        en: "1024 bytes of local records",
        zh: "地方预留文件 1024 字节",
        local: (128, 8),
        ..PLAIN
    },
];
