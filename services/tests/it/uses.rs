//! Every use of a node's key is under a line of the node's chain, whatever is cut off.

mod watched;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tongtu_audit::{
    AnchorKeys, AuditLine, Fault, KeyUse, LineFault, UseFault, UseReader, UseTally, UsesFound,
    is_about_use, verify,
};
use tongtu_crypto::sm3;
use tongtu_hsm::Deed;
use tongtu_keyring::code::{Purpose, Usage};
use tongtu_services::Node;
use tongtu_services::keys::{KeyUses, OPEN_S};
use tongtu_types::{CardNumber, Timestamp};

use self::watched::{Watch, looked_over};
use crate::card::{Card, signed};
use crate::country::{BEIJING_CODE, Country, GUANGZHOU_CODE, Tap, code, day, morning, night};

/// A node's whole chain as anybody may verify it.
struct Chain {
    uses: KeyUses,
}

impl Chain {
    async fn of(node: &Node) -> Self {
        let mut uses = node.key_uses(0).await.unwrap();
        loop {
            let after = u64::try_from(uses.lines.len()).unwrap();
            let more = node.key_uses(after).await.unwrap();
            if more.lines.is_empty() {
                return Self { uses };
            }
            uses.lines.extend(more.lines);
        }
    }

    fn lines(&self) -> Vec<u8> {
        self.uses.lines.iter().flat_map(|(line, _)| *line).collect()
    }

    fn anchors(&self) -> Vec<u8> {
        self.uses.anchors.concat()
    }

    fn keys(&self) -> AnchorKeys {
        self.uses.anchor_keys.iter().cloned().collect()
    }

    fn details(&self) -> Vec<KeyUse> {
        let details = self.uses.lines.iter();
        details
            .map(|(_, detail)| KeyUse::decode(detail).unwrap())
            .collect()
    }

    fn deeds(&self) -> Vec<String> {
        let lines = self.uses.lines.iter();
        lines
            .map(|(line, _)| {
                let line = AuditLine::decode(line).unwrap();
                let reason = line
                    .reason
                    .map_or_else(String::new, |reason| format!(" {reason}"));
                format!("{}{reason}", line.deed)
            })
            .collect()
    }

    /// That all of it holds; what the uses come to.
    fn verified(&self) -> UsesFound {
        verify(&self.lines(), &self.anchors(), &self.keys()).unwrap();
        self.read().unwrap()
    }

    fn read(&self) -> Result<UsesFound, UseFault> {
        let mut reader = UseReader::new();
        for (line, detail) in &self.uses.lines {
            let line = AuditLine::decode(line).unwrap();
            assert!(is_about_use(&line), "{line:?}");
            reader.take(&line, detail)?;
        }
        reader.finish(&[])
    }
}

async fn open_account(node: &Node, number: u32) -> CardNumber {
    let account = CardNumber::parse(&format!("3101000{number:012}")).unwrap();
    let phone = crate::country::key(&format!("phone {number}"));
    node.account_open(account, phone.public(), morning())
        .await
        .unwrap();
    account
}

async fn issue(node: &Node, account: CardNumber, now: Timestamp) {
    node.user_certificate_issue(account, now).await.unwrap();
}

/// Beijing's node again, with something around its custody that looks at each operation.
async fn watched(country: &mut Country) -> Arc<Watch> {
    let watch = Arc::new(Watch::default());
    let url = country.url(BEIJING_CODE);
    country.stop(BEIJING_CODE);
    let watcher = Arc::clone(&watch);
    country.keys.around = Some(Box::new(move |city, custody| {
        if code(city) == code(BEIJING_CODE) {
            Box::new(looked_over(custody, url.clone(), Arc::clone(&watcher)))
        } else {
            custody
        }
    }));
    country.start(BEIJING_CODE, |_| {}).await;
    watch
}

