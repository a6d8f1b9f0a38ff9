#include "endpoint.h"

#include "file_owner.h"

#include <string.h>

/* Longer than any endpoint file is. */
#define MOST_BYTES 512u
#define MOST_PATH 1024u
#define WIDE_(text) L##text
#define WIDE(text) WIDE_(text)

/* What is still to be parsed. */
struct text {
    const BYTE *at;
    const BYTE *end;
};

static BOOL skip(struct text *text, const char *expected)
{
    const size_t size = strlen(expected);

    if ((size_t)(text->end - text->at) < size || memcmp(text->at, expected, size) != 0) {
        return FALSE;
    }
    text->at += size;
    return TRUE;
}

/* A decimal number from 1 to `most`, without zeros in front. */
static BOOL parse_number(struct text *text, DWORD most, DWORD *number)
{
    const BYTE *start = text->at;
    ULONGLONG found = 0;

    while (text->at < text->end && *text->at >= '0' && *text->at <= '9' && found <= most) {
        found = found * 10 + (ULONGLONG)(*text->at - '0');
        text->at++;
    }
    if (text->at == start || *start == '0' || found > most) {
        return FALSE;
    }
    *number = (DWORD)found;
    return TRUE;
}

/* The value of a lower-case hexadecimal digit; 16 for anything else. */
static DWORD digit(BYTE sign)
{
    if (sign >= '0' && sign <= '9') {
        return (DWORD)sign - '0';
    }
    return sign >= 'a' && sign <= 'f' ? (DWORD)sign - 'a' + 10 : 16;
}

static BOOL parse_secret(struct text *text, BYTE secret[WIRE_SECRET_SIZE])
{
    DWORD i;

    if ((size_t)(text->end - text->at) < (size_t)2 * WIRE_SECRET_SIZE) {
        return FALSE;
    }
    for (i = 0; i < WIRE_SECRET_SIZE; i++) {
        const DWORD high = digit(text->at[0]);
        const DWORD low = digit(text->at[1]);

        if (high > 15 || low > 15) {
            return FALSE;
        }
        secret[i] = (BYTE)(high << 4 | low);
        text->at += 2;
    }
    return TRUE;
}

BOOL endpoint_parse(const BYTE *text, DWORD size, struct endpoint *endpoint)
{
    struct text left = {text, text + size};
    DWORD port = 0;

    if (!skip(&left, "personal-csp agent 1\nport ") || !parse_number(&left, 0xFFFF, &port) ||
        !skip(&left, "\npid ") || !parse_number(&left, 0xFFFFFFFF, &endpoint->pid) || !skip(&left, "\nsecret ") ||
        !parse_secret(&left, endpoint->secret) || !skip(&left, "\n")) {
        return FALSE;
    }
    endpoint->port = (WORD)port;
    return left.at == left.end;
}

static BOOL append(WCHAR path[MOST_PATH], const WCHAR *part)
{
    const size_t size = wcslen(path);
    const size_t more = wcslen(part);

    if (size + more >= MOST_PATH) {
        return FALSE;
    }
    memcpy(path + size, part, (more + 1) * sizeof *part);
    return TRUE;
}

/* The value of a variable if it is an absolute path of Windows; under Wine those of Unix come along too. */
static BOOL folder_from(const WCHAR *variable, WCHAR path[MOST_PATH])
{
    const DWORD size = GetEnvironmentVariableW(variable, path, MOST_PATH);

    if (size < 3 || size >= MOST_PATH) {
        return FALSE;
    }
    return (path[1] == L':' && path[2] == L'\\') || (path[0] == L'\\' && path[1] == L'\\');
}

static BOOL find_file(WCHAR path[MOST_PATH])
{
    if (!folder_from(WIDE(ENDPOINT_ENVIRONMENT), path)) {
        if (!folder_from(L"LOCALAPPDATA", path) || !append(path, L"\\" WIDE(ENDPOINT_FOLDER))) {
            return FALSE;
        }
    }
    return append(path, L"\\" WIDE(ENDPOINT_FILE));
}

enum outcome endpoint_read(struct endpoint *endpoint)
{
    WCHAR path[MOST_PATH];
    BYTE text[MOST_BYTES];
    DWORD size = 0;
    HANDLE file;
    enum outcome outcome = OUTCOME_NO_AGENT;

    if (!find_file(path)) {
        return OUTCOME_NO_AGENT;
    }
    file = CreateFileW(path, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                       OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, NULL);
    if (file == INVALID_HANDLE_VALUE) {
        return OUTCOME_NO_AGENT;
    }
    if (!is_private_file(file)) {
        outcome = OUTCOME_UNTRUSTED;
    } else if (ReadFile(file, text, sizeof text, &size, NULL) && endpoint_parse(text, size, endpoint)) {
        outcome = OUTCOME_DONE;
    }
    (void)CloseHandle(file);
    SecureZeroMemory(text, sizeof text);
    return outcome;
}
