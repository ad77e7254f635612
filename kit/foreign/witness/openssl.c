/* OpenSSL's libcrypto behind a pipe: one question after the other, each answered at once.
 *
 * A question is one byte that says which, then its fields, all of a length that is known or that stands
 * before them in two bytes, high byte first. What is declared here is what OpenSSL 3 promises to keep, so
 * that its headers need not be installed.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct bignum_st BIGNUM;
typedef struct bignum_ctx BN_CTX;
typedef struct ec_group_st EC_GROUP;
typedef struct ec_point_st EC_POINT;
typedef struct evp_pkey_st EVP_PKEY;
typedef struct evp_pkey_ctx_st EVP_PKEY_CTX;
typedef struct evp_cipher_st EVP_CIPHER;
typedef struct evp_cipher_ctx_st EVP_CIPHER_CTX;
typedef struct evp_md_st EVP_MD;
typedef struct engine_st ENGINE;

BIGNUM *BN_bin2bn(const unsigned char *s, int len, BIGNUM *ret);
void BN_free(BIGNUM *a);
BN_CTX *BN_CTX_new(void);
EC_GROUP *EC_GROUP_new_by_curve_name(int nid);
EC_POINT *EC_POINT_new(const EC_GROUP *group);
void EC_POINT_free(EC_POINT *point);
int EC_POINT_oct2point(const EC_GROUP *group, EC_POINT *p, const unsigned char *buf, size_t len, BN_CTX *ctx);
size_t EC_POINT_point2oct(const EC_GROUP *group, const EC_POINT *p, int form, unsigned char *buf, size_t len,
                          BN_CTX *ctx);
int EC_POINT_mul(const EC_GROUP *group, EC_POINT *r, const BIGNUM *n, const EC_POINT *q, const BIGNUM *m,
                 BN_CTX *ctx);
int EC_POINT_is_at_infinity(const EC_GROUP *group, const EC_POINT *p);
EVP_PKEY *d2i_PUBKEY(EVP_PKEY **a, const unsigned char **pp, long length);
EVP_PKEY *d2i_AutoPrivateKey(EVP_PKEY **a, const unsigned char **pp, long length);
void EVP_PKEY_free(EVP_PKEY *pkey);
EVP_PKEY_CTX *EVP_PKEY_CTX_new(EVP_PKEY *pkey, ENGINE *e);
void EVP_PKEY_CTX_free(EVP_PKEY_CTX *ctx);
int EVP_PKEY_verify_init(EVP_PKEY_CTX *ctx);
int EVP_PKEY_verify(EVP_PKEY_CTX *ctx, const unsigned char *sig, size_t siglen, const unsigned char *tbs,
                    size_t tbslen);
int EVP_PKEY_sign_init(EVP_PKEY_CTX *ctx);
int EVP_PKEY_sign(EVP_PKEY_CTX *ctx, unsigned char *sig, size_t *siglen, const unsigned char *tbs,
                  size_t tbslen);
const EVP_MD *EVP_sm3(void);
int EVP_Digest(const void *data, size_t count, unsigned char *md, unsigned int *size, const EVP_MD *type,
               ENGINE *impl);
const EVP_CIPHER *EVP_sm4_cbc(void);
const EVP_CIPHER *EVP_des_ede_cbc(void);
EVP_CIPHER_CTX *EVP_CIPHER_CTX_new(void);
int EVP_EncryptInit_ex(EVP_CIPHER_CTX *ctx, const EVP_CIPHER *cipher, ENGINE *impl, const unsigned char *key,
                       const unsigned char *iv);
int EVP_EncryptUpdate(EVP_CIPHER_CTX *ctx, unsigned char *out, int *outl, const unsigned char *in, int inl);
int EVP_CIPHER_CTX_set_padding(EVP_CIPHER_CTX *ctx, int padding);
void ERR_clear_error(void);

enum { SM2 = 1172, COMPRESSED = 2, UNCOMPRESSED = 4, MOST = 65535 };

static EC_GROUP *group;
static BN_CTX *scratch;
static EVP_CIPHER_CTX *cipher;
static unsigned char field[MOST];

static void need(int good, const char *what) {
    if (!good) {
        fprintf(stderr, "witness: %s\n", what);
        exit(1);
    }
}

static void take(unsigned char *to, size_t len) {
    need(fread(to, 1, len, stdin) == len, "a question that ends early");
}

/* A field with its length before it. */
static size_t take_field(void) {
    unsigned char head[2];
    take(head, 2);
    size_t len = (size_t)head[0] << 8 | head[1];
    take(field, len);
    return len;
}

