#include "process.h"

#include "agent_start.h"
#include "digest.h"
#include "foreground.h"
#include "waiting.h"

#include <string.h>

/* What a frame has room for beside its header. */
#define MOST_VALUES (WIRE_MAX_FRAME - 64u)
#define START_MILLISECONDS 15000u
#define START_POLL_MILLISECONDS 50u
/* After an agent could not be started nobody tries again for so long. */
#define START_PAUSE_MILLISECONDS 10000u
/* How often a thread that ends asks for the lock. When the process ends as well, nobody may be left to free it. */
#define MOST_LOCK_TRIES 1000u

static struct {
    INIT_ONCE once;
    DWORD slot;
    BYTE number[WIRE_PROCESS_SIZE];

    /* Guards what follows; never held during a call or while anything is waited for. */
    SRWLOCK lock;
    DWORD open_links;
    /* A connection whose thread has ended, kept because it was the last one. */
    struct link *idle;
    BOOL has_agent;
    struct endpoint agent;

    /* Held by the thread that starts the agent; the others wait for that as long. */
    SRWLOCK starting;
    ULONGLONG no_start_before;
} process = {.once = INIT_ONCE_STATIC_INIT, .lock = SRWLOCK_INIT, .starting = SRWLOCK_INIT};

static BOOL lock_soon(void)
{
    DWORD tries;

    for (tries = 0; tries < MOST_LOCK_TRIES; tries++) {
        if (TryAcquireSRWLockExclusive(&process.lock)) {
            return TRUE;
        }
        Sleep(tries < MOST_LOCK_TRIES / 2 ? 0 : 1);
    }
    return FALSE;
}

/* The thread no longer needs its connection: it is closed, or kept if the process has no other. */
static void release_link(struct link *link)
{
    BOOL keep;

    if (!lock_soon()) {
        return;
    }
    keep = process.open_links == 1;
    if (keep) {
        process.idle = link;
    } else {
        process.open_links--;
    }
    ReleaseSRWLockExclusive(&process.lock);
    if (!keep) {
        link_close(link);
    }
}

/* Called by the system when a thread (or fiber) ends. */
static void WINAPI end_session(void *data)
{
    struct session *session = data;

    if (session == NULL) {
        return;
    }
    if (session->link != NULL) {
        link_forget(session->link);
        release_link(session->link);
    }
    buffer_free(&session->values);
    memory_free(session, sizeof *session);
}

/* Programs unload a provider with each context; connections, and code that runs when threads end, have to stay. */
static BOOL pin_module(void)
{
    HMODULE module;

    return GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS,
                              (const WCHAR *)(const void *)&process, &module);
}

static BOOL CALLBACK start_process(INIT_ONCE *once, void *parameter, void **context)
{
    WSADATA sockets;

    (void)once;
    (void)parameter;
    (void)context;
    if (!pin_module() || !random_fill(process.number, sizeof process.number) ||
        WSAStartup(MAKEWORD(2, 2), &sockets) != 0) {
        return FALSE;
    }
    process.slot = FlsAlloc(end_session);
    return process.slot != FLS_OUT_OF_INDEXES;
}

struct session *session_of_thread(void)
{
    struct session *session;

    if (!InitOnceExecuteOnce(&process.once, start_process, NULL, NULL)) {
        return NULL;
    }
    session = FlsGetValue(process.slot);
    if (session != NULL) {
        return session;
    }
    session = memory_new(sizeof *session);
    if (session != NULL && !FlsSetValue(process.slot, session)) {
        memory_free(session, sizeof *session);
        session = NULL;
    }
    return session;
}

void session_begin(struct session *session)
{
    buffer_clear(&session->values);
    session->count = 0;
    session->may_ask = FALSE;
}

/* A link that does not work any more: its handles, if it was the last one, are gone with it. */
static void drop_link(struct link *link)
{
    AcquireSRWLockExclusive(&process.lock);
    process.open_links--;
    ReleaseSRWLockExclusive(&process.lock);
    link_close(link);
}

static struct link *take_idle(void)
{
    struct link *link;

    AcquireSRWLockExclusive(&process.lock);
    link = process.idle;
    process.idle = NULL;
    ReleaseSRWLockExclusive(&process.lock);
    return link;
}

