/* SPDX-License-Identifier: MIT
 * doctor: where kernels come from, and which are refused: cache, the machine's folder, packs, quarantine. */
#include "doctor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "pack_search.h"
#include "quarantine.h"
#include "settings.h"
#include "store.h"

enum { MAX_ENTRIES = 2000, LOW_BYTES = 64 << 20 };

/* ---- the cache ----------------------------------------------------------------------------------------------------- */

static const struct {
  unsigned long magic; /* statfs(2) */
  const char *name;
  bool network;
} systems[] = {
  { 0xef53, "ext4", false },       { 0x58465342, "xfs", false },    { 0x9123683e, "btrfs", false },  { 0x01021994, "tmpfs", false },
  { 0x794c7630, "overlay", false }, { 0x2fc12fc1, "zfs", false },    { 0xf2f52010, "f2fs", false },   { 0x6969, "NFS", true },
  { 0xff534d42, "CIFS", true },    { 0xfe534d42, "SMB", true },     { 0x0bd00bd0, "Lustre", true },  { 0x47504653, "GPFS", true },
  { 0x19830326, "BeeGFS", true },  { 0x00c36400, "Ceph", true },    { 0x65735546, "FUSE", true },    { 0x5346414f, "AFS", true },
  { 0x01021997, "9p", true },
};

/* File system and free space of a folder that is there. */
static void look_at_disk(fa_doctor *d, const char *path) {
  struct statfs info;
  struct statvfs space;
  char text[32], magic[32];
  if (statfs(path, &info) != 0 || statvfs(path, &space) != 0) return;
  snprintf(magic, sizeof magic, "type %#lx", (unsigned long)info.f_type);
  const char *name = magic;
  bool network = false;
  for (size_t i = 0; i < sizeof systems / sizeof *systems; i++)
    if (systems[i].magic == ((unsigned long)info.f_type & 0xffffffff)) name = systems[i].name, network = systems[i].network;
  unsigned long long left = (unsigned long long)space.f_bavail * space.f_frsize;
  bool low = left < LOW_BYTES, full = low && left < LOW_BYTES / 64;
  fa_doctor_say(d, full ? FA_DOCTOR_PROBLEM : low || network ? FA_DOCTOR_NOTE : FA_DOCTOR_OK, "cache's disk",
                low ? "free space, or name another folder by FA_CACHE_DIR; fa-gen cache prune makes room"
                : network ? "it works there; many processes at once are faster with FA_CACHE_DIR on a local disk, or a pack" : NULL,
                "%s%s, %s free", name, network ? " (network)" : "", fa_doctor_size(text, left));
}

typedef struct walk {
  size_t entries, bad;
  unsigned long long bytes;
} walk;

static bool visit(const fa_store_entry *entry, void *user) {
  walk *w = user;
  w->entries++;
  w->bad += entry->key == NULL;
  w->bytes += entry->bytes;
  return w->entries < MAX_ENTRIES;
}

static void look_at_entries(fa_doctor *d, const char *directory) {
  walk w = {0};
  char trouble[1024] = "", size[32];
  if (!fa_store_each(directory, visit, &w, trouble, sizeof trouble)) {
    fa_doctor_say(d, FA_DOCTOR_PROBLEM, "entries", "fa-gen cache clear, or name another folder by FA_CACHE_DIR", "%s", trouble);
    return;
  }
  fa_doctor_say(d, w.bad ? FA_DOCTOR_NOTE : FA_DOCTOR_OK, "entries", w.bad ? "fa-gen cache verify names them; they count as absent, and are made again" : NULL,
                "%zu%s, %s, %zu not valid",
                w.entries, w.entries == MAX_ENTRIES ? " or more" : "", fa_doctor_size(size, w.bytes), w.bad);
}

static void look_at_cache(fa_doctor *d, const fa_settings *settings) {
  static const char *const modes[] = { "", "", ", read only (FA_CACHE)", "" };
  char path[4096];
  const char *given = fa_cli_value(d->cli, "cache-dir");
  struct stat info;
  if (settings->cache_mode == FA_CACHE_MODE_MEMORY || (given && !*given)) {
    fa_doctor_say(d, FA_DOCTOR_NOTE, "cache", "unset FA_CACHE to keep what is compiled",
                  "in memory only, as FA_CACHE or --cache-dir asks: each process compiles anew");
    return;
  }
  if (!given && !fa_store_default_directory(path, sizeof path)) {
    fa_doctor_say(d, FA_DOCTOR_PROBLEM, "cache", "name a folder by FA_CACHE_DIR", "in memory only: %s", path);
    return;
  }
  if (given) snprintf(path, sizeof path, "%s", given);
  bool there = lstat(path, &info) == 0;
  fa_store *store = settings->cache_mode == FA_CACHE_MODE_RO ? NULL : fa_store_open(path, "fa-gen doctor", NULL, NULL);
  const char *trouble = store ? fa_store_trouble(store) : there ? "" : "is not there";
  if (*trouble) {
    fa_doctor_say(d, FA_DOCTOR_PROBLEM, "cache", "make it yours (chown, chmod 700), or name another folder by FA_CACHE_DIR",
                  "%s; kernels are kept in memory only", trouble);
  } else {
    if (stat(path, &info) == 0)
      fa_doctor_say(d, FA_DOCTOR_OK, "cache", NULL, "%s, of user %ld, mode %04o%s%s", path, (long)info.st_uid, (unsigned)info.st_mode & 07777,
                    modes[settings->cache_mode], there ? "" : ", made now");
    look_at_disk(d, path);
    look_at_entries(d, path);
  }
  if (store) fa_store_close(store);
}

