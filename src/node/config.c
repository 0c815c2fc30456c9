#include "node/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "node/config_keys.h"
#include "node/deposits.h"
#include "node/engine.h"
#include "sys/file.h"
#include "sys/yaml.h"

/* Where a value was written: part of every message about it. */
struct origin {
	const char *name; /* "sluice.yaml", "environment", "--set" */
	uint32_t line;    /* 0: none */
};

PRINTF_LIKE(4, 5)
static void complain(
	struct config_error *error, const struct origin *at, const char *path, const char *fmt, ...)
{
	struct buf b = buf_init(error->text, sizeof error->text);
	if (at->line != 0)
		buf_printf(&b, "%s:%u: ", at->name, at->line);
	else
		buf_printf(&b, "%s: ", at->name);
	if (path[0] != '\0')
		buf_printf(&b, "%s: ", path);
	va_list args;
	va_start(args, fmt);
	buf_vprintf(&b, fmt, args);
	va_end(args);
	(void)buf_cstr(&b);
}

/* ---- single values ---- */

static bool parse_u64(uint64_t *out, const char *text)
{
	uint64_t v = 0;
	if (text[0] == '\0' || (text[0] == '0' && text[1] != '\0'))
		return false;
	for (const char *p = text; *p != '\0'; p++) {
		if (*p < '0' || *p > '9')
			return false;
		const unsigned digit = (unsigned)(*p - '0');
		if (v > (UINT64_MAX - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	*out = v;
	return true;
}

static const char *put_number(uint8_t *field, const struct config_key *key, const char *value)
{
	uint64_t v = 0;
	if (!parse_u64(&v, value))
		return "must be a whole number";
	if (v < key->min || v > key->max)
		return "is out of range";
	if (key->type == CONFIG_U16)
		memcpy(field, &(uint16_t){(uint16_t)v}, sizeof(uint16_t));
	else if (key->type == CONFIG_U32)
		memcpy(field, &(uint32_t){(uint32_t)v}, sizeof(uint32_t));
	else
		memcpy(field, &v, sizeof v);
	return NULL;
}

static const char *put_text(uint8_t *field, size_t size, const char *value)
{
	const size_t len = strlen(value);
	if (len >= size)
		return "is too long";
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)value[i] < 0x20 || value[i] == 0x7f)
			return "has a control character in it";
	}
	memset(field, 0, size);
	memcpy(field, value, len);
	return NULL;
}

static struct slice trimmed(const char *begin, const char *end)
{
	while (begin < end && *begin == ' ')
		begin++;
	while (begin < end && end[-1] == ' ')
		end--;
	return slice_of(begin, (size_t)(end - begin));
}

/* One "AMOUNT:BLOCKS" of a depth list. */
static const char *parse_step(
	struct depth_step *out, enum asset asset, const char *begin, const char *end)
{
	const char *colon = memchr(begin, ':', (size_t)(end - begin));
	if (colon == NULL)
		return "must be AMOUNT:BLOCKS, AMOUNT:BLOCKS, ...";
	if (amount_parse(&out->from, asset, trimmed(begin, colon)) != OK)
		return "has an amount that is none";
	const struct slice blocks = trimmed(colon + 1, end);
	char digits[8];
	uint64_t depth = 0;
	if (blocks.len >= sizeof digits)
		return "has a number of blocks that is none";
	memcpy(digits, blocks.ptr, blocks.len);
	digits[blocks.len] = '\0';
	if (!parse_u64(&depth, digits) || depth == 0 || depth > 512)
		return "has a number of blocks that is none";
	out->depth = (uint32_t)depth;
	return NULL;
}

static const char *put_depth(struct layer_params *p, enum asset asset, const char *value)
{
	struct depth_step step[DEPTH_STEPS_MAX];
	uint32_t count = 0;
	const char *at = value;
	for (bool more = true; more; count++) {
		const char *comma = strchr(at, ',');
		if (count == DEPTH_STEPS_MAX)
			return "has too many steps";
		const char *wrong = parse_step(
			&step[count], asset, at, comma != NULL ? comma : at + strlen(at));
		if (wrong != NULL)
			return wrong;
		if (count == 0 && !amount_is_zero(step[0].from))
			return "must begin with 0:BLOCKS";
		if (count > 0 &&
			(amount_cmp(step[count - 1].from, step[count].from) >= 0 ||
				step[count - 1].depth > step[count].depth))
			return "must have ascending amounts and depths";
		more = comma != NULL;
		at = more ? comma + 1 : at;
	}
	memcpy(p->depth, step, sizeof step[0] * count);
	p->depth_steps = count;
	return NULL;
}

