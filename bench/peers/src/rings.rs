//! Queues of 64-bit items: rtrb in each of its forms, crossbeam's ArrayQueue and SegQueue.
use crate::abi::{table, PeerRing, Wait, TABLE_SIZE};
use crate::{c, version};
use crossbeam_queue::{ArrayQueue, SegQueue};
use crossbeam_utils::CachePadded;
use rtrb::chunks::ChunkError;
use rtrb::{Consumer, Producer, RingBuffer};
use std::cell::UnsafeCell;
use std::ffi::c_void;
use std::ptr::null;

/// What the batch, the table and the count leave to be sent next.
fn next(batch: u32, at: usize, left: u64) -> usize {
    (batch as usize).min(TABLE_SIZE - at).min(left as usize)
}

/// Both ends; each is used by one thread alone.
struct Rtrb {
    producer: CachePadded<UnsafeCell<Producer<u64>>>,
    consumer: CachePadded<UnsafeCell<Consumer<u64>>>,
}

impl Rtrb {
    extern "C" fn create(capacity: u32) -> *mut c_void {
        let (producer, consumer) = RingBuffer::new(capacity as usize);
        Box::into_raw(Box::new(Rtrb {
            producer: CachePadded::new(UnsafeCell::new(producer)),
            consumer: CachePadded::new(UnsafeCell::new(consumer)),
        }))
        .cast()
    }

    unsafe extern "C" fn destroy(ring: *mut c_void) {
        drop(Box::from_raw(ring.cast::<Rtrb>()));
    }

    /// The producer, out of the shared memory for as long as `work` uses it: as a local variable it
    /// lives in registers.
    unsafe fn with_producer(ring: *mut c_void, work: impl FnOnce(&mut Producer<u64>)) {
        let place = (*ring.cast::<Rtrb>()).producer.get();
        let mut producer = place.read();
        work(&mut producer);
        place.write(producer);
    }

    unsafe fn with_consumer(
        ring: *mut c_void,
        work: impl FnOnce(&mut Consumer<u64>) -> u64,
    ) -> u64 {
        let place = (*ring.cast::<Rtrb>()).consumer.get();
        let mut consumer = place.read();
        let sum = work(&mut consumer);
        place.write(consumer);
        sum
    }
}

unsafe extern "C" fn rtrb_produce_single(
    ring: *mut c_void,
    _: u32,
    items: *const u64,
    count: u64,
    _: u32,
) {
    let (items, mut wait) = (table(items), Wait::new());
    Rtrb::with_producer(ring, |producer| {
        for i in 0..count as usize {
            while producer.push(items[i % TABLE_SIZE]).is_err() {
                wait.turn();
            }
        }
    })
}

unsafe extern "C" fn rtrb_consume_single(ring: *mut c_void, _: u32, count: u64, _: u32) -> u64 {
    let (mut wait, mut sum) = (Wait::new(), 0u64);
    Rtrb::with_consumer(ring, |consumer| {
        for _ in 0..count {
            sum = sum.wrapping_add(loop {
                match consumer.pop() {
                    Ok(item) => break item,
                    Err(_) => wait.turn(),
                }
            });
        }
        sum
    })
}

unsafe extern "C" fn rtrb_pair(ring: *mut c_void, items: *const u64, count: u64) -> u64 {
    let (items, mut sum) = (table(items), 0u64);
    Rtrb::with_producer(ring, |producer| {
        sum = Rtrb::with_consumer(ring, |consumer| {
            let mut sum = 0u64;
            for i in 0..count as usize {
                producer.push(items[i % TABLE_SIZE]).unwrap();
                sum = sum.wrapping_add(consumer.pop().unwrap());
            }
            sum
        })
    });
    sum
}

/// A chunk of the whole batch, or else of what there is room for: asking for the room first would
/// read the other side's index each time.
unsafe extern "C" fn rtrb_produce_chunks(
    ring: *mut c_void,
    _: u32,
    items: *const u64,
    mut count: u64,
    batch: u32,
) {
    let (items, mut wait, mut at) = (table(items), Wait::new(), 0);
    Rtrb::with_producer(ring, |producer| {
        while count > 0 {
            let mut want = next(batch, at, count);
            let sent = loop {
                match producer.write_chunk_uninit(want) {
                    Ok(chunk) => break chunk.fill_from_iter(items[at..at + want].iter().copied()),
                    Err(ChunkError::TooFewSlots(0)) => wait.turn(),
                    Err(ChunkError::TooFewSlots(room)) => want = room,
                }
            };
            at = (at + sent) % TABLE_SIZE;
            count -= sent as u64;
        }
    })
}

unsafe extern "C" fn rtrb_consume_chunks(
    ring: *mut c_void,
    _: u32,
    mut count: u64,
    batch: u32,
) -> u64 {
    let (mut wait, mut sum) = (Wait::new(), 0u64);
    Rtrb::with_consumer(ring, |consumer| {
        while count > 0 {
            let mut want = count.min(batch as u64) as usize;
            let chunk = loop {
                match consumer.read_chunk(want) {
                    Ok(chunk) => break chunk,
                    Err(ChunkError::TooFewSlots(0)) => wait.turn(),
                    Err(ChunkError::TooFewSlots(there)) => want = there,
                }
            };
            let (first, second) = chunk.as_slices();
            sum = first
                .iter()
                .chain(second)
                .fold(sum, |a, b| a.wrapping_add(*b));
            count -= chunk.len() as u64;
            chunk.commit_all();
        }
        sum
    })
}

