#include "answers.h"

#include <string.h>

/* Put the answer of a function with a buffer where the caller wants it. */
static BOOL store_data(const struct room *room, const struct reply *reply)
{
    const struct value *size = &reply->values[0];
    const struct value *data = &reply->values[1];

    if (reply->count != 2 || size->kind != VALUE_NUMBER) {
        return FALSE;
    }
    if (room->data != NULL) {
        if (data->kind != VALUE_BYTES || data->size != size->number || data->size > room->size) {
            return FALSE;
        }
        if (data->size != 0) {
            memcpy(room->data, data->data, data->size);
        }
    }
    *room->length = size->number;
    return TRUE;
}

static BOOL store_handle(ULONG_PTR *made, const struct reply *reply)
{
    if (reply->count != 1 || reply->values[0].kind != VALUE_HANDLE || reply->values[0].handle > (ULONG_PTR)-1) {
        return FALSE;
    }
    *made = (ULONG_PTR)reply->values[0].handle;
    return TRUE;
}

BOOL store_answer(const struct pending *pending, const struct reply *reply)
{
    DWORD i;

    if (pending->room.length != NULL) {
        return store_data(&pending->room, reply);
    }
    for (i = 0; i < pending->call->count; i++) {
        if (is_answer(pending->call->kinds[i])) {
            return store_handle(pending->arguments[i].made, reply);
        }
    }
    return reply->count == 0;
}

BOOL store_size(DWORD *length, const struct reply *reply)
{
    if (reply->count == 0) {
        return TRUE;
    }
    if (reply->count != 1 || reply->values[0].kind != VALUE_NUMBER) {
        return FALSE;
    }
    if (length != NULL) {
        *length = reply->values[0].number;
    }
    return TRUE;
}
