#include "stream.h"

#include "values.h"

#include <string.h>

#define CHUNK 4096u
#define SMALLEST_BODY 4u

/* Wait until something can be read, or written with `to_write`; a connection that failed counts as both. */
static enum outcome wait_until(SOCKET stream, BOOL to_write, ULONGLONG until)
{
    const ULONGLONG now = GetTickCount64();
    const ULONGLONG left = until > now ? until - now : 0;
    struct timeval most = {(long)(left / 1000), (long)(left % 1000 * 1000)};
    fd_set wanted = {.fd_count = 1, .fd_array = {stream}};
    fd_set broken = wanted;
    const int ready = select(0, to_write ? NULL : &wanted, to_write ? &wanted : NULL, &broken, &most);

    if (ready == 0) {
        return OUTCOME_LATE;
    }
    return ready == SOCKET_ERROR ? OUTCOME_LOST : OUTCOME_DONE;
}

static BOOL prepare(SOCKET stream)
{
    u_long non_blocking = 1;
    const BOOL no_delay = TRUE;

    return ioctlsocket(stream, (long)FIONBIO, &non_blocking) == 0 &&
           setsockopt(stream, IPPROTO_TCP, TCP_NODELAY, (const char *)&no_delay, sizeof no_delay) == 0;
}

static enum outcome finish_connecting(SOCKET stream, ULONGLONG until)
{
    int error = 0;
    int size = sizeof error;
    const enum outcome waited = wait_until(stream, TRUE, until);

    if (waited != OUTCOME_DONE) {
        return waited;
    }
    if (getsockopt(stream, SOL_SOCKET, SO_ERROR, (char *)&error, &size) != 0 || error != 0) {
        return OUTCOME_LOST;
    }
    return OUTCOME_DONE;
}

enum outcome stream_connect(WORD port, ULONGLONG until, SOCKET *connected)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    const DWORD flags = WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT;
    const SOCKET stream = WSASocketW(AF_INET, SOCK_STREAM, IPPROTO_TCP, NULL, 0, flags);
    enum outcome outcome = OUTCOME_LOST;

    if (stream == INVALID_SOCKET) {
        return OUTCOME_LOST;
    }
    if (prepare(stream)) {
        if (connect(stream, (const struct sockaddr *)&address, sizeof address) == 0) {
            outcome = OUTCOME_DONE;
        } else if (WSAGetLastError() == WSAEWOULDBLOCK) {
            outcome = finish_connecting(stream, until);
        }
    }
    if (outcome != OUTCOME_DONE) {
        stream_close(stream);
        return outcome;
    }
    *connected = stream;
    return OUTCOME_DONE;
}

/* Take what was sent off the front of the parts; whether all of it was. */
static BOOL advance(WSABUF parts[2], DWORD sent)
{
    int i;

    for (i = 0; i < 2; i++) {
        const DWORD of_this = sent < parts[i].len ? sent : parts[i].len;

        parts[i].buf += of_this;
        parts[i].len -= of_this;
        sent -= of_this;
    }
    return parts[0].len == 0 && parts[1].len == 0;
}

enum outcome stream_send(SOCKET stream, const struct buffer *first, const struct buffer *second, ULONGLONG until)
{
    WSABUF parts[2] = {{first->size, (char *)first->data}, {second->size, (char *)second->data}};
    DWORD sent;

    for (;;) {
        sent = 0;
        if (WSASend(stream, parts, parts[1].len != 0 ? 2 : 1, &sent, 0, NULL, NULL) == 0) {
            if (advance(parts, sent)) {
                return OUTCOME_DONE;
            }
        } else if (WSAGetLastError() == WSAEWOULDBLOCK) {
            const enum outcome waited = wait_until(stream, TRUE, until);

            if (waited != OUTCOME_DONE) {
                return waited;
            }
        } else {
            return OUTCOME_LOST;
        }
    }
}

enum outcome stream_wait(SOCKET stream, ULONGLONG until)
{
    return wait_until(stream, FALSE, until);
}

/* What is there, `size` bytes at most; waits if there is nothing yet. */
static enum outcome receive_some(SOCKET stream, BYTE *data, DWORD size, ULONGLONG until, DWORD *got)
{
    for (;;) {
        const int count = recv(stream, (char *)data, (int)size, 0);
        enum outcome waited;

        if (count > 0) {
            *got = (DWORD)count;
            return OUTCOME_DONE;
        }
        if (count == 0 || WSAGetLastError() != WSAEWOULDBLOCK) {
            return OUTCOME_LOST;
        }
        waited = wait_until(stream, FALSE, until);
        if (waited != OUTCOME_DONE) {
            return waited;
        }
    }
}

static enum outcome receive_all(SOCKET stream, BYTE *data, DWORD size, ULONGLONG until)
{
    while (size != 0) {
        DWORD got = 0;
        const enum outcome outcome = receive_some(stream, data, size, until, &got);

        if (outcome != OUTCOME_DONE) {
            return outcome;
        }
        data += got;
        size -= got;
    }
    return OUTCOME_DONE;
}

/* The start of a frame: its size, and what came along with that. */
static enum outcome receive_start(SOCKET stream, BYTE start[CHUNK], ULONGLONG until, DWORD *got)
{
    const enum outcome outcome = receive_some(stream, start, CHUNK, until, got);

    DWORD missing;

    if (outcome != OUTCOME_DONE || *got >= WIRE_LENGTH_SIZE) {
        return outcome;
    }
    missing = WIRE_LENGTH_SIZE - *got;
    *got = WIRE_LENGTH_SIZE;
    return receive_all(stream, start + WIRE_LENGTH_SIZE - missing, missing, until);
}

enum outcome stream_receive(SOCKET stream, DWORD limit, ULONGLONG until, struct buffer *body)
{
    BYTE start[CHUNK];
    DWORD got = 0;
    DWORD size;
    enum outcome outcome = receive_start(stream, start, until, &got);
    struct reader from = {start, WIRE_LENGTH_SIZE, FALSE};

    if (outcome != OUTCOME_DONE) {
        return outcome;
    }
    size = take_u32(&from);
    got -= WIRE_LENGTH_SIZE;
    if (size < SMALLEST_BODY || size > limit || got > size) {
        outcome = OUTCOME_WRONG;
    } else if (!buffer_reserve(body, size)) {
        outcome = OUTCOME_NO_MEMORY;
    } else {
        memcpy(body->data, start + WIRE_LENGTH_SIZE, got);
        body->size = size;
        outcome = receive_all(stream, body->data + got, size - got, until);
    }
    SecureZeroMemory(start, WIRE_LENGTH_SIZE + got);
    return outcome;
}

BOOL stream_is_quiet(SOCKET stream)
{
    char byte;

    return recv(stream, &byte, 1, MSG_PEEK) == SOCKET_ERROR && WSAGetLastError() == WSAEWOULDBLOCK;
}

void stream_close(SOCKET stream)
{
    (void)closesocket(stream); /* it is gone for us, whatever this says */
}