#[tokio::test]
async fn every_operation_of_a_custody_is_under_an_open_line_and_counted() {
    let mut country = Country::found().await;
    let watch = watched(&mut country).await;
    // A day of everything that a node does with keys: certificates, lists, proofs of rides.
    let t = morning();
    let rider = country.rider(BEIJING_CODE, 1).await;
    let mut card = Card::issued(&country, BEIJING_CODE, 2).await;
    let terminal = country.terminal(BEIJING_CODE, 1).await;
    let node = country.node(BEIJING_CODE);
    for minute in 0..5 {
        issue(node, rider.account, t.plus_s(minute * 25)).await;
    }
    node.lists_current(0, t).await.unwrap().unwrap();
    let mut records = vec![terminal.record(Tap::ride(&rider, t, 1, 200))];
    for ride in 1..4 {
        records.push(signed(
            &card.pay(&terminal, t.plus_s(ride * 60), 200),
            &terminal,
        ));
    }
    country.upload(&terminal, &records, t.plus_s(600)).await;
    let south = country.terminal(GUANGZHOU_CODE, 1).await;
    let away = signed(&card.pay(&south, t.plus_s(300), 200), &south);
    country.upload(&south, &[away], t.plus_s(600)).await;
    country.close(day()).await;
    country.settle(day()).await;
    country.audit().await;
    let node = country.node(BEIJING_CODE);
    node.key_uses_end(night(day()).plus_s(7200)).await.unwrap();

    let chain = Chain::of(node).await;
    let found = chain.verified();
    assert_eq!(found.open, []);
    assert_eq!(found.lost, 0);
    let seen = watch.seen.lock().unwrap();
    // Masters are lent for each run, and every proof is counted: three of rides that the node judges,
    // and one of a ride elsewhere that it is charged for.
    let lent = seen.iter().filter(|seen| seen.deed == Deed::Lend).count();
    let proofs: u64 = chain
        .details()
        .iter()
        .filter(|detail| detail.usage == Usage::Accept.byte())
        .map(|detail| detail.count)
        .sum();
    assert_eq!((lent, proofs), (8, 4));
    // Whatever the custody was asked to sign is in the sums, in order.
    for purpose in [Purpose::RideCode, Purpose::ListSignature] {
        let of_purpose = |detail: &&KeyUse| {
            detail.purpose == purpose.byte() && detail.line != detail.opened && detail.count > 0
        };
        let details = chain.details();
        let mut signed = seen
            .iter()
            .filter(|seen| seen.deed == Deed::Sign && seen.purpose == purpose);
        for detail in details.iter().filter(of_purpose) {
            let mut tally = UseTally::new();
            for seen in signed.by_ref().take(usize::try_from(detail.count).unwrap()) {
                tally.used(&UseTally::digest("sign", &[], &seen.message));
            }
            assert_eq!(tally.total(), (detail.count, detail.sum), "{detail:?}");
        }
        assert!(signed.next().is_none(), "uncounted: {purpose}");
    }
    for seen in seen.iter() {
        assert!(
            seen.was_open,
            "{:?} {} under no line",
            seen.deed, seen.label
        );
    }
    let signs = seen.iter().filter(|seen| seen.deed == Deed::Sign).count();
    assert_eq!(found.uses, u64::try_from(signs).unwrap() + proofs);
}

#[tokio::test]
async fn the_sum_of_a_run_is_that_of_its_proofs_by_digest() {
    let country = Country::found().await;
    let mut card = Card::issued(&country, BEIJING_CODE, 1).await;
    let terminal = country.terminal(BEIJING_CODE, 1).await;
    let t = morning();
    let rides: Vec<_> = (0..3)
        .map(|ride| card.pay(&terminal, t.plus_s(ride * 60), 200))
        .collect();
    let records: Vec<_> = rides.iter().map(|ride| signed(ride, &terminal)).collect();
    country.upload(&terminal, &records, t.plus_s(600)).await;
    country.close(day()).await;
    let chain = Chain::of(country.node(BEIJING_CODE)).await;
    chain.verified();
    let mut digests: Vec<sm3::Digest> = rides
        .iter()
        .map(crate::card::proved)
        .map(|(factor, message)| UseTally::digest("mac", &[factor], &message))
        .collect();
    digests.sort_unstable();
    let counted: Vec<KeyUse> = chain.details();
    let counted: Vec<_> = counted.iter().filter(|detail| detail.count > 0).collect();
    assert_eq!(counted.len(), 1);
    assert_eq!(
        (counted[0].count, counted[0].sum),
        (3, sm3::digest(&digests.concat()))
    );
    assert_eq!(counted[0].purpose, Purpose::Tac.byte());
    let number = country.keys.number(BEIJING_CODE, Purpose::Tac);
    assert!(
        country
            .keys
            .given
            .iter()
            .any(|(_, key)| key.get() == counted[0].key),
        "{number}"
    );
}

