//! The explanation of a quote, in Chinese and in English.

use alloc::string::String;
use core::fmt::{self, Display, Write};

use tongtu_types::Fen;

use crate::quote::{Given, Step};
use crate::{
    Certainty, Corrector, Effect, Extent, Lang, Measure, OverStay, Quote, RepairCharge, Rung,
};

/// Says in one paragraph why a ride costs what it costs.
pub(crate) fn explain(quote: &Quote, lang: Lang) -> String {
    let mut text = String::new();
    write_quote(&mut text, quote, lang).expect("writing to a string does not fail");
    text
}

/// Says one step.
pub(crate) fn step(step: &Step, lang: Lang) -> String {
    let mut text = String::new();
    write_step(&mut text, step, lang).expect("writing to a string does not fail");
    text
}

fn write_step(out: &mut String, step: &Step, lang: Lang) -> fmt::Result {
    match lang {
        Lang::En => write_step_en(out, step),
        Lang::Zh => write_step_zh(out, step),
    }
}

fn write_quote(out: &mut String, quote: &Quote, lang: Lang) -> fmt::Result {
    let (after_path, comma) = match lang {
        Lang::En => (": ", ", "),
        Lang::Zh => ("：", "，"),
    };
    for (index, step) in quote.steps.iter().enumerate() {
        if index > 0 {
            out.write_str(match quote.steps[index - 1] {
                Step::Path { .. } => after_path,
                _ => comma,
            })?;
        }
        write_step(out, step, lang)?;
    }
    let (amount, city) = (quote.amount, quote.city.in_lang(lang));
    let (version, effective) = (quote.version, quote.effective);
    let derived = quote.certainty() == Certainty::Derived;
    match lang {
        Lang::En => {
            write!(
                out,
                "; {amount} in all. {city} fares, version {version}, from {effective}."
            )?;
            if derived {
                out.write_str(" Part of the distance is derived, not published.")?;
            }
        }
        Lang::Zh => {
            write!(
                out,
                "；共{amount}元。{city}票价第{version}版，{effective}起。"
            )?;
            if derived {
                out.write_str("部分里程为推算值，非公布值。")?;
            }
        }
    }
    Ok(())
}

