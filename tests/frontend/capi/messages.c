/* Messages and certificates, as mail programs and document signers use them: crypt32 above our provider. */
#include "checks.h"

#include <string.h>

/* CONTAINER SPEC PIN_IS_ASKED: sign the file `data` into attached.p7m and detached.p7s. */
void sign_message(char **arguments)
{
    static struct bytes data;
    static struct bytes message;
    const BYTE *contents[1];
    DWORD sizes[1];
    const CERT_CONTEXT *certificate = certificate_of(arguments[0], number(arguments[1]));
    const CERT_CONTEXT *certificates[1] = {certificate};
    CRYPT_SIGN_MESSAGE_PARA how = {
        .cbSize = sizeof how,
        .dwMsgEncodingType = X509_ASN_ENCODING | PKCS_7_ASN_ENCODING,
        .pSigningCert = certificate,
        .HashAlgorithm.pszObjId = (char *)(ULONG_PTR)arguments[2],
        .cMsgCert = 1,
        .rgpMsgCert = certificates,
    };
    CRYPT_VERIFY_MESSAGE_PARA check_how = {.cbSize = sizeof check_how,
                                           .dwMsgAndCertEncodingType = X509_ASN_ENCODING | PKCS_7_ASN_ENCODING};

    if (certificate == NULL) {
        return;
    }
    read_file("data", &data);
    contents[0] = data.data;
    sizes[0] = data.size;
    message.size = 0;
    SUCCEEDS(CryptSignMessage(&how, FALSE, 1, contents, sizes, NULL, &message.size));
    check(message.size > data.size && message.size <= sizeof message.data, "a message of %lu bytes", message.size);
    SUCCEEDS(CryptSignMessage(&how, FALSE, 1, contents, sizes, message.data, &message.size));
    write_file("attached.p7m", message.data, message.size);
    SUCCEEDS(CryptVerifyMessageSignature(&check_how, 0, message.data, message.size, NULL, NULL, NULL));
    message.size = sizeof message.data;
    SUCCEEDS(CryptSignMessage(&how, TRUE, 1, contents, sizes, message.data, &message.size));
    write_file("detached.p7s", message.data, message.size);
    SUCCEEDS(CryptVerifyDetachedMessageSignature(&check_how, 0, message.data, message.size, 1, contents, sizes, NULL));
    data.data[0] ^= 1;
    check(!CryptVerifyDetachedMessageSignature(&check_how, 0, message.data, message.size, 1, contents, sizes, NULL),
          "it is no signature of other data");
    CertFreeCertificateContext(certificate);
}

/* CONTAINER SPEC EXPECTED: decrypt mail.p7m, which somebody encrypted for the certificate. */
void decrypt_message(char **arguments)
{
    static struct bytes message;
    static struct bytes plain;
    const CERT_CONTEXT *certificate = certificate_of(arguments[0], number(arguments[1]));
    HCERTSTORE store = CertOpenStore(CERT_STORE_PROV_MEMORY, 0, 0, 0, NULL);
    CRYPT_DECRYPT_MESSAGE_PARA how = {.cbSize = sizeof how,
                                      .dwMsgAndCertEncodingType = X509_ASN_ENCODING | PKCS_7_ASN_ENCODING,
                                      .cCertStore = 1,
                                      .rghCertStore = &store};
    const CERT_CONTEXT *used = NULL;

    if (certificate == NULL || !SUCCEEDS(CertAddCertificateContextToStore(store, certificate, CERT_STORE_ADD_NEW, NULL))) {
        return;
    }
    read_file("mail.p7m", &message);
    plain.size = sizeof plain.data;
    if (SUCCEEDS(CryptDecryptMessage(&how, message.data, message.size, plain.data, &plain.size, &used))) {
        check(plain.size == strlen(arguments[2]) && memcmp(plain.data, arguments[2], plain.size) == 0,
              "the message is what was sent: %.*s", (int)plain.size, plain.data);
    }
    CertFreeCertificateContext(used);
    CertFreeCertificateContext(certificate);
    CertCloseStore(store, 0);
}

/* CONTAINER SPEC PIN: the certificate in the user's store leads to the key. */
void use_store(char **arguments)
{
    const DWORD spec = number(arguments[1]);
    const CERT_CONTEXT *certificate = certificate_of(arguments[0], spec);
    HCERTSTORE store = CertOpenStore(CERT_STORE_PROV_SYSTEM_A, 0, 0, CERT_SYSTEM_STORE_CURRENT_USER, "MY");
    const CERT_CONTEXT *found;
    static struct bytes signature;
    HCRYPTPROV_OR_NCRYPT_KEY_HANDLE provider = 0;
    HCRYPTHASH hash;
    HCRYPTKEY key = 0;
    DWORD found_spec = 0;
    BOOL is_ours = FALSE;

    if (certificate == NULL ||
        !SUCCEEDS(CertAddCertificateContextToStore(store, certificate, CERT_STORE_ADD_REPLACE_EXISTING, NULL))) {
        return;
    }
    CertCloseStore(store, 0);
    store = CertOpenStore(CERT_STORE_PROV_SYSTEM_A, 0, 0, CERT_SYSTEM_STORE_CURRENT_USER, "MY");
    found = CertFindCertificateInStore(store, X509_ASN_ENCODING, 0, CERT_FIND_EXISTING, certificate, NULL);
    if (!check(found != NULL, "the certificate is in the store")) {
        return;
    }
    SUCCEEDS(CryptAcquireCertificatePrivateKey(found, CRYPT_ACQUIRE_COMPARE_KEY_FLAG, NULL, &provider, &found_spec,
                                               &is_ours));
    check(found_spec == spec, "its key is the one of spec %lu", found_spec);
    SUCCEEDS(CryptSetProvParam(provider, PP_KEYEXCHANGE_PIN, (const BYTE *)arguments[2], 0));
    hash = hash_of(provider, CALG_SHA_256, (const BYTE *)"store", 5);
    signature.size = sizeof signature.data;
    SUCCEEDS(CryptSignHashA(hash, found_spec, NULL, 0, signature.data, &signature.size));
    SUCCEEDS(CryptImportPublicKeyInfo(provider, X509_ASN_ENCODING, &found->pCertInfo->SubjectPublicKeyInfo, &key));
    SUCCEEDS(CryptVerifySignatureA(hash, signature.data, signature.size, key, NULL, 0));
    SUCCEEDS(CryptDestroyKey(key));
    SUCCEEDS(CryptDestroyHash(hash));
    if (is_ours) {
        SUCCEEDS(CryptReleaseContext(provider, 0));
    }
    SUCCEEDS(CertDeleteCertificateFromStore(found));
    CertFreeCertificateContext(certificate);
    CertCloseStore(store, 0);
}
