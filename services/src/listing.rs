//! Lists of cards for terminals: the blacklist and its files, and who has which lists.
//!
//! The blacklist keeps its history, so that a delta leads from any version to the newest. What
//! is listed goes in as numbers or ranges and comes off as the same; every change is a version.

use std::sync::Arc;

use tongtu_blacklist::{Change, Issue, ListedNumber, OVERLAY_MAX, Span, State, Tally};
use tongtu_sql::{CardListVersionRow, CardSpan, CoverageRow, Tx};
use tongtu_terminal::Coverage;
use tongtu_terminal::lists::CITIES_DUE_S;
use tongtu_types::{TerminalNumber, Timestamp};

use crate::{Node, ServiceError, stored};

/// A signed file for terminals.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListFile {
    /// The version that it leads to.
    pub version: u64,
    /// Its bytes: the same for the same versions whenever they are made, so that whoever has the
    /// first half needs the second only.
    pub bytes: Arc<[u8]>,
}

/// What a node has for a terminal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Offered {
    /// The newest version; 0 is none.
    pub newest: u64,
    /// What leads on from the version that the terminal has, if anything does.
    pub file: Option<ListFile>,
}

/// The newest version of each list; 0 is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ListsInForce {
    /// Version of the list bundle.
    pub version: u64,
    /// Version of the city list (城市名单).
    pub cities: u64,
    /// When every terminal must have that, where there is one.
    pub cities_due: Option<Timestamp>,
    /// Version of the card blacklist (黑名单).
    pub card_blacklist: u64,
}

/// A list of which a terminal can have an older version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ListKind {
    /// The list bundle.
    Bundle,
    /// The city list (城市名单) in it.
    Cities,
    /// The card blacklist (黑名单).
    CardBlacklist,
}

/// A list of which a terminal has an older version than the newest, or none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lag {
    /// Which.
    pub list: ListKind,
    /// Since when something newer was there for it, as far as the node remembers: of the bundle,
    /// since when the newest was.
    pub since: Timestamp,
}

/// Which lists a terminal has, by its last report.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CoverageView {
    /// The terminal.
    pub terminal: TerminalNumber,
    /// When it made the report; none when it never reported.
    pub reported_at: Option<Timestamp>,
    /// Version of its list bundle; 0 is none.
    pub version: u64,
    /// Version of its city list (城市名单); 0 is none.
    pub cities: u64,
    /// Since when it has that, by the earliest report that said so.
    pub cities_since: Option<Timestamp>,
    /// Version of its card blacklist; 0 is none.
    pub card_blacklist: u64,
    /// It does not have the city list that the node hands out, 15 days after the notice of it.
    pub overdue: bool,
    /// Of which lists it has not the newest version.
    pub lags: Vec<Lag>,
}

impl Node {
    /// Changes the card blacklist (黑名单); gives its version afterwards. What is listed already
    /// and what is off already is no change, so that the call may be repeated.
    ///
    /// # Errors
    /// [`ServiceError::CardListed`] when an entry is listed in part, or with others.
    pub async fn card_blacklist_change(
        &self,
        listed: &[Span],
        removed: &[Span],
        now: Timestamp,
    ) -> Result<u64, ServiceError> {
        self.acquirer()?;
        let mut tx = self.store().write().await?;
        let before = card_list_state(&mut tx).await?;
        let state = State {
            version: before.version + 1,
            tally: before.tally,
        };
        let number = i64::try_from(state.version).map_err(|_| fault("card list version"))?;
        let mut tally = state.tally;
        for span in removed {
            let text = text(*span);
            if tx.card_list_end(&text, number).await? {
                tally = tally.minus(*span);
            } else if tx.card_listed_within(&text).await?.is_some() {
                return Err(ServiceError::CardListed { number: span.low() });
            }
        }
        let mut sorted = listed.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        let mut new = Vec::new();
        let mut last = None;
        for span in sorted {
            if last.is_some_and(|last| span.low() <= last) {
                return Err(ServiceError::CardListed { number: span.low() });
            }
            last = Some(span.high());
            let text = text(span);
            match tx.card_listed_within(&text).await? {
                None => {
                    tally = tally.plus(span);
                    new.push(text);
                }
                Some(there) if there == text => {}
                Some(_) => return Err(ServiceError::CardListed { number: span.low() }),
            }
        }
        tx.card_list_insert(&new, number).await?;
        if new.is_empty() && tally == before.tally {
            // Nothing was ended either: that would have changed the tally.
            return Ok(before.version);
        }
        let row = CardListVersionRow {
            version: number,
            numbers: tally.numbers.to_string(),
            sum: tally.sum.to_string(),
            changed_at: now.get(),
        };
        if !tx.card_list_version_insert(&row).await? {
            return Err(ServiceError::CardListBusy);
        }
        // The bundle states the version, so it is another bundle now.
        self.list_version_raise(&mut tx, now).await?;
        tx.commit().await?;
        Ok(state.version)
    }

