/* SPDX-License-Identifier: Apache-2.0
 * fetch_breaker.h: the circuit breakers of the process, one an origin of an endpoint: after some calls in a row that got no answer, calls end at once; after some seconds one goes through as a
 * trial, and the others wait for what it says. Thread-safe. Used by fetch.c. */
#ifndef WICK_HUB_FETCH_BREAKER_H
#define WICK_HUB_FETCH_BREAKER_H
#include "hub/fetch_url.h"
#include <stdint.h>

#define WICK_BREAKER_FAILURES 4
#define WICK_BREAKER_OPEN_MS 10000

/* Whether a call may go to origin now. A true of an open breaker is the trial: tell how it went. now_ms: of a clock that only goes forward. */
bool wick_hub_breaker_allows(const char *origin, uint64_t now_ms);
typedef enum wick_hub_outcome { WICK_HUB_ANSWERED, WICK_HUB_FAILED, WICK_HUB_ABANDONED } wick_hub_outcome;
/* What a call that was allowed came to; abandoned: cancelled, or failed for reasons of our own. */
void wick_hub_breaker_note(const char *origin, wick_hub_outcome outcome, uint64_t now_ms);

#endif
