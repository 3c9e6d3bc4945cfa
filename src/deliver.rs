//! Who runs a transition: a notifier thread, or the calling one. Knows nothing of what it runs.
//!
//! A transition that is not run by its caller needs a [`Ticket`] before it is accepted, so that acceptance is a promise
//! that can be kept. A host's own event loop would be a third answer to [`Notifiers::reserve`].
#![forbid(unsafe_code)]

use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::notify::note_ended;
use crate::sys::{self, lock};

/// How long the idle notifier waits for work.
const IDLE: Duration = Duration::from_secs(5);
/// Room for a client's callback, not for its recursion.
const STACK: usize = 512 * 1024;

static EXITING: AtomicBool = AtomicBool::new(false);

/// Whether the library's exit handler has run: nothing is delivered any more.
pub(crate) fn exiting() -> bool {
    EXITING.load(Ordering::SeqCst)
}

/// Has the exit handler run before the destructors of everything that was made until now: once for each `done`.
pub(crate) fn deliver_until_exit(done: &AtomicBool) {
    extern "C" fn on_exit() {
        EXITING.store(true, Ordering::SeqCst);
        // Whoever is telling looks again before the next one.
        note_ended();
    }
    if !done.load(Ordering::Acquire) && !done.swap(true, Ordering::AcqRel) {
        sys::at_exit(on_exit);
    }
}

/// The notifier threads of the process. At most one of them is idle.
pub(crate) struct Notifiers<J: 'static> {
    idle: Mutex<Option<Arc<Mailbox<J>>>>,
    run: fn(J),
}

/// Where one notifier waits.
struct Mailbox<J> {
    mail: Mutex<Mail<J>>,
    wake: Condvar,
}

enum Mail<J> {
    /// Nobody needs it: it waits, but not for ever.
    Idle,
    /// A ticket stands for it.
    Reserved,
    Job(J),
    /// The ticket was given back unused.
    Dismissed,
}

impl<J: Send + 'static> Notifiers<J> {
    pub(crate) const fn new(run: fn(J)) -> Self {
        Self { idle: Mutex::new(None), run }
    }

    /// The idle notifier, or else a new one.
    pub(crate) fn reserve(&'static self) -> Result<Ticket<J>, Error> {
        if let Some(mailbox) = lock(&self.idle).take() {
            *lock(&mailbox.mail) = Mail::Reserved;
            return Ok(Ticket(Some(mailbox)));
        }
        let mailbox = Arc::new(Mailbox { mail: Mutex::new(Mail::Reserved), wake: Condvar::new() });
        let own = mailbox.clone();
        let builder = std::thread::Builder::new().name("mapioffline".into()).stack_size(STACK);
        sys::spawn_with_signals_blocked(builder, move || self.serve(own)).map_err(|_| Error::Failed)?;
        Ok(Ticket(Some(mailbox)))
    }

    /// Holds the pool still around a fork. In the child there is no notifier but perhaps the one that forks.
    pub(crate) fn hold(&'static self) -> HeldNotifiers<J> {
        HeldNotifiers(lock(&self.idle))
    }

    /// The life of a notifier.
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
                Mail::Dismissed => {
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
                        // Reserved in the last moment: the mail comes.
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

    /// Whether this notifier is the idle one from now on.
    fn become_idle(&self, mailbox: &Arc<Mailbox<J>>) -> bool {
        let mut idle = lock(&self.idle);
        if idle.is_some() {
            return false;
        }
        *lock(&mailbox.mail) = Mail::Idle;
        *idle = Some(mailbox.clone());
        true
    }

    /// Whether this notifier was idle until now.
    fn stop_being_idle(&self, mailbox: &Arc<Mailbox<J>>) -> bool {
        lock(&self.idle).take_if(|idle| Arc::ptr_eq(idle, mailbox)).is_some()
    }
}

/// A notifier that waits for one job. `None` once that is settled.
pub(crate) struct Ticket<J>(Option<Arc<Mailbox<J>>>);

impl<J> Ticket<J> {
    pub(crate) fn dispatch(mut self, job: J) {
        self.post(Mail::Job(job));
    }

    /// In a forked child: the notifier does not exist there, and its mailbox may be locked for ever.
    pub(crate) fn abandon(mut self) {
        mem::forget(self.0.take());
    }

    fn post(&mut self, mail: Mail<J>) {
        if let Some(mailbox) = self.0.take() {
            *lock(&mailbox.mail) = mail;
            mailbox.wake.notify_one();
        }
    }
}

impl<J> Drop for Ticket<J> {
    fn drop(&mut self) {
        self.post(Mail::Dismissed);
    }
}

/// See [`Notifiers::hold`].
pub(crate) struct HeldNotifiers<J: 'static>(MutexGuard<'static, Option<Arc<Mailbox<J>>>>);

impl<J> HeldNotifiers<J> {
    pub(crate) fn abandon_idle(&mut self) {
        mem::forget(self.0.take());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    type Job = Box<dyn FnOnce() + Send>;

    fn pool() -> &'static Notifiers<Job> {
        Box::leak(Box::new(Notifiers::new(|job: Job| job())))
    }

    fn report(to: &Sender<std::thread::ThreadId>) -> Job {
        let to = to.clone();
        Box::new(move || to.send(std::thread::current().id()).unwrap())
    }

    #[test]
    fn the_idle_notifier_is_used_again_and_a_spoken_for_one_is_not() {
        let pool = pool();
        let (to, from) = channel();
        pool.reserve().unwrap().dispatch(report(&to));
        let first = from.recv().unwrap();
        while lock(&pool.idle).is_none() {
            std::thread::yield_now();
        }
        let reserved = pool.reserve().unwrap();
        pool.reserve().unwrap().dispatch(report(&to));
        assert_ne!(from.recv().unwrap(), first);
        reserved.dispatch(report(&to));
        assert_eq!(from.recv().unwrap(), first);
    }

    #[test]
    fn a_ticket_given_back_leaves_its_notifier_idle() {
        let pool = pool();
        drop(pool.reserve().unwrap());
        while lock(&pool.idle).is_none() {
            std::thread::yield_now();
        }
        let (to, from) = channel();
        pool.reserve().unwrap().dispatch(report(&to));
        from.recv().unwrap();
    }
}
