//! What must hold for every ladder, every network and every text.

use std::fmt::Write;

use proptest::collection::vec;
use proptest::prelude::*;
use tongtu_fare::{BEIJING, FareBook, Ladder, LadderStep, Ride};
use tongtu_types::{Fen, LineCode, StationCode};

use crate::book;

/// A ladder from its base, the lengths of its steps, and the rate of each and of the open end.
fn ladder() -> impl Strategy<Value = Ladder> {
    let steps = vec((1..30_000_u32, 1..20_000_u32), 0..6);
    (0..20_000_u32, 0..1000_i64, steps, 1..20_000_u32).prop_map(|(base_m, base, steps, last)| {
        let mut end_m = base_m;
        let mut made: Vec<LadderStep> = Vec::new();
        for (length_m, m_per_yuan) in steps {
            end_m += length_m;
            made.push(LadderStep {
                upto_m: Some(end_m),
                m_per_yuan,
            });
        }
        made.push(LadderStep {
            upto_m: None,
            m_per_yuan: last,
        });
        Ladder::new(base_m, Fen::new(base), made).unwrap()
    })
}

/// The rule read aloud: walk from the base on, pay a yuan, ride as far as it carries or to the
/// end of the step, and again.
fn paid_as_one_goes(ladder: &Ladder, distance_m: u32) -> Fen {
    let (mut at_m, mut fen) = (ladder.base_m(), ladder.base_fare().get());
    for step in ladder.steps() {
        let end_m = step.upto_m.unwrap_or(u32::MAX);
        while at_m < distance_m && at_m < end_m {
            fen += 100;
            at_m = (at_m + step.m_per_yuan).min(end_m);
        }
    }
    Fen::new(fen)
}

/// A connected network: station `i` hangs on one before it, further links anywhere.
#[derive(Debug, Clone)]
struct Web {
    station_count: usize,
    /// Line, one end, other end, metres, derived.
    links: Vec<(usize, usize, usize, u32, bool)>,
}

fn web() -> impl Strategy<Value = Web> {
    let link = (
        any::<prop::sample::Index>(),
        any::<prop::sample::Index>(),
        1..20_u32,
        any::<bool>(),
    );
    (vec(link.clone(), 1..12), vec(link, 0..12)).prop_map(|(tree, more)| {
        let station_count = tree.len() + 1;
        let branches = (1..)
            .zip(tree)
            .map(|(i, (to, _, m, d))| (0, i, to.index(i), m, d));
        let mut links: Vec<_> = branches.collect();
        for (a, b, metres, derived) in more {
            let (a, b) = (a.index(station_count), b.index(station_count));
            let known = |link: &(usize, usize, usize, u32, bool)| {
                link.0 == 1 && (link.1.min(link.2), link.1.max(link.2)) == (a.min(b), a.max(b))
            };
            if a != b && !links.iter().any(known) {
                links.push((1, a, b, metres, derived));
            }
        }
        Web {
            station_count,
            links,
        }
    })
}

impl Web {
    fn text(&self) -> String {
        let mut text = String::from(
            "fare-book 1\ncity 1000 | 甲 | A\nversion 1\neffective 2026-01-01\ncurrency CNY\n\
             network M | 网 | M\nstay 60 | max-fare\nladder 5 | 1.00\nstep 12 | 3\nstep inf | 7\n",
        );
        for i in 0..self.station_count {
            writeln!(text, "station {i} | 站{i} | S{i}").unwrap();
        }
        for line in 0..2 {
            writeln!(text, "line {line} | 线 | L").unwrap();
            for (_, a, b, metres, derived) in self.links.iter().filter(|link| link.0 == line) {
                let mark = if *derived { "?" } else { "" };
                writeln!(text, "link {a} | {b} | {metres}{mark}").unwrap();
            }
        }
        text
    }

    /// Floyd and Warshall's table of (metres, derived links).
    fn distances(&self) -> Vec<Vec<(u32, u32)>> {
        let n = self.station_count;
        let mut table = vec![vec![(1_000_000, 0); n]; n];
        for (i, row) in table.iter_mut().enumerate() {
            row[i] = (0, 0);
        }
        for (_, a, b, metres, derived) in &self.links {
            let length = (*metres, u32::from(*derived));
            table[*a][*b] = table[*a][*b].min(length);
            table[*b][*a] = table[*b][*a].min(length);
        }
        for k in 0..n {
            for i in 0..n {
                for j in 0..n {
                    let (a, b) = (table[i][k], table[k][j]);
                    table[i][j] = table[i][j].min((a.0 + b.0, a.1 + b.1));
                }
            }
        }
        table
    }
}

