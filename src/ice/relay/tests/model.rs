//! Compares the relay with a naive model in random operations, as the fuzz target `relay` does.

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use crate::ice;

#[path = "../../../../fuzz/bodies/relay.rs"]
mod body;

#[test]
fn relay_and_model_agree_on_the_committed_inputs() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/relay");
    let files = fs::read_dir(folder).expect("the folder of seeds");
    let mut number = 0;
    for file in files {
        let bytes = fs::read(file.expect("a seed").path()).expect("a readable seed");
        body::check(&bytes);
        number += 1;
    }
    assert!(number > 0);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn relay_and_model_agree_on_random_operations(
        bytes in proptest::collection::vec(any::<u8>(), 0..3_000)
    ) {
        body::check(&bytes);
    }
}
