//! Who may ask for what.

use tongtu_callers::{AccountPrefix, NotAllowed, Role, TABLE, rule};

use crate::{caller, own};

#[test]
fn a_terminal_asks_for_its_own_number_only() {
    let rule = rule("POST", "/acquirer/terminals/{terminal}/records").unwrap();
    let terminal = caller("01341000.100000000001", Role::Terminal);
    assert_eq!(rule.allows(&terminal, own(), Some("100000000001")), Ok(()));
    let scope = Err(NotAllowed::Scope(Role::Terminal));
    assert_eq!(rule.allows(&terminal, own(), Some("100000000002")), scope);
    assert_eq!(rule.allows(&terminal, own(), None), scope);
    let other = caller("01345810.100000000001", Role::Terminal);
    assert_eq!(rule.allows(&other, own(), Some("100000000001")), scope);
}

#[test]
fn a_node_has_its_own_files_only() {
    let rule = rule("PUT", "/exchange/files/{name}").unwrap();
    let node = caller("01345810.node", Role::Node);
    assert_eq!(rule.allows(&node, own(), Some("01345810")), Ok(()));
    assert!(rule.allows(&node, own(), Some("01341000")).is_err());
    let operator = caller("01345810.OP-1", Role::Operator);
    let refused = rule.allows(&operator, own(), Some("01345810"));
    assert_eq!(refused, Err(NotAllowed::Role(Role::Operator)));
}

#[test]
fn a_partner_has_the_accounts_it_was_admitted_for() {
    let rule = rule("POST", "/issuer/accounts/{account}/recharges").unwrap();
    let mut partner = caller("09990000.APP", Role::Partner);
    assert!(rule.allows(&partner, own(), Some("3101")).is_err());
    partner.accounts = vec![AccountPrefix::parse("3101").unwrap()];
    assert_eq!(
        rule.allows(&partner, own(), Some("3101000009999900001")),
        Ok(())
    );
    assert!(rule.allows(&partner, own(), Some("3104")).is_err());
}

#[test]
fn whoever_renews_renews_itself() {
    let rule = rule("POST", "/callers/{caller}/keys").unwrap();
    let clerk = caller("01341000.C-1", Role::Clerk);
    assert_eq!(rule.allows(&clerk, own(), Some("01341000.C-1")), Ok(()));
    assert!(rule.allows(&clerk, own(), Some("01341000.C-2")).is_err());
    let officer = caller("01341000.KM-1", Role::Officer);
    assert_eq!(rule.allows(&officer, own(), Some("01341000.C-2")), Ok(()));
}

/// The rows of a role, counted once by hand: a role that gets a route more shows here.
#[test]
fn each_role_has_so_many_routes() {
    let count = |role| {
        let has = |rule: &&tongtu_callers::Rule| rule.who.iter().any(|(who, _)| *who == role);
        TABLE.iter().filter(has).count()
    };
    let counted = Role::ALL.map(count);
    assert_eq!(counted, [42, 16, 22, 14, 7, 8, 6, 15]);
}

#[test]
fn what_is_not_in_the_table_has_no_rule() {
    assert_eq!(rule("HEAD", "/audit/ledger"), None);
    assert_eq!(rule("GET", "/callers/{caller}"), None);
}