fn write_step_en(out: &mut String, step: &Step) -> fmt::Result {
    match step {
        Step::Flat { line, fare } => {
            write!(
                out,
                "{} costs {fare} for every ride",
                line.in_lang(Lang::En)
            )
        }
        Step::Path {
            entry,
            exit,
            distance,
            legs,
        } => {
            let (entry, exit) = (entry.in_lang(Lang::En), exit.in_lang(Lang::En));
            write!(out, "{entry} to {exit}, {} km", Km(distance.metres))?;
            for (leg_index, leg) in legs.iter().enumerate() {
                let word = if leg_index == 0 { " by" } else { ", then" };
                write!(out, "{word} {}", leg.line.in_lang(Lang::En))?;
                if leg_index + 1 < legs.len() {
                    write!(out, " to {}", leg.to.in_lang(Lang::En))?;
                }
            }
            Ok(())
        }
        Step::Base { upto_m, fare } => write!(out, "{fare} for the first {} km", Km(*upto_m)),
        Step::Rung(rung) => write_rung_en(out, rung),
        Step::OverStay {
            stayed_s,
            limit_s,
            charge,
            fare,
        } => {
            write!(out, "+{fare}")?;
            if *charge == OverStay::MaxFare {
                out.write_str(" up to the network's highest fare")?;
            }
            let (stayed, limit) = (stayed_s.div_ceil(60), limit_s.div_ceil(60));
            write!(out, ", because {stayed} min exceed the {limit} min allowed")
        }
        Step::Table {
            line,
            entry,
            exit,
            extent,
            fare,
        } => {
            let (entry, exit) = (entry.in_lang(Lang::En), exit.in_lang(Lang::En));
            write!(out, "{entry} to {exit} on {}", line.in_lang(Lang::En))?;
            match extent {
                Extent::Metres(metres) => write!(out, ", {} km", Km(*metres))?,
                Extent::Segments(count) => write!(out, ", {count} segments")?,
                Extent::Zones(count) => write!(out, ", {count} zones")?,
                Extent::Pair => {}
                Extent::Seconds(seconds) => write!(out, ", {} min", seconds.div_ceil(60))?,
            }
            write!(out, ": {fare}")
        }
        Step::Highest { fare } => write!(out, "{fare} down to the network's highest fare"),
        Step::Repair {
            kind,
            charge,
            corrector,
            limit_s,
            fare,
        } => {
            write!(out, "{}: ", kind.name().0)?;
            match charge {
                RepairCharge::Ride => out.write_str("charged as any ride")?,
                RepairCharge::Farthest => write!(out, "{fare} to the farthest stop left")?,
                RepairCharge::Highest => write!(out, "{fare}, the highest fare")?,
                RepairCharge::Exactly(_) => write!(out, "{fare}")?,
                RepairCharge::Later => out.write_str("the fare is settled later")?,
            }
            match corrector {
                Corrector::Nobody => Ok(()),
                who => write!(
                    out,
                    ", {} may correct it within {}",
                    who.name().0,
                    Span(*limit_s, Lang::En)
                ),
            }
        }
        Step::Ticket {
            name,
            rides_left,
            fare,
        } => {
            write!(out, "{} pays {}", name.in_lang(Lang::En), Unsigned(*fare))?;
            match rides_left {
                Some(left) => write!(out, " ({left} rides left)"),
                None => Ok(()),
            }
        }
        Step::Rule {
            name,
            effect,
            given,
            fare,
            ..
        } => {
            write!(out, "{}", name.in_lang(Lang::En))?;
            match given {
                Given::Nothing => {}
                Given::After { mode, between_s } => {
                    write!(
                        out,
                        " ({} min after a {})",
                        between_s.div_ceil(60),
                        mode.name().0
                    )?;
                }
                Given::Sum {
                    window,
                    measure,
                    sum,
                    ..
                } => write!(
                    out,
                    " ({} this {} so far)",
                    Sum(*sum, *measure, Lang::En),
                    window.name().0
                )?,
            }
            match effect {
                Effect::Percent(percent) => write!(out, " {percent}%")?,
                Effect::Premium(times) => write!(out, " {times} times the fare of that part")?,
                Effect::Exactly(fare) => write!(out, " {fare}")?,
                Effect::Together(fare) => write!(out, " {fare} for both rides")?,
                Effect::AtMost(fare) | Effect::TotalAtMost(_, fare) => {
                    write!(out, " at most {fare}")?;
                }
                Effect::AtLeast(fare) => write!(out, " at least {fare}")?,
                Effect::Less(_) | Effect::More(_) => {}
            }
            write!(out, ": {}", Signed(*fare))
        }
        Step::Round { unit, mode, fare } => {
            write!(
                out,
                "rounded {} to {unit}: {}",
                mode.name().0,
                Signed(*fare)
            )
        }
    }
}

