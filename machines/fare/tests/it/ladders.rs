//! The cities' published ladders against their published tables of fares.

use tongtu_fare::{Ladder, LadderStep};
use tongtu_types::Fen;

const INF: u32 = u32::MAX;

/// Makes a ladder as the notices state it: kilometres and yuan.
fn ladder(base_km: u32, base_yuan: i64, steps: &[(u32, u32)]) -> Ladder {
    let step = |(upto_km, km_per_yuan): &(u32, u32)| LadderStep {
        upto_m: (*upto_km != INF).then(|| upto_km * 1000),
        m_per_yuan: km_per_yuan * 1000,
    };
    Ladder::new(
        base_km * 1000,
        Fen::new(base_yuan * 100),
        steps.iter().map(step).collect(),
    )
    .unwrap()
}

/// Rows are metres and yuan.
fn check(ladder: &Ladder, rows: &[(u32, i64)]) {
    for (metres, yuan) in rows {
        assert_eq!(ladder.fare(*metres), Fen::new(yuan * 100), "{metres} m");
    }
}

#[test]
fn beijing_metro() {
    let ladder = ladder(6, 3, &[(12, 6), (32, 10), (INF, 20)]);
    #[rustfmt::skip]
    check(&ladder, &[
        (500, 3), (6000, 3), (6010, 4), (12_000, 4), (12_100, 5), (22_000, 5), (22_100, 6),
        (32_000, 6), (32_100, 7), (52_000, 7), (52_100, 8), (72_000, 8), (92_500, 10),
        (6001, 4), (12_001, 5), (32_001, 7),
    ]);
}

#[test]
fn beijing_bus_base() {
    let ladder = ladder(10, 2, &[(INF, 5)]);
    #[rustfmt::skip]
    check(&ladder, &[
        (1000, 2), (10_000, 2), (10_100, 3), (15_000, 3), (15_100, 4), (20_000, 4), (27_000, 6),
        (40_000, 8), (52_300, 11),
    ]);
}

#[test]
fn shanghai() {
    let ladder = ladder(6, 3, &[(INF, 10)]);
    check(
        &ladder,
        &[(3000, 3), (6100, 4), (16_100, 5), (46_000, 7), (66_500, 10)],
    );
}

#[test]
fn guangzhou_shenzhen_hangzhou() {
    let ladder = ladder(4, 2, &[(12, 4), (24, 6), (INF, 8)]);
    // Guangzhou's example, Shenzhen's table, Hangzhou's example.
    check(&ladder, &[(48_500, 10)]);
    #[rustfmt::skip]
    check(&ladder, &[
        (4000, 2), (8000, 3), (12_000, 4), (18_000, 5), (24_000, 6), (32_000, 7), (40_000, 8),
        (48_000, 9),
        (4001, 3), (8001, 4), (12_001, 5), (18_001, 6), (18_100, 6), (24_001, 7), (32_001, 8),
        (40_001, 9), (48_001, 10),
    ]);
    check(&ladder, &[(9650, 4)]);
}

#[test]
fn nanjing() {
    let ladder = ladder(
        4,
        2,
        &[(14, 5), (28, 7), (37, 9), (48, 11), (61, 13), (INF, 15)],
    );
    #[rustfmt::skip]
    check(&ladder, &[
        (4000, 2), (4100, 3), (9000, 3), (9100, 4), (14_000, 4), (14_100, 5), (21_000, 5),
        (28_000, 6), (28_100, 7), (37_000, 7), (48_000, 8), (61_000, 9), (61_100, 10),
        (76_000, 10), (90_000, 11),
    ]);
}