fn code(i: usize) -> StationCode {
    i.to_string().parse().unwrap()
}

proptest! {
    #[test]
    fn a_ladder_is_what_one_pays_on_the_way(ladder in ladder(), distance_m in 0..300_000_u32) {
        prop_assert_eq!(ladder.fare(distance_m), paid_as_one_goes(&ladder, distance_m));
    }

    #[test]
    fn farther_is_never_cheaper(ladder in ladder(), a: u32, b: u32) {
        prop_assert!(ladder.fare(a.min(b)) <= ladder.fare(a.max(b)));
        prop_assert!(ladder.fare(a) >= ladder.base_fare());
    }

    #[test]
    fn a_network_knows_its_shortest_paths(web in web()) {
        let book = book(&web.text());
        let network = book.network("M".parse().unwrap()).unwrap();
        let model = web.distances();
        for (i, row) in model.iter().enumerate() {
            for (j, (metres, derived_count)) in row.iter().enumerate() {
                let distance = network.distance(code(i), code(j)).unwrap();
                prop_assert_eq!(
                    (distance.metres, distance.derived_count),
                    (*metres, *derived_count)
                );
                prop_assert_eq!(Some(distance), network.distance(code(j), code(i)));
                for k in 0..web.station_count {
                    let [a, b] = [(i, k), (k, j)]
                        .map(|(x, y)| network.distance(code(x), code(y)).unwrap().metres);
                    prop_assert!(*metres <= a + b);
                }
                let legs = network.legs(code(i), code(j)).unwrap();
                prop_assert_eq!(legs.iter().map(|leg| leg.metres).sum::<u32>(), *metres);
            }
        }
    }

    #[test]
    fn reasons_add_up(
        web in web(),
        from: prop::sample::Index,
        to: prop::sample::Index,
        stayed_s in 0..120_u32,
    ) {
        let book = book(&web.text());
        let network: LineCode = "M".parse().unwrap();
        let [a, b] = [from, to].map(|station| code(station.index(web.station_count)));
        let between = |entry, exit| Ride::Distance { network, entry, exit, stayed_s };
        let quote = book.quote(&between(a, b)).unwrap();
        let back = book.quote(&between(b, a)).unwrap();
        prop_assert_eq!(quote.amount, back.amount);
        prop_assert!(quote.amount <= book.max_fare(network).unwrap());
        let effects = quote.steps.iter().map(|step| step.effect().get()).sum::<i64>();
        prop_assert_eq!(quote.amount.get(), effects);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..400)) {
        let _ = FareBook::parse(&bytes);
    }

    #[test]
    fn any_records_are_read_or_refused(lines in vec(
        "(fare-book|city|version|effective|currency|flat|network|stay|ladder|step|line|station|link|route|pairs|pair|tier|stop|class|counter|concession|transfer|accumulation|from|product|repair|round|#|)[ \t][0-9A-Za-z?|.=% -]{0,24}",
        0..24,
    )) {
        let _ = FareBook::parse(lines.join("\n").as_bytes());
    }
}

/// Cut, flipped or repeated anywhere, a real book is read or refused, never more.
#[test]
fn a_damaged_book_is_read_or_refused() {
    // The head, the first line and the bus lines are enough; each parse of the rest would repeat.
    let (start, end) = (BEIJING.find("fare-book"), BEIJING.find("\nline BT"));
    let head = &BEIJING[start.unwrap()..end.unwrap()];
    let tail = &BEIJING[BEIJING.find("\nroute BUSKM").unwrap()..];
    let text = [head, tail].concat().into_bytes();
    assert!(FareBook::parse(&text).is_ok());
    let mut refused = 0;
    for at in 0..text.len() {
        refused += usize::from(FareBook::parse(&text[..at]).is_err());
        for bit in [0, 3, 7] {
            let mut flipped = text.clone();
            flipped[at] ^= 1 << bit;
            refused += usize::from(FareBook::parse(&flipped).is_err());
        }
    }
    assert!(
        refused > text.len(),
        "{refused} of {} refused",
        text.len() * 4
    );
}
