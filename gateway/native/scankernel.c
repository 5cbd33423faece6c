/* Bytes of requests looked through in one pass: for signs of tokens, and for the pairs of a form. Pure.
 *
 * The references are gateway/exchange/restoring.py (suspicious) and gateway/codecs/params.py (PairsCodec). What
 * is answered here is what they would answer; None, or "not clear", leaves it to them.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>

typedef unsigned char byte;

enum { DIGIT = 1, SEPARATOR = 2, DOUBT = 4, ODD = 8, WORD = 16 };

static byte classes[256];
static byte lower[256];
static signed char hex[256];

static void fill_classes(void)
{
    for (int c = 0; c < 256; c++) {
        int upper_letter = c >= 'A' && c <= 'Z', digit = c >= '0' && c <= '9';
        lower[c] = (byte)(upper_letter ? c + 0x20 : c);
        hex[c] = (signed char)(digit ? c - '0' : lower[c] >= 'a' && lower[c] <= 'f' ? lower[c] - 'a' + 10 : -1);
        int letter = lower[c] >= 'a' && lower[c] <= 'z';
        classes[c] = (byte)((digit ? DIGIT : 0) | (letter || digit || c == '-' || c == '_' ? WORD : 0)
                            | (c >= 0x80 || (c != 0 && strchr(" .()/-+", c)) ? SEPARATOR : 0)
                            | (c == 0 || c == '\\' ? DOUBT : 0)
                            | (c < 0x20 || c == 0x7f || c == ';' ? ODD : 0));
    }
}

/* ---- signs of tokens ----------------------------------------------------------------------------------- */

/* `host` is looked for in any case and is lower-case, `word` as it is with `rest` letters after it, `run` are
   digits in a row, separators between them or not. None of the signs is empty. */
struct signs {
    const byte *host, *word;
    Py_ssize_t host_size, word_size, rest, run;
};

static int read_signs(struct signs *signs, PyObject *const *args)
{
    if (!PyBytes_CheckExact(args[0]) || !PyBytes_CheckExact(args[1]) || !PyLong_CheckExact(args[2])
        || !PyLong_CheckExact(args[3])) {
        PyErr_SetString(PyExc_TypeError, "signs: host: bytes, word: bytes, rest: int, run: int");
        return 0;
    }
    signs->host = (const byte *)PyBytes_AS_STRING(args[0]);
    signs->host_size = PyBytes_GET_SIZE(args[0]);
    signs->word = (const byte *)PyBytes_AS_STRING(args[1]);
    signs->word_size = PyBytes_GET_SIZE(args[1]);
    signs->rest = PyLong_AsSsize_t(args[2]);
    signs->run = PyLong_AsSsize_t(args[3]);
    if (signs->rest >= 0 && signs->run > 0 && signs->host_size > 0 && signs->word_size > 0)
        return 1;
    if (!PyErr_Occurred())
        PyErr_SetString(PyExc_ValueError, "signs that are empty");
    return 0;
}

static int is_host(const byte *text, const byte *end, const struct signs *signs)
{
    if (end - text < signs->host_size)
        return 0;
    for (Py_ssize_t i = 0; i < signs->host_size; i++)
        if (lower[text[i]] != signs->host[i])
            return 0;
    return 1;
}

static int is_word(const byte *text, const byte *end, const struct signs *signs)
{
    if (end - text - signs->word_size < signs->rest || memcmp(text, signs->word, (size_t)signs->word_size))
        return 0;
    text += signs->word_size;
    for (Py_ssize_t i = 0; i < signs->rest; i++)
        if (!(classes[text[i]] & WORD))
            return 0;
    return 1;
}

/* Whether there is no sign of a token, nor of an escape that could hide one. */
static int is_clear(const byte *text, Py_ssize_t size, const struct signs *signs)
{
    const byte *end = text + size;
    Py_ssize_t run = 0;
    for (; text < end; text++) {
        byte class = classes[*text];
        if (class & DIGIT) {
            if (++run >= signs->run)
                return 0;
        } else if (class & DOUBT)
            return 0;
        else if (!(class & SEPARATOR))
            run = 0;
        if (lower[*text] == signs->host[0] && is_host(text, end, signs))
            return 0;
        if (*text == signs->word[0] && is_word(text, end, signs))
            return 0;
    }
    return 1;
}

PyDoc_STRVAR(clear_doc, "clear(raw, host, word, rest, run) -> bool: whether bytes hold no sign of a token.");

static PyObject *clear(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count)
{
    struct signs signs;
    if (count != 5 || !PyBytes_CheckExact(args[0])) {
        PyErr_SetString(PyExc_TypeError, "clear(raw: bytes, host, word, rest, run)");
        return NULL;
    }
    if (!read_signs(&signs, args + 1))
        return NULL;
    return PyBool_FromLong(is_clear((const byte *)PyBytes_AS_STRING(args[0]), PyBytes_GET_SIZE(args[0]), &signs));
}

PyDoc_STRVAR(fields_doc,
"fields(headers, host, word, rest, run) -> bool: whether no value of (name, value) pairs holds a sign, or a `%`.");

