//! Pumped delivery: jobs wait until a thread of the host's dispatches them.
#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::io;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use once_cell::sync::OnceCell;

use super::executor::{Receiver, Reservation};
use crate::error::ErrorKind;
use crate::sync::lock;
use crate::sys::{RawHandle, Readiness};

/// The jobs of the process that a host's thread runs.
pub(crate) struct Pump<J: 'static> {
    queue: Mutex<Queue<J>>,
    came: Condvar,
    /// Runs a job, and gives the one that goes on where it ended: that one waits behind the others.
    run: fn(J) -> Option<J>,
    receiver: OnceCell<Arc<PumpReceiver<J>>>,
}

struct Queue<J> {
    jobs: VecDeque<J>,
    /// How many jobs may come without a further allocation: reservations, and jobs that run.
    reserved: usize,
    readiness: Option<Readiness>,
    /// How many forks this process is away from the first.
    generation: u32,
}

struct PumpReceiver<J: 'static>(&'static Pump<J>);

impl<J: Send + 'static> Pump<J> {
    pub(crate) const fn new(run: fn(J) -> Option<J>) -> Self {
        let queue = Queue { jobs: VecDeque::new(), reserved: 0, readiness: None, generation: 0 };
        Self { queue: Mutex::new(queue), came: Condvar::new(), run, receiver: OnceCell::new() }
    }

    /// Runs at most `most` of the jobs that wait now, on this thread. Where none does, waits for the first for `timeout`.
    /// Returns how many it ran.
    pub(crate) fn dispatch(&self, most: usize, timeout: Duration) -> usize {
        let queue = lock(&self.queue);
        let waited = self.came.wait_timeout_while(queue, timeout, |queue| queue.jobs.is_empty());
        let mut queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        // Not those that come meanwhile: two clients that answer each other would keep the host for ever.
        let due = queue.jobs.len().min(most);
        let generation = queue.generation;
        let mut dispatched = 0;
        while dispatched < due {
            let Some(job) = queue.take() else { break };
            drop(queue);
            let next = (self.run)(job);
            dispatched += 1;
            queue = lock(&self.queue);
            if queue.generation != generation {
                // This is a child that was forked from inside a callback.
                break;
            }
            queue.reserved = queue.reserved.saturating_sub(1);
            next.into_iter().for_each(|job| self.put(&mut queue, job));
        }
        if !queue.jobs.is_empty() {
            // Another thread may wait for them, and this one may have been woken in its place.
            self.came.notify_one();
        }
        dispatched
    }

    /// The handle that is ready while jobs wait.
    pub(crate) fn handle(&self) -> io::Result<RawHandle> {
        let mut queue = lock(&self.queue);
        if let Some(lost) = queue.readiness.take_if(|readiness| !readiness.is_whole()) {
            // Its numbers may be the host's own by now.
            mem::forget(lost);
        }
        if let Some(readiness) = &queue.readiness {
            return Ok(readiness.raw());
        }
        let readiness = Readiness::new()?;
        if !queue.jobs.is_empty() {
            readiness.set();
        }
        Ok(queue.readiness.insert(readiness).raw())
    }

    /// Locks the pump around a fork.
    pub(crate) fn lock_for_fork(&'static self) -> PumpForkGuard<J> {
        // The child must not find it half done on another thread.
        self.receiver();
        PumpForkGuard(lock(&self.queue))
    }

    fn receiver(&'static self) -> Arc<PumpReceiver<J>> {
        self.receiver.get_or_init(|| Arc::new(PumpReceiver(self))).clone()
    }

    fn put(&self, queue: &mut Queue<J>, job: J) {
        queue.jobs.push_back(job);
        if queue.jobs.len() == 1
            && let Some(readiness) = &queue.readiness
        {
            readiness.set();
        }
        self.came.notify_one();
    }
}

impl<J> Queue<J> {
    /// The next job. Room is kept for what goes on where it ends.
    fn take(&mut self) -> Option<J> {
        let job = self.jobs.pop_front()?;
        self.reserved += 1;
        if self.jobs.is_empty()
            && let Some(readiness) = &self.readiness
        {
            readiness.clear();
        }
        Some(job)
    }
}

