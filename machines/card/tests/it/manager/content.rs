//! SE-SW-08 to 20: domains, load files, applications come and go.

use tongtu_apdu::select::{E_CASH, E_PURSE};
use tongtu_card::factory::Blueprint;
use tongtu_crypto::{sha1, sha2, sm3};
use tongtu_globalplatform::command::{Entry, Load, StatusForm};
use tongtu_globalplatform::load_file::{Block, LoadFile};

use super::office::{Office, aid, fields, hex, lv, shown};

const DOMAIN: &str = "D4D4D4D4D4010101";
const OTHER: &str = "D4D4D4D4D4010102";
const EP: &str = "A000000632010105";
const TRANSPORT: &str = "A0000006320101";

/// INSTALL [for install and make selectable] of a module of the transport package.
fn install(instance: &str) -> Vec<u8> {
    fields(&[TRANSPORT, EP, instance, "00", "C900", ""])
}

/// Sends a load file in blocks; the last answer.
pub(crate) fn load(office: &mut Office, bytes: &[u8], block: usize) -> (Vec<u8>, u16) {
    let count = bytes.len().div_ceil(block);
    let mut last = (Vec::new(), 0);
    for (at, part) in bytes.chunks(block).enumerate() {
        let load = Load {
            last: at + 1 == count,
            number: u8::try_from(at).unwrap(),
            block: part.to_vec(),
        };
        last = office.typed(&load);
        if last.1 != 0x9000 {
            return last;
        }
    }
    last
}

/// A load file with a converted applet of these AIDs in it, as tools make it.
pub(crate) fn applet_file(applets: &[&str], padding: usize) -> Vec<u8> {
    let component = |tag: u8, content: &[u8]| {
        let len = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag], &len[..], content].concat()
    };
    let mut list = vec![u8::try_from(applets.len()).unwrap()];
    for applet in applets {
        list.extend(lv(&hex(applet)));
        list.extend([0x00, 0x10]);
    }
    [
        component(1, &hex("DECAFFED010204000105D0D1D2D3D4")),
        component(3, &list),
        component(7, &vec![0x5A; padding]),
    ]
    .concat()
}

fn encoded(code: &[u8]) -> Vec<u8> {
    let file = LoadFile {
        daps: Vec::new(),
        block: Block::Plain(code),
    };
    file.encode()
}

pub(crate) fn files(office: &mut Office) -> Vec<Entry> {
    let data = office.done("80F21002", &hex("4F00"));
    Entry::read_all(&data, StatusForm::Tlv, true).unwrap()
}

#[test]
fn a_domain_is_created_listed_and_deleted() {
    let mut office = Office::new();
    office.make_domain(DOMAIN, "80C000");
    let isd = "A000000151000000".to_owned();
    assert_eq!(office.state(DOMAIN), Some((0x07, isd)));
    office.done("80E40000", &[hex("4F08"), hex(DOMAIN)].concat());
    assert_eq!(office.state(DOMAIN), None);
    office.refused("80E40000", &[hex("4F08"), hex(DOMAIN)].concat(), 0x6A88);
}

#[test]
fn the_purse_is_installed_once_and_its_memory_comes_back() {
    let mut office = Office::new();
    assert_eq!(office.select(E_PURSE.as_bytes()), 0x6A82);
    office.login();
    let blank = office.image();
    office.done("80E60C00", &install(EP));
    office.refused("80E60C00", &install(EP), 0x6A89);
    office.refused("80E60C00", &install(TRANSPORT), 0x6A89);
    assert_eq!(office.state(EP).unwrap().0, 0x07);
    office.done("80E40000", &[hex("4F08"), hex(EP)].concat());
    assert_eq!(office.state(EP), None);
    assert!(office.image() == blank, "every object is gone");
    assert_eq!(office.select(E_PURSE.as_bytes()), 0x6A82);
}

