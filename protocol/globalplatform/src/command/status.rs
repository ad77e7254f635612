//! GET STATUS and SET STATUS (GP 2.3.1 §11.4, §11.10).

use alloc::vec::Vec;

use tongtu_apdu::check;
use tongtu_apdu::select::Aid;
use tongtu_apdu::tlv::{self, Tag};
use tongtu_apdu::{CardCommand, Command, Malformed, StatusRow, status_rows};
use tongtu_codec::DecodeError;

use crate::ins;
use crate::life_cycle::State;

/// What GET STATUS lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// The issuer domain.
    IssuerDomain,
    /// Applications and supplementary domains.
    Applications,
    /// Executable load files.
    LoadFiles,
    /// Executable load files with their modules.
    LoadFilesAndModules,
}

impl Scope {
    /// Reads P1.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            0x80 => Self::IssuerDomain,
            0x40 => Self::Applications,
            0x20 => Self::LoadFiles,
            0x10 => Self::LoadFilesAndModules,
            _ => return None,
        })
    }

    /// P1.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::IssuerDomain => 0x80,
            Self::Applications => 0x40,
            Self::LoadFiles => 0x20,
            Self::LoadFilesAndModules => 0x10,
        }
    }

    /// Whether it lists load files.
    #[must_use]
    pub const fn is_files(self) -> bool {
        matches!(self, Self::LoadFiles | Self::LoadFilesAndModules)
    }
}

/// How the answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusForm {
    /// `E3` templates (P2 bit 2).
    Tlv,
    /// Length, AID, state, one byte of privileges: deprecated, still asked for.
    Old,
}

/// GET STATUS: `80 F2 scope P2 Lc 4F part [5C tags] 00`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetStatus {
    /// What to list.
    pub scope: Scope,
    /// The next part of a list that was too long (P2 bit 1).
    pub next: bool,
    /// How the answer is written.
    pub form: StatusForm,
    /// The AID or its beginning; empty for all.
    pub part: Vec<u8>,
    /// Tags to tell; empty for all.
    pub tags: Vec<u8>,
}

impl GetStatus {
    /// Lists all of a scope, from the beginning.
    #[must_use]
    pub const fn all(scope: Scope) -> Self {
        Self {
            scope,
            next: false,
            form: StatusForm::Tlv,
            part: Vec::new(),
            tags: Vec::new(),
        }
    }
}

const AID: Tag = Tag::new(0x4F);
const TAGS: Tag = Tag::new(0x5C);
const ENTRY: Tag = Tag::new(0xE3);
const STATE: Tag = Tag::new(0x9F70);
const PRIVILEGES: Tag = Tag::new(0xC5);
const SELECTION: Tag = Tag::new(0xCF);
const LOAD_FILE: Tag = Tag::new(0xC4);
const DOMAIN: Tag = Tag::new(0xCC);
const VERSION: Tag = Tag::new(0xCE);
const MODULE: Tag = Tag::new(0x84);

impl CardCommand for GetStatus {
    const NAME: &'static str = "GET STATUS";
    const NAME_ZH: &'static str = "取状态";
    const INS: u8 = ins::GET_STATUS;
    const STATUS: &'static [StatusRow] = status_rows! {
        OK => "the list, or its end", "列表或其末尾";
        MORE_DATA => "the list goes on, ask with P2 bit 1", "列表未完，用 P2 位 1 继续";
        CLA_NOT_SUPPORTED => "CLA is not 80", "CLA 不是 80";
        WRONG_P1P2 => "no such scope, or a reserved bit of P2", "P1、P2 错误";
        SECURITY_STATUS => "no channel", "没有安全通道";
        CONDITIONS => "next without a first", "没有先取第一部分";
        WRONG_DATA => "the data field does not begin with 4F", "数据域不以 4F 开头";
        REFERENCE_NOT_FOUND => "nothing matches", "没有匹配的对象";
    };
    /// The bytes of the list; [`Entry::read_all`] reads them.
    type Answer = Vec<u8>;

    fn from_command(command: &Command) -> Result<Self, Malformed> {
        check::head::<Self>(command, &[0x80])?;
        let scope = Scope::from_byte(command.p1)
            .filter(|_| command.p2 & !3 == 0)
            .ok_or_else(|| check::parameters::<Self>(command, "80, 40, 20 or 10, and 00 to 03"))?;
        let wrong = |offset| Malformed::Data {
            command: Self::NAME,
            offset,
            expected: "4F with at most 16 bytes, then perhaps 5C",
        };
        let (object, rest) = tlv::read(&command.data).map_err(|_| wrong(0))?;
        if object.tag != AID || object.value.len() > 16 {
            return Err(wrong(0));
        }
        let offset = command.data.len() - rest.len();
        let mut tags = Vec::new();
        if !rest.is_empty() {
            let (list, rest) = tlv::read(rest).map_err(|_| wrong(offset))?;
            if list.tag != TAGS || !rest.is_empty() {
                return Err(wrong(offset));
            }
            tags = list.value.to_vec();
        }
        Ok(Self {
            scope,
            next: command.p2 & 1 != 0,
            form: if command.p2 & 2 != 0 {
                StatusForm::Tlv
            } else {
                StatusForm::Old
            },
            part: object.value.to_vec(),
            tags,
        })
    }

    fn to_command(&self) -> Command {
        let mut data = tlv::object(AID, &self.part);
        if !self.tags.is_empty() {
            tlv::write(TAGS, &self.tags, &mut data);
        }
        let form = match self.form {
            StatusForm::Tlv => 2,
            StatusForm::Old => 0,
        };
        Command::new(
            0x80,
            Self::INS,
            self.scope.byte(),
            form | u8::from(self.next),
        )
        .with_data(data)
        .with_le(0)
    }

    fn answer(data: &[u8]) -> Result<Vec<u8>, DecodeError> {
        Ok(data.to_vec())
    }
}

