#include "ansi.h"

#include "calls.h"

#include <string.h>

#ifndef PP_SMARTCARD_READER
#define PP_SMARTCARD_READER 43
#endif

BOOL is_text_parameter(DWORD parameter)
{
    switch (parameter) {
    case PP_NAME:
    case PP_CONTAINER:
    case PP_UNIQUE_CONTAINER:
    case PP_ENUMCONTAINERS:
    case PP_SMARTCARD_READER:
        return TRUE;
    default:
        return FALSE;
    }
}

/* Looks alike that would name another container are not taken; UTF-8 as the code page knows no such flag. */
static DWORD narrowing_flags(void)
{
    return GetACP() == CP_UTF8 ? 0 : WC_NO_BEST_FIT_CHARS;
}

void text_to_ansi(BYTE *text, DWORD *size)
{
    WCHAR wide[WIRE_MAX_TEXT];
    char ansi[WIRE_MAX_TEXT];
    const BYTE *end = memchr(text, 0, *size);
    const DWORD before = end == NULL ? *size : (DWORD)(end - text);
    int length;

    if (before == 0 || before > WIRE_MAX_TEXT) {
        return;
    }
    length = MultiByteToWideChar(CP_UTF8, 0, (const char *)text, (int)before, wide, WIRE_MAX_TEXT);
    length = length <= 0 ? 0
                         : WideCharToMultiByte(CP_ACP, narrowing_flags(), wide, length, ansi, (int)before, NULL, NULL);
    if (length <= 0) {
        return;
    }
    memcpy(text, ansi, (DWORD)length);
    memset(text + length, 0, before - (DWORD)length);
    if (before + 1 == *size) {
        *size = (DWORD)length + 1;
    }
}
