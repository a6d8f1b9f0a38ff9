/* Numbers and values as they stand on the wire: little endian, nothing nests (docs/csp.md, "Frames"). */
#ifndef PERSONAL_CSP_VALUES_H
#define PERSONAL_CSP_VALUES_H

#include "buffer.h"
#include "calls.h"

/* Appending: what does not fit sets `failed` of the buffer, which is looked at once, at the end. */

void put_u16(struct buffer *to, DWORD number);
void put_u32(struct buffer *to, DWORD number);

void put_nothing(struct buffer *to);
void put_number(struct buffer *to, DWORD number);
void put_handle(struct buffer *to, ULONGLONG handle);
void put_bytes(struct buffer *to, const void *data, DWORD size);

/* ERROR_INVALID_PARAMETER for a text that is too long or none at all; NULL goes as nothing. */
DWORD put_wide_text(struct buffer *to, const WCHAR *text);
DWORD put_ansi_text(struct buffer *to, const char *text);

/* The same without the kind in front: how texts stand in greetings. Cut off where it is too long. */
void put_bare_text(struct buffer *to, const WCHAR *text);

/* Taking apart. Behind the end there are zeros, and `failed` is set. */

struct reader {
    const BYTE *at;
    DWORD left;
    BOOL failed;
};

struct value {
    enum value_kind kind;
    DWORD number;
    ULONGLONG handle;
    /* Bytes or UTF-8 without NUL, inside what is being read. */
    const BYTE *data;
    DWORD size;
};

DWORD take_u16(struct reader *from);
DWORD take_u32(struct reader *from);
const BYTE *take(struct reader *from, DWORD size);

/* `u16` size and so many bytes. */
void take_text(struct reader *from, const BYTE **text, DWORD *size);

/* A count and so many values, to the last byte of what is read; FALSE for anything else. */
BOOL take_values(struct reader *from, struct value values[WIRE_MAX_VALUES], DWORD *count);

#endif
