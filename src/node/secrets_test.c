#include "node/secrets.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define T1 "0123456789abcdef0123456789abcdef"
#define T2 "fedcba9876543210fedcba9876543210"

static void put(const char *path, const char *text, mode_t mode)
{
	FILE *f = fopen(path, "w");
	CHECK(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0 && chmod(path, mode) == 0);
}

/* What everybody can read is no secret; a secret of the wrong form is not guessed at. */
static void test_files(void)
{
	static const char key[] = T1 T2;
	char path[] = "/tmp/sluice-secrets-XXXXXX", password[PASSWORD_SIZE], one[300];
	struct seal_key seal;
	struct token_set set;
	uint32_t line;
	const int file = mkstemp(path);
	CHECK(file >= 0 && close(file) == 0);

	put(path, key, 0600);
	CHECK(seal_key_load(&seal, path) == OK);
	CHECK(password_load(password, path) == OK && strcmp(password, key) == 0);
	CHECK(tokens_load(&set, &line, path) == OK && set.count == 1);
	put(path, key, 0640);
	CHECK(seal_key_load(&seal, path) == OK);
	put(path, key, 0644);
	CHECK(seal_key_load(&seal, path) == ERR_DENIED);
	CHECK(password_load(password, path) == ERR_DENIED);
	CHECK(tokens_load(&set, &line, path) == ERR_DENIED);
	put(path, key + 1, 0600);
	CHECK(seal_key_load(&seal, path) == ERR_FORMAT);
	memset(one, 'a', sizeof one - 1);
	one[sizeof one - 1] = '\0';
	put(path, one, 0600);
	CHECK(seal_key_load(&seal, path) == ERR_FORMAT);
	CHECK(password_load(password, path) == ERR_FORMAT);
	CHECK(unlink(path) == 0 && seal_key_load(&seal, path) == ERR_NOT_FOUND);
}

int main(void)
{
	static struct token_set set;
	uint32_t line;
	CHECK(tokens_parse(&set, &line, slice_str("# ours\n" T1 "\r\n\n" T2 " read-only")) == OK);
	CHECK(set.count == 2);
	CHECK(tokens_check(&set, slice_str(T1)) == TOKEN_FULL);
	CHECK(tokens_check(&set, slice_str(T2)) == TOKEN_READ);
	CHECK(tokens_check(&set, slice_str("")) == TOKEN_NONE);
	CHECK(tokens_check(&set, slice_str(T1 " ")) == TOKEN_NONE);
	CHECK(tokens_check(&set, slice_str("# ours")) == TOKEN_NONE);
	CHECK(tokens_parse(&set, &line, slice_str(T1 "\nshort\n")) == ERR_FORMAT && line == 2);
	CHECK(tokens_parse(&set, &line, slice_str("")) == ERR_FORMAT);
	CHECK(tokens_parse(&set, &line, slice_str(T1 " admin\n")) == ERR_FORMAT);
	test_files();
	return 0;
}
