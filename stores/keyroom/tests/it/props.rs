//! Hostile files.

use proptest::prelude::*;
use tongtu_keyroom::File;
use tongtu_keyroom::sim::{SimMedium, Survival};

use crate::fixture::{open, run};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_panic(
        file in 0..File::ALL.len(),
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        keep in 0usize..2000,
    ) {
        let medium = SimMedium::new();
        run(&medium, 4).1.unwrap();
        let file = File::ALL[file];
        let mut forged = medium.bytes(file);
        forged.truncate(keep);
        forged.extend(&bytes);
        let copy = medium.after_cut(&Survival::Everything);
        copy.forge(file, forged);
        let _ = open(copy);
    }
}
