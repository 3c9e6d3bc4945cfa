//! Registrations copied from their tables, to be notified without the lock.
#![forbid(unsafe_code)]

use arrayvec::ArrayVec;

use super::barrier::{Barrier, barrier, note_undecided};
use super::in_flight::{InFlight, ended};
use super::sink::Sink;

/// Enough to make the lock cheap, few enough that a thread does not wait long for it.
const BATCH: usize = 128;
/// Of how many objects.
const OBJECTS: usize = 16;

/// A registration as delivery sees it.
pub(super) struct Recipient<S: Sink> {
    /// `None` when the registration has ended.
    pub(super) handle: Option<S::Handle>,
    pub(super) token: u32,
    pub(super) client_token: u32,
}

impl<S: Sink> Clone for Recipient<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: Sink> Copy for Recipient<S> {}

pub(crate) struct Batch<S: Sink> {
    recipients: ArrayVec<Recipient<S>, BATCH>,
    /// The objects on which they are registered: where each one's recipients end, and the caller's number for it.
    objects: ArrayVec<(u32, u32), OBJECTS>,
    /// The counter of ended registrations when the batch was filled.
    ended: u32,
    barrier: Barrier,
}

/// Whether a registration of a batch is notified, if others have ended since the batch was filled.
pub(crate) enum Recheck {
    Registered,
    Ended,
    /// Delivery ends here: its transition was cut short.
    CutShort,
}

impl<S: Sink> Batch<S> {
    pub(crate) fn new() -> Self {
        Self {
            recipients: ArrayVec::new_const(),
            objects: ArrayVec::new_const(),
            ended: 0,
            barrier: Barrier::Undecided,
        }
    }

    /// Empties the batch before it is filled. The profile is locked until it is.
    pub(crate) fn begin(&mut self) {
        self.recipients.clear();
        self.objects.clear();
        self.ended = ended();
        self.barrier = barrier();
    }

    /// Whether no registration has ended since the batch was filled.
    pub(crate) fn is_current(&self) -> bool {
        self.ended == ended()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.recipients.is_empty()
    }

    /// Copies as many registrations of an object as fit, and gives their number.
    pub(super) fn copy_from(&mut self, object: u32, registrations: &[Recipient<S>]) -> usize {
        let copied = registrations.len().min(self.recipients.remaining_capacity());
        let goes_on = self.objects.last().is_some_and(|(_, last)| *last == object);
        if copied == 0
            || self.objects.is_full() && !goes_on
            || self.recipients.try_extend_from_slice(&registrations[..copied]).is_err()
        {
            return 0;
        }
        let end = self.recipients.len() as u32;
        match self.objects.last_mut() {
            Some(last) if goes_on => last.0 = end,
            _ => self.objects.push((end, object)),
        }
        copied
    }

    /// Has `notify` call the client of each registration of the batch, with its client token, and makes its own token the one
    /// in flight meanwhile. `recheck` is asked about an object's token if any registration has ended since the batch was filled.
    #[inline]
    pub(crate) fn deliver(
        &self,
        in_flight: &InFlight,
        notify: impl FnMut(S::Handle, u32),
        recheck: impl FnMut(u32, u32) -> Recheck,
    ) {
        match self.barrier {
            Barrier::Asymmetric => self.deliver_by::<true>(in_flight, notify, recheck),
            Barrier::Undecided | Barrier::Symmetric => self.deliver_by::<false>(in_flight, notify, recheck),
        }
        if self.barrier == Barrier::Undecided {
            note_undecided(self.recipients.len());
        }
    }

    #[inline]
    fn deliver_by<const ASYMMETRIC: bool>(
        &self,
        in_flight: &InFlight,
        mut notify: impl FnMut(S::Handle, u32),
        mut recheck: impl FnMut(u32, u32) -> Recheck,
    ) {
        for recipient in &self.recipients {
            let Some(handle) = recipient.handle else { continue };
            if in_flight.publish::<ASYMMETRIC>(recipient.token) != self.ended {
                match recheck(self.object_of(recipient), recipient.token) {
                    Recheck::Registered => {}
                    Recheck::Ended => continue,
                    Recheck::CutShort => return,
                }
            }
            notify(handle, recipient.client_token);
        }
    }

    /// The caller's number for the object of a recipient.
    #[cold]
    fn object_of(&self, recipient: &Recipient<S>) -> u32 {
        let index = self.recipients.iter().position(|other| std::ptr::eq(other, recipient)).unwrap_or_default();
        self.objects[self.objects.partition_point(|(end, _)| *end as usize <= index)].1
    }
}
