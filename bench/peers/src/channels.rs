//! Bounded channels, one producer and one consumer: items one by one, or as many as are there.
//!
//! Each item is the time at which it was made, or 0: one of STAMP_EVERY carries its time.
use crate::abi::{peer_now_ns, peer_pin, PeerChannel, Wait};
use crate::{c, version};
use std::ffi::c_char;
use std::ptr::null;
use std::sync::Barrier;

const STAMP_EVERY: u64 = 256;

fn item(i: u64) -> u64 {
    match i % STAMP_EVERY {
        0 => unsafe { peer_now_ns() },
        _ => 0,
    }
}

/// What the consumer found out: nanoseconds from making to receiving, of the stamped items.
struct Latencies {
    out: *mut u32,
    room: usize,
    used: usize,
}
unsafe impl Send for Latencies {}

impl Latencies {
    unsafe fn new(out: *mut u32, room: u64) -> Self {
        Latencies {
            out,
            room: room as usize,
            used: 0,
        }
    }

    #[inline]
    fn take(&mut self, item: u64) {
        if item != 0 && self.used < self.room {
            let took = unsafe { peer_now_ns() }.saturating_sub(item);
            unsafe { *self.out.add(self.used) = took.min(u32::MAX as u64) as u32 };
            self.used += 1;
        }
    }
}

/// Runs both sides on pinned threads; the nanoseconds from the start to the last item.
fn run_threads(produce: impl FnOnce() + Send, consume: impl FnOnce() + Send) -> u64 {
    let start = Barrier::new(2);
    std::thread::scope(|scope| {
        let producer = scope.spawn(|| {
            unsafe { peer_pin(0) };
            start.wait();
            let began = unsafe { peer_now_ns() };
            produce();
            began
        });
        let consumer = scope.spawn(|| {
            unsafe { peer_pin(1) };
            start.wait();
            consume();
            unsafe { peer_now_ns() }
        });
        let began = producer.join().unwrap();
        consumer.join().unwrap() - began
    })
}

macro_rules! blocking {
    ($run:ident, $make:expr) => {
        unsafe extern "C" fn $run(
            capacity: u32,
            _: u32,
            count: u64,
            out: *mut u32,
            room: u64,
            used: *mut u64,
        ) -> u64 {
            let (sender, receiver) = $make(capacity as usize);
            let mut latencies = Latencies::new(out, room);
            let seen = &mut latencies;
            let took = run_threads(
                move || {
                    for i in 0..count {
                        sender.send(item(i)).unwrap();
                    }
                },
                move || {
                    for _ in 0..count {
                        seen.take(receiver.recv().unwrap());
                    }
                },
            );
            *used = latencies.used as u64;
            took
        }
    };
}

blocking!(crossbeam_run, crossbeam_channel::bounded);
blocking!(std_run, std::sync::mpsc::sync_channel);
blocking!(flume_run, flume::bounded);

