//! Writes the report as lines for a terminal: the verdict first, then the work done, its speed and its costs.

use std::fmt::{self, Write as _};

use super::{CpuUsage, LoadReport, Percentiles, Report};
use crate::load::stop::EndedEarly;
use crate::load::summary::ratio;

/// Name of the latency from an offer to its answer, including the receiver's think time.
pub(super) const OFFER_TO_ANSWER: &str = "offer → answer";

/// Writes all lines.
pub(super) fn write(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = try_write(report, &mut text);
    text
}

fn try_write(report: &Report, text: &mut String) -> fmt::Result {
    let plan = &report.plan;
    let members = match (plan.swarm_members_min, plan.swarm_members_max) {
        (least, most) if least == most => most.to_string(),
        (least, most) => format!("{least} to {most}"),
    };
    writeln!(text, "{} on {}", report.tool, report.target)?;
    writeln!(
        text,
        "  {} connections, {} swarms of {members}, {} offers per announce, {} % of them answered, {}",
        plan.connections,
        plan.swarms,
        plan.offers,
        plan.answers * 100.0,
        pace(report)
    )?;
    writeln!(text, "\n{}", verdict(report))?;
    for problem in &report.problems {
        writeln!(text, "  wrong: {problem}")?;
    }
    for remark in &report.remarks {
        writeln!(text, "  note:  {remark}")?;
    }
    for (error, count) in &report.errors {
        writeln!(text, "  {count} × {error}")?;
    }
    writeln!(text)?;
    write_phases(report, text)?;
    if let Some(load) = &report.load {
        write_load(report, load, text)?;
    }
    for storm in &report.storms {
        let back = storm.back_s.map_or("not all reconnected".to_owned(), |s| {
            format!("all back after {s:.2} s")
        });
        writeln!(
            text,
            "storm at {:.1} s    {} connections closed, {} of them by RST; {back}",
            storm.at_s, storm.closed, storm.reset
        )?;
    }
    for wave in &report.waves {
        let back = wave.back_s.map_or("not all rejoined".to_owned(), |s| {
            format!("all back after {s:.2} s")
        });
        writeln!(
            text,
            "wave at {:.1} s     {} members left; {back}",
            wave.at_s, wave.left
        )?;
    }
    write_memory(report, text)?;
    write_counts(report, text)
}

/// Describes how requests were started.
pub(super) fn pace(report: &Report) -> String {
    let plan = &report.plan;
    match (plan.under_way, plan.rate_per_s) {
        (Some(under_way), _) => format!("closed loop with {under_way} requests in flight"),
        (None, Some(rate)) => format!("open loop at {rate}/s"),
        (None, None) => String::new(),
    }
}

/// Describes the think time of members, which is the tool's own part of the latency from offer to answer.
pub(super) fn think_time(report: &Report) -> Option<String> {
    let [least, most] = report.plan.think_ms;
    (most > 0.0).then(|| format!("{least}-{most} ms think time"))
}

/// Returns the verdict. It claims only what was checked and could be judged. It separates offers that reached no member
/// from wrong messages: a tracker may omit offers on purpose.
pub(super) fn verdict(report: &Report) -> String {
    let tally = &report.correctness;
    if let Some(lost) = report.ended_early.filter(|reason| reason.is_tracker_lost()) {
        let how = match lost {
            EndedEarly::TrackerSilent => "SILENT",
            _ => "GONE",
        };
        return format!("THE TRACKER IS {how}: the figures below end at that time");
    }
    if !report.correct && report.problems.len() == 1 && tally.offers_lost > 0 {
        let share = ratio(tally.offers_lost, tally.offers_sent) * 100.0;
        return format!(
            "NOT COMPLETE: all received messages were right, but {share:.1} % of the offers reached no member; do not compare these figures"
        );
    }
    if !report.correct {
        return "NOT CORRECT: the figures below are useless".to_owned();
    }
    let excused = tally.offers_excused + tally.answers_excused;
    let mut verdict =
        "correct: no message was found lost, duplicated, misdirected or altered".to_owned();
    if report.ended_early.is_some() {
        verdict.push_str(" until the load ended early");
    }
    if excused > 0 {
        // Writing to a string cannot fail.
        let _ = write!(
            verdict,
            "; {excused} offers and answers could not be judged, because members joined or left or offers would have crossed"
        );
    }
    verdict
}

fn write_phases(report: &Report, text: &mut String) -> fmt::Result {
    for (name, phase) in [
        ("connections", &report.open),
        ("first announces", &report.join),
    ] {
        write!(
            text,
            "{name:<17} {} in {:.2} s, {:.0}/s; {}",
            phase.units,
            phase.elapsed_s,
            phase.per_s,
            format_percentiles(&phase.latency_us)
        )?;
        write_cpu(phase.server.as_ref(), "each", text)?;
        writeln!(text)?;
    }
    Ok(())
}

