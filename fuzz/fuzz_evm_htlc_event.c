/* Logs and encoded terms. A log: a count of topics, the topics, the data. Four low values of a
 * topic's first byte stand for the events' own topics, so that random input reaches behind them. */
#include "crypto/hash.h"
#include "wire/evm_htlc.h"

#define TOPIC_MAX 5u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_event(const struct evm_htlc_event *e)
{
	struct evm_address contract = {{1}};
	struct evm_htlc h;
	struct hash256 hash;
	switch (e->kind) {
	case EVM_HTLC_LOCKUP: evm_htlc_from_lockup(&h, e, &contract, 31); break;
	case EVM_HTLC_CLAIM:
		sha256(&hash, slice_of(e->preimage.b, sizeof e->preimage.b));
		CHECK(hash256_eq(&hash, &e->hash));
		break;
	case EVM_HTLC_REFUND:
	case EVM_HTLC_SETTLED: break;
	}
}

static void try_log(struct slice in)
{
	const struct hash256 *known[] = {&evm_htlc_topic_lockup, &evm_htlc_topic_claim,
		&evm_htlc_topic_refund, &evm_htlc_topic_settled};
	struct reader r = reader_init(in);
	struct hash256 topic[TOPIC_MAX];
	struct evm_htlc_event e;
	const size_t count = reader_u8(&r) % (TOPIC_MAX + 1);
	for (size_t i = 0; i < count; i++)
		reader_copy(&r, topic[i].b, sizeof topic[i].b);
	if (r.failed)
		return;
	if (count > 0 && topic[0].b[0] < ARRAY_LEN(known))
		topic[0] = *known[topic[0].b[0]];
	if (evm_htlc_event_parse(&e, ASSET_RBTC, topic, count, slice_of(r.ptr, r.left)) == OK)
		check_event(&e);
}

static void try_terms(struct slice in)
{
	uint8_t storage[EVM_HTLC_SIZE], call[EVM_HTLC_CALL_MAX];
	struct buf b = buf_init(storage, sizeof storage), c = buf_init(call, sizeof call);
	struct evm_htlc h;
	if (evm_htlc_parse(&h, LAYER_ROOTSTOCK, in) != OK)
		return;
	evm_htlc_put(&b, &h);
	CHECK(!b.overflow && slice_eq(buf_slice(&b), in));
	evm_htlc_claim_call(&c, &h, &h.hash);
	CHECK(!c.overflow);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct slice in = slice_of(data, size);
	try_log(in);
	try_terms(in);
	return 0;
}
