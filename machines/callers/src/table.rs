//! The one table: which role may ask for which route, and for what of its own.

use tongtu_types::InstitutionCode;

use Subject::{Body, None as Nothing, Query, Segment, Sender};

use crate::{Caller, Role};

/// For which values of a route's subject a role may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// For all.
    All,
    /// A terminal: for its own number, at its own institution.
    OwnTerminal,
    /// A node: for files from or for its own institution.
    OwnFiles,
    /// A partner: for accounts and cards it was admitted for.
    OwnAccounts,
    /// Anybody: for itself.
    Itself,
}

impl Scope {
    /// The words for the page: English and Chinese.
    #[must_use]
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::All => ("", ""),
            Self::OwnTerminal => ("own number", "限自身编号"),
            Self::OwnFiles => ("own files", "限自身文件"),
            Self::OwnAccounts => ("accounts admitted for", "限获准账户"),
            Self::Itself => ("itself", "限自身"),
        }
    }
}

/// Where a request says what it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// Nowhere: it is about the node.
    None,
    /// In the variable segment of its path.
    Segment,
    /// In a member of its query.
    Query(&'static str),
    /// In a member of its body.
    Body(&'static str),
    /// In the header with the sending institution.
    Sender,
}

/// A route, and who may ask for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The method.
    pub method: &'static str,
    /// The path's pattern.
    pub pattern: &'static str,
    /// What it does, in English.
    pub en: &'static str,
    /// What it does, in Chinese.
    pub zh: &'static str,
    /// Where a request says what it is about.
    pub subject: Subject,
    /// Who may; nobody has to prove anything where this is empty.
    pub who: &'static [(Role, Scope)],
}

/// Why a caller may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAllowed {
    /// Not in this capacity.
    #[error("not for role {0}")]
    Role(Role),
    /// Not for this subject.
    #[error("role {0} asks for its own only")]
    Scope(Role),
}

impl Rule {
    /// Whether nobody has to prove anything.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.who.is_empty()
    }

    /// Whether this caller may ask for this subject at the node of institution `own`. Nothing is
    /// said of the caller's key.
    ///
    /// # Errors
    /// [`NotAllowed`].
    pub fn allows(
        &self,
        caller: &Caller,
        own: InstitutionCode,
        subject: Option<&str>,
    ) -> Result<(), NotAllowed> {
        if self.is_open() {
            return Ok(());
        }
        let mut refused = NotAllowed::Role(caller.role);
        for (role, scope) in self.who {
            if *role != caller.role {
                continue;
            }
            if reaches(*scope, caller, own, subject) {
                return Ok(());
            }
            refused = NotAllowed::Scope(caller.role);
        }
        Err(refused)
    }
}

fn reaches(scope: Scope, caller: &Caller, own: InstitutionCode, subject: Option<&str>) -> bool {
    if scope == Scope::All {
        return true;
    }
    let Some(subject) = subject else {
        return false;
    };
    match scope {
        Scope::All => true,
        Scope::OwnTerminal => {
            caller.name.institution == own && caller.name.number.as_str() == subject
        }
        Scope::OwnFiles => caller.name.institution.as_str() == subject,
        Scope::OwnAccounts => {
            let mut prefixes = caller.accounts.iter();
            prefixes.any(|prefix| subject.starts_with(prefix.as_str()))
        }
        Scope::Itself => subject.parse() == Ok(caller.name),
    }
}

/// The rule of a route; none where there is no such route, and then nobody may.
#[must_use]
pub fn rule(method: &str, pattern: &str) -> Option<&'static Rule> {
    let mut rules = TABLE.iter();
    rules.find(|rule| rule.method == method && rule.pattern == pattern)
}