/// Slices in and out, by copying.
unsafe extern "C" fn rtrb_produce_slices(
    ring: *mut c_void,
    _: u32,
    items: *const u64,
    mut count: u64,
    batch: u32,
) {
    let (items, mut wait, mut at) = (table(items), Wait::new(), 0);
    Rtrb::with_producer(ring, |producer| {
        while count > 0 {
            let want = next(batch, at, count);
            let sent = producer.push_partial_slice(&items[at..at + want]).0.len();
            if sent == 0 {
                wait.turn();
            }
            at = (at + sent) % TABLE_SIZE;
            count -= sent as u64;
        }
    })
}

unsafe extern "C" fn rtrb_consume_slices(
    ring: *mut c_void,
    _: u32,
    mut count: u64,
    batch: u32,
) -> u64 {
    let (mut wait, mut sum) = (Wait::new(), 0u64);
    let mut items = [0u64; TABLE_SIZE];
    Rtrb::with_consumer(ring, |consumer| {
        while count > 0 {
            let want = count.min(batch as u64) as usize;
            let got = &*consumer.pop_partial_slice(&mut items[..want]).0;
            if got.is_empty() {
                wait.turn();
            }
            sum = got.iter().fold(sum, |a, b| a.wrapping_add(*b));
            count -= got.len() as u64;
        }
        sum
    })
}

trait Queue {
    fn create(capacity: usize) -> Self;
    fn push(&self, item: u64) -> bool;
    fn pop(&self) -> Option<u64>;
}

impl Queue for ArrayQueue<u64> {
    fn create(capacity: usize) -> Self {
        ArrayQueue::new(capacity)
    }
    #[inline]
    fn push(&self, item: u64) -> bool {
        ArrayQueue::push(self, item).is_ok()
    }
    #[inline]
    fn pop(&self) -> Option<u64> {
        ArrayQueue::pop(self)
    }
}

impl Queue for SegQueue<u64> {
    fn create(_: usize) -> Self {
        SegQueue::new()
    }
    #[inline]
    fn push(&self, item: u64) -> bool {
        SegQueue::push(self, item);
        true
    }
    #[inline]
    fn pop(&self) -> Option<u64> {
        SegQueue::pop(self)
    }
}

extern "C" fn queue_create<Q: Queue>(capacity: u32) -> *mut c_void {
    Box::into_raw(Box::new(Q::create(capacity as usize))).cast()
}

unsafe extern "C" fn queue_destroy<Q: Queue>(ring: *mut c_void) {
    drop(Box::from_raw(ring.cast::<Q>()));
}

unsafe extern "C" fn queue_produce<Q: Queue>(
    ring: *mut c_void,
    _: u32,
    items: *const u64,
    count: u64,
    _: u32,
) {
    let (queue, items, mut wait) = (&*ring.cast::<Q>(), table(items), Wait::new());
    for i in 0..count as usize {
        while !queue.push(items[i % TABLE_SIZE]) {
            wait.turn();
        }
    }
}

unsafe extern "C" fn queue_consume<Q: Queue>(ring: *mut c_void, _: u32, count: u64, _: u32) -> u64 {
    let (queue, mut wait, mut sum) = (&*ring.cast::<Q>(), Wait::new(), 0u64);
    for _ in 0..count {
        sum = sum.wrapping_add(loop {
            match queue.pop() {
                Some(item) => break item,
                None => wait.turn(),
            }
        });
    }
    sum
}

unsafe extern "C" fn queue_pair<Q: Queue>(ring: *mut c_void, items: *const u64, count: u64) -> u64 {
    let (queue, items, mut sum) = (&*ring.cast::<Q>(), table(items), 0u64);
    for i in 0..count as usize {
        assert!(queue.push(items[i % TABLE_SIZE]));
        sum = sum.wrapping_add(queue.pop().unwrap());
    }
    sum
}

const fn queue<Q: Queue>(name: *const i8, version: *const i8) -> PeerRing {
    PeerRing {
        name,
        form: null(),
        version,
        create: queue_create::<Q>,
        destroy: queue_destroy::<Q>,
        produce: queue_produce::<Q>,
        consume: queue_consume::<Q>,
        pair: Some(queue_pair::<Q>),
    }
}

#[no_mangle]
pub static peer_array_queue: PeerRing =
    queue::<ArrayQueue<u64>>(c!("crossbeam ArrayQueue"), version!("crossbeam_queue"));
#[no_mangle]
pub static peer_seg_queue: PeerRing =
    queue::<SegQueue<u64>>(c!("crossbeam SegQueue"), version!("crossbeam_queue"));

const RTRB: PeerRing = PeerRing {
    name: c!("rtrb"),
    form: c!("single"),
    version: version!("rtrb"),
    create: Rtrb::create,
    destroy: Rtrb::destroy,
    produce: rtrb_produce_single,
    consume: rtrb_consume_single,
    pair: Some(rtrb_pair),
};
#[no_mangle]
pub static peer_rtrb_single: PeerRing = RTRB;
#[no_mangle]
pub static peer_rtrb_chunks: PeerRing = PeerRing {
    form: c!("chunks"),
    produce: rtrb_produce_chunks,
    consume: rtrb_consume_chunks,
    pair: None,
    ..RTRB
};
#[no_mangle]
pub static peer_rtrb_slices: PeerRing = PeerRing {
    form: c!("slices"),
    produce: rtrb_produce_slices,
    consume: rtrb_consume_slices,
    pair: None,
    ..RTRB
};
