//! Writes the report as a self-contained HTML page: verdict, plots, and the same lines as on a terminal.

use super::plot::{Plot, PlotLine};
use super::{LoadSample, Report, text};
use crate::load::summary::to_f64;

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --faint: #d0d7de; --a: #0969da; --b: #bc4c00; --c: #1a7f37;
  --good: #1a7f37; --bad: #cf222e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --paper: #0d1117; --faint: #30363d; --a: #58a6ff; --b: #f0883e;
  --c: #3fb950; --good: #3fb950; --bad: #ff7b72; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 76rem; margin: 2rem auto;
  padding: 0 1rem; }
h1 { font-size: 1.4rem; overflow-wrap: anywhere; }
.good { color: var(--good); } .bad { color: var(--bad); } .good, .bad { font-weight: 600; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 28rem), 1fr)); gap: 1rem; }
figure { margin: 0; } figcaption { font-weight: 600; }
svg { width: 100%; height: auto; } svg text { fill: var(--ink); font-size: 11px; }
.grid { stroke: var(--faint); } polyline { fill: none; stroke-width: 2; }
.line0 { stroke: var(--a); } .line1 { stroke: var(--b); } .line2 { stroke: var(--c); }
.key { margin: 0; font-size: .85rem; } .key0 { color: var(--a); } .key1 { color: var(--b); } .key2 { color: var(--c); }
pre { overflow-x: auto; border-top: 1px solid var(--faint); padding-top: 1rem; }";

/// Writes the page.
pub(super) fn write(report: &Report) -> String {
    let class = if report.correct { "good" } else { "bad" };
    let list = |texts: &[String]| {
        let items = texts
            .iter()
            .map(|text| ["<li>", &escape_html(text), "</li>"].concat());
        items.collect::<String>()
    };
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{tool}: {target}</title><style>{STYLE}</style></head><body>\n\
         <h1>{tool} on {target}</h1><p class=\"{class}\">{verdict}</p><ul>{problems}{remarks}</ul>\n\
         <div class=\"plots\">{plots}</div>\n<pre>{text}</pre>\n</body></html>\n",
        tool = escape_html(&report.tool),
        target = escape_html(&report.target),
        verdict = escape_html(&text::verdict(report)),
        problems = list(&report.problems),
        remarks = list(&report.remarks),
        plots = plots(report).iter().map(Plot::svg).collect::<String>(),
        text = escape_html(&text::write(report)),
    )
}

fn plots(report: &Report) -> Vec<Plot> {
    let samples = report.load.as_ref().map_or(&[][..], |load| &load.samples);
    let [announces, messages] = rate_plots(samples);
    let [cpu, memory] = server_plots(samples);
    vec![announces, messages, latency_plot(report), cpu, memory]
}

fn rate_plots(samples: &[LoadSample]) -> [Plot; 2] {
    let line = |name, count: fn(&LoadSample) -> u64| {
        over_time(name, samples, |sample| {
            Some(to_f64(count(sample)) / sample.elapsed_s.max(1e-9))
        })
    };
    [
        time_plot(
            "Announces a second",
            vec![line("announces", |sample| sample.announces)],
        ),
        time_plot(
            "Messages a second",
            vec![
                line("to the tracker", |sample| sample.sent_messages),
                line("from the tracker", |sample| sample.received_messages),
            ],
        ),
    ]
}

fn server_plots(samples: &[LoadSample]) -> [Plot; 2] {
    let cpu = over_time("CPU", samples, |sample| {
        Some(sample.cpu_s? / sample.elapsed_s.max(1e-9))
    });
    let memory = over_time("RSS", samples, |sample| {
        Some(sample.rss_bytes? / f64::from(1 << 20))
    });
    [
        time_plot("The server's CPU, cores", vec![cpu]),
        time_plot("The server's memory (RSS), MiB", vec![memory]),
    ]
}

fn latency_plot(report: &Report) -> Plot {
    let answer = if text::think_time(report).is_some() {
        "offer → answer, incl. think time"
    } else {
        text::OFFER_TO_ANSWER
    };
    let curve = |name, points: &[(f64, u64)]| PlotLine {
        name,
        points: points
            .iter()
            .filter(|(share, _)| *share < 1.0)
            .map(|(share, micros)| (nines(*share), to_f64(*micros) / 1e3))
            .collect(),
    };
    Plot {
        title: "Latency in milliseconds, by percentile",
        x_label: "percentile",
        x_ticks: [
            (0.0, "0"),
            (0.5, ""),
            (1.0, "90"),
            (2.0, "99"),
            (3.0, "99.9"),
            (4.0, "99.99"),
            (5.0, "99.999"),
        ]
        .map(|(at, label)| (at, label.to_owned()))
        .to_vec(),
        lines: vec![
            curve("announce → reply", &report.curves.reply),
            curve(answer, &report.curves.answer),
        ],
    }
}

fn time_plot(title: &'static str, lines: Vec<PlotLine>) -> Plot {
    Plot {
        title,
        x_label: "seconds",
        x_ticks: Vec::new(),
        lines,
    }
}

fn over_time(
    name: &'static str,
    samples: &[LoadSample],
    value: impl Fn(&LoadSample) -> Option<f64>,
) -> PlotLine {
    PlotLine {
        name,
        points: samples
            .iter()
            .filter_map(|sample| Some((sample.at_s, value(sample)?)))
            .collect(),
    }
}

/// Maps 0.9 to 1 and 0.99 to 2, so that the slowest requests get as much room as all others.
fn nines(share: f64) -> f64 {
    -(1.0 - share).log10()
}

fn escape_html(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
