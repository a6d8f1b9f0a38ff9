#include "arguments.h"

const union argument *argument_of(const struct call *call, const union argument *arguments, enum parameter_kind kind)
{
    DWORD i;

    for (i = 0; i < call->count; i++) {
        if (call->kinds[i] == kind) {
            return &arguments[i];
        }
    }
    return NULL;
}

struct room room_of(const struct call *call, const union argument *arguments)
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

BOOL arguments_are_valid(const struct pending *pending)
{
    const struct call *call = pending->call;
    DWORD i;

    for (i = 0; i < call->count; i++) {
        if (!is_valid_argument((enum parameter_kind)call->kinds[i], &pending->arguments[i])) {
            return FALSE;
        }
    }
    return TRUE;
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

BOOL is_answer(DWORD kind)
{
    return kind == PARAMETER_NEW_CONTEXT || kind == PARAMETER_NEW_KEY || kind == PARAMETER_NEW_HASH;
}

DWORD put_arguments(const struct pending *pending)
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
