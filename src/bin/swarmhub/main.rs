//! Runs the program `swarmhub`: reads its settings, starts the server and stops it on a signal, or runs the load
//! generator.

mod cli;
mod lifecycle;
mod process;

use std::env;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::{ExitCode, exit};
use std::thread;

use anyhow::Context;
use swarmhub::config::EffectiveConfig;
use swarmhub::load::{self, EndedEarly, LoadProgress, ProgressPrinter, StopHandle};
use swarmhub::{Server, ServerBuilder, ServerError};

use crate::cli::{Command, LoadCommand};

/// The exit code for wrong settings; systemd does not restart after it (`RestartPreventExitStatus=`).
const CONFIG_ERROR_CODE: u8 = 2;

fn main() -> ExitCode {
    let command = match cli::parse(env::args_os(), env::vars_os()) {
        Ok(command) => command,
        Err(exit) => {
            print_error(&exit);
            return exit.code();
        }
    };
    let result = match command {
        Command::Print(text) => io::stdout()
            .write_all(text.as_bytes())
            .context("cannot write to standard output"),
        Command::Run(effective) => match serve(&effective) {
            Err(error) if is_configuration_error(&error) => {
                return report_configuration_error(&error);
            }
            served => served,
        },
        Command::Check(effective) => return check(&effective),
        Command::Nkey(file) => create_nkey(&file),
        Command::Load(load) => match run_load(&load) {
            Ok(code) => return code,
            Err(error) => Err(error),
        },
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print_error(&format_args!("swarmhub: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn print_error(text: &dyn std::fmt::Display) {
    // If standard error is closed, there is no output left for this error.
    let _ = writeln!(io::stderr(), "{text}");
}

/// Writes a new key for NATS into a file that only its owner can read, and prints the public part.
fn create_nkey(file: &Path) -> anyhow::Result<()> {
    let key = swarmhub::nats::UserKey::new();
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let written = options
        .open(file)
        .and_then(|mut file| writeln!(file, "{}", key.seed()));
    written.with_context(|| format!("cannot write {}", file.display()))?;
    writeln!(io::stdout(), "{}", key.public()).context("cannot write to standard output")
}

/// Runs the load generator. With `--json`, only JSON is written to standard output, and the text report to standard
/// error.
fn run_load(load: &LoadCommand) -> anyhow::Result<ExitCode> {
    // A wrong path fails now, not after the load, where it would lose the report.
    let page = load.html.as_deref().map(open_report_file).transpose()?;
    let mut progress_line = ProgressPrinter::new(io::stderr(), io::stderr().is_terminal());
    let stop = stop_by_signals().context("signals cannot be received")?;
    let mut on_progress = |progress: &LoadProgress| {
        if !load.quiet {
            progress_line.print(progress);
        }
    };
    let outcome = load::run_until_stopped(&load.options, &mut on_progress, &stop);
    progress_line.finish();
    // The error's text already includes its cause, so the chain is dropped.
    let report = outcome.map_err(|error| anyhow::anyhow!("{error}"))?;
    let text = report.to_text();
    let printed = if load.json {
        print_error(&text);
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
fn stop_by_signals() -> anyhow::Result<StopHandle> {
    let stop = StopHandle::default();
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
fn open_report_file(file: &Path) -> anyhow::Result<(&Path, File)> {
    let page = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(file)
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok((file, page))
}

/// Builds the server from the settings and the environment.
fn server_builder(effective: &EffectiveConfig) -> ServerBuilder {
    Server::builder()
        .config(effective.config.clone())
        .secret_files(effective.secret_files())
        .state_directory(process::state_directory(|name| env::var_os(name)))
}

/// Prints whether the server would start, and its warnings.
fn check(effective: &EffectiveConfig) -> ExitCode {
    match server_builder(effective).check() {
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
                print_error(&format_args!("swarmhub: {line}"));
            }
            ExitCode::from(CONFIG_ERROR_CODE)
        }
    }
}

/// Returns whether the settings are wrong, so that a retry does not help.
fn is_configuration_error(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<ServerError>();
    error.is_some_and(ServerError::is_configuration_error)
}

fn report_configuration_error(error: &anyhow::Error) -> ExitCode {
    let lines = error.downcast_ref().map(ServerError::lines);
    for line in lines.unwrap_or_default() {
        print_error(&format_args!("swarmhub: {line}"));
    }
    ExitCode::from(CONFIG_ERROR_CODE)
}

fn serve(effective: &EffectiveConfig) -> anyhow::Result<()> {
    let config = &effective.config;
    let log = cli::init_logging(config.log_format, &config.log_level);
    let open_files = process::raise_open_files(config.worker_count().get())?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), open_files, "starting");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let signals = process::Signals::new()?;
        let server = server_builder(effective).bind().await?;
        process::print_addresses(server.listeners()).context("cannot write to standard output")?;
        let supervision =
            lifecycle::supervise(server.handle(), server.certificates(), signals, log);
        tokio::select! {
            ended = server.run(std::future::pending()) => Ok(ended?),
            () = supervision => Ok(()),
        }
    })
}
