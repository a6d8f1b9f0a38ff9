/* One authenticated connection to the agent: handshake, then calls in turn. Used by one thread at a time. */
#ifndef PERSONAL_CSP_LINK_H
#define PERSONAL_CSP_LINK_H

#include "endpoint.h"
#include "stream.h"
#include "values.h"

struct link {
    SOCKET stream;
    struct endpoint endpoint;
    DWORD sequence;
    struct buffer sent;
    struct buffer received;
};

/* What answers a call; its values point into the link's memory and are good until the next call or `link_forget`. */
struct reply {
    DWORD status;
    DWORD count;
    struct value values[WIRE_MAX_VALUES];
};

/* Connect and shake hands. `process` is the number that all connections of this process share. */
enum outcome link_open(const struct endpoint *endpoint, const BYTE process[WIRE_PROCESS_SIZE], struct link **opened);

/* Whether the agent is still there, as far as can be seen without a call. */
BOOL link_is_usable(const struct link *link);

/*
 * Make one call with values that are encoded already, without their count. It takes as long as the agent does: a
 * person may have to be asked. It ends early if the connection breaks, or the agent no longer greets new ones.
 */
enum outcome link_call(struct link *link, const BYTE process[WIRE_PROCESS_SIZE], DWORD number, DWORD count,
                       const struct buffer *values, struct reply *reply);

/* Overwrite what the last call has left. */
void link_forget(struct link *link);

void link_close(struct link *link);

#endif
