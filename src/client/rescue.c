#include "client/rescue.h"

#include "base/hex.h"

#include <stdio.h>
#include <stdlib.h>

static const struct {
	const char *name;
	bool terminal;
	unsigned next; /* bits of the phases that may follow */
} phases[RESCUE_PHASE_COUNT] = {
	[RESCUE_CREATED] = {"created", false, 1u << RESCUE_AGREED | 1u << RESCUE_CLOSED},
	[RESCUE_AGREED] = {"agreed", false, 1u << RESCUE_PAYING | 1u << RESCUE_CLOSED},
	[RESCUE_PAYING] = {"paying", false, 1u << RESCUE_REVEALED | 1u << RESCUE_ABANDONED},
	[RESCUE_REVEALED] = {"revealed", false, 1u << RESCUE_COMPLETED | 1u << RESCUE_ABANDONED},
	[RESCUE_ABANDONED] = {"abandoned", false,
		1u << RESCUE_REFUNDED | 1u << RESCUE_REVEALED | 1u << RESCUE_CLOSED},
	[RESCUE_COMPLETED] = {"completed", true, 0},
	[RESCUE_REFUNDED] = {"refunded", true, 0},
	[RESCUE_CLOSED] = {"closed", true, 0},
};

const char *rescue_phase_name(enum rescue_phase phase)
{
	CHECK(phase < RESCUE_PHASE_COUNT);
	return phases[phase].name;
}

bool rescue_phase_terminal(enum rescue_phase phase)
{
	CHECK(phase < RESCUE_PHASE_COUNT);
	return phases[phase].terminal;
}

bool rescue_phase_may(enum rescue_phase from, enum rescue_phase to)
{
	CHECK(from < RESCUE_PHASE_COUNT && to < RESCUE_PHASE_COUNT);
	return from == to || (phases[from].next >> to & 1u) != 0;
}

void rescue_fini(struct rescue *r)
{
	for (uint32_t i = 0; i < r->tx_count; i++)
		free(r->tx[i].raw);
	bytes_wipe(r, sizeof *r);
}

static struct key_path swap_path(const struct rescue *r, enum rescue_side side)
{
	return (struct key_path){.use = KEY_SWAP, .layer = rescue_layer(r, side), .swap = r->name};
}

enum err rescue_swap_key(struct seckey *out, const struct rescue *r, enum rescue_side side)
{
	const struct key_path path = swap_path(r, side);
	return derive_seckey(out, &r->wallet, &path);
}

enum err rescue_swap_xonly(struct xonly *out, const struct rescue *r, enum rescue_side side)
{
	struct seckey key;
	struct pubkey pub;
	bool odd;
	TRY(rescue_swap_key(&key, r, side));
	const enum err err = pubkey_from_seckey(&pub, &key);
	bytes_wipe(&key, sizeof key);
	TRY(err);
	xonly_from_pubkey(out, &odd, &pub);
	return OK;
}

enum err rescue_add_tx(struct rescue *r, const struct rescue_tx *tx, struct slice raw)
{
	if (r->tx_count == RESCUE_TX_MAX || raw.len > RESCUE_RAW_MAX)
		return ERR_FULL;
	uint8_t *copy = malloc(raw.len + 1);
	if (copy == NULL)
		return ERR_FULL;
	memcpy(copy, raw.ptr, raw.len);
	struct rescue_tx *slot = &r->tx[r->tx_count++];
	*slot = *tx;
	slot->raw = copy;
	slot->raw_len = raw.len;
	return OK;
}

enum err rescue_save(struct rescue *r, const struct file_ops *ops, const char *path)
{
	size_t len;
	r->revision++;
	char *text = rescue_print(r, &len);
	const enum err err = file_write_atomic(ops, path, slice_of(text, len));
	rescue_text_free(text, len);
	return err;
}

enum err rescue_load(struct rescue *out, struct rescue_error *error, const struct file_ops *ops,
	const char *path)
{
	uint8_t *text = malloc(RESCUE_FILE_MAX);
	size_t len;
	if (text == NULL)
		return ERR_FULL;
	enum err err = file_read_all(ops, path, text, &len, RESCUE_FILE_MAX);
	(void)snprintf(error->text, sizeof error->text, "%s", file_why(err));
	if (err == OK) {
		err = rescue_parse(out, error, slice_of(text, len));
		bytes_wipe(text, len);
	}
	free(text);
	return err;
}
