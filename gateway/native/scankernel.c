/* Bytes of requests looked through in one pass: for signs of tokens, and for the pairs of a form. Pure.
 *
 * The references are gateway/exchange/restoring.py (suspicious, untouched), gateway/codecs/params.py (PairsCodec)
 * and gateway/exchange/contactpath.py (Outline). What is answered here is what they would answer; None, or "not
 * clear", leaves it to them.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>

typedef unsigned char byte;

enum { DIGIT = 1, SEPARATOR = 2, DOUBT = 4, ODD = 8, WORD = 16, START = 32, UNSURE = 64, CODED = 128 };

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

/* ---- forms with the names of one that was read --------------------------------------------------------- */

enum { PIECES = 32, SHAPES = 16, WORDS = 5, ROOM = 1024, HIDES = 256, TIGHT = 512 };

/* A sign: found by its rarest letter, at `mark`; `rest` letters, digits, `-`, `_` follow it. */
struct word {
    const byte *text;
    Py_ssize_t size, rest, mark;
    int any_case;
};

/* `classes` are those above, with START for the marks of signs, UNSURE where `doubts` has it, CODED for `%` and
   `+`. A shape is (names with their `=`, groups of (key, piece), what is told of it). */
typedef struct {
    PyObject_HEAD
    PyObject *host, *words, *shapes[SHAPES];
    struct word word[WORDS];
    Py_ssize_t word_count, shape_count, run, most;
    byte classes[256];
} Forms;

struct span {
    const byte *value, *end; /* as it came */
    Py_ssize_t at, size;     /* without escapes, in the room */
    int plain;               /* ASCII */
};

static int is_at(const struct word *word, const byte *text, const byte *end)
{
    if (end - text - word->size < word->rest)
        return 0;
    for (Py_ssize_t i = 0; i < word->size; i++)
        if ((word->any_case ? lower[text[i]] : text[i]) != word->text[i])
            return 0;
    text += word->size;
    for (Py_ssize_t i = 0; i < word->rest; i++)
        if (!(classes[text[i]] & WORD))
            return 0;
    return 1;
}

static int marks_sign(const byte *begin, const byte *text, const byte *end, const Forms *forms)
{
    if (*text == '#' || *text == '!')
        if (text > begin && text[-1] == (*text == '#' ? '&' : '<'))
            return 1;
    for (const struct word *word = forms->word; word < forms->word + forms->word_count; word++)
        if (text - begin >= word->mark && is_at(word, text - word->mark, end))
            return 1;
    return 0;
}

/* Whether a form without its escapes holds no sign of a token, of a mask, or of XML; `most` digits are one. */
static int is_untouched(const byte *begin, const byte *end, Py_ssize_t most, const Forms *forms)
{
    Py_ssize_t run = 0;
    for (const byte *text = begin; text < end; text++) {
        byte class = forms->classes[*text] & (DIGIT | SEPARATOR | DOUBT | START);
        if (class == 0)
            run = 0;
        else if (class & DIGIT) {
            if (++run >= most)
                return 0;
        } else if (!(class & SEPARATOR))
            run = 0;
        if (class & (START | DOUBT) && (class & DOUBT || marks_sign(begin, text, end, forms)))
            return 0;
    }
    return 1;
}

/* Classes of an escape that is undone: UNSURE of its signs, and what it hides. */
static unsigned undone(byte *out, const byte *text, const Forms *forms)
{
    *out = (byte)(hex[text[1]] << 4 | hex[text[2]]);
    byte class = forms->classes[*out];
    unsigned seen = (class | forms->classes[text[1]] | forms->classes[text[2]]) & UNSURE;
    if (class & (WORD | SEPARATOR) && *out != '+')
        return seen | HIDES;
    return hex[text[2]] < 10 ? seen | TIGHT : seen;
}

/* Writes bytes without their escapes; returns the end of what was written, NULL for a broken escape. `told`
   gathers classes of what came, UNSURE also of what it stands for, and HIDES, TIGHT: see `read_form`; `all` the
   bytes written. */
