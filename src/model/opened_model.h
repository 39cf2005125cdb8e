/* SPDX-License-Identifier: Apache-2.0
 * opened_model.h: making an empty wick_model_files, for those who fill it: model_files.c from a folder, packed_model.c from a packed file. */
#ifndef WICK_MODEL_OPENED_MODEL_H
#define WICK_MODEL_OPENED_MODEL_H
#include "model/model_files.h"

/* All zero but for path, which is copied. Free with wick_model_files_close. */
int wick_model_files_new(const char *path, wick_model_files **out, wick_error *error);
/* What files' strings and tables are taken from; it lives as long as they do. */
wick_arena *wick_model_files_arena(wick_model_files *files);

#endif
