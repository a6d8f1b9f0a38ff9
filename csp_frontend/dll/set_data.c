#include "set_data.h"

#include <string.h>

/* The order of parameters in all three functions. */
enum { KEY_CONTEXT, KEY_HANDLE, KEY_PARAMETER, KEY_DATA };
enum { PROV_CONTEXT, PROV_PARAMETER, PROV_DATA };

/* A text that nobody means seriously. */
#define MOST_TEXT 65536u
/* As much as a person is shown of a text, and more. */
#define MOST_WIDE 1024

static enum set_length_kind rule_for(const struct call *call, DWORD parameter)
{
    DWORD i;

    for (i = 0; i < SET_LENGTH_COUNT; i++) {
        const struct set_length *one = &SET_LENGTHS_BY_CALL[i];

        if (one->call == call->number && one->parameter == parameter) {
            return (enum set_length_kind)one->kind;
        }
    }
    return LENGTH_NOTHING;
}

/* Ask for a parameter of a key or hash: its size, and its value if that is a number and `number` is not NULL. */
static DWORD ask(struct session *session, DWORD getter, const union argument *of, DWORD parameter, DWORD *size,
                 DWORD *number)
{
    struct reply reply;
    DWORD status;

    session_begin(session);
    put_handle(&session->values, of[KEY_CONTEXT].handle);
    put_handle(&session->values, of[KEY_HANDLE].handle);
    put_number(&session->values, parameter);
    if (number == NULL) {
        put_nothing(&session->values);
    } else {
        put_number(&session->values, sizeof *number);
    }
    put_number(&session->values, 0);
    session->count = 5;
    status = session_exchange(session, getter, FALSE, &reply);
    if (status != ERROR_SUCCESS || reply.status != ERROR_SUCCESS) {
        return status != ERROR_SUCCESS ? status : reply.status;
    }
    if (reply.count != 2 || reply.values[0].kind != VALUE_NUMBER) {
        return (DWORD)SCARD_F_COMM_ERROR;
    }
    *size = reply.values[0].number;
    if (number != NULL) {
        struct reader from = {reply.values[1].data, reply.values[1].size, FALSE};

        *number = take_u32(&from);
        return from.failed ? (DWORD)SCARD_F_COMM_ERROR : ERROR_SUCCESS;
    }
    return ERROR_SUCCESS;
}

/* As many bytes as a number that the agent has says, divided by `unit`. */
static DWORD asked_number(struct session *session, DWORD getter, const union argument *arguments, DWORD parameter,
                          DWORD unit, DWORD *size)
{
    DWORD value = 0;
    DWORD value_size = 0;
    const DWORD status = ask(session, getter, arguments, parameter, &value_size, &value);

    *size = value / unit;
    return status;
}

static DWORD text_size(const BYTE *text)
{
    DWORD size = 0;

    while (size < MOST_TEXT && text[size] != 0) {
        size++;
    }
    return size;
}

/* The whole size of a DER element of less than 16 MiB; 0 if it does not begin like one. */
static DWORD der_size(const BYTE *der)
{
    DWORD size = 0;
    DWORD i;

    if ((der[0] & 0x1F) == 0x1F) {
        return 0;
    }
    if (der[1] < 0x80) {
        return 2u + der[1];
    }
    if (der[1] < 0x81 || der[1] > 0x83) {
        return 0;
    }
    for (i = 0; i < (DWORD)(der[1] & 0x7F); i++) {
        size = size << 8 | der[2 + i];
    }
    return 2u + (der[1] & 0x7Fu) + size;
}

static void append_pointed(struct buffer *found, const BYTE *data)
{
    CRYPT_DATA_BLOB blob;

    memcpy(&blob, data, sizeof blob); /* a BYTE pointer promises no alignment */
    buffer_append(found, blob.pbData, blob.pbData == NULL ? 0 : blob.cbData);
}

