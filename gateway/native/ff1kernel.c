/* FF1 (NIST SP 800-38G Rev. 1) over up to 18 decimal digits: what gateway/masking/ff1.py does in Python, without
   ten calls into a crypto library for each number. Uses the processor's own AES, which takes the same time for
   every key and block; where there is none `usable` is 0, and Python goes on. Compared with it by the tests. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__)
#define AES_X86 1
#include <cpuid.h>
#include <immintrin.h>
#define WITH_AES __attribute__((target("aes,sse2")))
#endif

enum {
    ROUNDS = 10,
    BLOCK = 16,
    HALF = 9,      /* digits of half a string at most, so that it has 32 bits and the round function 64 */
    SCHEDULE = 15, /* round keys of AES-256 */
};

typedef struct {
    PyObject_HEAD
    uint8_t keys[SCHEDULE][BLOCK];
    uint8_t starts[ROUNDS][BLOCK]; /* what the cipher is given in each round, but for the half */
    uint64_t moduli[2];
    int widths[2];
    int last; /* number of the last round key */
} Ff1;

#if AES_X86

static int has_aes(void)
{
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_AES) != 0;
}

/* FIPS 197 section 5.2: SubWord, by the instruction that was made for it. */
WITH_AES static uint32_t sub_word(uint32_t word)
{
    return (uint32_t)_mm_cvtsi128_si32(_mm_aeskeygenassist_si128(_mm_set1_epi32((int)word), 0));
}

/* FIPS 197 section 5.2, algorithm KeyExpansion. The words are little-endian, so that RotWord is a shift. */
WITH_AES static void expand(Ff1 *self, const char *key, size_t size)
{
    uint32_t words[4 * SCHEDULE];
    size_t nk = size / 4, all = 4 * (nk + 7);
    uint8_t rcon = 1;
    memcpy(words, key, size);
    for (size_t i = nk; i < all; i++) {
        uint32_t word = words[i - 1];
        if (i % nk == 0) {
            word = sub_word(word >> 8 | word << 24) ^ rcon;
            rcon = (uint8_t)(rcon << 1 ^ (rcon & 0x80 ? 0x1b : 0));
        } else if (nk > 6 && i % nk == 4)
            word = sub_word(word);
        words[i] = words[i - nk] ^ word;
    }
    self->last = (int)nk + 6;
    memcpy(self->keys, words, 4 * all);
}

/* Steps 6.i to 6.v of a round: NUM(S), for the 8 bytes that S has. */
WITH_AES static uint64_t round_of(const Ff1 *self, int i, uint64_t half)
{
    uint8_t block[BLOCK];
    uint64_t said = 0;
    memcpy(block, self->starts[i], BLOCK);
    for (int at = BLOCK - 1; half; at--, half >>= 8)
        block[at] ^= (uint8_t)half;
    __m128i x = _mm_loadu_si128((const __m128i *)block);
    x = _mm_xor_si128(x, _mm_loadu_si128((const __m128i *)self->keys[0]));
    for (int r = 1; r < self->last; r++)
        x = _mm_aesenc_si128(x, _mm_loadu_si128((const __m128i *)self->keys[r]));
    x = _mm_aesenclast_si128(x, _mm_loadu_si128((const __m128i *)self->keys[self->last]));
    _mm_storeu_si128((__m128i *)block, x);
    for (int at = 0; at < 8; at++)
        said = said << 8 | block[at];
    return said;
}

#else

static int has_aes(void)
{
    return 0;
}

static void expand(Ff1 *self, const char *key, size_t size)
{
    (void)self, (void)key, (void)size;
}

static uint64_t round_of(const Ff1 *self, int i, uint64_t half)
{
    (void)self, (void)i, (void)half;
    return 0;
}

#endif

static PyObject *ff1_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    const char *key, *starts;
    Py_ssize_t key_size, starts_size;
    int u, v;
    (void)kwargs;
    if (!PyArg_ParseTuple(args, "y#y#ii", &key, &key_size, &starts, &starts_size, &u, &v))
        return NULL;
    if (!has_aes() || (key_size != 16 && key_size != 24 && key_size != 32) || starts_size != ROUNDS * BLOCK || u < 1 ||
        v < u || v > HALF) {
        PyErr_SetString(PyExc_ValueError, "Ff1(key, starts, u, v): not of the sizes it is made for");
        return NULL;
    }
    Ff1 *self = (Ff1 *)type->tp_alloc(type, 0);
    if (self == NULL)
        return NULL;
    expand(self, key, (size_t)key_size);
    memcpy(self->starts, starts, sizeof self->starts);
    self->widths[0] = u;
    self->widths[1] = v;
    for (int side = 0; side < 2; side++) {
        self->moduli[side] = 1;
        for (int i = 0; i < self->widths[side]; i++)
            self->moduli[side] *= 10;
    }
    return (PyObject *)self;
}

