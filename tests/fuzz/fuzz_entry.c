// SPDX-License-Identifier: MIT
// Entries of the cache: as they are, and with their checksum made right; what decodes is a record whose manifest is read.
#include "sign.h"

#include "bundle.h"
#include "manifest.h"
#include "record_parts.h"

#include <stdint.h>
#include <stdlib.h>

static void use(const unsigned char *data, size_t size)
{
    fa_bundle *bundle = fa_bundle_decode(data, size);
    for (size_t i = 0; i < fa_bundle_count(bundle); i++)
        if (!memchr(fa_bundle_at(bundle, i)->data, 0, fa_bundle_at(bundle, i)->size + 1))
            abort();
    const fa_section *manifest = fa_bundle_find(bundle, "manifest");
    fa_manifest *read;
    fa_error error;
    (void)fa_record_abi(bundle);
    if (manifest && fa_manifest_parse(&read, manifest->data, manifest->size, &error) == FA_OK)
        fa_manifest_free(read);
    fa_bundle_free(bundle);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    use(data, size);
    unsigned char *copy = malloc(size ? size : 1);
    if (!copy)
        return 0;
    memcpy(copy, data, size);
    sign_bundle(copy, size);
    use(copy, size);
    free(copy);
    return 0;
}
