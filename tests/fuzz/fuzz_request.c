// SPDX-License-Identifier: MIT
// The worker's protocol, the worker's side: a request's bundle, its checksum made right, is served without a compiler.
#include "sign.h"

#include "host_memory.h"
#include "serve.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const fa_worker worker = {.hiprtc = "", .comgr = ""};
    unsigned char *copy = malloc(size ? size : 1);
    void *reply = NULL;
    size_t bytes;
    if (!copy)
        return 0;
    memcpy(copy, data, size);
    sign_bundle(copy, size);
    fa_bundle *request = fa_bundle_decode(copy, size);
    // Generating takes its time and is tested elsewhere; here it is the request.
    const char *op = fa_bundle_text(request, "op", "");
    bool generates = strcmp(op, "emit") == 0 || strcmp(op, "build") == 0 || strcmp(op, "explain") == 0;
    if (request && !(generates && strstr(fa_bundle_text(request, "problem", ""), "kernel=")) && !fa_bundle_find(request, "templates_dir")) {
        if (fa_serve(&reply, &bytes, &worker, request, NULL)) {
            fa_bundle *answer = fa_bundle_decode(reply, bytes);
            if (!answer || !fa_bundle_find(answer, "status"))
                abort();
            fa_bundle_free(answer);
        }
        fa_free(reply);
    }
    fa_bundle_free(request);
    free(copy);
    return 0;
}
