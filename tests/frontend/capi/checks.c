#include "checks.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static LONG passed_count;
static LONG failed_count;
static SRWLOCK output_lock = SRWLOCK_INIT;

BOOL check(BOOL passed, const char *format, ...)
{
    va_list arguments;
    LONG number;

    AcquireSRWLockExclusive(&output_lock);
    number = passed_count + failed_count + 1;
    *(passed ? &passed_count : &failed_count) += 1;
    printf("%s %ld - ", passed ? "ok" : "not ok", number);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    fflush(stdout);
    ReleaseSRWLockExclusive(&output_lock);
    return passed;
}

BOOL check_call(BOOL succeeded, DWORD expected, const char *text)
{
    const DWORD error = succeeded ? 0 : GetLastError();
    const DWORD wanted = expected;

    if (error == wanted && succeeded == (wanted == 0)) {
        return check(TRUE, "%s", text);
    }
    return check(FALSE, "%s: %08lx where %08lx was due", text, error, wanted);
}

int finish(void)
{
    printf("1..%ld\n%ld passed, %ld failed\n", passed_count + failed_count, passed_count, failed_count);
    return failed_count != 0 || passed_count == 0;
}

void tell(const char *name, const char *format, ...)
{
    va_list arguments;

    AcquireSRWLockExclusive(&output_lock);
    printf("# %s: ", name);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    fflush(stdout);
    ReleaseSRWLockExclusive(&output_lock);
}

void read_file(const char *name, struct bytes *content)
{
    FILE *file = fopen(name, "rb");

    content->size = 0;
    if (file != NULL) {
        content->size = (DWORD)fread(content->data, 1, sizeof content->data, file);
        fclose(file);
    }
    if (file == NULL) {
        check(FALSE, "%s can be read", name);
    }
}

void write_file(const char *name, const BYTE *data, DWORD size)
{
    FILE *file = fopen(name, "wb");

    if (file == NULL || fwrite(data, 1, size, file) != size || fclose(file) != 0) {
        check(FALSE, "%s can be written", name);
    }
}

HCRYPTPROV open_container(const char *name, DWORD flags)
{
    HCRYPTPROV provider = 0;

    if (!CryptAcquireContextA(&provider, name, PROVIDER, PROV_RSA_FULL, flags)) {
        check(FALSE, "CryptAcquireContext %s %lx: %08lx", name == NULL ? "NULL" : name, flags, GetLastError());
        return 0;
    }
    return provider;
}

HCRYPTPROV open_with_pin(const char *name, const char *pin, DWORD flags)
{
    const HCRYPTPROV provider = open_container(name, flags);

    if (provider != 0) {
        SUCCEEDS(CryptSetProvParam(provider, PP_SIGNATURE_PIN, (const BYTE *)pin, 0));
    }
    return provider;
}

HCRYPTHASH hash_of(HCRYPTPROV provider, ALG_ID algorithm, const BYTE *data, DWORD size)
{
    HCRYPTHASH hash = 0;

    if (!SUCCEEDS(CryptCreateHash(provider, algorithm, 0, 0, &hash))) {
        return 0;
    }
    SUCCEEDS(CryptHashData(hash, data, size, 0));
    return hash;
}

DWORD number(const char *text)
{
    return (DWORD)strtoul(text, NULL, 0);
}

const CERT_CONTEXT *certificate_of(const char *container, DWORD spec)
{
    static struct bytes der;
    WCHAR wide[300] = {0};
    CRYPT_KEY_PROV_INFO info = {.pwszContainerName = wide,
                                .pwszProvName = (WCHAR *)(ULONG_PTR)L"Personal CSP",
                                .dwProvType = PROV_RSA_FULL,
                                .dwKeySpec = spec};
    const HCRYPTPROV provider = open_container(container, CRYPT_SILENT);
    HCRYPTKEY key = 0;
    const CERT_CONTEXT *certificate;

    der.size = sizeof der.data;
    if (!SUCCEEDS(CryptGetUserKey(provider, spec, &key)) ||
        !SUCCEEDS(CryptGetKeyParam(key, KP_CERTIFICATE, der.data, &der.size, 0))) {
        return NULL;
    }
    SUCCEEDS(CryptDestroyKey(key));
    SUCCEEDS(CryptReleaseContext(provider, 0));
    certificate = CertCreateCertificateContext(X509_ASN_ENCODING, der.data, der.size);
    MultiByteToWideChar(CP_ACP, 0, container, -1, wide, 300);
    if (!SUCCEEDS(CertSetCertificateContextProperty(certificate, CERT_KEY_PROV_INFO_PROP_ID, 0, &info))) {
        return NULL;
    }
    return certificate;
}
