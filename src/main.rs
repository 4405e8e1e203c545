//! The program `swarmhub`: reads its settings, starts the server and stops it on a signal, or loads a tracker.

mod cli;
mod conduct;
mod process;

use std::env;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use swarmhub::Server;
use swarmhub::config::Config;
use swarmhub::load::{self, Live};

use crate::cli::{Command, Load};

fn main() -> ExitCode {
    let command = match cli::parse(env::args_os(), env::vars_os()) {
        Ok(command) => command,
        Err(exit) => {
            tell(&exit);
            return exit.code();
        }
    };
    let done = match command {
        Command::Print(text) => io::stdout()
            .write_all(text.as_bytes())
            .context("cannot write to standard output"),
        Command::Run(config) => serve(*config),
        Command::Load(load) => match run_load(&load) {
            Ok(code) => return code,
            Err(error) => Err(error),
        },
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&format_args!("swarmhub: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn tell(text: &dyn std::fmt::Display) {
    // When even standard error is gone there is nobody left to tell.
    let _ = writeln!(io::stderr(), "{text}");
}

/// Loads a tracker. Only JSON goes to standard output when it is asked for; all else is for people, on standard error.
fn run_load(load: &Load) -> anyhow::Result<ExitCode> {
    // A wrong path is told now, not after a load whose report it would cost.
    let page = load.html.as_deref().map(open_page).transpose()?;
    let mut live = Live::new(io::stderr(), io::stderr().is_terminal());
    let ran = load::run(&load.options, &mut |progress| {
        if !load.quiet {
            live.tell(progress);
        }
    });
    live.end();
    // It says its cause itself, and must not be asked for it again.
    let report = ran.map_err(|error| anyhow::anyhow!("{error}"))?;
    let text = report.to_text();
    let printed = if load.json {
        tell(&text);
        io::stdout().write_all(report.to_json().as_bytes())
    } else {
        io::stdout().write_all(text.as_bytes())
    };
    // Where one of the two cannot be written, the other still is.
    if let Some((file, page)) = page {
        // Fails only for what has no length, such as a pipe.
        let _ = page.set_len(0);
        (&page)
            .write_all(report.to_html().as_bytes())
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    printed.context("cannot write to standard output")?;
    Ok(ExitCode::from(report.exit_code))
}

/// Opens the page's file. What is in it stays until there is something to put in its place.
fn open_page(file: &Path) -> anyhow::Result<(&Path, File)> {
    let page = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(file)
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok((file, page))
}

fn serve(config: Config) -> anyhow::Result<()> {
    let log = cli::init_logging(config.log_format, &config.log_level);
    let open_files = process::raise_open_files(config.worker_count().get())?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), open_files, "starting");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let signals = process::Signals::new()?;
        let server = Server::builder()
            .config(config)
            .state_folder(process::state_folder(|name| env::var_os(name)))
            .bind()
            .await?;
        process::print_addresses(server.listening()).context("cannot write to standard output")?;
        let conducted = conduct::conduct(server.handle(), server.certificates(), signals, log);
        tokio::select! {
            ended = server.run(std::future::pending()) => Ok(ended?),
            () = conducted => Ok(()),
        }
    })
}
