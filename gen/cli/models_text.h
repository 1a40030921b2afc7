/* SPDX-License-Identifier: MIT
 * gen/models/models.json as it was when this was built. */
#ifndef FAGEN_MODELS_TEXT_H
#define FAGEN_MODELS_TEXT_H

#include <stddef.h>

extern const char *const fa_models_text;
extern const size_t fa_models_text_size;

#endif
