/* SPDX-License-Identifier: Apache-2.0
 * call.h: one request for vectors on its way through the server, whatever dialect it came in:
 *
 *   exchange --dialect's read--> call (texts, options) --tokens.c--> counted --lane--> vectors --dialect's write--> reply
 *
 * calls.c drives it (small bodies on the loop thread, large ones on a worker); a dialect is one file with a table of routes and knows nothing of threads,
 * queues or HTTP beyond what stands here. */
#ifndef WICK_SERVER_CALL_H
#define WICK_SERVER_CALL_H
#include "base/arena.h"
#include "base/json.h"
#include "server/http.h"
#include "server/json_writer.h"
#include "server/models.h"

/* Why a request is refused; each dialect has its own form and status for it. */
typedef enum wick_refusal {
    WICK_REFUSE_NONE,
    WICK_REFUSE_INVALID,      /* 400 / TEI 422: the body, a field, a text */
    WICK_REFUSE_EMPTY,        /* 400: no inputs */
    WICK_REFUSE_TOKENIZER,    /* 400 / TEI 422: over the length with truncate false */
    WICK_REFUSE_MODEL,        /* 404: not served */
    WICK_REFUSE_KIND,         /* 400 / TEI 424: the model gives something else */
    WICK_REFUSE_ROUTE,        /* 404 */
    WICK_REFUSE_METHOD,       /* 405 */
    WICK_REFUSE_TOO_LARGE,    /* 413: body or number of texts */
    WICK_REFUSE_MEDIA,        /* 415 */
    WICK_REFUSE_UNAUTHORIZED, /* 401 */
    WICK_REFUSE_FORBIDDEN,    /* 403: Host header, loading models switched off */
    WICK_REFUSE_OVERLOADED,   /* 429 */
    WICK_REFUSE_UNAVAILABLE,  /* 503: breaker, stopping, deadline */
    WICK_REFUSE_INTERNAL      /* 500 / TEI 424 */
} wick_refusal;

typedef struct wick_api_error {
    wick_refusal refusal;
    char message[512]; /* for the user; never holds a text of theirs */
    char param[64];    /* the field, or empty */
} wick_api_error;

typedef enum wick_encoding_format {
    WICK_FORMAT_FLOAT,
    WICK_FORMAT_BASE64,
    WICK_FORMAT_INT8,
    WICK_FORMAT_BINARY
} wick_encoding_format;

typedef struct wick_server wick_server; /* server.h: keys, metrics, policy: nothing that a dialect looks at */
typedef struct wick_route wick_route;

/* What dialects may know of the server; constant while it runs. */
typedef struct wick_service {
    wick_models *models;
    bool allow_load;       /* models may be loaded and unloaded by request */
    const char *cache_dir; /* the hub cache that models come from, NULL: the default */
    size_t max_texts;      /* of a request */
    size_t max_body_bytes, max_connections, batch_tokens;
    unsigned n_workers; /* threads that tokenize */
} wick_service;

