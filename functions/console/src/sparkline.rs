//! A small chart, drawn here, since a page has no scripts for it.

use std::fmt::Write as _;

const WIDTH: usize = 240;
const HEIGHT: u64 = 32;

/// Bars, the oldest first, as SVG: hidden from those who cannot see it, who have the numbers in words beside it.
pub fn sparkline(values: &[u64]) -> String {
    let most = values.iter().copied().max().unwrap_or(0).max(1);
    let step = WIDTH / values.len().max(1);
    let mut svg = format!(
        r#"<svg class="sparkline" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" aria-hidden="true" focusable="false">"#
    );
    for (place, value) in values.iter().enumerate().filter(|(_, value)| **value > 0) {
        // What there is is seen, however little it is beside the most.
        let height = (value * HEIGHT / most).max(1);
        let (x, y, width) = (place * step, HEIGHT - height, step.saturating_sub(1).max(1));
        // Writing to a string cannot fail.
        let _ = write!(svg, r#"<rect x="{x}" y="{y}" width="{width}" height="{height}"/>"#);
    }
    svg + "</svg>"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_is_as_high_as_the_chart_and_the_least_is_seen() {
        assert_eq!(
            sparkline(&[0, 1, 1_000, 500]),
            "<svg class=\"sparkline\" viewBox=\"0 0 240 32\" preserveAspectRatio=\"none\" aria-hidden=\"true\" \
             focusable=\"false\"><rect x=\"60\" y=\"31\" width=\"59\" height=\"1\"/><rect x=\"120\" y=\"0\" \
             width=\"59\" height=\"32\"/><rect x=\"180\" y=\"16\" width=\"59\" height=\"16\"/></svg>"
        );
        assert!(!sparkline(&[0; 60]).contains("rect") && !sparkline(&[]).contains("rect"));
    }
}
