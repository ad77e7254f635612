//! What a rider with a card hears and sees for every outcome, in Chinese and English.

use alloc::string::{String, ToString as _};

use tongtu_fare::Lang;
use tongtu_purse::field::Amount;
use tongtu_tap_record::Stage;
use tongtu_types::Fen;

use super::outcome::{Refusal, TapFault, TapOutcome};
use super::profile::Rules;
use crate::Light;

/// What is said; one cause, one action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Say {
    /// A whole ride is paid.
    Paid,
    /// Go in.
    Enter,
    /// Go out.
    Leave,
    /// Boarded.
    Boarded,
    /// Alighted.
    Alighted,
    /// An incomplete ride is made up for.
    MadeUp,
    /// Tap again (请重刷).
    TapAgain,
    /// The tap failed too often; the staff helps.
    SeeStaff,
    /// Do not tap again.
    AlreadyTapped,
    /// Not enough money.
    Insufficient,
    /// Blacklisted or locked: see the issuer.
    SeeIssuer,
    /// This card is not taken here.
    NotAccepted,
    /// This card is not in use yet.
    NotStarted,
    /// This card is expired.
    Expired,
    /// The card is damaged.
    Damaged,
    /// The ride before was not ended.
    NotEnded,
    /// There is no entry on the card.
    NoEntry,
    /// The rider stayed too long.
    OverStay,
    /// Nothing to make up for.
    NothingToMakeUp,
    /// Use the transport application of the card, or another way.
    OtherWay,
    /// The terminal is out of service.
    OutOfService,
    /// No cards here for now; codes and faces go on.
    NoCards,
}

/// More about an accepted ride.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TapNotice {
    /// The balance is low.
    LowBalance,
    /// An earlier ride was paid with this one.
    Arrears {
        /// How much.
        amount: Amount,
    },
}

/// What the rider gets to hear and see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TapPrompt {
    /// What is said.
    pub say: Say,
    /// What was charged.
    pub fare: Option<Fen>,
    /// What is on the card now.
    pub balance: Option<Fen>,
    /// More about it.
    pub notice: Option<TapNotice>,
}

impl TapPrompt {
    /// The prompt of an outcome.
    #[must_use]
    pub fn of(outcome: &TapOutcome, rules: &Rules) -> Self {
        let plain = |say| Self {
            say,
            fare: None,
            balance: None,
            notice: None,
        };
        match outcome {
            TapOutcome::Accepted(ride)
            | TapOutcome::Recovered(ride)
            | TapOutcome::Reopened(ride) => {
                let record = &ride.record;
                let say = match record.stage {
                    Stage::Single | Stage::None => Say::Paid,
                    Stage::Entry => Say::Enter,
                    Stage::Exit => Say::Leave,
                    Stage::Boarding => Say::Boarded,
                    Stage::Alighting => Say::Alighted,
                    Stage::Renewal | Stage::Closing => Say::MadeUp,
                };
                let is_money = record.kind != tongtu_tap_record::RecordKind::Ticket;
                let balance = record.after.fen();
                let is_low = is_money && balance < rules.balance_hint.fen();
                let notice = if record.arrears > Amount::ZERO {
                    Some(TapNotice::Arrears {
                        amount: record.arrears,
                    })
                } else {
                    is_low.then_some(TapNotice::LowBalance)
                };
                let is_free = record.amount == Amount::ZERO;
                Self {
                    say,
                    fare: (is_money && !is_free).then(|| record.amount.fen()),
                    balance: is_money.then_some(balance),
                    notice,
                }
            }
            TapOutcome::Torn { tries, .. } if *tries >= rules.tries_max => plain(Say::SeeStaff),
            TapOutcome::Torn { .. } => plain(Say::TapAgain),
            TapOutcome::OutOfService(TapFault::Module(_)) => plain(Say::NoCards),
            TapOutcome::OutOfService(_) => plain(Say::OutOfService),
            TapOutcome::Refused(refusal) => Self {
                balance: match refusal {
                    Refusal::Insufficient { balance, .. } => *balance,
                    _ => None,
                },
                ..plain(said(refusal))
            },
        }
    }

