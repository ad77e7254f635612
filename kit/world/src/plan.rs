//! What happens in the country: who scans what where, and what goes wrong.
//!
//! The plan is made before anything moves and knows nothing of terminals' or nodes' code;
//! each scan carries what must come of it, so that the auditor has an opinion of its own.

use tongtu_ride_code::Verdict;
use tongtu_types::{BusinessDay, Timestamp};

use crate::cards::PlannedTap;
use crate::cards::plan::plan_taps;
use crate::country::{CITIES, Country, LIFETIME_S, Place};
use crate::faces::plan::{PlannedLook, plan_looks};
use crate::seed::Dice;

/// What is special about a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trick {
    /// Nothing: a genuine, fresh code.
    Honest,
    /// A screenshot, older than its validity.
    Stale,
    /// A phone whose clock is minutes ahead.
    FromTheFuture,
    /// Half the bytes, as a damaged screen gives.
    Torn,
    /// The same code again at the same terminal.
    Replayed,
    /// The same code again at another terminal, which cannot know.
    PassedBack,
    /// A fresh code of the same account one second after.
    Companion,
    /// An issuer certificate signed by nobody's root.
    ForgedCertificate,
    /// A user certificate signed by somebody else than the issuer.
    ForgedIssuer,
    /// A user signature made without the phone's key.
    ForgedUser,
    /// A fare above the rider's single-ride limit.
    OverLimit,
    /// A suspended account.
    Suspended,
    /// A genuine code of an issuer that is not accepted here.
    Stranger,
    /// A wallet's payment code.
    WalletCode,
    /// Power fails while the record is being written; the rider scans again after the restart.
    PowerCutWriting,
    /// Power fails between the record and the beep; the rider scans again after the restart.
    PowerCutUntold,
}

impl Trick {
    /// Every trick that a ride of the plan can have, in the order they are dealt.
    pub const DEALT: [Self; 13] = [
        Self::Stale,
        Self::Replayed,
        Self::ForgedUser,
        Self::PowerCutUntold,
        Self::PassedBack,
        Self::OverLimit,
        Self::Stranger,
        Self::PowerCutWriting,
        Self::FromTheFuture,
        Self::ForgedIssuer,
        Self::Companion,
        Self::Torn,
        Self::ForgedCertificate,
    ];

    /// What the terminal must say.
    #[must_use]
    pub const fn verdict(self) -> Verdict {
        match self {
            Self::Honest | Self::PassedBack | Self::PowerCutWriting | Self::PowerCutUntold => {
                Verdict::Accepted
            }
            Self::Stale => Verdict::CodeExpired,
            Self::FromTheFuture => Verdict::NotYetValid,
            Self::Torn => Verdict::Length,
            Self::Replayed => Verdict::Duplicate,
            Self::Companion => Verdict::TooFrequent,
            Self::ForgedCertificate => Verdict::CertSignature,
            Self::ForgedIssuer => Verdict::IssuerSignature,
            Self::ForgedUser => Verdict::UserSignature,
            Self::OverLimit => Verdict::OverLimit,
            Self::Suspended => Verdict::Blacklisted,
            Self::Stranger => Verdict::IssuerNotAccepted,
            Self::WalletCode => Verdict::NotRideCode,
        }
    }

