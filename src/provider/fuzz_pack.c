/* SPDX-License-Identifier: Apache-2.0
 * fuzz_pack.c: a hostile packed model (base/pack.h): one that opens must embed any text or say why not. The input is a list of changes to a good file, four bytes each: where
 * (3 bytes), what; so that the fuzzer begins where it matters. The first byte: whether the file is cut (bit 0), whether its checksums are made right (bit 1), and which of the good files it is (the rest). The
 * model comes in as the embedded one, whose sections' checksums nobody looks at. Seeds: tests/fuzz/pack. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pack_format.h"
#include "provider/embedded.h"
#include "provider/kinds.h"

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            __builtin_trap();                                                                                          \
    } while (0)
#define NAME "fuzz"
#define MAX_BYTES ((size_t)1 << 17)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define SAID                                                                                                           \
    "{\"name\":\"" NAME                                                                                                \
    "\",\"architecture\":\"bert\",\"dtype\":\"int8\",\"max_tokens\":16,\"max_seq_length\":12,\"n_parameters\":1000,"
#define SAID_ON                                                                                                        \
    "\"pooling\":\"mean\",\"has_normalize\":false,\"dense\":[{\"in_features\":8,\"out_features\":4,\"activation\":"    \
    "\"tanh\"}]"

#define CONFIG(rest)                                                                                                   \
    SAID SAID_ON ",\"config\":{\"num_hidden_layers\":1,\"hidden_size\":8,\"num_attention_heads\":2,\"vocab_size\":9,"  \
                 "\"intermediate_size\":16,\"max_position_embeddings\":18," rest "}}"

#define BERT                                                                                                           \
    ",\"config\":{\"model_type\":\"bert\",\"num_hidden_layers\":1,\"hidden_size\":8,\"num_attention_heads\":2,"        \
    "\"intermediate_size\":16,\"vocab_size\":9,\"max_position_embeddings\":16,\"type_vocab_size\":2,"                  \
    "\"hidden_act\":\"gelu\",\"position_embedding_type\":\"absolute\"}}"
#define WITH_HEAD SAID SAID_ON ",\"head\":true" BERT, bert_pieces, bert_sizes, 7, 24, 16

/* One of each make that has sections of its own (docs/pack.md): BERT as it was said before config.json was in the description, and with it; MPNet; Gemma 3; BERT with what
 * gives labels, terms, and a vector a token. */
typedef struct kind {
    const char *description;
    const char *const *pieces; /* f32 arrays, n_pieces of them */
    const size_t *sizes;
    size_t n_pieces;
    size_t qkv, up;
    const char *head; /* section "head"; NULL: the model gives vectors */
} kind;

static const char *const bert_pieces[] = {
    "embedding_norm.weight",
    "embedding_norm.bias",
    "layers.0.attention_norm.weight",
    "layers.0.attention_norm.bias",
    "layers.0.output_norm.weight",
    "layers.0.output_norm.bias",
    "positions",
    "relative",
};
static const size_t bert_sizes[] = {8, 8, 8, 8, 8, 8, 16 * 4}, mpnet_sizes[] = {8, 8, 8, 8, 8, 8, 18 * 4, 32 * 2};
static const char *const gemma_pieces[] = {
    "layers.0.attention_norm.weight",
    "layers.0.output_norm.weight",
    "layers.0.attention_end_norm.weight",
    "layers.0.output_end_norm.weight",
    "layers.0.query_norm.weight",
    "layers.0.key_norm.weight",
    "final_norm.weight",
};
static const size_t gemma_sizes[] = {8, 8, 8, 8, 4, 4, 8};

static const kind kinds[] = {
    {SAID
     "\"n_layers\":1,\"hidden_size\":8,\"n_heads\":2,\"intermediate_size\":16,\"vocab_size\":9,\"max_positions\":16,"
     "\"type_vocab_size\":2,\"layer_norm_eps\":1e-12,\"activation\":\"gelu\"," SAID_ON "}",
     bert_pieces, bert_sizes, 7, 24, 16},
    {SAID SAID_ON BERT, bert_pieces, bert_sizes, 7, 24, 16},
    {CONFIG("\"model_type\":\"mpnet\",\"relative_attention_num_buckets\":32"), bert_pieces, mpnet_sizes, 8, 24, 16},
    {CONFIG("\"model_type\":\"gemma3_text\",\"num_key_value_heads\":1,\"head_dim\":4,\"sliding_window\":4,"
            "\"use_bidirectional_attention\":true,\"query_pre_attn_scalar\":4,\"layer_types\":[\"sliding_attention\"]"),
     gemma_pieces, gemma_sizes, 7, 16, 64},
    {WITH_HEAD, "{\"kind\":\"labels\",\"has_types\":true}"},
    {WITH_HEAD, "{\"kind\":\"terms\",\"has_second_log\":true}"},
    {WITH_HEAD, "{\"kind\":\"none\",\"is_multi_vector\":true,\"has_token_normalize\":true,\"skips_in_document\":true}"},
};
#define N_KINDS (sizeof kinds / sizeof *kinds)
static const char tokenizer[] =
    "{\"added_tokens\":[{\"id\":1,\"content\":\"[CLS]\",\"single_word\":false,\"lstrip\":true,\"rstrip\":true,"
    "\"normalized\":false,\"special\":true}],\"normalizer\":{\"type\":\"BertNormalizer\",\"clean_text\":true,"
    "\"handle_chinese_chars\":true,\"lowercase\":true},\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},"
    "\"post_processor\":{\"type\":\"BertProcessing\",\"cls\":[\"[CLS]\",1],\"sep\":[\"[SEP]\",2]},\"model\":{\"type\":"
    "\"WordPiece\",\"unk_token\":\"[UNK]\",\"continuing_subword_prefix\":\"##\",\"max_input_chars_per_word\":20,"
    "\"vocab\":{}}}";
