//! From the transfer rules of a feed to those of a book.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use tongtu_types::Fen;

use super::emit::{Emit, Key, Service};
use super::feed::{LegRule, Price, TransferRule};
use crate::Clock;

const FILE: &str = "fare_transfer_rules.txt";

impl Emit<'_> {
    pub(super) fn transfer(&mut self, rule: &TransferRule, services: &[Service<'_>]) {
        let line = Some(rule.line);
        let feed = self.feed;
        let listed = |end: fn(&TransferRule) -> &Option<String>| {
            let rules = feed.transfer_rules.iter();
            rules
                .filter_map(move |rule| end(rule).as_deref())
                .collect::<BTreeSet<_>>()
        };
        let from = lines_of(rule.from.as_deref(), &listed(|rule| &rule.from), services);
        let to = lines_of(rule.to.as_deref(), &listed(|rule| &rule.to), services);
        let (Some(from), Some(to)) = (from, to) else {
            let what = (
                "a transfer of a part of a network's legs",
                "仅适用于线网部分行程的换乘规则",
            );
            self.omit(FILE, line, what);
            return;
        };
        if from.is_empty() || to.is_empty() {
            return;
        }
        let mut when = format!(
            "line={} after-line={} same-line=yes",
            to.join(","),
            from.join(",")
        );
        if let Some(limit_s) = rule.limit_s {
            let clock = match rule.limit_type {
                0 => Clock::BegunToPaid,
                1 => Clock::BegunToBegun,
                2 => Clock::PaidToBegun,
                _ => Clock::PaidToPaid,
            };
            when += &format!(" within={limit_s} clock={}", clock.word());
        }
        if let Some(count) = rule.count {
            when += &format!(" chain={count}");
        }
        let nothing = [Price {
            category: None,
            means: None,
            amount: Fen::ZERO,
        }];
        let prices = match &rule.product {
            Some(product) => feed.products[product].as_slice(),
            None => &nothing,
        };
        let mut prices: Vec<&Price> = prices.iter().collect();
        prices.sort_by_key(|price| {
            let parts = u8::from(price.category.is_some()) + u8::from(price.means.is_some());
            core::cmp::Reverse(parts)
        });
        for price in prices {
            let amount = price.amount;
            let effect = match (rule.kind, amount >= Fen::ZERO) {
                (0, true) => format!("={amount}"),
                (1, true) => format!("+{amount}"),
                (1, false) => format!("{amount}"),
                (2, true) if rule.product.is_some() => format!("together {amount}"),
                _ => {
                    self.omit(
                        FILE,
                        line,
                        (
                            "a total below nothing, or of nothing",
                            "无金额或负的合计票价",
                        ),
                    );
                    continue;
                }
            };
            let key = Key {
                category: price.category.clone(),
                means: price.means,
                time: None,
            };
            for more in self.conditions(&key) {
                self.rule_count += 1;
                let number = self.rule_count;
                self.lines.push(format!(
                    "transfer t{number} | 换乘 | Transfer | {when}{more} | {effect}"
                ));
            }
        }
    }
}

/// The lines whose legs are all in the group, `None` when a line's are so in part; for an open
/// end the lines with a leg in no listed group.
fn lines_of(
    group: Option<&str>,
    listed: &BTreeSet<&str>,
    services: &[Service<'_>],
) -> Option<Vec<String>> {
    let is_in = |rule: &LegRule| match group {
        Some(group) => rule.group.as_deref() == Some(group),
        None => rule
            .group
            .as_deref()
            .is_none_or(|group| !listed.contains(group)),
    };
    let mut lines = Vec::new();
    for service in services {
        let inside = service.rules.iter().filter(|rule| is_in(rule)).count();
        if inside == service.rules.len() {
            lines.push(service.code.clone());
        } else if inside > 0 {
            return None;
        }
    }
    Some(lines)
}
