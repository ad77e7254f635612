//! The figures as a picture: a bar for each library in each row, on a logarithmic scale.

use std::fmt::Write as _;

use crate::figures::{Figure, Report, times};

const BAR: u64 = 14;
const GAP: u64 = 12;
const LABEL: u64 = 320;
/// How wide a factor of ten is.
const DECADE: u64 = 105;
const WIDTH: u64 = LABEL + 6 * DECADE + 130;
const HEAD: u64 = 44;
/// Of ours, then of each other library in its turn.
const COLOURS: [&str; 6] = [
    "#0b6e4f", "#b9c4cc", "#d9a441", "#7a9cc6", "#b07aa1", "#8c6d62",
];

/// An SVG of its own.
pub(super) fn draw(report: &Report) -> String {
    let height: u64 = report.rows().iter().map(|row| tall(row) + GAP).sum::<u64>() + HEAD + 8;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"8\" y=\"18\" font-size=\"13\">{}</text>\n",
        escape(&format!(
            "nanoseconds for one operation, one core, {}",
            report.processor()
        ))
    );
    let mut y = HEAD;
    for decade in 0..=6 {
        let x = LABEL + decade * DECADE;
        let label = ["1 ns", "10", "100", "1 us", "10", "100", "1 ms"]
            [usize::try_from(decade).expect("seven of them")];
        _ = writeln!(
            svg,
            "<line x1=\"{x}\" x2=\"{x}\" y1=\"{HEAD}\" y2=\"{height}\" stroke=\"#e4e8eb\"/>\
             <text x=\"{x}\" y=\"{}\" text-anchor=\"middle\" fill=\"#667\">{label}</text>",
            HEAD - 6
        );
    }
    for row in report.rows() {
        _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
            LABEL - 8,
            y + 11,
            escape(row.name)
        );
        let ours = std::iter::once(("Tongtu", Some(row.ours)));
        let peers = row.peers.iter().map(|(name, ns)| (name.as_str(), *ns));
        for ((name, ns), colour) in ours.chain(peers).zip(COLOURS.iter().cycle()) {
            let Some(ns) = ns else { continue };
            let (whole, hundredths) = times(ns, row.ours);
            let text = if name == "Tongtu" {
                format!("{name} {ns}")
            } else {
                format!("{name} {ns} (x{whole}.{hundredths:02})")
            };
            let len = length(ns);
            _ = writeln!(
                svg,
                "<rect x=\"{LABEL}\" y=\"{y}\" width=\"{len}\" height=\"{}\" fill=\"{colour}\"/>\
                 <text x=\"{}\" y=\"{}\" fill=\"#333\">{}</text>",
                BAR - 2,
                LABEL + len + 5,
                y + 10,
                escape(&text)
            );
            y += BAR;
        }
        y += GAP;
    }
    svg + "</svg>\n"
}

fn tall(row: &Figure) -> u64 {
    let peers = row.peers.iter().filter(|(_, ns)| ns.is_some()).count();
    BAR * (u64::try_from(peers).expect("a few") + 1)
}

/// How long a bar is: a decade for each factor of ten from one nanosecond on.
#[expect(
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "pixels of a picture"
)]
fn length(ns: u128) -> u64 {
    ((ns.max(1) as f64).log10() * DECADE as f64).round() as u64
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
