//! The notifier threads: at most one of them is idle.
#![forbid(unsafe_code)]

use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::executor::{Executor, Receiver, Reservation};
use crate::error::ErrorKind;
use crate::sync::lock;
use crate::sys;

/// How long the idle notifier waits for work.
const IDLE: Duration = Duration::from_secs(5);
/// For a client's callback, not for its recursion.
const STACK: usize = 512 * 1024;

/// The notifier threads of the process.
pub(crate) struct NotifierPool<J: 'static> {
    idle: Mutex<Option<Arc<Mailbox<J>>>>,
    run: fn(J),
}

/// Where one notifier waits.
struct Mailbox<J> {
    mail: Mutex<Mail<J>>,
    wake: Condvar,
}

enum Mail<J> {
    /// The notifier waits for [`IDLE`] and ends.
    Idle,
    /// The job of a reservation comes.
    Reserved,
    Job(J),
    /// The reservation was cancelled.
    Cancelled,
}

impl<J: Send + 'static> NotifierPool<J> {
    pub(crate) const fn new(run: fn(J)) -> Self {
        Self { idle: Mutex::new(None), run }
    }

    /// Locks the pool around a fork. In the child there is no notifier, except the one that forks if it is one.
    pub(crate) fn lock_for_fork(&'static self) -> PoolForkGuard<J> {
        PoolForkGuard(lock(&self.idle))
    }

    /// The body of a notifier thread.
    fn serve(&self, mailbox: Arc<Mailbox<J>>) {
        while let Some(job) = self.next_job(&mailbox) {
            (self.run)(job);
            if !self.become_idle(&mailbox) {
                return;
            }
        }
    }

    fn next_job(&self, mailbox: &Arc<Mailbox<J>>) -> Option<J> {
        let mut deadline = Instant::now() + IDLE;
        let mut mail = lock(&mailbox.mail);
        loop {
            match mem::replace(&mut *mail, Mail::Reserved) {
                Mail::Job(job) => return Some(job),
                Mail::Reserved => mail = mailbox.wake.wait(mail).unwrap_or_else(PoisonError::into_inner),
                Mail::Cancelled => {
                    drop(mail);
                    if !self.become_idle(mailbox) {
                        return None;
                    }
                    deadline = Instant::now() + IDLE;
                    mail = lock(&mailbox.mail);
                }
                Mail::Idle => {
                    *mail = Mail::Idle;
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        drop(mail);
                        if self.stop_being_idle(mailbox) {
                            return None;
                        }
                        // Another thread has just reserved this notifier: the mail comes.
                        mail = lock(&mailbox.mail);
                        if matches!(*mail, Mail::Idle) {
                            *mail = Mail::Reserved;
                        }
                    } else {
                        let waited = mailbox.wake.wait_timeout(mail, left).unwrap_or_else(PoisonError::into_inner);
                        mail = waited.0;
                    }
                }
            }
        }
    }

    /// Makes this notifier the idle one, unless there is one.
    fn become_idle(&self, mailbox: &Arc<Mailbox<J>>) -> bool {
        let mut idle = lock(&self.idle);
        if idle.is_some() {
            return false;
        }
        *lock(&mailbox.mail) = Mail::Idle;
        *idle = Some(mailbox.clone());
        true
    }

    /// Whether this notifier was the idle one until now.
    fn stop_being_idle(&self, mailbox: &Arc<Mailbox<J>>) -> bool {
        lock(&self.idle).take_if(|idle| Arc::ptr_eq(idle, mailbox)).is_some()
    }
}

impl<J: Send + 'static> Executor<J> for NotifierPool<J> {
    fn reserve_idle(&'static self) -> Option<Reservation<J>> {
        let mailbox = lock(&self.idle).take()?;
        *lock(&mailbox.mail) = Mail::Reserved;
        Some(Reservation::new(mailbox))
    }

    /// Takes the idle notifier, or else starts one.
    fn reserve(&'static self) -> Result<Reservation<J>, ErrorKind> {
        if let Some(reserved) = self.reserve_idle() {
            return Ok(reserved);
        }
        let mailbox = Arc::new(Mailbox { mail: Mutex::new(Mail::Reserved), wake: Condvar::new() });
        let own = mailbox.clone();
        let builder = std::thread::Builder::new().name("mapioffline".into()).stack_size(STACK);
        sys::start_thread(builder, move || self.serve(own)).map_err(|_| ErrorKind::Failed)?;
        Ok(Reservation::new(mailbox))
    }
}

impl<J: Send> Mailbox<J> {
    fn post(&self, mail: Mail<J>) {
        *lock(&self.mail) = mail;
        self.wake.notify_one();
    }
}

impl<J: Send> Receiver<J> for Mailbox<J> {
    fn execute(&self, job: J) {
        self.post(Mail::Job(job));
    }

    fn cancel(&self) {
        self.post(Mail::Cancelled);
    }
}

/// See [`NotifierPool::lock_for_fork`].
pub(crate) struct PoolForkGuard<J: 'static>(MutexGuard<'static, Option<Arc<Mailbox<J>>>>);

impl<J> PoolForkGuard<J> {
    pub(crate) fn abandon_idle(&mut self) {
        mem::forget(self.0.take());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    type Job = Box<dyn FnOnce() + Send>;

    fn pool() -> &'static NotifierPool<Job> {
        Box::leak(Box::new(NotifierPool::new(|job: Job| job())))
    }

    fn report(to: &Sender<std::thread::ThreadId>) -> Job {
        let to = to.clone();
        Box::new(move || to.send(std::thread::current().id()).unwrap())
    }

    #[test]
    fn the_idle_notifier_is_reused_unless_it_is_reserved() {
        let pool = pool();
        let (to, from) = channel();
        assert!(pool.reserve_idle().is_none());
        pool.reserve().unwrap().execute(report(&to));
        let first = from.recv().unwrap();
        while lock(&pool.idle).is_none() {
            std::thread::yield_now();
        }
        let reserved = pool.reserve_idle().unwrap();
        assert!(pool.reserve_idle().is_none());
        pool.reserve().unwrap().execute(report(&to));
        assert_ne!(from.recv().unwrap(), first);
        reserved.execute(report(&to));
        assert_eq!(from.recv().unwrap(), first);
    }

    #[test]
    fn a_cancelled_reservation_leaves_its_notifier_idle() {
        let pool = pool();
        drop(pool.reserve().unwrap());
        while lock(&pool.idle).is_none() {
            std::thread::yield_now();
        }
        let (to, from) = channel();
        pool.reserve().unwrap().execute(report(&to));
        from.recv().unwrap();
    }
}
