/* layer/adapter: what a network's adapter provides: two tables of functions, which layer.c
 * dispatches over. The pure half holds no state and runs on any thread; the live half belongs to
 * the loop's thread. A new network is two more tables and a line in layer.c.
 */
#ifndef LAYER_ADAPTER_H
#define LAYER_ADAPTER_H
#include "layer/layer.h"

/* As the functions of the same names in layer.h; `network` is already known to be of this layer. */
struct layer_pure {
	enum err (*address_check)(const struct network *network, uint8_t *destination,
		size_t *destination_len, struct slice text);
	enum err (*address_format)(
		const struct network *network, char *text, struct slice destination);
	enum err (*funding_address)(
		const struct network *network, char *text, const struct pubkey *wallet);
	struct amount (*dust)(void);
	enum err (*leg_make)(struct buf *leg, const struct leg_offer *offer);
	enum err (*leg_parse)(
		struct leg_offer *offer, const struct network *network, struct slice leg);
	enum err (*leg_address)(const struct network *network, char *text, struct slice leg);
	enum err (*build)(struct buf *out, struct amount *fee, const struct network *network,
		const struct pubkey *wallet, const struct layer_plan *plan);
	enum err (*fee_bound)(struct amount *out, enum sign_purpose purpose, uint64_t rate);
	uint64_t (*gas_limit)(enum sign_purpose purpose); /* 0: no such thing here */
};

extern const struct layer_pure bitcoin_pure, rootstock_pure;

#endif
