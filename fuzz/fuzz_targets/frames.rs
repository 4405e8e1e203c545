//! Fuzz target: any bytes as a client's frames, decoded alone and echoed by a complete connection.

#![no_main]

#[path = "../bodies/frames.rs"]
mod frames;
#[path = "../bodies/served.rs"]
mod served;
#[path = "../bodies/stream.rs"]
mod stream;

use swarmhub::config::Config;
use tokio::runtime::{Builder, Runtime};

thread_local! {
    static RUNTIME: Runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
    static CONFIG: Config = config();
}

fn config() -> Config {
    let mut config = Config::default();
    config.no_limits = true;
    config.connection.message_bytes_max = stream::MESSAGE_BYTES_MAX;
    // Small, so that reading often waits for writing.
    config.connection.output_bytes_max = 4 * stream::MESSAGE_BYTES_MAX;
    config
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    frames::check(bytes);
    served::check(bytes, |wire, read_ahead| {
        CONFIG.with(|config| {
            RUNTIME
                .with(|runtime| runtime.block_on(swarmhub::echo::serve(wire, read_ahead, config)))
        });
    });
});
