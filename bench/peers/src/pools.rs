//! Executors: rayon, tokio, and crossbeam-deque by hand, on pinned workers.
use crate::abi::{peer_pin, Item, PeerPool, Version};
use crate::{c, version};
use crossbeam_deque::{Injector, Steal, Stealer, Worker};
use crossbeam_utils::CachePadded;
use rayon::prelude::*;
use rayon::ThreadPool;
use std::cell::{Cell, UnsafeCell};
use std::ffi::c_void;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::runtime::Runtime;

/// A context of C that any thread may have: the caller says so.
#[derive(Clone, Copy)]
struct Shared(*mut c_void);
unsafe impl Send for Shared {}
unsafe impl Sync for Shared {}

impl Shared {
    /// By method, or a closure would capture the bare pointer.
    fn get(self) -> *mut c_void {
        self.0
    }
}

// ---- rayon

extern "C" fn rayon_create(workers: u32) -> *mut c_void {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(workers as usize)
        .start_handler(|index| unsafe { peer_pin(index as u32) })
        .build()
        .unwrap();
    Box::into_raw(Box::new(pool)).cast()
}

unsafe extern "C" fn rayon_destroy(pool: *mut c_void) {
    drop(Box::from_raw(pool.cast::<ThreadPool>()));
}

unsafe fn rayon_of<'a>(pool: *mut c_void) -> &'a ThreadPool {
    &*pool.cast()
}

fn rayon_fib_of(n: u32) -> u64 {
    if n < 2 {
        return n as u64;
    }
    let (a, b) = rayon::join(|| rayon_fib_of(n - 1), || rayon_fib_of(n - 2));
    a + b
}

unsafe extern "C" fn rayon_fib(pool: *mut c_void, n: u32) -> u64 {
    rayon_of(pool).install(|| rayon_fib_of(n))
}

unsafe extern "C" fn rayon_spawn_join(pool: *mut c_void, count: u64) {
    rayon_of(pool).install(|| {
        for _ in 0..count {
            rayon::scope(|scope| scope.spawn(|_| ()));
        }
    })
}

unsafe extern "C" fn rayon_spawn_many(pool: *mut c_void, count: u64) {
    rayon_of(pool).scope(|scope| {
        for _ in 0..count {
            scope.spawn(|_| ());
        }
    })
}

unsafe extern "C" fn rayon_each(pool: *mut c_void, count: u64, item: Item, ctx: *mut c_void) {
    let ctx = Shared(ctx);
    rayon_of(pool).install(|| {
        (0..count as usize)
            .into_par_iter()
            .with_max_len(1)
            .for_each(|i| item(ctx.get(), i as u64))
    })
}

/// As rayon divides by itself.
unsafe extern "C" fn rayon_range(pool: *mut c_void, count: u64, item: Item, ctx: *mut c_void) {
    let ctx = Shared(ctx);
    rayon_of(pool).install(|| {
        (0..count as usize)
            .into_par_iter()
            .for_each(|i| item(ctx.get(), i as u64))
    })
}

unsafe extern "C" fn rayon_sum(pool: *mut c_void, items: *const u64, count: u64) -> u64 {
    let items = std::slice::from_raw_parts(items, count as usize);
    rayon_of(pool).install(|| items.par_iter().copied().reduce(|| 0, u64::wrapping_add))
}

unsafe extern "C" fn rayon_sort(pool: *mut c_void, items: *mut u64, count: u64) {
    let items = std::slice::from_raw_parts_mut(items, count as usize);
    rayon_of(pool).install(|| items.par_sort_unstable())
}

const RAYON: PeerPool = PeerPool {
    name: c!("rayon"),
    form: null(),
    version: version!("rayon"),
    create: rayon_create,
    destroy: rayon_destroy,
    fib: Some(rayon_fib),
    spawn_join: Some(rayon_spawn_join),
    spawn_many: Some(rayon_spawn_many),
    each: Some(rayon_each),
    sum: Some(rayon_sum),
    sort: Some(rayon_sort),
};
#[no_mangle]
pub static peer_rayon: PeerPool = RAYON;
#[no_mangle]
pub static peer_rayon_range: PeerPool = PeerPool {
    form: c!("own division"),
    each: Some(rayon_range),
    ..RAYON
};

// ---- tokio

extern "C" fn tokio_create(workers: u32) -> *mut c_void {
    let next = AtomicUsize::new(0);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers as usize)
        .on_thread_start(move || unsafe { peer_pin(next.fetch_add(1, Ordering::Relaxed) as u32) })
        .build()
        .unwrap();
    Box::into_raw(Box::new(runtime)).cast()
}

unsafe extern "C" fn tokio_destroy(pool: *mut c_void) {
    drop(Box::from_raw(pool.cast::<Runtime>()));
}

unsafe fn tokio_of<'a>(pool: *mut c_void) -> &'a Runtime {
    &*pool.cast()
}