const OPERATOR: (Role, Scope) = (Role::Operator, Scope::All);
const CLERK: (Role, Scope) = (Role::Clerk, Scope::All);
const AUDITOR: (Role, Scope) = (Role::Auditor, Scope::All);
const AUTHORITY: (Role, Scope) = (Role::Authority, Scope::All);
const OFFICER: (Role, Scope) = (Role::Officer, Scope::All);
const ANY_TERMINAL: (Role, Scope) = (Role::Terminal, Scope::All);
const TERMINAL: (Role, Scope) = (Role::Terminal, Scope::OwnTerminal);
const NODE: (Role, Scope) = (Role::Node, Scope::OwnFiles);
const ANY_NODE: (Role, Scope) = (Role::Node, Scope::All);
const PARTNER: (Role, Scope) = (Role::Partner, Scope::OwnAccounts);
const ANY_PARTNER: (Role, Scope) = (Role::Partner, Scope::All);

/// Serve riders.
const COUNTER: &[(Role, Scope)] = &[OPERATOR, CLERK, PARTNER];
/// Serve riders, and read.
const COUNTER_VIEW: &[(Role, Scope)] = &[OPERATOR, CLERK, AUDITOR, PARTNER];
/// Run the node.
const RUN: &[(Role, Scope)] = &[OPERATOR];
/// See how it runs.
const SUPERVISE: &[(Role, Scope)] = &[OPERATOR, AUDITOR, AUTHORITY];
/// See whom it serves.
const INSPECT: &[(Role, Scope)] = &[OPERATOR, AUDITOR];
/// See how it runs; and nodes, which hand on what everybody may have.
const PAPERS: &[(Role, Scope)] = &[ANY_NODE, OPERATOR, AUDITOR, AUTHORITY];
/// A terminal's lists.
const LISTS: &[(Role, Scope)] = &[OPERATOR, ANY_TERMINAL];
/// A terminal's own.
const ONE_TERMINAL: &[(Role, Scope)] = &[TERMINAL];
/// A neighbour's own files.
const NEIGHBOUR: &[(Role, Scope)] = &[NODE];

const fn entry(
    (method, pattern): (&'static str, &'static str),
    subject: Subject,
    who: &'static [(Role, Scope)],
    (en, zh): (&'static str, &'static str),
) -> Rule {
    Rule {
        method,
        pattern,
        en,
        zh,
        subject,
        who,
    }
}

