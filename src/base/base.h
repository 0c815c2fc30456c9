/* base: what every module may assume. No allocation, no system calls, no globals that change.
 *
 * Errors are operating errors: a bug is never an error code, it is a CHECK, and CHECKs stay on in
 * release builds. Nothing that comes from outside reaches a CHECK before it is validated.
 * Threads: every function of this module is safe to call from any thread on its own arguments.
 */
#ifndef BASE_BASE_H
#define BASE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MUST_USE __attribute__((warn_unused_result))
#define NONNULL_ALL __attribute__((nonnull))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

enum err {
	OK = 0,
	ERR_FULL = -1,         /* a stated bound was reached; the caller applies back-pressure */
	ERR_SHORT = -2,        /* input ends early; more bytes may make it valid */
	ERR_FORMAT = -3,       /* no further bytes can make it valid */
	ERR_IO = -4,           /* the system or the network failed; the effect is unknown */
	ERR_TIMEOUT = -5,      /* no answer in time; the effect is unknown */
	ERR_NOT_FOUND = -6,    /* asked and answered: it is not there */
	ERR_EXISTS = -7,       /* it is there already, and differs */
	ERR_RANGE = -8,        /* a number outside what its type or its asset allows */
	ERR_DENIED = -9,       /* refused by policy, authentication or permission */
	ERR_STATE = -10,       /* valid, but not in this state */
	ERR_CHECKSUM = -11,    /* well-formed, but its check sum or signature is wrong */
	ERR_NETWORK = -12,     /* valid on another network */
	ERR_UNAVAILABLE = -13, /* not reachable or not ready; nothing was done */
	ERR_REJECTED = -14,    /* the other side answered no, for good */
	ERR_CANCELLED = -15,   /* the caller withdrew the request */
};

/* The name of the enumerator, "ERR_SHORT"; a static string. */
const char *err_name(enum err e);

_Noreturn void check_failed(const char *expr, const char *file, int line);

#define CHECK(x) ((x) ? (void)0 : check_failed(#x, __FILE__, __LINE__))
#define UNREACHABLE() check_failed("unreachable", __FILE__, __LINE__)

/* Return early with the error of an expression. */
#define TRY(expr)                                                                                  \
	do {                                                                                       \
		const enum err try_err_ = (expr);                                                  \
		if (try_err_ != OK)                                                                \
			return try_err_;                                                           \
	} while (0)

/* Borrowed bytes: the holder of a slice never frees it. */
struct slice {
	const uint8_t *ptr;
	size_t len;
};

static inline struct slice slice_of(const void *ptr, size_t len)
{
	return (struct slice){.ptr = ptr, .len = len};
}

static inline struct slice slice_str(const char *s)
{
	return (struct slice){.ptr = (const uint8_t *)s, .len = strlen(s)};
}

static inline bool slice_eq(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* A 32-byte hash, id of a block or a transaction, in the byte order in which it is hashed. */
struct hash256 {
	uint8_t b[32];
};

/* An identifier that we give: transfers, swaps, effects, requests. */
struct id128 {
	uint8_t b[16];
};

static inline bool hash256_eq(const struct hash256 *a, const struct hash256 *b)
{
	return memcmp(a->b, b->b, sizeof a->b) == 0;
}

static inline bool hash256_is_zero(const struct hash256 *a)
{
	static const struct hash256 zero;
	return hash256_eq(a, &zero);
}

static inline bool id128_eq(const struct id128 *a, const struct id128 *b)
{
	return memcmp(a->b, b->b, sizeof a->b) == 0;
}

/* Equal or not in a time that depends on len alone: for secrets, tokens, MACs. */
MUST_USE NONNULL_ALL bool bytes_eq_ct(const void *a, const void *b, size_t len);
/* Overwrite a secret so that the compiler can't leave it out. */
NONNULL_ALL void bytes_wipe(void *ptr, size_t len);

static inline uint16_t load_le16(const uint8_t *b)
{
	return (uint16_t)(b[0] | b[1] << 8);
}
static inline uint32_t load_le32(const uint8_t *b)
{
	return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}
static inline uint64_t load_le64(const uint8_t *b)
{
	return (uint64_t)load_le32(b) | (uint64_t)load_le32(b + 4) << 32;
}
static inline uint32_t load_be32(const uint8_t *b)
{
	return (uint32_t)b[3] | (uint32_t)b[2] << 8 | (uint32_t)b[1] << 16 | (uint32_t)b[0] << 24;
}
static inline uint64_t load_be64(const uint8_t *b)
{
	return (uint64_t)load_be32(b) << 32 | (uint64_t)load_be32(b + 4);
}
static inline void store_le16(uint8_t *b, uint16_t v)
{
	b[0] = (uint8_t)v;
	b[1] = (uint8_t)(v >> 8);
}
static inline void store_le32(uint8_t *b, uint32_t v)
{
	store_le16(b, (uint16_t)v);
	store_le16(b + 2, (uint16_t)(v >> 16));
}
static inline void store_le64(uint8_t *b, uint64_t v)
{
	store_le32(b, (uint32_t)v);
	store_le32(b + 4, (uint32_t)(v >> 32));
}
static inline void store_be32(uint8_t *b, uint32_t v)
{
	b[0] = (uint8_t)(v >> 24);
	b[1] = (uint8_t)(v >> 16);
	b[2] = (uint8_t)(v >> 8);
	b[3] = (uint8_t)v;
}
static inline void store_be64(uint8_t *b, uint64_t v)
{
	store_be32(b, (uint32_t)(v >> 32));
	store_be32(b + 4, (uint32_t)v);
}

#endif
