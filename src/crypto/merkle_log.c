#include "crypto/merkle_log.h"

#include "base/buf.h"
#include "crypto/hash.h"
#include "crypto/sha256_two.h"

#define LEAF_PARTS_MAX 8u

static const uint8_t leaf_tag = 0x00, node_tag = 0x01;

_Static_assert(MERKLE_SIZE_MAX >> (MERKLE_LEVELS_MAX - 1) == 1, "each bit of a size has a level");
_Static_assert(MERKLE_PROOF_MAX > MERKLE_LEVELS_MAX, "a node for each level, and where it starts");

void merkle_leaf_hash_parts(struct hash256 *out, const struct slice *part, size_t count)
{
	struct slice all[1 + LEAF_PARTS_MAX] = {slice_of(&leaf_tag, 1)};
	CHECK(count <= LEAF_PARTS_MAX);
	for (size_t i = 0; i < count; i++)
		all[1 + i] = part[i];
	sha256_parts(out, all, 1 + count);
}

void merkle_leaf_hash(struct hash256 *out, struct slice entry)
{
	merkle_leaf_hash_parts(out, &entry, 1);
}

void merkle_leaf_hash_many(struct hash256 *out, const struct slice *entry, size_t count)
{
	size_t i = 0;
	for (; i + 1 < count; i += 2)
		sha256_two(&out[i], &out[i + 1], leaf_tag, entry[i], entry[i + 1]);
	if (i < count)
		merkle_leaf_hash(&out[i], entry[i]);
}

void merkle_node_hash(struct hash256 *out, const struct hash256 *left, const struct hash256 *right)
{
	uint8_t text[1 + 2 * sizeof left->b];
	text[0] = node_tag;
	memcpy(text + 1, left->b, sizeof left->b);
	memcpy(text + 1 + sizeof left->b, right->b, sizeof right->b);
	sha256(out, slice_of(text, sizeof text));
}

static void empty_root(struct hash256 *out)
{
	sha256(out, slice_of(NULL, 0));
}

/* Bits up to the highest that is set. */
static unsigned width(uint64_t v)
{
	return v == 0 ? 0 : 64u - (unsigned)__builtin_clzll(v);
}

static unsigned ones(uint64_t v)
{
	return (unsigned)__builtin_popcountll(v);
}

/* the frontier */

void merkle_frontier_init(struct merkle_frontier *f)
{
	*f = (struct merkle_frontier){0};
}

void merkle_frontier_push(struct merkle_frontier *f, const struct hash256 *leaf)
{
	struct hash256 made = *leaf, parent;
	unsigned level = 0;
	CHECK(f->size < MERKLE_SIZE_MAX);
	for (; f->size >> level & 1; level++) {
		merkle_node_hash(&parent, &f->node[level], &made);
		f->node[level] = made;
		made = parent;
	}
	f->node[level] = made;
	f->size++;
}

static struct slice children(const struct hash256 *left)
{
	return slice_of((const uint8_t *)left, 2 * sizeof *left);
}

/* Neighbours become their parents, from the first place on. */
static void pair_up(struct hash256 *node, size_t pairs)
{
	size_t i = 0;
	for (; i + 1 < pairs; i += 2)
		sha256_two(&node[i], &node[i + 1], node_tag, children(&node[2 * i]),
			children(&node[2 * i + 2]));
	if (i < pairs)
		merkle_node_hash(&node[i], &node[2 * i], &node[2 * i + 1]);
}

/* An addition, level by level: what waits on a level is the left sibling of the first that comes;
 * who has no neighbour then waits; parents go on to the next. */
void merkle_frontier_push_many(struct merkle_frontier *f, struct hash256 *leaf, size_t count)
{
	CHECK(count <= MERKLE_SIZE_MAX - f->size);
	const uint64_t size = f->size + count;
	for (unsigned level = 0; count > 0; level++) {
		const size_t waiting = f->size >> level & 1, pairs = (count - waiting) / 2;
		const struct hash256 last = leaf[count - 1];
		if (waiting > 0)
			merkle_node_hash(&leaf[0], &f->node[level], &leaf[0]);
		pair_up(leaf + waiting, pairs);
		if (waiting + 2 * pairs < count)
			f->node[level] = last;
		count = waiting + pairs;
	}
	f->size = size;
}