#[tokio::test]
async fn a_key_is_open_for_a_minute() {
    let country = Country::found().await;
    let node = country.node(BEIJING_CODE);
    let account = open_account(node, 1).await;
    let t = morning();
    for seconds in [0, 1, OPEN_S - 1, OPEN_S, OPEN_S + 1] {
        issue(node, account, t.plus_s(seconds)).await;
    }
    let chain = Chain::of(node).await;
    assert_eq!(chain.deeds(), ["use.open", "use.close", "use.open"]);
    assert_eq!(chain.details()[1].count, 3);
    // Without another use the minute's call closes it.
    node.key_uses_keep(t.plus_s(OPEN_S + 2)).await.unwrap();
    assert_eq!(Chain::of(node).await.verified().open.len(), 1);
    node.key_uses_keep(t.plus_s(2 * OPEN_S)).await.unwrap();
    let found = Chain::of(node).await.verified();
    assert_eq!((found.open, found.uses, found.lost), (Vec::new(), 5, 0));
}

#[tokio::test]
async fn an_orderly_stop_closes_what_is_open() {
    let mut country = Country::found().await;
    let account = open_account(country.node(BEIJING_CODE), 1).await;
    let node = country.node(BEIJING_CODE);
    issue(node, account, morning()).await;
    node.key_uses_end(morning().plus_s(1)).await.unwrap();
    country.start(BEIJING_CODE, |_| {}).await;
    let node = country.node(BEIJING_CODE);
    node.key_uses_keep(morning().plus_s(2)).await.unwrap();
    let found = Chain::of(node).await.verified();
    assert_eq!((found.uses, found.lost, found.open), (1, 0, Vec::new()));
}

#[tokio::test]
async fn after_a_crash_nobody_knows_how_often_an_open_key_was_used() {
    let mut country = Country::found().await;
    let account = open_account(country.node(BEIJING_CODE), 1).await;
    for crash in 1..=3 {
        let node = country.node(BEIJING_CODE);
        issue(node, account, morning().plus_s(crash * 10)).await;
        // Between the use and the closing line.
        country.start(BEIJING_CODE, |_| {}).await;
    }
    let node = country.node(BEIJING_CODE);
    node.key_uses_keep(morning().plus_s(40)).await.unwrap();
    let chain = Chain::of(node).await;
    let pair = ["use.open", "use.close use.count_unknown"];
    assert_eq!(chain.deeds(), [pair, pair, pair].concat());
    let found = chain.verified();
    assert_eq!((found.lost, found.uses, found.open), (3, 0, Vec::new()));
}

#[tokio::test]
async fn a_crash_between_line_and_use_leaves_the_line() {
    let mut country = Country::found().await;
    let watch = watched(&mut country).await;
    let account = open_account(country.node(BEIJING_CODE), 1).await;
    let node = country.node(BEIJING_CODE).clone();
    // The power goes when the custody is about to sign.
    watch.cut.store(true, Ordering::Relaxed);
    let cut_off = tokio::spawn(async move { issue(&node, account, morning()).await });
    assert!(cut_off.await.unwrap_err().is_panic());
    assert!(watch.seen.lock().unwrap().last().unwrap().was_open);
    country.keys.around = None;
    country.start(BEIJING_CODE, |_| {}).await;
    let node = country.node(BEIJING_CODE);
    issue(node, account, morning().plus_s(5)).await;
    let chain = Chain::of(node).await;
    let expected = ["use.open", "use.close use.count_unknown", "use.open"];
    assert_eq!(chain.deeds(), expected);
    chain.verified();
}

#[tokio::test]
async fn a_clock_that_is_set_back_stops_nothing_and_the_chain_holds() {
    let country = Country::found().await;
    let node = country.node(BEIJING_CODE);
    let account = open_account(node, 1).await;
    let t = morning();
    for seconds in [0, -30, -3600, 0, -86_400] {
        issue(node, account, t.plus_s(seconds)).await;
    }
    node.key_uses_end(t).await.unwrap();
    assert_eq!(Chain::of(node).await.verified().uses, 5);
}

#[tokio::test]
async fn a_chain_that_somebody_else_wrote_to_is_read_again_and_holds() {
    let mut country = Country::found().await;
    let account = open_account(country.node(BEIJING_CODE), 1).await;
    let first = country.node(BEIJING_CODE).clone();
    let t = morning();
    issue(&first, account, t).await;
    // Another program on the same store: it takes the open key for a crash's.
    country.keys.around = None;
    let config = first.config().clone();
    let sealing = tongtu_sql::Sealing::new(&[7; 32]);
    let url = country.url(BEIJING_CODE);
    let store = tongtu_sql::Store::open(&url, &sealing).await.unwrap();
    let second = Node::open(config, store).await.unwrap();
    issue(&second, account, t.plus_s(1)).await;
    // What it does not know of the store refuses; then it reads the chain and goes on.
    let late = t.plus_s(OPEN_S);
    assert!(first.user_certificate_issue(account, late).await.is_err());
    issue(&first, account, late).await;
    Chain::of(&first).await.verified();
    country.stop(BEIJING_CODE);
}

