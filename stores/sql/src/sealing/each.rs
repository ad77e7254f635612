//! Many values of a column at once, for rows that come and go by hundreds: their tags are computed
//! side by side, and so are their streams. Each is byte for byte what it is alone.

use sqlx::Row as _;
use sqlx::any::AnyRow;
use tongtu_crypto::equal;

use super::{
    Column, Sealing, TAG_LEN, bytes_of, head_len, not_sealed, put_head, split, tag_of, text_of,
};
use crate::StoreError;

/// How many go side by side: enough for the lanes of any kernel, and no more memory than for these. Twice as
/// many were opened a fifth more slowly, because the memory came from the system each time.
const RUN: usize = 128;

/// A value, and what names the row that it stands in.
type Placed<'a, const N: usize> = ([&'a str; N], &'a [u8]);

impl Sealing {
    fn tags<'a, const N: usize>(
        &self,
        column: Column,
        values: impl Iterator<Item = Placed<'a, N>> + Clone,
    ) -> Vec<[u8; TAG_LEN]> {
        let len = |(bound, value): Placed<'a, N>| head_len(&bound) + value.len();
        let mut joined = Vec::with_capacity(values.clone().map(len).sum());
        let mut lens = Vec::with_capacity(RUN);
        for (bound, value) in values {
            let before = joined.len();
            put_head(column, &bound, &mut joined);
            joined.extend_from_slice(value);
            lens.push(joined.len() - before);
        }
        let mut rest = &joined[..];
        let mut messages = Vec::with_capacity(lens.len());
        for len in lens {
            let (message, others) = rest.split_at(len);
            messages.push(message);
            rest = others;
        }
        self.keys
            .mac
            .mac_each(&messages)
            .iter()
            .map(tag_of)
            .collect()
    }

    /// Enciphers or deciphers what comes in each after so many bytes, each under its tag.
    fn run_streams(&self, tags: &[[u8; TAG_LEN]], values: &mut [Vec<u8>], after: usize) {
        let mut texts: Vec<_> = tags
            .iter()
            .zip(values)
            .map(|(tag, value)| (*tag, &mut value[after..]))
            .collect();
        self.keys.cipher.apply_ctr_each(&mut texts);
    }

    /// Seals bytes that stand in `column`, each in the row that stands before it.
    pub(crate) fn bytes_each<const N: usize>(
        &self,
        column: Column,
        values: &[Placed<'_, N>],
    ) -> Vec<Vec<u8>> {
        let mut out = Vec::with_capacity(values.len());
        for run in values.chunks(RUN) {
            let tags = self.tags(column, run.iter().copied());
            let mut sealed: Vec<Vec<u8>> = tags
                .iter()
                .zip(run)
                .map(|(tag, (_, value))| [&tag[..], value].concat())
                .collect();
            self.run_streams(&tags, &mut sealed, TAG_LEN);
            out.append(&mut sealed);
        }
        out
    }

    /// Opens bytes; one that was not sealed for this column and its row refuses them all.
    pub(crate) fn open_bytes_each<const N: usize>(
        &self,
        column: Column,
        sealed: &[Placed<'_, N>],
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut out = Vec::with_capacity(sealed.len());
        for run in sealed.chunks(RUN) {
            let mut tags = Vec::with_capacity(run.len());
            let mut values = Vec::with_capacity(run.len());
            for (_, sealed) in run {
                let (tag, value) = split(column, sealed)?;
                tags.push(*tag);
                values.push(value.to_vec());
            }
            self.run_streams(&tags, &mut values, 0);
            let opened = run.iter().zip(&values);
            let found = self.tags(
                column,
                opened.map(|((bound, _), value)| (*bound, &value[..])),
            );
            if !equal(found.as_flattened(), tags.as_flattened()) {
                return Err(not_sealed(column));
            }
            out.append(&mut values);
        }
        Ok(out)
    }

    /// Seals texts.
    pub(crate) fn texts_each<const N: usize>(
        &self,
        column: Column,
        values: &[([&str; N], &str)],
    ) -> Vec<String> {
        let values: Vec<Placed<'_, N>> = values
            .iter()
            .map(|(bound, value)| (*bound, value.as_bytes()))
            .collect();
        let sealed = self.bytes_each(column, &values);
        sealed.iter().map(|sealed| text_of(sealed)).collect()
    }

    /// Opens texts; one that does not open refuses them all.
    pub(crate) fn open_texts_each<const N: usize>(
        &self,
        column: Column,
        sealed: &[([&str; N], &str)],
    ) -> Result<Vec<String>, StoreError> {
        let bytes = sealed
            .iter()
            .map(|(_, text)| bytes_of(column, text))
            .collect::<Result<Vec<_>, _>>()?;
        let placed: Vec<Placed<'_, N>> = sealed
            .iter()
            .zip(&bytes)
            .map(|((bound, _), bytes)| (*bound, &bytes[..]))
            .collect();
        self.open_bytes_each(column, &placed)?
            .into_iter()
            .map(|value| String::from_utf8(value).map_err(|_| not_sealed(column)))
            .collect()
    }

    /// Seals numbers of accounts and cards.
    pub(crate) fn numbers_each<'a>(&self, values: impl Iterator<Item = &'a String>) -> Vec<String> {
        let values: Vec<_> = values.map(|value| ([], &value[..])).collect();
        self.texts_each(Column::Number, &values)
    }

    /// Opens the numbers of accounts and cards that rows have in this place.
    pub(crate) fn open_numbers(
        &self,
        rows: &[AnyRow],
        place: &str,
    ) -> Result<Vec<String>, StoreError> {
        self.open_texts_of(Column::Number, rows, place)
    }

    /// Opens the texts of a column, bound to nothing, that rows have in this place.
    pub(crate) fn open_texts_of(
        &self,
        column: Column,
        rows: &[AnyRow],
        place: &str,
    ) -> Result<Vec<String>, StoreError> {
        let sealed = rows
            .iter()
            .map(|row| Ok(([], row.try_get(place)?)))
            .collect::<Result<Vec<([&str; 0], &str)>, StoreError>>()?;
        self.open_texts_each(column, &sealed)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sealing() -> Sealing {
        Sealing::new(&[7; 32])
    }

    fn refused<T>(found: Result<T, StoreError>) -> &'static str {
        match found {
            Err(StoreError::NotSealed { what }) => what,
            _ => "",
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn many_are_sealed_as_each_alone_and_open_again(
            rows in proptest::collection::vec(
                ("[a-z]{0,5}", proptest::collection::vec(any::<u8>(), 0..400)),
                0..20,
            ),
            texts in proptest::collection::vec("[ -~城]{0,40}", 0..20),
        ) {
            let seal = sealing();
            let values: Vec<_> = rows.iter().map(|(row, value)| ([&row[..]], &value[..])).collect();
            let sealed = seal.bytes_each(Column::Body, &values);
            let alone: Vec<_> =
                values.iter().map(|(row, value)| seal.bytes(Column::Body, row, value)).collect();
            prop_assert_eq!(&sealed, &alone);
            let placed: Vec<_> =
                values.iter().zip(&sealed).map(|((row, _), sealed)| (*row, &sealed[..])).collect();
            let opened = seal.open_bytes_each(Column::Body, &placed).unwrap();
            let plain: Vec<_> = rows.into_iter().map(|(_, value)| value).collect();
            prop_assert_eq!(opened, plain);

            let sealed = seal.numbers_each(texts.iter());
            let alone: Vec<_> = texts.iter().map(|text| seal.number(text)).collect();
            prop_assert_eq!(&sealed, &alone);
            let placed: Vec<_> = sealed.iter().map(|sealed| ([], &sealed[..])).collect();
            prop_assert_eq!(seal.open_texts_each(Column::Number, &placed).unwrap(), texts);
        }
    }

    #[test]
    fn one_run_after_the_other_is_as_each_alone() {
        let seal = sealing();
        let numbers: Vec<String> = (0..2 * RUN + 9)
            .map(|at| format!("31041{at:014}"))
            .collect();
        let alone: Vec<_> = numbers.iter().map(|number| seal.number(number)).collect();
        assert_eq!(seal.numbers_each(numbers.iter()), alone);
        let placed: Vec<_> = alone.iter().map(|sealed| ([], &sealed[..])).collect();
        assert_eq!(
            seal.open_texts_each(Column::Number, &placed).unwrap(),
            numbers
        );
    }

    #[test]
    fn one_that_does_not_open_is_an_error_wherever_it_stands() {
        let seal = sealing();
        let rows: Vec<String> = (0..RUN + 20).map(|at| format!("r{at}")).collect();
        let values: Vec<_> = rows
            .iter()
            .map(|row| ([&row[..]], &b"record"[..]))
            .collect();
        let sealed = seal.bytes_each(Column::Body, &values);
        let open = |column, sealed: &[Vec<u8>]| {
            let rows = rows.iter().zip(sealed);
            let placed: Vec<_> = rows
                .map(|(row, sealed)| ([&row[..]], &sealed[..]))
                .collect();
            seal.open_bytes_each(column, &placed)
        };
        assert_eq!(open(Column::Body, &sealed).unwrap().len(), rows.len());
        assert_eq!(
            refused(open(Column::RefusedBody, &sealed)),
            "refused record"
        );
        for at in [0, 1, RUN - 1, RUN, RUN + 19] {
            let mut altered = sealed.clone();
            altered[at][TAG_LEN] ^= 1;
            assert_eq!(refused(open(Column::Body, &altered)), "record", "{at}");
            altered[at].truncate(TAG_LEN - 1);
            assert_eq!(refused(open(Column::Body, &altered)), "record", "{at}");
            // One of another row, whose tag holds there.
            altered[at].clone_from(&sealed[2]);
            assert_eq!(refused(open(Column::Body, &altered)), "record", "{at}");
        }
    }

    #[test]
    fn a_number_in_the_clear_among_others_does_not_open() {
        let seal = sealing();
        let good = seal.number("3104100000000000017");
        for bad in ["", "~", "3104100000000000017", "~!"] {
            let found = seal.open_texts_each(Column::Number, &[([], &good), ([], bad)]);
            assert_eq!(refused(found), "card number", "{bad}");
        }
    }
}