#[test]
fn an_application_is_installed_first_and_made_selectable_later() {
    let mut office = Office::new();
    office.done("80E60400", &install(EP));
    assert_eq!(office.state(EP).unwrap().0, 0x03);
    assert_eq!(office.select(E_PURSE.as_bytes()), 0x6A82);
    office.login();
    let make = fields(&["", "", EP, "00", "", ""]);
    office.done("80E60800", &make);
    office.refused("80E60800", &make, 0x6985);
    assert_eq!(office.state(EP).unwrap().0, 0x07);
    office.refused("80E60800", &fields(&["", "", OTHER, "00", "", ""]), 0x6A88);
}

#[test]
fn what_an_install_may_not_say() {
    let mut office = Office::new();
    for (parts, sw) in [
        (["A0000006320109", EP, EP, "00", "C900", ""], 0x6A88),
        (
            [TRANSPORT, "A000000632010109", EP, "00", "C900", ""],
            0x6A88,
        ),
        ([TRANSPORT, EP, EP, "0000", "C900", ""], 0x6A80),
        ([TRANSPORT, EP, EP, "80", "C900", ""], 0x6A80),
        ([TRANSPORT, EP, EP, "40", "C900", ""], 0x6A80),
        ([TRANSPORT, EP, EP, "00", "", ""], 0x6A80),
        ([TRANSPORT, EP, EP, "00", "C9", ""], 0x6A80),
        ([TRANSPORT, EP, EP, "00", "C900", "5A5A"], 0x6985),
        (
            [TRANSPORT, EP, EP, "00", "C900EF06C8047FFFFFFF", ""],
            0x6A84,
        ),
        (
            [
                "A0000001515350",
                "A000000151535041",
                DOMAIN,
                "00",
                "C900",
                "",
            ],
            0x6A80,
        ),
        (
            [
                "A0000001515350",
                "A000000151535041",
                DOMAIN,
                "81",
                "C900",
                "",
            ],
            0x6A80,
        ),
        (
            [
                "A0000001515350",
                "A000000151535041",
                DOMAIN,
                "A04000",
                "C900",
                "",
            ],
            0x6A80,
        ),
        (
            [
                "A0000001515350",
                "A000000151535041",
                DOMAIN,
                "80",
                "C9048102031F",
                "",
            ],
            0x6A80,
        ),
    ] {
        office.refused("80E60C00", &fields(&parts), sw);
    }
    // The instance may do without an AID of its own.
    office.done("80E60C00", &fields(&[TRANSPORT, EP, "", "00", "C900", ""]));
    assert!(office.state(EP).is_some());
}

#[test]
fn an_application_goes_to_another_domain_and_a_tree_has_no_circle() {
    let mut office = Office::new();
    office.make_domain(DOMAIN, "80");
    office.make_domain(OTHER, "80");
    office.done("80E60C00", &install(EP));
    let go = |to: &str, what: &str| fields(&[to, "", what, "", "", ""]);
    office.done("80E61000", &go(DOMAIN, EP));
    assert_eq!(office.state(EP).unwrap().1, DOMAIN);
    // A domain with something in it stays.
    office.refused("80E40000", &[hex("4F08"), hex(DOMAIN)].concat(), 0x6985);
    office.done("80E61000", &go(OTHER, DOMAIN));
    assert_eq!(office.state(DOMAIN).unwrap().1, OTHER);
    office.refused("80E61000", &go(DOMAIN, OTHER), 0x6985);
    office.refused("80E61000", &go(EP, OTHER), 0x6985);
    office.refused("80E61000", &go("A0000000FF", EP), 0x6A88);
    office.refused("80E61000", &go(OTHER, "A0000000FF"), 0x6A88);
    office.refused("80E61000", &go(OTHER, "A000000151000000"), 0x6985);
    // A domain may be the root of its own tree; the issuer's registry still sees it.
    office.done("80E61000", &go(OTHER, OTHER));
    assert_eq!(office.state(OTHER).unwrap().1, OTHER);
    // A load file goes, too, and its next instance belongs where it is.
    office.done("80E61000", &go(OTHER, TRANSPORT));
    let ec = fields(&[
        TRANSPORT,
        "A0000006320101F1",
        "A0000006320101F1",
        "00",
        "C900",
        "",
    ]);
    office.done("80E60C00", &ec);
    assert_eq!(office.state("A0000006320101F1").unwrap().1, OTHER);
}