    /// What it is, in English and Chinese.
    #[must_use]
    pub const fn name(self) -> (&'static str, &'static str) {
        match self {
            Self::Honest => ("honest ride", "正常乘车"),
            Self::Stale => ("stale screenshot", "过期截图"),
            Self::FromTheFuture => ("phone clock ahead", "手机时间超前"),
            Self::Torn => ("damaged code", "码损坏"),
            Self::Replayed => ("replayed at the same terminal", "同终端重放"),
            Self::PassedBack => ("passed back to another terminal", "跨终端重放"),
            Self::Companion => ("second scan within the interval", "间隔内重复扫码"),
            Self::ForgedCertificate => ("forged issuer certificate", "伪造互通证书"),
            Self::ForgedIssuer => ("forged issuer signature", "伪造发行机构签名"),
            Self::ForgedUser => ("forged user signature", "伪造用户签名"),
            Self::OverLimit => ("fare over the limit", "票价超限额"),
            Self::Suspended => ("suspended account", "账户已停用"),
            Self::Stranger => ("issuer not accepted", "发行机构不在名单"),
            Self::WalletCode => ("wallet payment code", "钱包付款码"),
            Self::PowerCutWriting => ("power cut while writing", "写记录时断电"),
            Self::PowerCutUntold => ("power cut before the beep", "提示前断电"),
        }
    }
}

/// One scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedScan {
    /// When.
    pub at: Timestamp,
    /// Who, an index into the riders.
    pub rider: usize,
    /// Where, an index into the posts.
    pub post: usize,
    /// Seconds before the scan at which the phone drew the code.
    pub age_s: i64,
    /// What is special.
    pub trick: Trick,
}

/// What one day has beside its scans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedDay {
    /// The operating day, from 03:00 to 03:00 China time.
    pub day: BusinessDay,
    /// Its scans in order of time.
    pub scans: Vec<PlannedScan>,
    /// What cards do, in order of time.
    pub taps: Vec<PlannedTap>,
    /// What cameras see, in order of time.
    pub looks: Vec<PlannedLook>,
    /// Whether a rider withdraws the consent to rides by face at noon.
    pub withdraws: bool,
    /// Posts that upload only after the cut-off.
    pub late_posts: Vec<usize>,
    /// Posts whose acknowledgement is lost once, so that they upload twice.
    pub double_posts: Vec<usize>,
    /// Posts on whose uplink somebody adds a record that the terminal never signed.
    pub tampered_posts: Vec<usize>,
    /// Riders suspended before the day's first ride.
    pub suspended: Vec<usize>,
    /// When cards are reported lost or found, at the time of an upload; terminals fetch lists
    /// then once more.
    pub reports_at: Option<Timestamp>,
}

impl PlannedDay {
    /// The instant `seconds` after this day's midnight in China.
    #[must_use]
    pub const fn at(&self, seconds: i64) -> Timestamp {
        self.day.start_in_china().plus_s(seconds)
    }
}

/// Every `TRICK_EVERY`-th rider has a special ride each day.
const TRICK_EVERY: usize = 5;
/// Every `SUSPENDED_EVERY`-th rider is suspended from the first day on.
const SUSPENDED_EVERY: usize = 40;
/// When cards are reported on the first day, seconds after midnight in China.
const REPORTS_S: i64 = 10 * 3600;
/// One wallet code for so many riders.
const WALLET_EVERY: usize = 25;

/// Plans so many days from `first_day` on.
#[must_use]
pub fn plan(country: &Country, first_day: BusinessDay, days: u32) -> Vec<PlannedDay> {
    let mut planned: Vec<PlannedDay> = Vec::new();
    for n in 0..i64::from(days) {
        let day = BusinessDay::from_days(first_day.days() + n);
        let next = plan_day(country, day, n, planned.last());
        planned.push(next);
    }
    planned
}

