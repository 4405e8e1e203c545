//! Compares frames through a whole echoing connection with tungstenite's reading. The fuzz target `frames` does the
//! same.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use tokio::runtime::Builder;

use super::*;

#[path = "../../../fuzz/bodies/served.rs"]
mod served;
#[path = "../../../fuzz/bodies/stream.rs"]
mod stream;

fn check(bytes: &[u8]) {
    served::check(bytes, |stream_end, read_ahead| {
        let mut config = Config {
            no_limits: true,
            ..Config::default()
        };
        // So small that reading often waits for writing.
        config.connection.output_bytes_max = 4 * stream::MESSAGE_BYTES_MAX;
        let node = Arc::new(Node::new(&config, 1));
        node.echo();
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let mailboxes = Mailboxes::new(&config, 1, node.telemetry());
            let (hub, started) = (Hub::new(node, mailboxes, 0, 0), Instant::now());
            let client_info = ClientInfo::default();
            let permit = hub.admission().admit_connection(&client_info).unwrap();
            let context = WorkerContext::new(hub, started, stream::MESSAGE_BYTES_MAX);
            serve(stream_end, read_ahead, (&client_info, permit), context).await;
        });
    });
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn messages_do_not_depend_on_how_bytes_are_split(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
        check(&bytes);
    }
}

#[test]
fn all_seeds_are_echoed_correctly() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/frames");
    let mut seeds = 0;
    for seed in fs::read_dir(folder).expect("the folder of seeds") {
        check(&fs::read(seed.unwrap().path()).unwrap());
        seeds += 1;
    }
    assert!(seeds > 10);
}
