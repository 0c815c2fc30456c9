/* sys/loop_uring: the ring of a loop, for those of sys that submit operations of their own on it.
 *
 * Their completions come back by the number that loop_uring_user_add gives. Threads: the loop's.
 */
#ifndef SYS_LOOP_URING_H
#define SYS_LOOP_URING_H
#include "sys/loop.h"
#include "sys/uring.h"

#define LOOP_URING_USERS_MAX 8u
#define LOOP_URING_DATA_BITS 56u /* of a user's own in each operation */

struct loop_uring_user {
	/* Returns how many callbacks it ran. */
	uint32_t (*complete)(void *ctx, uint64_t data, const struct io_uring_cqe *cqe);
	void *ctx;
	uint32_t number; /* given */
};

/* NULL: the loop is of another kind. */
struct uring *loop_uring_ring(const struct loop *loop);
MUST_USE enum err loop_uring_user_add(struct loop *loop, struct loop_uring_user *user);
void loop_uring_user_remove(struct loop *loop, const struct loop_uring_user *user);
/* user_data for an operation. */
uint64_t loop_uring_data(const struct loop_uring_user *user, uint64_t data);
/* The operation that was just filled in completes while it is submitted: the loop's next wait is
 * for one completion more. */
void loop_uring_expect(struct loop *loop);
/* Waits for completions, hands over the user's and keeps the others for the loop's next step. */
void loop_uring_drain(struct loop *loop, const struct loop_uring_user *user);

#endif
