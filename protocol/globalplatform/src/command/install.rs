//! INSTALL in all its forms (GP 2.3.1 §11.5).

use alloc::vec::Vec;

use tongtu_apdu::check;
use tongtu_apdu::select::Aid;
use tongtu_apdu::tlv::{self, Tag};
use tongtu_apdu::{CardCommand, Command, Malformed, StatusRow, status_rows};
use tongtu_codec::DecodeError;

use super::ManagementAnswer;
use crate::ins;
use crate::lv::{Fields, aid, optional_aid, put};

/// P1 bits.
mod form {
    pub(super) const LOAD: u8 = 0x02;
    pub(super) const INSTALL: u8 = 0x04;
    pub(super) const INSTALL_SELECTABLE: u8 = 0x0C;
    pub(super) const COMBINED: u8 = 0x0E;
    pub(super) const SELECTABLE: u8 = 0x08;
    pub(super) const EXTRADITION: u8 = 0x10;
    pub(super) const PERSONALIZATION: u8 = 0x20;
    pub(super) const REGISTRY: u8 = 0x40;
}

/// INSTALL [for load].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForLoad {
    /// AID of the executable load file.
    pub load_file: Aid,
    /// The domain it will belong to; none for the one that takes the command.
    pub domain: Option<Aid>,
    /// Hash of the load file data block, or nothing.
    pub hash: Vec<u8>,
    /// Parameters: `EF{C6 C7 C8 CD}`, `B6{…}`.
    pub parameters: Vec<u8>,
    /// Load token, or nothing.
    pub token: Vec<u8>,
    /// The beginning of a combined load, install and make selectable (P1 0E, P2 01).
    pub combined: bool,
}

/// INSTALL [for install], [for make selectable], or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForInstall {
    /// The executable load file.
    pub load_file: Aid,
    /// The module in it.
    pub module: Aid,
    /// AID of the new application; none for the module's.
    pub instance: Option<Aid>,
    /// Privileges as they travel, 1 or 3 bytes.
    pub privileges: Vec<u8>,
    /// Parameters: `C9`, `EF{…}`, `EA`, `B6{…}`.
    pub parameters: Vec<u8>,
    /// Install token, or nothing.
    pub token: Vec<u8>,
    /// Make it selectable at once (P1 0C).
    pub selectable: bool,
    /// The end of a combined load, install and make selectable (P1 0E, P2 03).
    pub combined: bool,
}

impl ForInstall {
    /// The AID that the application will have.
    #[must_use]
    pub fn application(&self) -> Aid {
        self.instance.unwrap_or(self.module)
    }
}

/// INSTALL: `80 E6 form P2 Lc fields 00`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Install {
    /// For load (P1 02, or 0E with P2 01).
    Load(ForLoad),
    /// For install, and perhaps for make selectable (P1 04, 0C, or 0E with P2 03).
    Install(ForInstall),
    /// For make selectable (P1 08).
    MakeSelectable {
        /// The application.
        instance: Aid,
        /// Privileges, or nothing.
        privileges: Vec<u8>,
        /// Parameters.
        parameters: Vec<u8>,
        /// Token.
        token: Vec<u8>,
    },
    /// For extradition (P1 10): from one domain to another.
    Extradition {
        /// The domain it goes to.
        domain: Aid,
        /// The application or load file.
        subject: Aid,
        /// Parameters.
        parameters: Vec<u8>,
        /// Token.
        token: Vec<u8>,
    },
    /// For registry update (P1 40).
    RegistryUpdate {
        /// The domain it goes to, or none.
        domain: Option<Aid>,
        /// The application; none for the domain that takes the command.
        subject: Option<Aid>,
        /// New privileges, or nothing.
        privileges: Vec<u8>,
        /// Parameters.
        parameters: Vec<u8>,
        /// Token.
        token: Vec<u8>,
    },
    /// For personalisation (P1 20): STORE DATA goes to this application from now on.
    Personalization {
        /// The application.
        subject: Aid,
    },
}