fn write_step_zh(out: &mut String, step: &Step) -> fmt::Result {
    match step {
        Step::Flat { line, fare } => write!(out, "{}每次{fare}元", line.in_lang(Lang::Zh)),
        Step::Path {
            entry,
            exit,
            distance,
            legs,
        } => {
            let (entry, exit) = (entry.in_lang(Lang::Zh), exit.in_lang(Lang::Zh));
            write!(out, "{entry}至{exit}，{}公里", Km(distance.metres))?;
            for (leg_index, leg) in legs.iter().enumerate() {
                let word = if leg_index == 0 {
                    "，乘"
                } else {
                    "，再乘"
                };
                write!(out, "{word}{}", leg.line.in_lang(Lang::Zh))?;
                if leg_index + 1 < legs.len() {
                    write!(out, "到{}", leg.to.in_lang(Lang::Zh))?;
                }
            }
            Ok(())
        }
        Step::Base { upto_m, fare } => write!(out, "前{}公里{fare}元", Km(*upto_m)),
        Step::Rung(rung) => write_rung_zh(out, rung),
        Step::OverStay {
            stayed_s,
            limit_s,
            charge,
            fare,
        } => {
            let (stayed, limit) = (stayed_s.div_ceil(60), limit_s.div_ceil(60));
            write!(out, "停留{stayed}分钟，超过{limit}分钟，加{fare}元")?;
            match charge {
                OverStay::MaxFare => out.write_str("至线网最高票价"),
                OverStay::More(_) => Ok(()),
            }
        }
        Step::Table {
            line,
            entry,
            exit,
            extent,
            fare,
        } => {
            let (entry, exit) = (entry.in_lang(Lang::Zh), exit.in_lang(Lang::Zh));
            write!(out, "{}{entry}至{exit}", line.in_lang(Lang::Zh))?;
            match extent {
                Extent::Metres(metres) => write!(out, "，{}公里", Km(*metres))?,
                Extent::Segments(count) => write!(out, "，{count}段")?,
                Extent::Zones(count) => write!(out, "，{count}区")?,
                Extent::Pair => {}
                Extent::Seconds(seconds) => write!(out, "，{}分钟", seconds.div_ceil(60))?,
            }
            write!(out, "：{fare}元")
        }
        Step::Highest { fare } => write!(out, "减{}元至线网最高票价", Unsigned(*fare)),
        Step::Repair {
            kind,
            charge,
            corrector,
            limit_s,
            fare,
        } => {
            write!(out, "{}：", kind.name().1)?;
            match charge {
                RepairCharge::Ride => out.write_str("按正常行程计费")?,
                RepairCharge::Farthest => write!(out, "按至最远站计，{fare}元")?,
                RepairCharge::Highest => write!(out, "按最高票价计，{fare}元")?,
                RepairCharge::Exactly(_) => write!(out, "{fare}元")?,
                RepairCharge::Later => out.write_str("车费稍后结算")?,
            }
            match corrector {
                Corrector::Nobody => Ok(()),
                who => write!(
                    out,
                    "，{}可在{}内更正",
                    who.name().1,
                    Span(*limit_s, Lang::Zh)
                ),
            }
        }
        Step::Ticket {
            name,
            rides_left,
            fare,
        } => {
            write!(out, "{}抵{}元", name.in_lang(Lang::Zh), Unsigned(*fare))?;
            match rides_left {
                Some(left) => write!(out, "（余{left}次）"),
                None => Ok(()),
            }
        }
        Step::Rule {
            name,
            effect,
            given,
            fare,
            ..
        } => {
            write!(out, "{}", name.in_lang(Lang::Zh))?;
            match given {
                Given::Nothing => {}
                Given::After { mode, between_s } => {
                    write!(
                        out,
                        "（距上次乘{}{}分钟）",
                        mode.name().1,
                        between_s.div_ceil(60)
                    )?;
                }
                Given::Sum {
                    window,
                    measure,
                    sum,
                    ..
                } => write!(
                    out,
                    "（{}已累计{}）",
                    window.name().1,
                    Sum(*sum, *measure, Lang::Zh)
                )?,
            }
            match effect {
                Effect::Percent(percent) => write!(out, "按{percent}%计")?,
                Effect::Premium(times) => write!(out, "按该段票价{times}倍计")?,
                Effect::Exactly(fare) => write!(out, "计{fare}元")?,
                Effect::Together(fare) => write!(out, "两程共{fare}元")?,
                Effect::AtMost(fare) | Effect::TotalAtMost(_, fare) => write!(out, "封顶{fare}元")?,
                Effect::AtLeast(fare) => write!(out, "保底{fare}元")?,
                Effect::Less(_) | Effect::More(_) => {}
            }
            write!(out, "，{}", Change(*fare))
        }
        Step::Round { unit, mode, fare } => {
            write!(out, "以{unit}元为单位{}，{}", mode.name().1, Change(*fare))
        }
    }
}

