#include "parts.h"

#include "call_once.h"

#include <string.h>

/* As much of the caller's buffer as CPGenRandom takes for a seed. */
#define SEED_SIZE 64u

/* The parameters of CPEncrypt, and of CPDecrypt, which lacks the last. */
enum { CRYPT_FINAL_AT = 3, CRYPT_DATA_AT = 5, CRYPT_LENGTH_AT, CRYPT_ROOM_AT };

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

DWORD random_in_parts(struct session *session, HCRYPTPROV context, BYTE *data, DWORD size)
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

BOOL is_for_crypt_in_parts(const struct pending *pending)
{
    const DWORD number = pending->call->number;

    return (number == CALL_CPEncrypt || number == CALL_CPDecrypt) && pending->room.data != NULL &&
           (*pending->room.length > WIRE_MESSAGE_SIZE || *pending->room.length > pending->room.size);
}

/* The same call with other data; `data` is NULL to ask for the size, and what *size says to begin with is the input. */
static DWORD crypt_part(const struct pending *whole, BYTE *data, DWORD *size, DWORD room, BOOL final)
{
    union argument own[CALL_MOST_PARAMETERS];
    struct pending part = *whole;

    memcpy(own, whole->arguments, whole->call->count * sizeof *own);
    own[CRYPT_FINAL_AT].truth = final;
    own[CRYPT_DATA_AT].data = data;
    own[CRYPT_LENGTH_AT].length = size;
    if (whole->call->number == CALL_CPEncrypt) {
        own[CRYPT_ROOM_AT].number = room;
    }
    part.arguments = own;
    part.room = room_of(whole->call, own);
    return call_once(&part);
}

DWORD crypt_in_parts(const struct pending *pending)
{
    const struct room *room = &pending->room;
    const BOOL final = pending->arguments[CRYPT_FINAL_AT].truth;
    const DWORD total = *room->length;
    DWORD size = total;
    DWORD done = 0;
    DWORD status = crypt_part(pending, NULL, &size, 0, final);

    if (status == ERROR_SUCCESS && (size > room->size || total > room->size)) {
        *room->length = size;
        return ERROR_MORE_DATA;
    }
    while (status == ERROR_SUCCESS && done < total) {
        const DWORD part = total - done < WIRE_MESSAGE_SIZE ? total - done : WIRE_MESSAGE_SIZE;
        const BOOL is_last = done + part == total;

        size = part;
        status = crypt_part(pending, room->data + done, &size, room->size - done, is_last && final);
        if (status == ERROR_SUCCESS && !is_last && size != part) { /* what follows would stand in the wrong place */
            status = (DWORD)SCARD_F_COMM_ERROR;
        }
        done += part;
        if (status == ERROR_SUCCESS && is_last) {
            *room->length = total - part + size;
        }
    }
    return status;
}