/* Both halves of a string of the domain; 0 for any other. */
static int read_halves(const Ff1 *self, PyObject *text, uint64_t halves[2])
{
    if (!PyUnicode_Check(text) || !PyUnicode_IS_COMPACT_ASCII(text) ||
        PyUnicode_GET_LENGTH(text) != self->widths[0] + self->widths[1])
        return 0;
    const Py_UCS1 *digit = PyUnicode_1BYTE_DATA(text);
    for (int side = 0; side < 2; side++) {
        halves[side] = 0;
        for (int i = 0; i < self->widths[side]; i++, digit++) {
            if (*digit < '0' || *digit > '9')
                return 0;
            halves[side] = 10 * halves[side] + (uint64_t)(*digit - '0');
        }
    }
    return 1;
}

static PyObject *written(const Ff1 *self, const uint64_t halves[2])
{
    int at = self->widths[0] + self->widths[1];
    PyObject *text = PyUnicode_New(at, 127);
    if (text == NULL)
        return NULL;
    Py_UCS1 *out = PyUnicode_1BYTE_DATA(text);
    for (int side = 1; side >= 0; side--) {
        uint64_t half = halves[side];
        for (int i = 0; i < self->widths[side]; i++, half /= 10)
            out[--at] = (Py_UCS1)('0' + half % 10);
    }
    return text;
}

/* encrypt(text) -> text; None for what is not in the domain. */
static PyObject *ff1_encrypt(Ff1 *self, PyObject *text)
{
    uint64_t half[2], m = self->moduli[0], n = self->moduli[1];
    if (!read_halves(self, text, half))
        Py_RETURN_NONE;
    for (int i = 0; i < ROUNDS; i += 2) {
        half[0] = (half[0] + round_of(self, i, half[1]) % m) % m;
        half[1] = (half[1] + round_of(self, i + 1, half[0]) % n) % n;
    }
    return written(self, half);
}

/* decrypt(text) -> text; None for what is not in the domain. */
static PyObject *ff1_decrypt(Ff1 *self, PyObject *text)
{
    uint64_t half[2], m = self->moduli[0], n = self->moduli[1];
    if (!read_halves(self, text, half))
        Py_RETURN_NONE;
    for (int i = ROUNDS - 2; i >= 0; i -= 2) {
        half[1] = (half[1] + n - round_of(self, i + 1, half[0]) % n) % n;
        half[0] = (half[0] + m - round_of(self, i, half[1]) % m) % m;
    }
    return written(self, half);
}

static PyMethodDef FF1_METHODS[] = {
    {"encrypt", (PyCFunction)ff1_encrypt, METH_O, "encrypt(text) -> text; None for what is not in the domain."},
    {"decrypt", (PyCFunction)ff1_decrypt, METH_O, "decrypt(text) -> text; None for what is not in the domain."},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject FF1_TYPE = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "gateway.native.ff1kernel.Ff1",
    .tp_basicsize = sizeof(Ff1),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_doc = "FF1 over u + v decimal digits under one key; `starts` are the ten rounds' blocks without the half.",
    .tp_methods = FF1_METHODS,
    .tp_new = ff1_new,
};

static struct PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT, .m_name = "ff1kernel", .m_doc = "FF1 over decimal digits.", .m_size = -1,
};

PyMODINIT_FUNC PyInit_ff1kernel(void)
{
    if (PyType_Ready(&FF1_TYPE) < 0)
        return NULL;
    PyObject *module = PyModule_Create(&MODULE);
    if (module == NULL)
        return NULL;
    if (PyModule_AddObjectRef(module, "Ff1", (PyObject *)&FF1_TYPE) < 0 ||
        PyModule_AddIntConstant(module, "usable", has_aes()) < 0)
        Py_CLEAR(module);
    return module;
}
