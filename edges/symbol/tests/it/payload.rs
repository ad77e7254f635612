//! Payloads that look like ride codes, and payloads that do not.

/// A whole ride code of 332 bytes, made with published test keys; no real account.
pub(crate) fn code_a() -> Vec<u8> {
    unhex(CODE_A)
}

/// The same account with a full extension: 364 bytes.
pub(crate) fn code_b() -> Vec<u8> {
    unhex(CODE_B)
}

const CODE_A: &str = "81014924010100000212013410001230000001040400210214f403eef4f8bdb3e40d5302b08e3b02473cc2ab \
     82a4c253525a203bdda6d30f0f01ec84a616cfda8cb8541a561a2906230162f63e140faf1857e16de00b0e98 \
     d7b36cdc74dbb645c8e91a2603bcfc702a345ac1f9cf6e3d01d6b2097793a81a43484e303030303030303030 \
     30303031031041000000000000170134100000000000010007d0035059e83eb22f247071b0b797547fdffea1 \
     9e9010a5766b0706fcd7c75c382051695f64000258001597ea7c5e3d01fb7b3298e4bba1ab8b0aa70ce6e3d8 \
     1cac176a641838436dc93857e89b08346f9268d7d65e242bff692abf478e70a020332d6ae3c223769ad25069 \
     56298015a96e1d781c17d5876802f35292d43e3480247195dbce131ec71cc50a0e9aa27eabfff5df02528114 \
     c6d55dd1a49939e13431e5498229e6e26982f33e011f4bf3";
const CODE_B: &str = "81016924010100000212013410001230000001040400210214f403eef4f8bdb3e40d5302b08e3b02473cc2ab \
     82a4c253525a203bdda6d30f0f01ec84a616cfda8cb8541a561a2906230162f63e140faf1857e16de00b0e98 \
     d7b36cdc74dbb645c8e91a2603bcfc702a345ac1f9cf6e3d01d6b2097793a81a43484e303030303030303030 \
     30303031031041000000000000170134100000000000010007d0035059e83eb22f247071b0b797547fdffea1 \
     9e9010a5766b0706fcd7c75c382051695f6400025820202122232425262728292a2b2c2d2e2f303132333435 \
     363738393a3b3c3d3e3f150d3d2c23dd2f1409d84b1546321db713da27f8e429089f9b4a73443c1728321e71 \
     256a5cd352025bf8e6fdad5fbe7d8bde2459cf77643da2f570cfe4c1b9d8776956298015aa33fe60f2679a9a \
     45fd438832a8845b8d0ed8275a1b0832db5c109fc6847d8f59dc90843954f0cb8a084d3d3958ca0e166070d8 \
     b2aae95309d21d70ea3729cb";

/// Bytes that repeat for the same seed (SplitMix64).
pub(crate) fn random(seed: u64, length_bytes: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)).to_le_bytes()[0]
    };
    (0..length_bytes).map(|_| next()).collect()
}

/// What the tests with other people's tools run over, named for their messages.
///
/// Codes A and B, thirty seeded random payloads of all legal lengths, and four whose bytes tempt a
/// reader into text: digits, digits inside binary, UTF-8-like bytes, zeros and line ends.
pub(crate) fn representative() -> Vec<(String, Vec<u8>)> {
    let mut payloads = vec![
        ("code A".to_owned(), code_a()),
        ("code B".to_owned(), code_b()),
    ];
    for seed in 0..30_u64 {
        let length_bytes = 332 + usize::try_from(seed).unwrap() * 32 / 29;
        payloads.push((
            format!("random {seed}, {length_bytes}"),
            random(seed, length_bytes),
        ));
    }
    payloads.push(("digits".to_owned(), b"0123456789".repeat(34)));
    let mut mixed = random(77, 364);
    mixed[100..140].fill(b'5');
    payloads.push(("digits inside binary".to_owned(), mixed));
    payloads.push((
        "UTF-8 of Chinese".to_owned(),
        "交通联合".repeat(28).into_bytes(),
    ));
    payloads.push(("zeros and line ends".to_owned(), b"\0\r\n\x1a".repeat(84)));
    payloads
}

fn unhex(hex: &str) -> Vec<u8> {
    let digits: Vec<char> = hex.chars().filter(|c| !c.is_whitespace()).collect();
    let value = |c: char| u8::try_from(c.to_digit(16).unwrap()).unwrap();
    digits
        .chunks_exact(2)
        .map(|pair| value(pair[0]) << 4 | value(pair[1]))
        .collect()
}
