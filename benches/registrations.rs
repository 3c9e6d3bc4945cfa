//! What Advise and Unadvise cost with none and with a million registrations standing, and what telling them costs, through
//! the C ABI.
//!
//! Ratios within one run, medians of repetitions that alternate; exits with 1 when a bound is missed in three runs in a
//! row. `cargo bench --bench registrations`
#![allow(non_snake_case, reason = "ABI names keep Microsoft's spelling")]

use std::ffi::c_void;
use std::process::ExitCode;
use std::ptr::{null, null_mut};
use std::time::Instant;

use mapioffline::{GUID_GLOBAL_STATE, Guid};

const STANDING: usize = 1_000_000;
/// As many as stand, so that growth and the sweeping of holes are in the figures as they are in the long run.
const PAIRS: usize = STANDING;
const REPETITIONS: usize = 5;
/// At most so many times what it costs with none.
const NEWEST_BOUND: f64 = 2.0;
const RANDOM_BOUND: f64 = 6.0;
/// Telling is linear: a callback of a million costs at most so many times one of a thousand.
const FEW: usize = 1000;
const TELLING_BOUND: f64 = 2.0;

unsafe extern "system" {
    fn MapiOfflineOpenUtf8(
        ulReserved: u32,
        name: *const u8,
        kind: *const Guid,
        instance: *const Guid,
        out: *mut *mut c_void,
    ) -> i32;
}

type Advise = unsafe extern "system" fn(*mut c_void, u32, *const AdviseInfo, *mut u32) -> i32;
type Unadvise = unsafe extern "system" fn(*mut c_void, u32, u32) -> i32;
type SetCurrentState = unsafe extern "system" fn(*mut c_void, u32, u32, u32, *mut c_void) -> i32;
type Release = unsafe extern "system" fn(*mut c_void) -> u32;

#[repr(C)]
struct AdviseInfo {
    size: u32,
    client_token: u32,
    callback_type: u32,
    callback: *mut Sink,
    advise_types: u32,
    state_mask: u32,
}

/// A sink in static memory, as cheap as a sink can be.
#[repr(C)]
struct Sink {
    vtable: *const [*const c_void; 4],
}

unsafe extern "system" fn query(this: *mut Sink, _iid: *const Guid, out: *mut *mut Sink) -> i32 {
    // SAFETY: the library gives a place to write.
    unsafe { *out = this };
    0
}
extern "system" fn count(_this: *mut Sink) -> u32 {
    1
}
extern "system" fn notify(_this: *mut Sink, _notification: *const c_void) {}

/// The manager's slots that are called here.
struct Manager {
    object: *mut c_void,
    advise: Advise,
    unadvise: Unadvise,
    release: Release,
    set_current_state: SetCurrentState,
    info: AdviseInfo,
}

impl Manager {
    fn open(sink: *mut Sink) -> Self {
        let mut object = null_mut();
        // SAFETY: the arguments are what the header asks for.
        let result =
            unsafe { MapiOfflineOpenUtf8(0, c"bench".as_ptr().cast(), &GUID_GLOBAL_STATE, null(), &mut object) };
        assert_eq!(result, 0, "the profile opens");
        // SAFETY: the slots of IMAPIOfflineMgr: 2 Release, 3 SetCurrentState, 7 Advise, 8 Unadvise.
        unsafe {
            let vtable = *object.cast::<*const *const c_void>();
            Self {
                object,
                release: std::mem::transmute::<*const c_void, Release>(*vtable.add(2)),
                set_current_state: std::mem::transmute::<*const c_void, SetCurrentState>(*vtable.add(3)),
                advise: std::mem::transmute::<*const c_void, Advise>(*vtable.add(7)),
                unadvise: std::mem::transmute::<*const c_void, Unadvise>(*vtable.add(8)),
                info: AdviseInfo {
                    size: size_of::<AdviseInfo>() as u32,
                    client_token: 0,
                    callback_type: 0,
                    callback: sink,
                    advise_types: 1,
                    state_mask: 3,
                },
            }
        }
    }

