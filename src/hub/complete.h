/* SPDX-License-Identifier: Apache-2.0
 * complete.h: whether a snapshot of the hub cache has all files that its model needs. It may have been made by huggingface_hub, in part, file by file, as its
 * callers asked. Called by pull.c, src/provider and inventory.c. */
#ifndef WICK_HUB_COMPLETE_H
#define WICK_HUB_COMPLETE_H
#include "hub/needs.h"

typedef enum wick_hub_state {
    WICK_HUB_MISSING, /* a file without which the model does not open */
    /* It would open, but perhaps as another model: a file that changes what comes out (modules.json, sentence_bert_config.json...) is not there, and nobody
     * noted that the repository has none (.no_exist, trees/COMMIT.json). */
    WICK_HUB_UNSURE,
    WICK_HUB_COMPLETE
} wick_hub_state;

/* folder: CACHE/models--ORG--NAME/snapshots/COMMIT. missing: the path that decided, "" for WICK_HUB_COMPLETE. */
wick_hub_state wick_hub_snapshot_state(const char *folder, char missing[WICK_HUB_MAX_PATH + 1]);
/* Whether the tokenizer alone can be opened: tokenizer.json is there, and so is all that says where it is. */
bool wick_hub_snapshot_has_tokenizer(const char *folder);

#endif