static void give(const unsigned char *from, size_t len) {
    need(fwrite(from, 1, len, stdout) == len, "nobody reads");
}

static void give_byte(int byte) {
    unsigned char out = (unsigned char)byte;
    give(&out, 1);
}

/* v: key, 64 bytes X || Y; e, 32 bytes; a signature in DER. Answer: whether it holds; 2 for no key. */
static void verify(void) {
    static const unsigned char head[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48,
                                         0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A, 0x81, 0x1C,
                                         0xCF, 0x55, 0x01, 0x82, 0x2D, 0x03, 0x42, 0x00, 0x04};
    static unsigned char last[64];
    static EVP_PKEY_CTX *kept;
    unsigned char der[sizeof head + 64], e[32];
    memcpy(der, head, sizeof head);
    take(der + sizeof head, 64);
    take(e, 32);
    size_t len = take_field();
    if (kept == NULL || memcmp(last, der + sizeof head, 64) != 0) {
        const unsigned char *at = der;
        EVP_PKEY *key = d2i_PUBKEY(NULL, &at, sizeof der);
        EVP_PKEY_CTX_free(kept);
        kept = NULL;
        if (key == NULL) {
            ERR_clear_error();
            give_byte(2);
            return;
        }
        kept = EVP_PKEY_CTX_new(key, NULL);
        EVP_PKEY_free(key);
        need(kept != NULL && EVP_PKEY_verify_init(kept) == 1, "no verification");
        memcpy(last, der + sizeof head, 64);
    }
    int holds = EVP_PKEY_verify(kept, field, len, e, 32) == 1;
    ERR_clear_error();
    give_byte(holds);
}

/* s: private key, 32 bytes; its X || Y; e, 32 bytes. Answer: a signature in DER behind its length. */
static void sign(void) {
    static const unsigned char before[] = {0x30, 0x77, 0x02, 0x01, 0x01, 0x04, 0x20};
    static const unsigned char between[] = {0xA0, 0x0A, 0x06, 0x08, 0x2A, 0x81, 0x1C, 0xCF, 0x55,
                                            0x01, 0x82, 0x2D, 0xA1, 0x44, 0x03, 0x42, 0x00, 0x04};
    unsigned char der[sizeof before + 32 + sizeof between + 64], e[32], out[128];
    memcpy(der, before, sizeof before);
    take(der + sizeof before, 32);
    memcpy(der + sizeof before + 32, between, sizeof between);
    take(der + sizeof before + 32 + sizeof between, 64);
    take(e, 32);
    const unsigned char *at = der;
    EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &at, sizeof der);
    need(key != NULL, "no private key");
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    size_t len = sizeof out;
    need(ctx != NULL && EVP_PKEY_sign_init(ctx) == 1, "no signing");
    need(EVP_PKEY_sign(ctx, out, &len, e, 32) == 1, "no signature");
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
    give_byte((int)len);
    give(out, len);
}

static void give_point(const EC_POINT *point) {
    unsigned char out[65];
    need(EC_POINT_point2oct(group, point, UNCOMPRESSED, out, 65, scratch) == 65, "a point is 65 bytes");
    give_byte(1);
    give(out + 1, 64);
}

/* p: a point as SEC 1 writes it, behind its length. Answer: 1 and X || Y; 2 for infinity; 0 for none. */
static void read_point(void) {
    size_t len = take_field();
    EC_POINT *point = EC_POINT_new(group);
    if (EC_POINT_oct2point(group, point, field, len, scratch) != 1) {
        ERR_clear_error();
        give_byte(0);
    } else if (EC_POINT_is_at_infinity(group, point)) {
        give_byte(2);
    } else {
        give_point(point);
    }
    EC_POINT_free(point);
}

