//! Reads bytes as bounds and operations, and runs these on the tracker and the model.

use crate::model::operation::{Setup, read_all};
use crate::model::run;

/// Enough operations to reach every bound, few enough for many runs a second.
const OPERATIONS_MAX: usize = 400;

pub(crate) fn check(bytes: &[u8]) {
    let mut rest = bytes.iter().copied();
    let Some((seed, setup)) = rest.next().zip(Setup::read(&mut rest)) else {
        return;
    };
    let operations = read_all(&mut rest, OPERATIONS_MAX);
    if let Err(broken) = run(setup, &operations, u64::from(seed)) {
        let done = operations.get(..=broken.operation).unwrap_or(&operations);
        panic!("{}\n{setup:?}\n{done:#?}", broken.why);
    }
}
