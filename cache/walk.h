/* SPDX-License-Identifier: MIT
 * Walking the folders of a store: toolchains below v1, buckets below a toolchain. */
#ifndef FAGEN_WALK_H
#define FAGEN_WALK_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>

enum { FA_TOOLCHAIN_DIGITS = 16, FA_BUCKET_DIGITS = 2, FA_ENTRY_NAME = 36 };

/* "<32 hex>.fab" */
bool fa_is_entry_name(const char *name);
/* From the start, with a descriptor of its own; NULL: it cannot be read. */
DIR *fa_list_directory(int fd);

/* false stops. */
typedef bool (*fa_folder_function)(int folder, const char *name, void *user);
/* Calls with each trusted folder whose name has so many hex digits and begins with `prefix`, open; a whole name as prefix is opened without listing. */
bool fa_each_folder(int parent, size_t digits, const char *prefix, fa_folder_function call, void *user);

#endif
