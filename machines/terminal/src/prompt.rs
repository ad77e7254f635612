//! What a terminal says, shows and lights for each verdict, in Chinese and English.
//!
//! One cause, one action; never numbers alone. Voice is short because the next rider waits.

use alloc::string::{String, ToString};

use tongtu_fare::Lang;
use tongtu_ride_code::Verdict;
use tongtu_ride_code::record::Direction;
use tongtu_types::Fen;

/// The lamp beside the scanner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Light {
    /// Go.
    Green,
    /// Go, and something is to be settled later; or try again at once.
    Amber,
    /// No.
    Red,
}

/// What staff or rider should know about an accepted ride.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// Let out without an entry known: the fare is settled by the back office (不完整交易).
    NoEntry,
    /// Let out although the fare is above the code's limit; the record says R14.
    OverLimit,
    /// The code's limit is below the network's highest fare.
    LimitMayNotSuffice,
}

impl Notice {
    /// The notice in words.
    #[must_use]
    pub const fn text(self, lang: Lang) -> &'static str {
        match (self, lang) {
            (Self::NoEntry, Lang::En) => "No entry found; the fare is settled later",
            (Self::NoEntry, Lang::Zh) => "未找到进站记录，车费稍后结算",
            (Self::OverLimit, Lang::En) => "Fare is above your single-ride limit; see your app",
            (Self::OverLimit, Lang::Zh) => "票价超出单次限额，请查看应用",
            (Self::LimitMayNotSuffice, Lang::En) => "A long ride may exceed your single-ride limit",
            (Self::LimitMayNotSuffice, Lang::Zh) => "长距离乘车可能超出单次限额",
        }
    }
}

/// What the rider gets to hear and see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prompt {
    /// The verdict it is about.
    pub verdict: Verdict,
    /// Where the scan took place.
    pub direction: Direction,
    /// The fare charged; none at entry and when refused.
    pub fare: Option<Fen>,
    /// More about an accepted ride.
    pub notice: Option<Notice>,
}

impl Prompt {
    /// What is spoken.
    #[must_use]
    pub const fn voice(&self, lang: Lang) -> &'static str {
        let (zh, en) = match self.verdict {
            Verdict::Accepted => match (self.notice, self.direction) {
                (Some(Notice::NoEntry), _) => ("请出站，车费稍后结算", "Please exit, fare follows"),
                (_, Direction::Single) => ("乘车成功", "Welcome"),
                (_, Direction::Entry) => ("请进站", "Please enter"),
                (_, Direction::Exit) => ("请出站", "Please exit"),
            },
            // Spoken only where the rider is let out all the same, or must pay another way.
            Verdict::OverLimit => match self.direction {
                Direction::Exit => ("请出站，票价超限额", "Please exit, above limit"),
                _ => ("超出限额，请用其他方式", "Above limit, pay another way"),
            },
            Verdict::NotRideCode => ("请打开乘车码", "Open your ride code"),
            Verdict::Version
            | Verdict::CertFormat
            | Verdict::CertExpired
            | Verdict::ValidityPolicy => ("请升级应用", "Update your app"),
            Verdict::Length
            | Verdict::UserField
            | Verdict::CodeExpired
            | Verdict::IssuerSignature
            | Verdict::UserSignature => ("请刷新乘车码", "Refresh your code"),
            Verdict::IssuerNotAccepted => {
                ("暂不受理，请用其他方式", "Not accepted, pay another way")
            }
            Verdict::CaKey | Verdict::CertSignature => ("请联系工作人员", "Please see staff"),
            Verdict::UserCertExpired => ("请联网刷新", "Go online and refresh"),
            Verdict::NotYetValid => ("请校准手机时间", "Correct your phone's clock"),
            Verdict::Blacklisted => ("账户已停用，请查看应用", "Account suspended, see your app"),
            Verdict::Duplicate => ("此码已使用，请刷新", "Code used, refresh it"),
            Verdict::TooFrequent => ("请勿重复扫码", "Already scanned"),
            Verdict::TerminalState => ("设备暂停服务", "Device not in service"),
        };
        match lang {
            Lang::Zh => zh,
            Lang::En => en,
        }
    }

    /// What is shown: the verdict, the fare, the notice; one line each.
    #[must_use]
    pub fn display(&self, lang: Lang) -> String {
        let mut text = match (self.verdict, lang) {
            // At an exit the rider is through; the notice below says what is left to do.
            (Verdict::OverLimit, _) if self.notice.is_some() => self.voice(lang).to_string(),
            (Verdict::Accepted, _) if self.direction != Direction::Single => {
                self.voice(lang).to_string()
            }
            (verdict, Lang::Zh) => verdict.rider_zh().to_string(),
            (verdict, Lang::En) => verdict.rider_en().to_string(),
        };
        if let Some(fare) = self.fare {
            text += &match lang {
                Lang::Zh => alloc::format!("\n车费 {fare} 元"),
                Lang::En => alloc::format!("\nFare {fare} yuan"),
            };
        }
        if let Some(notice) = self.notice {
            text += "\n";
            text += notice.text(lang);
        }
        text
    }

    /// What is lit.
    #[must_use]
    pub const fn light(&self) -> Light {
        match (self.verdict, self.notice) {
            (Verdict::Accepted, None | Some(Notice::LimitMayNotSuffice)) => Light::Green,
            (_, Some(_)) | (Verdict::TooFrequent, _) => Light::Amber,
            _ => Light::Red,
        }
    }
}