/* NULL, or what is wrong with it. */
static const char *put_value(struct config *c, const struct config_key *key, const char *value)
{
	uint8_t *field = (uint8_t *)c + key->offset;
	switch (key->type) {
	case CONFIG_TEXT: return put_text(field, CONFIG_TEXT_SIZE, value);
	case CONFIG_LONG_TEXT: return put_text(field, CONFIG_DESCRIPTOR_SIZE, value);
	case CONFIG_BOOL: {
		const bool on = strcmp(value, "true") == 0;
		if (!on && strcmp(value, "false") != 0)
			return "must be true or false";
		memcpy(field, &on, sizeof on);
		return NULL;
	}
	case CONFIG_U16:
	case CONFIG_U32:
	case CONFIG_U64: return put_number(field, key, value);
	case CONFIG_AMOUNT: {
		struct amount a;
		if (amount_parse(&a, layer_asset(key->layer), slice_str(value)) != OK)
			return "must be an amount in whole coins, as \"0.01\"";
		memcpy(field, &a, sizeof a);
		return NULL;
	}
	case CONFIG_NETWORK: {
		const struct network *n = network_by_name(key->layer, slice_str(value));
		if (n == NULL)
			return "is no network of this layer";
		memcpy(field, &n, sizeof n);
		return NULL;
	}
	case CONFIG_DURABILITY: {
		enum durability mode;
		if (durability_parse(&mode, value) != OK)
			return "must be group, strict or interval";
		memcpy(field, &mode, sizeof mode);
		return NULL;
	}
	case CONFIG_LOOP: {
		enum loop_backend_kind kind;
		if (loop_backend_parse(&kind, value) != OK)
			return "must be auto, epoll or uring";
		memcpy(field, &kind, sizeof kind);
		return NULL;
	}
	case CONFIG_DEPTH:
		return put_depth(&c->layer[key->layer].params, layer_asset(key->layer), value);
	}
	UNREACHABLE();
}

/* ---- keys ---- */

/* Names under which people put secrets where secrets must not be. */
static bool is_secret_name(const char *path)
{
	static const char *const secret[] = {
		"rpc_password", "seal_key", "operator_token", "operator_tokens", "password"};
	const char *dot = strrchr(path, '.');
	const char *name = dot != NULL ? dot + 1 : path;
	for (size_t i = 0; i < ARRAY_LEN(secret); i++) {
		if (strcmp(name, secret[i]) == 0)
			return true;
	}
	return false;
}

static bool url_has_password(const char *url)
{
	const char *host = strstr(url, "://");
	host = host != NULL ? host + 3 : url;
	return memchr(host, '@', strcspn(host, "/?#")) != NULL;
}

static bool find_key(struct config_key *out, const char *path)
{
	for (uint32_t i = 0; config_key_at(out, i); i++) {
		if (strcmp(out->path, path) == 0)
			return true;
	}
	return false;
}

/* How many single-character edits lie between two short names; cut off at the storage. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[64];
	const size_t a_len = strlen(a), b_len = strlen(b);
	if (b_len >= ARRAY_LEN(row))
		return UINT32_MAX;
	for (size_t j = 0; j <= b_len; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= a_len; i++) {
		unsigned diagonal = row[0];
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b_len; j++) {
			const unsigned above = row[j];
			unsigned best = diagonal + (a[i - 1] != b[j - 1] ? 1u : 0u);
			best = above + 1 < best ? above + 1 : best;
			row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
			diagonal = above;
		}
	}
	return row[b_len];
}

static void complain_unknown(struct config_error *error, const struct origin *at, const char *path)
{
	struct config_key key, nearest = {.path = ""};
	unsigned best = 4; /* further away is no misspelling */
	for (uint32_t i = 0; strlen(path) < sizeof key.path && config_key_at(&key, i); i++) {
		const unsigned d = distance(path, key.path);
		if (d < best) {
			best = d;
			nearest = key;
		}
	}
	if (nearest.path[0] != '\0')
		complain(error, at, path, "there is no such key; did you mean %s?", nearest.path);
	else
		complain(error, at, path, "there is no such key (see `sluice config explain`)");
}

