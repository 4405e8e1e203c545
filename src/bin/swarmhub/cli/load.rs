//! Defines the subcommand `load` and parses its flags into load options. It opens nothing; `main` runs the load.

use std::any::Any;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::ValueParser;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use swarmhub::load::{
    Amount, Loop, Options, SourceAddresses, Storm, SwarmSize, ThinkTime, TrackerUrl, Wave,
};

use super::Exit;

/// The subcommand's name.
pub(super) const LOAD: &str = "load";

const FOOTER: &str = "\
Without flags: 200 connections, each with one announce of 5 offers a second, for about 15 seconds.
Exit codes: 0 success, 1 could not run, 2 wrong flag, 3 wrong or missing messages, 4 tracker unreachable or silent,
130 Ctrl-C, 143 SIGTERM. With 4, 130 and 143 it ends early with a report; a second signal ends it at once.
Trackers limit the requests of an address and the offers to a member: start swarmhub with `--no-limits`
to measure its maximum (`--closed`).";

/// The options of a load, and the outputs of its report.
#[derive(Debug)]
pub(crate) struct LoadCommand {
    pub(crate) options: Options,
    pub(crate) json: bool,
    pub(crate) html: Option<PathBuf>,
    pub(crate) quiet: bool,
}

/// Returns the subcommand with all its flags.
pub(super) fn command(help: Arg) -> Command {
    Command::new(LOAD)
        .about("Load-test a WebTorrent tracker with simulated browsers, and check every received message")
        .override_usage("swarmhub load URL [FLAGS]")
        .after_help(FOOTER)
        .disable_help_flag(true)
        .arg(Arg::new("url").value_name("URL").value_parser(value_parser!(TrackerUrl)).help("The tracker, such as ws://127.0.0.1:8000/ or wss://tracker.example.org/"))
        .args(with_heading("Members", members()))
        .args(with_heading("Load", load()))
        .args(with_heading("Churn", churn()))
        .args(with_heading("Connections", connections()))
        .args(with_heading("Measuring and reporting", report()))
        .arg(help.help("Print help").help_heading("Measuring and reporting"))
}

fn with_heading<const N: usize>(
    heading: &'static str,
    args: [Arg; N],
) -> impl Iterator<Item = Arg> {
    args.into_iter().map(move |arg| arg.help_heading(heading))
}

fn flag(
    name: &'static str,
    value: &'static str,
    parser: impl Into<ValueParser>,
    help: &'static str,
) -> Arg {
    Arg::new(name)
        .long(name)
        .value_name(value)
        .value_parser(parser)
        .help(help)
}

fn switch(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .action(ArgAction::SetTrue)
        .help(help)
}

fn members() -> [Arg; 3] {
    [
        flag(
            "connections",
            "N",
            value_parser!(u32).range(1..=1_000_000),
            "Connections, each with one member [default 200]",
        ),
        flag(
            "swarm-size",
            "SIZE",
            value_parser!(SwarmSize),
            "Members of a swarm: 50, 10-100 (random in this range), zipf:1000 (Zipf distribution up to this size), one (a single swarm) [default 50]",
        ),
        flag(
            "seeders",
            "SHARE",
            share,
            "Share of seeders, 0 to 1 [default 0.2]",
        ),
    ]
}