/// From a task: on a worker, where spawning is cheapest.
unsafe extern "C" fn tokio_spawn_join(pool: *mut c_void, count: u64) {
    let runtime = tokio_of(pool);
    runtime
        .block_on(runtime.spawn(async move {
            for _ in 0..count {
                tokio::spawn(async {}).await.unwrap();
            }
        }))
        .unwrap();
}

unsafe extern "C" fn tokio_spawn_many(pool: *mut c_void, count: u64) {
    let runtime = tokio_of(pool);
    runtime
        .block_on(runtime.spawn(async move {
            let tasks: Vec<_> = (0..count).map(|_| tokio::spawn(async {})).collect();
            for task in tasks {
                task.await.unwrap();
            }
        }))
        .unwrap();
}

unsafe extern "C" fn tokio_each(pool: *mut c_void, count: u64, item: Item, ctx: *mut c_void) {
    let (runtime, ctx) = (tokio_of(pool), Shared(ctx));
    runtime
        .block_on(runtime.spawn(async move {
            let tasks: Vec<_> = (0..count)
                .map(|i| tokio::spawn(async move { item(ctx.get(), i) }))
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        }))
        .unwrap();
}

#[no_mangle]
pub static peer_tokio: PeerPool = PeerPool {
    name: c!("tokio"),
    form: null(),
    version: version!("tokio"),
    create: tokio_create,
    destroy: tokio_destroy,
    fib: None,
    spawn_join: Some(tokio_spawn_join),
    spawn_many: Some(tokio_spawn_many),
    each: Some(tokio_each),
    sum: None,
    sort: None,
};

/// Of the echo server, too.
#[no_mangle]
pub static peer_version_tokio: Version = Version::of(concat!(env!("VERSION_tokio"), "\0"));

// ---- crossbeam-deque, by hand: jobs on the stack of whoever joins them

/// A job that its owner waits for; `run` takes the job's own address.
struct Job {
    run: unsafe fn(*const Job),
    done: AtomicBool,
}

#[derive(Clone, Copy)]
struct JobRef(*const Job);
unsafe impl Send for JobRef {}

struct DequePool {
    injector: Injector<JobRef>,
    stealers: Vec<Stealer<JobRef>>,
    stop: AtomicBool,
    threads: Vec<JoinHandle<()>>,
}

struct Seat {
    own: CachePadded<Worker<JobRef>>,
    index: usize,
    pool: *const DequePool,
}

thread_local! {
    static SEAT: Cell<*const Seat> = const { Cell::new(null_mut()) };
}

/// Spins before a worker without work sleeps for a moment.
const IDLE_SPINS: u32 = 2000;
const IDLE_SLEEP: std::time::Duration = std::time::Duration::from_micros(100);

impl Seat {
    fn find(&self) -> Option<JobRef> {
        self.own.pop().or_else(|| self.steal())
    }

    fn steal(&self) -> Option<JobRef> {
        let pool = unsafe { &*self.pool };
        for (i, stealer) in pool.stealers.iter().enumerate() {
            if i == self.index {
                continue;
            }
            if let Steal::Success(job) = stealer.steal() {
                return Some(job);
            }
        }
        pool.injector.steal().success()
    }

    fn run_all(&self) {
        let (pool, mut idle) = (unsafe { &*self.pool }, 0);
        while !pool.stop.load(Ordering::Acquire) {
            match self.find() {
                Some(job) => unsafe {
                    idle = 0;
                    ((*job.0).run)(job.0)
                },
                None if idle < IDLE_SPINS => {
                    idle += 1;
                    std::hint::spin_loop();
                }
                None => std::thread::sleep(IDLE_SLEEP),
            }
        }
    }

    /// Until the job is done: takes it back, or helps.
    unsafe fn wait(&self, job: &Job) {
        while !job.done.load(Ordering::Acquire) {
            match self.find() {
                Some(other) => ((*other.0).run)(other.0),
                None => std::hint::spin_loop(),
            }
        }
    }
}

extern "C" fn deque_create(workers: u32) -> *mut c_void {
    let deques: Vec<_> = (0..workers).map(|_| Worker::new_lifo()).collect();
    let pool = Box::into_raw(Box::new(DequePool {
        injector: Injector::new(),
        stealers: deques.iter().map(Worker::stealer).collect(),
        stop: AtomicBool::new(false),
        threads: Vec::new(),
    }));
    let shared = Shared(pool.cast());
    let start = Arc::new(std::sync::Barrier::new(workers as usize + 1));
    let threads = deques
        .into_iter()
        .enumerate()
        .map(|(index, own)| {
            let start = start.clone();
            std::thread::spawn(move || {
                unsafe { peer_pin(index as u32) };
                start.wait();
                let seat = Seat {
                    own: CachePadded::new(own),
                    index,
                    pool: shared.get().cast(),
                };
                SEAT.set(&seat);
                seat.run_all();
            })
        })
        .collect();
    unsafe { (*pool).threads = threads };
    start.wait();
    pool.cast()
}

unsafe extern "C" fn deque_destroy(pool: *mut c_void) {
    let pool = Box::from_raw(pool.cast::<DequePool>());
    pool.stop.store(true, Ordering::Release);
    let mut pool = pool;
    for thread in std::mem::take(&mut pool.threads) {
        thread.join().unwrap();
    }
}

