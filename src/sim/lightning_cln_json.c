/* The bodies of the simulated Core Lightning and of its plugin: the members that its schemas and
 * the plugin's sources have, as far as somebody asks for them. */
#include <stdio.h>

#include "sim/lightning_internal.h"

#define SHORT_ID "458x1x0" /* SIMLN_CHANNEL_ID */
#define CREATED "2027-01-15T08:00:00"

struct json *simln_cln_info_json(const struct simln *s, enum simln_side side)
{
	struct json *v = json_object();
	const struct simln_node *node = &s->node[side];
	const bool active = simln_linked(s) && !s->closed;
	json_set_hex(v, "id", "", node->pubkey.b, sizeof node->pubkey.b);
	json_set_string(v, "alias", side == SIMLN_ALICE ? "alice" : "bob");
	json_set_u64(v, "num_pending_channels", 0);
	json_set_u64(v, "num_active_channels", active);
	json_set_u64(v, "num_inactive_channels", !active && !s->closed);
	json_set_string(v, "version", "v25.05 simulated");
	json_set_u64(v, "blockheight", s->height + (node->lie[SIMLN_LIE_HEIGHT] ? 1000 : 0));
	json_set_string(v, "network", "regtest");
	if (node->lie[SIMLN_LIE_SYNCED])
		json_set_string(v, "warning_lightningd_sync", "Still loading latest blocks");
	return v;
}

/* ---- channels ---- */

/* What the node waits for is not the last step of an HTLC's life: between the two it only tells the
 * other side. */
static const char *incoming_state(const struct simln_part *p)
{
	return p->htlc == SIMLN_HTLC_HELD ? "RCVD_ADD_ACK_REVOCATION" : "SENT_REMOVE_COMMIT";
}

static struct json *htlc_json(
	const struct simln_bill *b, const struct simln_part *p, enum simln_side side)
{
	const bool incoming = b->payee == side;
	struct json *v = json_object();
	json_set_string(v, "direction", incoming ? "in" : "out");
	json_set_u64(v, "id", p->htlc_index);
	json_set_u64(v, "amount_msat", incoming ? p->msat : p->msat + p->fee);
	json_set_u64(v, "expiry", p->expiry_height);
	json_set_hex(v, "payment_hash", "", b->hash.b, sizeof b->hash.b);
	json_set_string(v, "state", incoming ? incoming_state(p) : "SENT_ADD_ACK_REVOCATION");
	return v;
}

/* A part that has not arrived is unknown to the payee. */
static struct json *htlcs_json(const struct simln *s, enum simln_side side)
{
	struct json *list = json_array();
	for (uint32_t i = 0; i < s->bill_count; i++) {
		const struct simln_bill *b = s->bill[i];
		for (uint32_t k = 0; b->payment == SIMLN_IN_FLIGHT && k < b->part_count; k++) {
			const struct simln_part *p = &b->part[k];
			if (!p->reached && !(b->payee == side && p->htlc == SIMLN_HTLC_STUCK))
				json_push(list, htlc_json(b, p, side));
		}
	}
	return list;
}

/* Ours until an HTLC is gone, and the opener's with the commitment's fee. */
static uint64_t to_us_msat(const struct simln *s, enum simln_side side)
{
	if (s->closed)
		return s->limbo[side] + s->sent[side];
	return s->local[side] + s->sent[side] +
		(side == SIMLN_ALICE ? (uint64_t)SIMLN_COMMIT_FEE_SAT * BOLT11_MSAT_PER_SAT : 0);
}

struct json *simln_cln_channels_json(const struct simln *s, enum simln_side side)
{
	static const struct hash256 funding = {{1}};
	const enum simln_side other = simln_other(side);
	struct json *list = json_array(), *out = json_object();
	json_set(out, "channels", list);
	if (s->closed && to_us_msat(s, side) == 0)
		return out;
	struct json *v = json_object();
	uint8_t txid[sizeof funding.b];
	for (size_t i = 0; i < sizeof txid; i++)
		txid[i] = funding.b[sizeof txid - 1 - i];
	json_set_hex(v, "peer_id", "", s->node[other].pubkey.b, 33);
	json_set_bool(v, "peer_connected", simln_linked(s));
	json_set_string(v, "state", s->closed ? "ONCHAIN" : "CHANNELD_NORMAL");
	json_set_string(v, "short_channel_id", SHORT_ID);
	json_set_hex(v, "funding_txid", "", txid, sizeof txid);
	json_set_u64(v, "funding_outnum", 0);
	json_set_u64(v, "total_msat", simln_capacity_msat(s));
	json_set_u64(v, "to_us_msat", to_us_msat(s, side));
	json_set_string(v, "opener", side == SIMLN_ALICE ? "local" : "remote");
	json_set(v, "htlcs", htlcs_json(s, side));
	json_push(list, v);
	return out;
}

