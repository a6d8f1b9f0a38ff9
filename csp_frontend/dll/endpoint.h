/* The endpoint file, in which the agent tells where it listens and the secret of this run of it. */
#ifndef PERSONAL_CSP_ENDPOINT_H
#define PERSONAL_CSP_ENDPOINT_H

#include "calls.h"
#include "stream.h"

struct endpoint {
    WORD port;
    DWORD pid;
    BYTE secret[WIRE_SECRET_SIZE];
};

/*
 * Read %PERSONAL_CSP_DIR%\agent, or %LOCALAPPDATA%\personal-csp\agent. OUTCOME_NO_AGENT if there is none or it is no
 * endpoint file to the last byte; OUTCOME_UNTRUSTED if it is another user's, or others may read or write it.
 */
enum outcome endpoint_read(struct endpoint *endpoint);

/* Parse the content of the file; FALSE unless it is one to the last byte. */
BOOL endpoint_parse(const BYTE *text, DWORD size, struct endpoint *endpoint);

#endif
