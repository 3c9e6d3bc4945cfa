//! The safe Rust API, on the same core as the C ABI and not through it.
#![forbid(unsafe_code)]

use std::fmt;

use crate::abi::{GUID as Guid, GUID_GlobalState};
use crate::change::Change;
use crate::com::ClientRef;
use crate::error::{Error, ErrorKind};
use crate::model::Wait;
use crate::name::Name;
use crate::profile::{self, Creation, Identity, ObjectHandle, Offline};
use crate::sink::ClientSink;
use crate::state::{Capabilities, State};

/// An offline object: something that is online or offline, and notifies its subscriptions when that changes.
///
/// Clones and repeated opens of the same object are the same object. Any method may be called from any thread, and from
/// a callback. When the last handle in the process is dropped, the object's subscriptions end; the profile's state stays.
#[derive(Clone)]
pub struct OfflineObject(ClientRef<Offline>);

impl OfflineObject {
    /// Opens a profile's global object, as `HrOpenOfflineObj` with `GUID_GlobalState` does. A profile that was never
    /// created starts online, or is not found if strict hosting is enabled.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`]: the name is empty or has a zero in it. [`ErrorKind::NotFound`]: it is longer than 64
    /// UTF-16 units, or hosting is strict and the profile is not hosted. [`ErrorKind::OutOfMemory`].
    pub fn open(profile: &str) -> Result<Self, Error> {
        profile::open(&name(profile)?, &Identity::GLOBAL).map(Self)
    }

    /// Opens an object that was created in this process with this type and instance, and is still open.
    ///
    /// # Errors
    /// As for [`open`](Self::open); [`ErrorKind::NotFound`] also when there is no such object.
    pub fn open_object(profile: &str, kind: Guid, instance: Option<Guid>) -> Result<Self, Error> {
        profile::open(&name(profile)?, &Identity { kind, instance }).map(Self)
    }

    /// Opens a profile's global object and makes the profile hosted, as `HrGetGlobalOffline` does.
    ///
    /// # Errors
    /// As for [`open`](Self::open), but never because hosting is strict. [`ErrorKind::Disk`], [`ErrorKind::Timeout`]: the
    /// profile could not be written where the user's programs share it.
    pub fn global(profile: &str) -> Result<Self, Error> {
        profile::global(&name(profile)?).map(Self)
    }

    /// Returns a builder, which describes an object and creates it.
    ///
    /// ```
    /// use mapioffline::{Capabilities, OfflineObject, State};
    ///
    /// # mapioffline::keep_state_in_memory();
    /// let profile = OfflineObject::open("Builder")?;
    /// let store = OfflineObject::builder("Builder").parent(&profile).capabilities(Capabilities::OFFLINE).create()?;
    /// profile.set_state_and_wait(State::Offline)?;
    /// profile.set_state_and_wait(State::Online)?;
    /// assert_eq!(store.state(), State::Offline, "it follows its parent where its capabilities allow");
    /// # Ok::<(), mapioffline::Error>(())
    /// ```
    pub fn builder(profile: &str) -> Builder<'_> {
        Builder { profile, identity: None, capabilities: Capabilities::ALL, parent: None }
    }

    /// The profile's name as it was first spelled in this process.
    pub fn profile(&self) -> String {
        self.0.profile_name().to_string()
    }

    /// The states that this object can be changed to.
    pub fn capabilities(&self) -> Capabilities {
        Capabilities::from_bits(self.0.capability_bits()).unwrap_or(Capabilities::NONE)
    }

    /// The state now: one atomic load.
    pub fn state(&self) -> State {
        State::from_bits(self.0.state_bits()).unwrap_or(State::Online)
    }

    /// Asks for a state and returns at once; a notifier thread runs the transition.
    ///
    /// # Errors
    /// [`ErrorKind::NoSupport`]: the object lacks the capability. [`ErrorKind::Pending`]: a transition of the object's tree
    /// is under way and has not come to DONE, another waits behind it, or a change is being written. [`ErrorKind::Failed`]:
    /// no thread could be started. [`ErrorKind::Disk`], [`ErrorKind::Timeout`]: the change could not be written where the
    /// user's programs share it. [`ErrorKind::OutOfMemory`].
    pub fn set_state(&self, state: State) -> Result<(), Error> {
        self.request(state, Wait::No)
    }

    /// Changes to a state on the calling thread and returns when every subscription has been notified.
    ///
    /// # Errors
    /// As for [`set_state`](Self::set_state); [`ErrorKind::Pending`] also during DONE, as in a callback of the same
    /// object; [`ErrorKind::Failed`] in a child that was forked from a callback before the change.
    pub fn set_state_and_wait(&self, state: State) -> Result<(), Error> {
        self.request(state, Wait::ForCallbacks)
    }

    fn request(&self, state: State, wait: Wait) -> Result<(), Error> {
        self.0.post_or_handle(state, wait)?.map_or(Ok(()), |object| object.set_state(state, wait))
    }

    /// Calls `callback` three times in each transition, on the thread that runs it, never twice at a time for one
    /// subscription. A panic in it is caught and logged. The subscription ends when the guard is dropped, or with the
    /// last handle to the object.
    ///
    /// ```
    /// use std::sync::mpsc::channel;
    ///
    /// use mapioffline::{OfflineObject, Phase, State};
    ///
    /// # mapioffline::keep_state_in_memory();
    /// let object = OfflineObject::open("Subscribe")?;
    /// let (sender, receiver) = channel();
    /// let subscription = object.subscribe(move |change| drop(sender.send(change.phase)))?;
    /// object.set_state_and_wait(State::Offline)?;
    /// drop(subscription);
    /// assert_eq!(receiver.iter().collect::<Vec<_>>(), [Phase::Start, Phase::Change, Phase::Done]);
    /// # Ok::<(), mapioffline::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::OutOfMemory`]
    pub fn subscribe(&self, callback: impl Fn(&Change) + Send + Sync + 'static) -> Result<Subscription, Error> {
        let object = self.0.handle_to_advise()?;
        let token = object.advise(0, || Ok(ClientSink::of_closure(callback)))?;
        Ok(Subscription { object, token })
    }
}