    fn advise(&self) -> u32 {
        let mut token = 0;
        // SAFETY: the object is alive, the structure is right.
        let result = unsafe { (self.advise)(self.object, 0, &self.info, &mut token) };
        assert_eq!(result, 0, "Advise succeeds");
        token
    }

    fn unadvise(&self, token: u32) {
        // SAFETY: the object is alive.
        unsafe { (self.unadvise)(self.object, 0, token) };
    }

    /// Nanoseconds a callback, in a transition to offline and one back.
    fn telling(&self, standing: usize) -> f64 {
        let start = Instant::now();
        for state in [1, 2] {
            // SAFETY: the object is alive; BLOCK.
            let result = unsafe { (self.set_current_state)(self.object, 0x2000, 3, state, null_mut()) };
            assert_eq!(result, 0, "SetCurrentState succeeds");
        }
        start.elapsed().as_secs_f64() * 1e9 / (2 * 3 * standing) as f64
    }

    /// Nanoseconds for Advise and Unadvise of the newest token.
    fn newest(&self) -> f64 {
        time(|_| self.unadvise(self.advise()))
    }

    /// Nanoseconds for Unadvise of a random token and Advise of another in its place. The tokens are shuffled before, so
    /// that the client's own memory is not what is measured.
    fn random(&self, tokens: &mut [u32]) -> f64 {
        let mut random = 0x9E37_79B9_7F4A_7C15_u64;
        for left in (1..tokens.len()).rev() {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            tokens.swap(left, (random % (left as u64 + 1)) as usize);
        }
        time(|index| {
            self.unadvise(tokens[index]);
            tokens[index] = self.advise();
        })
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        // SAFETY: the reference is ours.
        unsafe { (self.release)(self.object) };
    }
}

fn time(mut pair: impl FnMut(usize)) -> f64 {
    let start = Instant::now();
    (0..PAIRS).for_each(&mut pair);
    start.elapsed().as_secs_f64() * 1e9 / PAIRS as f64
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// One run: true when the bounds hold.
fn run() -> bool {
    let vtable = [query as *const c_void, count as *const c_void, count as *const c_void, notify as *const c_void];
    let mut sink = Sink { vtable: &vtable };
    let (mut none, mut newest, mut random) = (Vec::new(), Vec::new(), Vec::new());
    let (mut telling_few, mut telling_all) = (Vec::new(), Vec::new());
    for _ in 0..REPETITIONS {
        let empty = Manager::open(&mut sink);
        empty.newest(); // warm
        none.push(empty.newest());
        drop(empty);
        let full = Manager::open(&mut sink);
        let mut tokens: Vec<u32> = (0..FEW).map(|_| full.advise()).collect();
        full.telling(FEW); // warm
        telling_few.push(full.telling(FEW));
        tokens.extend((FEW..STANDING).map(|_| full.advise()));
        telling_all.push(full.telling(STANDING));
        newest.push(full.newest());
        random.push(full.random(&mut tokens));
    }
    let (none, newest, random) = (median(none), median(newest), median(random));
    println!("Advise + Unadvise, median of {REPETITIONS} x {PAIRS} pairs:");
    println!("  none standing                     {none:7.1} ns    1.00");
    println!("  {STANDING} standing, newest token  {newest:7.1} ns    {:.2}  (at most {NEWEST_BOUND})", newest / none);
    println!("  {STANDING} standing, random token  {random:7.1} ns    {:.2}  (at most {RANDOM_BOUND})", random / none);
    let (few, all) = (median(telling_few), median(telling_all));
    println!("One callback of a transition:");
    println!("  of {FEW}                           {few:7.1} ns    1.00");
    println!("  of {STANDING}                        {all:7.1} ns    {:.2}  (at most {TELLING_BOUND})", all / few);
    newest <= NEWEST_BOUND * none && random <= RANDOM_BOUND * none && all <= TELLING_BOUND * few
}

fn main() -> ExitCode {
    // Other machines' noise is not a regression: three runs in a row have to miss.
    for _ in 0..3 {
        if run() {
            return ExitCode::SUCCESS;
        }
    }
    eprintln!("a bound was missed in three runs in a row");
    ExitCode::FAILURE
}
