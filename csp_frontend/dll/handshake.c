#include "handshake.h"

#include "digest.h"
#include "values.h"

#include <string.h>

#ifndef GREETING_MILLISECONDS
#define GREETING_MILLISECONDS 5000u
#endif

/* The frames of one handshake. */
struct greeting {
    const struct endpoint *endpoint;
    ULONGLONG until;
    SOCKET stream;
    BYTE nonce[WIRE_NONCE_SIZE];
    struct buffer hello;
    struct buffer challenge;
    struct buffer message;
};

/* The last part of the path of the process's program. */
static const WCHAR *program_name(WCHAR path[MAX_PATH])
{
    const DWORD size = GetModuleFileNameW(NULL, path, MAX_PATH);
    const WCHAR *name = path;
    DWORD i;

    path[size < MAX_PATH ? size : MAX_PATH - 1] = 0;
    for (i = 0; path[i] != 0; i++) {
        if (path[i] == L'\\') {
            name = &path[i + 1];
        }
    }
    return name;
}

static BOOL build_hello(struct greeting *greeting, const BYTE process[WIRE_PROCESS_SIZE])
{
    WCHAR path[MAX_PATH];
    struct buffer *hello = &greeting->hello;

    if (!random_fill(greeting->nonce, sizeof greeting->nonce)) {
        return FALSE;
    }
    put_u16(hello, WIRE_VERSION);
    put_u16(hello, FRAME_HELLO);
    buffer_append(hello, WIRE_MAGIC, (DWORD)strlen(WIRE_MAGIC));
    put_u16(hello, WIRE_LOWEST_VERSION);
    put_u16(hello, WIRE_VERSION);
    put_u32(hello, GetCurrentProcessId());
    buffer_append(hello, process, WIRE_PROCESS_SIZE);
    buffer_append(hello, greeting->nonce, sizeof greeting->nonce);
    put_bare_text(hello, program_name(path));
    return !hello->failed;
}

static enum outcome send_body(struct greeting *greeting, const struct buffer *body)
{
    struct buffer size = {0};
    enum outcome outcome = OUTCOME_NO_MEMORY;

    put_u32(&size, body->size);
    if (!size.failed) {
        outcome = stream_send(greeting->stream, &size, body, greeting->until);
    }
    buffer_free(&size);
    return outcome;
}

/* A proof: HMAC over the label with its NUL, and then other parts. */
static BOOL prove(struct greeting *greeting, const char *label, const void *more, DWORD more_size, const void *last,
                  DWORD last_size, BYTE proof[WIRE_PROOF_SIZE])
{
    struct buffer *message = &greeting->message;

    buffer_clear(message);
    buffer_append(message, label, (DWORD)strlen(label) + 1);
    buffer_append(message, greeting->hello.data, greeting->hello.size);
    buffer_append(message, more, more_size);
    buffer_append(message, last, last_size);
    return !message->failed && hmac_sha256(greeting->endpoint->secret, WIRE_SECRET_SIZE, message, proof);
}

static enum outcome refused(struct reader *from)
{
    const DWORD status = take_u32(from);

    return !from->failed && status == WIRE_BUSY ? OUTCOME_BUSY : OUTCOME_WRONG;
}

static enum outcome check_challenge(struct greeting *greeting)
{
    struct reader from = {greeting->challenge.data, greeting->challenge.size, FALSE};
    const DWORD version = take_u16(&from);
    const DWORD type = take_u16(&from);
    const BYTE *chosen;
    const BYTE *nonce;
    const BYTE *proof;
    BYTE expected[WIRE_PROOF_SIZE];

    if (type == FRAME_REFUSAL) {
        return refused(&from);
    }
    chosen = take(&from, 2);
    nonce = take(&from, WIRE_NONCE_SIZE);
    proof = take(&from, WIRE_PROOF_SIZE);
    if (version != WIRE_VERSION || type != FRAME_CHALLENGE || proof == NULL || from.left != 0) {
        return OUTCOME_WRONG;
    }
    if (!prove(greeting, WIRE_AGENT_LABEL, chosen, 2, nonce, WIRE_NONCE_SIZE, expected)) {
        return OUTCOME_NO_MEMORY;
    }
    /* The proof covers the version that was chosen. */
    if (!is_same_digest(proof, expected) || (chosen[0] | (DWORD)chosen[1] << 8) != WIRE_VERSION) {
        return OUTCOME_WRONG;
    }
    return OUTCOME_DONE;
}

static enum outcome send_proof(struct greeting *greeting)
{
    struct buffer body = {0};
    BYTE proof[WIRE_PROOF_SIZE];
    enum outcome outcome = OUTCOME_NO_MEMORY;

    if (!prove(greeting, WIRE_CLIENT_LABEL, greeting->challenge.data, greeting->challenge.size, NULL, 0, proof)) {
        return OUTCOME_NO_MEMORY;
    }
    put_u16(&body, WIRE_VERSION);
    put_u16(&body, FRAME_PROOF);
    buffer_append(&body, proof, sizeof proof);
    if (!body.failed) {
        outcome = send_body(greeting, &body);
    }
    buffer_free(&body);
    return outcome;
}

static enum outcome check_welcome(struct greeting *greeting)
{
    struct buffer welcome = {0};
    struct reader from;
    DWORD type;
    enum outcome outcome = stream_receive(greeting->stream, WIRE_MAX_GREETING, greeting->until, &welcome);

    if (outcome == OUTCOME_DONE) {
        from = (struct reader){welcome.data, welcome.size, FALSE};
        (void)take_u16(&from);
        type = take_u16(&from);
        if (type == FRAME_REFUSAL) {
            outcome = refused(&from);
        } else if (type != FRAME_WELCOME) {
            outcome = OUTCOME_WRONG;
        }
    }
    buffer_free(&welcome);
    return outcome;
}

static enum outcome shake_hands(struct greeting *greeting, const BYTE process[WIRE_PROCESS_SIZE])
{
    enum outcome outcome;

    if (!build_hello(greeting, process)) {
        return OUTCOME_NO_MEMORY;
    }
    outcome = send_body(greeting, &greeting->hello);
    if (outcome == OUTCOME_DONE) {
        outcome = stream_receive(greeting->stream, WIRE_MAX_GREETING, greeting->until, &greeting->challenge);
    }
    if (outcome == OUTCOME_DONE) {
        outcome = check_challenge(greeting);
    }
    if (outcome == OUTCOME_DONE) {
        outcome = send_proof(greeting);
    }
    return outcome == OUTCOME_DONE ? check_welcome(greeting) : outcome;
}

enum outcome handshake_connect(const struct endpoint *endpoint, const BYTE process[WIRE_PROCESS_SIZE], SOCKET *stream)
{
    struct greeting greeting = {.endpoint = endpoint, .until = GetTickCount64() + GREETING_MILLISECONDS};
    enum outcome outcome = stream_connect(endpoint->port, greeting.until, &greeting.stream);

    if (outcome != OUTCOME_DONE) {
        return OUTCOME_NO_AGENT;
    }
    outcome = shake_hands(&greeting, process);
    buffer_free(&greeting.hello);
    buffer_free(&greeting.challenge);
    buffer_free(&greeting.message);
    if (outcome == OUTCOME_DONE) {
        *stream = greeting.stream;
        return OUTCOME_DONE;
    }
    stream_close(greeting.stream);
    return outcome == OUTCOME_BUSY || outcome == OUTCOME_NO_MEMORY ? outcome : OUTCOME_NO_AGENT;
}