void merkle_frontier_root(struct hash256 *out, const struct merkle_frontier *f)
{
	if (f->size == 0) {
		empty_root(out);
		return;
	}
	unsigned level = (unsigned)__builtin_ctzll(f->size);
	struct hash256 root = f->node[level];
	while (++level < MERKLE_LEVELS_MAX)
		if (f->size >> level & 1)
			merkle_node_hash(&root, &f->node[level], &root);
	*out = root;
}

size_t merkle_frontier_encode(
	uint8_t out[MERKLE_FRONTIER_SIZE_MAX], const struct merkle_frontier *f)
{
	struct buf b = buf_init(out, MERKLE_FRONTIER_SIZE_MAX);
	buf_le64(&b, f->size);
	for (unsigned level = MERKLE_LEVELS_MAX; level-- > 0;)
		if (f->size >> level & 1)
			buf_put(&b, f->node[level].b, sizeof f->node[level].b);
	CHECK(!b.overflow);
	return b.len;
}

enum err merkle_frontier_decode(struct merkle_frontier *out, struct slice in)
{
	struct merkle_frontier f = {0};
	struct reader r = reader_init(in);
	f.size = reader_le64(&r);
	if (f.size > MERKLE_SIZE_MAX)
		return ERR_FORMAT;
	for (unsigned level = MERKLE_LEVELS_MAX; level-- > 0;)
		if (f.size >> level & 1)
			reader_copy(&r, f.node[level].b, sizeof f.node[level].b);
	TRY(reader_finish(&r));
	*out = f;
	return OK;
}

/* Paths. The way from a node up to the root has two parts. Up to level `inner`, where it meets the
 * way from the last leaf, each node has a sibling, to the left or to the right. From there on it
 * runs along the right edge: siblings are to the left, and where the edge is a left child itself,
 * there is none. */

struct path {
	uint64_t index; /* of the leaf from which it starts, */
	unsigned start; /* and the level from which on it counts */
	unsigned inner;
	size_t count; /* siblings */
};

static struct path path_of(uint64_t index, unsigned start, uint64_t size)
{
	const unsigned inner = width(index ^ (size - 1));
	CHECK(index < size && start <= inner);
	return (struct path){.index = index,
		.start = start,
		.inner = inner,
		.count = inner - start + ones(index >> inner)};
}

/* A consistency proof is the path of the last node that the shorter log has completed at its end:
 * both roots follow from it. */
static struct path consistency_path(uint64_t from, uint64_t to)
{
	return path_of(from - 1, (unsigned)__builtin_ctzll(from), to);
}

/* A log of a power of two is one complete node: its root, which a verifier has already. */
static bool starts_at_root(uint64_t from)
{
	return (from & (from - 1)) == 0;
}

/* making proofs */

/* A node whose leaves may end early, at size. */
static enum err node_up_to(struct hash256 *out, unsigned level, uint64_t index, uint64_t size,
	const struct merkle_reader *nodes)
{
	struct hash256 all, left;
	bool any = false;
	if (index < size >> level)
		return nodes->node(nodes->ctx, out, level, index);
	for (unsigned l = 0; l < level; l++) {
		if ((size >> l & 1) == 0)
			continue;
		TRY(nodes->node(nodes->ctx, any ? &left : &all, l, (size >> l) - 1));
		if (any)
			merkle_node_hash(&all, &left, &all);
		any = true;
	}
	CHECK(any);
	*out = all;
	return OK;
}

enum err merkle_root(struct hash256 *out, uint64_t size, const struct merkle_reader *nodes)
{
	if (size > MERKLE_SIZE_MAX)
		return ERR_RANGE;
	if (size == 0) {
		empty_root(out);
		return OK;
	}
	return node_up_to(out, width(size - 1), 0, size, nodes);
}

