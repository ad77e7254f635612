//! Cases of user domains, signatures, lists, and of which of two defects decides.

use tongtu_crypto::PublicKey;
use tongtu_types::{CardNumber, Fen, Timestamp};

use super::{Cases, SOON, published_root};
use crate::cases::{ACCOUNT, Context, Maker, T0, earlier, labelled_key, root_entry};

pub(super) fn users(cases: &mut Cases, maker: &Maker) {
    for (at, value, what) in [
        (120, 0x00, "issuer data with a zero byte"),
        (135, 0x7F, "issuer data with DEL"),
        (120, 0xE4, "issuer data beyond ASCII"),
        (136, 0xA0, "account with a nibble A"),
        (145, 0xFF, "account with two F"),
        (140, 0xF0, "account with F inside"),
        (158, 0x04, "user key of prefix 04"),
    ] {
        let code = maker.changed(&[(at, value)]);
        cases.add("R09", what, &code);
    }
    let mut code = maker.code(T0);
    code[159..191].fill(0xFF);
    maker.sign_user_domain(&mut code);
    cases.add("R09", "user key with X not below p", &code);
    let mut code = maker.code(T0);
    let not_on_curve = (0..=255).find(|last| {
        let mut key: [u8; 33] = code[158..191].try_into().unwrap();
        key[32] = *last;
        PublicKey::from_compressed(&key).is_err()
    });
    code[190] = not_on_curve.unwrap();
    maker.sign_user_domain(&mut code);
    cases.add("R09", "user key not on the curve", &code);

    let code = maker.with(|terms| terms.expires = Timestamp::new(SOON - 1));
    cases.add("R10", "one second after the user certificate", &code);
    let code = maker.with(|terms| terms.expires = Timestamp::new(0));
    cases.add("R10", "a user certificate of 1970", &code);
    let code = maker.changed(&[(195, 0), (196, 0)]);
    cases.add("R11", "validity of nothing", &code);
    for validity_s in [1201, u16::MAX] {
        let code = maker.with(|terms| terms.validity_s = validity_s);
        cases.add("R11", &format!("validity of {validity_s} seconds"), &code);
    }
    let good = maker.code(T0);
    let cap = |max_validity_s| Context {
        max_validity_s: Some(max_validity_s),
        ..Context::default()
    };
    cases.within("R00", "validity at a lower cap", &good, SOON, cap(600));
    cases.within("R11", "validity above a lower cap", &good, SOON, cap(599));
    cases.at("R12", "21 seconds from the future", &good, T0 - 21);
    let skew = |future_skew_s| Context {
        future_skew_s: Some(future_skew_s),
        ..Context::default()
    };
    cases.within(
        "R12",
        "one second from the future, no skew",
        &good,
        T0 - 1,
        skew(0),
    );
    cases.within("R00", "no skew needed", &good, T0, skew(0));
    cases.within("R00", "120 seconds of skew", &good, T0 - 120, skew(120));
    let code = maker.code(i64::from(u32::MAX));
    cases.add("R12", "made at the end of 32 bits", &code);
    cases.at("R13", "one second after the validity", &good, T0 + 601);
    let code = maker.code(0);
    cases.add("R13", "made in 1970", &code);
    cases.fare("R14", "one fen above the limit", &good, 2001);
    let code = maker.with(|terms| terms.limit = Fen::ZERO);
    cases.fare("R14", "one fen and a limit of nothing", &code, 1);
    let code = maker.with(|terms| terms.limit = Fen::new(0xFF_FFFF));
    cases.fare("R14", "one fen above three full bytes", &code, 0x0100_0000);
}

