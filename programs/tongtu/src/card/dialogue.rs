//! A dialogue with a card as it goes on: which application is selected, and what each command and
//! answer say in words.
//!
//! Here: the bookkeeping between commands. What one command means is asked of the application's own
//! crate, and of ISO/IEC 7816 ([`iso`]) where none knows it.

mod iso;
mod tags;

use serde::Serialize;
use tongtu_apdu::select::{Aid, E_CASH, E_PURSE, ISSUER_DOMAIN, PPSE};
use tongtu_apdu::tlv::{self, Tag};
use tongtu_apdu::{Command, Explanation, Line, Response, StatusWord};
use tongtu_codec::hex_encode;
use tongtu_identity::IDENTITY;
use tongtu_nfc_code::NFC_CODE;

use crate::exit::Failure;
use crate::lang::{Both, Lang, both};
use crate::report::Report;

/// Which application answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Application {
    /// Nothing was selected by a name that we know.
    Unknown,
    /// The directory of contactless applications.
    Directory,
    /// The e-purse.
    Purse,
    /// The e-cash.
    Ecash,
    /// A security domain.
    Domain,
    /// The identity application.
    Identity,
    /// The NFC ride code, under our own AID.
    RideCode,
}

impl Application {
    pub(crate) fn title(self) -> Both {
        match self {
            Self::Unknown => both("unknown application", "未知应用"),
            Self::Directory => both("directory (PPSE)", "支付系统环境 (PPSE)"),
            Self::Purse => both("e-purse", "电子钱包"),
            Self::Ecash => both("e-cash", "电子现金"),
            Self::Domain => both("security domain", "安全域"),
            Self::Identity => both("identity application", "身份认证应用"),
            Self::RideCode => both("NFC ride code", "NFC 二维码应用"),
        }
    }

    /// Which application a SELECT found.
    ///
    /// CONFLICT: some cities install an e-purse under an AID of the e-cash; what FCI holds decides
    /// before the AID does.
    fn of_selection(aid: &[u8], fci: &[u8]) -> Self {
        const PUBLIC_DATA: Tag = Tag::new(0x9F0C);
        const PDOL: Tag = Tag::new(0x9F38);
        // The application answers with its whole AID, of which the SELECT may name the beginning.
        let named = tlv::find_deep(fci, Tag::new(0x84)).unwrap_or(aid);
        let begins = |known: Aid| named.starts_with(known.as_bytes());
        if tlv::find_deep(fci, PUBLIC_DATA).is_some() {
            Self::Purse
        } else if tlv::find_deep(fci, PDOL).is_some() {
            Self::Ecash
        } else if begins(PPSE) {
            Self::Directory
        } else if begins(E_PURSE) {
            Self::Purse
        } else if begins(E_CASH) {
            Self::Ecash
        } else if begins(IDENTITY) {
            Self::Identity
        } else if begins(NFC_CODE) {
            Self::RideCode
        } else if aid.is_empty() || named.starts_with(&ISSUER_DOMAIN.as_bytes()[..5]) {
            Self::Domain
        } else {
            Self::Unknown
        }
    }
}

/// What a command and its answer say.
#[derive(Debug)]
pub(crate) struct Told {
    /// The application that the command went to; for a SELECT, the one found.
    pub(crate) application: Application,
    /// In words.
    pub(crate) explanation: Explanation,
    /// How the card answered.
    pub(crate) sw: Option<StatusWord>,
    /// Why command or answer is no APDU.
    pub(crate) problem: Option<String>,
}

/// A dialogue so far.
#[derive(Debug)]
pub(crate) struct Dialogue {
    selected: Application,
    /// A command whose answer comes in parts, and the parts so far.
    open: Option<(Command, Vec<u8>)>,
}

impl Dialogue {
    /// A card that was just reset: the issuer domain answers until something is selected.
    pub(crate) const fn new() -> Self {
        Self {
            selected: Application::Unknown,
            open: None,
        }
    }

    /// The card was reset.
    pub(crate) fn reset(&mut self) {
        *self = Self::new();
    }

    /// Explains a command and its answer, if there was one.
    pub(crate) fn tell(&mut self, command: &[u8], answer: Option<&[u8]>) -> Told {
        let response = answer.map(Response::parse);
        let mut problem = None;
        let response = match response {
            Some(Ok(response)) => Some(response),
            Some(Err(error)) => {
                problem = Some(error.to_string());
                None
            }
            None => None,
        };
        let sw = response.as_ref().map(|response| response.sw);
        let command = match Command::parse(command) {
            Ok(command) => command,
            Err(error) => {
                self.open = None;
                return Told {
                    application: self.selected,
                    explanation: iso::unreadable(command, response.as_ref()),
                    sw,
                    problem: Some(error.to_string()),
                };
            }
        };
        let (asked, response) = self.whole(command, response);
        let is_select = asked.ins == 0xA4 && asked.cla & 0xFC == 0;
        if is_select && let Some(response) = &response {
            self.follow(&asked, response);
        }
        Told {
            application: self.selected,
            explanation: explained(self.selected, &asked, response.as_ref()),
            sw,
            problem,
        }
    }

