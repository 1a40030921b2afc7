/* SPDX-License-Identifier: MIT
 * What `fa-gen prebuild` works on: the kernels of its models and targets, the folder they are kept in, and the packs made of them.
 *
 *     DIR/<target>.fapack                  the pack; DIR/<target>.<i>-of-<n>.fapack for a shard
 *     DIR/records/                      a store (cache/store.h) in which each kernel lands when it is done
 *     DIR/logs/<name>.log, <name>.hip   of kernels that failed: the error, the compiler's log, and the source if there is one */
#ifndef FAGEN_PREBUILD_H
#define FAGEN_PREBUILD_H

#include "command.h"
#include "jobs.h"
#include "models.h"
#include "store.h"
#include "worker_client.h"

enum { FA_PREBUILD_MODELS = 256, FA_PREBUILD_TARGETS = 64, FA_PREBUILD_KERNELS = 16384, FA_PREBUILD_TEXT = 2048 };

typedef struct fa_kernel_item {
  fa_problem problem;
  char *text;                          /* canonical; malloc'ed */
  uint64_t models[FA_PREBUILD_MODELS / 64]; /* which of the chosen models need it, as bits */
  bool there;                          /* done by an earlier run */
  char *variant;                       /* malloc'ed; NULL: not done */
  size_t bytes;                        /* of its object */
} fa_kernel_item;

typedef struct fa_prebuild_pack {
  char target[16], path[4096], sha256[65];
  size_t kernels, bytes;
} fa_prebuild_pack;

typedef struct fa_prebuild {
  fa_cli *cli;
  fa_models known;
  fa_model chosen[FA_PREBUILD_MODELS];
  int chosen_count;
  char targets[FA_PREBUILD_TARGETS][16];
  int target_count;
  unsigned dtypes; /* bits; 0: as the models say */
  int shard, shards; /* number `shard` of `shards`, from 1 */
  fa_kernel_item *items;
  int count;
  const char *folder;
  fa_store *store;
  fa_toolchain toolchain;
  fa_worker_limits limits;
  char templates[65];  /* digest */
  fa_prebuild_pack packs[FA_PREBUILD_TARGETS];
} fa_prebuild;

/* Fills `known` and `chosen` by the options --model, --models and --config.  Returns -1 to go on, else the exit code. */
int fa_prebuild_choose_models(fa_prebuild *p);
/* Fills items with what the chosen models need on the targets and this shard builds.  All below return -1 to go on, else the exit code. */
int fa_prebuild_plan(fa_prebuild *p);
/* Finds toolchain and templates, opens the folder, and looks up what is there already. */
int fa_prebuild_open(fa_prebuild *p);
/* Builds one kernel into the store; job->item is its fa_kernel_item, user the fa_prebuild. */
fa_status fa_prebuild_kernel(fa_job *job, void *user, fa_error *error);
/* Writes the pack of each target from the store. */
int fa_prebuild_packs(fa_prebuild *p);
void fa_prebuild_free(fa_prebuild *p);
/* The fields of a problem that are not as they are by default, as fa_problem_parse takes them. */
void fa_prebuild_short_text(char *text, size_t capacity, const fa_problem *problem);

#endif
