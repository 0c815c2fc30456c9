/* What the simulated lnd says of itself and of its channel. */
#include <stdio.h>

#include "sim/lightning_internal.h"

#define MSAT BOLT11_MSAT_PER_SAT
#define POINT_SIZE 72u

struct json *simln_info_json(const struct simln *s, enum simln_side side)
{
	struct json *v = json_object(), *chains = json_array(), *chain = json_object();
	const struct simln_node *node = &s->node[side];
	const bool active = simln_linked(s) && !s->closed;
	json_set_string(v, "version", "0.21.0-beta simulated");
	json_set_hex(v, "identity_pubkey", "", node->pubkey.b, sizeof node->pubkey.b);
	json_set_string(v, "alias", side == SIMLN_ALICE ? "alice" : "bob");
	json_set_u64(v, "num_pending_channels", 0);
	json_set_u64(v, "num_active_channels", active);
	json_set_u64(v, "num_inactive_channels", !active && !s->closed);
	json_set_u64(v, "block_height", s->height + (node->lie[SIMLN_LIE_HEIGHT] ? 1000 : 0));
	json_set_bool(v, "synced_to_chain", !node->lie[SIMLN_LIE_SYNCED]);
	json_set_string(chain, "chain", "bitcoin");
	json_set_string(chain, "network", "regtest");
	json_push(chains, chain);
	json_set(v, "chains", chains);
	return v;
}

/* The other's, as seen from here: with what a node between would have taken. */
static uint64_t remote_msat(const struct simln *s, enum simln_side side)
{
	return s->local[simln_other(side)] + s->fees;
}

static void set_amount(struct json *v, const char *key, uint64_t msat)
{
	struct json *amount = json_object();
	simln_set_digits(amount, "sat", msat / MSAT);
	simln_set_digits(amount, "msat", msat);
	json_set(v, key, amount);
}

struct json *simln_balance_json(const struct simln *s, enum simln_side side)
{
	const enum simln_side other = simln_other(side);
	struct json *v = json_object();
	simln_set_digits(v, "balance", s->local[side] / MSAT);
	json_set_string(v, "pending_open_balance", "0");
	set_amount(v, "local_balance", s->local[side]);
	set_amount(v, "remote_balance", s->closed ? 0 : remote_msat(s, side));
	/* of a channel that is closed they are in limbo */
	set_amount(v, "unsettled_local_balance", s->closed ? 0 : s->sent[other]);
	set_amount(v, "unsettled_remote_balance", s->closed ? 0 : s->sent[side]);
	set_amount(v, "pending_open_local_balance", 0);
	set_amount(v, "pending_open_remote_balance", 0);
	json_set_string(v, "custom_channel_data", "AQAA");
	return v;
}

static void print_point(char point[POINT_SIZE])
{
	static const struct hash256 funding = {{1}};
	size_t len = 0;
	for (size_t i = 0; i < sizeof funding.b; i++)
		len += (size_t)snprintf(
			point + len, POINT_SIZE - len, "%02x", funding.b[sizeof funding.b - 1 - i]);
	(void)snprintf(point + len, POINT_SIZE - len, ":0");
}

static struct json *htlc_json(
	const struct simln_bill *b, const struct simln_part *p, enum simln_side side)
{
	struct json *v = json_object();
	json_set_bool(v, "incoming", b->payee == side);
	simln_set_digits(v, "amount", (p->msat + p->fee) / MSAT);
	simln_set_base64(v, "hash_lock", b->hash.b, sizeof b->hash.b);
	json_set_u64(v, "expiration_height", p->expiry_height);
	simln_set_digits(v, "htlc_index", p->htlc_index);
	simln_set_digits(v, "forwarding_channel", 0);
	simln_set_digits(v, "forwarding_htlc_index", 0);
	return v;
}

/* Of a channel that is closed: on the chain, and neither claimed nor run out. */
static struct json *closing_htlc_json(const struct simln *s, const struct simln_bill *b,
	const struct simln_part *p, enum simln_side side)
{
	struct json *v = json_object();
	json_set_bool(v, "incoming", b->payee == side);
	simln_set_digits(v, "amount", (p->msat + p->fee) / MSAT);
	json_set_u64(v, "maturity_height", p->expiry_height);
	json_set_u64(v, "blocks_til_maturity",
		p->expiry_height > s->height ? p->expiry_height - s->height : 0);
	json_set_u64(v, "stage", 1);
	return v;
}

