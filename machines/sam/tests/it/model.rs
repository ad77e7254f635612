//! Any sequence of commands: the module against the naive one, answer by answer.

use proptest::prelude::*;
use tongtu_sam::SoftPsam;
use tongtu_testkit::psam;

use crate::bench::{Cells, array, made, profile, send, told};

/// What a terminal, or nobody in his right mind, may do.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Raw(Vec<u8>),
    /// The MAC2 that is awaited, right or not.
    Credit(bool),
    Reset,
}

fn with_le(le: u8) -> impl Strategy<Value = Option<u8>> {
    prop_oneof![
        3 => Just(Some(le)),
        2 => Just(Some(0)),
        2 => Just(None),
        1 => any::<u8>().prop_map(Some),
    ]
}

fn apdu(head: [u8; 4], data: &[u8], le: Option<u8>) -> Vec<u8> {
    let mut out = head.to_vec();
    if !data.is_empty() {
        out.push(u8::try_from(data.len()).expect("short"));
        out.extend(data);
    }
    out.extend(le);
    out
}

fn factors() -> impl Strategy<Value = Vec<u8>> {
    let good: [u8; 16] = array("489999990000001702905810FFFFFFFF");
    prop_oneof![
        6 => Just(good.to_vec()),
        2 => Just(good[..8].to_vec()),
        2 => proptest::collection::vec(any::<[u8; 8]>(), 1..=3).prop_map(|f| f.concat()),
    ]
}

fn purchase() -> impl Strategy<Value = Vec<u8>> {
    let date = prop_oneof![
        8 => Just(array::<4>("20250601")),
        1 => Just(array("20191231")),
        1 => Just(array("20250230")),
        1 => any::<[u8; 4]>(),
    ];
    let version = prop_oneof![8 => 1..=4_u8, 1 => any::<u8>()];
    let algorithm = prop_oneof![Just(0), Just(1), Just(4), any::<u8>()];
    let kind = prop_oneof![6 => Just(9), 4 => Just(6), 1 => any::<u8>()];
    let head = (
        any::<[u8; 10]>(),
        kind,
        date,
        any::<[u8; 3]>(),
        version,
        algorithm,
    );
    (head, factors(), with_le(8)).prop_map(|((start, kind, date, time, version, alg), f, le)| {
        let data = [&start[..], &[kind], &date, &time, &[version, alg], &f].concat();
        apdu([0x80, 0x70, 0, 0], &data, le)
    })
}

fn delivery() -> impl Strategy<Value = Vec<u8>> {
    let purpose = prop_oneof![4 => Just(5), 3 => Just(4), 3 => Just(7), 1 => 0..32_u8];
    let name = prop_oneof![
        Just(2),
        Just(6),
        Just(0x42),
        Just(0x46),
        Just(1),
        Just(0x50),
        Just(0x51),
        any::<u8>()
    ];
    (
        purpose,
        name,
        factors(),
        prop::option::weighted(0.1, 0..8_u8),
    )
        .prop_map(|(purpose, name, factors, levels)| {
            let right = u8::try_from(factors.len() / 8).expect("few");
            apdu(
                [0x80, 0x1A, levels.unwrap_or(right) << 5 | purpose, name],
                &factors,
                None,
            )
        })
}

fn crypt() -> impl Strategy<Value = Vec<u8>> {
    let mode = prop_oneof![
        3 => Just(5), 2 => Just(7), 3 => Just(3), 3 => Just(1), 3 => Just(0), 1 => Just(2),
        1 => any::<u8>(),
    ];
    let data = prop_oneof![
        8 => proptest::collection::vec(any::<[u8; 16]>(), 1..=4).prop_map(|b| b.concat()),
        2 => proptest::collection::vec(any::<[u8; 8]>(), 1..=4).prop_map(|b| b.concat()),
        1 => proptest::collection::vec(any::<u8>(), 0..40),
    ];
    (mode, data, with_le(4)).prop_map(|(mode, data, le)| apdu([0x80, 0xFA, mode, 0], &data, le))
}

