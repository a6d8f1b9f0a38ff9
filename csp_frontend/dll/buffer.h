/* Bytes that grow. What was in them is overwritten before the memory is given back: it may have been a PIN. */
#ifndef PERSONAL_CSP_BUFFER_H
#define PERSONAL_CSP_BUFFER_H

#include "platform.h"

struct buffer {
    BYTE *data;
    DWORD size;
    DWORD room;
    /* Set by an append for which there was no memory; nothing is appended any more. */
    BOOL failed;
};

/* Make room for `room` bytes in all; FALSE without memory. */
BOOL buffer_reserve(struct buffer *buffer, DWORD room);

void buffer_append(struct buffer *buffer, const void *data, DWORD size);

/* Overwrite what is in it and keep the memory. */
void buffer_clear(struct buffer *buffer);

void buffer_free(struct buffer *buffer);

/* Memory that is zero; NULL if there is none. */
void *memory_new(SIZE_T size);

/* Overwrite and give back; NULL is let pass. */
void memory_free(void *memory, SIZE_T size);

#endif
