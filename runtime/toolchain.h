/* SPDX-License-Identifier: MIT
 * Where worker, loader, hiprtc, comgr and LLVM are, and who they are (build-ids), found without loading any of them. */
#ifndef FAGEN_TOOLCHAIN_H
#define FAGEN_TOOLCHAIN_H

#include <stdbool.h>

#include "build_id.h"
#include <stdbool.h>

#include "error.h"
#include "places.h"

typedef struct fa_toolchain {
  char worker[4096];       /* fa-gen-worker */
  char loader[4096];       /* the unpacked set's own dynamic loader, or "" on a machine with ROCm */
  char library_path[4096]; /* for the loader */
  char hiprtc[4096], comgr[4096]; /* library files */
  char identity[512];      /* "hiprtc=<build-id> comgr=<build-id> llvm=<build-id or static>"; part of every key */
} fa_toolchain;

/* Explicit arguments first (may be NULL), then FA_WORKER and FA_TOOLCHAIN, what lies beside the library (places.h), what this user fetched, ROCM_PATH,
 * ROCm 6 and 7's usual places.
 * FA_ERR_WORKER: no worker.  FA_ERR_TOOLCHAIN: no compiler; the worker is filled in, enough for the operation `emit`. */
fa_status fa_toolchain_find(fa_toolchain *toolchain, const char *worker, const char *directory, fa_error *error);

/* What a library is known by: its build-id, or, where it has none, its size and time.  False: it is no library that can be read. */
bool fa_library_identity(char text[FA_BUILD_ID_BYTES], const char *path);

/* The same, and says of each place of a compiler why it was looked into, and whether it has one: the first that has is used. */
typedef void fa_toolchain_visit(void *user, const char *why, const char *directory, bool found);
fa_status fa_toolchain_search(fa_toolchain *toolchain, const char *worker, const char *directory, fa_toolchain_visit *visit, void *user, fa_error *error);

/* Where `fa-gen toolchain fetch` puts a compiler: $XDG_DATA_HOME/fa-gen/toolchain, else ~/.local/share/fa-gen/toolchain.  False: no HOME. */
bool fa_toolchain_user_place(char place[FA_PLACE_BYTES]);

#endif