fn plan_day(
    country: &Country,
    day: BusinessDay,
    n: i64,
    yesterday: Option<&PlannedDay>,
) -> PlannedDay {
    let late_yesterday = yesterday.map_or(&[][..], |d| &d.late_posts);
    let taps_yesterday = yesterday.map_or(&[][..], |d| &d.taps);
    let mut dice = country.seed.dice(&format!("day {n}"));
    let posts = Posts::of(country);
    let offset = usize::try_from(n).unwrap_or(0);
    let mut scans = Vec::new();
    let mut suspended = Vec::new();
    for rider in 0..country.riders.len() {
        let home = country.riders[rider].home;
        let visits = dice.below(10) < 3;
        let city = if visits {
            CITIES[usize::from(home == CITIES[0])]
        } else {
            home
        };
        let is_suspended = rider % SUSPENDED_EVERY == SUSPENDED_EVERY - 1;
        if is_suspended {
            suspended.push(rider);
            let at = day
                .start_in_china()
                .plus_s(dice.between(7 * 3600, 9 * 3600));
            let post = *dice.pick(&posts.buses[city]);
            // Nobody renews the certificate; once it is over, that is what a terminal says first.
            if n < LIFETIME_S / 86_400 {
                scans.push(PlannedScan {
                    at,
                    rider,
                    post,
                    age_s: 5,
                    trick: Trick::Suspended,
                });
            }
            continue;
        }
        let trick = if rider % TRICK_EVERY == TRICK_EVERY - 1 {
            Trick::DEALT[(rider / TRICK_EVERY + offset) % Trick::DEALT.len()]
        } else {
            Trick::Honest
        };
        // Three windows far enough apart that no two rides of one rider meet.
        let windows = [
            (6 * 3600, 9 * 3600),
            (11 * 3600, 14 * 3600),
            (16 * 3600, 20 * 3600),
        ];
        let rides = if dice.one_in(3) { 3 } else { 2 };
        for (i, (from, to)) in windows.into_iter().enumerate().take(rides) {
            let at = day.start_in_china().plus_s(dice.between(from, to));
            let trick = if i == 0 { trick } else { Trick::Honest };
            ride(&mut scans, &mut dice, &posts, city, rider, at, trick);
        }
        if rider % WALLET_EVERY == 0 {
            let at = day
                .start_in_china()
                .plus_s(dice.between(21 * 3600, 22 * 3600));
            let post = *dice.pick(&posts.buses[city]);
            scans.push(PlannedScan {
                at,
                rider,
                post,
                age_s: 0,
                trick: Trick::WalletCode,
            });
        }
    }
    scans.sort_by_key(|s| (s.at, s.rider, s.post));
    spread(&mut scans);
    let mut choose = |posts: &[usize], count: usize| {
        // A post late two days running would carry over two days' rides; one is enough.
        let mut pool: Vec<usize> = posts
            .iter()
            .copied()
            .filter(|p| !late_yesterday.contains(p))
            .collect();
        for i in (1..pool.len()).rev() {
            pool.swap(i, dice.index(i + 1));
        }
        pool.truncate(count);
        pool
    };
    let mut late_posts = Vec::new();
    let mut double_posts = Vec::new();
    let mut tampered_posts = Vec::new();
    for city in CITIES {
        late_posts.extend(choose(&posts.buses[city], 1));
        late_posts.extend(choose(&posts.exits[city], 1));
        double_posts.extend(choose(&posts.exits[city], 2));
        tampered_posts.extend(choose(&posts.buses[city], 1));
    }
    PlannedDay {
        day,
        scans,
        taps: plan_taps(country, taps_yesterday, day, n),
        looks: plan_looks(country, day, n),
        withdraws: n == 0,
        late_posts,
        double_posts,
        tampered_posts,
        suspended,
        reports_at: (n == 0).then(|| day.start_in_china().plus_s(REPORTS_S)),
    }
}

/// Posts by city (an index into the nodes) and kind.
struct Posts {
    buses: Vec<Vec<usize>>,
    airport: Vec<Vec<usize>>,
    entries: Vec<Vec<usize>>,
    exits: Vec<Vec<usize>>,
}

impl Posts {
    fn of(country: &Country) -> Self {
        let cities = crate::country::NODES.len();
        let select = |wanted: &dyn Fn(&Place) -> bool| -> Vec<Vec<usize>> {
            (0..cities)
                .map(|city| {
                    let posts = country.posts.iter().enumerate();
                    posts
                        .filter(|(_, p)| p.city == city && wanted(&p.place))
                        .map(|(i, _)| i)
                        .collect()
                })
                .collect()
        };
        let airport = |line: &tongtu_types::LineCode| line.as_str() == crate::books::AIRPORT_LINE;
        Self {
            buses: select(&|p| matches!(p, Place::Bus { line, .. } if !airport(line))),
            airport: select(&|p| matches!(p, Place::Bus { line, .. } if airport(line))),
            entries: select(&|p| matches!(p, Place::Entry { .. })),
            exits: select(&|p| matches!(p, Place::Exit { .. })),
        }
    }
}

