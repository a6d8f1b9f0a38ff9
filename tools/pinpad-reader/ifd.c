/*
 * A reader that consists of nothing but a socket: an IFD handler 3.0 for pcscd that hands everything on.
 *
 * Each reader is a Unix socket, named by DEVICENAME in the reader's configuration as in "pad:/tmp/reader.sock". Who
 * listens there plays the reader, the card and the person. Two connections are made; the first byte says which:
 *
 *   'R'  requests. A request is a byte (below), a length and so many bytes; its answer is a result of ifdhandler.h, a
 *        length and so many bytes. Numbers have four bytes, the most significant one first.
 *          'P'  is a card there?       'W'  power: a byte 0 off, 1 on, 2 reset    -> answer to reset
 *          'T'  command APDU           -> response APDU
 *          'C'  control code, data     -> reply
 *   'E'  events. Each byte from the other side means that a card may have come or gone.
 *
 * Where nobody listens the reader is unplugged; it is back as soon as somebody does.
 */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <ifdhandler.h>

#define MAX_READERS 16
#define NUMBER_SIZE 4

struct reader {
    struct sockaddr_un address;
    int requests;
    int events;
    int wake; /* ends the waiting for events */
    pthread_mutex_t guard; /* one request at a time */
};

struct part {
    const void *bytes;
    size_t size;
};

static struct reader readers[MAX_READERS];

static struct reader *reader_of(DWORD lun)
{
    size_t number = (size_t)(lun >> 16);

    return number < MAX_READERS ? &readers[number] : NULL;
}

static void put_number(unsigned char *where, uint32_t number)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        *where++ = (unsigned char)(number >> shift & 0xFF);
}

static uint32_t get_number(const unsigned char *where)
{
    return (uint32_t)where[0] << 24 | (uint32_t)where[1] << 16 | (uint32_t)where[2] << 8 | where[3];
}