static const char vocabulary[] = "\x08\0\0\0\x05\0[UNK]\x05\0[CLS]\x05\0[SEP]\x01\0a\x03\0##a\x02\0ab\x03\0##b\x01\0e";

typedef struct file {
    uint8_t bytes[MAX_BYTES] __attribute__((aligned(64)));
    size_t n;
} file;
static file good[N_KINDS];
static uint8_t changed[MAX_BYTES] __attribute__((aligned(64)));

static void take(void *arg, const void *bytes, size_t n)
{
    file *f = arg;
    CHECK(n <= MAX_BYTES - f->n);
    memcpy(f->bytes + f->n, bytes, n);
    f->n += n;
}

static void add_piece(wick_pack_writer *writer, const char *prefix, const char *name, size_t n_values)
{
    char whole[WICK_PACK_NAME_BYTES];
    uint8_t *bytes = malloc(n_values * 4);
    CHECK(bytes && snprintf(whole, sizeof whole, "%s%s", prefix, name) < (int)sizeof whole);
    for (size_t i = 0; i < n_values * 4; i++)
        bytes[i] = i % 4 == 3 ? 0x3C : (uint8_t)(i * 7); /* as f32: small numbers */
    CHECK(wick_pack_give(writer, whole, bytes, n_values * 4, NULL) == WICK_OK);
}

/* As docs/pack.md has it: panels of 32 columns, units of 4 bytes, which hold n_values inputs each. */
static void add_linear(wick_pack_writer *writer, const char *prefix, size_t out, size_t in, size_t n_values)
{
    const size_t padded = (out + 31) / 32 * 32;
    add_piece(writer, prefix, ".weights", padded * ((in + n_values - 1) / n_values));
    add_piece(writer, prefix, ".bias", padded);
    if (n_values == 1)
        return;
    add_piece(writer, prefix, ".scales", padded);
    add_piece(writer, prefix, ".sums", padded);
    add_piece(writer, prefix, ".factors", in);
}

static void add_weights(wick_pack_writer *writer, const kind *k)
{
    for (size_t i = 0; i < k->n_pieces; i++)
        add_piece(writer, k->pieces[i], "", k->sizes[i]);
    add_piece(writer, "", "words", (size_t)9 * 2);
    add_piece(writer, "", "words.scales", 9);
    add_linear(writer, "layers.0.qkv", k->qkv, 8, 4);
    add_linear(writer, "layers.0.attention_output", 8, 8, 4);
    add_linear(writer, "layers.0.up", k->up, 8, 4);
    add_linear(writer, "layers.0.down", 8, 16, 4);
    add_linear(writer, "dense.0", 4, 8, 1);
}

static void add_head(wick_pack_writer *writer, const char *head)
{
    CHECK(wick_pack_add(writer, "head", head, strlen(head), NULL) == WICK_OK);
    CHECK(wick_pack_add(writer, "skipped", "a\0e", 4, NULL) == WICK_OK);
    add_linear(writer, "head.dense", 8, 8, 1);
    add_linear(writer, "head.last", 2, 8, 1);
    add_piece(writer, "head.norm", ".weight", 8);
    add_piece(writer, "head.norm", ".bias", 8);
    add_piece(writer, "", "head.terms.bias", 9);
    add_piece(writer, "", "head.words", (size_t)9 * 8);
    add_piece(writer, "", "types", 8);
}

