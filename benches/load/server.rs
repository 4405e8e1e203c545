//! The server under load: a process of its own, on a core of its own where that can be had.

use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use tokio::time::sleep;

/// The announce interval in seconds that the server is told to hand out.
pub const INTERVAL: u32 = 3600;
const ARGUMENTS: &str =
    "--listen 127.0.0.1:0 --workers 1 --no-limits --interval 3600 --log-level warn";
/// Long enough for a server that a wrapper slows down.
const STOP_TIMEOUT: Duration = Duration::from_mins(1);

/// What the server is started with.
pub fn command() -> String {
    format!("swarmhub {ARGUMENTS}")
}

/// Which cores the two programs run on.
#[derive(Clone, Copy)]
pub enum Cores {
    /// The server on core 0, the load on core 1.
    Divided { of: usize },
    /// Wherever the system puts them: there is one core only, or no `taskset`.
    Shared { of: usize },
}

impl Cores {
    /// Moves the load, this process, to core 1 if it can be done.
    pub fn divide() -> Self {
        let of = std::thread::available_parallelism().map_or(1, usize::from);
        let mut taskset = Command::new("taskset");
        taskset.args(["-a", "-c", "-p", "1", &std::process::id().to_string()]);
        let status = taskset.stdout(Stdio::null()).stderr(Stdio::null()).status();
        if of > 1 && status.is_ok_and(|status| status.success()) {
            Self::Divided { of }
        } else {
            Self::Shared { of }
        }
    }
}

pub struct Server {
    child: Child,
    pub address: SocketAddr,
}

impl Server {
    /// Starts the binary and waits until it says where it listens.
    pub async fn start(binary: &str, cores: Cores) -> io::Result<Self> {
        let mut command = match cores {
            Cores::Divided { .. } => {
                let mut command = Command::new("taskset");
                command.args(["-c", "0", binary]);
                command
            }
            Cores::Shared { .. } => Command::new(binary),
        };
        let arguments = ARGUMENTS.split(' ');
        let mut child = command.args(arguments).stdout(Stdio::piped()).spawn()?;
        let lines = BufReader::new(child.stdout.take().expect("a pipe was asked for")).lines();
        // The pipe ends with the process, so this ends too.
        let address = tokio::task::spawn_blocking(|| {
            let mut said = lines.map_while(Result::ok);
            said.find_map(|line| address(&line))
        });
        let Some(address) = address.await? else {
            return Err(io::Error::other(format!(
                "{binary} ended without listening"
            )));
        };
        Ok(Self { child, address })
    }

    pub fn pid(&self) -> String {
        self.child.id().to_string()
    }

    /// Bytes of memory (PSS), once they stay the same or two seconds are over.
    pub async fn settled_memory(&self) -> io::Result<u64> {
        let mut before = 0;
        for _ in 0..20 {
            let now = memory(&self.pid())?;
            if now == before {
                break;
            }
            before = now;
            sleep(Duration::from_millis(100)).await;
        }
        Ok(before)
    }

    /// Ends it as an operator would. An error if it does not end well.
    pub async fn stop(mut self) -> io::Result<()> {
        Command::new("sh")
            .args(["-c", &format!("kill -TERM {}", self.pid())])
            .status()?;
        let ended = tokio::time::timeout(STOP_TIMEOUT, async {
            loop {
                if let Some(status) = self.child.try_wait()? {
                    return Ok::<_, io::Error>(status);
                }
                sleep(Duration::from_millis(20)).await;
            }
        });
        match ended.await {
            Ok(status) if status.as_ref().is_ok_and(ExitStatus::success) => Ok(()),
            Ok(status) => Err(io::Error::other(format!(
                "the server ended with {status:?}"
            ))),
            Err(_) => Err(io::Error::other("the server did not end")),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already; then both do nothing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn address(line: &str) -> Option<SocketAddr> {
    let place = line.strip_prefix("tracker")?.trim().strip_prefix("ws://")?;
    place.trim_end_matches('/').parse().ok()
}

fn memory(pid: &str) -> io::Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kibibytes = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kibibytes
        .map(|number| number * 1024)
        .ok_or_else(|| io::Error::other("no Pss in smaps_rollup"))
}