#[test]
fn a_domain_accepts_what_its_parameters_say() {
    let mut office = Office::new();
    let domain = |name: &str, own: &str| {
        let own = own.replace(' ', "");
        let parameters = format!("C9{:02X}{own}", own.len() / 2);
        let name = name.to_owned();
        fields(&[
            "A0000001515350",
            "A000000151535041",
            &name,
            "80",
            &parameters,
            "",
        ])
    };
    office.done("80E60C00", &domain(DOMAIN, "820100 8102037081020215"));
    office.done("80E60C00", &install(EP));
    office.refused("80E61000", &fields(&[DOMAIN, "", EP, "", "", ""]), 0x6985);
}

#[test]
fn a_domain_says_whether_others_may_delete_it_and_what_is_in_it() {
    let mut office = Office::new();
    let firm = "C903830100";
    let domain = [
        "A0000001515350",
        "A000000151535041",
        DOMAIN,
        "80C000",
        firm,
        "",
    ];
    office.done("80E60C00", &fields(&domain));
    office.done("80E60C00", &install(EP));
    let delete = |name: &str| [hex("4F"), lv(&hex(name))].concat();
    office.refused("80E40000", &delete(DOMAIN), 0x6985);
    for what in [EP, TRANSPORT] {
        office.done("80E61000", &fields(&[DOMAIN, "", what, "", "", ""]));
    }
    office.refused("80E40000", &delete(EP), 0x6985);
    office.refused("80E40080", &delete(TRANSPORT), 0x6985);
    // It may do so itself.
    office.select(&hex(DOMAIN));
    let keys = super::office::test_keys(tongtu_card::factory::Channel::Scp03);
    office.open(0, &keys, 0x33).unwrap();
    office.done("80E40080", &delete(TRANSPORT));
    office.login();
    assert_eq!(office.state(EP), None);
}

#[test]
fn registry_update_changes_privileges_and_place_in_the_directory() {
    let mut office = Office::new();
    office.make_domain(DOMAIN, "80");
    office.done("80E60C00", &install(EP));
    let directory = "EF0BA109A607500245508701 01".replace(' ', "");
    office.done("80E64000", &fields(&[DOMAIN, "", EP, "", &directory, ""]));
    assert_eq!(office.state(EP).unwrap().1, DOMAIN);
    office.done("80E64000", &fields(&["", "", EP, "04", "", ""]));
    // Only one application may have the card reset privilege.
    let second = fields(&[
        TRANSPORT,
        "A0000006320101F1",
        "A0000006320101F1",
        "04",
        "C900",
        "",
    ]);
    office.refused("80E60C00", &second, 0x6985);
    office.done("80E40000", &[hex("4F08"), hex(EP)].concat());
    // Its holder gone, the issuer domain has it back and may give it away.
    office.done("80E60C00", &second);
    office.refused("80E64000", &fields(&["", "", EP, "04", "", ""]), 0x6A88);
    office.refused("80E64000", &fields(&["", "", "", "80", "", ""]), 0x6985);
}

