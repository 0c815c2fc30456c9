/* The tree against RFC 9162's own definitions, which are recursive and share no code with it: every
 * root, every path and every proof for all sizes up to SIZES, and no proof shows anything but what
 * it was made for. */
#include "crypto/merkle_log.h"

#include <stdlib.h>

#include "base/hex.h"
#include "crypto/hash.h"

#define SIZES 260u        /* around a power of two, with room on both sides */
#define CROSS_SIZES 20u   /* each proof against each other statement */
#define MANY 40u          /* pushed at once */
#define MUTATED_SIZES 70u /* each proof with each node and length changed */

static struct hash256 leaf[SIZES];

/* The definitions: MTH, PATH and PROOF of RFC 9162, 2.1.1, 2.1.3.1 and 2.1.4.1. */

static struct {
	struct hash256 hash;
	bool known;
} mth_known[SIZES + 1][SIZES + 1];

static size_t split(size_t n)
{
	size_t k = 1;
	while (k * 2 < n)
		k *= 2;
	return k;
}

static struct hash256 mth(size_t begin, size_t end)
{
	if (mth_known[begin][end].known)
		return mth_known[begin][end].hash;
	struct hash256 out;
	if (end == begin) {
		sha256(&out, slice_of(NULL, 0));
	} else if (end - begin == 1) {
		out = leaf[begin];
	} else {
		const size_t middle = begin + split(end - begin);
		uint8_t text[65] = {1};
		const struct hash256 left = mth(begin, middle), right = mth(middle, end);
		memcpy(text + 1, left.b, 32);
		memcpy(text + 33, right.b, 32);
		sha256(&out, slice_of(text, sizeof text));
	}
	mth_known[begin][end].hash = out;
	mth_known[begin][end].known = true;
	return out;
}

/* Many pushed at once, from each size on, as so many one by one. */
static void test_many(void)
{
	for (size_t from = 0; from < MANY; from++) {
		for (size_t count = 0; count < MANY; count++) {
			uint8_t got[MERKLE_FRONTIER_SIZE_MAX], want[MERKLE_FRONTIER_SIZE_MAX];
			struct hash256 many[MANY];
			struct merkle_frontier one, all;
			merkle_frontier_init(&one);
			for (size_t i = 0; i < from; i++)
				merkle_frontier_push(&one, &leaf[i]);
			all = one;
			for (size_t i = 0; i < count; i++)
				merkle_frontier_push(&one, &leaf[from + i]);
			memcpy(many, leaf + from, sizeof many);
			merkle_frontier_push_many(&all, many, count);
			const size_t len = merkle_frontier_encode(want, &one);
			CHECK(merkle_frontier_encode(got, &all) == len &&
				memcmp(got, want, len) == 0);
		}
	}
}

static void put(struct merkle_proof *p, struct hash256 node)
{
	CHECK(p->count < MERKLE_PROOF_MAX);
	p->node[p->count++] = node;
}

static void path(struct merkle_proof *p, size_t m, size_t begin, size_t end)
{
	if (end - begin == 1)
		return;
	const size_t k = split(end - begin);
	if (m < k) {
		path(p, m, begin, begin + k);
		put(p, mth(begin + k, end));
	} else {
		path(p, m - k, begin + k, end);
		put(p, mth(begin, begin + k));
	}
}

static void subproof(struct merkle_proof *p, size_t m, size_t begin, size_t end, bool whole)
{
	if (m == end - begin) {
		if (!whole)
			put(p, mth(begin, end));
		return;
	}
	const size_t k = split(end - begin);
	if (m <= k) {
		subproof(p, m, begin, begin + k, whole);
		put(p, mth(begin + k, end));
	} else {
		subproof(p, m - k, begin + k, end, false);
		put(p, mth(begin, begin + k));
	}
}

static void defined_path(struct merkle_proof *p, size_t index, size_t size)
{
	*p = (struct merkle_proof){0};
	path(p, index, 0, size);
}

static void defined_proof(struct merkle_proof *p, size_t from, size_t to)
{
	*p = (struct merkle_proof){0};
	if (from > 0)
		subproof(p, from, 0, to, true);
}

static bool same(const struct merkle_proof *a, const struct merkle_proof *b)
{
	return a->count == b->count && memcmp(a->node, b->node, a->count * sizeof a->node[0]) == 0;
}

/* Complete nodes, as a frontier made them, and nothing else: what was never completed is an error.
 */
struct nodes {
	struct hash256 level[10][SIZES];
	size_t count[10];
	unsigned reads;
};