fn write_load(report: &Report, load: &LoadReport, text: &mut String) -> fmt::Result {
    writeln!(
        text,
        "announces         {} in {:.2} s, {:.0}/s",
        load.announces, load.elapsed_s, load.announces_per_s
    )?;
    if load.scrapes > 0 {
        writeln!(
            text,
            "scrapes           {}, {:.0}/s",
            load.scrapes, load.scrapes_per_s
        )?;
    }
    let (sent, received) = (load.sent_messages_per_s, load.received_messages_per_s);
    writeln!(
        text,
        "messages          {sent:.0}/s to the tracker, {received:.0}/s from it"
    )?;
    let latencies = [
        ("announce → reply", &load.reply_latency_us),
        (OFFER_TO_ANSWER, &load.answer_latency_us),
        ("scrape → reply", &load.scrape_latency_us),
    ];
    for (name, latency) in latencies
        .into_iter()
        .filter(|(_, latency)| latency.count > 0)
    {
        write!(text, "{name:<17} {}", format_percentiles(latency))?;
        if let (OFFER_TO_ANSWER, Some(thinking)) = (name, think_time(report)) {
            write!(text, " (incl. {thinking})")?;
        }
        writeln!(text)?;
    }
    if report.plan.rate_per_s.is_some() {
        writeln!(
            text,
            "sent late by      {} (the load tool's own part of the latencies)",
            format_percentiles(&load.lateness_us)
        )?;
    }
    if let Some(used) = &load.server {
        write!(
            text,
            "server            {:.0} % of a core",
            used.cpu_share * 100.0
        )?;
        write_cpu(Some(used), cost_unit(report), text)?;
        let message = used.cpu_us_per_message.unwrap_or_default();
        writeln!(text, ", {message:.1} µs per message")?;
    }
    if let (Some(share), Some(busy)) = (report.own.cpu_share, report.own.busy_share_max) {
        let (share, busy) = (share * 100.0, busy * 100.0);
        writeln!(
            text,
            "the load tool     {share:.0} % of a core per thread, busiest thread {busy:.0} % ({} threads)",
            report.own.threads
        )?;
    }
    Ok(())
}

/// Returns the unit of the server's costs. Scrapes are requests too, and their cost cannot be measured separately.
fn cost_unit(report: &Report) -> &'static str {
    if report.plan.scrapes > 0.0 {
        "per request"
    } else {
        "per announce"
    }
}

fn write_cpu(used: Option<&CpuUsage>, unit: &str, text: &mut String) -> fmt::Result {
    let Some(used) = used else {
        return Ok(());
    };
    write!(
        text,
        "; {:.1} µs of server CPU {unit} ({:.1} user, {:.1} system)",
        used.cpu_us_per_unit, used.user_us_per_unit, used.system_us_per_unit
    )
}

fn format_percentiles(latency: &Percentiles) -> String {
    let millis = |micros: Option<u64>| super::super::summary::to_f64(micros.unwrap_or(0)) / 1e3;
    if latency.count == 0 {
        return "nothing measured".to_owned();
    }
    format!(
        "p50 {:.2}  p90 {:.2}  p99 {:.2}  p99.9 {:.2}  max {:.2} ms",
        millis(latency.p50),
        millis(latency.p90),
        millis(latency.p99),
        millis(latency.p999),
        millis(latency.max)
    )
}

fn write_memory(report: &Report, text: &mut String) -> fmt::Result {
    if let Some(memory) = &report.memory {
        writeln!(
            text,
            "memory            bytes for each connection: PSS / RSS / private"
        )?;
        let rows = [
            ("open", Some(memory.per_open_connection)),
            ("joined", Some(memory.per_joined_connection)),
            ("after the load", memory.per_loaded_connection),
        ];
        for (name, memory) in rows {
            if let Some(memory) = memory {
                let super::ProcessMemory {
                    pss_bytes: pss,
                    rss_bytes: rss,
                    private_bytes: private,
                    ..
                } = memory;
                writeln!(text, "  {name:<15} {pss:.0} / {rss:.0} / {private:.0}")?;
            }
        }
        let mebibytes = |bytes: f64| bytes / f64::from(1 << 20);
        let (fresh, closed) = (
            mebibytes(memory.fresh.pss_bytes),
            mebibytes(memory.closed.pss_bytes),
        );
        writeln!(
            text,
            "  total           {fresh:.1} MiB PSS before, {closed:.1} MiB 2 s after all were closed"
        )?;
    }
    if let Some(calls) = report
        .server
        .as_ref()
        .and_then(|server| server.syscalls.as_ref())
    {
        write!(
            text,
            "system calls      {:.1} {}:",
            calls.per_request,
            cost_unit(report)
        )?;
        let mut by_name: Vec<_> = calls.by_name.iter().collect();
        by_name.sort_by(|a, b| b.1.total_cmp(a.1));
        for (name, count) in by_name.into_iter().take(6) {
            write!(text, " {name} {count:.1}")?;
        }
        writeln!(text)?;
    }
    Ok(())
}

fn write_counts(report: &Report, text: &mut String) -> fmt::Result {
    let tally = &report.correctness;
    writeln!(
        text,
        "counted           {} announces, {} replies; {} offers, {} relayed; {} answers, {} received",
        tally.announces_sent,
        tally.replies,
        tally.offers_sent,
        tally.offers_relayed,
        tally.answers_sent,
        tally.answers_received
    )
}
