//! What a face terminal says, shows and lights, in Chinese and English.
//!
//! Never a similarity and never a name: what the screen shows, everybody behind sees too.

use alloc::string::{String, ToString as _};

use tongtu_fare::Lang;
use tongtu_ride_code::record::Direction;
use tongtu_types::Fen;

use crate::Light;

/// What there is to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaceMoment {
    /// The rider may pass.
    Pass,
    /// Passes, the fare is settled later (不完整交易).
    PassNoEntry,
    /// The second factor is wanted.
    Digits,
    /// The digits were wrong, and may be tried again.
    DigitsAgain,
    /// One face at a time.
    OneByOne,
    /// The face cannot be seen well.
    LookHere,
    /// Not recognised, or not alive, which is not told apart: whoever tries a picture learns
    /// nothing from it.
    OtherWay,
    /// Has just passed.
    JustPassed,
    /// No service by face; cards and codes are taken.
    NoFace,
}

/// What the rider gets to hear and see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FacePrompt {
    /// What there is to say.
    pub moment: FaceMoment,
    /// Where it took place.
    pub direction: Direction,
    /// The fare charged; none at entry and when refused.
    pub fare: Option<Fen>,
}

impl FacePrompt {
    /// What is spoken.
    #[must_use]
    pub const fn voice(&self, lang: Lang) -> &'static str {
        let (zh, en) = match (self.moment, self.direction) {
            (FaceMoment::Pass, Direction::Single) => ("乘车成功", "Welcome"),
            (FaceMoment::Pass, Direction::Entry) => ("请进站", "Please enter"),
            (FaceMoment::Pass, Direction::Exit) => ("请出站", "Please exit"),
            (FaceMoment::PassNoEntry, _) => ("请出站，车费稍后结算", "Please exit, fare follows"),
            (FaceMoment::Digits, _) => (
                "请输入手机号后四位",
                "Last four digits of your phone, please",
            ),
            (FaceMoment::DigitsAgain, _) => ("输入有误，请重试", "Not right, try again"),
            (FaceMoment::OneByOne, _) => ("请逐一通过", "One at a time, please"),
            (FaceMoment::LookHere, _) => ("请正对屏幕", "Please face the screen"),
            (FaceMoment::OtherWay, _) => {
                ("未能识别，请刷卡或扫码", "Not recognised, use card or code")
            }
            (FaceMoment::JustPassed, _) => ("请勿重复", "Already passed"),
            (FaceMoment::NoFace, _) => (
                "刷脸暂停，请刷卡或扫码",
                "No service by face, use card or code",
            ),
        };
        match lang {
            Lang::Zh => zh,
            Lang::En => en,
        }
    }

    /// What is shown: the same, and the fare.
    #[must_use]
    pub fn display(&self, lang: Lang) -> String {
        let mut text = self.voice(lang).to_string();
        if let Some(fare) = self.fare {
            text += &match lang {
                Lang::Zh => alloc::format!("\n车费 {fare} 元"),
                Lang::En => alloc::format!("\nFare {fare} yuan"),
            };
        }
        text
    }

    /// What is lit.
    #[must_use]
    pub const fn light(&self) -> Light {
        match self.moment {
            FaceMoment::Pass => Light::Green,
            FaceMoment::OtherWay | FaceMoment::NoFace => Light::Red,
            _ => Light::Amber,
        }
    }
}
