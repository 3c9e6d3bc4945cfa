// SPDX-License-Identifier: MIT OR Apache-2.0
//! Another static library in Rust, with what clashes if both are linked: std's runtime, unwinding, hash keys.

use std::collections::HashMap;

/// `number` + 1; -1 after a panic, for 3.
#[unsafe(no_mangle)]
pub extern "C" fn neighbour(number: i32) -> i32 {
    std::panic::set_hook(Box::new(|_| {}));
    let next = |number: i32| {
        assert_ne!(number, 3);
        HashMap::from([(number, number + 1)])[&number]
    };
    std::panic::catch_unwind(|| next(number)).unwrap_or(-1)
}