static byte *undo(byte *out, const byte *text, const byte *end, unsigned *told, byte *all, const Forms *forms)
{
    unsigned seen = 0;
    byte bits = 0;
    for (; text < end; text++) {
        byte sign = *text, class = forms->classes[sign];
        seen |= class;
        if (!(class & CODED))
            *out = sign;
        else if (sign == '+')
            *out = ' ';
        else if (end - text < 3 || hex[text[1]] < 0 || hex[text[2]] < 0)
            return NULL;
        else {
            seen |= undone(out, text, forms);
            text += 2;
        }
        bits |= *out++;
    }
    *told |= seen;
    *all |= bits;
    return out;
}

/* Whether a form has these names in this order; then where their values stand. */
static int has_names(struct span *spans, PyObject *names, const byte *text, const byte *end)
{
    Py_ssize_t last = PyTuple_GET_SIZE(names) - 1;
    for (Py_ssize_t i = 0; i <= last; i++) {
        PyObject *name = PyTuple_GET_ITEM(names, i);
        Py_ssize_t size = PyBytes_GET_SIZE(name);
        if (end - text < size || memcmp(text, PyBytes_AS_STRING(name), (size_t)size))
            return 0;
        spans[i].value = text + size;
        const byte *sign = memchr(text + size, '&', (size_t)(end - text - size));
        if ((sign == NULL) != (i == last))
            return 0;
        spans[i].end = sign == NULL ? end : sign;
        text = spans[i].end + 1;
    }
    return 1;
}

/* The value of a piece, made when it is first asked for. Borrowed; NULL with an exception. */
static PyObject *value_of(PyObject **values, const struct span *spans, const byte *room, Py_ssize_t at)
{
    if (values[at] != NULL)
        return values[at];
    const char *text = (const char *)room + spans[at].at;
    if (!spans[at].plain)
        return values[at] = PyUnicode_DecodeUTF8(text, spans[at].size, "strict");
    values[at] = PyUnicode_New(spans[at].size, 127);
    if (values[at] != NULL && spans[at].size > 0)
        memcpy(PyUnicode_1BYTE_DATA(values[at]), text, (size_t)spans[at].size);
    return values[at];
}

static PyObject *group_of(PyObject *group, PyObject **values, const struct span *spans, const byte *room)
{
    PyObject *made = PyList_New(PyTuple_GET_SIZE(group));
    for (Py_ssize_t i = 0; made != NULL && i < PyTuple_GET_SIZE(group); i++) {
        PyObject *place = PyTuple_GET_ITEM(group, i);
        PyObject *value = value_of(values, spans, room, PyLong_AsSsize_t(PyTuple_GET_ITEM(place, 1)));
        PyObject *pair = value == NULL ? NULL : PyTuple_New(2);
        if (pair == NULL)
            Py_CLEAR(made);
        else {
            PyTuple_SET_ITEM(pair, 0, Py_NewRef(PyTuple_GET_ITEM(place, 0)));
            PyTuple_SET_ITEM(pair, 1, Py_NewRef(value));
            PyList_SET_ITEM(made, i, pair);
        }
    }
    return made;
}

/* (what is told of the shape, whether no byte was in doubt, a list of (key, value) per group); NULL with an
   exception. */
static PyObject *told(PyObject *shape, const struct span *spans, const byte *room, int sure)
{
    PyObject *groups = PyTuple_GET_ITEM(shape, 1), *values[PIECES] = {NULL};
    Py_ssize_t count = PyTuple_GET_SIZE(PyTuple_GET_ITEM(shape, 0));
    PyObject *made = PyTuple_New(2 + PyTuple_GET_SIZE(groups));
    for (Py_ssize_t i = 0; made != NULL && i < count; i++) /* all of it is text, or it is not read at all */
        if (!spans[i].plain && value_of(values, spans, room, i) == NULL)
            Py_CLEAR(made);
    for (Py_ssize_t i = 0; made != NULL && i < PyTuple_GET_SIZE(groups); i++) {
        PyObject *group = group_of(PyTuple_GET_ITEM(groups, i), values, spans, room);
        if (group == NULL)
            Py_CLEAR(made);
        else
            PyTuple_SET_ITEM(made, i + 2, group);
    }
    if (made != NULL) {
        PyTuple_SET_ITEM(made, 0, Py_NewRef(PyTuple_GET_ITEM(shape, 2)));
        PyTuple_SET_ITEM(made, 1, PyBool_FromLong(sure));
    }
    for (Py_ssize_t i = 0; i < count; i++)
        Py_XDECREF(values[i]);
    return made;
}