static enum err set_value(struct config *c, const char *path, const char *value,
	const struct origin *at, struct config_error *error)
{
	struct config_key key;
	if (is_secret_name(path)) {
		complain(error, at, path, "secrets are kept in files: give %s_file", path);
		return ERR_DENIED;
	}
	if (!find_key(&key, path)) {
		complain_unknown(error, at, path);
		return ERR_FORMAT;
	}
	const char *name = strrchr(key.path, '.');
	if (name != NULL && strcmp(name, ".rpc_url") == 0 && url_has_password(value)) {
		complain(error, at, path,
			"no user or password in the URL: give rpc_user and rpc_password_file");
		return ERR_DENIED;
	}
	const char *wrong = put_value(c, &key, value);
	if (wrong == NULL)
		return OK;
	if (key.max != 0)
		complain(error, at, path, "\"%.60s\" %s (%llu to %llu)", value, wrong,
			(unsigned long long)key.min, (unsigned long long)key.max);
	else
		complain(error, at, path, "\"%.60s\" %s", value, wrong);
	return ERR_RANGE;
}

/* ---- sources ---- */

static void set_defaults(struct config *c)
{
	struct config_key key;
	memset(c, 0, sizeof *c);
	for (uint32_t i = 0; config_key_at(&key, i); i++)
		CHECK(put_value(c, &key, key.def) == NULL);
}

struct yaml_pass {
	struct config *config;
	struct config_error *error;
	const char *file;
};

static enum err on_yaml(void *ctx, const char *path, const char *value, uint32_t line)
{
	struct yaml_pass *pass = ctx;
	const struct origin at = {.name = pass->file, .line = line};
	return set_value(pass->config, path, value, &at, pass->error);
}

/* "bitcoin.rpc_url" as "SLUICE_BITCOIN_RPC_URL". */
static void environment_name(char name[80], const char *path)
{
	struct buf b = buf_init(name, 80);
	buf_printf(&b, "SLUICE_");
	for (const char *p = path; *p != '\0'; p++) {
		const bool lower = *p >= 'a' && *p <= 'z';
		buf_u8(&b, *p == '.' ? '_' : (uint8_t)(lower ? *p - 'a' + 'A' : *p));
	}
	(void)buf_cstr(&b);
}

/* The variable names a key, or at least a section of ours: SLUICE_BITCOIN_RPC_ULR is a mistake, and
 * SLUICE_OTHER somebody else's. */
static bool find_variable(struct config_key *out, bool *ours, const char *variable, size_t len)
{
	*ours = false;
	for (uint32_t i = 0; config_key_at(out, i); i++) {
		char name[80];
		environment_name(name, out->path);
		if (strlen(name) == len && memcmp(name, variable, len) == 0)
			return true;
		const char *dot = strchr(out->path, '.');
		const size_t section = dot != NULL ? (size_t)(dot - out->path) + 8 : 0;
		if (section != 0 && len > section && memcmp(name, variable, section) == 0)
			*ours = true;
	}
	return false;
}

static enum err from_environment(
	struct config *c, const char *const *environment, struct config_error *error)
{
	const struct origin at = {.name = "environment"};
	for (; environment != NULL && *environment != NULL; environment++) {
		struct config_key key;
		bool ours = false;
		const char *equals = strchr(*environment, '=');
		if (equals == NULL || strncmp(*environment, "SLUICE_", 7) != 0)
			continue;
		const size_t len = (size_t)(equals - *environment);
		if (find_variable(&key, &ours, *environment, len)) {
			TRY(set_value(c, key.path, equals + 1, &at, error));
		} else if (ours) {
			complain(error, &at, "", "%.*s: there is no such key",
				(int)(len < 80 ? len : 80), *environment);
			return ERR_FORMAT;
		}
	}
	return OK;
}

