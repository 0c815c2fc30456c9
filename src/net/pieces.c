#include "net/pieces.h"

#include <stdlib.h>

static struct piece *piece_make(struct slice bytes)
{
	struct piece *piece = malloc(sizeof *piece + bytes.len);
	if (piece == NULL)
		return NULL;
	atomic_init(&piece->next, NULL);
	piece->len = bytes.len;
	if (bytes.len > 0)
		memcpy(piece->bytes, bytes.ptr, bytes.len);
	return piece;
}

bool pieces_init(struct pieces *p)
{
	*p = (struct pieces){0};
	p->first = p->last = piece_make(slice_of(NULL, 0));
	return p->first != NULL;
}

void pieces_fini(struct pieces *p)
{
	for (struct piece *piece = p->first, *next; piece != NULL; piece = next) {
		next = atomic_load_explicit(&piece->next, memory_order_relaxed);
		free(piece);
	}
	p->first = p->last = NULL;
}

enum err pieces_write(struct pieces *p, struct slice bytes, size_t backlog_max)
{
	if (bytes.len == 0)
		return OK;
	/* [TAKEN] relaxed: a count; an older value only makes the backlog look longer */
	const uint64_t backlog = p->written - atomic_load_explicit(&p->taken, memory_order_relaxed);
	if (backlog > backlog_max || bytes.len > backlog_max - backlog)
		return ERR_FULL;
	struct piece *piece = piece_make(bytes);
	if (piece == NULL)
		return ERR_FULL;
	p->written += bytes.len;
	/* [PIECE] release: pairs with the acquire in `step` */
	atomic_store_explicit(&p->last->next, piece, memory_order_release);
	p->last = piece;
	return OK;
}

/* To the next piece, when the first is used up. False: there is none now. */
static bool step(struct pieces *p)
{
	struct piece *piece = p->first;
	if (p->used < piece->len)
		return true;
	/* [PIECE] acquire: pairs with the release in pieces_write */
	struct piece *next = atomic_load_explicit(&piece->next, memory_order_acquire);
	if (next == NULL)
		return false;
	p->first = next;
	p->used = 0;
	free(piece);
	return true;
}

static void take(struct pieces *p, size_t len)
{
	p->used += len;
	/* [TAKEN] only this side writes it */
	atomic_store_explicit(&p->taken,
		atomic_load_explicit(&p->taken, memory_order_relaxed) + len, memory_order_relaxed);
}

size_t pieces_read(struct pieces *p, void *out, size_t max)
{
	size_t len = 0;
	while (len < max && step(p)) {
		const size_t left = p->first->len - p->used;
		const size_t n = left < max - len ? left : max - len;
		memcpy((uint8_t *)out + len, p->first->bytes + p->used, n);
		take(p, n);
		len += n;
	}
	return len;
}

struct slice pieces_next(struct pieces *p)
{
	if (!step(p))
		return slice_of(NULL, 0);
	const struct slice bytes = slice_of(p->first->bytes + p->used, p->first->len - p->used);
	take(p, bytes.len);
	return bytes;
}