/* NULL without an exception leaves it to the reference. The reference looks at a form as it came where none of
   its escapes hides a sign (HIDES: one does): digits of an escape then are digits like others (TIGHT). */
static PyObject *read_form(PyObject *shape, struct span *spans, byte *room, const byte *body, const Forms *forms)
{
    Py_ssize_t count = PyTuple_GET_SIZE(PyTuple_GET_ITEM(shape, 0));
    unsigned seen = 0;
    byte *out = room;
    for (Py_ssize_t i = 0; i < count; i++) {
        byte all = 0, *start = undo(out, i > 0 ? spans[i - 1].end : body, spans[i].value, &seen, &all, forms);
        all = 0;
        out = start == NULL ? NULL : undo(start, spans[i].value, spans[i].end, &seen, &all, forms);
        if (out == NULL || seen & ODD)
            return NULL;
        spans[i].at = start - room;
        spans[i].size = out - start;
        spans[i].plain = all < 0x80;
    }
    Py_ssize_t run = forms->run - (seen & TIGHT && !(seen & HIDES) ? 2 : 0);
    return is_untouched(room, out, run, forms) ? told(shape, spans, room, !(seen & UNSURE)) : NULL;
}

PyDoc_STRVAR(forms_read_doc, "read(body) -> (told, sure, list of (key, value) per group); None leaves it to the reference.");

static PyObject *forms_read(Forms *self, PyObject *body)
{
    if (!PyBytes_CheckExact(body)) {
        PyErr_SetString(PyExc_TypeError, "read(body: bytes)");
        return NULL;
    }
    const byte *text = (const byte *)PyBytes_AS_STRING(body);
    Py_ssize_t size = PyBytes_GET_SIZE(body), i = 0;
    struct span spans[PIECES];
    while (size <= self->most && i < self->shape_count && !has_names(spans, PyTuple_GET_ITEM(self->shapes[i], 0), text, text + size))
        i++;
    if (i == self->shape_count || size > self->most)
        Py_RETURN_NONE;
    byte small[ROOM], *room = size <= ROOM ? small : PyMem_Malloc((size_t)size);
    if (room == NULL)
        return PyErr_NoMemory();
    PyObject *made = read_form(self->shapes[i], spans, room, text, self);
    if (room != small)
        PyMem_Free(room);
    if (made != NULL || (PyErr_Occurred() && !PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)))
        return made;
    PyErr_Clear();
    Py_RETURN_NONE;
}

/* Whether it is the beginning of a piece, with the first `=` at its end, as it stands in forms that are read. */
static int is_name(PyObject *name)
{
    if (!PyBytes_CheckExact(name) || PyBytes_GET_SIZE(name) == 0)
        return 0;
    const byte *text = (const byte *)PyBytes_AS_STRING(name);
    Py_ssize_t size = PyBytes_GET_SIZE(name);
    if (memchr(text, '=', (size_t)size) != text + size - 1 || memchr(text, '&', (size_t)size) != NULL)
        return 0;
    byte *room = PyMem_Malloc((size_t)size);
    PyObject *plain = room == NULL ? NULL : decoded(text, size - 1, room);
    PyMem_Free(room);
    Py_XDECREF(plain);
    return plain != NULL;
}

static int is_group(PyObject *group, Py_ssize_t count)
{
    int good = PyTuple_CheckExact(group);
    for (Py_ssize_t i = 0; good && i < PyTuple_GET_SIZE(group); i++) {
        PyObject *place = PyTuple_GET_ITEM(group, i);
        good = PyTuple_CheckExact(place) && PyTuple_GET_SIZE(place) == 2 && PyLong_CheckExact(PyTuple_GET_ITEM(place, 1));
        Py_ssize_t at = good ? PyLong_AsSsize_t(PyTuple_GET_ITEM(place, 1)) : -1;
        good = at >= 0 && at < count;
    }
    return good;
}

