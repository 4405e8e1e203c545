//! The program `swarmhub`: reads its settings, starts the server, stops it on a signal.

mod cli;
mod process;

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use swarmhub::Server;
use swarmhub::config::Config;

use crate::cli::Command;

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

fn serve(config: Config) -> anyhow::Result<()> {
    cli::init_logging(config.log_format, &config.log_level);
    let open_files = process::raise_open_files(config.worker_count().get())?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), open_files, "starting");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let stop = process::stop_signal()?;
        let server = Server::builder().config(config).bind().await?;
        process::print_addresses(server.addresses()).context("cannot write to standard output")?;
        server.run(stop).await?;
        Ok(())
    })
}
