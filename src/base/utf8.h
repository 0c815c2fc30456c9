/* base/utf8: whether a text from outside is one. Source: RFC 3629. Pure. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H
#include "base/base.h"

/* Shortest forms only, no surrogates, nothing over U+10FFFF. */
MUST_USE bool utf8_valid(struct slice text);

#endif
