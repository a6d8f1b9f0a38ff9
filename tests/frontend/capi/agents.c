/* Whether there is an agent to talk to. */
#include "checks.h"

#ifndef PP_PIN_PROMPT_STRING
#define PP_PIN_PROMPT_STRING 44
#endif

/* [CODE]: one call; it succeeds, or fails with the code. How long it took is told. */
void one_call(char **arguments)
{
    const ULONGLONG begun = GetTickCount64();
    HCRYPTPROV provider = 0;
    const DWORD expected = arguments[0] == NULL ? 0 : number(arguments[0]);
    const BOOL done = CryptAcquireContextA(&provider, NULL, PROVIDER, PROV_RSA_FULL, CRYPT_VERIFYCONTEXT);

    check_call(done, expected, "CryptAcquireContext");
    tell("milliseconds", "%llu", (unsigned long long)(GetTickCount64() - begun));
    if (done) {
        SUCCEEDS(CryptReleaseContext(provider, 0));
    }
}

/* CONTAINER [CODE]: a signature for which a person is asked and told a text; how long it took is told. */
void wait_for_agent(char **arguments)
{
    const ULONGLONG begun = GetTickCount64();
    const DWORD expected = arguments[1] == NULL ? 0 : number(arguments[1]);
    const HCRYPTPROV provider = open_container(arguments[0], 0);
    const HCRYPTHASH hash = hash_of(provider, CALG_SHA1, (const BYTE *)"wait", 4);
    BYTE signature[512];
    DWORD size = sizeof signature;

    SUCCEEDS(CryptSetProvParam(provider, PP_PIN_PROMPT_STRING, (const BYTE *)L"Contract \x2116 7, \xe4gare", 0));
    tell("asking", "now");
    check_call(CryptSignHashA(hash, AT_KEYEXCHANGE, NULL, 0, signature, &size), expected, "CryptSignHash");
    tell("milliseconds", "%llu", (unsigned long long)(GetTickCount64() - begun));
}
