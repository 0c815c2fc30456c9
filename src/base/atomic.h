/* base/atomic: what <stdatomic.h> does not say: the size of a cache line, a full fence that
 * ThreadSanitizer understands, and the hint of a spinning processor. */
#ifndef BASE_ATOMIC_H
#define BASE_ATOMIC_H
#include <stdatomic.h>

/* What two cores can't write at once without passing it to and fro. */
#define CACHE_LINE 64u

/* A sequentially consistent fence between this thread's earlier writes and its later reads. Both
 * sides of a pair name the same word: ThreadSanitizer does not model fences, so under it the fence
 * is a read-modify-write of that word, which orders the two sides as well. */
#if defined(__SANITIZE_THREAD__)
#define FENCE_BY_WORD 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define FENCE_BY_WORD 1
#endif
#endif
#ifdef FENCE_BY_WORD
#define fence_seq_cst(word) ((void)atomic_fetch_add_explicit(word, 0, memory_order_seq_cst))
#else
#define fence_seq_cst(word) ((void)(word), atomic_thread_fence(memory_order_seq_cst))
#endif

/* One turn of a bounded spin. */
static inline void cpu_relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("isb" ::: "memory");
#else
	atomic_signal_fence(memory_order_seq_cst);
#endif
}

#endif
