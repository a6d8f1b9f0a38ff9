#include "link.h"

#include "handshake.h"

#include <string.h>

#define FRAME_MILLISECONDS 10000u
/* After so long without an answer the agent is greeted on another connection, and again and again. */
#ifndef PROBE_MILLISECONDS
#define PROBE_MILLISECONDS 15000u
#endif
/* It is gone when it has not answered so many greetings in a row. */
#define MOST_SILENT_PROBES 2u
/* Memory that is kept for the next call. */
#define KEPT_ROOM 65536u

enum outcome link_open(const struct endpoint *endpoint, const BYTE process[WIRE_PROCESS_SIZE], struct link **opened)
{
    struct link *link = memory_new(sizeof *link);
    enum outcome outcome;

    if (link == NULL) {
        return OUTCOME_NO_MEMORY;
    }
    link->endpoint = *endpoint;
    outcome = handshake_connect(endpoint, process, &link->stream);
    if (outcome != OUTCOME_DONE) {
        memory_free(link, sizeof *link);
        return outcome;
    }
    *opened = link;
    return OUTCOME_DONE;
}

BOOL link_is_usable(const struct link *link)
{
    return stream_is_quiet(link->stream);
}

static BOOL agent_greets(const struct link *link, const BYTE process[WIRE_PROCESS_SIZE])
{
    SOCKET stream;
    const enum outcome outcome = handshake_connect(&link->endpoint, process, &stream);

    if (outcome == OUTCOME_DONE) {
        stream_close(stream);
    }
    return outcome == OUTCOME_DONE || outcome == OUTCOME_BUSY;
}

/* Wait for an answer for as long as the agent lives. */
static enum outcome wait_for_answer(const struct link *link, const BYTE process[WIRE_PROCESS_SIZE])
{
    DWORD silent = 0;

    while (silent < MOST_SILENT_PROBES) {
        const enum outcome waited = stream_wait(link->stream, GetTickCount64() + PROBE_MILLISECONDS);

        if (waited != OUTCOME_LATE) {
            return waited;
        }
        silent = agent_greets(link, process) ? 0 : silent + 1;
    }
    return OUTCOME_LOST;
}

static enum outcome parse_reply(const struct link *link, struct reply *reply)
{
    struct reader from = {link->received.data, link->received.size, FALSE};
    const DWORD version = take_u16(&from);
    const DWORD type = take_u16(&from);
    const DWORD sequence = take_u32(&from);

    reply->status = take_u32(&from);
    if (version != WIRE_VERSION || type != FRAME_REPLY || sequence != link->sequence ||
        !take_values(&from, reply->values, &reply->count)) {
        return OUTCOME_WRONG;
    }
    return OUTCOME_DONE;
}

static BOOL build_call(struct link *link, DWORD number, DWORD count, const struct buffer *values)
{
    const DWORD header_size = 2 + 2 + 4 + 4 + 2 + 2;

    link->sequence++;
    put_u32(&link->sent, header_size + values->size);
    put_u16(&link->sent, WIRE_VERSION);
    put_u16(&link->sent, FRAME_CALL);
    put_u32(&link->sent, link->sequence);
    put_u32(&link->sent, GetCurrentThreadId());
    put_u16(&link->sent, number);
    put_u16(&link->sent, count);
    return !link->sent.failed;
}

enum outcome link_call(struct link *link, const BYTE process[WIRE_PROCESS_SIZE], DWORD number, DWORD count,
                       const struct buffer *values, struct reply *reply)
{
    enum outcome outcome;

    link_forget(link);
    if (!build_call(link, number, count, values)) {
        return OUTCOME_NO_MEMORY;
    }
    outcome = stream_send(link->stream, &link->sent, values, GetTickCount64() + FRAME_MILLISECONDS);
    if (outcome == OUTCOME_DONE) {
        outcome = wait_for_answer(link, process);
    }
    if (outcome == OUTCOME_DONE) {
        outcome = stream_receive(link->stream, WIRE_MAX_FRAME, GetTickCount64() + FRAME_MILLISECONDS, &link->received);
    }
    return outcome == OUTCOME_DONE ? parse_reply(link, reply) : outcome;
}

void link_forget(struct link *link)
{
    buffer_clear(&link->sent);
    if (link->received.room > KEPT_ROOM) {
        buffer_free(&link->received);
    } else {
        buffer_clear(&link->received);
    }
}

void link_close(struct link *link)
{
    stream_close(link->stream);
    buffer_free(&link->sent);
    buffer_free(&link->received);
    memory_free(link, sizeof *link);
}
