#include "call_once.h"

#include "answers.h"
#include "gather.h"
#include "set_data.h"
#include "waiting.h"

enum { CONTEXT_AT = 0 };

/* Whether nothing is changed by a second call where nobody knows if there was a first one. */
static BOOL is_repeatable(const struct call *call, const union argument *arguments)
{
    const union argument *flags = argument_of(call, arguments, PARAMETER_DWORD);

    return call->number == CALL_CPAcquireContext && (flags->number & (CRYPT_NEWKEYSET | CRYPT_DELETEKEYSET)) == 0;
}

/* Send the call that is encoded, and store what comes back. */
static DWORD exchange(const struct pending *pending)
{
    struct reply reply;
    const struct call *call = pending->call;
    BOOL understood;
    DWORD status;

    pending->session->may_ask = call->asks != 0;
    status = session_exchange(pending->session, call->number, is_repeatable(call, pending->arguments), &reply);
    if (status != ERROR_SUCCESS) {
        return status;
    }
    if (reply.status == ERROR_SUCCESS) {
        understood = store_answer(pending, &reply);
    } else {
        understood = store_size(pending->room.length, &reply);
    }
    return understood ? reply.status : (DWORD)SCARD_F_COMM_ERROR;
}

/* Send what waits for the hashes that the function is about to use; drop what nobody will ask for. */
static DWORD settle_hashes(const struct pending *pending)
{
    const union argument *hash = argument_of(pending->call, pending->arguments, PARAMETER_HASH);

    if (pending->call->number == CALL_CPReleaseContext) {
        waiting_forget_context(pending->arguments[CONTEXT_AT].handle);
    }
    if (hash == NULL) {
        return ERROR_SUCCESS;
    }
    if (pending->call->number == CALL_CPDestroyHash) {
        waiting_forget_hash(hash->handle);
    }
    return gather_flush(pending->session, hash->handle);
}

DWORD call_once(struct pending *pending)
{
    DWORD status = settle_hashes(pending);

    if (status == ERROR_SUCCESS && argument_of(pending->call, pending->arguments, PARAMETER_SET_DATA) != NULL) {
        status = set_data_find(pending->session, pending->call, pending->arguments, &pending->set_data);
    }
    if (status == ERROR_SUCCESS) {
        status = put_arguments(pending);
    }
    if (status == ERROR_SUCCESS) {
        status = exchange(pending);
    }
    buffer_free(&pending->set_data);
    return status;
}
