//! What was measured, as a table and as JSON.

use serde_json::{Value, json};

/// One row: ours, and what others take for the same.
pub(super) struct Figure {
    pub(super) name: &'static str,
    pub(super) ours: u128,
    pub(super) peers: Vec<(String, Option<u128>)>,
}

/// All rows of a run.
pub(super) struct Report {
    processor: String,
    beside: Vec<String>,
    openssl: bool,
    rows: Vec<Figure>,
}

/// Width of a peer's column: a figure and how many times ours it is.
const COLUMN: usize = 20;

impl Report {
    pub(super) fn new(beside: Vec<String>, openssl: bool) -> Self {
        Self {
            processor: processor().unwrap_or_else(|| "unknown".to_owned()),
            beside,
            openssl,
            rows: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, figure: Figure) {
        self.rows.push(figure);
    }

    pub(super) fn rows(&self) -> &[Figure] {
        &self.rows
    }

    pub(super) fn processor(&self) -> &str {
        &self.processor
    }

    /// The processor, and what stands in which column.
    pub(super) fn head(&self) -> String {
        let mut out = format!("processor: {}\n", self.processor);
        out += &format!("{:<44}{:>10}", "ns for one", "ours");
        let openssl = self.openssl.then_some("OpenSSL");
        let beside = self.beside.iter().map(String::as_str);
        for name in ["RustCrypto"].into_iter().chain(openssl).chain(beside) {
            out += &format!("{name:>COLUMN$}");
        }
        out + "\n"
    }

    /// One line of the table: a peer's figure, and how many times ours.
    pub(super) fn line(&self, figure: &Figure) -> String {
        let mut out = format!("{:<44}{:>10}", figure.name, figure.ours);
        for (_, theirs) in &figure.peers {
            let text = theirs.map_or_else(
                || "-".to_owned(),
                |theirs| {
                    let (whole, hundredths) = times(theirs, figure.ours);
                    format!("{theirs}  x{whole}.{hundredths:02}")
                },
            );
            out += &format!("{text:>COLUMN$}");
        }
        out
    }

    pub(super) fn json(&self) -> Value {
        let rows = self.rows.iter().map(|figure| {
            let peers = figure.peers.iter().filter_map(|(name, theirs)| {
                let theirs = (*theirs)?;
                Some(json!({ "name": name, "ns": shown(theirs) }))
            });
            json!({
                "name": figure.name,
                "ns": shown(figure.ours),
                "peers": peers.collect::<Vec<_>>(),
            })
        });
        json!({ "processor": self.processor, "rows": rows.collect::<Vec<_>>() })
    }
}

/// How many times ours, in whole ones and hundredths.
pub(super) fn times(theirs: u128, ours: u128) -> (u128, u128) {
    let hundredths = theirs * 100 / ours.max(1);
    (hundredths / 100, hundredths % 100)
}

fn shown(ns: u128) -> u64 {
    u64::try_from(ns).unwrap_or(u64::MAX)
}

/// The processor's name, where the system says it in a file.
fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(": ")?.1.to_owned())
}
