//! In which capacity somebody calls.

use core::fmt;
use core::str::FromStr;

use tongtu_types::ValueError;

/// In which capacity a person or a machine calls a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Runs the node: terminals, lists, days.
    Operator,
    /// Serves riders at a counter: accounts, recharges, cards.
    Clerk,
    /// Reads everything and changes nothing.
    Auditor,
    /// The transport authority of the place; reads what it supervises.
    Authority,
    /// Looks after keys and callers.
    Officer,
    /// Another institution's node.
    Node,
    /// A terminal of the node's own.
    Terminal,
    /// Another body's system, for the accounts it was admitted for.
    Partner,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 8] = [
        Self::Operator,
        Self::Clerk,
        Self::Auditor,
        Self::Authority,
        Self::Officer,
        Self::Node,
        Self::Terminal,
        Self::Partner,
    ];

    /// The word in files, requests and the store.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Clerk => "clerk",
            Self::Auditor => "auditor",
            Self::Authority => "authority",
            Self::Officer => "officer",
            Self::Node => "node",
            Self::Terminal => "terminal",
            Self::Partner => "partner",
        }
    }

    /// In Chinese.
    #[must_use]
    pub const fn zh(self) -> &'static str {
        match self {
            Self::Operator => "运营员",
            Self::Clerk => "柜员",
            Self::Auditor => "审计员",
            Self::Authority => "主管部门",
            Self::Officer => "密钥管理员",
            Self::Node => "节点",
            Self::Terminal => "终端",
            Self::Partner => "合作系统",
        }
    }

    /// Whether a second officer confirms what one asks for in the name of somebody of this role.
    ///
    /// Persons and nodes move money or see whom it is; terminals come by the thousand and are held
    /// to their own number, partners to the accounts they were admitted for.
    #[must_use]
    pub const fn needs_two(self) -> bool {
        !matches!(self, Self::Terminal | Self::Partner)
    }

    /// What it is, in English and Chinese.
    #[must_use]
    pub const fn about(self) -> (&'static str, &'static str) {
        match self {
            Self::Operator => (
                "runs the node: terminals, lists, settlement days",
                "运行节点：终端、名单、清算日",
            ),
            Self::Clerk => (
                "serves riders: accounts, recharges, cards, consents",
                "服务乘客：账户、充值、卡片、同意书",
            ),
            Self::Auditor => ("reads everything, changes nothing", "可读全部，不可更改"),
            Self::Authority => (
                "the transport authority; reads what it supervises",
                "交通主管部门；读取监管所需",
            ),
            Self::Officer => (
                "admits callers, renews and disables their keys",
                "登记调用方，更换、停用其密钥",
            ),
            Self::Node => (
                "another institution's node; its own files only",
                "其他机构的节点；仅限其自身文件",
            ),
            Self::Terminal => (
                "a terminal of this node; its own number only",
                "本节点的终端；仅限其自身编号",
            ),
            Self::Partner => (
                "another body's system; the accounts it was admitted for only",
                "合作方系统；仅限其获准的账户",
            ),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for Role {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let found = Self::ALL.into_iter().find(|role| role.word() == text);
        found.ok_or(ValueError::Character {
            what: "role",
            at: 0,
            expected: "operator, clerk, auditor, authority, officer, node, terminal or partner",
        })
    }
}
