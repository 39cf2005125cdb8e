/* SPDX-License-Identifier: Apache-2.0
 * choose.h: a repository's listing -> the files that its model needs. A model that cannot be run ends here, before anything large is asked for:
 * what is missing is told from the listing, what is not supported from modules.json and config.json, which are read first. Called by pull.c. */
#ifndef WICK_HUB_CHOOSE_H
#define WICK_HUB_CHOOSE_H
#include "hub/needs.h"

/* What choosing asks its caller for. */
typedef struct wick_hub_chooser {
    /* Gets one small file (at most max_bytes) into malloc'ed *text, with a terminator. */
    int (*read)(void *user, const wick_hub_file *file, size_t max_bytes, char **text, size_t *n, wick_error *error);
    /* May the model be run? modules is NULL where there is no modules.json. May be NULL: all may. src/hub does not know src/model: whoever pulls for the
     * engine hands this in (src/provider/engine_pull.c). */
    int (*check)(void *user, const char *modules, size_t n_modules, const char *config, size_t n_config,
                 wick_error *error);
    void *read_user, *check_user;
} wick_hub_chooser;

typedef struct wick_hub_choice {
    const wick_hub_file **files; /* [n_files] of the listing; the weights last: a snapshot that has them has all */
    size_t n_files;
    char **absent; /* [n_absent] paths that readers ask for and that are not there */
    size_t n_absent;
} wick_hub_choice;

/* WICK_E_UNSUPPORTED (no config.json, no safetensors, no tokenizer.json, what check says), WICK_E_CORRUPT (the repository contradicts itself), and what
 * read says. where: the model's name, for errors. */
int wick_hub_choose(const wick_hub_listing *listing, const char *where, const wick_hub_chooser *chooser,
                    wick_hub_choice *out, wick_error *error);
void wick_hub_choice_clear(wick_hub_choice *choice);

#endif