static void make_good(const kind *k, file *out)
{
    wick_pack_writer *writer = wick_pack_writer_new();
    CHECK(writer && wick_pack_add(writer, "model", k->description, strlen(k->description), NULL) == WICK_OK);
    CHECK(wick_pack_add(writer, "tokenizer", tokenizer, sizeof tokenizer - 1, NULL) == WICK_OK);
    CHECK(wick_pack_add(writer, "vocabulary", vocabulary, sizeof vocabulary - 1, NULL) == WICK_OK);
    add_weights(writer, k);
    if (k->head)
        add_head(writer, k->head);
    CHECK(wick_pack_write(writer, take, out, NULL) == WICK_OK);
    wick_pack_writer_free(writer);
    wick_embedded_set(out->bytes, out->n);
    CHECK(wick_embedded_name() && strcmp(wick_embedded_name(), NAME) == 0);
    setenv("WICK_PREPARED_DIR", "off", 1);
    wick_log_set_level(WICK_LOG_OFF);
    wick_model_options options;
    wick_model *model = NULL;
    wick_model_options_init(&options);
    options.n_threads = 1;
    CHECK(wick_model_open(NAME, &options, &model, NULL) == WICK_OK); /* else no change would be looked at */
    wick_model_close(model);
}

static void reseal(uint8_t *bytes, size_t n)
{
    pack_header *header = (pack_header *)(void *)bytes;
    pack_entry *entries = (pack_entry *)(void *)(bytes + sizeof *header);
    if (n < sizeof *header || header->n_sections > (n - sizeof *header) / sizeof *entries)
        return;
    header->file_bytes = n;
    for (size_t i = 0; i < header->n_sections; i++)
        if (entries[i].begin <= n && entries[i].n_bytes <= n - entries[i].begin)
            entries[i].checksum = pack_checksum(bytes + entries[i].begin, (size_t)entries[i].n_bytes);
    header->checksum = pack_head_checksum(header, entries);
}

/* Whatever the model is for. */
static int run(wick_model *model, const wick_model_info *info, const char *const *texts, wick_error *error)
{
    float *out = calloc(3 * (info->dimension + info->n_labels) + 1, sizeof *out);
    wick_rows_response rows = {0};
    int code = WICK_OK;
    CHECK(out);
    switch (wick_kind_purpose(info->kind)) {
    case WICK_WANT_VECTORS:
        code = wick_embed(model, texts, NULL, 3, NULL, out, NULL, error);
        break;
    case WICK_WANT_TOKENS:
        code = wick_embed_tokens(model, texts, NULL, 3, NULL, &rows, error);
        break;
    case WICK_WANT_SPARSE:
        code = wick_embed_sparse(model, texts, NULL, 3, NULL, &rows, error);
        break;
    case WICK_WANT_SCORES:
    case WICK_WANT_RANKING:
        code = wick_classify(model, texts, NULL, texts + 1, NULL, 2, NULL, out, NULL, error);
        break;
    }
    wick_rows_response_clear(&rows);
    free(out);
    return code;
}

static void embed(wick_model *model)
{
    static const char *const texts[] = {"ab a [CLS] e \xc3\xa9 abba", "", "e e e e e e e e e e e e e e e e e e"};
    wick_model_info info = {.size = sizeof info};
    wick_error error = {0};
    CHECK(wick_model_get_info(model, &info) == WICK_OK && info.dimension + info.n_labels > 0);
    const int code = run(model, &info, texts, &error);
    CHECK(code == WICK_OK || error.message[0]);
    CHECK(code == WICK_OK || code == WICK_E_INTERNAL ||
          info.n_labels > 0); /* weights that are no numbers; of pairs also that there is no room or no form for them */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    for (size_t i = 0; i < N_KINDS && good[i].n == 0; i++)
        make_good(&kinds[i], &good[i]);
    if (n == 0)
        return 0;
    const file *base = &good[(data[0] >> 2) % N_KINDS];
    memcpy(changed, base->bytes, base->n);
    for (size_t i = 1; i + 4 <= n; i += 4)
        changed[(data[i] | (size_t)data[i + 1] << 8 | (size_t)data[i + 2] << 16) % base->n] = data[i + 3];
    const size_t n_left = (data[0] & 1) && n > 2 ? (data[1] | (size_t)data[2] << 8) % base->n : base->n;
    uint8_t *own = NULL; /* of its own size, so that reading past its end is seen */
    CHECK(posix_memalign((void **)&own, WICK_PACK_ALIGNMENT, n_left ? n_left : 1) == 0);
    memcpy(own, changed, n_left);
    if (data[0] & 2)
        reseal(own, n_left);
    wick_embedded_set(own, n_left);
    wick_model_options options;
    wick_model_options_init(&options);
    options.n_threads = 1;
    options.dtype = "int8"; /* another one would be looked for elsewhere */
    wick_model *model = NULL;
    wick_error error = {0};
    const int code = n_left ? wick_model_open(NAME, &options, &model, &error) : WICK_E_CORRUPT;
    CHECK((code == WICK_OK) == (model != NULL));
    CHECK(code == WICK_OK || n_left == 0 || error.message[0]);
    if (model)
        embed(model);
    wick_model_close(model);
    wick_embedded_set(base->bytes, base->n);
    free(own);
    return 0;
}
