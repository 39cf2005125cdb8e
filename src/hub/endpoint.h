/* SPDX-License-Identifier: Apache-2.0
 * endpoint.h: which hub is asked, as whom, and whether at all: what the environment says, read once.
 * Sources: huggingface_hub's constants.py and its documentation of environment variables. */
#ifndef WICK_HUB_ENDPOINT_H
#define WICK_HUB_ENDPOINT_H
#include <wick.h>

typedef struct wick_hub_endpoint {
    char *url;    /* "https://huggingface.co": scheme, host, perhaps port and path; no slash at its end */
    char *token;  /* NULL: none; printable ASCII without blanks. Never logged, never written */
    bool offline; /* HF_HUB_OFFLINE (or TRANSFORMERS_OFFLINE) is 1, ON, YES or TRUE: no socket is to be made */
} wick_hub_endpoint;

/* HF_ENDPOINT; HF_TOKEN, HUGGING_FACE_HUB_TOKEN, else the file HF_TOKEN_PATH, $HF_HOME/token, ~/.cache/huggingface/token. WICK_E_INVALID_INPUT for an endpoint that is no http(s) URL or a malformed token. */
int wick_hub_endpoint_read(wick_hub_endpoint *out, wick_error *error);
void wick_hub_endpoint_clear(wick_hub_endpoint *endpoint); /* overwrites the token */

#endif