pub(super) fn signatures(cases: &mut Cases, maker: &Maker) {
    let good = maker.code(T0);
    let flip = |at: usize| (at, good[at] ^ 1);
    for (at, expect, what) in [
        (56, "R08", "first byte of the CA signature"),
        (119, "R08", "last byte of the CA signature"),
        (16, "R08", "serial, signed by the CA"),
        (199, "R15", "first byte of the issuer signature"),
        (262, "R15", "last byte of the issuer signature"),
        (145, "R15", "account, signed by the issuer"),
        (155, "R15", "limit, signed by the issuer"),
        (268, "R16", "first byte of the user signature"),
        (331, "R16", "last byte of the user signature"),
        (266, "R16", "generation time, signed by the user"),
    ] {
        let code = maker.spoilt(&[flip(at)]);
        cases.add(expect, &format!("a bit of the {what}"), &code);
    }
    let mut code = good.clone();
    let forged = maker.issuer_key.sign(&code[9..56]);
    code[56..120].copy_from_slice(&forged.0);
    maker.sign_user_domain(&mut code);
    cases.add("R08", "certified by the issuer itself", &code);
    let mut code = good.clone();
    code[56..120].fill(0);
    maker.sign_user_domain(&mut code);
    cases.add("R08", "CA signature of zeros", &code);
    // The index is outside the CA signature, so another root with the same key would let it pass.
    let same_key = Context {
        roots: Some(vec![
            published_root(),
            root_entry(&maker.root_key, 9, "1240"),
        ]),
        ..Context::default()
    };
    let code = maker.spoilt(&[(8, 9)]);
    cases.within(
        "R15",
        "CA index changed, same root key",
        &code,
        SOON,
        same_key,
    );
    let code = maker.spoilt(&[(198, 0x16)]);
    cases.add("R15", "issuer mark 16", &code);
    let code = maker.spoilt(&[(267, 0x00)]);
    cases.add("R16", "user mark 00", &code);
    for (from, expect, what) in [(199, "R15", "issuer"), (268, "R16", "user")] {
        let mut code = good.clone();
        code[from..from + 64].fill(0xFF);
        cases.add(expect, &format!("{what} signature out of range"), &code);
    }
    let mut code = good.clone();
    let stranger = labelled_key("stranger").sign(&code[..267]);
    code[268..].copy_from_slice(&stranger.0);
    cases.add("R16", "signed by another phone", &code);
    let mut code = good;
    let later = u32::try_from(T0 + 3).unwrap();
    code[263..267].copy_from_slice(&later.to_be_bytes());
    cases.add("R16", "an old code with a new time", &code);
}

pub(super) fn lists(cases: &mut Cases, maker: &Maker) {
    let good = maker.code(T0);
    let black = |account| Context {
        blacklist: Some(vec![account]),
        ..Context::default()
    };
    cases.within(
        "R17",
        "account on the blacklist",
        &good,
        SOON,
        black(ACCOUNT),
    );
    let long = black("03104100000000000017");
    cases.within("R17", "the same with a leading zero", &good, SOON, long);
    let other = black("3104100000000000018");
    cases.within(
        "R00",
        "another account on the blacklist",
        &good,
        SOON,
        other,
    );

    cases.within(
        "R18",
        "the same bytes again",
        &good,
        T0 + 60,
        earlier(&good, T0 + 1),
    );
    cases.within(
        "R00",
        "refused as from the future before, so not remembered",
        &good,
        SOON,
        earlier(&good, T0 - 21),
    );
    let mut context = earlier(&good, T0 + 1);
    let next = earlier(&maker.code(T0 + 20), T0 + 21).previous.unwrap();
    context.previous.as_mut().unwrap().extend(next);
    cases.within(
        "R18",
        "not only the last code is remembered",
        &good,
        T0 + 60,
        context,
    );
    let twin = maker.with(|terms| terms.extension = vec![1]);
    cases.within(
        "R18",
        "the same account and second",
        &twin,
        T0 + 60,
        earlier(&good, T0 + 1),
    );
    let later = maker.code(T0 + 30);
    cases.within(
        "R00",
        "the same account later",
        &later,
        T0 + 60,
        earlier(&good, T0 + 1),
    );
    let other = CardNumber::parse("3104100000000000025").unwrap();
    let other = maker.with(|terms| terms.account = other);
    cases.within(
        "R00",
        "another account of that second",
        &other,
        T0 + 60,
        earlier(&good, T0 + 1),
    );

    let next = maker.code(T0 + 1);
    cases.within(
        "R19",
        "the same account after 1 second",
        &next,
        T0 + 2,
        earlier(&good, T0 + 1),
    );
    cases.within(
        "R00",
        "the same account after 2 seconds",
        &next,
        T0 + 3,
        earlier(&good, T0 + 1),
    );
    let interval = |account_interval_s| Context {
        account_interval_s: Some(account_interval_s),
        ..earlier(&good, T0 + 1)
    };
    cases.within(
        "R19",
        "an interval of 300 seconds",
        &next,
        T0 + 300,
        interval(300),
    );
    cases.within(
        "R00",
        "an interval of 300 seconds is over",
        &next,
        T0 + 301,
        interval(300),
    );
    cases.within("R00", "no interval", &next, T0 + 1, interval(0));
}