/* m: s, t, 32 bytes each, and X || Y. Answer: s·G + t·P, as for p. */
static void sum(void) {
    unsigned char numbers[64], sec1[65] = {UNCOMPRESSED};
    take(numbers, 64);
    take(sec1 + 1, 64);
    EC_POINT *point = EC_POINT_new(group);
    BIGNUM *s = BN_bin2bn(numbers, 32, NULL), *t = BN_bin2bn(numbers + 32, 32, NULL);
    if (EC_POINT_oct2point(group, point, sec1, 65, scratch) != 1) {
        ERR_clear_error();
        give_byte(0);
    } else {
        need(EC_POINT_mul(group, point, s, point, t, scratch) == 1, "no sum");
        if (EC_POINT_is_at_infinity(group, point)) {
            give_byte(2);
        } else {
            give_point(point);
        }
    }
    BN_free(s);
    BN_free(t);
    EC_POINT_free(point);
}

/* d: a message behind its length. Answer: its SM3. */
static void digest(void) {
    unsigned char out[32];
    size_t len = take_field();
    need(EVP_Digest(field, len, out, NULL, EVP_sm3(), NULL) == 1, "no SM3");
    give(out, 32);
}

/* CBC without padding; the last block stays in `last`. */
static void cbc(const EVP_CIPHER *kind, const unsigned char *key, const unsigned char *iv, size_t block,
                const unsigned char *in, size_t len, unsigned char *last) {
    static unsigned char out[MOST + 32];
    int done = 0;
    need(EVP_EncryptInit_ex(cipher, kind, NULL, key, iv) == 1, "no cipher");
    EVP_CIPHER_CTX_set_padding(cipher, 0);
    need(EVP_EncryptUpdate(cipher, out, &done, in, (int)len) == 1 && (size_t)done == len, "no CBC");
    memcpy(last, out + len - block, block);
}

/* b: '4' for SM4 or '3' for two-key triple DES, a key of 16 bytes, a block of 16. Answer: the block (two
 * for DES) enciphered, each for itself. */
static void block(void) {
    unsigned char in[33], out[16];
    static const unsigned char zero[16];
    take(in, 33);
    if (in[0] == '4') {
        cbc(EVP_sm4_cbc(), in + 1, zero, 16, in + 17, 16, out);
    } else {
        cbc(EVP_des_ede_cbc(), in + 1, zero, 8, in + 17, 8, out);
        cbc(EVP_des_ede_cbc(), in + 1, zero, 8, in + 25, 8, out + 8);
    }
    give(out, 16);
}

/* c: '4' for SM4, 'r' for the retail MAC, 'f' for DES under the folded key; a key of 16 bytes; whole
 * blocks behind their length. Answer: the MAC, 16 bytes or 8.
 * Single DES is triple DES with one key twice, which needs no cipher that OpenSSL has given up. */
static void mac(void) {
    unsigned char head[17], twice[16], out[16] = {0};
    static const unsigned char zero[16];
    take(head, 17);
    size_t len = take_field();
    if (head[0] == '4') {
        need(len >= 16 && len % 16 == 0, "whole blocks of SM4");
        cbc(EVP_sm4_cbc(), head + 1, zero, 16, field, len, out);
        give(out, 16);
        return;
    }
    need(len >= 8 && len % 8 == 0, "whole blocks of DES");
    for (size_t at = 0; at < 8; at++) {
        twice[at] = head[1 + at];
        if (head[0] == 'f') {
            twice[at] ^= head[9 + at];
        }
        twice[8 + at] = twice[at];
    }
    if (head[0] == 'f') {
        cbc(EVP_des_ede_cbc(), twice, zero, 8, field, len, out);
    } else {
        if (len > 8) {
            cbc(EVP_des_ede_cbc(), twice, zero, 8, field, len - 8, out);
        }
        cbc(EVP_des_ede_cbc(), head + 1, out, 8, field + len - 8, 8, out);
    }
    give(out, 8);
}

int main(void) {
    group = EC_GROUP_new_by_curve_name(SM2);
    scratch = BN_CTX_new();
    cipher = EVP_CIPHER_CTX_new();
    need(group != NULL && scratch != NULL && cipher != NULL, "this libcrypto has no SM2");
    for (;;) {
        int which = getchar();
        switch (which) {
            case EOF: return 0;
            case 'v': verify(); break;
            case 's': sign(); break;
            case 'p': read_point(); break;
            case 'm': sum(); break;
            case 'd': digest(); break;
            case 'b': block(); break;
            case 'c': mac(); break;
            case '.': need(fflush(stdout) == 0, "nobody reads"); break;
            default: need(0, "no such question");
        }
    }
}
