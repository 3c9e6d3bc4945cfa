// SPDX-License-Identifier: MIT OR Apache-2.0
//! Callbacks on the thread of a tokio runtime, so that they may use what is not `Send`, and be followed by `await`.

#[cfg(unix)]
mod unix {
    use std::time::Duration;

    use mapioffline::{Delivery, OfflineObject, Phase, State, dispatch, dispatch_handle, set_delivery};
    use tokio::io::unix::AsyncFd;
    use tokio::sync::mpsc::unbounded_channel;

    /// Runs what waits, whenever something does.
    async fn pump() -> Result<(), Box<dyn std::error::Error>> {
        // SAFETY: the library keeps the descriptor open until the process ends.
        let handle = unsafe { AsyncFd::register(dispatch_handle()?) }?;
        loop {
            let mut ready = handle.readable().await?;
            // tokio hears of the handle once, and not for each change that waits: until nothing does.
            if dispatch(usize::MAX, Duration::ZERO)? == 0 {
                ready.clear_ready();
            }
        }
    }

    async fn watch() -> Result<(), Box<dyn std::error::Error>> {
        let outlook = OfflineObject::open("Outlook")?;
        let (sender, mut changes) = unbounded_channel();
        let _subscription = outlook.subscribe(move |change| _ = sender.send(*change))?;
        outlook.set_state(State::Offline)?;
        while let Some(change) = changes.recv().await {
            println!("{:?}: {:?} -> {:?}", change.phase, change.old, change.new);
            match (change.phase, change.new) {
                (Phase::Done, State::Offline) => outlook.set_state(State::Online)?,
                (Phase::Done, State::Online) => break,
                _ => {}
            }
        }
        Ok(())
    }

    #[tokio::main(flavor = "current_thread")]
    pub(super) async fn main() -> Result<(), Box<dyn std::error::Error>> {
        set_delivery(Delivery::Pumped);
        tokio::select! {
            ended = pump() => ended,
            ended = watch() => ended,
        }
    }
}

#[cfg(unix)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    unix::main()
}

#[cfg(not(unix))]
fn main() {
    eprintln!("tokio waits for descriptors on Unix only; on Windows a thread dispatches");
}

#[test]
#[cfg(unix)]
fn both_changes_are_delivered() {
    mapioffline::keep_state_in_memory();
    main().unwrap();
}