/* Half a character becomes U+FFFD. */
static void append_wide(struct buffer *found, const BYTE *data)
{
    WCHAR wide[MOST_WIDE]; /* a BYTE pointer promises no alignment */
    char utf8[3 * MOST_WIDE];
    int length = 0;
    int size;

    for (; length < MOST_WIDE; length++) {
        memcpy(&wide[length], data + sizeof *wide * (SIZE_T)length, sizeof *wide);
        if (wide[length] == 0) {
            break;
        }
    }
    size = length == 0 ? 0 : WideCharToMultiByte(CP_UTF8, 0, wide, length, utf8, (int)sizeof utf8, NULL, NULL);
    buffer_append(found, utf8, size < 0 ? 0 : (DWORD)size);
}

static void append_string(struct buffer *found, const BYTE *string, DWORD size)
{
    const DWORD there = string == NULL ? 0 : size;

    put_u32(found, there);
    buffer_append(found, string, there);
}

static void append_hmac_info(struct buffer *found, const BYTE *data)
{
    HMAC_INFO info;

    memcpy(&info, data, sizeof info);
    put_u32(found, info.HashAlgid);
    append_string(found, info.pbInnerString, info.cbInnerString);
    append_string(found, info.pbOuterString, info.cbOuterString);
}

static DWORD size_by_rule(struct session *session, enum set_length_kind rule, const union argument *arguments,
                          const BYTE *data, DWORD *size)
{
    switch (rule) {
    case LENGTH_DWORD:
        *size = sizeof(DWORD);
        return ERROR_SUCCESS;
    case LENGTH_HANDLE:
        *size = sizeof(ULONG_PTR);
        return ERROR_SUCCESS;
    case LENGTH_TEXT:
        *size = text_size(data);
        return ERROR_SUCCESS;
    case LENGTH_DER:
        *size = der_size(data);
        return *size != 0 ? ERROR_SUCCESS : (DWORD)NTE_BAD_DATA;
    case LENGTH_BLOCK:
        return asked_number(session, CALL_CPGetKeyParam, arguments, KP_BLOCKLEN, 8, size);
    case LENGTH_SALT:
        return ask(session, CALL_CPGetKeyParam, arguments, KP_SALT, size, NULL);
    case LENGTH_HASH:
        return asked_number(session, CALL_CPGetHashParam, arguments, HP_HASHSIZE, 1, size);
    case LENGTH_POINTED:
    case LENGTH_WIDE_TEXT:
    case LENGTH_HMAC_INFO:
    case LENGTH_NOTHING:
    default:
        *size = 0;
        return ERROR_SUCCESS;
    }
}

static DWORD find_data(struct session *session, enum set_length_kind rule, const union argument *arguments,
                       const BYTE *data, struct buffer *found)
{
    DWORD size = 0;
    const DWORD status = size_by_rule(session, rule, arguments, data, &size);

    if (status != ERROR_SUCCESS) {
        return status;
    }
    if (size > WIRE_MESSAGE_SIZE) {
        return (DWORD)NTE_BAD_LEN;
    }
    if (rule == LENGTH_POINTED) {
        append_pointed(found, data);
    } else if (rule == LENGTH_WIDE_TEXT) {
        append_wide(found, data);
    } else if (rule == LENGTH_HMAC_INFO) {
        append_hmac_info(found, data);
    } else {
        buffer_append(found, data, size);
    }
    return found->failed ? (DWORD)NTE_NO_MEMORY : ERROR_SUCCESS;
}

DWORD set_data_find(struct session *session, const struct call *call, const union argument *arguments,
                    struct buffer *found)
{
    const BOOL of_provider = call->number == CALL_CPSetProvParam;
    const DWORD parameter = arguments[of_provider ? PROV_PARAMETER : KEY_PARAMETER].number;
    const BYTE *data = arguments[of_provider ? PROV_DATA : KEY_DATA].set_data;

    return data == NULL ? ERROR_SUCCESS : find_data(session, rule_for(call, parameter), arguments, data, found);
}
