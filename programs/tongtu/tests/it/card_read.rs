//! `tongtu card read`, on recorded cards. Shapes are those of real cards, serials are altered.

use std::path::Path;

use crate::card_serve::Served;
use crate::run::{Ran, folder, tongtu_in, transcript};

/// A metro card of Beijing, inside a station: 6F with padding left out, balance by P1 03, a trip, a
/// transaction and a rail record.
const BEIJING: &str = "\
>> 00A404000E325041592E5359532E444446303100
<< 6A82
>> 00A4040008A00000063201010500
<< 6F318408A000000632010105A5259F0801029F0C1E01011000FFFFFFFF02010310517001999999901720190718204012310000 9000
>> 00B097003C
<< 000001561000100000010120202020202020202020202020202020202020202020202020202020202020202020202020202020202020202020202020 9000
>> 805C030204
<< 00000AC3 9000
>> 00B201D480
<< RAIL 9000
>> 00B201C417
<< 042D000000000001F40930008900034020241229141740 9000
>> 00B201F430
<< 0400003000890003400108001900300000000001F400000E01202412291417401000 01011000FFFFFFFF000000000000 9000
";

fn read(log: &str, more: &[&str]) -> Ran {
    let args = [
        &[
            "card",
            "read",
            "--trace",
            "-",
            "--now",
            "2026-01-01T00:00:00Z",
        ],
        more,
    ]
    .concat();
    tongtu_in(Path::new("."), &args, log.as_bytes(), &[])
}

/// The same with the rail record's fields: an entry on 2019-08-31 at a balance of 30.00.
fn beijing() -> String {
    let rail = [
        "27017D010100",
        "0000000000065292",
        "01",
        "10000000",
        "01011000FFFFFFFF0000000000000000",
        "10007513090008190000000000000000",
        "100075131F0819090000000000000000",
        "2019083117590400000000000000",
        "000003840800",
        "0000000000000BB80000000001",
        &"00".repeat(28),
    ];
    BEIJING.replace("RAIL", &rail.concat())
}

#[test]
fn a_card_is_told_as_people_ask_for_it() {
    let folder = folder("card-read");
    std::fs::write(folder.join("beijing.log"), beijing()).unwrap();
    transcript(
        &folder,
        &[
            "card",
            "read",
            "--trace",
            "beijing.log",
            "--now",
            "2026-01-01T00:00:00Z",
        ],
        "
$ tongtu card read --trace beijing.log --now 2026-01-01T00:00:00Z
E-purse
card number    310517****9017
city           1000 Beijing
balance        27.55
valid          2019-07-18 to 2040-12-31
issuer         01011000FFFFFFFF Beijing
numbers of     310517 Beijing
card kind      01 ordinary
interoperable  yes
application    A000000632010105 02
 rail: entered 2019-08-31 17:59:04 Beijing 1000751309000819

Trips, newest first
time                 kind  by    city     line  station  amount  balance  terminal
2024-12-29 14:17:40  exit  rail  Beijing  0800  1900     5.00    35.85    300089000340

Transactions, newest first
time                 kind                amount  sequence  terminal
2024-12-29 14:17:40  composite purchase  5.00    1069      300089000340
",
    );
}

#[test]
fn numbers_are_masked_unless_they_are_asked_for() {
    let log = beijing();
    for more in [&[][..], &["--json"]] {
        let ran = read(&log, more);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(ran.out.contains("310517****9017"), "{}", ran.out);
        assert!(!ran.out.contains("3105170019999999017"), "{}", ran.out);
    }
    let ran = read(&log, &["--reveal"]);
    assert!(ran.out.contains("3105170019999999017"), "{}", ran.out);
}

