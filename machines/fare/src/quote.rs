//! A ride in, an amount and its reasons out.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write};

use tongtu_types::{BusinessDay, Fen, LineCode, StationCode};

use crate::{Certainty, Distance, Lang, Leg, Name, Rung};

/// A ride to be priced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Ride {
    /// A ride on a flat-fare line, one tap.
    Flat {
        /// The line.
        line: LineCode,
    },
    /// A ride through a network priced by distance, entry and exit known.
    ///
    /// UNSPECIFIED: an exit where the rider went in; we charge the base fare, as for 0 m, and
    /// leave a grace period to a later rule.
    Distance {
        /// The network.
        network: LineCode,
        /// Where the rider went in.
        entry: StationCode,
        /// Where the rider came out.
        exit: StationCode,
        /// Seconds between the two.
        stayed_s: u32,
    },
}

/// One reason for an amount; the effects of all reasons add up to it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Step {
    /// The line has one fare.
    Flat {
        /// The line.
        line: Name,
        /// Its fare.
        fare: Fen,
    },
    /// The shortest path was found. Costs nothing by itself.
    Path {
        /// Where the ride begins.
        entry: Name,
        /// Where it ends.
        exit: Name,
        /// How long the path is.
        distance: Distance,
        /// The lines it uses, in order.
        legs: Vec<Leg>,
    },
    /// The base fare of the ladder.
    Base {
        /// How far it carries, in metres.
        upto_m: u32,
        /// The base fare.
        fare: Fen,
    },
    /// A step of the ladder that the ride enters.
    Rung(Rung),
    /// The rider stayed too long and pays the network's highest fare.
    OverStay {
        /// Seconds stayed.
        stayed_s: u32,
        /// Seconds allowed.
        limit_s: u32,
        /// What the highest fare exceeds the ride's own by.
        fare: Fen,
    },
}

/// What a ride costs, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Quote {
    /// The fare: the sum of the steps' effects.
    pub amount: Fen,
    /// The reasons, in the order they were applied.
    pub steps: Vec<Step>,
    /// The city whose book was asked.
    pub city: Name,
    /// The book's version.
    pub version: u32,
    /// The book's first day.
    pub effective: BusinessDay,
}

impl Step {
    /// What the step adds to the amount.
    #[must_use]
    pub const fn effect(&self) -> Fen {
        match self {
            Self::Path { .. } => Fen::ZERO,
            Self::Flat { fare, .. } | Self::Base { fare, .. } | Self::OverStay { fare, .. } => {
                *fare
            }
            Self::Rung(rung) => rung.fare,
        }
    }
}

impl Quote {
    /// Says in one paragraph why the ride costs what it costs.
    #[must_use]
    pub fn explain(&self, lang: Lang) -> String {
        let mut text = String::new();
        let written = match lang {
            Lang::Zh => self.write_zh(&mut text),
            Lang::En => self.write_en(&mut text),
        };
        written.expect("writing to a string does not fail");
        text
    }

    fn write_en(&self, out: &mut String) -> fmt::Result {
        for (index, step) in self.steps.iter().enumerate() {
            if index > 0 {
                out.write_str(match self.steps[index - 1] {
                    Step::Path { .. } => ": ",
                    _ => ", ",
                })?;
            }
            match step {
                Step::Flat { line, fare } => {
                    write!(
                        out,
                        "{} costs {fare} for every ride",
                        line.in_lang(Lang::En)
                    )?;
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
                }
                Step::Base { upto_m, fare } => {
                    write!(out, "{fare} for the first {} km", Km(*upto_m))?;
                }
                Step::Rung(rung) => write_rung_en(out, rung)?,
                Step::OverStay {
                    stayed_s,
                    limit_s,
                    fare,
                } => {
                    write!(out, "+{fare} up to the network's highest fare, ")?;
                    write!(
                        out,
                        "because {} exceed the {} allowed",
                        Min(*stayed_s),
                        Min(*limit_s)
                    )?;
                }
            }
        }
        write!(
            out,
            "; {} in all. {} fares, ",
            self.amount,
            self.city.in_lang(Lang::En)
        )?;
        write!(out, "version {}, from {}.", self.version, self.effective)?;
        if self.certainty() == Certainty::Derived {
            out.write_str(" Part of the distance is derived, not published.")?;
        }
        Ok(())
    }

    fn write_zh(&self, out: &mut String) -> fmt::Result {
        for (index, step) in self.steps.iter().enumerate() {
            if index > 0 {
                out.write_str(match self.steps[index - 1] {
                    Step::Path { .. } => "：",
                    _ => "，",
                })?;
            }
            match step {
                Step::Flat { line, fare } => {
                    write!(out, "{}每次{fare}元", line.in_lang(Lang::Zh))?;
                }
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
                }
                Step::Base { upto_m, fare } => write!(out, "前{}公里{fare}元", Km(*upto_m))?,
                Step::Rung(rung) => write_rung_zh(out, rung)?,
                Step::OverStay {
                    stayed_s,
                    limit_s,
                    fare,
                } => {
                    let (stayed, limit) = (stayed_s.div_ceil(60), limit_s.div_ceil(60));
                    write!(out, "停留{stayed}分钟，超过{limit}分钟，")?;
                    write!(out, "加{fare}元至线网最高票价")?;
                }
            }
        }
        write!(
            out,
            "；共{}元。{}票价",
            self.amount,
            self.city.in_lang(Lang::Zh)
        )?;
        write!(out, "第{}版，{}起。", self.version, self.effective)?;
        if self.certainty() == Certainty::Derived {
            out.write_str("部分里程为推算值，非公布值。")?;
        }
        Ok(())
    }

    /// Published only if every distance that the amount rests on is; a flat fare rests on none.
    #[must_use]
    pub fn certainty(&self) -> Certainty {
        let derived = |step: &Step| match step {
            Step::Path { distance, .. } => distance.certainty() == Certainty::Derived,
            _ => false,
        };
        if self.steps.iter().any(derived) {
            Certainty::Derived
        } else {
            Certainty::Published
        }
    }
}

fn write_rung_en(out: &mut String, rung: &Rung) -> fmt::Result {
    let (from, rate_m) = (Km(rung.from_m), rung.step.m_per_yuan);
    match rung.step.upto_m {
        Some(upto_m) => write!(out, "+{} for {from}–{} km", rung.fare, Km(upto_m))?,
        None => write!(out, "+{} beyond {from} km", rung.fare)?,
    }
    if rung
        .step
        .upto_m
        .is_none_or(|upto_m| upto_m - rung.from_m > rate_m)
    {
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
    if rung
        .step
        .upto_m
        .is_none_or(|upto_m| upto_m - rung.from_m > rate_m)
    {
        write!(out, "（每{}公里1.00元）", Km(rate_m))?;
    }
    Ok(())
}

/// Prints metres as kilometres without trailing zeros: `6`, `30.44`, `0.424`.
struct Km(u32);

impl fmt::Display for Km {
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

/// Prints seconds as minutes, a minute begun counted in full.
struct Min(u32);

impl fmt::Display for Min {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} min", self.0.div_ceil(60))
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