static enum err path_read(struct merkle_proof *proof, const struct path *p, uint64_t size,
	const struct merkle_reader *nodes)
{
	for (unsigned level = p->start; level < MERKLE_LEVELS_MAX; level++) {
		const uint64_t at = p->index >> level;
		if (level < p->inner || (at & 1))
			TRY(node_up_to(&proof->node[proof->count++], level, at ^ 1, size, nodes));
	}
	return OK;
}

enum err merkle_inclusion_prove(
	struct merkle_proof *out, uint64_t index, uint64_t size, const struct merkle_reader *nodes)
{
	struct merkle_proof proof = {0};
	if (index >= size || size > MERKLE_SIZE_MAX)
		return ERR_RANGE;
	const struct path p = path_of(index, 0, size);
	TRY(path_read(&proof, &p, size, nodes));
	CHECK(proof.count == p.count);
	*out = proof;
	return OK;
}

enum err merkle_consistency_prove(
	struct merkle_proof *out, uint64_t from, uint64_t to, const struct merkle_reader *nodes)
{
	struct merkle_proof proof = {0};
	if (from > to || to > MERKLE_SIZE_MAX)
		return ERR_RANGE;
	if (from != 0 && from != to) {
		const struct path p = consistency_path(from, to);
		if (!starts_at_root(from))
			TRY(nodes->node(nodes->ctx, &proof.node[proof.count++], p.start,
				p.index >> p.start));
		TRY(path_read(&proof, &p, to, nodes));
		CHECK(proof.count == p.count + !starts_at_root(from));
	}
	*out = proof;
	return OK;
}

/* verification */

/* Climb the path: *root from all siblings; *edge, where wanted, from those to the left only, which
 * gives the root of the log that ends with the node where the path starts. */
static void path_climb(struct hash256 *root, struct hash256 *edge, const struct path *p,
	const struct hash256 *node)
{
	const unsigned inner = p->inner - p->start;
	for (size_t i = 0; i < p->count; i++) {
		const bool left = i >= inner || (p->index >> (p->start + i) & 1);
		if (left)
			merkle_node_hash(root, &node[i], root);
		else
			merkle_node_hash(root, root, &node[i]);
		if (left && edge != NULL)
			merkle_node_hash(edge, &node[i], edge);
	}
}

enum err merkle_inclusion_verify(const struct merkle_proof *proof, const struct hash256 *leaf,
	uint64_t index, uint64_t size, const struct hash256 *root)
{
	struct hash256 computed = *leaf;
	if (index >= size || size > MERKLE_SIZE_MAX)
		return ERR_RANGE;
	const struct path p = path_of(index, 0, size);
	if (proof->count != p.count)
		return ERR_FORMAT;
	path_climb(&computed, NULL, &p, proof->node);
	return hash256_eq(&computed, root) ? OK : ERR_CHECKSUM;
}

/* Nothing is to be proved where one log is empty or both are the same: the roots say it. */
static enum err trivial_verify(const struct merkle_proof *proof, uint64_t from,
	const struct hash256 *from_root, uint64_t to, const struct hash256 *to_root)
{
	struct hash256 empty;
	empty_root(&empty);
	if (proof->count != 0)
		return ERR_FORMAT;
	if (from == 0 && !hash256_eq(from_root, &empty))
		return ERR_CHECKSUM;
	return from < to || hash256_eq(from_root, to_root) ? OK : ERR_CHECKSUM;
}

enum err merkle_consistency_verify(const struct merkle_proof *proof, uint64_t from,
	const struct hash256 *from_root, uint64_t to, const struct hash256 *to_root)
{
	if (from > to || to > MERKLE_SIZE_MAX)
		return ERR_RANGE;
	if (from == 0 || from == to)
		return trivial_verify(proof, from, from_root, to, to_root);
	const struct path p = consistency_path(from, to);
	const bool at_root = starts_at_root(from);
	if (proof->count != p.count + !at_root)
		return ERR_FORMAT;
	struct hash256 grown = at_root ? *from_root : proof->node[0];
	struct hash256 edge = grown;
	path_climb(&grown, &edge, &p, proof->node + !at_root);
	return hash256_eq(&edge, from_root) && hash256_eq(&grown, to_root) ? OK : ERR_CHECKSUM;
}