/// One line of GET STATUS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The object's AID.
    pub aid: Aid,
    /// Its life cycle.
    pub state: State,
    /// Privileges; none for a load file.
    pub privileges: Option<[u8; 3]>,
    /// Implicit selection parameters, one per interface.
    pub selection: Vec<u8>,
    /// The load file it comes from.
    pub load_file: Option<Aid>,
    /// The domain it belongs to.
    pub domain: Option<Aid>,
    /// A load file's version.
    pub version: Vec<u8>,
    /// A load file's modules.
    pub modules: Vec<Aid>,
}

impl Entry {
    /// The entry's bytes; `tags` as [`GetStatus::tags`] gives them.
    #[must_use]
    pub fn encode(&self, form: StatusForm, tags: &[u8]) -> Vec<u8> {
        if form == StatusForm::Old {
            return self.encode_old();
        }
        let asked: Vec<Tag> = read_tags(tags);
        let mut value = Vec::new();
        let mut write = |tag: Tag, bytes: &[u8]| {
            if asked.is_empty() || asked.contains(&tag) {
                tlv::write(tag, bytes, &mut value);
            }
        };
        write(AID, self.aid.as_bytes());
        write(STATE, &[self.state.0]);
        if let Some(privileges) = &self.privileges {
            write(PRIVILEGES, privileges);
        }
        for byte in &self.selection {
            write(SELECTION, &[*byte]);
        }
        if let Some(aid) = &self.load_file {
            write(LOAD_FILE, aid.as_bytes());
        }
        if !self.version.is_empty() {
            write(VERSION, &self.version);
        }
        for module in &self.modules {
            write(MODULE, module.as_bytes());
        }
        if let Some(aid) = &self.domain {
            write(DOMAIN, aid.as_bytes());
        }
        tlv::object(ENTRY, &value)
    }

    fn encode_old(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let aid = |aid: &Aid, out: &mut Vec<u8>| {
            tlv::write_length(aid.as_bytes().len(), out);
            out.extend(aid.as_bytes());
        };
        aid(&self.aid, &mut out);
        out.push(self.state.0);
        out.push(self.privileges.map_or(0, |[first, ..]| first));
        if let Ok(count) = u8::try_from(self.modules.len())
            && count != 0
        {
            out.push(count);
            for module in &self.modules {
                aid(module, &mut out);
            }
        }
        out
    }

    /// Reads a list; `with_modules` says that the old form lists modules after each file.
    /// `None` when the bytes are not such a list.
    #[must_use]
    pub fn read_all(data: &[u8], form: StatusForm, with_modules: bool) -> Option<Vec<Self>> {
        match form {
            StatusForm::Tlv => tlv::objects(data)
                .map(|object| {
                    let object = object.ok()?;
                    (object.tag == ENTRY).then(|| Self::read(object.value))?
                })
                .collect(),
            StatusForm::Old => {
                let mut rest = data;
                let mut list = Vec::new();
                while !rest.is_empty() {
                    list.push(Self::read_old(&mut rest, with_modules)?);
                }
                Some(list)
            }
        }
    }

    fn empty(aid: Aid) -> Self {
        Self {
            aid,
            state: State(0),
            privileges: None,
            selection: Vec::new(),
            load_file: None,
            domain: None,
            version: Vec::new(),
            modules: Vec::new(),
        }
    }

