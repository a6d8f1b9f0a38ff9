#include "gather.h"

#include <string.h>

#define CHAIN_COUNT 64u

/* The data of one hash that waits. */
struct gathering {
    struct gathering *next;
    HCRYPTHASH hash;
    HCRYPTPROV context;
    /* How many threads use it, and the table; guarded by the table's lock. */
    LONG users;

    /* Guards what follows; held while data is sent, so that pieces come in order. */
    SRWLOCK lock;
    /* What comes next may wait. */
    BOOL is_open;
    /* No longer in the table, so that nothing may wait here. */
    BOOL is_forgotten;
    struct buffer waiting;
};

/* All of them, by hash. The lock is held for moments only, and no other one is taken under it. */
static struct {
    SRWLOCK lock;
    struct gathering *chains[CHAIN_COUNT];
} table = {.lock = SRWLOCK_INIT};

static struct gathering **chain_of(HCRYPTHASH hash)
{
    return &table.chains[hash % CHAIN_COUNT];
}

static void free_gathering(struct gathering *gathering)
{
    buffer_free(&gathering->waiting);
    memory_free(gathering, sizeof *gathering);
}

/* Say that it is not used here any more. */
static void let_go(struct gathering *gathering)
{
    LONG users;

    AcquireSRWLockExclusive(&table.lock);
    users = --gathering->users;
    ReleaseSRWLockExclusive(&table.lock);
    if (users == 0) {
        free_gathering(gathering);
    }
}

/* The gathering of a hash, to be let go of; NULL if it has none. The lock has to be held. */
static struct gathering *find_locked(HCRYPTHASH hash)
{
    struct gathering *found = *chain_of(hash);

    while (found != NULL && found->hash != hash) {
        found = found->next;
    }
    if (found != NULL) {
        found->users++;
    }
    return found;
}

static struct gathering *find(HCRYPTHASH hash)
{
    struct gathering *found;

    AcquireSRWLockExclusive(&table.lock);
    found = find_locked(hash);
    ReleaseSRWLockExclusive(&table.lock);
    return found;
}

/* The same, or a new one; NULL without memory. */
static struct gathering *find_or_add(HCRYPTHASH hash, HCRYPTPROV context)
{
    struct gathering *fresh;
    struct gathering *found = find(hash);

    if (found != NULL) {
        return found;
    }
    fresh = memory_new(sizeof *fresh);
    if (fresh == NULL) {
        return NULL;
    }
    fresh->hash = hash;
    fresh->context = context;
    fresh->users = 2; /* the table and the caller */
    AcquireSRWLockExclusive(&table.lock);
    found = find_locked(hash);
    if (found == NULL) {
        fresh->next = *chain_of(hash);
        *chain_of(hash) = fresh;
    }
    ReleaseSRWLockExclusive(&table.lock);
    if (found == NULL) {
        return fresh;
    }
    free_gathering(fresh);
    return found;
}

/* Take out of one chain what is of this hash or context; everything if both are 0. Answers those nobody uses. */
static struct gathering *unlink_locked(struct gathering **chain, HCRYPTHASH hash, HCRYPTPROV context)
{
    struct gathering *unused = NULL;
    struct gathering *one;

    while ((one = *chain) != NULL) {
        if ((hash != 0 && one->hash != hash) || (context != 0 && one->context != context)) {
            chain = &one->next;
            continue;
        }
        *chain = one->next;
        one->users--;
        one->next = NULL;
        if (one->users == 0) {
            one->next = unused;
            unused = one;
        }
    }
    return unused;
}

static void forget_in_chain(struct gathering **chain, HCRYPTHASH hash, HCRYPTPROV context)
{
    struct gathering *unused;

    AcquireSRWLockExclusive(&table.lock);
    unused = unlink_locked(chain, hash, context);
    ReleaseSRWLockExclusive(&table.lock);
    while (unused != NULL) {
        struct gathering *next = unused->next;

        free_gathering(unused);
        unused = next;
    }
}