fn write_rung_en(out: &mut String, rung: &Rung) -> fmt::Result {
    let (from, rate_m) = (Km(rung.from_m), rung.step.m_per_yuan);
    match rung.step.upto_m {
        Some(upto_m) => write!(out, "+{} for {from}–{} km", rung.fare, Km(upto_m))?,
        None => write!(out, "+{} beyond {from} km", rung.fare)?,
    }
    if names_its_rate(rung) {
        write!(out, " (1.00 per {} km)", Km(rate_m))?;
    }
    Ok(())
}

fn write_rung_zh(out: &mut String, rung: &Rung) -> fmt::Result {
    let (from, rate_m) = (Km(rung.from_m), rung.step.m_per_yuan);
    match rung.step.upto_m {
        Some(upto_m) => write!(out, "{from}至{}公里加{}元", Km(upto_m), rung.fare)?,
        None => write!(out, "{from}公里以上加{}元", rung.fare)?,
    }
    if names_its_rate(rung) {
        write!(out, "（每{}公里1.00元）", Km(rate_m))?;
    }
    Ok(())
}

/// A step that one yuan crosses says all by its ends.
fn names_its_rate(rung: &Rung) -> bool {
    let upto_m = rung.step.upto_m;
    upto_m.is_none_or(|upto_m| upto_m - rung.from_m > rung.step.m_per_yuan)
}

/// Prints metres as kilometres without trailing zeros: `6`, `30.44`, `0.424`.
struct Km(u32);

impl Display for Km {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (km, m) = (self.0 / 1000, self.0 % 1000);
        match (m % 100, m % 10) {
            (0, _) if m == 0 => write!(f, "{km}"),
            (0, _) => write!(f, "{km}.{}", m / 100),
            (_, 0) => write!(f, "{km}.{:02}", m / 10),
            _ => write!(f, "{km}.{m:03}"),
        }
    }
}

/// Prints an effect with its sign.
struct Signed(Fen);

impl Display for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 >= Fen::ZERO { "+" } else { "" };
        write!(f, "{sign}{}", self.0)
    }
}

/// Prints an amount without its sign.
struct Unsigned(Fen);

impl Display for Unsigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An effect is within what a fare can be, far from the ends of 64 bits.
        write!(f, "{}", Fen::new(self.0.get().saturating_abs()))
    }
}

/// Prints an effect as `加0.50元` or `减0.50元`.
struct Change(Fen);

impl Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.0 >= Fen::ZERO { "加" } else { "减" };
        write!(f, "{word}{}元", Unsigned(self.0))
    }
}

/// Prints seconds as hours where they are whole hours, else as minutes.
struct Span(u32, Lang);

impl Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, words) = match self.0 % 3600 {
            0 => (self.0 / 3600, (" h", "小时")),
            _ => (self.0.div_ceil(60), (" min", "分钟")),
        };
        let word = if self.1 == Lang::En { words.0 } else { words.1 };
        write!(f, "{number}{word}")
    }
}

/// Prints what a counter holds.
struct Sum(u32, Measure, Lang);

impl Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.1, self.2) {
            (Measure::Rides, Lang::En) => write!(f, "{} rides", self.0),
            (Measure::Rides, Lang::Zh) => write!(f, "{}次", self.0),
            (_, Lang::En) => write!(f, "{}", Fen::new(i64::from(self.0))),
            (_, Lang::Zh) => write!(f, "{}元", Fen::new(i64::from(self.0))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_kilometres_without_trailing_zeros() {
        let check = |m: u32, text: &str| assert_eq!(Km(m).to_string(), text);
        check(0, "0");
        check(6000, "6");
        check(6100, "6.1");
        check(30_440, "30.44");
        check(424, "0.424");
        check(1005, "1.005");
        check(1050, "1.05");
    }
}
