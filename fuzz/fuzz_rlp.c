/* Every item of a nest of lists; what is accepted is canonical: written again it gives the same
 * bytes. */
#include "wire/rlp.h"

#define DEPTH_MAX 16u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const struct rlp_item *item, const uint8_t *start, size_t len)
{
	uint8_t storage[4096];
	struct buf b = buf_init(storage, sizeof storage);
	if (len > sizeof storage)
		return;
	if (item->is_list) {
		rlp_put_list_header(&b, item->payload.len);
		buf_put(&b, item->payload.ptr, item->payload.len);
	} else {
		CHECK(rlp_bytes_len(item->payload) == len);
		rlp_put_bytes(&b, item->payload);
	}
	CHECK(!b.overflow && b.len == len && memcmp(storage, start, len) == 0);
}

static void check_number(const struct rlp_item *item)
{
	uint8_t storage[16];
	struct buf b = buf_init(storage, sizeof storage);
	uint64_t v;
	if (rlp_get_u64(&v, item) != OK)
		return;
	rlp_put_u64(&b, v);
	CHECK(b.len == rlp_bytes_len(item->payload));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest[DEPTH_MAX] = {slice_of(data, size)};
	size_t depth = 1;
	while (depth > 0) {
		struct slice *in = &rest[depth - 1];
		const uint8_t *start = in->ptr;
		struct rlp_item item;
		if (rlp_next(&item, in) != OK) {
			depth--;
			continue;
		}
		check_again(&item, start, (size_t)(in->ptr - start));
		check_number(&item);
		if (item.is_list && depth < DEPTH_MAX)
			rest[depth++] = item.payload;
	}
	return 0;
}