/* ---- packs and the machine's folder -------------------------------------------------------------------------------- */

static void tell(int level, const char *text, void *user) {
  (void)level;
  fa_doctor_say(user, FA_DOCTOR_NOTE, "packs", "packs found by search must belong to root or you, and be writable by nobody else; a path given to fa_pack_open need not", "%s", text);
}

static void look_at_packs(fa_doctor *d, const char *places, const char *name) {
  const char *targets = "";
  char target[16], summary[1024] = "";
  size_t records = 0, packs = 0, length = 0;
  for (size_t i = 0; i < fa_axis_count(); i++)
    if (strcmp(fa_axis_get(i)->name, "target") == 0) targets = fa_axis_get(i)->values;
  for (bool first = true; *targets; first = false) {
    fa_pack_list list = {0};
    snprintf(target, sizeof target, "%.*s", (int)strcspn(targets, "|"), targets);
    targets += strcspn(targets, "|");
    targets += *targets == '|';
    if (!fa_pack_search(&list, places, target, first ? tell : NULL, d)) return;
    for (size_t i = 0; i < list.count; i++) {
      const fa_pack_header *head = fa_pack_head(list.packs[i]);
      if (length < sizeof summary) length += (size_t)snprintf(summary + length, sizeof summary - length, "%s%s %zu", packs ? ", " : "", target, head->records);
      records += head->records;
      packs++;
    }
    fa_pack_list_free(&list);
  }
  if (packs) fa_doctor_say(d, FA_DOCTOR_OK, name, NULL, "%zu packs, %zu kernels in %s: %s", packs, records, places, summary);
  else fa_doctor_say(d, FA_DOCTOR_NOTE, name, NULL, "no pack that may be used in %s", places);
}

static void look_at_system(fa_doctor *d, const fa_settings *settings) {
  char packs[FA_PLACE_BYTES];
  struct stat info;
  if (*settings->pack_path) look_at_packs(d, settings->pack_path, "FA_PACK_PATH");
  if (!*settings->system_dir) return;
  if (stat(settings->system_dir, &info) != 0) {
    bool named = secure_getenv("FA_SYSTEM_DIR") != NULL;
    if (named) fa_doctor_say(d, FA_DOCTOR_PROBLEM, "machine's folder", "name one that is there by FA_SYSTEM_DIR, or unset it", "%s: %s",
                             settings->system_dir, strerror(errno));
    return;
  }
  bool trusted = info.st_uid == 0 || info.st_uid == geteuid();
  if (!trusted || info.st_mode & (S_IWGRP | S_IWOTH))
    fa_doctor_say(d, FA_DOCTOR_PROBLEM, "machine's folder", "chown root, chmod go-w: who can write there decides what runs",
                  "%s, of user %ld, mode %04o, is not believed", settings->system_dir,
                  (long)info.st_uid, (unsigned)info.st_mode & 07777);
  if (fa_place_join(packs, settings->system_dir, "packs") && access(packs, F_OK) == 0) look_at_packs(d, packs, "machine's packs");
}

/* ---- quarantine ---------------------------------------------------------------------------------------------------- */

typedef struct listener {
  fa_doctor *d;
  bool told;
} listener;

static void tell_quarantine(int level, const char *text, void *user) {
  listener *l = user;
  (void)level;
  l->told = true;
  fa_doctor_say(l->d, FA_DOCTOR_PROBLEM, "quarantine", "mend the line or the file's owner and mode; what is not believed is not refused", "%s", text);
}

static void look_at_quarantine(fa_doctor *d) {
  char path[4096];
  fa_quarantine q;
  listener l = {d, false};
  if (!fa_quarantine_path(path, sizeof path, fa_cli_value(d->cli, "quarantine"))) {
    fa_doctor_say(d, FA_DOCTOR_NOTE, "quarantine", NULL, "none: %s", path);
    return;
  }
  if (fa_quarantine_read(&q, path, tell_quarantine, &l, NULL)) return;
  if (q.count)
    fa_doctor_say(d, FA_DOCTOR_NOTE, "quarantine", "fa-gen quarantine list shows them; fa-gen selftest tries them again",
                  "%zu kernels are refused by %s, the first for %s: it failed %s", q.count, path,
                  q.entries[0].target, q.entries[0].test);
  else if (!l.told) fa_doctor_say(d, FA_DOCTOR_OK, "quarantine", NULL, "empty (%s)", path);
  fa_quarantine_free(&q);
}

/* The part before has told what cannot be read. */
static void told(void *user, const char *text) { (void)user, (void)text; }

void fa_doctor_kernels(fa_doctor *d) {
  static const fa_context_options none = FA_CONTEXT_OPTIONS_INIT;
  fa_settings settings;
  fa_settings_read(&settings, &none, told, NULL);
  look_at_cache(d, &settings);
  look_at_system(d, &settings);
  look_at_quarantine(d);
}
