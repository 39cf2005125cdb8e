// SPDX-License-Identifier: Apache-2.0
// toml.cc: base/toml.h over toml++, because no TOML library in C is packaged. In: the bytes of a TOML document, which may be hostile.
// Out: a flat list of leaves with their lines. No exception leaves this file. Called by src/provider/config.c.

// Debian's pkg-config file asks for the shared library; the headers alone do, and leave libwick one dependency fewer.
#undef TOML_HEADER_ONLY
#undef TOML_SHARED_LIB
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include <algorithm>
#include <deque>
#include <new>
#include <string>
#include <vector>

extern "C" {
#include "base/error.h"
#include "base/toml.h"
}

// Each level of tables inside tables costs a dot (or one of toml++'s 256 nested values), and tables are walked and freed by
// recursion: without a cap, a megabyte of "a.a.a." would overflow the stack.
static const size_t max_dots = 4096;
// A long table name stands in the key of each of its members: without caps, a small file would grow a thousandfold in memory.
static const size_t max_entries = 10000;
static const size_t max_key_bytes = 1024;
static const char mend[] = "see config.example.toml for the form";

struct wick_toml {
    std::vector<wick_toml_entry> entries;
    std::deque<std::string> texts; // what the entries point into; a deque, because its elements stay where they are
};

namespace
{

struct positioned_entry {
    wick_toml_entry entry;
    toml::source_position position;
};

// What TOML allows and Wick does not.
struct refusal {
    unsigned line;
    const char *what;
};

const char *keep(wick_toml &toml, std::string text)
{
    toml.texts.push_back(std::move(text));
    return toml.texts.back().c_str();
}

bool is_bare(std::string_view part)
{
    return !part.empty() && std::all_of(part.begin(), part.end(), [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    });
}

// One part of a dotted key so that no two different keys read alike: "a.b" in quotes is not a.b.
std::string key_part(std::string_view part)
{
    if (is_bare(part))
        return std::string(part);
    static const char hex[] = "0123456789abcdef";
    std::string text = "\"";
    for (const char c : part) {
        const unsigned char byte = (unsigned char)c;
        if (byte < 0x20 || byte == 0x7F) {
            text += "\\u00";
            text += hex[byte >> 4];
            text += hex[byte & 15];
        } else {
            if (c == '"' || c == '\\')
                text += '\\';
            text += c;
        }
    }
    return text + '"';
}

wick_toml_entry describe(wick_toml &toml, const std::string &key, const toml::node &node)
{
    wick_toml_entry entry = {};
    entry.key = keep(toml, key);
    entry.line = (unsigned)node.source().begin.line;
    entry.type = WICK_TOML_OTHER;
    if (const auto *string = node.as_string()) {
        if (string->get().find('\0') != std::string::npos)
            throw refusal{entry.line, "a string holds U+0000"};
        entry.type = WICK_TOML_STRING;
        entry.string = keep(toml, string->get());
    } else if (const auto *integer = node.as_integer()) {
        entry.type = WICK_TOML_INTEGER;
        entry.integer = integer->get();
    } else if (const auto *real = node.as_floating_point()) {
        entry.type = WICK_TOML_REAL;
        entry.real = real->get();
    } else if (const auto *boolean = node.as_boolean()) {
        entry.type = WICK_TOML_BOOL;
        entry.boolean = boolean->get();
    } else if (node.is_table()) {
        entry.type = WICK_TOML_TABLE;
    }
    return entry;
}

void flatten(wick_toml &toml, const toml::table &table, const std::string &prefix, std::vector<positioned_entry> &found)
{
    for (auto &&[name, node] : table) {
        const unsigned line = (unsigned)node.source().begin.line;
        if (found.size() >= max_entries)
            throw refusal{line, "the file has too many keys"};
        if (prefix.size() + name.str().size() > max_key_bytes)
            throw refusal{line, "the key is too long"};
        const std::string key = prefix + key_part(name.str());
        const toml::table *inner = node.as_table();
        if (inner && !inner->empty())
            flatten(toml, *inner, key + '.', found);
        else
            found.push_back({describe(toml, key, node), node.source().begin});
    }
}

void fill(wick_toml &toml, const toml::table &root)
{
    std::vector<positioned_entry> found;
    flatten(toml, root, std::string(), found);
    // toml++ keeps tables sorted by name; the list is in file order, so that the first mistake is reported first.
    std::stable_sort(found.begin(), found.end(), [](const positioned_entry &a, const positioned_entry &b) {
        return a.position.line != b.position.line ? a.position.line < b.position.line
                                                  : a.position.column < b.position.column;
    });
    toml.entries.reserve(found.size());
    for (const positioned_entry &one : found)
        toml.entries.push_back(one.entry);
}

int fail_at(wick_error *error, const char *where, unsigned line, const char *what) noexcept
{
    char place[sizeof error->where];
    // Too long a path is cut by snprintf; the line would be lost then, so it also stands in the message.
    snprintf(place, sizeof place, "%s:%u", where, line);
    return wick_fail(error, WICK_E_INVALID_INPUT, place, mend, "line %u: %s", line, what);
}

} // namespace

extern "C" {

int wick_toml_parse(const char *text, size_t n, const char *where, wick_toml **out, wick_error *error)
{
    *out = nullptr;
    if (n > WICK_MAX_TOML_BYTES)
        return wick_fail(error, WICK_E_INVALID_INPUT, where, mend, "the file is larger than %zu bytes",
                         WICK_MAX_TOML_BYTES);
    if ((size_t)std::count(text, text + n, '.') > max_dots)
        return wick_fail(error, WICK_E_INVALID_INPUT, where, mend, "the file has more than %zu dots", max_dots);
    wick_toml *toml = nullptr;
    int rc = WICK_OK;
    try {
        toml = new wick_toml;
        fill(*toml, toml::parse(std::string_view(text, n)));
    } catch (const toml::parse_error &failure) {
        rc = fail_at(error, where, (unsigned)failure.source().begin.line, failure.what());
    } catch (const refusal &failure) {
        rc = fail_at(error, where, failure.line, failure.what);
    } catch (const std::bad_alloc &) {
        rc = wick_fail_memory(error, "a configuration file");
    } catch (...) {
        rc = wick_fail(error, WICK_E_INTERNAL, where, NULL, "the TOML reader failed");
    }
    if (rc != WICK_OK) {
        delete toml;
        return rc;
    }
    *out = toml;
    return WICK_OK;
}

void wick_toml_free(wick_toml *toml)
{
    delete toml;
}

size_t wick_toml_count(const wick_toml *toml)
{
    return toml->entries.size();
}

const wick_toml_entry *wick_toml_at(const wick_toml *toml, size_t index)
{
    return index < toml->entries.size() ? &toml->entries[index] : nullptr;
}

const char *wick_toml_type_name(wick_toml_type type)
{
    switch (type) {
    case WICK_TOML_STRING:
        return "a string";
    case WICK_TOML_INTEGER:
        return "an integer";
    case WICK_TOML_REAL:
        return "a real number";
    case WICK_TOML_BOOL:
        return "a boolean";
    case WICK_TOML_TABLE:
        return "a table";
    case WICK_TOML_OTHER:
        break;
    }
    return "an array or a date";
}
}