static enum err from_command_line(
	struct config *c, const char *const *set, size_t count, struct config_error *error)
{
	const struct origin at = {.name = "--set"};
	for (size_t i = 0; i < count; i++) {
		char path[64];
		const char *equals = strchr(set[i], '=');
		const size_t len = equals != NULL ? (size_t)(equals - set[i]) : sizeof path;
		if (len >= sizeof path) {
			complain(error, &at, "", "\"%.60s\" is not KEY=VALUE", set[i]);
			return ERR_FORMAT;
		}
		memcpy(path, set[i], len);
		path[len] = '\0';
		TRY(set_value(c, path, equals + 1, &at, error));
	}
	return OK;
}

/* An address depends on the network for its check sum: when both are known. */
static enum err finish_address(struct evm_address *out, const struct network *network,
	const char *text, const char *key, struct config_error *error)
{
	const struct origin at = {.name = "configuration"};
	if (text[0] == '\0')
		return OK;
	char path[64];
	(void)snprintf(path, sizeof path, "%s.%s", layer_name(network->layer), key);
	const enum err e = evm_address_parse(out, network->chain_id, slice_str(text));
	if (e == OK)
		return OK;
	complain(error, &at, path, "\"%.60s\" %s", text,
		e == ERR_NETWORK            ? "is an address of another network"
			: e == ERR_CHECKSUM ? "has a wrong check sum"
					    : "is not an address");
	return e == ERR_RANGE ? ERR_RANGE : ERR_FORMAT;
}

static enum err finish_addresses(struct config *c, enum layer_id id, struct config_error *error)
{
	struct config_layer *l = &c->layer[id];
	struct layer_params *p = &l->params;
	TRY(finish_address(&p->contract, p->network, l->contract, "contract", error));
	return finish_address(&p->token, p->network, l->token, "token", error);
}

enum err config_load_text(struct config *out, struct slice yaml, const struct config_source *source,
	struct config_error *error)
{
	struct config *c = malloc(sizeof *c);
	struct yaml_pass pass = {
		.config = c, .error = error, .file = source->path != NULL ? source->path : "yaml"};
	enum err e = ERR_FULL;
	error->text[0] = '\0';
	if (c == NULL)
		return e;
	set_defaults(c);
	struct yaml_error wrong = {.text = ""};
	if (yaml.len > 0 && (e = yaml_read(yaml, on_yaml, &pass, &wrong)) != OK) {
		const struct origin at = {.name = pass.file, .line = wrong.line};
		if (error->text[0] == '\0')
			complain(error, &at, "", "%s", wrong.text);
		goto out;
	}
	if ((e = from_environment(c, source->environment, error)) != OK ||
		(e = from_command_line(c, source->set, source->set_count, error)) != OK)
		goto out;
	for (unsigned i = 0; e == OK && i < LAYER_COUNT; i++)
		e = finish_addresses(c, (enum layer_id)i, error);
	if (e == OK)
		*out = *c;
out:
	free(c);
	return e;
}

enum err config_load(
	struct config *out, const struct config_source *source, struct config_error *error)
{
	if (source->path == NULL)
		return config_load_text(out, slice_of(NULL, 0), source, error);
	size_t len = 0;
	uint8_t *text = malloc(CONFIG_FILE_MAX);
	if (text == NULL)
		return ERR_FULL;
	enum err e = file_read_all(file_system(), source->path, text, &len, CONFIG_FILE_MAX);
	if (e == OK)
		e = config_load_text(out, slice_of(text, len), source, error);
	else
		complain(error, &(struct origin){.name = source->path}, "", "%s",
			e == ERR_FULL ? "too long for a configuration" : file_why(e));
	free(text);
	return e;
}

/* ---- output ---- */

void config_params(struct ledger_params *out, const struct config *c)
{
	memset(out, 0, sizeof *out);
	for (unsigned i = 0; i < LAYER_COUNT; i++)
		if (c->layer[i].enabled)
			out->layer[i] = c->layer[i].params;
	out->fee_ppm = c->fee_ppm;
	out->quote_ttl_ms = c->quote_ttl_ms;
	out->offer_ttl_ms = c->offer_ttl_ms;
	out->payout_wait_ms = c->payout_wait_ms;
	out->observation_ms = c->observation_ms;
	const struct config_layer *bitcoin = &c->layer[LAYER_BITCOIN];
	struct descriptor d;
	if (bitcoin->enabled && bitcoin->deposit_descriptor[0] != '\0' &&
		deposits_read(&d, bitcoin->params.network, bitcoin->deposit_descriptor) == NULL)
		deposits_id(&out->deposits, &d);
}