void gather_forget_hash(HCRYPTHASH hash)
{
    if (hash != 0) {
        forget_in_chain(chain_of(hash), hash, 0);
    }
}

void gather_forget_context(HCRYPTPROV context)
{
    DWORD i;

    for (i = 0; context != 0 && i < CHAIN_COUNT; i++) {
        forget_in_chain(&table.chains[i], 0, context);
    }
}

void gather_forget_all(void)
{
    DWORD i;

    for (i = 0; i < CHAIN_COUNT; i++) {
        forget_in_chain(&table.chains[i], 0, 0);
    }
}

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

static DWORD flush_locked(struct session *session, struct gathering *gathering)
{
    DWORD status = ERROR_SUCCESS;

    gathering->is_open = FALSE;
    if (gathering->waiting.size != 0) {
        status = send_data(session, gathering->context, gathering->hash, gathering->waiting.data,
                           gathering->waiting.size);
        buffer_clear(&gathering->waiting);
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
static DWORD add_locked(struct session *session, struct gathering *gathering, const BYTE *data, DWORD size)
{
    DWORD status = ERROR_SUCCESS;

    while (status == ERROR_SUCCESS && size != 0) {
        const DWORD room = WIRE_MESSAGE_SIZE - gathering->waiting.size;
        const DWORD part = size < room ? size : room;

        if (part == WIRE_MESSAGE_SIZE) {
            status = send_data(session, gathering->context, gathering->hash, data, part);
        } else {
            buffer_append(&gathering->waiting, data, part);
            if (gathering->waiting.failed) {
                gathering->waiting.failed = FALSE;
                return (DWORD)NTE_NO_MEMORY;
            }
            if (gathering->waiting.size == WIRE_MESSAGE_SIZE) {
                status = flush_locked(session, gathering);
                gathering->is_open = status == ERROR_SUCCESS;
            }
        }
        data += part;
        size -= part;
    }
    return status;
}

static DWORD hash_locked(struct session *session, struct gathering *gathering, HCRYPTPROV context, const BYTE *data,
                         DWORD size)
{
    DWORD status;

    /* After a failure too: the agent has to see that there was a call, for the reason of the last error. */
    if (gathering->is_open && gathering->context == context && !session->failed) {
        return add_locked(session, gathering, data, size);
    }
    status = flush_locked(session, gathering);
    if (status == ERROR_SUCCESS) {
        status = send_through(session, context, gathering->hash, data, size);
        gathering->is_open = status == ERROR_SUCCESS && gathering->context == context && !gathering->is_forgotten;
    }
    return status;
}

DWORD gather_hash_data(struct session *session, HCRYPTPROV context, HCRYPTHASH hash, const BYTE *data, DWORD size)
{
    struct gathering *gathering = find_or_add(hash, context);
    DWORD status;

    if (gathering == NULL) {
        return (DWORD)NTE_NO_MEMORY;
    }
    AcquireSRWLockExclusive(&gathering->lock);
    status = hash_locked(session, gathering, context, data, size);
    if (status != ERROR_SUCCESS && gathering->waiting.size == 0) { /* perhaps there is no such hash */
        gathering->is_open = FALSE;
        gathering->is_forgotten = TRUE;
        gather_forget_hash(hash);
    }
    ReleaseSRWLockExclusive(&gathering->lock);
    let_go(gathering);
    return status;
}

DWORD gather_flush(struct session *session, HCRYPTHASH hash)
{
    struct gathering *gathering = hash == 0 ? NULL : find(hash);
    DWORD status;

    if (gathering == NULL) {
        return ERROR_SUCCESS;
    }
    AcquireSRWLockExclusive(&gathering->lock);
    status = flush_locked(session, gathering);
    ReleaseSRWLockExclusive(&gathering->lock);
    let_go(gathering);
    return status;
}
