//! docs/keys.md shows the tables that the code reads.

use tongtu_keyring::{ca, duty};

const PAGE: &str = include_str!("../../../../docs/keys.md");

#[test]
fn the_page_shows_who_may_take_which_step() {
    for table in [duty::markdown(), ca::duties_markdown()] {
        assert!(PAGE.contains(&table), "docs/keys.md should have:\n{table}");
    }
}
