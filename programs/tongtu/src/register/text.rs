//! The register as text that a person writes, and as a table that one reads.

use serde::{Deserialize, Serialize};
use tongtu_register::{Fingerprint, Institution, Link, Name, Register, Roles, Standing};
use tongtu_types::{InstitutionCode, Timestamp};

use crate::clock::moment;
use crate::exit::Failure;
use crate::report::Report;

/// The register as TOML, and as JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RegisterText {
    version: u64,
    published_at: String,
    #[serde(default)]
    institution: Vec<InstitutionText>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct InstitutionText {
    code: String,
    name_zh: String,
    name_en: String,
    roles: Vec<String>,
    standing: String,
    since: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    successor: Option<String>,
    #[serde(default)]
    link: Vec<LinkText>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkText {
    pub(crate) fingerprint: String,
    pub(crate) from: String,
    pub(crate) until: String,
}

/// A moment as [`moment`] reads it, in China's zone.
pub(crate) fn moment_text(at: Timestamp) -> String {
    let at = at.china();
    format!("{}T{}+08:00", at.day, at.clock())
}

impl RegisterText {
    /// Reads the text; what does not hold is named with its institution.
    pub(super) fn parse(text: &str) -> Result<Register, String> {
        let read = toml::from_str(text);
        let text: Self = read.map_err(|error| tongtu_config::toml_fault(text, &error))?;
        let mut institutions = Vec::new();
        let mut links = Vec::new();
        for row in &text.institution {
            let named = |fault: String| format!("institution {}: {fault}", row.code);
            let institution = row.institution().map_err(named)?;
            for link in &row.link {
                links.push(link.link(institution.code).map_err(named)?);
            }
            institutions.push(institution);
        }
        let published_at = moment(&text.published_at).map_err(|e| format!("published_at: {e}"))?;
        Register::new(text.version, published_at, institutions, links)
            .map_err(|error| error.to_string())
    }

    pub(super) fn of(register: &Register) -> Self {
        let institution = |row: &Institution| {
            let mut links: Vec<&Link> = register
                .links()
                .filter(|link| link.institution == row.code)
                .collect();
            links.sort_by_key(|link| (link.from, link.fingerprint));
            InstitutionText {
                code: row.code.to_string(),
                name_zh: row.name_zh.to_string(),
                name_en: row.name_en.to_string(),
                roles: roles(row.roles),
                standing: row.standing.en().into(),
                since: moment_text(row.since),
                successor: row.successor.map(|code| code.to_string()),
                link: links.into_iter().map(LinkText::of).collect(),
            }
        };
        Self {
            version: register.version(),
            published_at: moment_text(register.published_at()),
            institution: register.institutions().map(institution).collect(),
        }
    }

    pub(super) fn print(&self) -> String {
        toml::to_string(self).expect("rows are plain values")
    }

    pub(super) fn table(&self, report: &mut Report) -> Result<(), Failure> {
        let lang = report.lang();
        let zh = |pair: (&'static str, &'static str)| lang.pick(pair);
        let header = [
            zh(("code", "机构代码")),
            zh(("name", "名称")),
            zh(("roles", "角色")),
            zh(("standing", "状态")),
            zh(("since", "起始")),
            zh(("successor", "承接机构")),
        ];
        let rows = self.institution.iter().map(|row| {
            let standing = Standing::ALL.iter().find(|s| s.en() == row.standing);
            let standing = standing.map_or("", |s| zh((s.en(), s.zh())));
            let role = |word: &String| {
                let words = Roles::WORDS.iter().find(|(_, en, _)| en == word);
                words.map_or("", |(_, en, chinese)| zh((en, chinese)))
            };
            let roles: Vec<&str> = row.roles.iter().map(role).collect();
            vec![
                row.code.clone(),
                String::from(lang.pick((&row.name_en, &row.name_zh))),
                roles.join(zh((", ", "、"))),
                standing.into(),
                row.since.clone(),
                row.successor.clone().unwrap_or_default(),
            ]
        });
        report.table(&header, rows)?;
        let header = [
            zh(("code", "机构代码")),
            zh(("link certificate (SHA-256)", "链路证书（SHA-256）")),
            zh(("from", "生效")),
            zh(("until", "失效")),
        ];
        let rows = self.institution.iter().flat_map(|row| {
            row.link.iter().map(|link| {
                vec![
                    row.code.clone(),
                    link.fingerprint.clone(),
                    link.from.clone(),
                    link.until.clone(),
                ]
            })
        });
        report.table(&header, rows)
    }
}

fn roles(roles: Roles) -> Vec<String> {
    let words = Roles::WORDS.iter();
    let words = words.filter(|(role, ..)| roles.contains(*role));
    words.map(|(_, en, _)| String::from(*en)).collect()
}

impl InstitutionText {
    fn institution(&self) -> Result<Institution, String> {
        let mut roles = Roles::default();
        for word in &self.roles {
            let expected = "expected exchange, issuer, acquirer or authority";
            let role = Roles::of(word).ok_or_else(|| format!("role {word}: {expected}"))?;
            roles = roles.and(role);
        }
        let standing = Standing::ALL.iter().find(|s| s.en() == self.standing);
        let standing = standing.ok_or_else(|| {
            let found = &self.standing;
            format!("standing {found}: expected admitted, suspended or removed")
        })?;
        let code = |text: &str| InstitutionCode::parse(text).map_err(|error| error.to_string());
        let name = |text: &str| Name::parse(text).map_err(|error| error.to_string());
        Ok(Institution {
            code: code(&self.code)?,
            roles,
            standing: *standing,
            since: moment(&self.since).map_err(|error| format!("since: {error}"))?,
            successor: self.successor.as_deref().map(code).transpose()?,
            name_zh: name(&self.name_zh)?,
            name_en: name(&self.name_en)?,
        })
    }
}

impl LinkText {
    pub(crate) fn of(link: &Link) -> Self {
        Self {
            fingerprint: link.fingerprint.to_string(),
            from: moment_text(link.from),
            until: moment_text(link.until),
        }
    }

    fn link(&self, institution: InstitutionCode) -> Result<Link, String> {
        let fingerprint: Fingerprint = self
            .fingerprint
            .parse()
            .map_err(|error: tongtu_types::ValueError| error.to_string())?;
        let at = |name: &str, text: &str| moment(text).map_err(|e| format!("link {name}: {e}"));
        Ok(Link {
            institution,
            fingerprint,
            from: at("from", &self.from)?,
            until: at("until", &self.until)?,
        })
    }
}
