#include "net/lines.h"

enum err lines_take(struct lines *l, struct slice *in, struct slice *line)
{
	while (in->len > 0) {
		const uint8_t *end = memchr(in->ptr, '\n', in->len);
		const size_t len = end == NULL ? in->len : (size_t)(end - in->ptr);
		const size_t used = end == NULL ? len : len + 1;
		if (l->whole)
			l->len = 0;
		l->whole = false;
		if (len > l->cap - l->len) {
			l->len = l->cap; /* and so stays */
			return ERR_FULL;
		}
		memcpy(l->ptr + l->len, in->ptr, len);
		l->len += len;
		*in = slice_of(in->ptr + used, in->len - used);
		if (end == NULL)
			break;
		l->whole = true;
		size_t n = l->len;
		if (n > 0 && l->ptr[n - 1] == '\r')
			n--;
		if (n == 0)
			continue;
		*line = slice_of(l->ptr, n);
		return OK;
	}
	return ERR_SHORT;
}

bool lines_is_cut(const struct lines *l)
{
	return !l->whole && l->len > 0;
}
