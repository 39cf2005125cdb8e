/* SPDX-License-Identifier: Apache-2.0
 * embedded_model.c: the bytes of a packed model among the program's constants, by the assembler's .incbin: they are mapped with the program, page by page as they are
 * used, and never copied. cmake/embed_model.cmake compiles this once for each program, with WICK_EMBED_PATH where there is a model. */
#include "cli/embedded_model.h"

#ifdef WICK_EMBED_PATH
#if defined(__APPLE__)
#define SECTION ".section __TEXT,__const\n"
#define SYMBOL(name) "_" name
#define END ".text\n"
#else
#define SECTION ".section .rodata.wick_model,\"a\",%progbits\n"
#define SYMBOL(name) name
#define END ".previous\n"
#endif

/* Pages of their own, so that what stands around is not read with them. */
__asm__(SECTION ".balign 16384\n"
                ".globl " SYMBOL("wick_embedded_begin") "\n" SYMBOL(
                    "wick_embedded_begin") ":\n"
                                           ".incbin \"" WICK_EMBED_PATH "\"\n"
                                           ".globl " SYMBOL("wick_embedded_end") "\n" SYMBOL(
                                               "wick_embedded_end") ":\n"
                                                                    ".byte 0\n" END);

extern const uint8_t wick_embedded_begin[] __attribute__((visibility("hidden")));
extern const uint8_t wick_embedded_end[] __attribute__((visibility("hidden")));

size_t wick_embedded_model(const uint8_t **data)
{
    *data = wick_embedded_begin;
    return (size_t)(wick_embedded_end - wick_embedded_begin);
}
#else
size_t wick_embedded_model(const uint8_t **data)
{
    *data = NULL;
    return 0;
}
#endif
