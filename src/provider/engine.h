/* SPDX-License-Identifier: Apache-2.0
 * engine.h: what the files of the native engine share: the model, and the scratch memory of one call.
 *   engine_pull.c      name -> folder, downloaded where it is not cached
 *   engine_packed.c    models in one file: finding them, making them
 *   engine_open.c      name -> folder -> files, tokenizer, backend; info; close
 *   engine_tokenizer.c a model's tokenizer alone
 *   engine_reader.c    the tokenizer's file, read on a thread of its own
 *   engine_device.c    which backend serves
 *   engine_duplicates.c  which texts of a block are the same
 *   engine_tokenize.c  texts -> packed token ids, on one thread or on all
 *   engine_pairs.c     pairs of texts through the tokenizer
 *   engine_prompt.c    how many tokens a prompt is
 *   engine_embed.c     wick_embed: blocks of texts through tokenizer and backend, then cut and normalised
 *   engine_outputs.c   wick_rerank, wick_classify, wick_embed_tokens, wick_embed_sparse: blocks of texts as in engine_embed.c
 *   engine_rows.c      token vectors and sparse vectors, put together to a response
 *   engine_kind.c      what a model is for (kinds.h); which tokens it leaves out
 *   engine_peak.c      wick_measure_peak
 *   engine_context.c   contexts: scratch that calls borrow and give back */
#ifndef WICK_PROVIDER_ENGINE_H
#define WICK_PROVIDER_ENGINE_H
#include <pthread.h>
#include "backend.h"
#include "base/json.h"
#include "base/pack.h"
#include "provider/kinds.h"
#include "provider/pairs.h"

/* Texts are worked off in blocks, so that memory does not grow with their number: at most so many texts, and so many bytes of text
 * (or one text that is longer). Blocks this large lose nothing: a block of the shortest texts still is thousands of tokens. */
#define WICK_BLOCK_TEXTS 1024
#define WICK_BLOCK_BYTES ((size_t)1 << 20)

/* One thread's share of a block: picked texts [first, last), tokenized in order. */
typedef struct wick_token_part {
    size_t first, last;
    wick_encoding *encoding;
    wick_pair_encoder pairs;
    int32_t *ids;   /* [n_ids], those of all its texts one after another */
    uint8_t *types; /* of pairs: [n_ids] token types */
    size_t n_ids, ids_capacity, types_capacity;
    char *prompted; /* the text under way with its prompt */
    size_t prompted_capacity;
    int code;           /* WICK_OK, or why the part stopped before its last text */
    wick_error failure; /* names the text */
} wick_token_part;

/* Scratch of one call of wick_embed. Its arrays only grow, so that a warm call allocates nothing. */
typedef struct wick_context {
    struct wick_context *next;               /* in the model's list of idle contexts */
    size_t lengths[WICK_BLOCK_TEXTS];        /* bytes of each text of the block */
    size_t second_lengths[WICK_BLOCK_TEXTS]; /* of pairs: of each second text */
    const char *queries[WICK_BLOCK_TEXTS];   /* of pairs with the same first text: that */
    /* Of the block's texts that are the same, the first is picked and computed (engine_duplicates.c). */
    size_t n_picks;
    uint16_t picks[WICK_BLOCK_TEXTS];       /* [n_picks] texts of the block, ascending */
    uint16_t rows_of[WICK_BLOCK_TEXTS];     /* [n_texts] by text: which pick it is the same as */
    uint64_t hashes[WICK_BLOCK_TEXTS];      /* [n_picks] */
    uint16_t slots[2 * WICK_BLOCK_TEXTS];   /* by hash: a pick + 1, or 0 */
    uint32_t offsets[WICK_BLOCK_TEXTS + 1]; /* of the packed batch, which is the picks */
    int32_t *ids;                           /* the packed batch, where more than one thread tokenized */
    size_t ids_capacity;
    uint8_t *types; /* of pairs: [n_tokens] token types of the packed batch */
    size_t types_capacity;
    float *rows; /* what the backend writes, where it is not yet what the caller wants */
    size_t rows_capacity;
    bool is_bloated; /* it met a text so long that keeping its memory would be waste */
    unsigned n_parts;
    wick_token_part parts[]; /* [n_parts], one a thread */
} wick_context;

typedef struct wick_tokenizer_reader wick_tokenizer_reader;

struct wick_model {
    char *name, *folder;
    char *prepared_dir; /* where what was computed of the files is kept; NULL: nowhere */
    wick_pack *pack;    /* the file that all of it lies in; NULL: a folder */
    wick_model_files *files;
    wick_tokenizer *tokenizer;
    wick_tokenizer_reader *reader; /* what it came from; may still be freeing the document */
    wick_pool *pool;
    const wick_backend_ops *ops;
    wick_backend *backend;
    const char *dtype;     /* one of wick_dtype_names */
    size_t dimension;      /* of whole vectors */
    size_t cut;            /* what they are cut to where nobody asks for a length */
    size_t max_seq_length; /* 0: texts are not cut */
    uint8_t *skips; /* [vocab_size] 1: a token whose vector a multi-vector model leaves out; NULL: it leaves out none */
    wick_backend_info backend_info;
    pthread_mutex_t lock; /* of idle */
    wick_context *idle;   /* the last used first: its memory is warm */
    size_t n_idle;
};

