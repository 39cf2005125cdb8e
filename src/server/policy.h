/* SPDX-License-Identifier: Apache-2.0
 * policy.h: who may ask: Host names (against DNS rebinding), origins (CORS), and where the server may listen without a key. In: an exchange. Out: allowed or
 * not, and the CORS headers of its reply. Called by server.c and calls.c, on the loop thread. */
#ifndef WICK_SERVER_POLICY_H
#define WICK_SERVER_POLICY_H
#include "server/http.h"

typedef struct wick_policy {
    const char *host;                 /* the address that is bound */
    const char *const *allowed_hosts; /* [n] names in Host headers beside it */
    size_t n_allowed_hosts;
    const char *const *cors_origins; /* [n] "https://app.example", or "*" for all */
    size_t n_cors_origins;
    bool is_loopback; /* set by wick_policy_init */
} wick_policy;

void wick_policy_init(wick_policy *policy);

/* WICK_E_INVALID_INPUT where an origin or a name is written so that no request could ever match it. */
int wick_policy_check(const wick_policy *policy, wick_error *error);

/* Is this name or address the machine itself? */
bool wick_host_is_loopback(const char *host);

/* On loopback, or where allowed_hosts are given: does the Host header name this server? A page of another site whose name was turned to point here
 * says its own name. */
bool wick_policy_host_ok(const wick_policy *policy, const wick_exchange *exchange);

/* Sets the CORS headers of the reply, if the request has an Origin that is allowed. */
void wick_policy_cors(const wick_policy *policy, wick_exchange *exchange);
/* Is this the question a browser asks before the request itself? */
bool wick_policy_is_preflight(const wick_exchange *exchange);
/* Sets the headers of its answer. */
void wick_policy_preflight(const wick_policy *policy, wick_exchange *exchange);

#endif
