//! Runs the program `swarmhub`: reads its settings, starts the server and stops it on a signal, or runs the load
//! generator.

mod cli;
mod conduct;
mod process;

use std::env;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::{ExitCode, exit};
use std::thread;

use anyhow::Context;
use swarmhub::config::Effective;
use swarmhub::load::{self, EndedEarly, Live, Progress, Stop};
use swarmhub::{Server, ServerBuilder, ServerError};

use crate::cli::{Command, Load};

/// The exit code for wrong settings; systemd does not restart after it (`RestartPreventExitStatus=`).
const WRONG_SETTINGS: u8 = 2;

fn main() -> ExitCode {
    let command = match cli::parse(env::args_os(), env::vars_os()) {
        Ok(command) => command,
        Err(exit) => {
            tell(&exit);
            return exit.code();
        }
    };
    let result = match command {
        Command::Print(text) => io::stdout()
            .write_all(text.as_bytes())
            .context("cannot write to standard output"),
        Command::Run(effective) => match serve(&effective) {
            Err(error) if is_of_settings(&error) => return refused(&error),
            served => served,
        },
        Command::Check(effective) => return check(&effective),
        Command::Load(load) => match run_load(&load) {
            Ok(code) => return code,
            Err(error) => Err(error),
        },
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&format_args!("swarmhub: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn tell(text: &dyn std::fmt::Display) {
    // If standard error is closed, there is no output left for this error.
    let _ = writeln!(io::stderr(), "{text}");
}

/// Runs the load generator. With `--json`, only JSON is written to standard output, and the text report to standard
/// error.
fn run_load(load: &Load) -> anyhow::Result<ExitCode> {
    // A wrong path fails now, not after the load, where it would lose the report.
    let page = load.html.as_deref().map(open_page).transpose()?;
    let mut progress_line = Live::new(io::stderr(), io::stderr().is_terminal());
    let stop = stop_by_signals().context("signals cannot be received")?;
    let mut on_progress = |progress: &Progress| {
        if !load.quiet {
            progress_line.tell(progress);
        }
    };
    let outcome = load::run_until(&load.options, &mut on_progress, &stop);
    progress_line.end();
    // The error's text already includes its cause, so the chain is dropped.
    let report = outcome.map_err(|error| anyhow::anyhow!("{error}"))?;
    let text = report.to_text();
    let printed = if load.json {
        tell(&text);
        io::stdout().write_all(report.to_json().as_bytes())
    } else {
        io::stdout().write_all(text.as_bytes())
    };
    // If one of the two outputs fails, the other is still written.
    if let Some((file, page)) = page {
        // Fails only for files without a length, such as a pipe.
        let _ = page.set_len(0);
        (&page)
            .write_all(report.to_html().as_bytes())
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    printed.context("cannot write to standard output")?;
    Ok(ExitCode::from(report.exit_code))
}

/// Makes the first signal end a load with a report of the results so far, and a second signal end the program at once.
fn stop_by_signals() -> anyhow::Result<Stop> {
    let stop = Stop::default();
    let thread_stop = stop.clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut signals = runtime.block_on(async { process::Signals::new() })?;
    let wait = move || {
        runtime.block_on(async {
            let why = match signals.next().await {
                process::Signal::Terminate => EndedEarly::Terminated,
                process::Signal::Interrupt | process::Signal::Hangup => EndedEarly::Interrupted,
            };
            thread_stop.stop(why);
            signals.next().await;
            exit(why.exit_code().into());
        });
    };
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(wait)?;
    Ok(stop)
}

/// Opens the report file. Its old content stays until the report is written.
fn open_page(file: &Path) -> anyhow::Result<(&Path, File)> {
    let page = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(file)
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok((file, page))
}

/// Builds the server from the settings and the environment.
fn builder(effective: &Effective) -> ServerBuilder {
    Server::builder()
        .config(effective.config.clone())
        .secret_files(effective.secret_files())
        .state_folder(process::state_folder(|name| env::var_os(name)))
}

/// Prints whether the server would start, and its warnings.
fn check(effective: &Effective) -> ExitCode {
    match builder(effective).check() {
        Ok(warnings) => {
            let mut text = String::new();
            for warning in warnings {
                text.extend(["warning: ", &warning, "\n"]);
            }
            text.push_str(&effective.summary());
            // If the output cannot be written, the exit code still tells the result.
            let _ = writeln!(io::stdout(), "{text}");
            ExitCode::SUCCESS
        }
        Err(problems) => {
            for line in problems.iter().flat_map(ServerError::lines) {
                tell(&format_args!("swarmhub: {line}"));
            }
            ExitCode::from(WRONG_SETTINGS)
        }
    }
}

/// Returns whether the settings are wrong, so that a retry does not help.
fn is_of_settings(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<ServerError>();
    error.is_some_and(ServerError::is_of_settings)
}

fn refused(error: &anyhow::Error) -> ExitCode {
    let lines = error.downcast_ref().map(ServerError::lines);
    for line in lines.unwrap_or_default() {
        tell(&format_args!("swarmhub: {line}"));
    }
    ExitCode::from(WRONG_SETTINGS)
}

fn serve(effective: &Effective) -> anyhow::Result<()> {
    let config = &effective.config;
    let log = cli::init_logging(config.log_format, &config.log_level);
    let open_files = process::raise_open_files(config.worker_count().get())?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), open_files, "starting");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let signals = process::Signals::new()?;
        let server = builder(effective).bind().await?;
        process::print_addresses(server.listening()).context("cannot write to standard output")?;
        let supervision = conduct::conduct(server.handle(), server.certificates(), signals, log);
        tokio::select! {
            ended = server.run(std::future::pending()) => Ok(ended?),
            () = supervision => Ok(()),
        }
    })
}
