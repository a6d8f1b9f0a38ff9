#include "call.h"

#include "answers.h"
#include "cert_store.h"
#include "gather.h"
#include "set_data.h"
#include "waiting.h"

#include <string.h>

/* As much of the caller's buffer as CPGenRandom takes for a seed. */
#define SEED_SIZE 64u

/* Where some functions have the parameters that this file knows by more than their kind. */
enum { CONTEXT_AT = 0 };
enum { HASH_DATA_HASH_AT = 1, HASH_DATA_BYTES_AT, HASH_DATA_FLAGS_AT };
enum { RANDOM_LENGTH_AT = 1, RANDOM_DATA_AT };
enum { GET_PROV_PARAMETER_AT = 1, GET_PROV_BUFFER_AT };

/* Whether nothing is changed by a second call where nobody knows if there was a first one. */
static BOOL is_repeatable(const struct call *call, const union argument *arguments)
{
    const union argument *flags = argument_of(call, arguments, PARAMETER_DWORD);

    return call->number == CALL_CPAcquireContext && (flags->number & (CRYPT_NEWKEYSET | CRYPT_DELETEKEYSET)) == 0;
}

/* Send the call that is encoded, and store what comes back. */
static DWORD exchange(const struct pending *pending)
{
    struct reply reply;
    const struct call *call = pending->call;
    BOOL understood;
    DWORD status;

    pending->session->may_ask = call->asks != 0;
    status = session_exchange(pending->session, call->number, is_repeatable(call, pending->arguments), &reply);
    if (status != ERROR_SUCCESS) {
        return status;
    }
    if (reply.status == ERROR_SUCCESS) {
        understood = store_answer(pending, &reply);
    } else {
        understood = store_size(pending->room.length, &reply);
    }
    return understood ? reply.status : (DWORD)SCARD_F_COMM_ERROR;
}

/* Send what waits for the hashes that the function is about to use; drop what nobody will ask for. */
static DWORD settle_hashes(const struct pending *pending)
{
    const union argument *hash = argument_of(pending->call, pending->arguments, PARAMETER_HASH);

    if (pending->call->number == CALL_CPReleaseContext) {
        waiting_forget_context(pending->arguments[CONTEXT_AT].handle);
    }
    if (hash == NULL) {
        return ERROR_SUCCESS;
    }
    if (pending->call->number == CALL_CPDestroyHash) {
        waiting_forget_hash(hash->handle);
    }
    return gather_flush(pending->session, hash->handle);
}

static DWORD make_call(struct pending *pending)
{
    DWORD status = settle_hashes(pending);

    if (status == ERROR_SUCCESS && argument_of(pending->call, pending->arguments, PARAMETER_SET_DATA) != NULL) {
        status = set_data_find(pending->session, pending->call, pending->arguments, &pending->set_data);
    }
    if (status == ERROR_SUCCESS) {
        status = put_arguments(pending);
    }
    if (status == ERROR_SUCCESS) {
        status = exchange(pending);
    }
    buffer_free(&pending->set_data);
    return status;
}

/* One message's worth of random bytes. */
static DWORD random_part(struct session *session, HCRYPTPROV context, BYTE *data, DWORD size)
{
    struct reply reply;
    DWORD status;

    session_begin(session);
    put_handle(&session->values, context);
    put_number(&session->values, size);
    put_bytes(&session->values, data, size < SEED_SIZE ? size : SEED_SIZE);
    session->count = 3;
    status = session_exchange(session, CALL_CPGenRandom, FALSE, &reply);
    if (status != ERROR_SUCCESS || reply.status != ERROR_SUCCESS) {
        return status != ERROR_SUCCESS ? status : reply.status;
    }
    if (reply.count != 1 || reply.values[0].kind != VALUE_BYTES || reply.values[0].size != size) {
        return (DWORD)SCARD_F_COMM_ERROR;
    }
    if (size != 0) {
        memcpy(data, reply.values[0].data, size);
    }
    return ERROR_SUCCESS;
}

static DWORD generate_random(struct session *session, HCRYPTPROV context, BYTE *data, DWORD size)
{
    DWORD status;

    do { /* for no bytes too: the context may be wrong */
        const DWORD part = size < WIRE_MESSAGE_SIZE ? size : WIRE_MESSAGE_SIZE;

        status = random_part(session, context, data, part);
        data += part;
        size -= part;
    } while (status == ERROR_SUCCESS && size != 0);
    return status;
}

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
    status = make_call(pending);
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

static DWORD perform(struct pending *pending)
{
    const union argument *arguments = pending->arguments;

    if (pending->call->number == CALL_CPGenRandom) {
        return generate_random(pending->session, arguments[CONTEXT_AT].handle, arguments[RANDOM_DATA_AT].data,
                               arguments[RANDOM_LENGTH_AT].number);
    }
    if (pending->call->number == CALL_CPHashData && arguments[HASH_DATA_FLAGS_AT].number == 0) {
        return gather_hash_data(pending->session, arguments[CONTEXT_AT].handle, arguments[HASH_DATA_HASH_AT].handle,
                                arguments[HASH_DATA_BYTES_AT].bytes.data, arguments[HASH_DATA_BYTES_AT].bytes.size);
    }
    return is_cert_store(pending->call, arguments) ? get_cert_store(pending) : make_call(pending);
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
        SetLastError(status);
        return FALSE;
    }
    return TRUE;
}
