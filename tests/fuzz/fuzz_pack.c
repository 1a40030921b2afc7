// SPDX-License-Identifier: MIT
// Packs: as they are, and with all checksums made right again, so that what lies behind them is reached.
#include "sign.h"

#include "little_endian.h"
#include "pack.h"
#include "pack_format.h"

#include <stdlib.h>
#include <string.h>

static void sign(unsigned char *d, size_t size)
{
    if (size < FA_PACK_HEADER_BYTES)
        return;
    uint64_t rows = fa_get_u32(d + FA_PACK_AT_COUNT), behind = size - FA_PACK_HEADER_BYTES, texts = fa_get_u64(d + FA_PACK_AT_TEXT_BYTES);
    fa_put_u64(d + FA_PACK_AT_TOTAL, size);
    if (rows > behind / FA_PACK_ROW_SIZE || texts > behind - rows * FA_PACK_ROW_SIZE)
        return;
    for (uint64_t i = 0; i < rows; i++) {
        unsigned char *row = d + FA_PACK_HEADER_BYTES + i * FA_PACK_ROW_SIZE;
        uint64_t at = fa_get_u64(row + FA_PACK_ROW_AT), stored = fa_get_u64(row + FA_PACK_ROW_STORED);
        if (at > size || stored > size - at)
            continue;
        if (fa_get_u32(row + FA_PACK_ROW_ENCODING) == FA_PACK_RAW)
            sign_bundle(d + at, (size_t)stored);
        put_sum(row + FA_PACK_ROW_CHECK, XXH3_128bits(d + at, (size_t)stored));
    }
    put_sum(d + FA_PACK_AT_INDEX_CHECK, XXH3_128bits(d + FA_PACK_HEADER_BYTES, (size_t)(rows * FA_PACK_ROW_SIZE + texts)));
    put_sum(d + FA_PACK_AT_CHECK, XXH3_128bits(d, FA_PACK_AT_CHECK));
}

static void use(const unsigned char *data, size_t size)
{
    char trouble[FA_PACK_TROUBLE_BYTES];
    fa_pack *pack = fa_pack_from_memory(data, size, FA_PACK_ANY_ABI, trouble, sizeof trouble);
    for (size_t i = 0; pack && i < fa_pack_head(pack)->records; i++) {
        fa_bundle *record = fa_pack_find(pack, fa_pack_at(pack, i).problem);
        for (size_t k = 0; k < fa_bundle_count(record); k++)
            if (!memchr(fa_bundle_at(record, k)->data, 0, fa_bundle_at(record, k)->size + 1))
                abort();
        fa_bundle_free(record);
    }
    fa_pack_close(pack);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    unsigned char *copy = calloc(1, size ? size : 1);
    if (!copy)
        return 0;
    if (size)
        memcpy(copy, data, size);
    use(copy, size);
    sign(copy, size);
    use(copy, size);
    free(copy);
    return 0;
}
