#include "gather.h"

#include "waiting.h"

/* One message with data for a hash. */
static DWORD send_data(struct session *session, HCRYPTPROV context, HCRYPTHASH hash, const BYTE *data, DWORD size)
{
    struct reply reply;
    DWORD status;

    session_begin(session);
    put_handle(&session->values, context);
    put_handle(&session->values, hash);
    put_bytes(&session->values, data, size);
    put_number(&session->values, 0);
    session->count = 4;
    status = session_exchange(session, CALL_CPHashData, FALSE, &reply);
    session_begin(session);
    return status != ERROR_SUCCESS ? status : reply.status;
}

static DWORD flush_locked(struct session *session, struct waiting *waiting)
{
    DWORD status = ERROR_SUCCESS;

    waiting->is_open = FALSE;
    if (waiting->data.size != 0) {
        status = send_data(session, waiting->context, waiting->hash, waiting->data.data, waiting->data.size);
        buffer_clear(&waiting->data);
    }
    return status;
}

/* Send data in as few messages as it takes. */
static DWORD send_through(struct session *session, HCRYPTPROV context, HCRYPTHASH hash, const BYTE *data, DWORD size)
{
    DWORD status;

    do { /* no data at all is one message too */
        const DWORD part = size < WIRE_MESSAGE_SIZE ? size : WIRE_MESSAGE_SIZE;

        status = send_data(session, context, hash, data, part);
        data += part;
        size -= part;
    } while (status == ERROR_SUCCESS && size != 0);
    return status;
}

/* Keep data, and send as many whole messages as there are now. */
static DWORD add_locked(struct session *session, struct waiting *waiting, const BYTE *data, DWORD size)
{
    DWORD status = ERROR_SUCCESS;

    while (status == ERROR_SUCCESS && size != 0) {
        const DWORD room = WIRE_MESSAGE_SIZE - waiting->data.size;
        const DWORD part = size < room ? size : room;

        if (part == WIRE_MESSAGE_SIZE) {
            status = send_data(session, waiting->context, waiting->hash, data, part);
        } else {
            buffer_append(&waiting->data, data, part);
            if (waiting->data.failed) {
                waiting->data.failed = FALSE;
                return (DWORD)NTE_NO_MEMORY;
            }
            if (waiting->data.size == WIRE_MESSAGE_SIZE) {
                status = flush_locked(session, waiting);
                waiting->is_open = status == ERROR_SUCCESS;
            }
        }
        data += part;
        size -= part;
    }
    return status;
}

static DWORD hash_locked(struct session *session, struct waiting *waiting, HCRYPTPROV context, const BYTE *data,
                         DWORD size)
{
    DWORD status;

    /* After a failure too: the agent has to see that there was a call, for the reason of the last error. */
    if (waiting->is_open && waiting->context == context && !session->failed) {
        return add_locked(session, waiting, data, size);
    }
    status = flush_locked(session, waiting);
    if (status == ERROR_SUCCESS) {
        status = send_through(session, context, waiting->hash, data, size);
        waiting->is_open = status == ERROR_SUCCESS && waiting->context == context && !waiting->is_forgotten;
    }
    return status;
}

DWORD gather_hash_data(struct session *session, HCRYPTPROV context, HCRYPTHASH hash, const BYTE *data, DWORD size)
{
    struct waiting *waiting = waiting_find_or_add(hash, context);
    DWORD status;

    if (waiting == NULL) {
        return (DWORD)NTE_NO_MEMORY;
    }
    AcquireSRWLockExclusive(&waiting->lock);
    status = hash_locked(session, waiting, context, data, size);
    if (status != ERROR_SUCCESS && waiting->data.size == 0) { /* perhaps there is no such hash */
        waiting->is_open = FALSE;
        waiting->is_forgotten = TRUE;
        waiting_forget_hash(hash);
    }
    ReleaseSRWLockExclusive(&waiting->lock);
    waiting_let_go(waiting);
    return status;
}

DWORD gather_flush(struct session *session, HCRYPTHASH hash)
{
    struct waiting *waiting = hash == 0 ? NULL : waiting_find(hash);
    DWORD status;

    if (waiting == NULL) {
        return ERROR_SUCCESS;
    }
    AcquireSRWLockExclusive(&waiting->lock);
    status = flush_locked(session, waiting);
    ReleaseSRWLockExclusive(&waiting->lock);
    waiting_let_go(waiting);
    return status;
}
