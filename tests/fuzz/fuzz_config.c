// SPDX-License-Identifier: MIT
// A model's config.json of Hugging Face, and files of models: what is read becomes problems that are valid.
#include "models.h"

#include <stdint.h>
#include <stdlib.h>

static void check(const fa_model *model)
{
    static fa_problem problems[FA_MODEL_PROBLEMS];
    int count = 0;
    (void)fa_model_problems(problems, &count, FA_MODEL_PROBLEMS, model, "gfx942", 0);
    for (int i = 0; i < count; i++)
        if (problems[i].head_dim_qk < 1 || problems[i].head_dim_v < 1)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fa_error error;
    fa_model model;
    fa_models models = {0};
    if (fa_model_from_config(&model, (const char *)data, size, "config.json", &error) == FA_OK)
        check(&model);
    if (fa_models_read(&models, (const char *)data, size, "models.json", &error) == FA_OK)
        for (int i = 0; i < models.count; i++)
            check(&models.list[i]);
    fa_models_free(&models);
    return 0;
}
