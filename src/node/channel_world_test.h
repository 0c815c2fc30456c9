/* A layer of channels in a world of chains made by hand: its settings, its birth, invoices, the
 * facts that its node tells, and the commands that it is given. */
#ifndef NODE_CHANNEL_WORLD_TEST_H
#define NODE_CHANNEL_WORLD_TEST_H
#include "node/engine_world_test.h"

#include "wire/bolt11.h"

#define PAYMENT_SAT UINT64_C(50000)

struct hash256 channel_hash(const struct hash256 *preimage);
void channel_invoice(
	char text[BOLT11_TEXT_MAX + 1], const struct hash256 *hash, uint64_t amount_sat);
struct layer_params channel_params(void);
void channel_begin(struct world *w);
void channel_check_snapshot(const struct world *w);
/* Each record again, from a snapshot of what was there before it. */
void channel_replay_each(struct world *w);
void channel_check_free(const struct world *w);
void channel_tell(struct world *w, const struct chain_event *e);
struct effect *channel_prepare(struct world *w, uint32_t index, enum ln_command_kind kind);
void channel_submitted(struct world *w, const struct effect *f);
struct transfer_command channel_payout(const struct world *w, const char *invoice, uint8_t id);

#endif
