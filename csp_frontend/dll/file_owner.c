#include "file_owner.h"

#include "buffer.h"

#include <aclapi.h>

#define ACCESS_THAT_MATTERS                                                                                            \
    (FILE_READ_DATA | FILE_WRITE_DATA | FILE_APPEND_DATA | WRITE_DAC | WRITE_OWNER | GENERIC_READ | GENERIC_WRITE |    \
     GENERIC_ALL)

/* Who may have a user's file: the user, and who could have it anyway. */
struct trusted {
    struct {
        TOKEN_USER user;
        BYTE sid[SECURITY_MAX_SID_SIZE];
    } user;
    BYTE others[3][SECURITY_MAX_SID_SIZE];
};

static BOOL find_user(struct trusted *trusted)
{
    HANDLE token = NULL;
    DWORD size = 0;
    BOOL found;

    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token)) {
        return FALSE;
    }
    found = GetTokenInformation(token, TokenUser, &trusted->user, sizeof trusted->user, &size);
    (void)CloseHandle(token);
    return found;
}

static BOOL find_trusted(struct trusted *trusted)
{
    static const WELL_KNOWN_SID_TYPE kinds[3] = {
        WinLocalSystemSid, WinBuiltinAdministratorsSid,
        WinCreatorOwnerRightsSid, /* the owner, by the name that access lists may have for him */
    };
    DWORD i;

    for (i = 0; i < 3; i++) {
        DWORD size = SECURITY_MAX_SID_SIZE;

        if (!CreateWellKnownSid(kinds[i], NULL, trusted->others[i], &size)) {
            return FALSE;
        }
    }
    return find_user(trusted);
}

static BOOL is_trusted(struct trusted *trusted, PSID sid)
{
    DWORD i;

    for (i = 0; i < 3; i++) {
        if (EqualSid(sid, trusted->others[i])) {
            return TRUE;
        }
    }
    return EqualSid(sid, trusted->user.user.User.Sid);
}

/* Whether one entry of an access list lets in nobody who is not trusted. */
static BOOL is_harmless(struct trusted *trusted, void *entry)
{
    const ACE_HEADER *header = entry;
    ACCESS_ALLOWED_ACE *allowed = entry;

    if (header->AceType == ACCESS_DENIED_ACE_TYPE || (header->AceFlags & INHERIT_ONLY_ACE) != 0) {
        return TRUE;
    }
    if (header->AceType != ACCESS_ALLOWED_ACE_TYPE) {
        return FALSE;
    }
    return (allowed->Mask & ACCESS_THAT_MATTERS) == 0 || is_trusted(trusted, &allowed->SidStart);
}

static BOOL is_private_list(struct trusted *trusted, PACL list)
{
    DWORD i;

    if (list == NULL) { /* everybody may do everything */
        return FALSE;
    }
    for (i = 0; i < list->AceCount; i++) {
        void *entry = NULL;

        if (!GetAce(list, i, &entry) || !is_harmless(trusted, entry)) {
            return FALSE;
        }
    }
    return TRUE;
}

BOOL is_private_file(HANDLE file)
{
    struct trusted trusted;
    PSID owner = NULL;
    PACL list = NULL;
    PSECURITY_DESCRIPTOR descriptor = NULL;
    BOOL is_private;

    if (!find_trusted(&trusted) ||
        GetSecurityInfo(file, SE_FILE_OBJECT, OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION, &owner, NULL,
                        &list, NULL, &descriptor) != ERROR_SUCCESS) {
        return FALSE;
    }
    is_private = owner != NULL && is_trusted(&trusted, owner) && is_private_list(&trusted, list);
    (void)LocalFree(descriptor);
    return is_private;
}