/* A new connection is counted. Of an agent that is not the last one nobody knows our hashes. */
static void note_link(const struct link *link)
{
    BOOL restarted;

    AcquireSRWLockExclusive(&process.lock);
    restarted = process.has_agent && memcmp(&process.agent.secret, link->endpoint.secret, WIRE_SECRET_SIZE) != 0;
    process.has_agent = TRUE;
    process.agent = link->endpoint;
    process.open_links++;
    ReleaseSRWLockExclusive(&process.lock);
    if (restarted) {
        waiting_forget_all();
    }
}

static enum outcome connect_to_agent(struct link **link)
{
    struct endpoint endpoint;
    enum outcome outcome;

    memset(&endpoint, 0, sizeof endpoint);
    outcome = endpoint_read(&endpoint);
    if (outcome == OUTCOME_DONE) {
        outcome = link_open(&endpoint, process.number, link);
    }
    SecureZeroMemory(&endpoint, sizeof endpoint);
    return outcome;
}

/* Start the agent and wait until it answers. */
static enum outcome start_and_connect(struct link **link)
{
    const ULONGLONG until = GetTickCount64() + START_MILLISECONDS;
    enum outcome outcome = connect_to_agent(link); /* another thread may have started it while this one waited */

    if (outcome != OUTCOME_NO_AGENT || GetTickCount64() < process.no_start_before || !agent_start()) {
        return outcome;
    }
    while (outcome == OUTCOME_NO_AGENT && GetTickCount64() < until) {
        Sleep(START_POLL_MILLISECONDS);
        outcome = connect_to_agent(link);
    }
    if (outcome == OUTCOME_NO_AGENT) {
        process.no_start_before = GetTickCount64() + START_PAUSE_MILLISECONDS;
    }
    return outcome;
}

static enum outcome open_link(struct link **link)
{
    enum outcome outcome = connect_to_agent(link);

    if (outcome == OUTCOME_NO_AGENT) {
        AcquireSRWLockExclusive(&process.starting);
        outcome = start_and_connect(link);
        ReleaseSRWLockExclusive(&process.starting);
    }
    if (outcome == OUTCOME_DONE) {
        note_link(*link);
    }
    return outcome;
}

/* Make sure that the thread has a connection on which the agent is still there. */
static enum outcome provide_link(struct session *session)
{
    if (session->link == NULL) {
        session->link = take_idle();
    }
    if (session->link != NULL && link_is_usable(session->link)) {
        return OUTCOME_DONE;
    }
    if (session->link != NULL) {
        drop_link(session->link);
        session->link = NULL;
    }
    return open_link(&session->link);
}

static DWORD code_of(enum outcome outcome)
{
    switch (outcome) {
    case OUTCOME_DONE:
        return ERROR_SUCCESS;
    case OUTCOME_NO_MEMORY:
        return (DWORD)NTE_NO_MEMORY;
    case OUTCOME_WRONG:
        return (DWORD)SCARD_F_COMM_ERROR;
    case OUTCOME_UNTRUSTED:
        return ERROR_ACCESS_DENIED;
    case OUTCOME_BUSY:
        return ERROR_BUSY;
    case OUTCOME_NO_AGENT:
        return (DWORD)NTE_PROVIDER_DLL_FAIL;
    case OUTCOME_LATE:
    case OUTCOME_LOST:
    default:
        return (DWORD)SCARD_E_SERVICE_STOPPED;
    }
}

static enum outcome exchange_once(struct session *session, DWORD number, struct reply *reply)
{
    enum outcome outcome = provide_link(session);

    if (outcome != OUTCOME_DONE) {
        return outcome;
    }
    if (session->may_ask) {
        foreground_allow(session->link->endpoint.pid);
    }
    outcome = link_call(session->link, process.number, number, session->count, &session->values, reply);
    if (outcome != OUTCOME_DONE) {
        drop_link(session->link);
        session->link = NULL;
    }
    return outcome;
}

DWORD session_exchange(struct session *session, DWORD number, BOOL again, struct reply *reply)
{
    enum outcome outcome;

    if (session->values.failed) {
        return (DWORD)NTE_NO_MEMORY;
    }
    if (session->values.size > MOST_VALUES) {
        return (DWORD)NTE_BAD_LEN;
    }
    outcome = exchange_once(session, number, reply);
    if (again && (outcome == OUTCOME_LOST || outcome == OUTCOME_LATE)) {
        outcome = exchange_once(session, number, reply);
    }
    return code_of(outcome);
}
