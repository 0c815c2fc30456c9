/* The input finaliser of BIP-174: signatures in the order in which their script wants them. */
#include "btc/psbt_internal.h"
#include "btc/script.h"

/* Source: opcodes of Bitcoin Core's script.h. */
enum {
	OP_0 = 0x00,
	OP_PUSH_MAX = 75, /* a push of that many bytes is its own opcode */
	OP_PUSHDATA1 = 0x4c,
	OP_PUSHDATA2 = 0x4d,
	OP_1 = 0x51,
	OP_16 = 0x60,
	OP_CHECKMULTISIG = 0xae,
};

#define MULTISIG_KEYS_MAX 16u /* as many as one opcode can count */
#define ITEMS_MAX (2u + MULTISIG_KEYS_MAX)
#define SIGHASH_DEFAULT 0x00u
#define SIGHASH_ALL 0x01u
#define SIGHASH_ANY UINT32_MAX /* the field is not there */

/* What satisfies an input, as it is found. */
struct spend {
	const struct psbt *p;
	struct psbt_map map;
	uint32_t sighash; /* what the field asks for */
	struct slice item[ITEMS_MAX];
	uint32_t item_count;
	struct slice redeem; /* the script that P2SH hides; .ptr NULL: none */
	bool witness;
};

/* A field of the input with no key data; false: not there. */
static bool get(struct slice *value, const struct spend *s, uint64_t type)
{
	return psbt_get(value, s->p, s->map, type, psbt_no_key());
}

static void add_item(struct spend *s, struct slice item)
{
	CHECK(s->item_count < ITEMS_MAX);
	s->item[s->item_count++] = item;
}

/* BIP-174: an input with a signature of another hash type than its field says is not finalised;
 * where there is no field, signers sign the whole transaction. */
static enum err check_ecdsa_type(const struct spend *s, struct slice sig)
{
	const uint32_t want = s->sighash == SIGHASH_ANY ? SIGHASH_ALL : s->sighash;
	return sig.ptr[sig.len - 1] == want ? OK : ERR_REJECTED;
}

static enum err check_schnorr_type(const struct spend *s, struct slice sig)
{
	if (sig.len == 65 && sig.ptr[64] == SIGHASH_DEFAULT)
		return ERR_REJECTED; /* BIP-341: that type is not written */
	const uint32_t type = sig.len == 64 ? SIGHASH_DEFAULT : sig.ptr[64];
	if (s->sighash == SIGHASH_ANY)
		return type == SIGHASH_DEFAULT || type == SIGHASH_ALL ? OK : ERR_REJECTED;
	return type == s->sighash ? OK : ERR_REJECTED;
}

/* ---- scripts that can be satisfied ---- */

static enum err spend_key_hash(struct spend *s, const uint8_t hash[20])
{
	const struct psbt_pair *pair;
	uint32_t at = 0;
	while ((pair = psbt_next(s->p, &at, s->map, PSBT_IN_PARTIAL_SIG)) != NULL) {
		uint8_t own[20];
		hash160(own, pair->key);
		if (memcmp(own, hash, sizeof own) != 0)
			continue;
		TRY(check_ecdsa_type(s, pair->value));
		add_item(s, pair->value);
		add_item(s, pair->key);
		return OK;
	}
	return ERR_STATE;
}

struct multisig {
	uint32_t needed;
	uint32_t key_count;
	struct slice key[MULTISIG_KEYS_MAX];
};

/* <m> <key>... <n> CHECKMULTISIG, and nothing else. */
static bool multisig_parse(struct multisig *m, struct slice script)
{
	struct reader r = reader_init(script);
	const uint8_t first = reader_u8(&r);
	uint8_t op = reader_u8(&r);
	m->key_count = 0;
	for (; op == 33 || op == 65; op = reader_u8(&r)) {
		const uint8_t *key = reader_take(&r, op);
		if (key == NULL || m->key_count == MULTISIG_KEYS_MAX)
			return false;
		m->key[m->key_count++] = slice_of(key, op);
	}
	if (first < OP_1 || first > OP_16 || op < OP_1 || op > OP_16)
		return false;
	m->needed = first - (OP_1 - 1u);
	return op - (OP_1 - 1u) == m->key_count && m->needed <= m->key_count &&
		reader_u8(&r) == OP_CHECKMULTISIG && reader_finish(&r) == OK;
}

static enum err spend_multisig(struct spend *s, struct slice script)
{
	struct multisig m;
	uint32_t have = 0;
	if (!multisig_parse(&m, script))
		return ERR_NOT_FOUND;
	add_item(s, slice_of(NULL, 0)); /* CHECKMULTISIG takes one item more than it needs */
	for (uint32_t i = 0; i < m.key_count && have < m.needed; i++) {
		struct slice sig;
		if (!psbt_get(&sig, s->p, s->map, PSBT_IN_PARTIAL_SIG, m.key[i]))
			continue;
		TRY(check_ecdsa_type(s, sig));
		add_item(s, sig);
		have++;
	}
	return have == m.needed ? OK : ERR_STATE;
}

static enum err spend_witness_script(struct spend *s, struct slice program)
{
	struct slice script;
	struct hash256 h;
	if (!get(&script, s, PSBT_IN_WITNESS_SCRIPT))
		return ERR_STATE;
	sha256(&h, script);
	if (memcmp(h.b, program.ptr, sizeof h.b) != 0)
		return ERR_REJECTED;
	TRY(spend_multisig(s, script));
	add_item(s, script);
	return OK;
}

static enum err spend_taproot(struct spend *s)
{
	struct slice sig;
	if (!get(&sig, s, PSBT_IN_TAP_KEY_SIG))
		return ERR_STATE;
	TRY(check_schnorr_type(s, sig));
	add_item(s, sig);
	return OK;
}

