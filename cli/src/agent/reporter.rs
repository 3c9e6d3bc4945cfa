//! The reports of a machine to its fleet.

use async_nats::jetstream::kv::Store;
use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use super::news::News;
use super::pace::Pace;
use crate::fleet::server::{self, Server};

pub(crate) struct Reporter {
    pub(crate) name: String,
    pub(crate) pace: Pace,
    pub(crate) news: mpsc::UnboundedSender<News>,
}

impl Reporter {
    /// Reports what changes, and what does not from time to time. Returns when the agent ends.
    pub(crate) async fn run(&self, server: &Server, reports: &mut watch::Receiver<Bytes>) {
        let mut bucket = None;
        let mut is_clock_known = false;
        let mut failures = 0;
        loop {
            sleep(self.pace.within.mul_f64(fastrand::f64())).await;
            let bytes = reports.borrow_and_update().clone();
            if !bytes.is_empty() {
                let reported = self.put(server, &mut bucket, bytes, &mut is_clock_known).await;
                let has_failed = reported.is_err();
                drop(self.news.send(News::Reported(reported)));
                if has_failed {
                    failures += 1;
                    sleep(self.pace.again(failures, fastrand::f64()).min(self.pace.every)).await;
                    continue;
                }
                failures = 0;
            }
            let pause = self.pace.every.mul_f64(1.0 - 0.2 * fastrand::f64());
            tokio::select! {
                changed = reports.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
                () = sleep(pause) => {}
            }
        }
    }

    async fn put(
        &self,
        server: &Server,
        kept: &mut Option<Store>,
        bytes: Bytes,
        is_clock_known: &mut bool,
    ) -> Result<(), String> {
        // Asked for again after a failure: it says whether there is a bucket.
        let bucket = match kept.take() {
            Some(bucket) => bucket,
            None => server.reports().await?,
        };
        let before = Timestamp::now();
        let revision = bucket.put(self.name.as_str(), bytes).await.map_err(|error| server.words(&error))?;
        let after = Timestamp::now();
        if !*is_clock_known
            && let Ok(Some(entry)) = server::entry(server, &bucket, &self.name).await
            && entry.revision == revision
        {
            *is_clock_known = true;
            drop(self.news.send(News::Clock(server::clock(&entry, before, after))));
        }
        *kept = Some(bucket);
        Ok(())
    }
}