#[test]
fn a_load_file_is_loaded_block_by_block_and_bound_to_what_we_have() {
    let code = applet_file(&["D0D1D2D3D4D50101", "D0D1D2D3D4D50102"], 600);
    let hashes = [
        Vec::new(),
        sha1::digest(&code).to_vec(),
        sha2::sha256(&code).to_vec(),
        sm3::digest(&code).to_vec(),
        sha2::sha384(&code).to_vec(),
        sha2::sha512(&code).to_vec(),
    ];
    for hash in hashes {
        let mut office = Office::new();
        let begin = [
            lv(&hex("D0D1D2D3D4D501")),
            lv(&hex("A000000151000000")),
            lv(&hash),
            fields(&["EF08C6020160C80207D0", ""]),
        ]
        .concat();
        office.done("80E60200", &begin);
        assert_eq!(load(&mut office, &encoded(&code), 200), (vec![0], 0x9000));
        let file = files(&mut office).pop().unwrap();
        assert_eq!(file.aid, aid("D0D1D2D3D4D501"));
        assert_eq!(
            file.modules,
            [aid("D0D1D2D3D4D50101"), aid("D0D1D2D3D4D50102")]
        );
        // Foreign code is installed, selected and answers nothing.
        let install = fields(&[
            "D0D1D2D3D4D501",
            "D0D1D2D3D4D50101",
            "D0D1D2D3D4D50101",
            "02",
            "C90100EF04C80207D0",
            "",
        ]);
        office.done("80E60C00", &install);
        office.refused("80E60200", &begin, 0x6A89);
        office.refused("80E40000", &hex("4F07D0D1D2D3D4D501"), 0x6985);
        assert_eq!(office.select(&hex("D0D1D2D3D4D50101")), 0x9000);
        assert_eq!(office.say("80100000", &[]).1, 0x6D00);
        office.login();
        office.done("80E40080", &hex("4F07D0D1D2D3D4D501"));
        assert_eq!(files(&mut office).len(), 4);
        assert_eq!(office.state("D0D1D2D3D4D50101"), None);
    }
}

#[test]
fn blocks_come_in_order_whole_and_with_their_hash() {
    let code = encoded(&applet_file(&["D0D1D2D3D4D50101"], 300));
    let begin = fields(&["D0D1D2D3D4D501", "", "", "", ""]);
    let block = |last, number, block: &[u8]| Load {
        last,
        number,
        block: block.to_vec(),
    };
    let mut office = Office::new();
    let nothing = office.image();
    office.refused("80E80000", &code[..100], 0x6985);
    // A block out of its order ends the load.
    office.done("80E60200", &begin);
    assert_eq!(office.typed(&block(false, 0, &code[..100])).1, 0x9000);
    assert_eq!(office.typed(&block(false, 2, &code[100..200])).1, 0x6985);
    assert_eq!(office.typed(&block(false, 1, &code[100..200])).1, 0x6985);
    // So does other management between the blocks, and an end that comes early.
    office.done("80E60200", &begin);
    assert_eq!(office.typed(&block(false, 0, &code[..100])).1, 0x9000);
    office.done("80F28002", &hex("4F00"));
    assert_eq!(office.typed(&block(false, 1, &code[100..200])).1, 0x6985);
    office.done("80E60200", &begin);
    assert_eq!(office.typed(&block(true, 0, &code[..100])).1, 0x6A80);
    let wrong = [
        fields(&["D0D1D2D3D4D501", ""]),
        lv(&[0x11; 20]),
        fields(&["", ""]),
    ]
    .concat();
    office.done("80E60200", &wrong);
    assert_eq!(load(&mut office, &code, 200).1, 0x6A80);
    office.refused(
        "80E60200",
        &fields(&["D0D1D2D3D4D501", "", "1111", "", ""]),
        0x6A80,
    );
    office.refused(
        "80E60200",
        &fields(&["D0D1D2D3D4D501", EP, "", "", ""]),
        0x6A88,
    );
    assert!(office.image() == nothing);
    // A client is known that marks no last block when one is enough.
    let small = encoded(&applet_file(&["D0D1D2D3D4D50101"], 30));
    office.done("80E60200", &begin);
    assert_eq!(office.typed(&block(false, 0, &small)), (vec![0], 0x9000));
    assert_eq!(files(&mut office).len(), 5);
}