impl Install {
    /// P1 and P2 as they travel.
    #[must_use]
    pub const fn parameters_p1_p2(&self) -> [u8; 2] {
        match self {
            Self::Load(load) if load.combined => [form::COMBINED, 1],
            Self::Load(_) => [form::LOAD, 0],
            Self::Install(install) if install.combined => [form::COMBINED, 3],
            Self::Install(install) if install.selectable => [form::INSTALL_SELECTABLE, 0],
            Self::Install(_) => [form::INSTALL, 0],
            Self::MakeSelectable { .. } => [form::SELECTABLE, 0],
            Self::Extradition { .. } => [form::EXTRADITION, 0],
            Self::RegistryUpdate { .. } => [form::REGISTRY, 0],
            Self::Personalization { .. } => [form::PERSONALIZATION, 0],
        }
    }

    /// The token that came with it; empty when there is none.
    #[must_use]
    pub fn token(&self) -> &[u8] {
        match self {
            Self::Load(load) => &load.token,
            Self::Install(install) => &install.token,
            Self::MakeSelectable { token, .. }
            | Self::Extradition { token, .. }
            | Self::RegistryUpdate { token, .. } => token,
            Self::Personalization { .. } => &[],
        }
    }

    /// The same with this token.
    #[must_use]
    pub fn with_token(mut self, new: Vec<u8>) -> Self {
        match &mut self {
            Self::Load(load) => load.token = new,
            Self::Install(install) => install.token = new,
            Self::MakeSelectable { token, .. }
            | Self::Extradition { token, .. }
            | Self::RegistryUpdate { token, .. } => *token = new,
            Self::Personalization { .. } => {}
        }
        self
    }

    /// The parameters field.
    #[must_use]
    pub fn parameters(&self) -> &[u8] {
        match self {
            Self::Load(load) => &load.parameters,
            Self::Install(install) => &install.parameters,
            Self::MakeSelectable { parameters, .. }
            | Self::Extradition { parameters, .. }
            | Self::RegistryUpdate { parameters, .. } => parameters,
            Self::Personalization { .. } => &[],
        }
    }

    /// The five fields before the token, as a token covers them.
    #[must_use]
    pub fn fields(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let opt = |aid: &Option<Aid>| aid.map(|aid| aid.as_bytes().to_vec()).unwrap_or_default();
        let fields: [Vec<u8>; 5] = match self {
            Self::Load(load) => {
                put(load.load_file.as_bytes(), &mut out);
                put(&opt(&load.domain), &mut out);
                put(&load.hash, &mut out);
                put(&load.parameters, &mut out);
                return out;
            }
            Self::Install(i) => [
                i.load_file.as_bytes().to_vec(),
                i.module.as_bytes().to_vec(),
                opt(&i.instance),
                i.privileges.clone(),
                i.parameters.clone(),
            ],
            Self::MakeSelectable {
                instance,
                privileges,
                parameters,
                ..
            } => [
                Vec::new(),
                Vec::new(),
                instance.as_bytes().to_vec(),
                privileges.clone(),
                parameters.clone(),
            ],
            Self::Extradition {
                domain,
                subject,
                parameters,
                ..
            } => [
                domain.as_bytes().to_vec(),
                Vec::new(),
                subject.as_bytes().to_vec(),
                Vec::new(),
                parameters.clone(),
            ],
            Self::RegistryUpdate {
                domain,
                subject,
                privileges,
                parameters,
                ..
            } => [
                opt(domain),
                Vec::new(),
                opt(subject),
                privileges.clone(),
                parameters.clone(),
            ],
            Self::Personalization { subject } => [
                Vec::new(),
                Vec::new(),
                subject.as_bytes().to_vec(),
                Vec::new(),
                Vec::new(),
            ],
        };
        for field in &fields {
            put(field, &mut out);
        }
        out
    }
}

