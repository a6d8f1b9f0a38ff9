#include "call.h"

#include "ansi.h"
#include "call_once.h"
#include "cert_store.h"
#include "gather.h"
#include "parts.h"

#include <string.h>

/* Where some functions have the parameters that this file knows by more than their kind. */
enum { CONTEXT_AT = 0 };
enum { HASH_DATA_HASH_AT = 1, HASH_DATA_BYTES_AT, HASH_DATA_FLAGS_AT };
enum { RANDOM_LENGTH_AT = 1, RANDOM_DATA_AT };
enum { GET_PROV_PARAMETER_AT = 1, GET_PROV_BUFFER_AT };

/* PP_USER_CERTSTORE, PP_ROOT_CERTSTORE: the caller gets a handle where the agent sends certificates. */
static DWORD get_cert_store(struct pending *pending)
{
    const union argument *buffer = &pending->arguments[GET_PROV_BUFFER_AT];
    union argument own[CALL_MOST_PARAMETERS];
    struct buffer message = {0};
    DWORD size = WIRE_MESSAGE_SIZE;
    HCERTSTORE store;
    DWORD status;

    memcpy(own, pending->arguments, pending->call->count * sizeof *own);
    if (buffer->buffer.data != NULL && *buffer->buffer.size < sizeof store) {
        *buffer->buffer.size = sizeof store;
        return ERROR_MORE_DATA;
    }
    if (buffer->buffer.data != NULL && !buffer_reserve(&message, size)) {
        return (DWORD)NTE_NO_MEMORY;
    }
    own[GET_PROV_BUFFER_AT].buffer.data = message.data;
    own[GET_PROV_BUFFER_AT].buffer.size = &size;
    pending->arguments = own;
    pending->room = (struct room){message.data, &size, WIRE_MESSAGE_SIZE};
    status = call_once(pending);
    if (status == ERROR_SUCCESS && buffer->buffer.data != NULL) {
        store = cert_store_open(message.data, size);
        status = store == NULL ? (DWORD)NTE_FAIL : ERROR_SUCCESS;
        if (store != NULL) {
            memcpy(buffer->buffer.data, &store, sizeof store);
        }
    }
    buffer_free(&message);
    *buffer->buffer.size = sizeof store;
    return status;
}

static BOOL is_cert_store(const struct call *call, const union argument *arguments)
{
    const DWORD parameter = arguments[GET_PROV_PARAMETER_AT].number;

    return call->number == CALL_CPGetProvParam && (parameter == PP_USER_CERTSTORE || parameter == PP_ROOT_CERTSTORE);
}

static DWORD get_text(struct pending *pending)
{
    const DWORD status = call_once(pending);

    if (status == ERROR_SUCCESS && pending->room.data != NULL) {
        text_to_ansi(pending->room.data, pending->room.length);
    }
    return status;
}

static DWORD perform(struct pending *pending)
{
    const union argument *arguments = pending->arguments;

    if (pending->call->number == CALL_CPGenRandom) {
        return random_in_parts(pending->session, arguments[CONTEXT_AT].handle, arguments[RANDOM_DATA_AT].data,
                               arguments[RANDOM_LENGTH_AT].number);
    }
    if (pending->call->number == CALL_CPHashData && arguments[HASH_DATA_FLAGS_AT].number == 0) {
        return gather_hash_data(pending->session, arguments[CONTEXT_AT].handle, arguments[HASH_DATA_HASH_AT].handle,
                                arguments[HASH_DATA_BYTES_AT].bytes.data, arguments[HASH_DATA_BYTES_AT].bytes.size);
    }
    if (is_for_crypt_in_parts(pending)) {
        return crypt_in_parts(pending);
    }
    if (pending->call->number == CALL_CPGetProvParam && is_text_parameter(arguments[GET_PROV_PARAMETER_AT].number)) {
        return get_text(pending);
    }
    return is_cert_store(pending->call, arguments) ? get_cert_store(pending) : call_once(pending);
}

/* The documentation of the CP functions asks for it: no size where there is neither an answer nor a need of room. */
static void clear_size(const struct call *call, const union argument *arguments)
{
    const union argument *buffer = argument_of(call, arguments, PARAMETER_BUFFER);

    if (buffer != NULL && buffer->buffer.size != NULL) {
        *buffer->buffer.size = 0;
    }
}

BOOL call_function(const struct call *call, const union argument *arguments)
{
    struct pending pending = {.call = call, .arguments = arguments, .room = room_of(call, arguments)};
    DWORD status;

    if (!arguments_are_valid(&pending)) {
        SetLastError(ERROR_INVALID_PARAMETER);
        return FALSE;
    }
    pending.session = session_of_thread();
    if (pending.session == NULL) {
        SetLastError((DWORD)NTE_NO_MEMORY);
        return FALSE;
    }
    status = perform(&pending);
    pending.session->failed = status != ERROR_SUCCESS;
    session_begin(pending.session);
    if (pending.session->link != NULL) {
        link_forget(pending.session->link);
    }
    if (status != ERROR_SUCCESS) {
        if (status != ERROR_MORE_DATA) {
            clear_size(call, arguments);
        }
        SetLastError(status);
        return FALSE;
    }
    return TRUE;
}
