/* A psbt that parses is written back as the same bytes; it combines with itself to itself; an input
 * that can be finalised leaves one that parses. */
#include "btc/psbt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PAIRS 1024u
#define TXS 64u
#define ROOM (64u * 1024u)

static struct psbt_pair pairs[2][PAIRS];
static struct btc_txin ins[2][TXS];
static struct btc_txout outs[2][TXS];
static uint8_t stores[2][ROOM], written[2][2 * ROOM];

static struct psbt_room room(unsigned i)
{
	return (struct psbt_room){
		pairs[i], PAIRS, ins[i], TXS, outs[i], TXS, buf_init(stores[i], sizeof stores[i])};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct psbt p, other;
	struct psbt_room r = room(0), second = room(1);
	if (size > ROOM || psbt_parse(&p, &r, slice_of(data, size)) != OK)
		return 0;
	struct buf out = buf_init(written[0], sizeof written[0]);
	psbt_put(&out, &p);
	CHECK(!out.overflow && slice_eq(buf_slice(&out), slice_of(data, size)));
	CHECK(psbt_parse(&other, &second, slice_of(data, size)) == OK);
	CHECK(psbt_combine(&p, &other) == (p.locktime_known ? OK : ERR_REJECTED));
	out = buf_init(written[0], sizeof written[0]);
	psbt_put(&out, &p);
	CHECK(slice_eq(buf_slice(&out), slice_of(data, size)));
	bool all = p.locktime_known && p.tx.in_count > 0 && p.tx.out_count > 0;
	for (uint32_t i = 0; i < p.tx.in_count; i++) {
		const enum err err = psbt_finalise(&p, i);
		CHECK((err == OK) == psbt_is_final(&p, i));
		all = all && err == OK;
	}
	out = buf_init(written[0], sizeof written[0]);
	psbt_put(&out, &p);
	CHECK(!out.overflow && psbt_parse(&other, &second, buf_slice(&out)) == OK);
	out = buf_init(written[1], sizeof written[1]);
	CHECK(psbt_extract(&out, &p) == (all ? OK : ERR_STATE));
	return 0;
}