impl<J: Send + 'static> Pump<J> {
    /// Reserves room for one job.
    pub(super) fn reserve(&'static self) -> Result<Reservation<J>, ErrorKind> {
        let receiver = self.receiver();
        let mut queue = lock(&self.queue);
        let more = queue.reserved + 1;
        queue.jobs.try_reserve(more)?;
        queue.reserved = more;
        Ok(Reservation::new(receiver))
    }
}

impl<J: Send + 'static> Receiver<J> for PumpReceiver<J> {
    fn execute(&self, job: J) {
        let mut queue = lock(&self.0.queue);
        // A child that was forked in between has none.
        queue.reserved = queue.reserved.saturating_sub(1);
        self.0.put(&mut queue, job);
    }

    fn cancel(&self) {
        let mut queue = lock(&self.0.queue);
        queue.reserved = queue.reserved.saturating_sub(1);
    }
}

/// See [`Pump::lock_for_fork`].
pub(crate) struct PumpForkGuard<J: 'static>(MutexGuard<'static, Queue<J>>);

impl<J> PumpForkGuard<J> {
    /// In the child no job waits. Its handle is another one: the parent's would wake the parent.
    pub(crate) fn abandon_jobs(&mut self) {
        mem::forget(mem::take(&mut self.0.jobs));
        self.0.reserved = 0;
        self.0.generation += 1;
        mem::forget(self.0.readiness.take());
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Instant;

    use super::*;

    const SOON: Duration = Duration::ZERO;

    fn pump(run: fn(u32) -> Option<u32>) -> &'static Pump<u32> {
        Box::leak(Box::new(Pump::new(run)))
    }

    #[test]
    fn jobs_run_where_they_are_dispatched_and_no_more_than_were_due() {
        // Each job is followed by a smaller one.
        let pump = pump(|job| job.checked_sub(1));
        assert_eq!(pump.dispatch(10, SOON), 0);
        for job in [2, 0, 1] {
            pump.reserve().unwrap().execute(job);
        }
        assert_eq!(pump.dispatch(2, SOON), 2);
        assert_eq!(lock(&pump.queue).jobs, [1, 1]);
        assert_eq!(pump.dispatch(usize::MAX, SOON), 2);
        assert_eq!(pump.dispatch(usize::MAX, SOON), 2);
        assert_eq!(pump.dispatch(usize::MAX, SOON), 0);
        assert_eq!(lock(&pump.queue).reserved, 0);
    }

    #[test]
    fn a_reservation_has_room_however_late_its_job_comes() {
        let pump = pump(|job| (job > 0).then_some(0));
        let reserved: Vec<_> = (0..100).map(|_| pump.reserve().unwrap()).collect();
        let capacity = lock(&pump.queue).jobs.capacity();
        assert!(capacity >= 100);
        for (job, reservation) in (0..).zip(reserved) {
            if job % 2 == 0 {
                reservation.execute(job);
            }
        }
        assert_eq!(pump.dispatch(30, SOON), 30);
        let queue = lock(&pump.queue);
        assert_eq!((queue.jobs.capacity(), queue.reserved), (capacity, 0));
    }

    #[test]
    fn a_thread_that_takes_nothing_wakes_another() {
        let pump = pump(|_| None);
        let begun = Instant::now();
        thread::scope(|scope| {
            // It waits first, and so is woken first.
            let looks = scope.spawn(|| pump.dispatch(0, Duration::from_secs(20)));
            thread::sleep(Duration::from_millis(20));
            let takes = scope.spawn(|| pump.dispatch(1, Duration::from_secs(20)));
            thread::sleep(Duration::from_millis(20));
            pump.reserve().unwrap().execute(1);
            assert_eq!((looks.join().unwrap(), takes.join().unwrap()), (0, 1));
        });
        assert!(begun.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn dispatch_waits_for_the_first_job() {
        let pump = pump(|_| None);
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(20));
                pump.reserve().unwrap().execute(1);
            });
            assert_eq!(pump.dispatch(1, Duration::MAX), 1);
        });
    }
}
