// SPDX-License-Identifier: MIT
// The worker's protocol, the client's side: what a worker sends.  First byte: 1 when the checksums of the frames are to be made right; then frames.
#include "sign.h"

#include "fa_templates_digest.h"
#include "worker_process.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

// A hello names the digest of the templates, which the corpus cannot know: 64 @ stand for it.
static void name_templates(unsigned char *d, size_t size)
{
    static const char mark[] = "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@";
    unsigned char *at = memmem(d, size, mark, sizeof mark - 1);
    if (at)
        memcpy(at, FA_TEMPLATES_DIGEST, sizeof mark - 1);
}

static void sign_frames(unsigned char *d, size_t size)
{
    while (size >= 8) {
        uint64_t frame = fa_get_u64(d);
        if (frame > size - 8)
            return;
        sign_bundle(d + 8, (size_t)frame);
        d += 8 + frame;
        size -= 8 + frame;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char name[] = "worker";
    int channel[2];
    fa_error error;
    fa_bundle *reply = NULL;
    if (size < 1 || size > 60000 || socketpair(AF_UNIX, SOCK_STREAM, 0, channel) != 0)
        return 0;
    unsigned char *copy = malloc(size);
    fa_worker_process process = {.command = (char *)(uintptr_t)name, .name = name, .channel = channel[0], .log = -1, .temporary = {.fd = -1}};
    const fa_worker_limits limits = {.seconds = 5, .memory_bytes = 1};
    if (copy) {
        memcpy(copy, data, size);
        name_templates(copy, size);
        if (data[0] & 1)
            sign_frames(copy + 1, size - 1);
        (void)fcntl(channel[0], F_SETFL, O_NONBLOCK);
        if (write(channel[1], copy + 1, size - 1) == (ssize_t)(size - 1)) {
            shutdown(channel[1], SHUT_WR); // it ends; without this the client would wait for more
            if (fa_worker_ask(&reply, &process, "request", 7, "7", &limits, &error) == FA_WORKER_ANSWERED)
                (void)fa_bundle_text(reply, "status", "");
            fa_bundle_free(reply);
        }
    }
    free(copy);
    close(channel[0]);
    close(channel[1]);
    return 0;
}