/// tokio: both sides are tasks of a runtime of `workers`.
fn runtime(workers: usize) -> tokio::runtime::Runtime {
    let next = std::sync::atomic::AtomicU32::new(0);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .on_thread_start(move || unsafe {
            peer_pin(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
        })
        .build()
        .unwrap()
}

unsafe fn tokio_run(
    workers: usize,
    capacity: u32,
    batch: u32,
    count: u64,
    out: *mut u32,
    room: u64,
    used: *mut u64,
) -> u64 {
    let runtime = runtime(workers);
    let (sender, mut receiver) = tokio::sync::mpsc::channel::<u64>(capacity as usize);
    let mut latencies = Latencies::new(out, room);
    let start = std::sync::Arc::new(tokio::sync::Barrier::new(2));
    let other = start.clone();
    let producer = runtime.spawn(async move {
        other.wait().await;
        let began = unsafe { peer_now_ns() };
        for i in 0..count {
            sender.send(item(i)).await.unwrap();
        }
        began
    });
    let consumer = runtime.spawn(async move {
        start.wait().await;
        if batch == 1 {
            while let Some(item) = receiver.recv().await {
                latencies.take(item);
            }
        } else {
            let mut items = Vec::with_capacity(batch as usize);
            while receiver.recv_many(&mut items, batch as usize).await > 0 {
                for item in items.drain(..) {
                    latencies.take(item);
                }
            }
        }
        (unsafe { peer_now_ns() }, latencies.used)
    });
    let (began, ended) = runtime.block_on(async { (producer.await, consumer.await.unwrap()) });
    *used = ended.1 as u64;
    ended.0 - began.unwrap()
}

macro_rules! tokio_runs {
    ($run:ident, $workers:literal) => {
        unsafe extern "C" fn $run(
            capacity: u32,
            batch: u32,
            count: u64,
            out: *mut u32,
            room: u64,
            used: *mut u64,
        ) -> u64 {
            tokio_run($workers, capacity, batch, count, out, room, used)
        }
    };
}

tokio_runs!(tokio_run_1, 1);
tokio_runs!(tokio_run_2, 2);

/// rtrb has no blocking form: the bare ring, spinning, as the bound of what a channel could be.
unsafe extern "C" fn rtrb_run(
    capacity: u32,
    batch: u32,
    count: u64,
    out: *mut u32,
    room: u64,
    used: *mut u64,
) -> u64 {
    let (mut producer, mut consumer) = rtrb::RingBuffer::<u64>::new(capacity as usize);
    let mut latencies = Latencies::new(out, room);
    let seen = &mut latencies;
    let took = run_threads(
        move || {
            let mut wait = Wait::new();
            let mut at = 0;
            let mut items = vec![0u64; batch as usize];
            while at < count {
                let n = (count - at).min(batch as u64);
                for (i, place) in items[..n as usize].iter_mut().enumerate() {
                    *place = item(at + i as u64);
                }
                let mut rest = &items[..n as usize];
                while !rest.is_empty() {
                    let (sent, left) = producer.push_partial_slice(rest);
                    if sent.is_empty() {
                        wait.turn();
                    }
                    rest = left;
                }
                at += n;
            }
        },
        move || {
            let mut wait = Wait::new();
            let mut left = count;
            let mut items = vec![0u64; batch as usize];
            while left > 0 {
                let got = &*consumer.pop_partial_slice(&mut items).0;
                if got.is_empty() {
                    wait.turn();
                }
                left -= got.len() as u64;
                got.iter().for_each(|item| seen.take(*item));
            }
        },
    );
    *used = latencies.used as u64;
    took
}

const fn channel(
    name: *const c_char,
    form: *const c_char,
    version: *const c_char,
    run: crate::abi::ChannelRun,
) -> PeerChannel {
    PeerChannel {
        name,
        form,
        version,
        run,
    }
}

#[no_mangle]
pub static peer_channel_crossbeam: PeerChannel = channel(
    c!("crossbeam-channel"),
    null(),
    version!("crossbeam_channel"),
    crossbeam_run,
);
#[no_mangle]
pub static peer_channel_std: PeerChannel =
    channel(c!("std mpsc"), null(), c!(env!("VERSION_rustc")), std_run);
#[no_mangle]
pub static peer_channel_flume: PeerChannel =
    channel(c!("flume"), null(), version!("flume"), flume_run);
#[no_mangle]
pub static peer_channel_tokio_1: PeerChannel = channel(
    c!("tokio mpsc"),
    c!("one worker"),
    version!("tokio"),
    tokio_run_1,
);
#[no_mangle]
pub static peer_channel_tokio_2: PeerChannel = channel(
    c!("tokio mpsc"),
    c!("two workers"),
    version!("tokio"),
    tokio_run_2,
);
#[no_mangle]
pub static peer_channel_rtrb: PeerChannel =
    channel(c!("rtrb, spinning"), null(), version!("rtrb"), rtrb_run);
