//! Charts as SVG text, drawn with integers so that they are the same everywhere.

use std::fmt::Write as _;

/// One bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bar {
    /// What it counts.
    pub label: String,
    /// How long it is; negative bars grow to the left.
    pub value: i64,
    /// What is written beside it.
    pub text: String,
}

const ROW: i64 = 26;
const LABEL: i64 = 300;
const WIDTH: i64 = 860;

/// Text as SVG and HTML take it.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

/// Horizontal bars with their labels on the left.
#[must_use]
pub fn bars(title: &str, bars: &[Bar]) -> String {
    let height = ROW * i64::try_from(bars.len()).unwrap_or(0) + 8;
    let largest = bars.iter().map(|b| b.value.abs()).max().unwrap_or(0).max(1);
    let signed = bars.iter().any(|b| b.value < 0);
    let room = (WIDTH - LABEL - 110) / if signed { 2 } else { 1 };
    let axis = if signed { LABEL + room } else { LABEL };
    let mut svg = String::new();
    let mut draw = || -> std::fmt::Result {
        writeln!(
            svg,
            "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{}\">",
            escape(title)
        )?;
        for (i, bar) in bars.iter().enumerate() {
            let y = ROW * i64::try_from(i).unwrap_or(0) + 4;
            let len = (bar.value.abs() * room / largest).max(i64::from(bar.value != 0));
            let x = if bar.value < 0 { axis - len } else { axis };
            let class = if bar.value < 0 { "minus" } else { "plus" };
            let label = escape(&bar.label);
            let text = escape(&bar.text);
            let (text_x, anchor) = if bar.value < 0 {
                (x - 6, "end")
            } else {
                (x + len + 6, "start")
            };
            writeln!(
                svg,
                "<text class=\"label\" x=\"0\" y=\"{}\">{label}</text>",
                y + 15
            )?;
            writeln!(
                svg,
                "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{len}\" height=\"18\" rx=\"2\"/>"
            )?;
            writeln!(
                svg,
                "<text class=\"value\" x=\"{text_x}\" y=\"{}\" text-anchor=\"{anchor}\">{text}</text>",
                y + 15
            )?;
        }
        if signed {
            writeln!(
                svg,
                "<line class=\"axis\" x1=\"{axis}\" y1=\"0\" x2=\"{axis}\" y2=\"{height}\"/>"
            )?;
        }
        svg.push_str("</svg>\n");
        Ok(())
    };
    draw().expect("writing to a String does not fail");
    svg
}

/// Stacked columns, one for each hour of the day.
#[must_use]
pub fn columns(title: &str, hours: &[(usize, usize)]) -> String {
    const HEIGHT: usize = 190;
    const STEP: usize = 35;
    let largest = hours.iter().map(|(a, b)| a + b).max().unwrap_or(0).max(1);
    let mut svg = String::new();
    let mut draw = || -> std::fmt::Result {
        writeln!(
            svg,
            "<svg viewBox=\"0 0 {WIDTH} {}\" role=\"img\" aria-label=\"{}\">",
            HEIGHT + 30,
            escape(title)
        )?;
        for (hour, (accepted, refused)) in hours.iter().enumerate() {
            let x = hour * STEP + 8;
            let low = accepted * (HEIGHT - 20) / largest;
            let high = refused * (HEIGHT - 20) / largest;
            let y = HEIGHT - low;
            writeln!(
                svg,
                "<rect class=\"plus\" x=\"{x}\" y=\"{y}\" width=\"24\" height=\"{low}\"/>"
            )?;
            writeln!(
                svg,
                "<rect class=\"minus\" x=\"{x}\" y=\"{}\" width=\"24\" height=\"{high}\"/>",
                y - high
            )?;
            if accepted + refused > 0 {
                writeln!(
                    svg,
                    "<text class=\"value\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                    x + 12,
                    y.saturating_sub(high + 5),
                    accepted + refused
                )?;
            }
            writeln!(
                svg,
                "<text class=\"label\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{hour}</text>",
                x + 12,
                HEIGHT + 18
            )?;
        }
        writeln!(
            svg,
            "<line class=\"axis\" x1=\"0\" y1=\"{HEIGHT}\" x2=\"{WIDTH}\" y2=\"{HEIGHT}\"/>"
        )?;
        svg.push_str("</svg>\n");
        Ok(())
    };
    draw().expect("writing to a String does not fail");
    svg
}
