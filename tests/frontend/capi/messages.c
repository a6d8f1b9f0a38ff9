/* Messages and certificates, as mail programs and document signers use them: crypt32 above our provider. */
#include "checks.h"

#include <stdlib.h>
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

/* Wine 8 decrypts without the message's IV, which then is still to be taken from the first block. */
static void take_iv(const char *iv, struct bytes *plain)
{
    DWORD i;

    for (i = 0; iv[2 * i] != 0 && i < plain->size; i++) {
        const char digits[3] = {iv[2 * i], iv[2 * i + 1], 0};

        plain->data[i] ^= (BYTE)strtoul(digits, NULL, 16);
    }
}

/*
 * CONTAINER SPEC EXPECTED IV: decrypt mail.p7m, which somebody encrypted for the certificate. By the functions for
 * parts of messages, as Wine 8 has no CryptDecryptMessage.
 */
void decrypt_message(char **arguments)
{
    static struct bytes message;
    static struct bytes plain;
    const DWORD encoding = X509_ASN_ENCODING | PKCS_7_ASN_ENCODING;
    const CERT_CONTEXT *certificate = certificate_of(arguments[0], number(arguments[1]));
    const HCRYPTMSG opened = CryptMsgOpenToDecode(encoding, 0, 0, 0, NULL, NULL);
    CMSG_CTRL_DECRYPT_PARA how = {.cbSize = sizeof how, .dwKeySpec = number(arguments[1])};
    HCRYPTPROV_OR_NCRYPT_KEY_HANDLE provider = 0;
    BOOL is_ours = FALSE;

    if (certificate == NULL) {
        return;
    }
    read_file("mail.p7m", &message);
    SUCCEEDS(CryptMsgUpdate(opened, message.data, message.size, TRUE));
    SUCCEEDS(CryptAcquireCertificatePrivateKey(certificate, 0, NULL, &provider, &how.dwKeySpec, &is_ours));
    how.hCryptProv = provider;
    SUCCEEDS(CryptMsgControl(opened, 0, CMSG_CTRL_DECRYPT, &how));
    plain.size = sizeof plain.data;
    if (SUCCEEDS(CryptMsgGetParam(opened, CMSG_CONTENT_PARAM, 0, plain.data, &plain.size))) {
        if (memcmp(plain.data, arguments[2], 8) != 0) {
            take_iv(arguments[3], &plain);
        }
        check(plain.size == strlen(arguments[2]) && memcmp(plain.data, arguments[2], plain.size) == 0,
              "the message is what was sent: %.*s", (int)plain.size, plain.data);
    }
    SUCCEEDS(CryptMsgClose(opened));
    if (is_ours) {
        SUCCEEDS(CryptReleaseContext(provider, 0));
    }
    CertFreeCertificateContext(certificate);
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