fn load() -> [Arg; 12] {
    [
        flag("offers", "N", value_parser!(u64).range(0..=100), "Offers in an announce [default 5]"),
        flag("answers", "SHARE", share, "Share of received offers that are answered [default 1]"),
        flag("think-ms", "MS", value_parser!(ThinkTime), "Milliseconds between offer and answer, or a range such as 20-200 [default 0]"),
        flag("offer-bytes", "BYTES", value_parser!(u32).range(200..=60_000), "Size of an offer's SDP [default 2000]"),
        flag("answer-bytes", "BYTES", value_parser!(u32).range(200..=60_000), "Size of an answer's SDP [default 1600]"),
        flag("scrapes", "SHARE", share, "Share of the requests that are scrapes [default 0]"),
        flag("closed", "N", value_parser!(u32).range(1..=1_000_000), "Closed loop: N requests in flight, to measure the maximum throughput; 64 is a good value").conflicts_with("rate"),
        flag("rate", "PER_SECOND", rate, "Open loop: requests a second, sent without waiting for replies, to measure latency [default: one per connection, at most 1000]"),
        flag("warmup", "SECONDS", seconds, "Load before the measurement [default 1]"),
        flag("duration", "SECONDS", seconds, "Measured load; 0: connections only [default 10]").conflicts_with("announces"),
        flag("announces", "N", value_parser!(u64), "Exactly N requests instead of a duration"),
        flag("timeout", "SECONDS", positive_seconds, "Messages that take longer count as lost [default 10]"),
    ]
}

fn churn() -> [Arg; 5] {
    [
        flag(
            "wave-every",
            "SECONDS",
            positive_seconds,
            "Time between waves, in which members leave and join again",
        ),
        flag(
            "wave-share",
            "SHARE",
            share,
            "Share of the members in a wave [default 0.1]",
        ),
        flag(
            "storm-every",
            "SECONDS",
            positive_seconds,
            "Time between storms, in which connections break and reconnect at once",
        ),
        flag(
            "storm-share",
            "SHARE",
            share,
            "Share of the connections in a storm [default 0.5]",
        ),
        flag(
            "storm-rst",
            "SHARE",
            share,
            "Share of these connections that end with RST [default 0.5]",
        ),
    ]
}

fn connections() -> [Arg; 5] {
    [
        flag("threads", "N", value_parser!(u16).range(1..=256), "Threads that drive the load; a swarm stays on one thread [default 1]"),
        flag("source", "ADDRESS", value_parser!(SourceAddresses), "Connect from this address, or a range such as 127.0.0.2-127.0.0.9; repeatable; each has about 28,000 ports").action(ArgAction::Append),
        flag("origin", "URL", header, "Origin header of the connections [default: the tracker's origin]"),
        flag("ca", "FILE", value_parser!(PathBuf), "Also trust the certificate authorities in this PEM file"),
        switch("insecure", "Trust any certificate"),
    ]
}

fn report() -> [Arg; 6] {
    [
        flag(
            "server-pid",
            "PID",
            value_parser!(u32).range(1..),
            "Measure CPU time and memory of this process (Linux)",
        ),
        switch(
            "syscalls",
            "Count its system calls with strace, after the measured load",
        ),
        switch("json", "Print the report as JSON on standard output"),
        flag(
            "html",
            "FILE",
            value_parser!(PathBuf),
            "Write the report as a page with plots",
        ),
        flag(
            "seed",
            "N",
            value_parser!(u64),
            "Seed of ids and random choices, to repeat a run",
        ),
        switch("quiet", "Do not print the progress"),
    ]
}