#[tokio::test]
async fn days_are_anchored_where_the_node_has_a_key_for_it() {
    let mut country = Country::found().await;
    country.stop(BEIJING_CODE);
    country.keys.give_anchors(BEIJING_CODE);
    country.start(BEIJING_CODE, |_| {}).await;
    let t = morning();
    for city in [BEIJING_CODE, GUANGZHOU_CODE] {
        let node = country.node(city);
        let account = open_account(node, 1).await;
        for days in [0, 1, 1, 3] {
            let now = t.plus_s(days * 86_400);
            issue(node, account, now).await;
            node.key_uses_keep(now.plus_s(30)).await.unwrap();
        }
        node.key_uses_end(t.plus_s(3 * 86_400 + 60)).await.unwrap();
    }
    let chain = Chain::of(country.node(BEIJING_CODE)).await;
    let found = chain.verified();
    let verified = verify(&chain.lines(), &chain.anchors(), &chain.keys()).unwrap();
    assert_eq!(verified.anchors, 2);
    assert_eq!(verified.anchored, Some(t.plus_s(86_400).china().day));
    // Signing an anchor is a use too.
    assert_eq!((found.uses, found.lost), (4 + 2, 0));
    let number = country.keys.number(BEIJING_CODE, Purpose::AuditAnchor);
    assert_eq!(chain.uses.anchor_keys[0].0, number.get());
    // It goes on behind the anchor after a restart.
    country.start(BEIJING_CODE, |_| {}).await;
    let node = country.node(BEIJING_CODE);
    let account = open_account(node, 1).await;
    issue(node, account, t.plus_s(4 * 86_400)).await;
    let again = Chain::of(node).await;
    again.verified();
    assert_eq!(again.uses.lines.len(), chain.uses.lines.len() + 1);
    // Cut off the end of an anchored day, it does not hold.
    let lines = again.lines();
    let cut = verify(
        &lines[..2 * AuditLine::LEN],
        &again.anchors(),
        &again.keys(),
    );
    assert!(matches!(cut, Err(Fault::Anchor(_))), "{cut:?}");
    let other = Chain::of(country.node(GUANGZHOU_CODE)).await;
    other.verified();
    assert_eq!(other.uses.anchors.len(), 0);
}

#[tokio::test]
async fn every_flipped_byte_of_an_exported_chain_is_named() {
    let country = Country::found().await;
    let node = country.node(BEIJING_CODE);
    let account = open_account(node, 1).await;
    for minute in 0..2 {
        issue(node, account, morning().plus_s(minute * OPEN_S)).await;
    }
    let mut chain = Chain::of(node).await;
    let lines = chain.lines();
    for at in 0..lines.len() {
        let mut changed = lines.clone();
        changed[at] ^= 1;
        let number = u64::try_from(at / AuditLine::LEN + 1).unwrap();
        let found = verify(&changed, &[], &chain.keys());
        assert_eq!(found, Err(Fault::Line(LineFault::Changed { number })));
    }
    for at in 0..chain.uses.lines.len() * KeyUse::LEN {
        let (index, byte) = (at / KeyUse::LEN, at % KeyUse::LEN);
        chain.uses.lines[index].1[byte] ^= 1;
        let line = u64::try_from(index + 1).unwrap();
        assert_eq!(chain.read(), Err(UseFault::Changed { line }));
        chain.uses.lines[index].1[byte] ^= 1;
    }
    chain.verified();
}

#[tokio::test]
async fn a_store_whose_last_line_was_changed_uses_no_key() {
    let mut country = Country::found().await;
    let account = open_account(country.node(BEIJING_CODE), 1).await;
    issue(country.node(BEIJING_CODE), account, morning()).await;
    country.stop(BEIJING_CODE);
    watched::spoil(&country.url(BEIJING_CODE)).await;
    country.start(BEIJING_CODE, |_| {}).await;
    let node = country.node(BEIJING_CODE);
    let error = node
        .user_certificate_issue(account, morning().plus_s(1))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "keys.chain");
}