/// Every route of a node. A test compares it with the routes that are served.
#[rustfmt::skip]
pub const TABLE: &[Rule] = &[
    entry(("GET", "/health"), Nothing, &[], ("is the node there", "节点是否在线")),
    entry(("POST", "/issuer/accounts"), Body("account"), COUNTER, ("open an account", "开户")),
    entry(("GET", "/issuer/accounts/{account}"), Segment, COUNTER_VIEW, ("view an account", "查询账户")),
    entry(("POST", "/issuer/accounts/{account}/recharges"), Segment, COUNTER, ("recharge", "充值")),
    entry(("POST", "/issuer/accounts/{account}/suspension"), Segment, &[OPERATOR, CLERK], ("suspend an account", "暂停账户")),
    entry(("POST", "/issuer/accounts/{account}/certificates"), Segment, COUNTER, ("issue a user certificate", "签发用户证书")),
    entry(("POST", "/issuer/cards"), Body("card"), COUNTER, ("note a purse issued", "登记发卡")),
    entry(("GET", "/issuer/cards/{card}"), Segment, COUNTER_VIEW, ("view a purse", "查询卡片")),
    entry(("POST", "/issuer/cards/{card}/loads"), Segment, COUNTER, ("note a load", "登记圈存")),
    entry(("POST", "/issuer/e-cashes"), Body("card"), COUNTER, ("note an e-cash issued", "登记电子现金")),
    entry(("GET", "/issuer/e-cashes/{card}"), Segment, COUNTER_VIEW, ("view an e-cash", "查询电子现金")),
    entry(("POST", "/issuer/e-cashes/{card}/loads"), Segment, COUNTER, ("note a load of an e-cash", "登记电子现金圈存")),
    entry(("GET", "/issuer/face-terms"), Nothing, &[OPERATOR, CLERK, AUDITOR, ANY_PARTNER], ("read the terms of rides by face", "查阅刷脸条款")),
    entry(("POST", "/issuer/accounts/{account}/face"), Segment, COUNTER, ("enrol a face", "登记人脸")),
    entry(("GET", "/issuer/accounts/{account}/face"), Segment, COUNTER_VIEW, ("view an enrolment", "查询人脸登记")),
    entry(("POST", "/issuer/accounts/{account}/face/withdrawal"), Segment, COUNTER, ("withdraw the consent", "撤回同意")),
    entry(("POST", "/acquirer/terminals"), Nothing, RUN, ("register a terminal", "登记终端")),
    entry(("POST", "/acquirer/terminals/{terminal}/records"), Segment, ONE_TERMINAL, ("upload records", "上传记录")),
    entry(("POST", "/acquirer/terminals/{terminal}/chain"), Segment, RUN, ("begin a chain anew", "重新开始记录链")),
    entry(("GET", "/acquirer/chains"), Nothing, SUPERVISE, ("view the chains", "查阅记录链")),
    entry(("GET", "/acquirer/lists"), Nothing, LISTS, ("fetch the lists", "下载名单")),
    entry(("POST", "/acquirer/blacklist"), Nothing, RUN, ("list accounts", "账户加入黑名单")),
    entry(("GET", "/acquirer/card-blacklist"), Nothing, LISTS, ("fetch the card blacklist", "下载卡黑名单")),
    entry(("POST", "/acquirer/card-blacklist"), Nothing, RUN, ("change the card blacklist", "变更卡黑名单")),
    entry(("POST", "/acquirer/terminals/{terminal}/coverage"), Segment, ONE_TERMINAL, ("report its lists", "报告名单版本")),
    entry(("GET", "/acquirer/coverage"), Nothing, SUPERVISE, ("view who has which lists", "查阅名单覆盖")),
    entry(("POST", "/acquirer/terminals/{terminal}/face"), Segment, RUN, ("put a face terminal", "设置刷脸终端")),
    entry(("GET", "/acquirer/terminals/{terminal}/gallery"), Segment, ONE_TERMINAL, ("fetch its gallery", "下载人脸库")),
    entry(("POST", "/acquirer/terminals/{terminal}/gallery/confirmation"), Segment, ONE_TERMINAL, ("confirm its gallery", "确认人脸库")),
    entry(("GET", "/acquirer/face-terminals"), Nothing, INSPECT, ("view the face terminals", "查阅刷脸终端")),
    entry(("POST", "/acquirer/psams"), Nothing, RUN, ("admit a PSAM to a terminal", "登记 PSAM")),
    entry(("POST", "/acquirer/psams/withdrawal"), Nothing, RUN, ("withdraw a PSAM", "撤下 PSAM")),
    entry(("POST", "/revocations"), Nothing, RUN, ("take a root's revocation list", "接收根的吊销列表")),
    entry(("GET", "/exchange/files"), Query("receiver"), NEIGHBOUR, ("list its files", "列出待取文件")),
    entry(("PUT", "/exchange/files/{name}"), Sender, NEIGHBOUR, ("deliver a file", "送交文件")),
    entry(("GET", "/exchange/files/{name}"), Query("receiver"), &[NODE, OPERATOR, AUDITOR], ("read a file", "读取文件")),
    entry(("POST", "/exchange/files/{name}/confirmation"), Body("receiver"), NEIGHBOUR, ("confirm a file", "确认文件")),
    entry(("GET", "/papers"), Nothing, PAPERS, ("list registers, books and revocation lists in force", "查阅生效的机构登记、密钥簿与吊销列表")),
    entry(("GET", "/papers/{paper}"), Segment, PAPERS, ("read one of them", "读取其一")),
    entry(("GET", "/key-notes"), Nothing, &[OPERATOR, AUDITOR, AUTHORITY, OFFICER], ("read notes of keys", "查阅密钥使用记录")),
    entry(("POST", "/key-notes"), Body("institution"), NEIGHBOUR, ("bring notes of keys", "上报密钥使用记录")),
    entry(("GET", "/key-uses"), Nothing, &[OFFICER, AUDITOR, AUTHORITY], ("read what its keys were used for", "查阅密钥使用审计链")),
    entry(("GET", "/days/{day}"), Nothing, SUPERVISE, ("view a day", "查阅清算日")),
    entry(("POST", "/days/{day}/close"), Nothing, RUN, ("close a day", "日切")),
    entry(("POST", "/days/{day}/settle"), Nothing, RUN, ("settle a day", "清算")),
    entry(("GET", "/audit/ledger"), Nothing, SUPERVISE, ("read the balances", "查阅余额")),
    entry(("GET", "/audit/rides"), Nothing, INSPECT, ("read the rides", "查阅乘车")),
    entry(("GET", "/audit/rejected"), Nothing, SUPERVISE, ("read refusals and alarms", "查阅拒收与告警")),
    entry(("GET", "/audit/files"), Nothing, SUPERVISE, ("read which files were made", "查阅所制文件")),
    entry(("GET", "/audit/envelopes"), Nothing, SUPERVISE, ("read the envelopes of files", "查阅文件签名信封")),
    entry(("GET", "/audit/callers"), Nothing, &[OFFICER, AUDITOR, AUTHORITY], ("read what was done with callers", "查阅调用方变更")),
    entry(("POST", "/pump"), Nothing, RUN, ("exchange files with the parent", "与上级交换文件")),
    entry(("GET", "/callers"), Nothing, &[OFFICER, AUDITOR, AUTHORITY], ("read who may call", "查阅调用方")),
    entry(("POST", "/callers"), Nothing, &[OFFICER], ("admit a caller", "登记调用方")),
    entry(("POST", "/callers/{caller}/keys"), Segment, &[
        OFFICER,
        (Role::Operator, Scope::Itself), (Role::Clerk, Scope::Itself),
        (Role::Auditor, Scope::Itself), (Role::Authority, Scope::Itself),
        (Role::Node, Scope::Itself), (Role::Partner, Scope::Itself),
    ], ("announce a new key", "更换密钥")),
    entry(("POST", "/callers/{caller}/state"), Segment, &[OFFICER], ("disable a caller, or allow it again", "停用或恢复调用方")),
];

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn a_route_stands_in_the_table_once() {
        for (at, one) in TABLE.iter().enumerate() {
            let same = |other: &&Rule| (other.method, other.pattern) == (one.method, one.pattern);
            assert_eq!(TABLE[at + 1..].iter().filter(same).count(), 0, "{one:?}");
        }
    }

    #[test]
    fn health_alone_is_open() {
        let open: Vec<_> = TABLE.iter().filter(|rule| rule.is_open()).collect();
        assert_eq!(open.len(), 1);
        assert_eq!(open[0].pattern, "/health");
    }

    #[test]
    fn an_auditor_changes_nothing() {
        for rule in TABLE {
            for role in [Role::Auditor, Role::Authority] {
                let may = rule
                    .who
                    .iter()
                    .any(|(who, scope)| *who == role && *scope == Scope::All);
                assert!(!may || rule.method == "GET", "{rule:?}");
            }
        }
    }

    #[test]
    fn terminals_nodes_and_partners_are_held_to_their_own() {
        for rule in TABLE.iter().filter(|rule| rule.method != "GET") {
            for (role, scope) in rule.who {
                if matches!(role, Role::Terminal | Role::Node | Role::Partner) {
                    assert_ne!(*scope, Scope::All, "{rule:?}");
                    assert_ne!(rule.subject, Subject::None, "{rule:?}");
                }
            }
        }
    }

    #[test]
    fn a_rule_has_words_and_no_role_twice() {
        for rule in TABLE {
            assert!(!rule.en.is_empty() && !rule.zh.is_empty());
            for (at, (role, _)) in rule.who.iter().enumerate() {
                assert!(rule.who[at + 1..].iter().all(|(other, _)| other != role));
            }
        }
    }
}
