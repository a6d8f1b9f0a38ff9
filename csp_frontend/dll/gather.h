/* Hash data gathered into messages of 1 MiB (docs/csp.md, "What a client has to do"). */
#ifndef PERSONAL_CSP_GATHER_H
#define PERSONAL_CSP_GATHER_H

#include "process.h"

/*
 * CPHashData without flags: the first piece after anything else that was done with the hash is sent at once, so that
 * a wrong handle or state is told where it happens; what follows waits until there is a whole message of it.
 */
DWORD gather_hash_data(struct session *session, HCRYPTPROV context, HCRYPTHASH hash, const BYTE *data, DWORD size);

/* Send what waits for a hash: another function is about to use it. */
DWORD gather_flush(struct session *session, HCRYPTHASH hash);

#endif
