/* sys/datagrams: UDP in trains: many datagrams with one system call, and where the kernel can, with
 * one pass through its stack.
 *
 * Purpose: a train is a run of datagrams of one size (the last may be shorter) from or to one
 * address, one after the other in memory. With UDP_GRO the kernel hands over what it received as
 * trains, with UDP_SEGMENT it takes them; both are used where the system has them, and every call
 * moves several trains (recvmmsg, sendmmsg). Where it has neither, a train is one datagram to
 * receive, and is cut up to be sent: what callers see is the same.
 * Invariants: order within a train and between trains is kept. A datagram that finds no room is
 * dropped, as UDP may, and counted.
 * Threads: one. Ownership: the descriptor stays the caller's; what was received is valid until the
 * next datagrams_receive; what is sent is borrowed until datagrams_flush returns.
 * It must not: wait. The loop says when a descriptor is ready.
 */
#ifndef SYS_DATAGRAMS_H
#define SYS_DATAGRAMS_H
#include "base/histogram.h"

struct datagrams;

#define DATAGRAM_ADDRESS_SIZE 28u /* of IPv4 or IPv6 */
#define DATAGRAM_SIZE_MAX 65507u
#define DATAGRAM_TRAIN_MAX 64u /* datagrams of one train to be sent; longer ones are cut */

struct datagram_address {
	uint8_t bytes[DATAGRAM_ADDRESS_SIZE]; /* as the system has it */
	uint32_t len;
};

struct datagram_train {
	struct slice bytes;
	uint32_t segment; /* size of each datagram but the last, which is at most that */
	struct datagram_address peer;
	uint64_t received_wall_ns; /* when the kernel got its first datagram; 0: not known, as for
				    * the first ones after the socket was opened */
};

struct datagrams_config {
	bool plain; /* without trains: for comparison, and where they are in the way */
	/* Gets, for each train, the nanoseconds from the kernel to datagrams_receive. Borrowed;
	 * NULL: not measured. */
	struct histogram *latency;
};

struct datagrams_stats {
	uint64_t received, sent, dropped; /* datagrams */
	uint64_t receive_calls, send_calls;
};

/* fd: a bound UDP socket that does not block. Returns owned. ERR_FULL no memory. */
MUST_USE NONNULL_ALL enum err datagrams_create(
	struct datagrams **out, int fd, const struct datagrams_config *config);
void datagrams_destroy(struct datagrams *d);
/* What the system gave. */
NONNULL_ALL bool datagrams_have_trains(const struct datagrams *d);
NONNULL_ALL const struct datagrams_stats *datagrams_stats(const struct datagrams *d);

typedef void (*datagram_cb)(void *ctx, const struct datagram_train *train);
/* One system call. *trains: how many came; 0: nothing is there. The callback may send. ERR_IO: an
 * error of the socket, which is taken from it: the next call goes on. */
MUST_USE enum err datagrams_receive(
	struct datagrams *d, uint32_t *trains, datagram_cb cb, void *ctx);
/* Put on the list of what datagrams_flush sends; flushes when that is full. Train of at least one
 * byte, segments of at most DATAGRAM_SIZE_MAX. */
NONNULL_ALL void datagrams_send(struct datagrams *d, const struct datagram_train *train);
NONNULL_ALL void datagrams_flush(struct datagrams *d);

#endif