static int is_shape(PyObject *names, PyObject *groups)
{
    int good = PyTuple_CheckExact(names) && PyTuple_CheckExact(groups);
    Py_ssize_t count = good ? PyTuple_GET_SIZE(names) : 0;
    good = good && count > 0 && count <= PIECES;
    for (Py_ssize_t i = 0; good && i < count; i++)
        good = is_name(PyTuple_GET_ITEM(names, i));
    for (Py_ssize_t i = 0; good && i < PyTuple_GET_SIZE(groups); i++)
        good = is_group(PyTuple_GET_ITEM(groups, i), count);
    return good;
}

static void forms_clear(Forms *self)
{
    while (self->shape_count > 0)
        Py_CLEAR(self->shapes[--self->shape_count]);
}

PyDoc_STRVAR(forms_add_doc, "add(names, groups, told) -> None: have forms with these names read; others may be forgotten.");

static PyObject *forms_add(Forms *self, PyObject *const *args, Py_ssize_t count)
{
    if (count != 3 || !is_shape(args[0], args[1])) {
        if (PyErr_Occurred() == NULL || PyErr_ExceptionMatches(PyExc_UnicodeDecodeError))
            PyErr_SetString(PyExc_ValueError, "add(names: a few b'name=', groups of (key, piece), told)");
        return NULL;
    }
    for (Py_ssize_t i = 0; i < self->shape_count; i++) {
        int same = PyObject_RichCompareBool(PyTuple_GET_ITEM(self->shapes[i], 0), args[0], Py_EQ);
        if (same != 0)
            return same < 0 ? NULL : Py_NewRef(Py_None);
    }
    PyObject *shape = PyTuple_Pack(3, args[0], args[1], args[2]);
    if (shape == NULL)
        return NULL;
    if (self->shape_count == SHAPES)
        forms_clear(self);
    self->shapes[self->shape_count++] = shape;
    Py_RETURN_NONE;
}

/* Letters by how seldom they are, about. */
static Py_ssize_t rarest(const byte *text, Py_ssize_t size)
{
    static const char seldom[] = "_zqxjkvbpgwyfmcudlhrsnioate";
    for (const char *sign = seldom; *sign; sign++)
        for (Py_ssize_t i = 0; i < size; i++)
            if (lower[text[i]] == *sign)
                return i;
    return 0;
}

/* No part of an escape can be the beginning of a sign. */
static int read_word(Forms *forms, PyObject *text, Py_ssize_t rest, int any_case)
{
    struct word word = {(const byte *)PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text), rest, 0, any_case};
    if (forms->word_count == WORDS || word.size == 0 || rest < 0 || hex[*word.text] >= 0)
        return 0;
    word.mark = rarest(word.text, word.size);
    forms->word[forms->word_count++] = word;
    for (int c = 0; c < 256; c++)
        if ((any_case ? lower[c] : c) == word.text[word.mark])
            forms->classes[c] |= START;
    return 1;
}

static int read_forms(Forms *forms, PyObject *doubts)
{
    memcpy(forms->classes, classes, sizeof classes);
    forms->classes['#'] |= START;
    forms->classes['!'] |= START;
    forms->classes['%'] |= CODED;
    forms->classes['+'] |= CODED;
    for (Py_ssize_t i = 0; i < PyBytes_GET_SIZE(doubts); i++)
        forms->classes[(byte)PyBytes_AS_STRING(doubts)[i]] |= UNSURE;
    int good = forms->run > 2 && read_word(forms, forms->host, 0, 1);
    for (Py_ssize_t i = 0; good && i < PyTuple_GET_SIZE(forms->words); i++) {
        PyObject *pair = PyTuple_GET_ITEM(forms->words, i), *text;
        Py_ssize_t rest;
        good = PyTuple_CheckExact(pair) && PyArg_ParseTuple(pair, "Sn", &text, &rest) && read_word(forms, text, rest, 0);
    }
    return good;
}

