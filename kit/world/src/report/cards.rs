//! What riders with cards came to: media, mishaps, words, fares, refunds.

use std::collections::BTreeMap;

use tongtu_fare::Lang;
use tongtu_types::Fen;

use super::devices::in_lang;
use super::{Means, Story, Table, say, where_};
use crate::cards::{Act, Mishap, TapLog};
use crate::log::RideState;

impl Story<'_> {
    /// By what riders paid, at home and away.
    #[must_use]
    pub fn media(&self, lang: Lang) -> Table {
        let mut totals: BTreeMap<(Means, bool), (usize, i64)> = BTreeMap::new();
        for (means, issuer, acquirer, amount) in self.paid() {
            let total = totals.entry((means, issuer != acquirer)).or_default();
            total.0 += 1;
            total.1 += amount.get();
        }
        let rows = totals
            .into_iter()
            .map(|((means, is_away), (count, fen))| {
                vec![
                    means.name(lang),
                    where_(lang, is_away),
                    self.riders_with(means).to_string(),
                    count.to_string(),
                    Fen::new(fen).to_string(),
                ]
            })
            .collect();
        Table {
            title: say(lang, "What riders paid with", "支付介质"),
            header: [
                ("medium", "介质"),
                ("where", "地点"),
                ("riders", "乘客"),
                ("paid rides", "付费笔数"),
                ("fares ¥", "票款 ¥"),
            ]
            .map(|(en, zh)| say(lang, en, zh))
            .to_vec(),
            rows,
        }
    }

    /// What went wrong with cards, and what became of it.
    #[must_use]
    pub fn mishaps(&self, lang: Lang) -> Table {
        let mut of: BTreeMap<Mishap, Vec<&TapLog>> = BTreeMap::new();
        for log in self.taps {
            of.entry(log.tap.mishap).or_default().push(log);
        }
        let rows = of
            .into_iter()
            .map(|(mishap, logs)| {
                let (en, zh) = mishap.name();
                let sum = |wanted: &dyn Fn(&TapLog) -> bool| {
                    let fen = logs.iter().filter(|log| wanted(log));
                    Fen::new(fen.map(|log| log.debit.get()).sum()).to_string()
                };
                let mut riders: Vec<_> = logs
                    .iter()
                    .map(|log| (log.tap.holder, log.tap.at.china().day))
                    .collect();
                riders.dedup();
                riders.sort_unstable();
                riders.dedup();
                vec![
                    say(lang, en, zh),
                    riders.len().to_string(),
                    first_words(&logs, lang),
                    fate(mishap, lang),
                    sum(&|_| true),
                    sum(&|log| log.tap.is_refunded),
                ]
            })
            .collect();
        Table {
            title: say(
                lang,
                "Rides by card, and what became of mishaps",
                "刷卡乘车与异常的处置",
            ),
            header: [
                ("what happened", "情形"),
                ("cards", "卡数"),
                ("the rider heard", "乘客听到"),
                ("what became of it", "处置"),
                ("paid ¥", "扣款 ¥"),
                ("owed back ¥", "应退 ¥"),
            ]
            .map(|(en, zh)| say(lang, en, zh))
            .to_vec(),
            rows,
        }
    }

    /// Every settled ride that was paid: with what, issuer, acquirer, amount.
    pub(super) fn paid(&self) -> impl Iterator<Item = (Means, usize, usize, Fen)> + '_ {
        let holders = self.country.cardholders.iter();
        let cards = holders.map(|holder| (holder.number, (Means::of(holder), holder.home)));
        let riders = self.country.face_riders.iter();
        let faces = riders.map(|rider| (rider.account, (Means::Face, rider.home)));
        let homes: BTreeMap<_, _> = cards.chain(faces).collect();
        let codes = self
            .settled()
            .filter(|record| !record.amount.is_zero())
            .map(|record| (Means::Code, record.issuer, record.acquirer, record.amount));
        let observed = self.observed;
        let others = observed.card_rides.iter().chain(&observed.face_rides);
        let others = others
            .flat_map(|(acquirer, rides)| rides.iter().map(move |ride| (*acquirer, ride)))
            .filter(|(_, ride)| ride.state == RideState::Settled && !ride.amount.is_zero())
            .filter_map(move |(acquirer, ride)| {
                let (means, home) = homes.get(&ride.card)?;
                Some((*means, *home, acquirer, ride.amount))
            });
        codes.chain(others)
    }
}