/* ---- payments ---- */

static struct json *sendpay_json(
	const struct simln *s, const struct simln_bill *b, const struct simln_part *p)
{
	const enum simln_payment said = simln_payment_said(s, b);
	const bool paid = (p->reached && p->htlc == SIMLN_HTLC_SETTLED) ||
		(said == SIMLN_SUCCEEDED && b->payment == SIMLN_IN_FLIGHT);
	const bool failed = (p->reached && p->htlc == SIMLN_HTLC_CANCELED) ||
		(said == SIMLN_FAILED && b->payment == SIMLN_IN_FLIGHT);
	struct json *v = json_object();
	json_set_u64(v, "id", p->attempt);
	json_set_u64(v, "groupid", b->payment_index);
	json_set_hex(v, "payment_hash", "", b->hash.b, sizeof b->hash.b);
	json_set_string(v, "status", paid ? "complete" : failed ? "failed" : "pending");
	json_set_u64(v, "created_at", p->sent_s);
	json_set_u64(v, "amount_msat", p->msat);
	json_set_u64(v, "amount_sent_msat", p->msat + p->fee);
	/* of one that it says was paid and was not: any bytes */
	if (paid)
		json_set_hex(v, "payment_preimage", "",
			b->payment == SIMLN_SUCCEEDED ? b->preimage.b : b->hash.b, 32);
	return v;
}

struct json *simln_cln_payments_json(const struct simln *s, const struct simln_bill *b)
{
	struct json *v = json_object(), *list = json_array();
	json_set(v, "payments", list);
	for (uint32_t i = 0; b != NULL && i < b->part_count; i++)
		json_push(list, sendpay_json(s, b, &b->part[i]));
	return v;
}

/* ---- the plugin ---- */

static const char *const invoice_words[] = {[SIMLN_OPEN] = "unpaid",
	[SIMLN_ACCEPTED] = "accepted",
	[SIMLN_SETTLED] = "paid",
	[SIMLN_CANCELED] = "cancelled"};
static const char *const htlc_words[] = {[SIMLN_HTLC_STUCK] = "",
	[SIMLN_HTLC_HELD] = "accepted",
	[SIMLN_HTLC_SETTLED] = "paid",
	[SIMLN_HTLC_CANCELED] = "cancelled"};

static void push_row(struct json *list, const char *state, uint64_t msat, uint32_t expiry)
{
	struct json *v = json_object();
	json_set_u64(v, "id", json_count(list) + 1);
	json_set_u64(v, "invoice_id", 1);
	json_set_string(v, "state", state);
	json_set_string(v, "scid", SHORT_ID);
	json_set_u64(v, "channel_id", json_count(list));
	json_set_u64(v, "msat", msat);
	json_set_u64(v, "cltv_expiry", expiry);
	json_set_string(v, "created_at", CREATED);
	json_push(list, v);
}

static struct json *invoice_json(const struct simln *s, const struct simln_bill *b)
{
	const bool lie = b->invoice == SIMLN_OPEN && s->node[b->payee].lie[SIMLN_LIE_HELD];
	struct json *v = json_object(), *rows = json_array();
	json_set_u64(v, "id", b->add_index);
	json_set_hex(v, "payment_hash", "", b->hash.b, sizeof b->hash.b);
	if (b->known)
		json_set_hex(v, "preimage", "", b->preimage.b, sizeof b->preimage.b);
	json_set_string(v, "invoice", b->request);
	json_set_string(v, "state", invoice_words[lie ? SIMLN_ACCEPTED : b->invoice]);
	json_set_string(v, "created_at", CREATED);
	for (uint32_t i = 0; i < b->part_count; i++)
		if (b->part[i].htlc != SIMLN_HTLC_STUCK)
			push_row(rows, htlc_words[b->part[i].htlc], b->part[i].msat,
				b->part[i].expiry_height);
	if (lie)
		push_row(rows, "accepted", b->msat, s->height + b->cltv);
	json_set(v, "htlcs", rows);
	return v;
}

struct json *simln_cln_hold_json(const struct simln *s, const struct simln_bill *b)
{
	struct json *v = json_object(), *list = json_array();
	json_set(v, "holdinvoices", list);
	if (b != NULL)
		json_push(list, invoice_json(s, b));
	return v;
}
