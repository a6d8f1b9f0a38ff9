/* One TCP connection to the agent's port on 127.0.0.1. Nothing here waits for longer than it is told. */
#ifndef PERSONAL_CSP_STREAM_H
#define PERSONAL_CSP_STREAM_H

#include "buffer.h"

enum outcome {
    OUTCOME_DONE,
    /* The time is over. */
    OUTCOME_LATE,
    /* The other side has closed the connection, or it broke. */
    OUTCOME_LOST,
    /* The other side does not follow the rules of the wire. */
    OUTCOME_WRONG,
    OUTCOME_NO_MEMORY,
    /* There is no agent that could be talked to. */
    OUTCOME_NO_AGENT,
    /* Others could have read or written the endpoint file: who listens there is not to be trusted. */
    OUTCOME_UNTRUSTED,
    /* The agent has too many connections. */
    OUTCOME_BUSY,
};

/* Times are those of GetTickCount64, in milliseconds. */

enum outcome stream_connect(WORD port, ULONGLONG until, SOCKET *connected);

/* Send two parts as one; the second may be empty. */
enum outcome stream_send(SOCKET stream, const struct buffer *first, const struct buffer *second, ULONGLONG until);

/* Wait for the first byte of a frame. */
enum outcome stream_wait(SOCKET stream, ULONGLONG until);

/* The body of one frame of at most `limit` bytes, and nothing behind it. */
enum outcome stream_receive(SOCKET stream, DWORD limit, ULONGLONG until, struct buffer *body);

/* Whether the other side is there and says nothing, as it should when nothing was asked. */
BOOL stream_is_quiet(SOCKET stream);

void stream_close(SOCKET stream);

#endif