impl CardCommand for Install {
    const NAME: &'static str = "INSTALL";
    const NAME_ZH: &'static str = "安装";
    const INS: u8 = ins::INSTALL;
    const STATUS: &'static [StatusRow] = status_rows! {
        OK => "done, with a confirmation where the operation was delegated", "完成；委托管理时返回确认";
        CLA_NOT_SUPPORTED => "CLA is not 80", "CLA 不是 80";
        WRONG_P1P2 => "no such form", "没有该安装形式";
        SECURITY_STATUS => "no channel, no right, or a wrong token", "没有安全通道、无权限或令牌错误";
        CONDITIONS => "no token key, a token used before, or a state that does not allow it", "使用条件不满足";
        WRONG_DATA => "fields, privileges or parameters wrong", "数据域错误";
        ALREADY_EXISTS => "there is such an AID already", "AID 已存在";
        REFERENCE_NOT_FOUND => "no such load file, module, application or domain", "没有该加载文件、模块、应用或安全域";
        NO_ROOM => "not enough memory", "存储空间不足";
        MEMORY_FAILURE => "memory failure", "写存储器失败";
    };
    type Answer = ManagementAnswer;

    fn from_command(command: &Command) -> Result<Self, Malformed> {
        check::head::<Self>(command, &[0x80])?;
        let mut fields = Fields::new(Self::NAME, &command.data);
        let install = match (command.p1, command.p2) {
            (form::LOAD, 0) | (form::COMBINED, 1) => {
                let load = ForLoad {
                    load_file: aid(&mut fields, "a load file AID")?,
                    domain: optional_aid(&mut fields, "a domain's AID, or nothing")?,
                    hash: fields.next("a hash, or nothing")?.to_vec(),
                    parameters: fields.next("load parameters, or nothing")?.to_vec(),
                    token: fields.next("a load token, or nothing")?.to_vec(),
                    combined: command.p1 == form::COMBINED,
                };
                Self::Load(load)
            }
            (form::INSTALL | form::INSTALL_SELECTABLE, 0) | (form::COMBINED, 3) => {
                Self::Install(ForInstall {
                    load_file: aid(&mut fields, "a load file AID")?,
                    module: aid(&mut fields, "a module AID")?,
                    instance: optional_aid(&mut fields, "an application AID, or nothing")?,
                    privileges: privileges(&mut fields, false)?,
                    parameters: fields.next("install parameters")?.to_vec(),
                    token: fields.next("an install token, or nothing")?.to_vec(),
                    selectable: command.p1 != form::INSTALL,
                    combined: command.p1 == form::COMBINED,
                })
            }
            (form::SELECTABLE, 0) => {
                empty(&mut fields)?;
                empty(&mut fields)?;
                Self::MakeSelectable {
                    instance: aid(&mut fields, "an application AID")?,
                    privileges: privileges(&mut fields, true)?,
                    parameters: fields.next("parameters, or nothing")?.to_vec(),
                    token: fields.next("a token, or nothing")?.to_vec(),
                }
            }
            (form::EXTRADITION, 0) => {
                let domain = aid(&mut fields, "a domain's AID")?;
                empty(&mut fields)?;
                let subject = aid(&mut fields, "an application or load file AID")?;
                empty(&mut fields)?;
                Self::Extradition {
                    domain,
                    subject,
                    parameters: fields.next("parameters, or nothing")?.to_vec(),
                    token: fields.next("a token, or nothing")?.to_vec(),
                }
            }
            (form::REGISTRY, 0) => {
                let domain = optional_aid(&mut fields, "a domain's AID, or nothing")?;
                empty(&mut fields)?;
                Self::RegistryUpdate {
                    domain,
                    subject: optional_aid(&mut fields, "an application AID, or nothing")?,
                    privileges: privileges(&mut fields, true)?,
                    parameters: fields.next("parameters, or nothing")?.to_vec(),
                    token: fields.next("a token, or nothing")?.to_vec(),
                }
            }
            (form::PERSONALIZATION, 0) => {
                empty(&mut fields)?;
                empty(&mut fields)?;
                let subject = aid(&mut fields, "an application AID")?;
                empty(&mut fields)?;
                empty(&mut fields)?;
                empty(&mut fields)?;
                Self::Personalization { subject }
            }
            _ => return Err(check::parameters::<Self>(command, "a form of INSTALL")),
        };
        fields.finish()?;
        Ok(install)
    }

    fn to_command(&self) -> Command {
        let [p1, p2] = self.parameters_p1_p2();
        let mut data = self.fields();
        put(self.token(), &mut data);
        Command::new(0x80, Self::INS, p1, p2)
            .with_data(data)
            .with_le(0)
    }

    fn answer(data: &[u8]) -> Result<ManagementAnswer, DecodeError> {
        ManagementAnswer::decode(data)
    }
}

fn empty(fields: &mut Fields<'_>) -> Result<(), Malformed> {
    let wrong = fields.wrong("an empty field");
    match fields.next("an empty field")? {
        [] => Ok(()),
        _ => Err(wrong),
    }
}

