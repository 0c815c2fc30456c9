#include "sign/keyfile.h"
#include "sign/message.h"
#include "sys/file_sim.h"

#include <stdlib.h>

static void test_frames(void)
{
	uint8_t bytes[256];
	const struct message sent[] = {
		{MESSAGE_HELLO, 1, {0}},
		{MESSAGE_SIGN, UINT64_MAX, slice_of("request", 7)},
		{MESSAGE_SIGN_REPLY, 3, slice_of("answer", 6)},
	};
	struct buf out = buf_init(bytes, sizeof bytes);
	for (size_t i = 0; i < ARRAY_LEN(sent); i++)
		message_put(&out, &sent[i]);
	CHECK(!out.overflow);

	size_t at = 0;
	for (size_t i = 0; i < ARRAY_LEN(sent); i++) {
		struct message m;
		size_t used = 0, len = 0;
		while (message_next(&m, &used, slice_of(bytes + at, len)) == ERR_SHORT)
			len++;
		CHECK(used == len && m.type == sent[i].type && m.id == sent[i].id);
		CHECK(slice_eq(m.payload, sent[i].payload));
		at += used;
	}
	CHECK(at == out.len);
}

static void test_garbage(void)
{
	static const struct {
		uint8_t bytes[14];
		size_t len;
	} rows[] = {
		{{0xff, 0xff, 0xff, 0xff}, 4},              /* too long */
		{{9, 0, 0, 0}, 4},                          /* too short for a header */
		{{10, 0, 0, 0, 2}, 5},                      /* version */
		{{10, 0, 0, 0, 1, 0}, 6},                   /* type */
		{{10, 0, 0, 0, 1, 5}, 6},                   /* type */
		{{11, 0, 0, 0, 1, MESSAGE_HELLO}, 6},       /* a hello says nothing */
		{{10, 0, 0, 0, 1, MESSAGE_SIGN}, 6},        /* an empty request */
		{{42, 0, 0, 0, 1, MESSAGE_HELLO_REPLY}, 6}, /* a key of 32 bytes */
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct message m;
		size_t used;
		CHECK(message_next(&m, &used, slice_of(rows[i].bytes, rows[i].len)) == ERR_FORMAT);
	}
}

static void test_keyfile(void)
{
	struct file_sim *disk = file_sim_create();
	const struct file_ops *ops = file_sim_ops(disk);
	const struct keyfile_random fresh = {{1}, {2}};
	const struct seckey key = {{1, 2, 3}};
	struct seckey opened = {0};
	struct pubkey public, wanted;
	size_t len;

	CHECK(pubkey_from_seckey(&wanted, &key) == OK);
	CHECK(keyfile_open(&opened, &public, ops, "key", slice_str("pass")) == ERR_NOT_FOUND);
	CHECK(keyfile_create(ops, "key", &key, slice_str("pass"), &fresh, false) == OK);
	CHECK(keyfile_create(ops, "key", &key, slice_str("pass"), &fresh, false) == ERR_EXISTS);
	CHECK(keyfile_open(&opened, &public, ops, "key", slice_str("pasS")) == ERR_CHECKSUM);
	CHECK(keyfile_open(&opened, &public, ops, "key", slice_str("pass")) == OK);
	CHECK(memcmp(&opened, &key, sizeof key) == 0 && memcmp(&public, &wanted, 33) == 0);
	for (size_t at = 0; file_sim_content(disk, "key", &len) != NULL && at < len; at++) {
		uint8_t *content = file_sim_content(disk, "key", &len);
		content[at] ^= 1;
		CHECK(keyfile_open(&opened, &public, ops, "key", slice_str("pass")) != OK);
		content = file_sim_content(disk, "key", &len);
		content[at] ^= 1;
	}
	uint8_t password[KEYFILE_PASSWORD_MAX];
	file_sim_put(disk, "p", slice_str("secret\nsecond line"));
	CHECK(keyfile_password(password, &len, ops, "p") == OK && len == 6);
	file_sim_put(disk, "p", slice_str("\n"));
	CHECK(keyfile_password(password, &len, ops, "p") == ERR_FORMAT);
	file_sim_destroy(disk);
}

int main(void)
{
	const uint8_t seed[32] = {1};
	secp_init(seed);
	test_frames();
	test_garbage();
	test_keyfile();
	return EXIT_SUCCESS;
}