static enum err read_node(void *ctx, struct hash256 *out, unsigned level, uint64_t index)
{
	struct nodes *n = ctx;
	n->reads++;
	CHECK(level < ARRAY_LEN(n->level) && index < n->count[level]);
	*out = n->level[level][index];
	return OK;
}

static void nodes_make(struct nodes *n, struct merkle_frontier *f)
{
	struct hash256 root;
	merkle_frontier_init(f);
	for (size_t i = 0; i < SIZES; i++) {
		merkle_frontier_root(&root, f);
		const struct hash256 want = mth(0, i);
		CHECK(hash256_eq(&root, &want));
		merkle_frontier_push(f, &leaf[i]);
		for (unsigned l = 0; l <= (unsigned)__builtin_ctzll(f->size); l++) {
			CHECK(n->count[l] == (f->size >> l) - 1);
			n->level[l][n->count[l]++] = f->node[l];
		}
	}
}

/* The eight entries that the first implementations of certificate transparency test with. */
static void test_published(void)
{
	static const char *const entry[8] = {"", "00", "10", "2021", "3031", "40414243",
		"5051525354555657", "606162636465666768696a6b6c6d6e6f"};
	static const char *const root[9] = {
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
		"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	};
	struct merkle_frontier f;
	struct hash256 got, want, hash;
	uint8_t bytes[16];
	size_t len;
	merkle_frontier_init(&f);
	for (size_t i = 0;; i++) {
		merkle_frontier_root(&got, &f);
		CHECK(hex_decode(want.b, sizeof want.b, slice_str(root[i])) == OK);
		CHECK(hash256_eq(&got, &want));
		if (i == 8)
			break;
		CHECK(hex_decode_var(bytes, &len, sizeof bytes, slice_str(entry[i])) == OK);
		const struct slice part[3] = {slice_of(bytes, len / 2), slice_of(NULL, 0),
			slice_of(bytes + len / 2, len - len / 2)};
		merkle_leaf_hash(&hash, slice_of(bytes, len));
		merkle_leaf_hash_parts(&want, part, ARRAY_LEN(part));
		CHECK(hash256_eq(&hash, &want));
		merkle_frontier_push(&f, &hash);
	}
}

static void test_frontier_bytes(const struct merkle_frontier *whole)
{
	static const uint64_t over[] = {MERKLE_SIZE_MAX + 1, UINT64_MAX};
	uint8_t bytes[MERKLE_FRONTIER_SIZE_MAX + 1];
	struct merkle_frontier f, got;
	struct hash256 root, want;
	merkle_frontier_init(&f);
	for (size_t n = 0; n <= SIZES; n++) {
		const size_t len = merkle_frontier_encode(bytes, &f);
		bytes[len] = 0;
		CHECK(len == 8u + 32u * (size_t)__builtin_popcountll(n));
		for (size_t cut = 0; cut < len; cut++)
			CHECK(merkle_frontier_decode(&got, slice_of(bytes, cut)) == ERR_SHORT);
		CHECK(merkle_frontier_decode(&got, slice_of(bytes, len + 1)) == ERR_FORMAT);
		CHECK(merkle_frontier_decode(&got, slice_of(bytes, len)) == OK);
		merkle_frontier_root(&root, &got);
		want = mth(0, n);
		CHECK(got.size == n && hash256_eq(&root, &want));
		if (n == SIZES)
			break;
		merkle_frontier_push(&got, &leaf[n]); /* goes on from what was read */
		f = got;
	}
	CHECK(f.size == whole->size);
	for (size_t i = 0; i < ARRAY_LEN(over); i++) {
		store_le64(bytes, over[i]);
		CHECK(merkle_frontier_decode(&got, slice_of(bytes, sizeof bytes)) == ERR_FORMAT);
	}
	f = (struct merkle_frontier){.size = MERKLE_SIZE_MAX};
	CHECK(merkle_frontier_encode(bytes, &f) == 40);
	CHECK(merkle_frontier_decode(&got, slice_of(bytes, 40)) == OK);
	f.size = MERKLE_SIZE_MAX - 1; /* all levels but one */
	CHECK(merkle_frontier_encode(bytes, &f) == MERKLE_FRONTIER_SIZE_MAX - 32);
}

static void test_inclusion(const struct merkle_reader *nodes)
{
	struct nodes *n = nodes->ctx;
	struct merkle_proof got, want;
	struct hash256 root;
	for (uint64_t size = 0; size <= SIZES; size++) {
		const struct hash256 defined = mth(0, size);
		CHECK(merkle_root(&root, size, nodes) == OK && hash256_eq(&root, &defined));
		for (uint64_t i = 0; i < size; i++) {
			n->reads = 0;
			CHECK(merkle_inclusion_prove(&got, i, size, nodes) == OK);
			CHECK(n->reads <= 2 * 9);
			defined_path(&want, i, size);
			CHECK(same(&got, &want));
			CHECK(merkle_inclusion_verify(&got, &leaf[i], i, size, &root) == OK);
		}
		CHECK(merkle_inclusion_prove(&got, size, size, nodes) == ERR_RANGE);
		CHECK(merkle_inclusion_verify(&got, &leaf[0], size, size, &root) == ERR_RANGE);
	}
}

static void test_consistency(const struct merkle_reader *nodes)
{
	struct merkle_proof got, want;
	for (size_t to = 0; to <= SIZES; to++) {
		const struct hash256 to_root = mth(0, to);
		for (size_t from = 0; from <= to; from++) {
			const struct hash256 from_root = mth(0, from);
			CHECK(merkle_consistency_prove(&got, from, to, nodes) == OK);
			defined_proof(&want, from, to);
			CHECK(same(&got, &want));
			CHECK(merkle_consistency_verify(&got, from, &from_root, to, &to_root) ==
				OK);
		}
		CHECK(merkle_consistency_prove(&got, to + 1, to, nodes) == ERR_RANGE);
		CHECK(merkle_consistency_verify(&got, to + 1, &to_root, to, &to_root) == ERR_RANGE);
	}
}

/* A proof is accepted for exactly those statements whose proof it is. */
static void test_cross(void)
{
	struct merkle_proof p, other;
	for (size_t size = 1; size <= CROSS_SIZES; size++)
		for (size_t i = 0; i < size; i++) {
			defined_path(&p, i, size);
			for (size_t m = 1; m <= CROSS_SIZES; m++)
				for (size_t k = 0; k < m; k++) {
					const struct hash256 root = mth(0, m);
					const enum err err = merkle_inclusion_verify(
						&p, &leaf[k], k, m, &root);
					defined_path(&other, k, m);
					CHECK((err == OK) == same(&p, &other));
				}
		}
	for (size_t to = 0; to <= CROSS_SIZES; to++)
		for (size_t from = 0; from <= to; from++) {
			defined_proof(&p, from, to);
			for (size_t m = 0; m <= CROSS_SIZES; m++)
				for (size_t k = 0; k <= m; k++) {
					const struct hash256 to_root = mth(0, m);
					const struct hash256 from_root = mth(0, k);
					const enum err err = merkle_consistency_verify(
						&p, k, &from_root, m, &to_root);
					defined_proof(&other, k, m);
					CHECK((err == OK) == same(&p, &other));
				}
		}
}

/* A statement, of either kind, and whether a proof is taken for it. */
struct statement {
	bool inclusion;
	uint64_t a, b; /* index and size, or both sizes */
	struct hash256 first, root;
};

static enum err verify(const struct statement *s, const struct merkle_proof *p)
{
	return s->inclusion ? merkle_inclusion_verify(p, &s->first, s->a, s->b, &s->root)
			    : merkle_consistency_verify(p, s->a, &s->first, s->b, &s->root);
}

static void refuse_mutations(const struct statement *s, const struct merkle_proof *good)
{
	struct merkle_proof p = *good;
	struct statement bad = *s;
	CHECK(verify(s, &p) == OK);
	for (size_t i = 0; i < p.count; i++) {
		uint8_t *byte = &p.node[i].b[(i * 7 + s->a) % 32];
		*byte ^= (uint8_t)(1u << (s->b % 8));
		CHECK(verify(s, &p) == ERR_CHECKSUM);
		*byte = good->node[i].b[byte - p.node[i].b];
		if (i + 1 == p.count)
			continue;
		p.node[i] = good->node[i + 1];
		p.node[i + 1] = good->node[i];
		CHECK(verify(s, &p) == ERR_CHECKSUM);
		p = *good;
	}
	for (size_t count = 0; count <= MERKLE_PROOF_MAX + 1; count++) {
		p.count = count;
		CHECK((verify(s, &p) == OK) == (count == good->count));
		CHECK(count == good->count || verify(s, &p) == ERR_FORMAT);
	}
	p = *good;
	bad.first.b[s->b % 32] ^= 1;
	CHECK(s->inclusion || s->a > 0 || s->b > 0);
	CHECK(verify(&bad, &p) == ERR_CHECKSUM);
	bad = *s;
	bad.root.b[s->a % 32] ^= 1;
	/* of what follows an empty log, a proof says nothing */
	CHECK(verify(&bad, &p) == (!s->inclusion && s->a == 0 ? OK : ERR_CHECKSUM));
	bad = *s;
	bad.b = MERKLE_SIZE_MAX + 1;
	CHECK(verify(&bad, &p) == ERR_RANGE);
}

static void test_mutations(void)
{
	struct merkle_proof p;
	for (size_t size = 1; size <= MUTATED_SIZES; size++) {
		for (size_t i = 0; i < size; i++) {
			defined_path(&p, i, size);
			refuse_mutations(
				&(struct statement){true, i, size, leaf[i], mth(0, size)}, &p);
		}
		for (size_t from = 0; from <= size; from++) {
			defined_proof(&p, from, size);
			refuse_mutations(
				&(struct statement){false, from, size, mth(0, from), mth(0, size)},
				&p);
		}
	}
}

/* Nodes of a log that nobody could store: what a proof reads stays small, at the largest size, too.
 */
static enum err made_up(void *ctx, struct hash256 *out, unsigned level, uint64_t index)
{
	unsigned *reads = ctx;
	++*reads;
	CHECK(level < MERKLE_LEVELS_MAX);
	CHECK(index < MERKLE_SIZE_MAX >> level);
	*out = (struct hash256){{(uint8_t)level, (uint8_t)index, 1}};
	return OK;
}

static enum err broken(void *ctx, struct hash256 *out, unsigned level, uint64_t index)
{
	unsigned *left = ctx;
	if (*left == 0)
		return ERR_IO;
	--*left;
	*out = (struct hash256){{(uint8_t)level, (uint8_t)index}};
	return OK;
}

static void test_bounds(void)
{
	static const uint64_t index[] = {0, 1, 2, UINT64_C(1) << 40, UINT64_C(0x2aaaaaaaaaaaaaaa),
		MERKLE_SIZE_MAX / 2, MERKLE_SIZE_MAX - 2};
	struct merkle_proof p;
	struct hash256 root;
	unsigned reads;
	const struct merkle_reader nodes = {.node = made_up, .ctx = &reads};
	for (size_t i = 0; i < ARRAY_LEN(index); i++)
		for (uint64_t size = MERKLE_SIZE_MAX - 1; size <= MERKLE_SIZE_MAX; size++) {
			reads = 0;
			CHECK(merkle_inclusion_prove(&p, index[i], size, &nodes) == OK);
			CHECK(p.count <= MERKLE_PROOF_MAX && reads <= 2 * MERKLE_LEVELS_MAX);
			reads = 0;
			CHECK(merkle_consistency_prove(&p, index[i], size, &nodes) == OK);
			CHECK(p.count <= MERKLE_PROOF_MAX && reads <= 2 * MERKLE_LEVELS_MAX);
		}
	CHECK(merkle_root(&root, MERKLE_SIZE_MAX + 1, &nodes) == ERR_RANGE);
	CHECK(merkle_inclusion_prove(&p, 0, MERKLE_SIZE_MAX + 1, &nodes) == ERR_RANGE);
	CHECK(merkle_consistency_prove(&p, 0, MERKLE_SIZE_MAX + 1, &nodes) == ERR_RANGE);
	for (unsigned whole = 0;; whole++) {
		unsigned left = whole;
		p.count = 99;
		const struct merkle_reader failing = {.node = broken, .ctx = &left};
		if (merkle_consistency_prove(&p, 37, 107, &failing) == OK) {
			CHECK(whole > 7);
			break;
		}
		CHECK(p.count == 99);
	}
}

int main(void)
{
	static struct nodes stored;
	static struct merkle_frontier f;
	const struct merkle_reader nodes = {.node = read_node, .ctx = &stored};
	for (size_t i = 0; i < SIZES; i++) {
		uint8_t entry[3] = {(uint8_t)i, (uint8_t)(i >> 8), 7};
		uint8_t text[4] = {0, entry[0], entry[1], entry[2]};
		struct hash256 want;
		merkle_leaf_hash(&leaf[i], slice_of(entry, i % 4));
		sha256(&want, slice_of(text, 1 + i % 4));
		CHECK(hash256_eq(&leaf[i], &want));
	}
	/* leaves must differ, so that exchanged ones are noticed */
	for (size_t i = 0; i < SIZES; i++) {
		uint8_t entry[2] = {(uint8_t)i, (uint8_t)(i >> 8)};
		merkle_leaf_hash(&leaf[i], slice_of(entry, sizeof entry));
	}
	test_many();
	test_published();
	nodes_make(&stored, &f);
	test_frontier_bytes(&f);
	test_inclusion(&nodes);
	test_consistency(&nodes);
	test_cross();
	test_mutations();
	test_bounds();
	return 0;
}
