#include "orders.h"

#include <string.h>

enum { VALUES = 7 };

static const enum value_kind kinds[VALUES] = {VALUE_NUMBER, VALUE_NUMBER, VALUE_BYTES, VALUE_BYTES,
                                              VALUE_TEXT,   VALUE_NUMBER, VALUE_TEXT};

static BOOL is_order(const struct reply *reply)
{
    DWORD each;

    if (reply->count != VALUES) {
        return FALSE;
    }
    for (each = 0; each < VALUES; each++) {
        if (reply->values[each].kind != kinds[each]) {
            return FALSE;
        }
    }
    return reply->values[0].number <= ACTION_REMOVE && reply->values[1].number < STORES &&
           reply->values[2].size == THUMBPRINT_SIZE;
}

/* A text of the wire with a NUL behind it; NULL without memory. */
static WCHAR *wide(const struct value *text)
{
    const int size = (int)text->size;
    const int length = size == 0 ? 0 : MultiByteToWideChar(CP_UTF8, 0, (const char *)text->data, size, NULL, 0);
    WCHAR *found = memory_new(((size_t)length + 1) * sizeof *found);

    if (found != NULL && length > 0) {
        (void)MultiByteToWideChar(CP_UTF8, 0, (const char *)text->data, size, found, length);
    }
    return found;
}

static DWORD read_order(const struct reply *reply, struct order *order)
{
    const struct value *values = reply->values;

    if (!is_order(reply)) {
        return (DWORD)SCARD_F_COMM_ERROR;
    }
    order->action = (enum action)values[0].number;
    order->store = values[1].number;
    memcpy(order->thumbprint, values[2].data, THUMBPRINT_SIZE);
    order->certificate_size = values[3].size;
    order->certificate = memory_new(values[3].size + 1);
    order->container = wide(&values[4]);
    order->key_spec = values[5].number;
    order->friendly_name = wide(&values[6]);
    if (order->certificate == NULL || order->container == NULL || order->friendly_name == NULL) {
        return ERROR_NOT_ENOUGH_MEMORY;
    }
    memcpy(order->certificate, values[3].data, values[3].size);
    return ERROR_SUCCESS;
}

DWORD order_next(const struct buffer ours[STORES], const BYTE *refused, struct order *order)
{
    struct session *session = session_of_thread();
    struct reply reply;
    DWORD status;
    DWORD store;

    memset(order, 0, sizeof *order);
    if (session == NULL) {
        return ERROR_NOT_ENOUGH_MEMORY;
    }
    session_begin(session);
    for (store = 0; store < STORES; store++) {
        put_bytes(&session->values, ours[store].data, ours[store].size);
        session->count++;
    }
    put_bytes(&session->values, refused, refused == NULL ? 0 : THUMBPRINT_SIZE);
    session->count++;
    status = session_exchange(session, AGENT_STORE, FALSE, &reply);
    if (status == ERROR_SUCCESS) {
        status = reply.status == 0 ? read_order(&reply, order) : reply.status;
    }
    if (status != ERROR_SUCCESS) {
        order_free(order);
    }
    return status;
}

static void free_text(WCHAR *text)
{
    memory_free(text, text == NULL ? 0 : (wcslen(text) + 1) * sizeof *text);
}

void order_free(struct order *order)
{
    memory_free(order->certificate, order->certificate_size + 1);
    free_text(order->container);
    free_text(order->friendly_name);
    memset(order, 0, sizeof *order);
}
