/* How long things take: our provider and the system's own in turns, in one process. Times are in microseconds. */
#include "checks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_SAMPLES 20000

static double samples[MOST_SAMPLES];

static double now(void)
{
    LARGE_INTEGER count;
    LARGE_INTEGER frequency;

    QueryPerformanceCounter(&count);
    QueryPerformanceFrequency(&frequency);
    return (double)count.QuadPart * 1e6 / (double)frequency.QuadPart;
}

static int compare(const void *left, const void *right)
{
    const double *one = left;
    const double *other = right;

    return (*one > *other) - (*one < *other);
}

/* Tells the fastest tenth, the median and the slowest tenth of the first samples. */
static void tell_samples(const char *name, DWORD count)
{
    qsort(samples, count, sizeof *samples, compare);
    tell(name, "%.1f %.1f %.1f", samples[count / 10], samples[count / 2], samples[count - count / 10 - 1]);
}

/* Tells the first samples. */
static void tell_all(const char *name, DWORD count)
{
    static char text[20 * 1000];
    DWORD used = 0;
    DWORD i;

    for (i = 0; i < count && used < sizeof text - 20; i++) {
        used += (DWORD)sprintf(text + used, "%.1f ", samples[i]);
    }
    tell(name, "%s", text);
}

static double hash_all(HCRYPTPROV provider, ALG_ID algorithm, const BYTE *data, DWORD piece, DWORD total)
{
    const double begun = now();
    HCRYPTHASH hash = 0;
    BYTE value[64];
    DWORD size = sizeof value;
    DWORD done;

    CryptCreateHash(provider, algorithm, 0, 0, &hash);
    for (done = 0; done < total; done += piece) {
        if (!CryptHashData(hash, data, piece, 0)) {
            check(FALSE, "CryptHashData: %08lx", GetLastError());
        }
    }
    SUCCEEDS(CryptGetHashParam(hash, HP_HASHVAL, value, &size, 0));
    CryptDestroyHash(hash);
    return now() - begun;
}

/* MEBIBYTES ROUNDS: CryptHashData in pieces of several sizes. */
void bench_hashes(char **arguments)
{
    static const DWORD pieces[] = {4096, 65536, 1 << 20, 64 << 20};
    static const ALG_ID algorithms[] = {CALG_SHA1, CALG_SHA_256};
    const DWORD total = number(arguments[0]) << 20;
    const DWORD rounds = number(arguments[1]);
    const HCRYPTPROV ours = open_container(NULL, CRYPT_VERIFYCONTEXT);
    BYTE *data = VirtualAlloc(NULL, total, MEM_COMMIT, PAGE_READWRITE);
    HCRYPTPROV theirs = 0;
    DWORD round;
    size_t i;
    size_t k;

    SUCCEEDS(CryptAcquireContextA(&theirs, NULL, NULL, PROV_RSA_AES, CRYPT_VERIFYCONTEXT));
    memset(data, 0x5A, total);
    for (k = 0; k < sizeof algorithms / sizeof *algorithms; k++) {
        for (i = 0; i < sizeof pieces / sizeof *pieces; i++) {
            const DWORD piece = pieces[i] < total ? pieces[i] : total;

            for (round = 0; round < rounds; round++) {
                const double other = hash_all(theirs, algorithms[k], data, piece, total);
                const double own = hash_all(ours, algorithms[k], data, piece, total);

                tell("hash", "%s %lu %.0f %.0f", k == 0 ? "SHA-1" : "SHA-256", piece, own, other);
            }
        }
    }
    CryptReleaseContext(theirs, 0);
    CryptReleaseContext(ours, 0);
}

/* CONTAINER SPEC PIN ROUNDS: calls that need no card, contexts, and warm signatures. */
void bench_calls(char **arguments)
{
    const DWORD spec = number(arguments[1]);
    const DWORD rounds = number(arguments[3]);
    const HCRYPTPROV provider = open_with_pin(arguments[0], arguments[2], CRYPT_SILENT);
    const HCRYPTHASH hash = hash_of(provider, CALG_SHA_256, (const BYTE *)"bench", 5);
    BYTE signature[512];
    DWORD value;
    DWORD size;
    DWORD i;

    for (i = 0; i < MOST_SAMPLES / 4; i++) {
        const double begun = now();

        size = sizeof value;
        CryptGetHashParam(hash, HP_HASHSIZE, (BYTE *)&value, &size, 0);
        samples[i] = now() - begun;
    }
    tell_samples("call", MOST_SAMPLES / 4);
    for (i = 0; i < 1000; i++) {
        const double begun = now();
        HCRYPTPROV other = 0;

        CryptAcquireContextA(&other, NULL, PROVIDER, PROV_RSA_FULL, CRYPT_VERIFYCONTEXT);
        CryptReleaseContext(other, 0);
        samples[i] = now() - begun;
    }
    tell_samples("context", 1000);
    size = sizeof signature;
    SUCCEEDS(CryptSignHashA(hash, spec, NULL, 0, signature, &size));
    for (i = 0; i < rounds; i++) {
        const double begun = now();

        size = sizeof signature;
        CryptSignHashA(hash, spec, NULL, 0, signature, &size);
        samples[i] = now() - begun;
    }
    tell_all("signatures", rounds);
    CryptDestroyHash(hash);
    CryptReleaseContext(provider, 0);
}