impl PartialEq for OfflineObject {
    fn eq(&self, other: &Self) -> bool {
        self.0.internal().is(&other.0.internal())
    }
}

impl Eq for OfflineObject {}

impl fmt::Debug for OfflineObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OfflineObject")
            .field("profile", &self.profile())
            .field("state", &self.state())
            .field("capabilities", &self.capabilities())
            .finish()
    }
}

/// An object to be created; see [`OfflineObject::builder`].
#[derive(Clone, Debug)]
#[must_use = "nothing is created before `create`"]
pub struct Builder<'a> {
    profile: &'a str,
    identity: Option<Identity>,
    capabilities: Capabilities,
    parent: Option<&'a OfflineObject>,
}

impl<'a> Builder<'a> {
    /// The type, and the instance of it, by which the object can be opened again. Without this it is anonymous.
    pub fn identity(mut self, kind: Guid, instance: Option<Guid>) -> Self {
        self.identity = Some(Identity { kind, instance });
        self
    }

    /// The profile's global object; `create` makes the profile hosted.
    pub fn global(self) -> Self {
        self.identity(GUID_GlobalState, None)
    }

    /// The states that the object can be changed to: all, unless this is called.
    pub const fn capabilities(mut self, capabilities: Capabilities) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// The object whose changes the new one inherits. The new object keeps it alive.
    pub const fn parent(mut self, parent: &'a OfflineObject) -> Self {
        self.parent = Some(parent);
        self
    }

    /// Creates the object, or opens the one that has this identity.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`]: a bad name, a parent of another profile, or a global object with a parent.
    /// [`ErrorKind::NotFound`]: the name is too long. [`ErrorKind::Disk`], [`ErrorKind::Timeout`]: a global object could not
    /// be written where the user's programs share it. [`ErrorKind::OutOfMemory`].
    pub fn create(self) -> Result<OfflineObject, Error> {
        let parent = self.parent.map(|parent| parent.0.internal());
        let Self { identity, capabilities, .. } = self;
        let creation = Creation { identity, capabilities, parent: parent.as_ref(), outer: None };
        profile::create(&name(self.profile)?, &creation).map(OfflineObject)
    }
}

/// Ends its subscription when it is dropped: no callback begins after that. It does not wait for one that runs on another
/// thread.
#[must_use = "a subscription that is dropped at once receives nothing"]
pub struct Subscription {
    object: ObjectHandle,
    token: u32,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.object.unadvise(self.token);
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("token", &self.token).finish_non_exhaustive()
    }
}

/// Enables or disables strict hosting for the whole process. While it is enabled, only profiles whose global object was
/// created, or opened by [`OfflineObject::global`], can be opened.
pub fn set_strict_hosting(strict: bool) {
    profile::set_strict_hosting(strict);
}

/// Converts a name that is a whole Rust string: a zero in it is an error, not its end.
pub(crate) fn name(profile: &str) -> Result<Name, ErrorKind> {
    if profile.contains('\0') { Err(ErrorKind::InvalidArgument) } else { Name::from_utf8(profile.bytes()) }
}
