/* For tests, on Bitcoin and on Liquid: a wallet, a swap's terms and the transactions of its life on
 * a chain of their own, and a layer that watches them. */
#ifndef LAYER_BITCOIN_WORLD_TEST_H
#define LAYER_BITCOIN_WORLD_TEST_H
#include "layer/bitcoin_fake_test.h"

extern enum layer_id world_layer; /* BITCOIN or LIQUID: what begins next */
extern struct chain chain;
extern struct fake fake;
extern struct pubkey wallet;
extern struct btc_htlc terms;
extern struct slice leg;
extern struct hash256 preimage;
extern const struct id128 swap;
extern uint8_t wallet_spk[34], lock_spk[34];
extern struct chain_tx deposit, lock, claim, spend;

/* A new chain with a genesis block only, and a layer that is not started. */
void world_begin(void);
void world_begin_threads(void); /* on a real loop, blocks checked by workers */
void world_end(void);
void world_start(void); /* from the genesis */
/* Three blocks: the deposit; the lock-up; its claim and the deposit spent. */
void world_mine(void);

#endif