static enum err spend_program(struct spend *s, unsigned version, struct slice program)
{
	s->witness = true;
	if (version == 0 && program.len == 20)
		return spend_key_hash(s, program.ptr);
	if (version == 0 && program.len == 32)
		return spend_witness_script(s, program);
	if (version == 1 && program.len == 32 && s->redeem.ptr == NULL)
		return spend_taproot(s);
	return ERR_NOT_FOUND;
}

/* The script of an output, or the one that P2SH hides. */
static enum err spend_script(struct spend *s, struct slice script)
{
	unsigned version;
	struct slice program;
	switch (btc_script_kind(&version, &program, script)) {
	case BTC_SCRIPT_WITNESS: return spend_program(s, version, program);
	case BTC_SCRIPT_P2PKH: return spend_key_hash(s, program.ptr);
	case BTC_SCRIPT_OTHER: return spend_multisig(s, script);
	case BTC_SCRIPT_P2SH: break;
	}
	return ERR_NOT_FOUND;
}

static enum err spend_output(struct spend *s, struct slice script, bool proven)
{
	unsigned version;
	struct slice program;
	uint8_t h[20];
	if (btc_script_kind(&version, &program, script) == BTC_SCRIPT_P2SH) {
		if (!get(&s->redeem, s, PSBT_IN_REDEEM_SCRIPT))
			return ERR_STATE;
		hash160(h, s->redeem);
		if (memcmp(h, program.ptr, sizeof h) != 0)
			return ERR_REJECTED;
		TRY(spend_script(s, s->redeem));
	} else {
		TRY(spend_script(s, script));
	}
	/* without the previous transaction nobody knows what a script without witness spends */
	return s->witness || proven ? OK : ERR_NOT_FOUND;
}

/* ---- writing it down ---- */

static void put_push(struct buf *out, struct slice item)
{
	CHECK(item.len <= UINT16_MAX); /* a redeem script of MULTISIG_KEYS_MAX keys at most */
	if (item.len > UINT8_MAX) {
		buf_u8(out, OP_PUSHDATA2);
		buf_le16(out, (uint16_t)item.len);
	} else if (item.len > OP_PUSH_MAX) {
		buf_u8(out, OP_PUSHDATA1);
		buf_u8(out, (uint8_t)item.len);
	} else {
		buf_u8(out, (uint8_t)item.len); /* OP_0 where it is empty */
	}
	buf_put(out, item.ptr, item.len);
}

static struct slice put_script_sig(struct buf *store, const struct spend *s)
{
	const size_t from = store->len;
	for (uint32_t i = 0; !s->witness && i < s->item_count; i++)
		put_push(store, s->item[i]);
	if (s->redeem.ptr != NULL)
		put_push(store, s->redeem);
	return slice_of(store->ptr + from, store->len - from);
}

static struct slice put_stack(struct buf *store, const struct spend *s)
{
	const size_t from = store->len;
	btc_put_compact(store, s->item_count);
	for (uint32_t i = 0; i < s->item_count; i++) {
		btc_put_compact(store, s->item[i].len);
		buf_put(store, s->item[i].ptr, s->item[i].len);
	}
	return slice_of(store->ptr + from, store->len - from);
}

/* Everything that only signers and finalisers need goes. */
static void drop_used(struct psbt *p, uint32_t map)
{
	const uint32_t end = psbt_map_begin(p, map + 1);
	uint32_t to = psbt_map_begin(p, map);
	for (uint32_t i = to; i < end; i++) {
		const struct psbt_field *f = psbt_field_of(PSBT_INPUT, p->room.pair[i].type);
		if (f == NULL || (f->flags & PSBT_OUTLIVES) != 0)
			p->room.pair[to++] = p->room.pair[i];
	}
	memmove(p->room.pair + to, p->room.pair + end,
		(p->pair_count - end) * sizeof *p->room.pair);
	p->pair_count -= end - to;
}

/* At least as many fields were dropped: a signature for the witness, a script for the redeem
 * script. */
static void insert_final(struct psbt *p, uint32_t map, uint64_t type, struct slice value)
{
	const struct psbt_pair pair = {map, type, psbt_no_key(), value};
	if (value.len > 0)
		CHECK(psbt_insert(p, &pair) == OK);
}

enum err psbt_finalise(struct psbt *p, uint32_t input)
{
	struct spend s = {.p = p, .map = {PSBT_INPUT, input}, .sighash = SIGHASH_ANY};
	struct buf *store = &p->room.store;
	const size_t before = store->len;
	struct btc_txout spent;
	struct slice value;
	uint32_t map;
	bool proven;
	TRY(psbt_map_number(&map, p, s.map));
	if (psbt_is_final(p, input))
		return OK;
	TRY(psbt_spent_output(&spent, &proven, p, input));
	if (get(&value, &s, PSBT_IN_SIGHASH_TYPE))
		s.sighash = load_le32(value.ptr);
	TRY(spend_output(&s, spent.script, proven));
	if (store->overflow)
		return ERR_FULL;
	const struct slice script_sig = put_script_sig(store, &s);
	const struct slice stack = s.witness ? put_stack(store, &s) : slice_of(NULL, 0);
	if (store->overflow) {
		store->len = before;
		store->overflow = false;
		return ERR_FULL;
	}
	drop_used(p, map);
	insert_final(p, map, PSBT_IN_FINAL_SCRIPTSIG, script_sig);
	insert_final(p, map, PSBT_IN_FINAL_SCRIPTWITNESS, stack);
	return OK;
}