#[test]
fn a_known_package_brings_our_own_applets() {
    let mut office = Office::new();
    office.done("80E40000", &hex("4F07A0000006320101"));
    office.refused("80E60C00", &install(EP), 0x6A88);
    // Its code is not ours and not an applet file: the modules are known by name.
    office.done("80E60200", &fields(&[TRANSPORT, "", "", "", ""]));
    assert_eq!(load(&mut office, &encoded(&[0xEE; 64]), 60).1, 0x9000);
    let file = files(&mut office).pop().unwrap();
    assert_eq!(file.modules, [E_PURSE, E_CASH, aid("A0000006320101F1")]);
    office.done("80E60C00", &install(EP));
    // A package of one module may have the module's AID.
    office.done(
        "80E60C00",
        &fields(&[
            TRANSPORT,
            "A0000006320101F1",
            "A0000006320102F1",
            "00",
            "C900",
            "",
        ]),
    );
    office.done("80E60200", &fields(&["A0000006320101F1", "", "", "", ""]));
    assert_eq!(load(&mut office, &encoded(&[0xEE; 64]), 60).1, 0x9000);
    assert_eq!(files(&mut office).pop().unwrap().modules.len(), 1);
}

#[test]
fn load_and_install_can_be_one_operation() {
    let code = encoded(&applet_file(&["D0D1D2D3D4D50101"], 300));
    let begin = fields(&["D0D1D2D3D4D501", "", "", "", ""]);
    let end = fields(&["D0D1D2D3D4D501", "D0D1D2D3D4D50101", "", "00", "C900", ""]);
    let mut office = Office::new();
    let nothing = office.image();
    office.refused("80E60E03", &end, 0x6985);
    office.done("80E60E01", &begin);
    assert_eq!(load(&mut office, &code, 200).1, 0x9000);
    assert!(office.image() == nothing, "nothing is there before the end");
    office.done("80E60E03", &end);
    assert_eq!(files(&mut office).len(), 5);
    assert_eq!(office.state("D0D1D2D3D4D50101").unwrap().0, 0x07);
}

#[test]
fn a_small_card_refuses_what_does_not_fit_and_has_its_memory_back() {
    let mut office = Office::of_size(&Blueprint::default(), 8 * 1024);
    office.login();
    let free = office.done("80CAFF21", &[]);
    let begin = |quota: &str| fields(&["D0D1D2D3D4D501", "", "", quota, ""]);
    office.refused("80E60200", &begin("EF04C6022000"), 0x6A84);
    let image = office.image();
    office.done("80E60200", &begin(""));
    let code = encoded(&vec![0x11; 6000]);
    assert_eq!(load(&mut office, &code, 200).1, 0x6A84);
    assert!(office.image() == image);
    assert_eq!(office.done("80CAFF21", &[]), free);
    // What fits comes, and what was deleted makes room again.
    for _ in 0..4 {
        office.done("80E60200", &begin(""));
        assert_eq!(
            load(&mut office, &encoded(&vec![0x22; 2500]), 200).1,
            0x9000
        );
        office.done("80E40000", &hex("4F07D0D1D2D3D4D501"));
        assert_eq!(office.done("80CAFF21", &[]), free);
    }
}

#[test]
fn parts_of_aids_find_one_after_the_other() {
    let mut office = Office::new();
    office.done("80E60C00", &install(EP));
    office.done(
        "80E60C00",
        &fields(&[
            TRANSPORT,
            "A0000006320101F1",
            "A0000006320101F1",
            "00",
            "C900",
            "",
        ]),
    );
    office.make_domain(DOMAIN, "80");
    let mut select = |p2: &str, name: &str| {
        office.host = None;
        let (fci, sw) = office.say(&format!("00A404{p2}"), &hex(name));
        let name = tongtu_apdu::tlv::find_deep(&fci, tongtu_apdu::tlv::Tag::new(0x84));
        (name.map(shown).unwrap_or_default(), sw)
    };
    let part = "A00000063201";
    assert_eq!(select("00", part), (EP.to_owned(), 0x9000));
    assert_eq!(select("02", part), ("A0000006320101F1".to_owned(), 0x9000));
    assert_eq!(select("02", part), (String::new(), 0x6A82));
    assert_eq!(select("00", DOMAIN), (DOMAIN.to_owned(), 0x9000));
    assert_eq!(select("00", "D4D4D4D4D4"), (DOMAIN.to_owned(), 0x9000));
    assert_eq!(
        select("00", TRANSPORT).1,
        0x9000,
        "a load file is no application"
    );
}
