/* SPDX-License-Identifier: Apache-2.0
 * openapi.h: the description of every route, OpenAPI 3.1: src/server/openapi.json, made into C by the build (cmake/embed.cmake). */
#ifndef WICK_SERVER_OPENAPI_H
#define WICK_SERVER_OPENAPI_H
#include <stddef.h>

extern const unsigned char wick_openapi_json[];
extern const size_t wick_openapi_json_bytes;

#endif
