/* SHA-256 (FIPS 180-4) for keyed hashes of short texts, where a call into a crypto library costs more than the
   hash: portable C, and the processor's own rounds where it has them. Compared with hashlib by the tests. */

#ifndef HUSHGATE_SHA256_H
#define HUSHGATE_SHA256_H

#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__)
#define SHA_X86 1
#include <cpuid.h>
#include <immintrin.h>
#endif

typedef struct {
    uint32_t state[8];
    uint64_t total; /* bytes */
    uint8_t block[64];
} Sha;

static const uint32_t SHA_START[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

static const uint32_t SHA_ROUND[64] __attribute__((aligned(16))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static inline uint32_t sha_rotate(uint32_t x, int n)
{
    return x >> n | x << (32 - n);
}

static void sha_compress_portable(uint32_t state[8], const uint8_t block[64])
{
    uint32_t w[64], s[8];
    for (int i = 0; i < 16; i++) {
        const uint8_t *b = block + 4 * i;
        w[i] = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    }
    for (int i = 16; i < 64; i++) {
        uint32_t x = w[i - 15], y = w[i - 2];
        w[i] = w[i - 16] + (sha_rotate(x, 7) ^ sha_rotate(x, 18) ^ x >> 3) + w[i - 7] +
               (sha_rotate(y, 17) ^ sha_rotate(y, 19) ^ y >> 10);
    }
    memcpy(s, state, sizeof s);
    for (int i = 0; i < 64; i++) {
        uint32_t a = s[0], e = s[4];
        uint32_t t1 = s[7] + (sha_rotate(e, 6) ^ sha_rotate(e, 11) ^ sha_rotate(e, 25)) +
                      ((e & s[5]) ^ (~e & s[6])) + SHA_ROUND[i] + w[i];
        uint32_t t2 = (sha_rotate(a, 2) ^ sha_rotate(a, 13) ^ sha_rotate(a, 22)) +
                      ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));
        memmove(s + 1, s, 7 * sizeof *s);
        s[0] = t1 + t2;
        s[4] += t1;
    }
    for (int i = 0; i < 8; i++)
        state[i] += s[i];
}

#ifdef SHA_X86
/* Intel SHA extensions: the state is kept as the instructions want it, ABEF and CDGH. */
__attribute__((target("sha,sse4.1,ssse3"))) static void sha_compress_x86(uint32_t state[8], const uint8_t block[64])
{
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bULL, 0x0405060700010203ULL);
    __m128i low = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0xB1);
    __m128i high = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(state + 4)), 0x1B);
    __m128i abef = _mm_alignr_epi8(low, high, 8);
    __m128i cdgh = _mm_blend_epi16(high, low, 0xF0);
    const __m128i abef_before = abef, cdgh_before = cdgh;
    __m128i w[4];
    for (int i = 0; i < 4; i++)
        w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(block + 16 * i)), swap);
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) {
        if (i >= 4) {
            __m128i next = _mm_sha256msg1_epu32(w[i & 3], w[(i + 1) & 3]);
            next = _mm_add_epi32(next, _mm_alignr_epi8(w[(i + 3) & 3], w[(i + 2) & 3], 4));
            w[i & 3] = _mm_sha256msg2_epu32(next, w[(i + 3) & 3]);
        }
        __m128i sum = _mm_add_epi32(w[i & 3], _mm_load_si128((const __m128i *)(SHA_ROUND + 4 * i)));
        cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
        abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0E));
    }
    abef = _mm_add_epi32(abef, abef_before);
    cdgh = _mm_add_epi32(cdgh, cdgh_before);
    low = _mm_shuffle_epi32(abef, 0x1B);
    high = _mm_shuffle_epi32(cdgh, 0xB1);
    _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(low, high, 0xF0));
    _mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(high, low, 8));
}

static int sha_has_x86(void)
{
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & (1u << 29)) && __builtin_cpu_supports("sse4.1");
}
#endif

static void (*sha_compress)(uint32_t state[8], const uint8_t block[64]) = sha_compress_portable;

/* Call once when the module is made. */
static inline void sha_choose(void)
{
#ifdef SHA_X86
    if (sha_has_x86())
        sha_compress = sha_compress_x86;
#endif
}

static inline void sha_start(Sha *sha)
{
    memcpy(sha->state, SHA_START, sizeof sha->state);
    sha->total = 0;
}

static void sha_update(Sha *sha, const uint8_t *data, size_t size)
{
    size_t held = sha->total % 64;
    sha->total += size;
    while (size) {
        size_t part = 64 - held < size ? 64 - held : size;
        memcpy(sha->block + held, data, part);
        data += part;
        size -= part;
        held += part;
        if (held == 64) {
            sha_compress(sha->state, sha->block);
            held = 0;
        }
    }
}

static void sha_finish(Sha *sha, uint8_t digest[32])
{
    uint64_t bits = sha->total * 8;
    size_t held = sha->total % 64;
    sha->block[held++] = 0x80;
    if (held > 56) {
        memset(sha->block + held, 0, 64 - held);
        sha_compress(sha->state, sha->block);
        held = 0;
    }
    memset(sha->block + held, 0, 56 - held);
    for (int i = 0; i < 8; i++)
        sha->block[56 + i] = (uint8_t)(bits >> (56 - 8 * i));
    sha_compress(sha->state, sha->block);
    for (int i = 0; i < 32; i++)
        digest[i] = (uint8_t)(sha->state[i / 4] >> (24 - 8 * (i % 4)));
}

/* HMAC (RFC 2104) with both key blocks hashed already: `inner` and `outer` are copied for every message. */
static void hmac_key(Sha *inner, Sha *outer, const uint8_t *key, size_t size)
{
    uint8_t block[64] = {0}, pad[64];
    if (size > 64) {
        Sha sha;
        sha_start(&sha);
        sha_update(&sha, key, size);
        sha_finish(&sha, block);
    } else {
        memcpy(block, key, size);
    }
    for (int i = 0; i < 64; i++)
        pad[i] = block[i] ^ 0x36;
    sha_start(inner);
    sha_update(inner, pad, 64);
    for (int i = 0; i < 64; i++)
        pad[i] = block[i] ^ 0x5c;
    sha_start(outer);
    sha_update(outer, pad, 64);
}

static void hmac_finish(Sha *inner, const Sha *outer, uint8_t digest[32])
{
    Sha last = *outer;
    sha_finish(inner, digest);
    sha_update(&last, digest, 32);
    sha_finish(&last, digest);
}

#endif
