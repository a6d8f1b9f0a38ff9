/* The right to be in front, which a program with windows hands on to the agent. */
#include "checks.h"

#include <string.h>

static volatile LONG handed_on;
static volatile DWORD heir;

static BOOL WINAPI noted(DWORD pid)
{
    heir = pid;
    InterlockedIncrement(&handed_on);
    return TRUE;
}

/* From now on user32's AllowSetForegroundWindow is `noted`, in this process: its code begins with a jump there. */
static BOOL divert(void)
{
    const HMODULE library = LoadLibraryA("user32.dll");
    BYTE *code = library == NULL ? NULL : (BYTE *)(void *)GetProcAddress(library, "AllowSetForegroundWindow");
    BYTE jump[] = {0x48, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xE0}; /* mov rax, target; jmp rax */
    const void *target = (const void *)noted;
    DWORD before;

    memcpy(jump + 2, &target, sizeof target);
    if (code == NULL || !VirtualProtect(code, sizeof jump, PAGE_EXECUTE_READWRITE, &before)) {
        return FALSE;
    }
    memcpy(code, jump, sizeof jump);
    return FlushInstructionCache(GetCurrentProcess(), code, sizeof jump);
}

/* CONTAINER SPEC: who gets the right is told; nobody does for what asks no person. */
void front(char **arguments)
{
    const DWORD spec = number(arguments[1]);
    HCRYPTPROV provider;
    HCRYPTHASH hash;
    BYTE signature[512];
    DWORD size = sizeof signature;
    LONG before;

    if (!check(divert(), "user32 is there, and diverted")) {
        return;
    }
    provider = open_container(arguments[0], 0);
    before = handed_on;
    hash = hash_of(provider, CALG_SHA1, (const BYTE *)"front", 5);
    check(handed_on == before, "hashing asks nobody");
    SUCCEEDS(CryptSignHashA(hash, spec, NULL, 0, signature, &size));
    check(handed_on == before + 1, "a signature may ask: %ld times", handed_on - before);
    tell("heir", "%lu", heir);
    SUCCEEDS(CryptDestroyHash(hash));
    SUCCEEDS(CryptReleaseContext(provider, 0));
}
