#include "base/base.h"
#include "base/failure.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

const char *err_name(enum err e)
{
	switch (e) {
	case OK: return "OK";
	case ERR_FULL: return "ERR_FULL";
	case ERR_SHORT: return "ERR_SHORT";
	case ERR_FORMAT: return "ERR_FORMAT";
	case ERR_IO: return "ERR_IO";
	case ERR_TIMEOUT: return "ERR_TIMEOUT";
	case ERR_NOT_FOUND: return "ERR_NOT_FOUND";
	case ERR_EXISTS: return "ERR_EXISTS";
	case ERR_RANGE: return "ERR_RANGE";
	case ERR_DENIED: return "ERR_DENIED";
	case ERR_STATE: return "ERR_STATE";
	case ERR_CHECKSUM: return "ERR_CHECKSUM";
	case ERR_NETWORK: return "ERR_NETWORK";
	case ERR_UNAVAILABLE: return "ERR_UNAVAILABLE";
	case ERR_REJECTED: return "ERR_REJECTED";
	case ERR_CANCELLED: return "ERR_CANCELLED";
	}
	UNREACHABLE();
}

static _Atomic(void (*)(void)) failure_hook;

void check_on_failure(void (*hook)(void))
{
	/* [HOOK] release: pairs with the acquire in check_failed: what the hook uses is there */
	atomic_store_explicit(&failure_hook, hook, memory_order_release);
}

_Noreturn void check_failed(const char *expr, const char *file, int line)
{
	/* [HOOK] acquire; taken out, for a CHECK of its own may fail */
	void (*hook)(void) = atomic_exchange_explicit(&failure_hook, NULL, memory_order_acq_rel);
	if (hook != NULL)
		hook();
	(void)fprintf(stderr, "%s:%d: CHECK(%s)\n", file, line, expr);
	abort();
}

bool bytes_eq_ct(const void *a, const void *b, size_t len)
{
	const volatile uint8_t *x = a;
	const volatile uint8_t *y = b;
	uint8_t diff = 0;
	for (size_t i = 0; i < len; i++)
		diff |= (uint8_t)(x[i] ^ y[i]);
	return diff == 0;
}

void bytes_wipe(void *ptr, size_t len)
{
	if (len > 0)
		memset(ptr, 0, len);
	/* somebody may still look at it: the stores stay */
	__asm__ volatile("" : : "r"(ptr) : "memory");
}
