/* The head of a snapshot's file. Input: a byte, then a head (as it is, or with sums made right when
 * the byte is odd), then a state. Whatever it is: no crash; what decodes encodes to the same bytes,
 * names a place that can be, and takes no other state than its own. */
#include "base/crc32c.h"
#include "crypto/hash.h"
#include "store/snapshot_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void make_right(uint8_t *head)
{
	struct hash256 hash;
	sha256(&hash, slice_of(head, SNAPSHOT_FILE_HEAD_SIZE - 36u));
	memcpy(head + SNAPSHOT_FILE_HEAD_SIZE - 36u, hash.b, sizeof hash.b);
	store_le32(
		head + SNAPSHOT_FILE_HEAD_SIZE - 4u, crc32c(0, head, SNAPSHOT_FILE_HEAD_SIZE - 4u));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t head[SNAPSHOT_FILE_HEAD_SIZE] = {0}, again[SNAPSHOT_FILE_HEAD_SIZE];
	struct snapshot_file f, g;
	if (size == 0)
		return 0;
	const bool right = data[0] % 2 != 0;
	const size_t len = size - 1 < sizeof head ? size - 1 : sizeof head;
	const struct slice state = slice_of(data + 1 + len, size - 1 - len);
	memcpy(head, data + 1, len);
	if (right)
		make_right(head);
	const enum err err = snapshot_file_decode(&f, slice_of(head, right ? sizeof head : len));
	CHECK(err == OK || err == ERR_SHORT || err == ERR_FORMAT || err == ERR_CHECKSUM);
	if (err != OK)
		return 0;
	CHECK(f.at.segment > 0 && f.at.offset % JOURNAL_SECTOR == 0 && snapshot_file_seq(&f) > 0);
	g = f;
	const bool own = snapshot_file_check(&f, state) == OK;
	snapshot_file_encode(again, &g, state);
	CHECK(snapshot_file_decode(&g, slice_of(again, sizeof again)) == OK);
	CHECK(snapshot_file_check(&g, state) == OK);
	CHECK(g.at.offset == f.at.offset && g.at.tree.size == f.at.tree.size);
	CHECK(own == (memcmp(again + 120, head + 120, 44) == 0));
	return 0;
}
