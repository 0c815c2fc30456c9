//! How long it takes until a parked thread, or task, runs after it was woken: one way.
//!
//! The waker keeps its core busy between two wake-ups, long enough that the sleeper sleeps.
use crate::abi::{peer_now_ns, peer_pause_ns, peer_pin, PeerWake};
use crate::{c, version};
use std::ffi::c_char;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;

/// When the wake-up left; 0: none under way. The sleeper takes it back.
struct Stamp(AtomicU64);

impl Stamp {
    fn new() -> Self {
        Stamp(AtomicU64::new(0))
    }

    fn set(&self) {
        self.0.store(unsafe { peer_now_ns() }, Ordering::Release);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire) != 0
    }

    fn take(&self) -> u32 {
        let now = unsafe { peer_now_ns() };
        (now - self.0.swap(0, Ordering::AcqRel)).min(u32::MAX as u64) as u32
    }
}

unsafe fn wake_all(count: u64, stamp: &Stamp, wake: impl Fn()) {
    for _ in 0..count {
        peer_pause_ns();
        wake();
        while stamp.is_set() {
            std::hint::spin_loop();
        }
    }
}

/// `sleep` returns when a wake-up has come; `wake` sets the stamp and wakes.
unsafe fn run_threads(
    count: u64,
    out: *mut u32,
    stamp: &Stamp,
    sleep: impl Fn() + Send,
    wake: impl Fn() + Send,
) {
    let out = std::slice::from_raw_parts_mut(out, count as usize);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            unsafe { peer_pin(1) };
            for place in out {
                sleep();
                *place = stamp.take();
            }
        });
        scope.spawn(move || unsafe {
            peer_pin(0);
            wake_all(count, stamp, wake)
        });
    });
}

unsafe extern "C" fn parking_lot_run(count: u64, out: *mut u32) {
    let (stamp, lock, cond) = (
        Stamp::new(),
        parking_lot::Mutex::new(()),
        parking_lot::Condvar::new(),
    );
    run_threads(
        count,
        out,
        &stamp,
        || {
            let mut guard = lock.lock();
            while !stamp.is_set() {
                cond.wait(&mut guard);
            }
        },
        || {
            let guard = lock.lock();
            stamp.set();
            drop(guard);
            cond.notify_one();
        },
    );
}

unsafe extern "C" fn std_run(count: u64, out: *mut u32) {
    let (stamp, lock, cond) = (
        Stamp::new(),
        std::sync::Mutex::new(()),
        std::sync::Condvar::new(),
    );
    run_threads(
        count,
        out,
        &stamp,
        || {
            let mut guard = lock.lock().unwrap();
            while !stamp.is_set() {
                guard = cond.wait(guard).unwrap();
            }
        },
        || {
            let guard = lock.lock().unwrap();
            stamp.set();
            drop(guard);
            cond.notify_one();
        },
    );
}

/// A task of a runtime's worker that waits for a Notify; the waker is a plain thread.
unsafe extern "C" fn tokio_run(count: u64, out: *mut u32) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .on_thread_start(|| unsafe { peer_pin(1) })
        .build()
        .unwrap();
    let notify = Arc::new(tokio::sync::Notify::new());
    let stamp = Arc::new(Stamp::new());
    let ready = Arc::new(AtomicBool::new(false));
    let out = std::slice::from_raw_parts_mut(out, count as usize);
    let task = {
        let (notify, stamp, ready) = (notify.clone(), stamp.clone(), ready.clone());
        runtime.spawn(async move {
            ready.store(true, Ordering::Release);
            for place in out {
                notify.notified().await;
                *place = stamp.take();
            }
        })
    };
    std::thread::scope(|scope| {
        scope.spawn(|| unsafe {
            peer_pin(0);
            while !ready.load(Ordering::Acquire) {
                std::hint::spin_loop();
            }
            wake_all(count, &stamp, || {
                stamp.set();
                notify.notify_one();
            })
        });
    });
    runtime.block_on(task).unwrap();
}

const fn wake(
    name: *const c_char,
    version: *const c_char,
    run: unsafe extern "C" fn(u64, *mut u32),
) -> PeerWake {
    PeerWake { name, version, run }
}

#[no_mangle]
pub static peer_wake_parking_lot: PeerWake = wake(
    c!("parking_lot Condvar"),
    version!("parking_lot"),
    parking_lot_run,
);
#[no_mangle]
pub static peer_wake_std: PeerWake = wake(c!("std Condvar"), c!(env!("VERSION_rustc")), std_run);
#[no_mangle]
pub static peer_wake_tokio: PeerWake = wake(c!("tokio Notify"), version!("tokio"), tokio_run);