#[repr(C)]
struct FibJob {
    job: Job,
    n: u32,
    result: UnsafeCell<u64>,
}

unsafe fn fib_run(job: *const Job) {
    let me = &*job.cast::<FibJob>();
    *me.result.get() = deque_fib_of(&*SEAT.get(), me.n);
    me.job.done.store(true, Ordering::Release);
}

unsafe fn deque_fib_of(seat: &Seat, n: u32) -> u64 {
    if n < 2 {
        return n as u64;
    }
    let right = FibJob {
        job: Job {
            run: fib_run,
            done: AtomicBool::new(false),
        },
        n: n - 2,
        result: UnsafeCell::new(0),
    };
    seat.own.push(JobRef(&right.job));
    let left = deque_fib_of(seat, n - 1);
    // What this call pushed is on top again, unless it was stolen.
    match seat.own.pop() {
        Some(job) if std::ptr::eq(job.0, &right.job) => return left + deque_fib_of(seat, n - 2),
        Some(job) => ((*job.0).run)(job.0),
        None => (),
    }
    seat.wait(&right.job);
    left + *right.result.get()
}

/// From outside: one job through the injector, whose end the caller waits for.
unsafe extern "C" fn deque_fib(pool: *mut c_void, n: u32) -> u64 {
    let root = FibJob {
        job: Job {
            run: fib_run,
            done: AtomicBool::new(false),
        },
        n,
        result: UnsafeCell::new(0),
    };
    (*pool.cast::<DequePool>()).injector.push(JobRef(&root.job));
    while !root.job.done.load(Ordering::Acquire) {
        std::thread::sleep(IDLE_SLEEP);
    }
    *root.result.get()
}

#[repr(C)]
struct EachJob {
    job: Job,
    item: Item,
    ctx: Shared,
    index: u64,
}

unsafe fn each_run(job: *const Job) {
    let me = &*job.cast::<EachJob>();
    (me.item)(me.ctx.get(), me.index);
    me.job.done.store(true, Ordering::Release);
}

unsafe extern "C" fn deque_each(pool: *mut c_void, count: u64, item: Item, ctx: *mut c_void) {
    let jobs: Vec<_> = (0..count)
        .map(|index| EachJob {
            job: Job {
                run: each_run,
                done: AtomicBool::new(false),
            },
            item,
            ctx: Shared(ctx),
            index,
        })
        .collect();
    for job in &jobs {
        (*pool.cast::<DequePool>()).injector.push(JobRef(&job.job));
    }
    for job in &jobs {
        while !job.job.done.load(Ordering::Acquire) {
            std::thread::sleep(IDLE_SLEEP);
        }
    }
}

#[repr(C)]
struct SpawnJob {
    job: Job,
    count: u64,
    work: unsafe fn(&Seat, u64),
}

unsafe fn do_nothing(job: *const Job) {
    (*job).done.store(true, Ordering::Release);
}

fn empty() -> Job {
    Job {
        run: do_nothing,
        done: AtomicBool::new(false),
    }
}

unsafe fn spawn_join_on(seat: &Seat, count: u64) {
    for _ in 0..count {
        let job = empty();
        seat.own.push(JobRef(&job));
        seat.wait(&job);
    }
}

unsafe fn spawn_many_on(seat: &Seat, count: u64) {
    let jobs: Vec<_> = (0..count).map(|_| empty()).collect();
    for job in &jobs {
        seat.own.push(JobRef(job));
    }
    for job in &jobs {
        seat.wait(job);
    }
}

unsafe fn spawn_run(job: *const Job) {
    let me = &*job.cast::<SpawnJob>();
    (me.work)(&*SEAT.get(), me.count);
    me.job.done.store(true, Ordering::Release);
}

/// Spawns on a worker, as the others do; the caller waits outside.
unsafe fn deque_spawn(pool: *mut c_void, count: u64, work: unsafe fn(&Seat, u64)) {
    let root = SpawnJob {
        job: Job {
            run: spawn_run,
            done: AtomicBool::new(false),
        },
        count,
        work,
    };
    (*pool.cast::<DequePool>()).injector.push(JobRef(&root.job));
    while !root.job.done.load(Ordering::Acquire) {
        std::hint::spin_loop();
    }
}

unsafe extern "C" fn deque_spawn_join(pool: *mut c_void, count: u64) {
    deque_spawn(pool, count, spawn_join_on)
}

unsafe extern "C" fn deque_spawn_many(pool: *mut c_void, count: u64) {
    deque_spawn(pool, count, spawn_many_on)
}

#[no_mangle]
pub static peer_deque: PeerPool = PeerPool {
    name: c!("crossbeam-deque by hand"),
    form: null(),
    version: version!("crossbeam_deque"),
    create: deque_create,
    destroy: deque_destroy,
    fib: Some(deque_fib),
    spawn_join: Some(deque_spawn_join),
    spawn_many: Some(deque_spawn_many),
    each: Some(deque_each),
    sum: None,
    sort: None,
};
