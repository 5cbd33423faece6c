/* Keyed hashes of identifiers: what gateway/keys.py does in Python, for lists that name hundreds of people. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "sha256.h"

enum { TEXT = 22 }; /* base64url characters of 128 bits */

typedef struct {
    PyObject_HEAD
    Sha inner, outer;
} Mac;

static PyObject *mac_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    const char *key;
    Py_ssize_t size;
    (void)kwargs;
    if (!PyArg_ParseTuple(args, "y#", &key, &size))
        return NULL;
    Mac *self = (Mac *)type->tp_alloc(type, 0);
    if (self != NULL)
        hmac_key(&self->inner, &self->outer, (const uint8_t *)key, (size_t)size);
    return (PyObject *)self;
}

static PyObject *text_of(const uint8_t *digest)
{
    static const char SIGNS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint8_t bytes[18] = {0};
    memcpy(bytes, digest, 16);
    PyObject *text = PyUnicode_New(TEXT, 127);
    if (text == NULL)
        return NULL;
    Py_UCS1 *out = PyUnicode_1BYTE_DATA(text);
    for (int i = 0; i < TEXT; i++) {
        const uint8_t *group = bytes + i / 4 * 3;
        uint32_t bits = (uint32_t)group[0] << 16 | (uint32_t)group[1] << 8 | group[2];
        out[i] = (Py_UCS1)SIGNS[bits >> (18 - 6 * (i % 4)) & 63];
    }
    return text;
}

/* pseudonym(kind, value) -> text; None for a value that has no UTF-8 form, which Python then spells. */
static PyObject *mac_pseudonym(Mac *self, PyObject *const *args, Py_ssize_t count)
{
    if (count != 2 || !PyUnicode_Check(args[0]) || !PyUnicode_Check(args[1])) {
        PyErr_SetString(PyExc_TypeError, "pseudonym(kind: str, value: str)");
        return NULL;
    }
    Py_ssize_t kind_size, value_size;
    const char *kind = PyUnicode_AsUTF8AndSize(args[0], &kind_size);
    const char *value = kind == NULL ? NULL : PyUnicode_AsUTF8AndSize(args[1], &value_size);
    if (value == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError))
            return NULL;
        PyErr_Clear();
        Py_RETURN_NONE;
    }
    Sha sha = self->inner;
    uint8_t digest[32];
    sha_update(&sha, (const uint8_t *)kind, (size_t)kind_size + 1); /* with its terminating zero */
    sha_update(&sha, (const uint8_t *)value, (size_t)value_size);
    hmac_finish(&sha, &self->outer, digest);
    return text_of(digest);
}

static PyMethodDef MAC_METHODS[] = {
    {"pseudonym", (PyCFunction)(void (*)(void))mac_pseudonym, METH_FASTCALL,
     "pseudonym(kind, value) -> 22 characters of base64url: HMAC-SHA-256 over kind, a zero byte, value."},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject MAC_TYPE = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "gateway.native.mackernel.Mac",
    .tp_basicsize = sizeof(Mac),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_doc = "HMAC-SHA-256 under one key, with both key blocks already hashed.",
    .tp_methods = MAC_METHODS,
    .tp_new = mac_new,
};

static struct PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT, .m_name = "mackernel", .m_doc = "Keyed hashes of identifiers.", .m_size = -1,
};

PyMODINIT_FUNC PyInit_mackernel(void)
{
    sha_choose();
    if (PyType_Ready(&MAC_TYPE) < 0)
        return NULL;
    PyObject *module = PyModule_Create(&MODULE);
    if (module != NULL && PyModule_AddObjectRef(module, "Mac", (PyObject *)&MAC_TYPE) < 0)
        Py_CLEAR(module);
    return module;
}
