/* From the parameters of an exported function to a call on the wire, and from the reply to the caller's buffers. */
#ifndef PERSONAL_CSP_CALL_H
#define PERSONAL_CSP_CALL_H

#include "calls.h"

/* One parameter; its kind in the table of calls says which member it is. */
union argument {
    /* CONTEXT, KEY, HASH */
    ULONG_PTR handle;
    /* DWORD, ALGORITHM, ROOM */
    DWORD number;
    BOOL truth;
    const char *text;
    const WCHAR *wide_text;
    const struct provider_vtable *vtable;
    struct {
        const BYTE *data;
        DWORD size;
    } bytes;
    const BYTE *set_data;
    struct {
        BYTE *data;
        DWORD *size;
    } buffer;
    /* DATA, RANDOM */
    BYTE *data;
    DWORD *length;
    DWORD *reserved;
    /* NEW_CONTEXT, NEW_KEY, NEW_HASH */
    ULONG_PTR *made;
};

/* Make the call. FALSE with its code in GetLastError if it fails. */
BOOL call_function(const struct call *call, const union argument *arguments);

#endif
