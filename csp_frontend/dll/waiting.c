#include "waiting.h"

#define CHAIN_COUNT 64u

/* All of them, by hash. The lock is held for moments only, and no other one is taken under it. */
static struct {
    SRWLOCK lock;
    struct waiting *chains[CHAIN_COUNT];
} table = {.lock = SRWLOCK_INIT};

static struct waiting **chain_of(HCRYPTHASH hash)
{
    return &table.chains[hash % CHAIN_COUNT];
}

static void free_waiting(struct waiting *waiting)
{
    buffer_free(&waiting->data);
    memory_free(waiting, sizeof *waiting);
}

void waiting_let_go(struct waiting *waiting)
{
    LONG users;

    AcquireSRWLockExclusive(&table.lock);
    users = --waiting->users;
    ReleaseSRWLockExclusive(&table.lock);
    if (users == 0) {
        free_waiting(waiting);
    }
}

/* As `waiting_find`; the table's lock has to be held. */
static struct waiting *find_locked(HCRYPTHASH hash)
{
    struct waiting *found = *chain_of(hash);

    while (found != NULL && found->hash != hash) {
        found = found->next;
    }
    if (found != NULL) {
        found->users++;
    }
    return found;
}

struct waiting *waiting_find(HCRYPTHASH hash)
{
    struct waiting *found;

    AcquireSRWLockExclusive(&table.lock);
    found = find_locked(hash);
    ReleaseSRWLockExclusive(&table.lock);
    return found;
}

struct waiting *waiting_find_or_add(HCRYPTHASH hash, HCRYPTPROV context)
{
    struct waiting *fresh;
    struct waiting *found = waiting_find(hash);

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
    free_waiting(fresh);
    return found;
}

/* Take out of one chain what is of this hash or context; everything if both are 0. Answers those nobody uses. */
static struct waiting *unlink_locked(struct waiting **chain, HCRYPTHASH hash, HCRYPTPROV context)
{
    struct waiting *unused = NULL;
    struct waiting *one;

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

static void forget_in_chain(struct waiting **chain, HCRYPTHASH hash, HCRYPTPROV context)
{
    struct waiting *unused;

    AcquireSRWLockExclusive(&table.lock);
    unused = unlink_locked(chain, hash, context);
    ReleaseSRWLockExclusive(&table.lock);
    while (unused != NULL) {
        struct waiting *next = unused->next;

        free_waiting(unused);
        unused = next;
    }
}

void waiting_forget_hash(HCRYPTHASH hash)
{
    if (hash != 0) {
        forget_in_chain(chain_of(hash), hash, 0);
    }
}

void waiting_forget_context(HCRYPTPROV context)
{
    DWORD i;

    for (i = 0; context != 0 && i < CHAIN_COUNT; i++) {
        forget_in_chain(&table.chains[i], 0, context);
    }
}

void waiting_forget_all(void)
{
    DWORD i;

    for (i = 0; i < CHAIN_COUNT; i++) {
        forget_in_chain(&table.chains[i], 0, 0);
    }
}