    /// The signed file that leads a terminal from version `after` of the card blacklist to the
    /// newest, if there is a newer one: a delta where that is small, otherwise a full file.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn card_blacklist_current(
        &self,
        after: u64,
        now: Timestamp,
    ) -> Result<Option<Vec<u8>>, ServiceError> {
        let offered = self.card_blacklist_offer(after, None, now).await?;
        Ok(offered.file.map(|file| file.bytes.to_vec()))
    }

    /// The same, or the file that leads to version `to`: a terminal that has the beginning of
    /// that one can have the end of it, though the list went on meanwhile.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn card_blacklist_offer(
        &self,
        after: u64,
        to: Option<u64>,
        now: Timestamp,
    ) -> Result<Offered, ServiceError> {
        let offered = self.card_blacklist_offered(after, to, now).await;
        self.noting(offered).await
    }

    async fn card_blacklist_offered(
        &self,
        after: u64,
        to: Option<u64>,
        now: Timestamp,
    ) -> Result<Offered, ServiceError> {
        self.acquirer()?;
        let mut tx = self.store().read().await?;
        let Some(row) = tx.card_list_version(None).await? else {
            return Ok(Offered {
                newest: 0,
                file: None,
            });
        };
        let newest = stored::count(row.version)?;
        let asked = to.filter(|to| *to > after).map(i64::try_from);
        let row = match asked {
            // One that is not there, after a store was set back, is answered by the newest.
            Some(Ok(to)) => tx.card_list_version(Some(to)).await?.unwrap_or(row),
            _ => row,
        };
        let state = state(&row)?;
        if state.version <= after {
            return Ok(Offered { newest, file: None });
        }
        let issue = Issue {
            acquirer: self.code().as_acquirer(),
            version: state.version,
            issued_at: Timestamp::new(row.changed_at),
        };
        let version = state.version;
        let offer = |bytes| Offered {
            newest,
            file: Some(ListFile { version, bytes }),
        };
        if let Some((base, changes)) = delta(&mut tx, after, row.version).await? {
            drop(tx);
            let key = self.list_key(now).await?;
            let sign = |bytes: &[u8]| self.list_sign(&key, bytes);
            let file = tongtu_blacklist::file::delta_with(issue, base, changes, sign)?;
            return Ok(offer(file.into()));
        }
        // Whoever else wants it waits here, and then finds it made.
        let mut made = self.card_file().lock().await;
        if let Some(there) = made.as_ref().filter(|there| there.version == version) {
            return Ok(offer(Arc::clone(&there.bytes)));
        }
        let rows = tx.card_listed(row.version).await?;
        drop(tx);
        let spans = spans(&rows)?;
        let key = self.list_key(now).await?;
        let file = self.compute(move |node| {
            tongtu_blacklist::file::full_with(issue, spans, |bytes| node.list_sign(&key, bytes))
        });
        let bytes: Arc<[u8]> = file.await??.into();
        // An old one is asked for once, by who has its beginning.
        if version == newest {
            *made = Some(ListFile {
                version,
                bytes: Arc::clone(&bytes),
            });
        }
        Ok(offer(bytes))
    }

    /// Keeps a terminal's report of its lists; a late one that arrives after a newer changes
    /// nothing.
    ///
    /// # Errors
    /// [`ServiceError`], refused when it is not this terminal's own.
    pub async fn coverage_report(
        &self,
        terminal: TerminalNumber,
        report: &[u8],
    ) -> Result<(), ServiceError> {
        self.acquirer()?;
        let mut tx = self.store().write().await?;
        let row = tx.terminal(terminal.as_str()).await?;
        let row = row.ok_or(ServiceError::TerminalUnknown { terminal })?;
        let key = stored::key(&row.public_key)?;
        let coverage = Coverage::open(report, &key).map_err(ServiceError::Coverage)?;
        if (coverage.terminal, coverage.acquirer) != (terminal, self.code().as_acquirer()) {
            return Err(ServiceError::Coverage(tongtu_terminal::ListError::Report));
        }
        let number = |value| i64::try_from(value).map_err(|_| fault("list version"));
        let row = CoverageRow {
            terminal: terminal.as_str().to_owned(),
            reported_at: coverage.at.get(),
            version: number(coverage.version)?,
            cities: i64::from(coverage.cities),
            cities_since: coverage.cities_applied_at.get(),
            card_blacklist: number(coverage.card_blacklist)?,
            report: report.to_vec(),
        };
        tx.coverage_keep(&row).await?;
        Ok(tx.commit().await?)
    }

    /// The newest version of each list that terminals are handed.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn lists_in_force(&self) -> Result<ListsInForce, ServiceError> {
        let cities = &self.acquirer()?.cards.cities;
        let mut tx = self.store().read().await?;
        let bundle = tx.list_version().await?;
        Ok(ListsInForce {
            version: stored::count(bundle.map_or(0, |held| held.version))?,
            cities: u64::from(cities.version),
            cities_due: (cities.version > 0).then(|| cities.noticed_at.plus_s(CITIES_DUE_S)),
            card_blacklist: card_list_state(&mut tx).await?.version,
        })
    }

    /// Which lists every registered terminal has, and which terminals are overdue: what the
    /// operator reports to the authority (service rules draft, article 12).
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn coverage_view(&self, now: Timestamp) -> Result<Vec<CoverageView>, ServiceError> {
        let cities = &self.acquirer()?.cards.cities;
        let current = u64::from(cities.version);
        let is_due = current > 0 && now.since_s(cities.noticed_at) > CITIES_DUE_S;
        let mut tx = self.store().read().await?;
        let bundle = tx.list_version().await?;
        let rows = tx.coverage().await?;
        let mut out = Vec::new();
        for (number, row) in rows {
            let report = row.as_ref();
            let version = |of: fn(&CoverageRow) -> i64| stored::count(report.map_or(0, of));
            let has = version(|row| row.cities)?;
            let mut lags = Vec::new();
            let mut lag = |list, since| lags.push(Lag { list, since });
            let held = bundle.as_ref();
            let held = held.filter(|held| held.version > report.map_or(0, |row| row.version));
            if let Some(held) = held {
                lag(ListKind::Bundle, Timestamp::new(held.changed_at));
            }
            if has < current {
                lag(ListKind::Cities, cities.noticed_at);
            }
            let cards = report.map_or(0, |row| row.card_blacklist);
            if let Some(missing) = tx.card_list_version_after(cards).await? {
                lag(ListKind::CardBlacklist, Timestamp::new(missing.changed_at));
            }
            out.push(CoverageView {
                terminal: stored::terminal(&number)?,
                reported_at: report.map(|row| Timestamp::new(row.reported_at)),
                version: version(|row| row.version)?,
                cities: has,
                cities_since: report
                    .filter(|_| has > 0)
                    .map(|row| Timestamp::new(row.cities_since)),
                card_blacklist: version(|row| row.card_blacklist)?,
                overdue: is_due && has < current,
                lags,
            });
        }
        Ok(out)
    }
}

