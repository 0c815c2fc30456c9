/* For tests of the simulated EVM chains: a few accounts that send, on whichever of the two. */
#ifndef SIM_EVM_SCENE_TEST_H
#define SIM_EVM_SCENE_TEST_H
#include "sim/evm_chain.h"
#include "sim/rpc_test.h"

#define SCENE_START_MS UINT64_C(1700000000000)
#define SCENE_ACCOUNTS 4u
#define ETHER UINT64_C(1000000000000000000)

struct scene {
	struct seckey key[SCENE_ACCOUNTS];
	struct evm_address who[SCENE_ACCOUNTS]; /* client, provider, watcher, nobody's yet */
	struct evm_address contract, token;
	uint64_t nonce[SCENE_ACCOUNTS];
	uint64_t chain_id, gas_price;
	enum asset coin;
};

void scene_init(struct scene *s, uint64_t chain_id, enum asset coin, uint64_t gas_price);
struct sim_evm *scene_chain(struct peer *p);
/* "0x" and hex, lower case; borrowed until the fourth next. */
const char *scene_address(const struct evm_address *a);
struct evm_tx scene_transfer(const struct scene *s, unsigned from, unsigned to, uint64_t wei);
/* A call of a contract. */
struct evm_tx scene_call(
	const struct scene *s, unsigned from, const struct evm_address *to, struct slice data);
/* Signs and sends; the caller asks what came of it. */
struct hash256 scene_send(
	struct peer *p, const struct scene *s, unsigned from, const struct evm_tx *tx);
void scene_mine(struct peer *p);
const struct json *scene_receipt(struct peer *p, const struct hash256 *hash);
/* Sends, mines, and gives the receipt's status; 2: there is none. */
unsigned scene_did(struct peer *p, struct scene *s, unsigned from, const struct evm_tx *tx);
/* eth_call of the tip: asked, and recorded. */
void scene_ask(struct peer *p, const struct evm_address *from, const struct evm_address *to,
	struct slice data);
/* The first accounts get ten coins each. */
void scene_fund(struct peer *p, const struct scene *s);

#endif
