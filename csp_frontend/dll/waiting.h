/* Hash data that waits to be sent, by hash: who waits for what, and nothing about how it is sent. */
#ifndef PERSONAL_CSP_WAITING_H
#define PERSONAL_CSP_WAITING_H

#include "buffer.h"

/* The data of one hash. */
struct waiting {
    struct waiting *next;
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
    struct buffer data;
};

/* What waits for a hash, for as long as the caller does not let go of it; NULL if there is nothing. */
struct waiting *waiting_find(HCRYPTHASH hash);

/* The same, or a new one; NULL without memory. */
struct waiting *waiting_find_or_add(HCRYPTHASH hash, HCRYPTPROV context);

/* Say that it is not used here any more. */
void waiting_let_go(struct waiting *waiting);

/* The hash, or the context and its hashes, have ended: nobody will ask for what waits. */
void waiting_forget_hash(HCRYPTHASH hash);
void waiting_forget_context(HCRYPTPROV context);

/* The agent has gone, and every hash with it. */
void waiting_forget_all(void);

#endif
