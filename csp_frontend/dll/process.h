/* What there is once in a process: its number, the threads' sessions, the agent that was last talked to. */
#ifndef PERSONAL_CSP_PROCESS_H
#define PERSONAL_CSP_PROCESS_H

#include "link.h"

/* One thread's side of the conversation. */
struct session {
    /* NULL before the first call, and after the connection was lost. */
    struct link *link;
    /* Whether the thread's last call failed. */
    BOOL failed;
    /* Whether a person may have to be asked for the next call, in a window of the agent's. */
    BOOL may_ask;
    /* What the next call sends: values, and how many they are. */
    struct buffer values;
    DWORD count;
};

/*
 * The session of this thread; a new one has no connection yet. It ends with the thread. One connection of the process
 * stays open when threads end: the handles of the process die with the last one. NULL without memory.
 */
struct session *session_of_thread(void);

/* Begin a new call: no values, and nobody is asked. */
void session_begin(struct session *session);

/*
 * Make a call with the values there are, on this thread's connection; connects, and starts the agent, if necessary.
 * Where the connection is lost meanwhile, the call is made `again`, or it is SCARD_E_SERVICE_STOPPED. Answers what went
 * wrong between here and the agent, else ERROR_SUCCESS; what the agent says of the call is in `reply`.
 */
DWORD session_exchange(struct session *session, DWORD number, BOOL again, struct reply *reply);

#endif