/// Plans one ride: one scan on a bus, two on the metro, and what its trick adds.
fn ride(
    scans: &mut Vec<PlannedScan>,
    dice: &mut Dice,
    posts: &Posts,
    city: usize,
    rider: usize,
    at: Timestamp,
    trick: Trick,
) {
    let age_s = dice.between(1, 15);
    let bus = *dice.pick(&posts.buses[city]);
    let mut scan = |at: Timestamp, post: usize, trick: Trick, age_s: i64| {
        scans.push(PlannedScan {
            at,
            rider,
            post,
            age_s,
            trick,
        });
    };
    match trick {
        Trick::Honest => {
            if dice.below(20) < 9 {
                scan(at, bus, Trick::Honest, age_s);
            } else {
                let entry = dice.index(posts.entries[city].len());
                let mut exit = dice.index(posts.exits[city].len());
                if exit == entry {
                    exit = (exit + 1) % posts.exits[city].len();
                }
                scan(at, posts.entries[city][entry], Trick::Honest, age_s);
                let out = at.plus_s(dice.between(8 * 60, 70 * 60));
                scan(
                    out,
                    posts.exits[city][exit],
                    Trick::Honest,
                    dice.between(1, 15),
                );
            }
        }
        // The rider was refused for a reason that a fresh code mends.
        Trick::Stale | Trick::FromTheFuture | Trick::Torn => {
            let age_s = match trick {
                Trick::Stale => dice.between(300, 900),
                Trick::FromTheFuture => -dice.between(120, 600),
                _ => age_s,
            };
            scan(at, bus, trick, age_s);
            scan(at.plus_s(25), bus, Trick::Honest, 2);
        }
        // The first scan is honest; its code comes again.
        Trick::Replayed => {
            scan(at, bus, Trick::Honest, age_s);
            scan(at.plus_s(20), bus, trick, age_s + 20);
        }
        Trick::Companion => {
            scan(at, bus, Trick::Honest, age_s);
            scan(at.plus_s(1), bus, trick, 0);
        }
        Trick::PassedBack => {
            scan(at, bus, Trick::Honest, age_s);
            let others: Vec<usize> = posts.buses[city]
                .iter()
                .copied()
                .filter(|p| *p != bus)
                .collect();
            scan(at.plus_s(30), *dice.pick(&others), trick, age_s + 30);
        }
        Trick::OverLimit => scan(at, posts.airport[city][0], trick, age_s),
        Trick::ForgedCertificate
        | Trick::ForgedIssuer
        | Trick::ForgedUser
        | Trick::Stranger
        | Trick::Suspended
        | Trick::WalletCode
        | Trick::PowerCutWriting
        | Trick::PowerCutUntold => scan(at, bus, trick, age_s),
    }
}

/// Moves scans that would meet at one terminal apart, so that their order is nobody's guess.
fn spread(scans: &mut [PlannedScan]) {
    use std::collections::BTreeSet;
    let mut taken: BTreeSet<(usize, Timestamp)> = BTreeSet::new();
    for scan in scans.iter_mut() {
        // A companion's scan and a second try belong to a moment; they stay where they are.
        let fixed = matches!(
            scan.trick,
            Trick::Companion | Trick::Replayed | Trick::PassedBack
        );
        while !fixed && taken.contains(&(scan.post, scan.at)) {
            scan.at = scan.at.plus_s(1);
        }
        taken.insert((scan.post, scan.at));
    }
    scans.sort_by_key(|s| (s.at, s.rider, s.post));
}
