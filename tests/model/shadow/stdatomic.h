/* Instead of the compiler's <stdatomic.h> where the real sources are compiled for the model check:
 * each atomic operation becomes a call of the explorer, with its order and its place. */
#ifndef MODEL_STDATOMIC_H
#define MODEL_STDATOMIC_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef enum {
	memory_order_relaxed,
	memory_order_acquire,
	memory_order_release,
	memory_order_acq_rel,
	memory_order_seq_cst,
} memory_order;

enum model_rmw { MODEL_ADD, MODEL_AND, MODEL_OR, MODEL_EXCHANGE };

struct model_place {
	const char *file;
	int line;
	const char *function;
};

uint64_t model_load(const volatile void *p, size_t size, memory_order o, struct model_place at);
void model_store(
	volatile void *p, size_t size, uint64_t value, memory_order o, struct model_place at);
uint64_t model_rmw(volatile void *p, size_t size, enum model_rmw op, uint64_t operand,
	memory_order o, struct model_place at);
bool model_cas(volatile void *p, size_t size, uint64_t *expected, uint64_t desired, memory_order o,
	memory_order failed, struct model_place at);
void model_fence(memory_order o, struct model_place at);
/* Memory that is not atomic, where it is shared: races are found. */
void *model_memcpy(void *to, const void *from, size_t size);

#define MODEL_AT ((struct model_place){__FILE__, __LINE__, __func__})
/* The type of an atomic object, without the qualifier. */
#define MODEL_PLAIN(p) __typeof__(((void)0, *(p)))

#define atomic_init(p, v)                                                                          \
	model_store((p), sizeof *(p), (uint64_t)(v), memory_order_relaxed, MODEL_AT)
#define atomic_load_explicit(p, o) ((MODEL_PLAIN(p))model_load((p), sizeof *(p), (o), MODEL_AT))
#define atomic_store_explicit(p, v, o) model_store((p), sizeof *(p), (uint64_t)(v), (o), MODEL_AT)
#define MODEL_RMW(p, op, v, o)                                                                     \
	((MODEL_PLAIN(p))model_rmw((p), sizeof *(p), (op), (uint64_t)(v), (o), MODEL_AT))
#define atomic_fetch_add_explicit(p, v, o) MODEL_RMW(p, MODEL_ADD, v, o)
#define atomic_fetch_and_explicit(p, v, o) MODEL_RMW(p, MODEL_AND, v, o)
#define atomic_fetch_or_explicit(p, v, o) MODEL_RMW(p, MODEL_OR, v, o)
#define atomic_exchange_explicit(p, v, o) MODEL_RMW(p, MODEL_EXCHANGE, v, o)
#define atomic_compare_exchange_strong_explicit(p, e, d, o, f)                                     \
	__extension__({                                                                            \
		uint64_t expected_ = (uint64_t) * (e);                                             \
		const bool ok_ = model_cas(                                                        \
			(p), sizeof *(p), &expected_, (uint64_t)(d), (o), (f), MODEL_AT);          \
		*(e) = (MODEL_PLAIN(p))expected_;                                                  \
		ok_;                                                                               \
	})
#define atomic_compare_exchange_weak_explicit atomic_compare_exchange_strong_explicit
#define atomic_thread_fence(o) model_fence((o), MODEL_AT)
#define atomic_signal_fence(o) ((void)(o))

#define memcpy(to, from, size) model_memcpy((to), (from), (size))

#endif