/// Two things wrong: the earlier check decides.
pub(super) fn precedence(cases: &mut Cases, maker: &Maker) {
    let good = maker.code(T0);
    let code = maker.changed(&[(3, 0x21), (13, 0x01)]);
    cases.add("R04", "format before issuer", &code);
    let code = maker.changed(&[(13, 0x01), (15, 0x25)]);
    cases.add("R05", "issuer before expiry", &code);
    let code = maker.changed(&[(15, 0x25), (8, 0x17)]);
    cases.add("R06", "expiry before CA index", &code);
    let code = maker.changed(&[(8, 0x17), (120, 0)]);
    cases.add("R07", "CA index before user fields", &code);
    let code = maker.changed(&[(120, 0), (191, 0)]);
    cases.add("R09", "user fields before user certificate", &code);
    let code = maker.changed(&[(191, 0), (195, 0xFF)]);
    cases.add("R10", "user certificate before validity", &code);
    let code = maker.changed(&[(195, 0xFF), (263, 0xFF)]);
    cases.add("R11", "validity before the future", &code);
    cases.within(
        "R13",
        "staleness before replay",
        &good,
        T0 + 601,
        earlier(&good, T0),
    );
    let forged = maker.spoilt(&[(56, good[56] ^ 1)]);
    cases.within(
        "R08",
        "CA before account and second",
        &forged,
        SOON,
        earlier(&good, T0 + 1),
    );
    let code = maker.spoilt(&[
        (56, good[56] ^ 1),
        (199, good[199] ^ 1),
        (331, good[331] ^ 1),
    ]);
    cases.add("R08", "CA before issuer and user", &code);
    let code = maker.spoilt(&[(199, good[199] ^ 1), (331, good[331] ^ 1)]);
    cases.add("R15", "issuer before user", &code);
    let black = |context: Context| Context {
        blacklist: Some(vec![ACCOUNT]),
        ..context
    };
    let code = maker.spoilt(&[(331, good[331] ^ 1)]);
    let listed = black(Context::default());
    cases.within(
        "R16",
        "user signature before blacklist",
        &code,
        SOON,
        listed,
    );
    // The code before pays the same fare, so it needs the limit that this one lacks.
    let twin = maker.with(|terms| terms.extension = vec![1]);
    let rich = maker.with(|terms| terms.limit = Fen::new(5000));
    let before = Some(earlier(&rich, T0 + 1));
    cases.full(
        "R18",
        "account and second before limit",
        &twin,
        Some(SOON),
        2001,
        before,
    );
    let next = maker.code(T0 + 1);
    let before = Some(earlier(&rich, T0 + 1));
    cases.full(
        "R14",
        "limit before interval",
        &next,
        Some(T0 + 2),
        2001,
        before,
    );
}
