#include "buffer.h"

#include <string.h>

#define FIRST_ROOM 512u
#define MOST_ROOM 0x7FFFFFFFu

void *memory_new(SIZE_T size)
{
    return HeapAlloc(GetProcessHeap(), HEAP_ZERO_MEMORY, size);
}

void memory_free(void *memory, SIZE_T size)
{
    if (memory == NULL) {
        return;
    }
    SecureZeroMemory(memory, size);
    (void)HeapFree(GetProcessHeap(), 0, memory); /* fails for a damaged heap only, and then nothing helps */
}

BOOL buffer_reserve(struct buffer *buffer, DWORD room)
{
    BYTE *data;
    DWORD wanted = buffer->room != 0 ? buffer->room : FIRST_ROOM;

    if (room <= buffer->room) {
        return TRUE;
    }
    if (room > MOST_ROOM) {
        return FALSE;
    }
    while (wanted < room) {
        wanted *= 2;
    }
    data = memory_new(wanted); /* not HeapReAlloc, which would leave a copy behind */
    if (data == NULL) {
        return FALSE;
    }
    if (buffer->size != 0) {
        memcpy(data, buffer->data, buffer->size);
    }
    memory_free(buffer->data, buffer->size);
    buffer->data = data;
    buffer->room = wanted;
    return TRUE;
}

void buffer_append(struct buffer *buffer, const void *data, DWORD size)
{
    if (buffer->failed || size == 0) {
        return;
    }
    if (size > MOST_ROOM - buffer->size || !buffer_reserve(buffer, buffer->size + size)) {
        buffer->failed = TRUE;
        return;
    }
    memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
}

void buffer_clear(struct buffer *buffer)
{
    if (buffer->size != 0) {
        SecureZeroMemory(buffer->data, buffer->size);
    }
    buffer->size = 0;
    buffer->failed = FALSE;
}

void buffer_free(struct buffer *buffer)
{
    memory_free(buffer->data, buffer->room);
    buffer->data = NULL;
    buffer->size = 0;
    buffer->room = 0;
    buffer->failed = FALSE;
}