    /// What is spoken.
    #[must_use]
    pub const fn voice(&self, lang: Lang) -> &'static str {
        let (zh, en) = match self.say {
            Say::Paid => ("乘车成功", "Welcome"),
            Say::Enter => ("请进站", "Please enter"),
            Say::Leave => ("请出站", "Please exit"),
            Say::Boarded => ("上车成功，下车请刷卡", "Welcome, tap again to alight"),
            Say::Alighted => ("下车成功", "Goodbye"),
            Say::MadeUp => ("补登成功", "Ride completed"),
            Say::TapAgain => ("请重刷", "Please tap again"),
            Say::SeeStaff => ("请联系工作人员", "Please see staff"),
            Say::AlreadyTapped => ("请勿重复刷卡", "Already tapped"),
            Say::Insufficient => ("余额不足", "Balance too low"),
            Say::SeeIssuer => ("请与发卡机构联系", "Please contact your card issuer"),
            Say::NotAccepted => ("此卡不可用", "Card not accepted here"),
            Say::NotStarted => ("此卡未启用", "Card not yet valid"),
            Say::Expired => ("此卡已过期", "Card expired"),
            Say::Damaged => ("卡片异常，请换卡", "Card damaged, use another"),
            Say::NotEnded => (
                "上次行程未结束，请到服务台",
                "Last ride not ended, see the counter",
            ),
            Say::NoEntry => (
                "无进站记录，请到服务台",
                "No entry on card, see the counter",
            ),
            Say::OverStay => ("超时，请到服务台", "Stayed too long, see the counter"),
            Say::NothingToMakeUp => ("无需补登", "Nothing to make up"),
            Say::OtherWay => ("请用交通联合卡", "Use a T-Union card"),
            Say::OutOfService => ("设备暂停服务", "Device not in service"),
            Say::NoCards => ("暂停刷卡，请扫码", "No cards now, use a code"),
        };
        match lang {
            Lang::Zh => zh,
            Lang::En => en,
        }
    }

    /// What is shown: what is said, fare, balance, notice; one line each.
    #[must_use]
    pub fn display(&self, lang: Lang) -> String {
        let mut text = self.voice(lang).to_string();
        if let Some(fare) = self.fare {
            text += &match lang {
                Lang::Zh => alloc::format!("\n金额 {fare} 元"),
                Lang::En => alloc::format!("\nFare {fare} yuan"),
            };
        }
        if let Some(balance) = self.balance {
            text += &match lang {
                Lang::Zh => alloc::format!("\n余额 {balance} 元"),
                Lang::En => alloc::format!("\nBalance {balance} yuan"),
            };
        }
        match (self.notice, lang) {
            (None, _) => {}
            (Some(TapNotice::LowBalance), Lang::Zh) => text += "\n余额较低，请充值",
            (Some(TapNotice::LowBalance), Lang::En) => text += "\nBalance is low, please top up",
            (Some(TapNotice::Arrears { amount }), Lang::Zh) => {
                text += &alloc::format!("\n含上次未下车补扣 {} 元", amount.fen());
            }
            (Some(TapNotice::Arrears { amount }), Lang::En) => {
                text += &alloc::format!("\nIncludes {} yuan for the last ride", amount.fen());
            }
        }
        text
    }

    /// What is lit.
    #[must_use]
    pub const fn light(&self) -> Light {
        match self.say {
            Say::Paid | Say::Enter | Say::Leave | Say::Boarded | Say::Alighted | Say::MadeUp => {
                Light::Green
            }
            Say::TapAgain | Say::AlreadyTapped => Light::Amber,
            _ => Light::Red,
        }
    }
}

const fn said(refusal: &Refusal) -> Say {
    match refusal {
        Refusal::NoTransitCard | Refusal::CityUnion | Refusal::CashNotServed => Say::OtherWay,
        Refusal::Blocked { .. }
        | Refusal::Blacklisted { .. }
        | Refusal::IssuerRevoked { .. }
        | Refusal::UsedUp => Say::SeeIssuer,
        Refusal::NotEnabled => Say::NotStarted,
        Refusal::IssuerNotListed
        | Refusal::NotInteroperable
        | Refusal::KindNotPermitted { .. }
        | Refusal::NoComposite
        | Refusal::NoKey
        | Refusal::OverLimit { .. }
        | Refusal::NothingToPay
        | Refusal::Declined
        | Refusal::OnlineWanted
        | Refusal::NotAuthentic(_) => Say::NotAccepted,
        Refusal::NotStarted => Say::NotStarted,
        Refusal::Expired => Say::Expired,
        Refusal::ReTap => Say::AlreadyTapped,
        Refusal::Damaged | Refusal::BadFile { .. } | Refusal::CashData { .. } => Say::Damaged,
        Refusal::Insufficient { .. } => Say::Insufficient,
        Refusal::AlreadyInside => Say::NotEnded,
        Refusal::NotInside => Say::NoEntry,
        Refusal::OverStay => Say::OverStay,
        Refusal::NothingToMakeUp => Say::NothingToMakeUp,
        Refusal::NotConnected
        | Refusal::RecordLocked
        | Refusal::Mac2Wrong
        | Refusal::Unverified => Say::SeeStaff,
        Refusal::Card { .. } | Refusal::Garbled { .. } | Refusal::Lost => Say::TapAgain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything that is said, once.
    const ALL: [Say; 22] = [
        Say::Paid,
        Say::Enter,
        Say::Leave,
        Say::Boarded,
        Say::Alighted,
        Say::MadeUp,
        Say::TapAgain,
        Say::SeeStaff,
        Say::AlreadyTapped,
        Say::Insufficient,
        Say::SeeIssuer,
        Say::NotAccepted,
        Say::NotStarted,
        Say::Expired,
        Say::Damaged,
        Say::NotEnded,
        Say::NoEntry,
        Say::OverStay,
        Say::NothingToMakeUp,
        Say::OtherWay,
        Say::OutOfService,
        Say::NoCards,
    ];

    #[test]
    fn everything_is_said_in_both_languages_and_green_is_only_for_who_goes_on() {
        for say in ALL {
            let prompt = TapPrompt {
                say,
                fare: Some(Fen::new(300)),
                balance: Some(Fen::new(1_650)),
                notice: Some(TapNotice::Arrears {
                    amount: Amount::new(200),
                }),
            };
            let (zh, en) = (prompt.display(Lang::Zh), prompt.display(Lang::En));
            assert_eq!((zh.lines().count(), en.lines().count()), (4, 4));
            assert!(!prompt.voice(Lang::Zh).is_ascii() && prompt.voice(Lang::En).is_ascii());
            assert!(
                zh.contains("余额 16.50 元") && en.contains("Fare 3.00 yuan"),
                "{zh} {en}"
            );
            let goes_on = matches!(
                say,
                Say::Paid | Say::Enter | Say::Leave | Say::Boarded | Say::Alighted | Say::MadeUp
            );
            assert_eq!(prompt.light() == Light::Green, goes_on, "{say:?}");
        }
    }
}
