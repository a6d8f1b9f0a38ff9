#include "call.h"

#include "cert_store.h"
#include "gather.h"
#include "process.h"
#include "set_data.h"

#include <string.h>

/* As much of the caller's buffer as CPGenRandom takes for a seed. */
#define SEED_SIZE 64u

/* Where some functions have the parameters that this file knows by more than their kind. */
enum { CONTEXT_AT = 0 };
enum { HASH_DATA_HASH_AT = 1, HASH_DATA_BYTES_AT, HASH_DATA_FLAGS_AT };
enum { RANDOM_LENGTH_AT = 1, RANDOM_DATA_AT };
enum { GET_PROV_PARAMETER_AT = 1, GET_PROV_BUFFER_AT };

/* A caller's buffer for an answer: `data` is NULL where only the size is asked for. */
struct room {
    BYTE *data;
    DWORD *length;
    DWORD size;
};

/* A call under way. */
struct pending {
    struct session *session;
    const struct call *call;
    const union argument *arguments;
    struct room room;
    struct buffer set_data;
};

/* The argument of this kind; NULL if the function has none. */
static const union argument *argument_of(const struct call *call, const union argument *arguments,
                                         enum parameter_kind kind)
{
    DWORD i;

    for (i = 0; i < call->count; i++) {
        if (call->kinds[i] == kind) {
            return &arguments[i];
        }
    }
    return NULL;
}

/* Where the answer goes, if the function has such a place: `length` is NULL if not. */
static struct room room_of(const struct call *call, const union argument *arguments)
{
    const union argument *buffer = argument_of(call, arguments, PARAMETER_BUFFER);
    const union argument *data = argument_of(call, arguments, PARAMETER_DATA);
    const union argument *length = argument_of(call, arguments, PARAMETER_LENGTH);
    const union argument *size = argument_of(call, arguments, PARAMETER_ROOM);
    struct room room = {NULL, NULL, 0};

    if (buffer != NULL) {
        room.data = buffer->buffer.data;
        room.length = buffer->buffer.size;
    } else if (data != NULL && length != NULL) {
        room.data = data->data;
        room.length = length->length;
    }
    if (room.data != NULL && room.length != NULL) { /* for a size query *length is garbage */
        room.size = size != NULL ? size->number : *room.length;
    }
    return room;
}

static BOOL is_valid_argument(enum parameter_kind kind, const union argument *argument)
{
    switch (kind) {
    case PARAMETER_BYTES:
        return argument->bytes.data != NULL || argument->bytes.size == 0;
    case PARAMETER_BUFFER:
        return argument->buffer.size != NULL;
    case PARAMETER_LENGTH:
        return argument->length != NULL;
    case PARAMETER_RANDOM:
        return argument->data != NULL;
    case PARAMETER_NEW_CONTEXT:
    case PARAMETER_NEW_KEY:
    case PARAMETER_NEW_HASH:
        return argument->made != NULL;
    default:
        return TRUE;
    }
}

/* Whether there is a pointer wherever one has to be, and the caller's buffer holds the data that is in it. */
static BOOL is_valid(const struct pending *pending)
{
    const struct call *call = pending->call;
    const struct room *room = &pending->room;
    DWORD i;

    for (i = 0; i < call->count; i++) {
        if (!is_valid_argument((enum parameter_kind)call->kinds[i], &pending->arguments[i])) {
            return FALSE;
        }
    }
    return argument_of(call, pending->arguments, PARAMETER_ROOM) == NULL || room->data == NULL ||
           *room->length <= room->size;
}

/* The window that the program's dialogs belong to; 0 for none. */
static ULONGLONG window_of(const struct provider_vtable *vtable)
{
    typedef void(WINAPI * return_window_function)(HWND *);
    HWND window = NULL;

    if (vtable != NULL && vtable->return_window != NULL) {
        ((return_window_function)(void (*)(void))vtable->return_window)(&window);
    }
    return (ULONG_PTR)window;
}

static void put_data(struct buffer *to, const BYTE *data, DWORD size)
{
    if (data == NULL) {
        put_nothing(to);
    } else {
        put_bytes(to, data, size);
    }
}

static void put_buffer(struct buffer *to, const BYTE *data, const DWORD *size)
{
    if (data == NULL) { /* what *size says then is garbage */
        put_nothing(to);
    } else {
        put_number(to, *size);
    }
}

static DWORD put_argument(const struct pending *pending, DWORD i)
{
    const union argument *argument = &pending->arguments[i];
    struct buffer *to = &pending->session->values;

    switch (pending->call->kinds[i]) {
    case PARAMETER_CONTEXT:
    case PARAMETER_KEY:
    case PARAMETER_HASH:
        put_handle(to, argument->handle);
        return ERROR_SUCCESS;
    case PARAMETER_DWORD:
    case PARAMETER_ALGORITHM:
    case PARAMETER_ROOM:
        put_number(to, argument->number);
        return ERROR_SUCCESS;
    case PARAMETER_BOOL:
        put_number(to, argument->truth ? 1 : 0);
        return ERROR_SUCCESS;
    case PARAMETER_TEXT:
        return put_ansi_text(to, argument->text);
    case PARAMETER_WIDE_TEXT:
        return put_wide_text(to, argument->wide_text);
    case PARAMETER_VTABLE:
        put_handle(to, window_of(argument->vtable));
        return ERROR_SUCCESS;
    case PARAMETER_BYTES:
        put_bytes(to, argument->bytes.data, argument->bytes.size);
        return ERROR_SUCCESS;
    case PARAMETER_SET_DATA:
        if (argument->set_data == NULL) {
            put_nothing(to);
        } else {
            put_bytes(to, pending->set_data.data, pending->set_data.size);
        }
        return ERROR_SUCCESS;
    case PARAMETER_BUFFER:
        put_buffer(to, argument->buffer.data, argument->buffer.size);
        return ERROR_SUCCESS;
    case PARAMETER_DATA:
        put_data(to, argument->data, argument->data == NULL ? 0 : *pending->room.length);
        return ERROR_SUCCESS;
    case PARAMETER_LENGTH:
        put_number(to, *argument->length);
        return ERROR_SUCCESS;
    case PARAMETER_RESERVED:
        put_number(to, argument->reserved != NULL ? 1 : 0);
        return ERROR_SUCCESS;
    default:
        return (DWORD)NTE_FAIL; /* no function gets here: the others are answers, or CPGenRandom's */
    }
}

static BOOL is_answer(DWORD kind)
{
    return kind == PARAMETER_NEW_CONTEXT || kind == PARAMETER_NEW_KEY || kind == PARAMETER_NEW_HASH;
}

static DWORD put_arguments(const struct pending *pending)
{
    DWORD status = ERROR_SUCCESS;
    DWORD i;

    session_begin(pending->session);
    for (i = 0; i < pending->call->count && status == ERROR_SUCCESS; i++) {
        if (!is_answer(pending->call->kinds[i])) {
            status = put_argument(pending, i);
            pending->session->count++;
        }
    }
    return status;
}

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

static BOOL store_answer(const struct pending *pending, const struct reply *reply)
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

/* The size that the caller's buffer should have comes with the error. */
static BOOL store_size(DWORD *length, const struct reply *reply)
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
    const DWORD status =
        session_exchange(pending->session, call->number, is_repeatable(call, pending->arguments), &reply);

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
        gather_forget_context(pending->arguments[CONTEXT_AT].handle);
    }
    if (hash == NULL) {
        return ERROR_SUCCESS;
    }
    if (pending->call->number == CALL_CPDestroyHash) {
        gather_forget_hash(hash->handle);
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

    if (!is_valid(&pending)) {
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
