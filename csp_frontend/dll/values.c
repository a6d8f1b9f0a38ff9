#include "values.h"

#include <string.h>

void put_u16(struct buffer *to, DWORD number)
{
    const BYTE bytes[2] = {(BYTE)(number & 0xFF), (BYTE)(number >> 8 & 0xFF)};

    buffer_append(to, bytes, sizeof bytes);
}

void put_u32(struct buffer *to, DWORD number)
{
    put_u16(to, number & 0xFFFF);
    put_u16(to, number >> 16);
}

static void put_kind(struct buffer *to, enum value_kind kind)
{
    const BYTE byte = (BYTE)kind;

    buffer_append(to, &byte, 1);
}

void put_nothing(struct buffer *to)
{
    put_kind(to, VALUE_NOTHING);
}

void put_number(struct buffer *to, DWORD number)
{
    put_kind(to, VALUE_NUMBER);
    put_u32(to, number);
}

void put_handle(struct buffer *to, ULONGLONG handle)
{
    put_kind(to, VALUE_HANDLE);
    put_u32(to, (DWORD)(handle & 0xFFFFFFFF));
    put_u32(to, (DWORD)(handle >> 32));
}

void put_bytes(struct buffer *to, const void *data, DWORD size)
{
    put_kind(to, VALUE_BYTES);
    put_u32(to, size);
    buffer_append(to, data, size);
}

DWORD put_wide_text(struct buffer *to, const WCHAR *text)
{
    char utf8[WIRE_MAX_TEXT + 1];
    int size;

    if (text == NULL) {
        put_nothing(to);
        return ERROR_SUCCESS;
    }
    size = WideCharToMultiByte(CP_UTF8, WC_ERR_INVALID_CHARS, text, -1, utf8, (int)sizeof utf8, NULL, NULL);
    if (size <= 0) {
        return ERROR_INVALID_PARAMETER;
    }
    put_kind(to, VALUE_TEXT);
    put_u16(to, (DWORD)size - 1);
    buffer_append(to, utf8, (DWORD)size - 1);
    return ERROR_SUCCESS;
}

DWORD put_ansi_text(struct buffer *to, const char *text)
{
    WCHAR wide[WIRE_MAX_TEXT + 1];

    if (text == NULL) {
        put_nothing(to);
        return ERROR_SUCCESS;
    }
    if (MultiByteToWideChar(CP_ACP, MB_ERR_INVALID_CHARS, text, -1, wide, (int)(sizeof wide / sizeof *wide)) <= 0) {
        return ERROR_INVALID_PARAMETER;
    }
    return put_wide_text(to, wide);
}

void put_bare_text(struct buffer *to, const WCHAR *text)
{
    enum { MOST = 100 }; /* characters; three bytes of UTF-8 each at most */
    char utf8[3 * MOST];
    int length = 0;
    int size;

    while (length < MOST && text[length] != 0) {
        length++;
    }
    /* Half a character at the place of the cut becomes U+FFFD. */
    size = length == 0 ? 0 : WideCharToMultiByte(CP_UTF8, 0, text, length, utf8, (int)sizeof utf8, NULL, NULL);
    size = size < 0 ? 0 : size;
    put_u16(to, (DWORD)size);
    buffer_append(to, utf8, (DWORD)size);
}

const BYTE *take(struct reader *from, DWORD size)
{
    const BYTE *found = from->at;

    if (from->failed || size > from->left) {
        from->failed = TRUE;
        return NULL;
    }
    from->at += size;
    from->left -= size;
    return found;
}

DWORD take_u16(struct reader *from)
{
    const BYTE *bytes = take(from, 2);

    return bytes == NULL ? 0 : bytes[0] | (DWORD)bytes[1] << 8;
}

DWORD take_u32(struct reader *from)
{
    const DWORD low = take_u16(from);

    return low | take_u16(from) << 16;
}

static void take_bytes(struct reader *from, const BYTE **data, DWORD *size)
{
    const DWORD told = take_u32(from);
    const BYTE *found = take(from, told);

    *data = found;
    *size = found == NULL ? 0 : told;
}

void take_text(struct reader *from, const BYTE **text, DWORD *size)
{
    const DWORD told = take_u16(from);
    const BYTE *found = told > WIRE_MAX_TEXT ? NULL : take(from, told);

    if (found == NULL || memchr(found, 0, told) != NULL) {
        from->failed = TRUE;
        found = NULL;
    }
    *text = found;
    *size = found == NULL ? 0 : told;
}

static void take_value(struct reader *from, struct value *value)
{
    const BYTE *kind = take(from, 1);
    DWORD low;

    memset(value, 0, sizeof *value);
    if (kind == NULL) {
        return;
    }
    value->kind = (enum value_kind)*kind;
    switch (*kind) {
    case VALUE_NOTHING:
        break;
    case VALUE_NUMBER:
        value->number = take_u32(from);
        break;
    case VALUE_HANDLE:
        low = take_u32(from);
        value->handle = low | (ULONGLONG)take_u32(from) << 32;
        break;
    case VALUE_BYTES:
        take_bytes(from, &value->data, &value->size);
        break;
    case VALUE_TEXT:
        take_text(from, &value->data, &value->size);
        break;
    default:
        from->failed = TRUE;
        break;
    }
}

BOOL take_values(struct reader *from, struct value values[WIRE_MAX_VALUES], DWORD *count)
{
    const DWORD told = take_u16(from);
    DWORD i;

    *count = 0;
    if (told > WIRE_MAX_VALUES) {
        return FALSE;
    }
    for (i = 0; i < told; i++) {
        take_value(from, &values[i]);
    }
    if (from->failed || from->left != 0) {
        return FALSE;
    }
    *count = told;
    return TRUE;
}