/* Values of these types are written with quotes. */
static bool is_quoted(enum config_type type)
{
	return type == CONFIG_TEXT || type == CONFIG_LONG_TEXT || type == CONFIG_AMOUNT ||
		type == CONFIG_DEPTH;
}

void config_explain(struct buf *out)
{
	char section[64] = "";
	struct config_key key;
	buf_printf(out,
		"# Every key of sluiced, with its default. Secrets are in files of their "
		"own.\n# A key of the environment: bitcoin.rpc_url is "
		"SLUICE_BITCOIN_RPC_URL.\n");
	for (uint32_t i = 0; config_key_at(&key, i); i++) {
		const char *dot = strchr(key.path, '.');
		const size_t len = dot != NULL ? (size_t)(dot - key.path) : 0;
		const char *indent = dot != NULL ? "  " : "";
		if (strlen(section) != len || strncmp(section, key.path, len) != 0) {
			memcpy(section, key.path, len);
			section[len] = '\0';
			buf_printf(out, len > 0 ? "\n%s:\n" : "\n", section);
		}
		buf_printf(out, "%s# %s", indent, key.doc);
		if (key.max != 0)
			buf_printf(out, " (%llu to %llu)", (unsigned long long)key.min,
				(unsigned long long)key.max);
		const char *quote = is_quoted(key.type) ? "\"" : "";
		buf_printf(out, "\n%s%s: %s%s%s\n", indent, dot != NULL ? dot + 1 : key.path, quote,
			key.def, quote);
	}
}

static void show_depth(struct buf *out, const struct layer_params *p)
{
	for (uint32_t i = 0; i < p->depth_steps; i++) {
		char amount[AMOUNT_TEXT_SIZE];
		amount_format(amount, p->depth[i].from);
		buf_printf(out, "%s%s:%u", i > 0 ? ", " : "", amount, p->depth[i].depth);
	}
}

static void show_value(struct buf *out, const struct config *c, const struct config_key *key)
{
	const uint8_t *field = (const uint8_t *)c + key->offset;
	union {
		bool on;
		uint16_t u16;
		uint32_t u32;
		uint64_t u64;
		struct amount amount;
		const struct network *network;
		enum loop_backend_kind loop;
		enum durability durability;
	} v;
	char amount[AMOUNT_TEXT_SIZE];
	switch (key->type) {
	case CONFIG_TEXT:
	case CONFIG_LONG_TEXT: buf_printf(out, "%s", (const char *)field); return;
	case CONFIG_BOOL:
		memcpy(&v.on, field, sizeof v.on);
		buf_printf(out, "%s", v.on ? "true" : "false");
		return;
	case CONFIG_U16:
		memcpy(&v.u16, field, sizeof v.u16);
		buf_printf(out, "%u", v.u16);
		return;
	case CONFIG_U32:
		memcpy(&v.u32, field, sizeof v.u32);
		buf_printf(out, "%u", v.u32);
		return;
	case CONFIG_U64:
		memcpy(&v.u64, field, sizeof v.u64);
		buf_printf(out, "%llu", (unsigned long long)v.u64);
		return;
	case CONFIG_AMOUNT:
		memcpy(&v.amount, field, sizeof v.amount);
		amount_format(amount, v.amount);
		buf_printf(out, "%s", amount);
		return;
	case CONFIG_NETWORK:
		memcpy(&v.network, field, sizeof v.network);
		buf_printf(out, "%s", v.network->name);
		return;
	case CONFIG_DURABILITY:
		memcpy(&v.durability, field, sizeof v.durability);
		buf_printf(out, "%s", journal_mode_name((enum journal_mode)v.durability));
		return;
	case CONFIG_LOOP:
		memcpy(&v.loop, field, sizeof v.loop);
		buf_printf(out, "%s", loop_backend_text(v.loop));
		return;
	case CONFIG_DEPTH: show_depth(out, &c->layer[key->layer].params); return;
	}
	UNREACHABLE();
}

void config_show(struct buf *out, const struct config *c)
{
	struct config_key key;
	for (uint32_t i = 0; config_key_at(&key, i); i++) {
		buf_printf(out, "%s: ", key.path);
		show_value(out, c, &key);
		buf_printf(out, "\n");
	}
}