static PyObject *fields(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count)
{
    struct signs signs;
    if (count != 5 || !PyList_CheckExact(args[0])) {
        PyErr_SetString(PyExc_TypeError, "fields(headers: list, host, word, rest, run)");
        return NULL;
    }
    if (!read_signs(&signs, args + 1))
        return NULL;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(args[0]); i++) {
        PyObject *pair = PyList_GET_ITEM(args[0], i);
        PyObject *value = PyTuple_CheckExact(pair) && PyTuple_GET_SIZE(pair) == 2 ? PyTuple_GET_ITEM(pair, 1) : NULL;
        if (value == NULL || !PyBytes_CheckExact(value))
            Py_RETURN_FALSE;
        const byte *text = (const byte *)PyBytes_AS_STRING(value);
        Py_ssize_t size = PyBytes_GET_SIZE(value);
        if (memchr(text, '%', (size_t)size) != NULL || !is_clear(text, size, &signs))
            Py_RETURN_FALSE;
    }
    Py_RETURN_TRUE;
}

/* ---- pairs of a form ----------------------------------------------------------------------------------- */

/* The text of a name or value without its escapes, or NULL: with an exception, or because it is odd. `room`
   has `size` bytes at least. */
static PyObject *decoded(const byte *text, Py_ssize_t size, byte *room)
{
    byte *out = room;
    for (const byte *end = text + size; text < end; text++) {
        if (*text != '%')
            *out++ = *text == '+' ? ' ' : *text;
        else if (end - text < 3 || hex[text[1]] < 0 || hex[text[2]] < 0)
            return NULL;
        else {
            *out++ = (byte)(hex[text[1]] << 4 | hex[text[2]]);
            text += 2;
        }
    }
    return PyUnicode_DecodeUTF8((const char *)room, out - room, "strict");
}

static PyObject *read_pair(const byte *piece, Py_ssize_t size, byte *room)
{
    if (size == 0)
        return Py_BuildValue("(Osy#)", Py_None, "", "", (Py_ssize_t)0);
    const byte *sign = memchr(piece, '=', (size_t)size);
    Py_ssize_t name_size = sign == NULL ? size : sign - piece;
    PyObject *pair = PyTuple_New(3);
    if (pair == NULL)
        return NULL;
    PyObject *parts[3] = {decoded(piece, name_size, room), NULL, NULL};
    if (parts[0] != NULL)
        parts[1] = sign == NULL ? PyUnicode_New(0, 0) : decoded(sign + 1, size - name_size - 1, room);
    if (parts[1] != NULL)
        parts[2] = PyBytes_FromStringAndSize((const char *)piece, size);
    for (int i = 0; i < 3; i++)
        if (parts[i] != NULL)
            PyTuple_SET_ITEM(pair, i, parts[i]);
    if (parts[2] == NULL)
        Py_CLEAR(pair);
    return pair;
}

static int read_pairs(PyObject *into, const byte *body, Py_ssize_t size, byte *room)
{
    const byte *end = body + size;
    for (;;) {
        const byte *sign = memchr(body, '&', (size_t)(end - body));
        PyObject *pair = read_pair(body, (sign == NULL ? end : sign) - body, room);
        int failed = pair == NULL || PyList_Append(into, pair) < 0;
        Py_XDECREF(pair);
        if (failed)
            return 0;
        if (sign == NULL)
            return 1;
        body = sign + 1;
    }
}

PyDoc_STRVAR(pairs_doc, "pairs(body, most) -> list of (name or None, value, piece); None leaves it to the reference.");

static PyObject *pairs(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count)
{
    if (count != 2 || !PyBytes_CheckExact(args[0]) || !PyLong_CheckExact(args[1])) {
        PyErr_SetString(PyExc_TypeError, "pairs(body: bytes, most: int)");
        return NULL;
    }
    const byte *body = (const byte *)PyBytes_AS_STRING(args[0]);
    Py_ssize_t size = PyBytes_GET_SIZE(args[0]), most = PyLong_AsSsize_t(args[1]), found = 0;
    if (most == -1 && PyErr_Occurred())
        return NULL;
    for (Py_ssize_t i = 0; i < size; i++) {
        if (classes[body[i]] & ODD)
            Py_RETURN_NONE;
        found += body[i] == '&';
    }
    if (size == 0 || found >= most)
        Py_RETURN_NONE;
    byte *room = PyMem_Malloc((size_t)size);
    PyObject *made = room == NULL ? PyErr_NoMemory() : PyList_New(0);
    if (made != NULL && !read_pairs(made, body, size, room))
        Py_CLEAR(made);
    PyMem_Free(room);
    if (made != NULL || (PyErr_Occurred() && !PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)))
        return made;
    PyErr_Clear();
    Py_RETURN_NONE;
}

/* ---- module -------------------------------------------------------------------------------------------- */

static PyMethodDef functions[] = {
    {"clear", (PyCFunction)(void (*)(void))clear, METH_FASTCALL, clear_doc},
    {"fields", (PyCFunction)(void (*)(void))fields, METH_FASTCALL, fields_doc},
    {"pairs", (PyCFunction)(void (*)(void))pairs, METH_FASTCALL, pairs_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "scankernel", .m_doc = "Bytes of requests looked through in one pass.",
    .m_size = -1, .m_methods = functions,
};

PyMODINIT_FUNC PyInit_scankernel(void)
{
    fill_classes();
    return PyModule_Create(&definition);
}