typedef struct wick_call {
    wick_server *server;
    const wick_service *service;
    wick_exchange *exchange; /* NULL in tests of the dialects */
    const wick_route *route;
    wick_arena *arena; /* memory that lives as long as the call */
    wick_json *
        body; /* the parsed body; texts point into it until wick_call_bind has been called, then it may be gone. NULL for GET */
    /* Set by the dialect's read. */
    const char *model;       /* NULL: the only one */
    const char *reply_model; /* how the reply names it, in the arena; NULL: as model */
    const char **texts;      /* [n_texts] */
    size_t *text_bytes;      /* [n_texts] */
    size_t n_texts;
    wick_wanted wanted;   /* VECTORS unless the route is for something else */
    const char **seconds; /* [n_texts] of pairs; NULL in it: none. NULL: there are no pairs */
    size_t *second_bytes; /* [n_texts] */
    bool is_one_query;    /* the first text is the same in all pairs */
    uint8_t scores;       /* WICK_SCORES_* */
    bool return_texts;    /* the reply repeats them */
    const wick_json *ids; /* token ids came in place of texts: one array of them, or an array of such arrays; texts and
                             text_bytes are without content until wick_call_bind */
    bool is_single;       /* one string came, not a list of one */
    const char *dtype;    /* asked for; NULL: any */
    const char *prompt_name; /* asked for; NULL: the model's default. wick_call_bind sets options.prompt by it */
    wick_embed_options options;
    bool truncate; /* false: a text that is too long is refused; the same as options.truncate */
    wick_encoding_format format;
    wick_precision precision; /* that vectors are written in */
    const float *ranges;      /* [2, n_ranges] in the arena, for precision; NULL: those of the call's own vectors */
    size_t n_ranges;          /* checked against dimension by wick_call_bind */
    /* Set by calls.c. */
    wick_served *served;
    uint32_t *n_tokens; /* [n_texts] */
    uint64_t total_tokens;
    size_t dimension; /* of the vectors, after the cut */
    float *vectors;   /* VECTORS: [n_texts, dimension]; what else is wanted stands in job.rows */
    double tokenize_ms, total_ms;
    wick_job job;
} wick_call;

/* ---- what the dialects offer to calls.c (request.c) ---- */

/* Has the job of this call given what the reply is made of? */
static inline bool wick_call_has_results(const wick_call *call)
{
    return call->vectors || call->job.rows.offsets;
}

/* Parses a body that must be a JSON object. False: *error names the field, where one is at fault, and never holds what the body says. *out is the
 * caller's to free with wick_json_free. */
bool wick_call_parse(const char *body, size_t n_bytes, wick_json **out, wick_api_error *error);
/* Between borrowing call->served and tokenizing: holds what the request asks for (dtype, dimensions, prompt_name) against the model, sets call->dimension and
 * options.prompt, and turns token ids into texts. False: *error says why. */
bool wick_call_bind(wick_call *call, wick_api_error *error);
/* A failure of the library, or of models.h, as the dialects tell it. */
void wick_api_error_from(const wick_error *from, wick_api_error *to);

typedef enum wick_route_kind {
    WICK_ROUTE_EMBED, /* read, tokenize, queue, write */
    WICK_ROUTE_PLAIN /* answer() makes the whole reply, on a worker where is_slow, on a thread of its own where is_waiting */
} wick_route_kind;

/* The form that errors take. status: chosen for the refusal. */
typedef struct wick_dialect {
    const char *name;    /* "wick", "openai", "tei", "ollama" */
    bool takes_any_type; /* JSON under whatever Content-Type, unless a page of a browser asks */
    int (*status)(wick_refusal refusal);
    void (*write_error)(const wick_api_error *error, int status, wick_buffer *out);
} wick_dialect;

struct wick_route {
    wick_method method;
    const char *
        path; /* decoded; one that ends in '*' takes every path that begins with what stands before it, and is looked at last */
    const wick_dialect *dialect;
    wick_route_kind kind;
    bool is_public; /* needs no key: health, the page */
    bool is_slow;
    bool
        is_waiting; /* a WICK_ROUTE_PLAIN that waits for other requests: on a thread of its own, for workers may be what those wait for */
    /* WICK_ROUTE_EMBED: fills the call from call->body; false: error says why. */
    bool (*read)(wick_call *call, wick_api_error *error);
    void (*write)(const wick_call *call, wick_buffer *out);
    /* WICK_ROUTE_PLAIN: fills out and *content_type ("application/json" beforehand); returns the status, or 0 with error filled. */
    int (*answer)(wick_call *call, wick_buffer *out, const char **content_type, wick_api_error *error);
};

/* Wick's own form of errors, which everything that no other dialect owns uses too. */
extern const wick_dialect wick_dialect_wick;

/* Each dialect's routes, ended by one without a path. */
extern const wick_route wick_routes_wick[], wick_routes_openai[], wick_routes_tei[], wick_routes_ollama[],
    wick_routes_page[];

#endif