/// What the first rider of these heard, in order.
fn first_words(logs: &[&TapLog], lang: Lang) -> String {
    let Some(first) = logs.first() else {
        return String::new();
    };
    if first.tap.mishap == Mishap::Honest {
        return "—".to_owned();
    }
    let day = first.tap.at.china().day;
    let words: Vec<String> = logs
        .iter()
        .filter(|log| log.tap.holder == first.tap.holder && log.tap.at.china().day == day)
        .map(|log| match (&log.shown, log.tap.act) {
            (Some(shown), _) => in_lang(&shown.voice, lang).to_owned(),
            (None, Act::Load(fen)) => {
                let loaded = say(lang, "(loads", "（充值");
                format!("{loaded} {fen})")
            }
            (None, _) => "—".to_owned(),
        })
        .collect();
    words.join(" → ")
}

/// What becomes of a mishap by rule.
fn fate(mishap: Mishap, lang: Lang) -> String {
    use crate::cards::Flaw;
    let (en, zh) = match mishap {
        Mishap::Honest | Mishap::Card(Flaw::Sound) => ("settled", "清算"),
        Mishap::TornUnpaidBack => ("charged at the second tap", "重刷时扣款"),
        Mishap::TornPaidBack | Mishap::TornExit => (
            "completed by the card's proof, not charged again",
            "凭卡内证明补全，不再扣款",
        ),
        Mishap::TornPaidBeside => (
            "completed by the other validator; the card vouched for itself",
            "由另一机补全，卡片自证",
        ),
        Mishap::TornPaidBesideCut => (
            "charged twice; the grey record is refunded",
            "扣款两次，灰记录应退",
        ),
        Mishap::TornPaidGone => (
            "grey until the card's next ride, then claimed",
            "灰记录待下次刷卡后确认",
        ),
        Mishap::TornUnpaidGone => (
            "grey until the card's next ride, then dropped",
            "灰记录待下次刷卡后撤销",
        ),
        Mishap::MissedExit => (
            "the dearest ride, at the counter or with the next entry",
            "按最高票价，服务台补登或下次进站补扣",
        ),
        Mishap::MissedAlight => (
            "the marked fare, with the next boarding",
            "下次上车补扣标注金额",
        ),
        Mishap::OverStay => ("the dearest ride", "按最高票价"),
        Mishap::DoubleTap => ("the second tap costs nothing", "第二次不扣款"),
        Mishap::TwoCards => ("no card was asked; one was, then", "未读卡，改刷一张"),
        Mishap::Changed => ("the transfer takes off", "享换乘优惠"),
        Mishap::ChangedLate => ("the whole fare", "无换乘优惠"),
        Mishap::AllDay => ("no more than the cap of the day", "不超过单日封顶"),
        Mishap::Card(Flaw::Poor) => ("refused, loaded, rode", "拒绝，充值后乘车"),
        Mishap::Card(Flaw::Blacklisted) => ("locked by the terminal", "终端锁卡"),
        Mishap::Card(Flaw::Lost) => (
            "on the blacklist by ten, locked at noon",
            "十时列入黑名单，中午锁卡",
        ),
        Mishap::Card(Flaw::Found) => (
            "off the blacklist by ten, rode at noon",
            "十时移出黑名单，中午乘车",
        ),
        Mishap::Card(Flaw::Expired | Flaw::NotStarted | Flaw::Stranger) => {
            ("refused, nothing recorded", "拒绝，无记录")
        }
        Mishap::Card(Flaw::Forged) => (
            "MAC2 wrong: refused here and at clearing",
            "MAC2 错误：拒绝，清分拒付",
        ),
    };
    say(lang, en, zh)
}