/// Reads the load from the parsed flags.
pub(super) fn read(matches: &ArgMatches) -> Result<LoadCommand, Exit> {
    let url = get::<TrackerUrl>(matches, "url").ok_or_else(|| Exit::line("load: the tracker's address is missing, such as ws://127.0.0.1:8000/; see swarmhub load --help"))?;
    let mut options = Options::new(url);
    let o = &mut options;
    set_if_given(&mut o.connections, get_usize(matches, "connections"));
    set_if_given(&mut o.swarm_size, get(matches, "swarm-size"));
    set_if_given(&mut o.seeders, get(matches, "seeders"));
    set_if_given(&mut o.offers, get(matches, "offers"));
    set_if_given(&mut o.answers, get(matches, "answers"));
    set_if_given(&mut o.think, get(matches, "think-ms"));
    set_if_given(&mut o.offer_bytes, get_usize(matches, "offer-bytes"));
    set_if_given(&mut o.answer_bytes, get_usize(matches, "answer-bytes"));
    set_if_given(&mut o.scrapes, get(matches, "scrapes"));
    let closed = get_usize(matches, "closed").map(|under_way| Loop::Closed { under_way });
    let open = get(matches, "rate").map(|per_second| Loop::Open { per_second });
    o.pace = closed.or(open);
    set_if_given(&mut o.warmup, get(matches, "warmup"));
    set_if_given(&mut o.amount, get(matches, "duration").map(Amount::Time));
    set_if_given(
        &mut o.amount,
        get(matches, "announces").map(Amount::Requests),
    );
    set_if_given(&mut o.timeout, get(matches, "timeout"));
    set_if_given(
        &mut o.threads,
        get::<u16>(matches, "threads").map(usize::from),
    );
    set_if_given(&mut o.seed, get(matches, "seed"));
    let share = |name, default| get(matches, name).unwrap_or(default);
    o.wave = get(matches, "wave-every").map(|every| Wave {
        every,
        share: share("wave-share", 0.1),
    });
    o.storm = get(matches, "storm-every").map(|every| Storm {
        every,
        share: share("storm-share", 0.5),
        reset_share: share("storm-rst", 0.5),
    });
    let sources = matches
        .get_many::<SourceAddresses>("source")
        .unwrap_or_default();
    o.sources = sources
        .flat_map(|sources| sources.0.iter().copied())
        .collect();
    o.origin = get(matches, "origin");
    o.ca_file = get(matches, "ca");
    o.insecure = matches.get_flag("insecure");
    o.server_pid = get(matches, "server-pid");
    o.syscalls = matches.get_flag("syscalls");
    if o.syscalls && o.server_pid.is_none() {
        return Err(Exit::line("--syscalls: needs --server-pid"));
    }
    Ok(LoadCommand {
        options,
        json: matches.get_flag("json"),
        html: get(matches, "html"),
        quiet: matches.get_flag("quiet"),
    })
}

/// Returns the flag of `load` that is most similar to a misspelt one.
pub(super) fn nearest(word: &str) -> Option<String> {
    let command = command(Arg::new("help"));
    let flags = command.get_arguments().filter_map(Arg::get_long);
    let similarity = |flag: &str| strsim::normalized_damerau_levenshtein(flag, word);
    let best = flags.max_by(|a, b| similarity(a).total_cmp(&similarity(b)))?;
    (similarity(best) > 0.7).then(|| best.to_owned())
}

fn get<T: Any + Clone + Send + Sync>(matches: &ArgMatches, name: &str) -> Option<T> {
    matches.get_one::<T>(name).cloned()
}

/// Returns a number that clap stores as `u32`.
fn get_usize(matches: &ArgMatches, name: &str) -> Option<usize> {
    get::<u32>(matches, name).and_then(|number| usize::try_from(number).ok())
}

fn set_if_given<T>(option: &mut T, given: Option<T>) {
    if let Some(value) = given {
        *option = value;
    }
}

fn number(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|number: &f64| number.is_finite())
        .ok_or_else(|| "give a number".to_owned())
}

fn share(text: &str) -> Result<f64, String> {
    let share = number(text)?;
    if (0.0..=1.0).contains(&share) {
        Ok(share)
    } else {
        Err("give a share from 0 to 1".to_owned())
    }
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = number(text)?;
    if (0.1..=1e6).contains(&rate) {
        Ok(rate)
    } else {
        Err("give a rate from 0.1 to 1000000 a second".to_owned())
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = number(text)?;
    if (0.0..=86_400.0).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err("give seconds from 0 to 86400".to_owned())
    }
}

fn positive_seconds(text: &str) -> Result<Duration, String> {
    seconds(text).and_then(|time| {
        if time < Duration::from_millis(10) {
            Err("give at least 0.01 seconds".to_owned())
        } else {
            Ok(time)
        }
    })
}

/// Parses a header value; refuses control characters.
fn header(text: &str) -> Result<String, String> {
    if text.chars().any(char::is_control) {
        Err("it contains a control character".to_owned())
    } else {
        Ok(text.to_owned())
    }
}