fn privileges(fields: &mut Fields<'_>, optional: bool) -> Result<Vec<u8>, Malformed> {
    let wrong = fields.wrong("1 or 3 bytes of privileges");
    let bytes = fields.next("privileges")?;
    match bytes.len() {
        0 if optional => Ok(Vec::new()),
        1 | 3 => Ok(bytes.to_vec()),
        _ => Err(wrong),
    }
}

/// Tags of INSTALL's parameters.
mod tag {
    use super::Tag;

    pub(super) const SYSTEM: Tag = Tag::new(0xEF);
    pub(super) const APPLICATION: Tag = Tag::new(0xC9);
    pub(super) const CODE: Tag = Tag::new(0xC6);
    pub(super) const VOLATILE: Tag = Tag::new(0xC7);
    pub(super) const NON_VOLATILE: Tag = Tag::new(0xC8);
    pub(super) const CONTROL: Tag = Tag::new(0xB6);
    pub(super) const SD_ID: Tag = Tag::new(0x42);
    pub(super) const IMAGE: Tag = Tag::new(0x45);
    pub(super) const PROVIDER: Tag = Tag::new(0x5F20);
    pub(super) const TOKEN_NUMBER: Tag = Tag::new(0x93);
}

/// Memory that INSTALL asks for, in bytes; 0 where nothing is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemoryQuota {
    /// Non-volatile memory for code (C6).
    pub code: u32,
    /// Volatile memory for data (C7).
    pub volatile: u32,
    /// Non-volatile memory for data (C8).
    pub non_volatile: u32,
}

/// For whom a token is, and which it is (`B6`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TokenControl {
    /// Domain provider's identification (42).
    pub sd_id: Option<Vec<u8>>,
    /// Domain's image number (45).
    pub image_number: Option<Vec<u8>>,
    /// Application provider (5F20).
    pub provider: Option<Vec<u8>>,
    /// Number of the token (93).
    pub number: Option<Vec<u8>>,
}

impl TokenControl {
    /// Reads the value of `B6`.
    #[must_use]
    pub fn parse(value: &[u8]) -> Self {
        let get = |tag| tlv::find(value, tag).ok().map(<[u8]>::to_vec);
        Self {
            sd_id: get(tag::SD_ID),
            image_number: get(tag::IMAGE),
            provider: get(tag::PROVIDER),
            number: get(tag::TOKEN_NUMBER),
        }
    }

    /// The object `B6`.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut value = Vec::new();
        for (tag, field) in [
            (tag::SD_ID, &self.sd_id),
            (tag::IMAGE, &self.image_number),
            (tag::PROVIDER, &self.provider),
            (tag::TOKEN_NUMBER, &self.number),
        ] {
            if let Some(field) = field {
                tlv::write(tag, field, &mut value);
            }
        }
        tlv::object(tag::CONTROL, &value)
    }
}

/// What the parameters field of INSTALL holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InstallParameters<'a> {
    /// The application's own parameters (C9).
    pub application: Option<&'a [u8]>,
    /// Memory asked for (EF).
    pub quota: MemoryQuota,
    /// For whom a token is (B6).
    pub control: Option<TokenControl>,
}

impl<'a> InstallParameters<'a> {
    /// Reads the field; objects that are not listed here are left out. `None` when it is not
    /// BER-TLV, or a memory value has neither two nor four bytes.
    #[must_use]
    pub fn parse(parameters: &'a [u8]) -> Option<Self> {
        let mut found = Self::default();
        for object in tlv::objects(parameters) {
            let object = object.ok()?;
            match object.tag {
                tag::APPLICATION => found.application = Some(object.value),
                tag::CONTROL => found.control = Some(TokenControl::parse(object.value)),
                tag::SYSTEM => found.quota = read_quota(object.value)?,
                _ => {}
            }
        }
        Some(found)
    }
}

fn read_quota(value: &[u8]) -> Option<MemoryQuota> {
    let mut quota = MemoryQuota::default();
    for object in tlv::objects(value) {
        let object = object.ok()?;
        let slot = match object.tag {
            tag::CODE => &mut quota.code,
            tag::VOLATILE => &mut quota.volatile,
            tag::NON_VOLATILE => &mut quota.non_volatile,
            _ => continue,
        };
        *slot = match *object.value {
            [a, b] => u32::from_be_bytes([0, 0, a, b]),
            [a, b, c, d] => u32::from_be_bytes([a, b, c, d]),
            _ => return None,
        };
    }
    Some(quota)
}
