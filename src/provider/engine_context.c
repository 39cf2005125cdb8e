/* SPDX-License-Identifier: Apache-2.0
 * engine_context.c: the scratch memory of calls. A call borrows a context from its model and gives it back; there come to be as many as
 * callers ever were inside at once (up to a cap), and a context that has seen a call's like before has all the memory it needs. */
#include "base/checked.h"
#include "provider/engine.h"
#include <stdlib.h>

#define MAX_IDLE 64 /* contexts kept; more callers at once than this pay for an allocation */

wick_context *wick_context_take(wick_model *model)
{
    pthread_mutex_lock(&model->lock);
    wick_context *context = model->idle;
    if (context) {
        model->idle = context->next;
        model->n_idle--;
    }
    pthread_mutex_unlock(&model->lock);
    if (context)
        return context;
    const unsigned n_parts = wick_pool_size(model->pool);
    context = calloc(1, sizeof *context + n_parts * sizeof context->parts[0]);
    if (context)
        context->n_parts = n_parts;
    return context;
}

void wick_context_return(wick_model *model, wick_context *context)
{
    if (!context)
        return;
    bool kept = false;
    pthread_mutex_lock(&model->lock);
    if (!context->is_bloated && model->n_idle < MAX_IDLE) {
        context->next = model->idle;
        model->idle = context;
        model->n_idle++;
        kept = true;
    }
    pthread_mutex_unlock(&model->lock);
    if (!kept)
        wick_context_free(context);
}

void wick_context_free(wick_context *context)
{
    if (!context)
        return;
    for (unsigned i = 0; i < context->n_parts; i++) {
        wick_encoding_free(context->parts[i].encoding);
        free(context->parts[i].ids);
        free(context->parts[i].prompted);
        wick_pair_encoder_clear(&context->parts[i].pairs);
        free(context->parts[i].types);
    }
    free(context->ids);
    free(context->types);
    free(context->rows);
    free(context);
}

void *wick_context_grow(void *array, size_t *capacity, size_t n, size_t size)
{
    if (n <= *capacity)
        return array;
    size_t n_bytes, wanted;
    /* By half at least: a sequence of slightly longer calls does not reallocate each time. */
    if (!wick_add_size(*capacity, *capacity / 2, &wanted) || wanted < n)
        wanted = n;
    void *grown = wick_mul_size(wanted, size, &n_bytes) ? realloc(array, n_bytes) : NULL;
    if (grown)
        *capacity = wanted;
    return grown;
}