static PyObject *forms_new(PyTypeObject *type, PyObject *args, PyObject *named)
{
    PyObject *host, *words, *doubts;
    Py_ssize_t run, most;
    if (named != NULL && PyDict_GET_SIZE(named) != 0)
        return PyErr_Format(PyExc_TypeError, "Forms takes no named arguments");
    if (!PyArg_ParseTuple(args, "SnO!Sn", &host, &run, &PyTuple_Type, &words, &doubts, &most))
        return NULL;
    Forms *self = (Forms *)type->tp_alloc(type, 0);
    if (self == NULL)
        return NULL;
    self->host = Py_NewRef(host);
    self->words = Py_NewRef(words);
    self->run = run;
    self->most = most;
    if (!read_forms(self, doubts)) {
        Py_DECREF(self);
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "signs that are empty, too many, or begin as escapes go on");
        return NULL;
    }
    return (PyObject *)self;
}

static void forms_dealloc(Forms *self)
{
    forms_clear(self);
    Py_XDECREF(self->host);
    Py_XDECREF(self->words);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef forms_methods[] = {
    {"add", (PyCFunction)(void (*)(void))forms_add, METH_FASTCALL, forms_add_doc},
    {"read", (PyCFunction)forms_read, METH_O, forms_read_doc},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject forms_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "gateway.native.scankernel.Forms",
    .tp_basicsize = sizeof(Forms),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_doc = "Forms(host, run, words, doubts, most): reads forms with known names that certainly hold no sign.",
    .tp_methods = forms_methods,
    .tp_new = forms_new,
    .tp_dealloc = (destructor)forms_dealloc,
};

/* ---- heads alike but for the length of the body -------------------------------------------------------- */

enum { LENGTH = 11 }; /* digits */

PyDoc_STRVAR(outlined_doc,
"outlined(raw, front, rest) -> the body, where nothing but its length stands between them; else None.");

static PyObject *outlined(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count)
{
    if (count != 3 || !PyBytes_CheckExact(args[0]) || !PyBytes_CheckExact(args[1]) || !PyBytes_CheckExact(args[2])) {
        PyErr_SetString(PyExc_TypeError, "outlined(raw: bytes, front: bytes, rest: bytes)");
        return NULL;
    }
    const char *raw = PyBytes_AS_STRING(args[0]), *rest = PyBytes_AS_STRING(args[2]);
    Py_ssize_t size = PyBytes_GET_SIZE(args[0]), at = PyBytes_GET_SIZE(args[1]), more = PyBytes_GET_SIZE(args[2]);
    if (more == 0 || rest[0] != '\r' || size < at || memcmp(raw, PyBytes_AS_STRING(args[1]), (size_t)at))
        Py_RETURN_NONE;
    long long length = 0;
    Py_ssize_t end = at;
    for (; end < size && end - at < LENGTH && raw[end] >= '0' && raw[end] <= '9'; end++)
        length = 10 * length + raw[end] - '0';
    if (end == at || (raw[at] == '0' && end > at + 1) || size - end < more || memcmp(raw + end, rest, (size_t)more)
        || size - end - more != length)
        Py_RETURN_NONE;
    return PyBytes_FromStringAndSize(raw + end + more, (Py_ssize_t)length);
}

/* ---- module -------------------------------------------------------------------------------------------- */

static PyMethodDef functions[] = {
    {"clear", (PyCFunction)(void (*)(void))clear, METH_FASTCALL, clear_doc},
    {"fields", (PyCFunction)(void (*)(void))fields, METH_FASTCALL, fields_doc},
    {"pairs", (PyCFunction)(void (*)(void))pairs, METH_FASTCALL, pairs_doc},
    {"outlined", (PyCFunction)(void (*)(void))outlined, METH_FASTCALL, outlined_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "scankernel", .m_doc = "Bytes of requests looked through in one pass.",
    .m_size = -1, .m_methods = functions,
};

PyMODINIT_FUNC PyInit_scankernel(void)
{
    fill_classes();
    if (PyType_Ready(&forms_type) < 0)
        return NULL;
    PyObject *module = PyModule_Create(&definition);
    if (module != NULL && PyModule_AddObjectRef(module, "Forms", (PyObject *)&forms_type) < 0)
        Py_CLEAR(module);
    return module;
}