/// The card blacklist's newest version, or the empty list that nobody made.
pub(crate) async fn card_list_state(tx: &mut Tx) -> Result<State, ServiceError> {
    let newest = tx.card_list_version(None).await?;
    newest.as_ref().map_or(Ok(State::default()), state)
}

/// What leads from a version to another, unless a full file is the better way.
async fn delta(
    tx: &mut Tx,
    after: u64,
    to: i64,
) -> Result<Option<(State, Vec<Change>)>, ServiceError> {
    let Some(version) = i64::try_from(after).ok().filter(|version| *version > 0) else {
        return Ok(None);
    };
    let Some(base) = tx.card_list_version(Some(version)).await? else {
        return Ok(None);
    };
    let [listed, removed] = tx.card_listed_between(version, to).await?;
    // Half of what a terminal can have waiting, so that it need not tidy up first.
    if listed.len() + removed.len() > OVERLAY_MAX / 2 {
        return Ok(None);
    }
    let changes = tongtu_blacklist::changes(spans(&removed)?, spans(&listed)?);
    let changes = changes.map_err(ServiceError::CardBlacklist)?;
    Ok(Some((state(&base)?, changes)))
}

fn state(row: &CardListVersionRow) -> Result<State, ServiceError> {
    let wide = |text: &str| text.parse().map_err(|_| fault("card list tally"));
    Ok(State {
        version: stored::count(row.version)?,
        tally: Tally {
            numbers: wide(&row.numbers)?,
            sum: wide(&row.sum)?,
        },
    })
}

fn text(span: Span) -> CardSpan {
    let digits = |number: ListedNumber| tongtu_codec::hex_encode(&number.to_bcd());
    (digits(span.low()), digits(span.high()))
}

fn spans(rows: &[CardSpan]) -> Result<Vec<Span>, ServiceError> {
    let number = |digits: &str| -> Option<ListedNumber> {
        let bytes = tongtu_codec::hex_decode(digits).ok()?;
        ListedNumber::from_bcd(&bytes.try_into().ok()?)
    };
    let span = |(low, high): &CardSpan| Span::new(number(low)?, number(high)?);
    let all = rows.iter().map(|row| span(row).ok_or(fault("card span")));
    all.collect()
}

const fn fault(what: &'static str) -> ServiceError {
    ServiceError::Stored { what }
}