static struct json *htlcs_json(const struct simln *s, enum simln_side side)
{
	struct json *list = json_array();
	for (uint32_t i = 0; i < s->bill_count; i++) {
		const struct simln_bill *b = s->bill[i];
		for (uint32_t k = 0; b->payment == SIMLN_IN_FLIGHT && k < b->part_count; k++)
			if (!b->part[k].reached)
				json_push(list,
					s->closed ? closing_htlc_json(s, b, &b->part[k], side)
						  : htlc_json(b, &b->part[k], side));
	}
	return list;
}

uint64_t simln_capacity_msat(const struct simln *s)
{
	return s->config.local_msat[SIMLN_ALICE] + s->config.local_msat[SIMLN_BOB] +
		(uint64_t)SIMLN_COMMIT_FEE_SAT * MSAT;
}

struct json *simln_channels_json(const struct simln *s, enum simln_side side)
{
	const enum simln_side other = simln_other(side);
	struct json *list = json_array(), *v = json_object(), *out = json_object();
	const uint64_t sent = s->sent[side] + s->sent[other];
	char point[POINT_SIZE];
	json_set(out, "channels", list);
	if (s->closed) {
		json_free(v);
		return out;
	}
	print_point(point);
	json_set_bool(v, "active", simln_linked(s));
	json_set_hex(v, "remote_pubkey", "", s->node[other].pubkey.b, 33);
	json_set_string(v, "channel_point", point);
	simln_set_digits(v, "chan_id", SIMLN_CHANNEL_ID);
	simln_set_digits(v, "capacity", simln_capacity_msat(s) / MSAT);
	simln_set_digits(v, "local_balance", s->local[side] / MSAT);
	simln_set_digits(v, "remote_balance", remote_msat(s, side) / MSAT);
	simln_set_digits(v, "commit_fee", SIMLN_COMMIT_FEE_SAT);
	simln_set_digits(v, "unsettled_balance", sent / MSAT);
	json_set_bool(v, "private", false);
	json_set_bool(v, "initiator", side == SIMLN_ALICE);
	json_set(v, "pending_htlcs", htlcs_json(s, side));
	json_push(list, v);
	return out;
}

/* What lnd calls limbo of a channel that was closed by force: its side's balance, what it has sent
 * that is not resolved, and also what was sent to it. */
struct json *simln_pending_json(const struct simln *s, enum simln_side side)
{
	struct json *v = json_object(), *closing = json_array();
	const uint64_t sent = s->sent[side] + s->sent[simln_other(side)];
	const uint64_t limbo = s->closed ? s->limbo[side] + sent : 0;
	simln_set_digits(v, "total_limbo_balance", limbo / MSAT);
	json_set(v, "pending_open_channels", json_array());
	json_set(v, "pending_closing_channels", json_array());
	json_set(v, "pending_force_closing_channels", closing);
	json_set(v, "waiting_close_channels", json_array());
	if (limbo == 0)
		return v;
	struct json *one = json_object(), *channel = json_object();
	char point[POINT_SIZE];
	print_point(point);
	json_set_hex(channel, "remote_node_pub", "", s->node[simln_other(side)].pubkey.b, 33);
	json_set_string(channel, "channel_point", point);
	simln_set_digits(channel, "capacity", simln_capacity_msat(s) / MSAT);
	simln_set_digits(channel, "local_balance", limbo / MSAT);
	simln_set_digits(channel, "remote_balance", 0);
	json_set(one, "channel", channel);
	simln_set_digits(one, "limbo_balance", limbo / MSAT);
	json_set_u64(one, "maturity_height", s->close_height + SIMLN_LIMBO_BLOCKS);
	json_set(one, "pending_htlcs", htlcs_json(s, side));
	json_push(closing, one);
	return v;
}

struct json *simln_error_json(unsigned code, const char *message)
{
	struct json *v = json_object();
	json_set_u64(v, "code", code);
	json_set_string(v, "message", message);
	json_set(v, "details", json_array());
	return v;
}