    fn read(value: &[u8]) -> Option<Self> {
        let mut entry = Self::empty(Aid::parse(tlv::find(value, AID).ok()?).ok()?);
        for object in tlv::objects(value) {
            let object = object.ok()?;
            match (object.tag, object.value) {
                (STATE, [state, ..]) => entry.state = State(*state),
                (PRIVILEGES, [a]) => entry.privileges = Some([*a, 0, 0]),
                (PRIVILEGES, [a, b, c]) => entry.privileges = Some([*a, *b, *c]),
                (SELECTION, bytes) => entry.selection.extend(bytes),
                (LOAD_FILE, aid) => entry.load_file = Aid::parse(aid).ok(),
                (DOMAIN, aid) => entry.domain = Aid::parse(aid).ok(),
                (VERSION, version) => entry.version = version.to_vec(),
                (MODULE, aid) => entry.modules.push(Aid::parse(aid).ok()?),
                _ => {}
            }
        }
        Some(entry)
    }

    fn read_old(rest: &mut &[u8], with_modules: bool) -> Option<Self> {
        let aid = |rest: &mut &[u8]| {
            let (len, after) = rest.split_first()?;
            let (aid, after) = after.split_at_checked(usize::from(*len))?;
            *rest = after;
            Aid::parse(aid).ok()
        };
        let mut entry = Self::empty(aid(rest)?);
        let [state, privileges, after @ ..] = *rest else {
            return None;
        };
        entry.state = State(*state);
        entry.privileges = Some([*privileges, 0, 0]);
        *rest = after;
        if with_modules {
            let (count, after) = rest.split_first()?;
            *rest = after;
            for _ in 0..*count {
                entry.modules.push(aid(rest)?);
            }
        }
        Some(entry)
    }
}

fn read_tags(mut list: &[u8]) -> Vec<Tag> {
    let mut tags = Vec::new();
    while let Ok((tag, rest)) = Tag::read(list) {
        tags.push(tag);
        list = rest;
    }
    tags
}

/// Whose state SET STATUS sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusTarget {
    /// The card, through the issuer domain.
    Card,
    /// An application or a supplementary domain.
    Application,
    /// A domain and everything below it.
    DomainAndApplications,
}

/// SET STATUS: `80 F0 target state Lc AID`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetStatus {
    /// Whose state.
    pub target: StatusTarget,
    /// The new state.
    pub state: u8,
    /// The object; none for the card.
    pub aid: Option<Aid>,
}

impl CardCommand for SetStatus {
    const NAME: &'static str = "SET STATUS";
    const NAME_ZH: &'static str = "置状态";
    const INS: u8 = ins::SET_STATUS;
    const STATUS: &'static [StatusRow] = status_rows! {
        OK => "the state is as asked", "状态已改变";
        CLA_NOT_SUPPORTED => "CLA is not 80", "CLA 不是 80";
        WRONG_P1P2 => "P1 is not 80, 40 or 60", "P1 不是 80、40 或 60";
        WRONG_LENGTH => "no AID where one is needed", "缺少 AID";
        SECURITY_STATUS => "no channel, or no right", "没有安全通道或无权限";
        CONDITIONS => "it is in that state, or cannot come to it", "已处于该状态或不可转换";
        WRONG_DATA => "no such state, or no AID", "没有该状态，或 AID 错误";
        REFERENCE_NOT_FOUND => "no such object", "没有该对象";
    };
    type Answer = ();

    fn from_command(command: &Command) -> Result<Self, Malformed> {
        check::head::<Self>(command, &[0x80])?;
        let target = match command.p1 {
            0x80 => StatusTarget::Card,
            0x40 => StatusTarget::Application,
            0x60 => StatusTarget::DomainAndApplications,
            _ => {
                return Err(check::parameters::<Self>(
                    command,
                    "80, 40 or 60, and a state",
                ));
            }
        };
        let aid = match (&command.data[..], target) {
            // The card needs no name; some clients give the issuer domain's.
            ([], StatusTarget::Card) => None,
            ([], _) => return Err(check::length::<Self>(command, "an AID")),
            (aid, _) => Some(Aid::parse(aid).map_err(|_| Malformed::Data {
                command: Self::NAME,
                offset: 0,
                expected: "an AID",
            })?),
        };
        Ok(Self {
            target,
            state: command.p2,
            aid,
        })
    }

    fn to_command(&self) -> Command {
        let p1 = match self.target {
            StatusTarget::Card => 0x80,
            StatusTarget::Application => 0x40,
            StatusTarget::DomainAndApplications => 0x60,
        };
        let data = self
            .aid
            .map(|aid| aid.as_bytes().to_vec())
            .unwrap_or_default();
        Command::new(0x80, Self::INS, p1, self.state).with_data(data)
    }

    fn answer(data: &[u8]) -> Result<(), DecodeError> {
        tongtu_codec::Reader::new("set_status_answer", data).finish()
    }
}
