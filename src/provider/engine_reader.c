/* SPDX-License-Identifier: Apache-2.0
 * engine_reader.c: a model's tokenizer.json, read on a thread of its own while the weights are prepared. In: a folder. Out: the tokenizer,
 * handed over as soon as it is made; freeing the JSON document, and keeping the tables for the next start, takes milliseconds more and goes on behind
 * the opener's back. Where the tables were kept by an earlier start they are mapped instead. */
#include "base/error.h"
#include "base/json.h"
#include "base/path.h"
#include "model/json_keys.h"
#include "provider/engine.h"
#include "text/tokenizer_kept.h"
#include "text/tokenizer_packed.h"
#include <signal.h>
#include <stdlib.h>

struct wick_tokenizer_reader {
    const char *folder, *prepared_dir;
    const wick_pack *pack; /* NULL: folder */
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t made;
    bool is_made;
    wick_tokenizer *tokenizer;
    int code;
    wick_error error;
};

int wick_tokenizer_read_folder(const char *folder, const char *prepared_dir, wick_tokenizer **out, wick_json **document,
                               wick_error *error)
{
    char *path = wick_path_join(folder, "tokenizer.json");
    int rc = WICK_OK;
    *document = NULL;
    *out = path ? wick_tokenizer_find_kept(prepared_dir, path) : NULL;
    if (!path)
        rc = wick_fail_memory(error, "the tokenizer's path");
    else if (!*out && !wick_model_path_exists(path))
        rc = wick_fail(error, WICK_E_IO, path, "download the model again, or name the folder that holds all its files",
                       "tokenizer.json is not there");
    else if (!*out)
        rc = wick_tokenizer_read_keeping(path, out, document, error);
    free(path);
    return rc;
}

void wick_tokenizer_settle(const char *folder, const char *prepared_dir, const wick_tokenizer *tokenizer,
                           wick_json *document)
{
    char *path = NULL;
    if (!document)
        return; /* it was kept already, or not read */
    wick_json_free(document);
    if (!prepared_dir)
        return; /* nothing is taken behind the back of a caller who counts */
    path = wick_path_join(folder, "tokenizer.json");
    if (path)
        wick_tokenizer_keep(prepared_dir, path, tokenizer);
    free(path);
}

/* Tables that were kept serve for packed files too: making them takes longer than mapping them. The embedded model has no file whose change would be seen. */
static int read_pack(const wick_pack *pack, const char *prepared_dir, wick_tokenizer **out, bool *is_kept,
                     wick_error *error)
{
    const char *kept_in = wick_pack_identity(pack) != 0 ? prepared_dir : NULL;
    *out = wick_tokenizer_find_kept(kept_in, wick_pack_where(pack));
    *is_kept = *out != NULL;
    if (*is_kept)
        return WICK_OK;
    return wick_tokenizer_unpack(pack, out, error);
}

static void *run_reader(void *arg)
{
    wick_tokenizer_reader *reader = arg;
    wick_tokenizer *tokenizer;
    wick_json *document;
    wick_error error = {0};
    const wick_pack *pack = reader->pack;
    bool is_kept = false;
    document = NULL;
    const int code =
        pack ? read_pack(pack, reader->prepared_dir, &tokenizer, &is_kept, &error)
             : wick_tokenizer_read_folder(reader->folder, reader->prepared_dir, &tokenizer, &document, &error);
    const bool is_to_keep = pack && code == WICK_OK && !is_kept && wick_pack_identity(pack) != 0;
    pthread_mutex_lock(&reader->lock);
    reader->tokenizer = tokenizer;
    reader->code = code;
    reader->error = error;
    reader->is_made = true;
    pthread_cond_signal(&reader->made);
    pthread_mutex_unlock(&reader->lock);
    wick_tokenizer_settle(reader->folder, reader->prepared_dir, tokenizer, document);
    if (is_to_keep)
        wick_tokenizer_keep(reader->prepared_dir, wick_pack_where(pack), tokenizer);
    return NULL;
}

wick_tokenizer_reader *wick_tokenizer_reader_start(const char *folder, const wick_pack *pack, const char *prepared_dir)
{
    wick_tokenizer_reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return NULL;
    reader->folder = folder;
    reader->pack = pack;
    reader->prepared_dir = prepared_dir;
    if (pthread_mutex_init(&reader->lock, NULL) != 0) {
        free(reader);
        return NULL;
    }
    if (pthread_cond_init(&reader->made, NULL) != 0) {
        pthread_mutex_destroy(&reader->lock);
        free(reader);
        return NULL;
    }
    sigset_t all, before; /* signals are the program's, as in pool.c */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    reader->has_thread = pthread_create(&reader->thread, NULL, run_reader, reader) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return reader;
}

int wick_tokenizer_reader_take(wick_tokenizer_reader *reader, wick_tokenizer **out, wick_error *error)
{
    if (!reader->has_thread) /* none could be had: it is read now */
        run_reader(reader);
    pthread_mutex_lock(&reader->lock);
    while (!reader->is_made)
        pthread_cond_wait(&reader->made, &reader->lock);
    *out = reader->tokenizer;
    reader->tokenizer = NULL;
    const int code = reader->code;
    if (code != WICK_OK && error)
        *error = reader->error;
    pthread_mutex_unlock(&reader->lock);
    return code;
}

void wick_tokenizer_reader_free(wick_tokenizer_reader *reader)
{
    if (!reader)
        return;
    if (reader->has_thread)
        pthread_join(reader->thread, NULL);
    wick_tokenizer_free(reader->tokenizer);
    pthread_cond_destroy(&reader->made);
    pthread_mutex_destroy(&reader->lock);
    free(reader);
}
