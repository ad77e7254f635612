//! Any bytes: read back as written, refused when cut, never a panic.

use proptest::collection::vec;
use proptest::prelude::*;
use tongtu_apdu::{Command, Response};
use tongtu_purse::command::COMMANDS;
use tongtu_purse::layout::{
    BusRecord, HolderInfo, LocalHistory, PublicInfo, RailRecord, ShanghaiTail, Transaction,
    TransitInfo, Trip,
};

use crate::targets;

/// Every record of any content is itself again; one byte less or more is an error; a flipped
/// bit shows.
macro_rules! records {
    ($($name:ident: $record:ident;)*) => {
        proptest! {
            $(
                #[test]
                fn $name(bytes in vec(any::<u8>(), $record::LEN), at in 0..$record::LEN, bit in 0..8u8) {
                    let read = $record::decode(&bytes).expect("any content");
                    prop_assert_eq!(read.encode().expect("as wide"), bytes.clone());
                    prop_assert!($record::decode(&bytes[..at]).is_err());
                    let mut long = bytes.clone();
                    long.push(0);
                    prop_assert!($record::decode(&long).is_err());
                    let mut flipped = bytes.clone();
                    flipped[at] ^= 1 << bit;
                    prop_assert_ne!($record::decode(&flipped).expect("any content"), read);
                    let _ = $record::describe(&bytes[..at], 0);
                }
            )*
        }
    };
}

records! {
    public_info: PublicInfo;
    holder_info: HolderInfo;
    transit_info: TransitInfo;
    transactions: Transaction;
    rail_records: RailRecord;
    shanghai_tails: ShanghaiTail;
    local_histories: LocalHistory;
    bus_records: BusRecord;
    trips: Trip;
}

fn any_command() -> impl Strategy<Value = Command> {
    let ins = prop_oneof![
        4 => prop::sample::select(COMMANDS).prop_map(|info| info.ins),
        1 => any::<u8>(),
    ];
    let class = prop_oneof![
        8 => prop::sample::select(&[0x00, 0x04, 0x80, 0x84][..]),
        1 => any::<u8>(),
    ];
    let p1 = prop_oneof![4 => 0..8u8, 1 => any::<u8>()];
    let p2 = prop_oneof![4 => 0..8u8, 1 => any::<u8>()];
    (
        class,
        ins,
        p1,
        p2,
        vec(any::<u8>(), 0..40),
        any::<Option<u8>>(),
    )
        .prop_map(|(cla, ins, p1, p2, data, le)| {
            let command = Command::new(cla, ins, p1, p2).with_data(data);
            match le {
                Some(le) => command.with_le(le),
                None => command,
            }
        })
}

proptest! {
    #[test]
    fn composite_records_of_any_bytes(mut bytes in vec(any::<u8>(), 0..140), id in 0..4u8) {
        if let [a, b, ..] = &mut bytes[..] {
            (*a, *b) = (0x27, id);
        }
        targets::record(&bytes);
    }

    #[test]
    fn fci_of_any_bytes(bytes in vec(any::<u8>(), 0..80)) {
        let mut card = vec![0x6F, u8::try_from(bytes.len()).expect("short")];
        card.extend(&bytes);
        for bytes in [&bytes, &card] {
            targets::fci(bytes);
        }
    }

    #[test]
    fn a_command_that_is_read_is_written_back(command in any_command()) {
        targets::command(&command);
    }

    #[test]
    fn explaining_never_fails(
        command in any_command(),
        data in vec(any::<u8>(), 0..140),
        sw in prop_oneof![Just([0x90, 0x00]), any::<[u8; 2]>()],
    ) {
        let answer = Response::parse(&[&data[..], &sw].concat()).expect("two bytes");
        targets::explained(&command, &answer);
    }

    #[test]
    fn data_groups_of_any_bytes(id: u16, value in vec(any::<u8>(), 0..300)) {
        targets::data_group(id, &value);
    }
}
