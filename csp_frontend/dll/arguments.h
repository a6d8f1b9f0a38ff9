/* The parameters of an exported function: what they are, whether they can be right, and how they travel. */
#ifndef PERSONAL_CSP_ARGUMENTS_H
#define PERSONAL_CSP_ARGUMENTS_H

#include "calls.h"
#include "process.h"

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

/* A caller's buffer for an answer: `data` is NULL where only the size is asked for. */
struct room {
    BYTE *data;
    DWORD *length;
    DWORD size;
};

/* A call under way. */
struct pending {
    struct session *session;
    const struct call *call;
    const union argument *arguments;
    struct room room;
    struct buffer set_data;
};

/* The argument of this kind; NULL if the function has none. */
const union argument *argument_of(const struct call *call, const union argument *arguments, enum parameter_kind kind);

/* Where the answer goes, if the function has such a place: `length` is NULL if not. */
struct room room_of(const struct call *call, const union argument *arguments);

/* Whether a parameter of this kind is where the caller wants a new handle: nothing is sent for it. */
BOOL is_answer(DWORD kind);

/* Whether there is a pointer wherever one has to be. */
BOOL arguments_are_valid(const struct pending *pending);

/* Begin a call on the session with all arguments as values. */
DWORD put_arguments(const struct pending *pending);

#endif