#[test]
fn an_older_card_that_knows_no_real_balance_is_asked_for_what_can_be_spent() {
    // Shanghai, a card as issued: P1 00 and 01 answer the same, so nothing of its own is left.
    let log = "\
>> 00A4040008A00000063201010500
<< 6104
>> 00C0000004
<< 6F0A8408A0000006320101 05 9000
>> 00B095001E
<< 6C1E
>> 00B095001E
<< 02002900FFFFFFFF02010310477004999999990220200115204012310114 9000
>> 805C030204
<< 6A86
>> 805C000204
<< 00000320 9000
>> 805C010204
<< 00000320 9000
>> 00B201C417
<< 0002000000000000000220009999004020200115151321 9000
>> 00B202C417
<< 0001000000000000000220009299004020200115151321 9000
>> 00B203C417
<< 6A83
";
    let ran = read(log, &["--json"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let answer = ran.json();
    let purse = &answer["purses"][0];
    assert_eq!(
        (
            &purse["balance_fen"],
            &purse["overdraft_fen"],
            &purse["city"]["en"]
        ),
        (&0.into(), &800.into(), &"Shanghai".into())
    );
    assert_eq!(purse["transactions"].as_array().unwrap().len(), 2);
    assert_eq!(purse["transactions"][0]["kind"]["en"], "load");
}

#[test]
fn an_application_is_what_its_fci_says() {
    // A purse with label and display name under the AID of the e-cash, and one of version 0030
    // with zero bytes after A5.
    let log = "\
>> 00A404000E325041592E5359532E444446303100
<< 6F21840E325041592E5359532E4444463031A50FBF0C0C610A4F08A000000632010106 9000
>> 00A4040008A00000063201010600
<< 6F508408A000000632010106A54450084D4F545F545F45508701029F0801029F120F4341524420494D4147452030303031 9F0C1E02403640FFFFFFFF0201031049915850999999832021072620250930 8500 9000
>> 00A4040008A00000063201010500
<< 6F368408A000000632010105A5269F080200309F0C1E02215840FFFFFFFF0201031048704040999994182024110720541107000000000000 9000
";
    let ran = read(log, &["--json"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let answer = ran.json();
    assert_eq!(answer["cashes"].as_array().unwrap().len(), 0);
    let purses = answer["purses"].as_array().unwrap();
    let told: Vec<_> = purses
        .iter()
        .map(|purse| (&purse["aid"], &purse["validity"], &purse["city"]["zh"]))
        .collect();
    assert_eq!(
        told,
        [
            (
                &"A000000632010106".into(),
                &"expired".into(),
                &"淮南".into()
            ),
            (&"A000000632010105".into(), &"valid".into(), &"深圳".into()),
        ]
    );
}

#[test]
fn the_page_stands_alone_and_holds_what_was_read() {
    let folder = folder("card-page");
    for (lang, word) in [("zh", "北京"), ("en", "Beijing")] {
        let args = [
            "card",
            "read",
            "--trace",
            "-",
            "--page",
            "card.html",
            "--lang",
            lang,
        ];
        let ran = tongtu_in(&folder, &args, beijing().as_bytes(), &[]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        let page = std::fs::read_to_string(folder.join("card.html")).unwrap();
        for wanted in [
            word,
            "27.55",
            "310517 •••• 9017",
            "prefers-color-scheme: dark",
            if lang == "en" {
                "recorded dialogue"
            } else {
                "对话记录"
            },
        ] {
            assert!(page.contains(wanted), "{wanted}");
        }
        for unwanted in ["http", "src=", "<script", "310517001"] {
            assert!(!page.contains(unwanted), "{unwanted}");
        }
        assert_eq!(page.matches("<tr>").count(), page.matches("</tr>").count());
    }
}

#[test]
fn a_card_of_another_scheme_is_refused_with_a_way_to_look() {
    let ran = read(">> 00A4040007A000000333010100\n<< 9000\n", &[]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    assert!(
        ran.err.contains("no T-Union application answers"),
        "{}",
        ran.err
    );
    assert!(
        ran.err.contains("hint: `tongtu card apdu 'select ppse'`"),
        "{}",
        ran.err
    );
}

#[cfg(feature = "pcsc")]
#[test]
fn a_card_in_a_reader_is_read_personalised_and_paid_with_like_one_in_a_file() {
    let Some(card) = crate::card_foreign::Card::fresh(&["--profile", "scp02"]) else {
        return;
    };
    let program = env!("CARGO_BIN_EXE_tongtu");
    let limit = std::time::Duration::from_secs(60);
    for (args, expected) in [
        (
            &["card", "load", "--amount", "20"][..],
            "balance 0.00 → 20.00",
        ),
        (
            &["card", "pay", "--amount", "2", "--lose-answer"],
            "recovered by proof",
        ),
        (&["card", "read"], "18.00"),
        (
            &[
                "card",
                "perso",
                "--replace",
                "--number",
                "3104899999900000025",
            ],
            "TEST card 310489****0025 is personalised",
        ),
        (&["card", "read"], "310489****0025"),
    ] {
        let ran = card.service.run(program, args, b"", limit);
        assert_eq!(ran.code, 0, "{args:?}: {}{}", ran.out, ran.err);
        assert!(ran.out.contains(expected), "{args:?}: {}", ran.out);
    }
}

#[test]
fn a_card_that_does_not_come_up_says_why_and_asks_for_no_reader() {
    let folder = folder("card-read-damaged");
    Served::start(&folder, "a.card", &[]).end();
    let path = folder.join("a.card");
    let mut bytes = std::fs::read(&path).unwrap();
    let memory = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    bytes[memory..].fill(0xFF);
    std::fs::write(&path, bytes).unwrap();
    let ran = tongtu_in(&folder, &["card", "read", "--state", "a.card"], b"", &[]);
    assert_eq!(ran.code, 3, "{}", ran.out);
    let (said, why) = ran.err.trim().split_once("does not come up: ").unwrap();
    assert!(said.starts_with("error: "), "{said}");
    assert!(!why.is_empty() && !why.contains("hint"), "{why}");
}

#[test]
fn a_page_says_when_its_card_was_read() {
    let folder = folder("card-page-when");
    Served::start(&folder, "a.card", &[]).end();
    let args = [
        &["card", "read", "--state", "a.card", "--page", "a.html"][..],
        &["--now", "2026-03-02T08:00:00+08:00", "--lang", "en"],
    ]
    .concat();
    let ran = tongtu_in(&folder, &args, b"", &[]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let page = std::fs::read_to_string(folder.join("a.html")).unwrap();
    assert!(page.contains("at 2026-03-02 08:00:00."), "{page}");
}

#[test]
fn a_card_in_a_file_says_everywhere_that_it_is_a_test_card() {
    let folder = folder("card-test-mark");
    Served::start(&folder, "a.card", &[]).end();
    let says = |args: &[&str]| {
        let args = [&["card"], args, &["--state", "a.card"]].concat();
        let ran = tongtu_in(&folder, &args, b"", &[]);
        assert_eq!(ran.code, 0, "{args:?}: {}", ran.err);
        ran
    };
    for (lang, mark) in [("en", "TEST card"), ("zh", "测试卡")] {
        let read = says(&["read", "--page", "a.html", "--lang", lang]);
        assert!(read.out.starts_with(mark), "{}", read.out);
        let page = std::fs::read_to_string(folder.join("a.html")).unwrap();
        let mark_on_page = format!("<p class=\"test\">{mark}");
        assert_eq!(page.matches(&mark_on_page).count(), 1, "{page}");
        for verb in ["load", "pay"] {
            let ran = says(&[verb, "--amount", "1", "--lang", lang]);
            assert!(ran.err.starts_with(mark), "{}", ran.err);
        }
    }
    for args in [
        &["read", "--json"][..],
        &["load", "--amount", "1", "--json"],
        &["load", "--cash", "--amount", "1", "--json"],
        &["pay", "--amount", "1", "--json"],
        &["pay", "--cash", "--amount", "1", "--json"],
    ] {
        assert_eq!(says(args).json()["test"], true, "{args:?}");
    }
    // A recorded card may be anybody's.
    let args = ["card", "read", "--trace", "-", "--json"];
    let ran = tongtu_in(&folder, &args, beijing().as_bytes(), &[]);
    assert_eq!(ran.json()["test"], false);
}
