//! Licence expressions as they stand in manifests: `MIT OR Apache-2.0`, `(MIT OR ISC) AND Zlib`,
//! `Apache-2.0 WITH LLVM-exception`, and the old `MIT/Apache-2.0`.

use std::collections::BTreeSet;

/// Whether an expression can be met with licences of the list only.
///
/// Errors: says what could not be read.
pub(super) fn is_met(expression: &str, allowed: &BTreeSet<String>) -> Result<bool, String> {
    let spaced = expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ");
    let mut reader = Reader {
        words: spaced.split_whitespace().collect(),
        at: 0,
        allowed,
    };
    let met = reader.either()?;
    match reader.next() {
        None => Ok(met),
        Some(word) => Err(format!("`{word}` was not expected in `{expression}`")),
    }
}

struct Reader<'a> {
    words: Vec<&'a str>,
    at: usize,
    allowed: &'a BTreeSet<String>,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.words.get(self.at).copied()
    }

    fn next(&mut self) -> Option<&'a str> {
        let word = self.peek();
        self.at += 1;
        word
    }

    fn takes(&mut self, word: &str) -> bool {
        let found = self
            .peek()
            .is_some_and(|next| next.eq_ignore_ascii_case(word));
        if found {
            self.at += 1;
        }
        found
    }

    /// `A OR B OR …`, the weakest binding.
    fn either(&mut self) -> Result<bool, String> {
        let mut met = self.both()?;
        while self.takes("OR") {
            met |= self.both()?;
        }
        Ok(met)
    }

    /// `A AND B AND …`.
    fn both(&mut self) -> Result<bool, String> {
        let mut met = self.single()?;
        while self.takes("AND") {
            met &= self.single()?;
        }
        Ok(met)
    }

    /// One licence with its exception, or a bracket.
    fn single(&mut self) -> Result<bool, String> {
        if self.takes("(") {
            let met = self.either()?;
            return if self.takes(")") {
                Ok(met)
            } else {
                Err(String::from("a bracket is open"))
            };
        }
        let name = match self.next() {
            Some(word) if !["OR", "AND", "WITH", ")"].contains(&word) => word,
            Some(word) => return Err(format!("`{word}` stands where a licence should")),
            None => return Err(String::from("it ends where a licence should stand")),
        };
        if self.takes("WITH") {
            let exception = self
                .next()
                .ok_or("it ends where an exception should stand")?;
            return Ok(self.allowed.contains(&format!("{name} WITH {exception}")));
        }
        Ok(self.allowed.contains(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expression: &str, expected: Option<bool>) {
        let allowed = [
            "MIT",
            "Apache-2.0",
            "ISC",
            "Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception",
        ];
        let allowed = allowed.map(str::to_owned).into();
        assert_eq!(is_met(expression, &allowed).ok(), expected, "{expression}");
    }

    #[test]
    fn one_good_choice_is_enough_and_every_duty_counts() {
        check("MIT", Some(true));
        check("GPL-3.0-only", Some(false));
        check("GPL-3.0-only OR MIT", Some(true));
        check("GPL-3.0-only AND MIT", Some(false));
        check("MIT/Apache-2.0", Some(true));
        check("Unlicense/GPL-2.0-only", Some(false));
        check("(MIT OR Apache-2.0) AND Unicode-3.0", Some(true));
        check("(MIT OR Apache-2.0) AND OpenSSL", Some(false));
        check("MIT OR Apache-2.0 AND OpenSSL", Some(true));
        check("OpenSSL AND MIT OR ISC", Some(true));
    }

    #[test]
    fn an_exception_is_part_of_the_licence() {
        check("Apache-2.0 WITH LLVM-exception", Some(true));
        check("Apache-2.0 WITH LLVM-exception OR GPL-2.0-only", Some(true));
        check("GPL-2.0-only WITH Classpath-exception-2.0", Some(false));
        check("MIT WITH LLVM-exception", Some(false));
    }

    #[test]
    fn refuses_what_it_cannot_read() {
        check("", None);
        check("MIT OR", None);
        check("(MIT", None);
        check("MIT ISC", None);
        check("AND MIT", None);
        check("MIT WITH", None);
    }
}