static bool send_all(int connection, const void *bytes, size_t size)
{
    const unsigned char *next = bytes;

    while (size > 0) {
        ssize_t sent = send(connection, next, size, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        next += sent;
        size -= (size_t)sent;
    }
    return true;
}

static bool receive_all(int connection, void *bytes, size_t size)
{
    unsigned char *next = bytes;

    while (size > 0) {
        ssize_t received = recv(connection, next, size, 0);

        if (received < 0 && errno == EINTR)
            continue;
        if (received <= 0)
            return false;
        next += received;
        size -= (size_t)received;
    }
    return true;
}

static void drop(int *connection)
{
    if (*connection >= 0)
        close(*connection);
    *connection = -1;
}

/* Makes the connection of that kind if there is none. */
static bool connected(const struct reader *reader, int *connection, char kind)
{
    if (*connection >= 0)
        return true;
    *connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (*connection < 0)
        return false;
    if (connect(*connection, (const struct sockaddr *)&reader->address, sizeof reader->address) == 0 &&
        send_all(*connection, &kind, 1))
        return true;
    drop(connection);
    return false;
}

/* Takes the rest of an answer that is too long for whoever asked, so that the next answer is found. */
static bool skip(int connection, size_t size)
{
    unsigned char nowhere[256];

    while (size > 0) {
        size_t some = size < sizeof nowhere ? size : sizeof nowhere;

        if (!receive_all(connection, nowhere, some))
            return false;
        size -= some;
    }
    return true;
}

static bool ask(int connection, char what, const struct part parts[2])
{
    unsigned char head[1 + NUMBER_SIZE];

    head[0] = (unsigned char)what;
    put_number(head + 1, (uint32_t)(parts[0].size + parts[1].size));
    return send_all(connection, head, sizeof head) && send_all(connection, parts[0].bytes, parts[0].size) &&
           send_all(connection, parts[1].bytes, parts[1].size);
}

/* Receives an answer of at most `*size` bytes; false if the connection was lost. */
static bool hear(int connection, void *answer, size_t *size, RESPONSECODE *result)
{
    unsigned char head[2 * NUMBER_SIZE];
    size_t room = *size;

    *size = 0;
    if (!receive_all(connection, head, sizeof head))
        return false;
    *result = (RESPONSECODE)get_number(head);
    size_t coming = get_number(head + NUMBER_SIZE);
    if (coming > room) {
        *result = IFD_ERROR_INSUFFICIENT_BUFFER;
        return skip(connection, coming);
    }
    *size = coming;
    return receive_all(connection, answer, coming);
}

static RESPONSECODE request(DWORD lun, char what, const struct part parts[2], void *answer, size_t *size)
{
    struct reader *reader = reader_of(lun);
    RESPONSECODE result = IFD_NO_SUCH_DEVICE;

    if (reader == NULL) {
        *size = 0;
        return result;
    }
    pthread_mutex_lock(&reader->guard);
    if (!connected(reader, &reader->requests, 'R')) {
        *size = 0;
    } else if (!ask(reader->requests, what, parts) || !hear(reader->requests, answer, size, &result)) {
        drop(&reader->requests);
        *size = 0;
        result = IFD_NO_SUCH_DEVICE;
    }
    pthread_mutex_unlock(&reader->guard);
    return result;
}

/* Waits until a card may have come or gone; pcscd looks itself then. */
static RESPONSECODE wait_for_event(DWORD lun, int milliseconds)
{
    struct reader *reader = reader_of(lun);
    eventfd_t ignored;
    char event;

    if (reader == NULL || !connected(reader, &reader->events, 'E'))
        return IFD_NO_SUCH_DEVICE;
    struct pollfd watched[2] = {{.fd = reader->events, .events = POLLIN}, {.fd = reader->wake, .events = POLLIN}};
    if (poll(watched, 2, milliseconds) <= 0)
        return IFD_SUCCESS;
    if (watched[1].revents != 0)
        eventfd_read(reader->wake, &ignored);
    if (watched[0].revents != 0 && recv(reader->events, &event, 1, 0) <= 0)
        drop(&reader->events);
    return IFD_SUCCESS;
}

/* pcscd wants this at the end, and whenever it has something else to do. */
static RESPONSECODE stop_waiting(DWORD lun)
{
    struct reader *reader = reader_of(lun);

    return reader != NULL && eventfd_write(reader->wake, 1) == 0 ? IFD_SUCCESS : IFD_COMMUNICATION_ERROR;
}

RESPONSECODE IFDHCreateChannelByName(DWORD lun, LPSTR name)
{
    struct reader *reader = reader_of(lun);
    const char *path = strchr(name, ':');

    if (reader == NULL || path == NULL || strlen(path + 1) >= sizeof reader->address.sun_path)
        return IFD_COMMUNICATION_ERROR;
    memset(reader, 0, sizeof *reader);
    reader->requests = reader->events = -1;
    reader->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    reader->address.sun_family = AF_UNIX;
    strcpy(reader->address.sun_path, path + 1);
    pthread_mutex_init(&reader->guard, NULL);
    return connected(reader, &reader->requests, 'R') ? IFD_SUCCESS : IFD_NO_SUCH_DEVICE;
}

RESPONSECODE IFDHCreateChannel(DWORD lun, DWORD channel)
{
    (void)lun;
    (void)channel;
    return IFD_NOT_SUPPORTED; /* without a name nobody knows where to go */
}

RESPONSECODE IFDHCloseChannel(DWORD lun)
{
    struct reader *reader = reader_of(lun);

    if (reader == NULL)
        return IFD_COMMUNICATION_ERROR;
    drop(&reader->requests);
    drop(&reader->events);
    drop(&reader->wake);
    pthread_mutex_destroy(&reader->guard);
    return IFD_SUCCESS;
}

static RESPONSECODE give(const void *value, size_t size, PDWORD length, PUCHAR where)
{
    if (*length < size)
        return IFD_ERROR_INSUFFICIENT_BUFFER;
    memcpy(where, value, size);
    *length = (DWORD)size;
    return IFD_SUCCESS;
}

RESPONSECODE IFDHGetCapabilities(DWORD lun, DWORD tag, PDWORD length, PUCHAR value)
{
    RESPONSECODE (*const waiting)(DWORD, int) = wait_for_event;
    RESPONSECODE (*const stopping)(DWORD) = stop_waiting;
    const unsigned char one = 1, most = MAX_READERS;

    (void)lun;
    switch (tag) {
    case TAG_IFD_POLLING_THREAD_WITH_TIMEOUT:
        return give(&waiting, sizeof waiting, length, value);
    case TAG_IFD_STOP_POLLING_THREAD:
        return give(&stopping, sizeof stopping, length, value);
    case TAG_IFD_SIMULTANEOUS_ACCESS:
        return give(&most, 1, length, value);
    case TAG_IFD_SLOTS_NUMBER:
    case TAG_IFD_THREAD_SAFE:
        return give(&one, 1, length, value);
    default:
        return IFD_ERROR_TAG;
    }
}

RESPONSECODE IFDHSetCapabilities(DWORD lun, DWORD tag, DWORD length, PUCHAR value)
{
    (void)lun;
    (void)tag;
    (void)length;
    (void)value;
    return IFD_NOT_SUPPORTED;
}

RESPONSECODE IFDHSetProtocolParameters(DWORD lun, DWORD protocol, UCHAR flags, UCHAR pts1, UCHAR pts2, UCHAR pts3)
{
    (void)lun;
    (void)protocol;
    (void)flags;
    (void)pts1;
    (void)pts2;
    (void)pts3;
    return IFD_SUCCESS;
}

RESPONSECODE IFDHPowerICC(DWORD lun, DWORD action, PUCHAR atr, PDWORD atr_length)
{
    const unsigned char wanted = action == IFD_POWER_UP ? 1 : action == IFD_RESET ? 2 : 0;
    struct part parts[2] = {{&wanted, 1}, {NULL, 0}};
    unsigned char answer[MAX_ATR_SIZE];
    size_t size = sizeof answer;
    RESPONSECODE result = request(lun, 'W', parts, answer, &size);

    if (atr != NULL && atr_length != NULL) {
        memcpy(atr, answer, size);
        *atr_length = (DWORD)size;
    }
    return result;
}

RESPONSECODE IFDHTransmitToICC(DWORD lun, SCARD_IO_HEADER sending, PUCHAR command, DWORD command_length,
                               PUCHAR response, PDWORD response_length, PSCARD_IO_HEADER receiving)
{
    struct part parts[2] = {{command, command_length}, {NULL, 0}};
    size_t size = *response_length;
    RESPONSECODE result = request(lun, 'T', parts, response, &size);

    *response_length = (DWORD)size;
    if (receiving != NULL)
        receiving->Protocol = sending.Protocol;
    return result;
}

RESPONSECODE IFDHControl(DWORD lun, DWORD code, PUCHAR data, DWORD data_length, PUCHAR reply, DWORD room,
                         LPDWORD reply_length)
{
    unsigned char asked[NUMBER_SIZE];
    struct part parts[2] = {{asked, sizeof asked}, {data, data_length}};
    size_t size = room;

    put_number(asked, (uint32_t)code);
    RESPONSECODE result = request(lun, 'C', parts, reply, &size);
    *reply_length = (DWORD)size;
    return result;
}

RESPONSECODE IFDHICCPresence(DWORD lun)
{
    struct part parts[2] = {{NULL, 0}, {NULL, 0}};
    size_t size = 0;

    return request(lun, 'P', parts, NULL, &size);
}
