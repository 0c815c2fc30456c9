//! peers.h, in Rust, and what all peers share.
use std::ffi::{c_char, c_void};

pub const TABLE_SIZE: usize = 1024;

#[repr(C)]
pub struct PeerRing {
    pub name: *const c_char,
    pub form: *const c_char,
    pub version: *const c_char,
    pub create: unsafe extern "C" fn(u32) -> *mut c_void,
    pub destroy: unsafe extern "C" fn(*mut c_void),
    pub produce: unsafe extern "C" fn(*mut c_void, u32, *const u64, u64, u32),
    pub consume: unsafe extern "C" fn(*mut c_void, u32, u64, u32) -> u64,
    pub pair: Option<unsafe extern "C" fn(*mut c_void, *const u64, u64) -> u64>,
}
unsafe impl Sync for PeerRing {}

pub type Item = unsafe extern "C" fn(*mut c_void, u64);

#[repr(C)]
pub struct PeerPool {
    pub name: *const c_char,
    pub form: *const c_char,
    pub version: *const c_char,
    pub create: extern "C" fn(u32) -> *mut c_void,
    pub destroy: unsafe extern "C" fn(*mut c_void),
    pub fib: Option<unsafe extern "C" fn(*mut c_void, u32) -> u64>,
    pub spawn_join: Option<unsafe extern "C" fn(*mut c_void, u64)>,
    pub spawn_many: Option<unsafe extern "C" fn(*mut c_void, u64)>,
    pub each: Option<unsafe extern "C" fn(*mut c_void, u64, Item, *mut c_void)>,
    pub sum: Option<unsafe extern "C" fn(*mut c_void, *const u64, u64) -> u64>,
    pub sort: Option<unsafe extern "C" fn(*mut c_void, *mut u64, u64)>,
}
unsafe impl Sync for PeerPool {}

pub type ChannelRun = unsafe extern "C" fn(u32, u32, u64, *mut u32, u64, *mut u64) -> u64;

#[repr(C)]
pub struct PeerChannel {
    pub name: *const c_char,
    pub form: *const c_char,
    pub version: *const c_char,
    pub run: ChannelRun,
}
unsafe impl Sync for PeerChannel {}

#[repr(C)]
pub struct PeerWake {
    pub name: *const c_char,
    pub version: *const c_char,
    pub run: unsafe extern "C" fn(u64, *mut u32),
}
unsafe impl Sync for PeerWake {}

extern "C" {
    static peer_cores_are_shared: u32;
    pub fn peer_now_ns() -> u64;
    pub fn peer_pin(core: u32);
    pub fn peer_pause_ns();
}

/// An array of characters that C can read as such.
#[repr(transparent)]
pub struct Version([u8; VERSION_SIZE]);
const VERSION_SIZE: usize = 32;

impl Version {
    pub const fn of(text: &str) -> Self {
        let (bytes, mut out, mut i) = (text.as_bytes(), [0; VERSION_SIZE], 0);
        while i < bytes.len() {
            out[i] = bytes[i];
            i += 1;
        }
        Version(out)
    }
}

/// A literal that C can read.
#[macro_export]
macro_rules! c {
    ($text:expr) => {
        concat!($text, "\0").as_ptr().cast()
    };
}

/// The version of a crate in Cargo.lock, as build.rs found it.
#[macro_export]
macro_rules! version {
    ($name:literal) => {
        concat!(env!(concat!("VERSION_", $name)), "\0")
            .as_ptr()
            .cast()
    };
}

const SPINS_BEFORE_YIELD: u32 = 128;

/// How every contestant waits for room or for items (native/wait.h).
pub struct Wait(u32);

impl Wait {
    pub fn new() -> Self {
        Wait(0)
    }

    #[inline]
    pub fn turn(&mut self) {
        std::hint::spin_loop();
        self.0 = self.0.wrapping_add(1);
        if self.0 % SPINS_BEFORE_YIELD == 0 && unsafe { peer_cores_are_shared } != 0 {
            std::thread::yield_now();
        }
    }
}

pub unsafe fn table<'a>(table: *const u64) -> &'a [u64; TABLE_SIZE] {
    &*table.cast()
}
