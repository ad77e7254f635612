//! Lists of cards for terminals: the blacklist and its files, and who has which lists.
//!
//! The blacklist keeps its history, so that a delta leads from any version to the newest. What
//! is listed goes in as numbers or ranges and comes off as the same; every change is a version.

use tongtu_blacklist::{Change, Issue, ListedNumber, OVERLAY_MAX, Span, State, Tally};
use tongtu_sql::{CardListVersionRow, CardSpan, CoverageRow, Tx};
use tongtu_terminal::Coverage;
use tongtu_terminal::lists::CITIES_DUE_S;
use tongtu_types::{TerminalNumber, Timestamp};

use crate::{Node, ServiceError, stored};

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
    ) -> Result<Option<Vec<u8>>, ServiceError> {
        let acquirer = self.acquirer()?;
        let mut tx = self.store().read().await?;
        let Some(newest) = tx.card_list_version(None).await? else {
            return Ok(None);
        };
        let state = state(&newest)?;
        if state.version <= after {
            return Ok(None);
        }
        let issue = Issue {
            acquirer: self.code().as_acquirer(),
            version: state.version,
            issued_at: Timestamp::new(newest.changed_at),
        };
        let key = &acquirer.list_key;
        if let Some((base, changes)) = delta_from(&mut tx, after).await? {
            let file = tongtu_blacklist::file::delta(issue, base, changes, key);
            return Ok(Some(file.map_err(ServiceError::CardBlacklist)?));
        }
        let rows = tx.card_listed().await?;
        drop(tx);
        let spans = spans(&rows)?;
        let key = std::sync::Arc::clone(key);
        let file = self
            .compute(move |_| tongtu_blacklist::file::full(issue, spans, &key))
            .await?;
        Ok(Some(file.map_err(ServiceError::CardBlacklist)?))
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

    /// Which lists every registered terminal has, and which terminals are overdue: what the
    /// operator reports to the authority (service rules draft, article 12).
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn coverage_view(&self, now: Timestamp) -> Result<Vec<CoverageView>, ServiceError> {
        let cities = &self.acquirer()?.cards.cities;
        let current = u64::from(cities.version);
        let is_due = current > 0 && now.since_s(cities.noticed_at) > CITIES_DUE_S;
        let rows = self.store().read().await?.coverage().await?;
        let mut out = Vec::new();
        for (number, row) in rows {
            let report = row.as_ref();
            let version = |of: fn(&CoverageRow) -> i64| stored::count(report.map_or(0, of));
            let has = version(|row| row.cities)?;
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

/// What leads from a version to the newest, unless a full file is the better way.
async fn delta_from(tx: &mut Tx, after: u64) -> Result<Option<(State, Vec<Change>)>, ServiceError> {
    let Some(version) = i64::try_from(after).ok().filter(|version| *version > 0) else {
        return Ok(None);
    };
    let Some(base) = tx.card_list_version(Some(version)).await? else {
        return Ok(None);
    };
    let [listed, removed] = tx.card_listed_since(version).await?;
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