fn other() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(apdu([0, 0xA4, 0, 0], &[0x3F, 0], None)),
        (any::<[u8; 2]>(), 0..=1_u8).prop_map(|(id, p1)| apdu([0, 0xA4, 4 * p1, 0], &id, Some(0))),
        (0x14..=0x18_u8, 0..12_u8, with_le(0x0A)).prop_map(|(file, offset, le)| apdu(
            [0, 0xB0, 0x80 | file, offset],
            &[],
            le
        )),
        with_le(4).prop_map(|le| apdu([0, 0x84, 0, 0], &[], le)),
        with_le(8).prop_map(|le| apdu([0, 0xC0, 0, 0], &[], le)),
        proptest::collection::vec(any::<u8>(), 0..60),
        (
            any::<[u8; 2]>(),
            proptest::collection::vec(any::<u8>(), 0..40),
            with_le(8)
        )
            .prop_map(|([ins, p], data, le)| {
                let known = [0xA4, 0xB0, 0x84, 0xC0, 0x70, 0x72, 0x1A, 0xFA];
                let ins = known[usize::from(ins) % known.len()];
                apdu([p & 0x84, ins, p & 3, p >> 6], &data, le)
            }),
    ]
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let name = Just(apdu([0, 0xA4, 0, 0], &[0x80, 0x11], Some(0)));
    let step = prop_oneof![
        6 => purchase().prop_map(Step::Raw),
        5 => prop::bool::weighted(0.8).prop_map(Step::Credit),
        3 => delivery().prop_map(Step::Raw),
        6 => crypt().prop_map(Step::Raw),
        3 => name.prop_map(Step::Raw),
        4 => other().prop_map(Step::Raw),
        1 => Just(Step::Reset),
    ];
    proptest::collection::vec(step, 1..40)
}

/// The bytes of a step, as the model's state says; none for a reset.
pub(crate) fn bytes_of(step: &Step, model: &psam::Psam) -> Option<Vec<u8>> {
    match step {
        Step::Raw(bytes) => Some(bytes.clone()),
        Step::Credit(is_right) => {
            let mut mac2 = model.mac2().unwrap_or_else(|| vec![0; 4]);
            mac2[0] ^= u8::from(!is_right);
            Some(apdu([0x80, 0x72, 0, 0], &mac2, None))
        }
        Step::Reset => None,
    }
}

fn compare(module: &mut SoftPsam<Cells>, model: &mut psam::Psam, steps: &[Step]) {
    for (at, step) in steps.iter().enumerate() {
        let Some(command) = bytes_of(step, model) else {
            module.reset();
            model.reset();
            continue;
        };
        let answer = send(module, &command).expect("power stays");
        match model.apdu(&command) {
            Some(expected) => assert_eq!(
                tongtu_codec::hex_encode(&answer),
                tongtu_codec::hex_encode(&expected),
                "step {at}: the module, then the model, to {}",
                tongtu_codec::hex_encode(&command)
            ),
            None => assert!(answer.ends_with(&[0x90, 0x00])),
        }
        assert_eq!(module.next_sequence(), model.next, "step {at}");
        assert_eq!(15 - module.tries_left(), model.failures, "step {at}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_has_the_model_s_answers(steps in steps()) {
        let profile = profile();
        let select = [0, 0xA4, 0, 0, 2, 0x80, 0x11, 0].to_vec();
        let mut module = made(&profile);
        let mut model = told(&profile);
        compare(&mut module, &mut model, &[Step::Raw(select)]);
        compare(&mut module, &mut model, &steps);
    }

    #[test]
    fn no_bytes_panic_and_every_command_gets_a_status_word(
        commands in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 1..20),
    ) {
        let mut module = made(&profile());
        for command in commands {
            let answer = send(&mut module, &command).expect("power stays");
            prop_assert!(answer.len() >= 2);
        }
    }
}
