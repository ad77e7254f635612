//! What gates, validators and hand-helds showed, to cards and to codes alike.

use std::collections::BTreeMap;

use tongtu_fare::Lang;
use tongtu_terminal::Light;
use tongtu_types::Fen;

use super::{Means, Story, Table, say};
use crate::country::{NODES, Place};
use crate::faces::plan::Before;
use crate::hardware::{Both, DeviceKind, Shown};

impl Story<'_> {
    /// What devices said, with the lamp.
    #[must_use]
    pub fn words(&self, lang: Lang) -> Table {
        let mut counts: BTreeMap<(String, Both), ([usize; 3], String)> = BTreeMap::new();
        let codes = self.logs.iter().filter_map(|log| log.shown.as_ref());
        let cards = self.taps.iter().filter_map(|log| log.shown.as_ref());
        let shown = codes.map(|shown| (0, shown));
        let faces = self.looks.iter().flat_map(|log| &log.shown);
        let shown = shown.chain(cards.map(|shown| (1, shown)));
        for (medium, shown) in shown.chain(faces.map(|shown| (2, shown))) {
            let light = match shown.light {
                Light::Green => say(lang, "green", "绿"),
                Light::Amber => say(lang, "amber", "黄"),
                Light::Red => say(lang, "red", "红"),
            };
            let display = in_lang(&shown.display, lang).replace('\n', " · ");
            let count = counts
                .entry((light, shown.voice.clone()))
                .or_insert(([0; 3], display));
            count.0[medium] += 1;
        }
        let rows = counts
            .into_iter()
            .map(|((light, voice), ([codes, cards, faces], display))| {
                vec![
                    light,
                    in_lang(&voice, lang).to_owned(),
                    codes.to_string(),
                    cards.to_string(),
                    faces.to_string(),
                    display,
                ]
            })
            .collect();
        Table {
            title: say(lang, "What the devices said", "设备的提示"),
            header: [
                ("lamp", "指示灯"),
                ("voice", "语音"),
                ("to codes", "对码"),
                ("to cards", "对卡"),
                ("to faces", "对脸"),
                ("the display, first time", "显示（首例）"),
            ]
            .map(|(en, zh)| say(lang, en, zh))
            .to_vec(),
            rows,
        }
    }

    /// What was before the cameras, and what became of it.
    #[must_use]
    pub fn faces(&self, lang: Lang) -> Table {
        let mut of: BTreeMap<Before, (usize, String, usize, i64)> = BTreeMap::new();
        for log in self.looks {
            let heard: Vec<&str> = log.shown.iter().map(|s| in_lang(&s.voice, lang)).collect();
            let heard = heard.join(" → ");
            let row = of.entry(log.look.before).or_insert((0, heard, 0, 0));
            row.0 += 1;
            row.2 += usize::from(log.went_on);
            row.3 += log.record.map_or(0, |(_, fen)| fen.get());
        }
        let rows = of.into_iter().map(|(before, (looks, heard, passed, fen))| {
            let (en, zh) = before.name();
            vec![
                say(lang, en, zh),
                looks.to_string(),
                heard,
                passed.to_string(),
                Fen::new(fen).to_string(),
            ]
        });
        Table {
            title: say(lang, "Rides by face", "刷脸乘车"),
            header: [
                ("before the camera", "镜头前"),
                ("looks", "次数"),
                ("the rider heard, first time", "乘客听到（首例）"),
                ("passed", "放行"),
                ("paid ¥", "实付 ¥"),
            ]
            .map(|(en, zh)| say(lang, en, zh))
            .to_vec(),
            rows: rows.collect(),
        }
    }

    /// What the devices did, one JSON object a line, in order of time.
    #[must_use]
    pub fn events(&self) -> String {
        let mut events = Vec::new();
        for log in self.logs {
            let Some(shown) = &log.shown else { continue };
            let post = &self.country.posts[log.scan.post];
            let device = match post.place {
                Place::Bus { .. } => DeviceKind::Validator,
                Place::Entry { .. } | Place::Exit { .. } => DeviceKind::Gate,
            };
            let rider = &self.country.riders[log.scan.rider];
            let paid = log.record.as_ref().map_or(0, |record| record.amount.get());
            let what = serde_json::json!({
                "city": NODES[post.city].en,
                "terminal": post.number.as_str(),
                "device": device.name().0,
                "medium": "code",
                "rider": rider.account.to_string(),
                "class": rider.class.name().0,
                "what": log.scan.trick.name().0,
                "went_on": log.went_on,
                "paid_fen": paid,
            });
            events.push((shown, what));
        }
        for log in self.taps {
            let Some(shown) = &log.shown else { continue };
            let post = &self.country.card_posts[log.tap.post];
            let holder = &self.country.cardholders[log.tap.holder];
            let what = serde_json::json!({
                "city": NODES[post.city].en,
                "terminal": post.number.as_str(),
                "device": post.device().name().0,
                "medium": Means::of(holder).name(Lang::En),
                "rider": holder.number.to_string(),
                "class": holder.class.name().0,
                "what": log.tap.mishap.name().0,
                "went_on": log.went_on,
                "paid_fen": log.debit.get(),
            });
            events.push((shown, what));
        }
        for log in self.looks {
            let post = &self.country.face_posts[log.look.post].post;
            let device = match post.place {
                Place::Bus { .. } => DeviceKind::Validator,
                Place::Entry { .. } | Place::Exit { .. } => DeviceKind::Gate,
            };
            let rider = &self.country.face_riders[log.look.rider];
            let last = log.shown.len().saturating_sub(1);
            for (nth, shown) in log.shown.iter().enumerate() {
                let is_last = nth == last;
                let paid = log
                    .record
                    .filter(|_| is_last)
                    .map_or(0, |(_, fen)| fen.get());
                let what = serde_json::json!({
                    "city": NODES[post.city].en,
                    "terminal": post.number.as_str(),
                    "device": device.name().0,
                    "medium": "face",
                    "rider": rider.account.to_string(),
                    "class": "ordinary",
                    "what": log.look.before.name().0,
                    "went_on": is_last && log.went_on,
                    "paid_fen": paid,
                });
                events.push((shown, what));
            }
        }
        // Stable: what happens at one moment stays in the order of its medium.
        events.sort_by_key(|(shown, _)| shown.at);
        let lines = events.into_iter().map(|(shown, what)| line(shown, what));
        lines.collect()
    }
}

fn line(shown: &Shown, mut what: serde_json::Value) -> String {
    what["at"] = shown.at.to_string().into();
    what["light"] = format!("{:?}", shown.light).into();
    what["beeps"] = shown.beeps.into();
    what["voice"] = serde_json::json!({ "zh": shown.voice.zh, "en": shown.voice.en });
    what["display"] = serde_json::json!({ "zh": shown.display.zh, "en": shown.display.en });
    what["barrier"] = shown.barrier.map(|barrier| format!("{barrier:?}")).into();
    what.to_string() + "\n"
}

pub(super) fn in_lang(both: &Both, lang: Lang) -> &str {
    match lang {
        Lang::En => &both.en,
        Lang::Zh => &both.zh,
    }
}
