//! Which part of a signature a difference follows: its key, its nonce or its message, which is public.
//!
//! For whoever was shown a difference and looks for its cause, on one processor and on another; it judges
//! nothing. Two rows have no difference between their classes, and show what chance does.

use tongtu_crypto::{SecretKey, sm3, trial};

use super::{Secrets, Use, any_secrets, attempt, key_of, timed};

/// How often each row measures: with so many a nanosecond of a signature's ten thousand shows.
const MEASURES: usize = 200_000;

pub(crate) fn show() {
    let fixed = sm3::digest(b"fixed").map(|byte| byte & 0x7F);
    let against = Secrets::new(fixed);
    let same = Secrets {
        of_class: [vec![fixed; 512], vec![fixed; 512]],
    };
    let any = Secrets {
        of_class: [any_secrets("these"), any_secrets("others")],
    };
    let key = key_of(&sm3::digest(b"key").map(|byte| byte & 0x7F));
    let nonce = sm3::digest(b"nonce").map(|byte| byte & 0x7F);
    let rows: &mut [(&str, &Secrets, Use<'_>)] = &mut [
        ("key, with its nonces", &against, &mut whole),
        ("the same in both classes", &same, &mut whole),
        ("any in both classes", &any, &mut whole),
        ("key, one nonce", &against, &mut |secret| {
            let key = key_of(secret);
            timed(|| key.danger_sign_with_nonce(b"message", &nonce))
        }),
        ("nonce, one key", &against, &mut |secret| {
            timed(|| key.danger_sign_with_nonce(b"message", secret))
        }),
        ("message, one key", &against, &mut |message| {
            timed(|| key.sign(message))
        }),
        ("key, only read", &against, &mut |secret| {
            timed(|| SecretKey::from_bytes(secret))
        }),
    ];
    trial::at_each_level(|level| {
        println!("one fixed against any, {level}");
        for (name, secrets, of) in &mut *rows {
            let (t, apart) = attempt(secrets, 0, MEASURES, of);
            println!("  {name:<44} t = {t:.1} ({apart:.1} ns)");
        }
    });
}

/// A signature by this key.
fn whole(secret: &[u8; 32]) -> u64 {
    let key = key_of(secret);
    timed(|| key.sign(b"message"))
}