/* A block of texts of one call. */
typedef struct wick_block {
    const char *const *texts; /* [n_texts] */
    const char *const
        *seconds; /* NULL, or [n_texts] the second texts of pairs whose first one is the text; NULL: none */
    size_t n_texts, n_bytes;
    const char *prompt; /* in front of each */
    size_t prompt_bytes;
    bool truncate;
    uint8_t truncate_side;
    bool side_by_side;
} wick_block;

/* Finds the model's folder, or gets the model from the hub. tokenizer_alone: a folder that has no more than the tokenizer will do. *folder is malloc'ed. */
int wick_engine_folder(const char *name, const char *cache_dir, bool tokenizer_alone, char **folder, wick_error *error);

/* A name that means a packed model: *pack and *files are its, files to be closed first. Both NULL: it means none. dtype: NULL, or what the model must be packed in;
 * the embedded model is not meant where its dtype is another. Errors: what is wrong with the file. */
int wick_engine_find_packed(const char *name, const char *dtype, wick_pack **pack, wick_model_files **files,
                            wick_error *error);
/* The tokenizer of a packed model; *is_packed false: the name means none. */
int wick_engine_packed_tokenizer(const char *name, wick_tokenizer **out, bool *is_packed, wick_error *error);

/* Which backend serves: requested, else the environment, else auto. WICK_E_INVALID_INPUT for an unknown name, WICK_E_UNAVAILABLE for
 * a GPU that is not there where strict is set. Logs the choice. */
int wick_device_select(const char *requested, bool strict, const wick_backend_ops **out, wick_error *error);

/* Reads folder's tokenizer.json, or maps what was kept of it. Then wick_tokenizer_settle, now or later, takes the JSON document. Both NULL after an
 * error. */
int wick_tokenizer_read_folder(const char *folder, const char *prepared_dir, wick_tokenizer **out, wick_json **document,
                               wick_error *error);
/* Frees the document (NULL: nothing to do) and keeps the tokenizer's tables for the next start; the tokenizer may be in use meanwhile. */
void wick_tokenizer_settle(const char *folder, const char *prepared_dir, const wick_tokenizer *tokenizer,
                           wick_json *document);
/* Both at once. */
int wick_engine_read_tokenizer(const char *folder, const char *prepared_dir, wick_tokenizer **out, wick_error *error);
/* Begins to read folder's tokenizer.json, or the one in pack where that is not NULL, on a thread; all must stay, prepared_dir may be NULL. NULL: out of memory. */
wick_tokenizer_reader *wick_tokenizer_reader_start(const char *folder, const wick_pack *pack, const char *prepared_dir);
/* Waits for the tokenizer, which becomes the caller's; once only. */
int wick_tokenizer_reader_take(wick_tokenizer_reader *reader, wick_tokenizer **out, wick_error *error);
/* Waits for the thread to end. */
void wick_tokenizer_reader_free(wick_tokenizer_reader *reader);

/* As wick_model_open, on a backend of the caller's (NULL: the device's); options whole and defaulted. For tests of what a backend
 * cannot be made to do. */
int wick_model_open_on(const char *name, const wick_model_options *options, const wick_backend_ops *ops,
                       wick_model **out, wick_error *error);

/* What the model is for (kinds.h); static. */
const char *wick_engine_kind(const wick_model_files *files);
/* Length of its vectors; 0 where it gives none. */
size_t wick_engine_dimension(const wick_model_files *files);

/* What the model is for, of one text, which is thrown away. wanted: not VECTORS. */
int wick_engine_try(wick_model *model, wick_wanted wanted, const char *const *text, wick_error *error);
/* Fills model->skips; the tokenizer is there. */
int wick_engine_find_skips(wick_model *model, wick_error *error);

/* Borrows a context; each must be returned. NULL: out of memory. */
wick_context *wick_context_take(wick_model *model);
void wick_context_return(wick_model *model, wick_context *context);
void wick_context_free(wick_context *context);
/* array with room for at least n >= 1 elements of size bytes, moved where need be, its content kept. NULL: out of memory, all stays. */
void *wick_context_grow(void *array, size_t *capacity, size_t n, size_t size);

/* Finds the texts of block, whose lengths stand in context, that are the same: fills context's picks and rows_of. */
void wick_block_find_duplicates(wick_context *context, const wick_block *block);

/* How many of a text's first tokens are its prompt's, counted as sentence-transformers does: the prompt alone, without the special token at its end. 0 where they are
 * pooled like all others. */
int wick_engine_count_prompt(wick_model *model, wick_context *context, const char *prompt, size_t *n_tokens,
                             wick_error *error);

/* Token ids of the texts of block that context picks: batch points into context. index names the block's first text in errors. */
int wick_block_tokenize(wick_model *model, wick_context *context, const wick_block *block, size_t index,
                        wick_packed_batch *batch, wick_error *error);

#endif
