//! Draws plots as inline SVG: lines over a labelled grid. The page's style sets the colours for light and dark.

use std::fmt::Write as _;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 64.0;
const BOTTOM: f64 = 36.0;
const TOP: f64 = 12.0;
const RIGHT: f64 = 12.0;

/// One line of a plot.
#[derive(Debug)]
pub(super) struct PlotLine {
    pub(super) name: &'static str,
    pub(super) points: Vec<(f64, f64)>,
}

/// A plot with lines over a common x axis.
#[derive(Debug)]
pub(super) struct Plot {
    pub(super) title: &'static str,
    pub(super) x_label: &'static str,
    /// Positions on the x axis with their labels; if empty, the axis has even steps.
    pub(super) x_ticks: Vec<(f64, String)>,
    pub(super) lines: Vec<PlotLine>,
}

impl Plot {
    /// Returns the plot as a `figure` element; empty if there are fewer than two points.
    pub(super) fn svg(&self) -> String {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        if points().count() < 2 {
            return String::new();
        }
        let right = points()
            .map(|point| point.0)
            .fold(f64::MIN_POSITIVE, f64::max);
        let top = round_up(
            points()
                .map(|point| point.1)
                .fold(f64::MIN_POSITIVE, f64::max),
        );
        let x = |value: f64| LEFT + value / right * (WIDTH - LEFT - RIGHT);
        let y = |value: f64| HEIGHT - BOTTOM - value / top * (HEIGHT - BOTTOM - TOP);
        let mut svg = format!(
            "<figure><figcaption>{}</figcaption><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
            self.title, self.title
        );
        for step in 0..=4 {
            let value = top * f64::from(step) / 4.0;
            let at = y(value);
            // Writing to a string cannot fail.
            let _ = write!(
                svg,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                WIDTH - RIGHT,
                LEFT - 6.0,
                at + 4.0,
                format_short(value)
            );
        }
        for (value, label) in self.x_ticks_or_steps(right) {
            let _ = write!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label}</text>",
                x(value),
                HEIGHT - BOTTOM + 16.0
            );
        }
        let _ = write!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            WIDTH - RIGHT,
            HEIGHT - 4.0,
            self.x_label
        );
        for (number, line) in self.lines.iter().enumerate() {
            let points: Vec<String> = line
                .points
                .iter()
                .map(|(a, b)| format!("{:.1},{:.1}", x(*a), y(*b)))
                .collect();
            let _ = write!(
                svg,
                "<polyline class=\"line{number}\" points=\"{}\"/>",
                points.join(" ")
            );
        }
        svg.push_str("</svg><p class=\"key\">");
        for (number, line) in self.lines.iter().enumerate() {
            let _ = write!(svg, "<span class=\"key{number}\">{}</span> ", line.name);
        }
        svg.push_str("</p></figure>");
        svg
    }

    fn x_ticks_or_steps(&self, right: f64) -> Vec<(f64, String)> {
        if self.x_ticks.is_empty() {
            let step = |step: u8| right * f64::from(step) / 5.0;
            return (0..=5)
                .map(|number| (step(number), format_short(step(number))))
                .collect();
        }
        self.x_ticks
            .iter()
            .filter(|(at, _)| *at <= right)
            .cloned()
            .collect()
    }
}

/// Rounds up to 1, 2, 2.5, 5 or 10 times a power of ten.
fn round_up(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|step| step * power);
    steps
        .into_iter()
        .find(|step| *step >= value)
        .unwrap_or(value)
}

/// Formats a number in few characters.
fn format_short(value: f64) -> String {
    match value {
        _ if value >= 1e6 => format!("{:.1}M", value / 1e6),
        _ if value >= 1e4 => format!("{:.0}k", value / 1e3),
        _ if value >= 10.0 || value.fract() == 0.0 => format!("{value:.0}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_stays_within_its_frame() {
        let line = PlotLine {
            name: "n",
            points: vec![(0.0, 1.0), (5.0, 1234.0)],
        };
        let plot = Plot {
            title: "t",
            x_label: "s",
            x_ticks: Vec::new(),
            lines: vec![line],
        };
        let svg = plot.svg();
        assert!(
            svg.contains(&format!("{:.1},", WIDTH - RIGHT)),
            "the last point is at the right: {svg}"
        );
        assert!(
            svg.contains(">2000</text>"),
            "the axis ends at a round number: {svg}"
        );
        assert_eq!(
            Plot {
                lines: Vec::new(),
                ..plot
            }
            .svg(),
            ""
        );
    }
}