    /// The command that an answer is really for, and the whole of the answer: parts are
    /// collected by GET RESPONSE.
    fn whole(
        &mut self,
        command: Command,
        response: Option<Response>,
    ) -> (Command, Option<Response>) {
        let collects = command.ins == 0xC0 && command.data.is_empty();
        let open = self.open.take().filter(|_| collects);
        let Some(mut response) = response else {
            return (command, None);
        };
        let [sw1, _] = response.sw.bytes();
        match open {
            Some((asked, mut parts)) => {
                parts.append(&mut response.data);
                if sw1 == 0x61 {
                    self.open = Some((asked, parts));
                    return (command, Some(response));
                }
                response.data = parts;
                (asked, Some(response))
            }
            None => {
                if sw1 == 0x61 {
                    self.open = Some((command.clone(), response.data.clone()));
                }
                (command, Some(response))
            }
        }
    }

    fn follow(&mut self, select: &Command, response: &Response) {
        let is_found = response.sw.is_ok() || response.sw.is_warning();
        if select.p1 == 0x04 && is_found {
            self.selected = Application::of_selection(&select.data, &response.data);
        }
    }
}

fn explained(
    application: Application,
    command: &Command,
    response: Option<&Response>,
) -> Explanation {
    let known = match application {
        Application::Ecash => tongtu_ecash::explain(command, response),
        Application::Domain | Application::Unknown => {
            tongtu_globalplatform::explain(command, response)
        }
        Application::Identity => tongtu_identity::explain(command, response),
        Application::RideCode => {
            tongtu_nfc_code::explain(&tongtu_nfc_code::Profile::default(), command, response)
        }
        Application::Purse | Application::Directory => {
            tongtu_purse::explain::explain(command, response)
        }
    };
    // A log of a terminal has its module's dialogue between the card's.
    let of_psam = || match (command.cla, command.ins) {
        (0x80, 0x1A | 0x70 | 0x72 | 0xFA) => tongtu_psam::explain::explain(command, response),
        _ => None,
    };
    known
        .or_else(of_psam)
        .unwrap_or_else(|| iso::explain(command, response))
}

/// A line of an explanation in JSON.
#[derive(Debug, Serialize)]
pub(crate) struct LineForm {
    depth: usize,
    title_en: String,
    title_zh: String,
    hex: String,
    value: String,
}

impl LineForm {
    pub(crate) fn of(line: &Line) -> Self {
        Self {
            depth: line.depth,
            title_en: line.en.clone(),
            title_zh: line.zh.clone(),
            hex: hex_encode(&line.bytes),
            value: line.value.clone(),
        }
    }
}

/// What a command and its answer say, in JSON.
#[derive(Debug, Serialize)]
pub(crate) struct ToldForm {
    application: Application,
    name_en: String,
    name_zh: String,
    request: Vec<LineForm>,
    /// The status word in hex, or `null` without an answer.
    status: Option<String>,
    status_en: Option<String>,
    status_zh: Option<String>,
    answer: Vec<LineForm>,
    /// Why command or answer is no APDU.
    problem: Option<String>,
}

impl ToldForm {
    pub(crate) fn of(told: &Told) -> Self {
        Self {
            application: told.application,
            name_en: told.explanation.en.clone(),
            name_zh: told.explanation.zh.clone(),
            request: told.explanation.request.iter().map(LineForm::of).collect(),
            status: told.sw.map(|sw| format!("{:04X}", sw.value())),
            status_en: told.sw.map(|sw| sw.en().into_owned()),
            status_zh: told.sw.map(|sw| sw.zh().into_owned()),
            answer: told.explanation.answer.iter().map(LineForm::of).collect(),
            problem: told.problem.clone(),
        }
    }
}

impl Told {
    /// The heading: the command by name, to whom, and how it ended.
    pub(crate) fn heading(&self, lang: Lang) -> String {
        let name = lang.pick((&self.explanation.en, &self.explanation.zh));
        let application = self.application.title();
        let status = match (self.sw, lang) {
            (None, Lang::En) => String::from("no answer"),
            (None, Lang::Zh) => String::from("没有应答"),
            (Some(sw), Lang::En) => format!("{:04X} {}", sw.value(), sw.en()),
            (Some(sw), Lang::Zh) => format!("{:04X} {}", sw.value(), sw.zh()),
        };
        format!("{name} · {} · {status}", application.of(lang))
    }

    /// Prints the parts of command and answer for people.
    pub(crate) fn print(&self, report: &mut Report) -> Result<(), Failure> {
        let lang = report.lang();
        if let Some(problem) = &self.problem {
            report.line(&match lang {
                Lang::En => format!("    not an APDU: {problem}"),
                Lang::Zh => format!("    不是 APDU：{problem}"),
            })?;
        }
        let request = self.explanation.request.iter().map(|line| ("→", line));
        let answer = self.explanation.answer.iter().map(|line| ("←", line));
        let rows = request.chain(answer).map(|(mark, line)| {
            let hex = hex_encode(&line.bytes).to_uppercase();
            let value = if line.value.eq_ignore_ascii_case(&hex) {
                String::new()
            } else {
                line.value.clone()
            };
            let indent = "  ".repeat(line.depth);
            [
                format!("   {mark}"),
                format!("{indent}{}", lang.pick((&line.en, &line.zh))),
                wrapped(&hex),
                value,
            ]
        });
        report.rows(rows)
    }
}

/// Hex in lines of 16 bytes.
fn wrapped(hex: &str) -> String {
    const DIGITS: usize = 32;
    let lines: Vec<_> = (0..hex.len().div_ceil(DIGITS))
        .filter_map(|line| hex.get(line * DIGITS..hex.len().min((line + 1) * DIGITS)))
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests;
