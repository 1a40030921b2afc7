/* SPDX-License-Identifier: MIT
 * The worker's operations. */
#include "ops.h"

#include <stdlib.h>
#include <string.h>

#include "compiler.h"
#include "elf_strip.h"
#include "encodings.h"
#include "expand.h"
#include "lua_host.h"
#include "preload.h"
#include "sha256.h"
#include "text.h"
#include "validate.h"

/* What one request uses; opened on demand, so that `emit` loads no compiler. */
typedef struct job {
  const fa_worker *worker;
  const fa_bundle *request;
  fa_reply *reply;
  fa_error *error;
  fa_comgr *comgr;
  fa_preload preload;
} job;

typedef struct operation {
  const char *name;
  fa_status (*run)(job *j);
} operation;

fa_status fa_reply_add(fa_reply *reply, const char *name, void *data, size_t size, fa_error *error) {
  if (!data) return fa_fail(error, FA_ERR_NOMEM, "%s: out of memory", name);
  if (reply->count == sizeof reply->sections / sizeof *reply->sections) {
    free(data);
    return fa_fail(error, FA_ERR_WORKER, "%s: a reply has at most %zu sections", name, reply->count);
  }
  reply->sections[reply->count++] = (fa_section){name, data, size};
  return FA_OK;
}

fa_status fa_reply_add_text(fa_reply *reply, const char *name, char *text, fa_error *error) {
  return fa_reply_add(reply, name, text, text ? strlen(text) : 0, error);
}

void fa_reply_free(fa_reply *reply) {
  for (size_t i = 0; i < reply->count; i++) free((void *)reply->sections[i].data);
  reply->count = 0;
}

static fa_status need_toolchain(job *j) {
  return *j->worker->comgr && *j->worker->hiprtc ? FA_OK : fa_fail(j->error, FA_ERR_TOOLCHAIN, "this operation needs hiprtc and comgr, and no toolchain was found");
}

static fa_status need_comgr(job *j) {
  fa_status status = need_toolchain(j);
  if (status || j->comgr) return status;
  fa_preload_wait(&j->preload);
  return fa_comgr_open(&j->comgr, j->worker->comgr, j->error);
}

static fa_status need_section(const fa_section **section, job *j, const char *name) {
  *section = fa_bundle_find(j->request, name);
  return *section ? FA_OK : fa_fail(j->error, FA_ERR_WORKER, "the request has no section '%s'", name);
}

/* A section that must be a text without zero bytes. */
static fa_status need_text(const char **text, job *j, const char *name) {
  const fa_section *section;
  fa_status status = need_section(&section, j, name);
  if (status) return status;
  *text = section->data;
  return strlen(*text) == section->size ? FA_OK : fa_fail(j->error, FA_ERR_WORKER, "section '%s' has a zero byte within", name);
}

/* Adds the compiler's log, and on success its object; `compiled` is used up. */
static fa_status add_compiled(job *j, fa_compiled *compiled, fa_status status) {
  if (compiled->log) {
    fa_status added = fa_reply_add_text(j->reply, "log", compiled->log, status ? NULL : j->error);
    compiled->log = NULL;
    if (!status) status = added;
  }
  if (!status) {
    status = fa_reply_add(j->reply, "object", compiled->object, compiled->object_bytes, j->error);
    compiled->object = NULL;
  }
  fa_compiled_free(compiled);
  return status;
}

static fa_status op_compile(job *j) {
  const char *source, *target;
  fa_compiled compiled = {0};
  fa_status status;
  if ((status = need_text(&source, j, "source")) || (status = need_text(&target, j, "target")) || (status = need_comgr(j))) return status;
  status = fa_compile(&compiled, j->worker->hiprtc, j->comgr, source, target, fa_bundle_text(j->request, "options", ""), j->error);
  return add_compiled(j, &compiled, status);
}

static fa_status add_listing(job *j, const char *isa, const void *object, size_t size) {
  char *listing, *lines = NULL;
  size_t length;
  fa_status status = fa_comgr_listing(&listing, &length, j->comgr, isa, object, size, j->error);
  if (status) return status;
  status = fa_comgr_lines(&lines, j->comgr, listing, object, size, j->error);
  fa_status added = fa_reply_add(j->reply, "listing", listing, length, status ? NULL : j->error);
  if (!status) status = added;
  if (lines) {
    added = fa_reply_add_text(j->reply, "lines", lines, status ? NULL : j->error);
    if (!status) status = added;
  }
  return status;
}

static fa_status op_inspect(job *j) {
  const fa_section *object;
  fa_elf_view elf;
  char *isa = NULL, *json = NULL;
  const char *target;
  fa_status status;
  if ((status = need_section(&object, j, "object")) || (status = fa_elf_open(&elf, object->data, object->size, j->error)) || (status = need_comgr(j)))
    return status;
  if ((status = fa_comgr_isa(&isa, j->comgr, object->data, object->size, j->error))) return status;
  target = strstr(isa, "--");
  target = target ? target + 2 : isa;
  if (!(status = add_listing(j, isa, object->data, object->size)) &&
      !(status = fa_reply_add_text(j->reply, "target", strndup(target, strcspn(target, ":")), j->error)) &&
      !(status = fa_comgr_metadata(&json, j->comgr, object->data, object->size, j->error)))
    status = fa_reply_add_text(j->reply, "metadata", json, j->error);
  free(isa);
  return status;
}

/* ---- templates ---- */

/* The embedded templates, or the directory that replaces them; its digest goes into the reply. */
static fa_status open_templates(fa_template_tree *tree, bool *owned, job *j) {
  const char *directory = fa_bundle_text(j->request, "templates_dir", NULL);
  char message[512];
  *owned = directory && *directory;
  if (!*owned) *tree = fa_templates_embedded;
  else if (!fa_template_tree_read(tree, directory, message, sizeof message)) return fa_fail(j->error, FA_ERR_IO, "templates from %.1000s: %s", directory, message);
  fa_status status = fa_reply_add_text(j->reply, "templates_digest", strdup(tree->digest), j->error);
  if (status && *owned) fa_template_tree_free(tree);
  return status;
}

static fa_status open_job(fa_template_tree *tree, bool *owned, const char **problem, job *j) {
  fa_status status = need_text(problem, j, "problem");
  return status ? status : open_templates(tree, owned, j);
}

/* The user's file must be the one that the problem's digest names. */
static fa_status read_functions(const char *functions[2], job *j, const char *problem, fa_error *error) {
  const char *field = strstr(problem, " functions=");
  fa_sha256 hash;
  char digest[65];
  fa_status status;
  functions[0] = NULL;
  functions[1] = fa_bundle_text(j->request, "functions_name", "functions");
  if (!field || !strncmp(field + 11, "none", 4)) return FA_OK;
  if ((status = need_text(&functions[0], j, "functions"))) return fa_fail(error, status, "functions: the request has no text of them");
  fa_sha256_start(&hash);
  fa_sha256_add(&hash, functions[0], strlen(functions[0]));
  fa_sha256_finish(digest, &hash);
  size_t length = strcspn(field + 11, " ");
  if (length < 32 || length > 64 || strncmp(digest, field + 11, length) != 0)
    return fa_fail(error, FA_ERR_PROBLEM, "functions: the text's digest is %.32s, the problem names %.64s", digest, field + 11);
  return FA_OK;
}

static fa_status run_templates(fa_generated *generated, job *j, const fa_template_tree *tree, const char *problem, fa_error *error) {
  const char *functions[2];
  *generated = (fa_generated){0};
  fa_status status = read_functions(functions, j, problem, error);
  return status ? status : fa_lua_generate(generated, tree, NULL, problem, functions[0] ? functions : NULL, error);
}

/* Moves a text from the generated set into the reply. */
static fa_status add_generated(job *j, const char *name, char **text) {
  fa_status status = fa_reply_add_text(j->reply, name, *text, j->error);
  *text = NULL;
  return status;
}

/* The problem with schedule number `step` of those for what does not fit: light1, light2, ...; NULL: the schedule is not ours to choose. */
static char *with_lighter(const char *problem, int step) {
  static const char open[] = " schedule=auto";
  const char *at = strstr(problem, open);
  fa_text text = {0};
  if (!at) return NULL;
  fa_text_print(&text, "%.*s%s-light%d%s", (int)(at - problem), problem, open, step, at + sizeof open - 1);
  return fa_text_take(&text, NULL);
}

/* What the templates refuse with the table's choice may fit with a lighter one; the first one's error stands. */
static fa_status generate_fitting(fa_generated *generated, job *j, const fa_template_tree *tree, const char *problem, fa_error *error) {
  fa_error other;
  fa_status first = run_templates(generated, j, tree, problem, error), status = first;
  for (int step = 1; status == FA_ERR_UNSUPPORTED; step++) {
    char *lighter = with_lighter(problem, step);
    if (!lighter) break;
    status = run_templates(generated, j, tree, lighter, &other);
    free(lighter);
  }
  return status ? first : FA_OK;
}

static fa_status op_emit(job *j) {
  fa_generated generated;
  fa_template_tree tree;
  const char *problem;
  bool owned;
  fa_status status = open_job(&tree, &owned, &problem, j);
  if (status) return status;
  status = generate_fitting(&generated, j, &tree, problem, j->error);
  if (owned) fa_template_tree_free(&tree);
  if (status) return status;
  if (!(status = add_generated(j, "variant", &generated.variant)) && !(status = add_generated(j, "manifest", &generated.manifest)) &&
      !(status = add_generated(j, "options", &generated.options)) && !(status = add_generated(j, "plan", &generated.plan)))
    status = add_generated(j, "source", &generated.source);
  fa_generated_free(&generated);
  return status;
}

/* The problem's own field, as a copy. */
static fa_status read_target(char target[64], const char *problem, fa_error *error) {
  const char *at = problem;
  while (at && strncmp(at, "target=", 7) != 0) at = (at = strchr(at, ' ')) ? at + 1 : NULL;
  size_t size = at ? strcspn(at + 7, " ") : 0;
  if (size == 0 || size >= 64) return fa_fail(error, FA_ERR_PROBLEM, "target: the problem names none");
  memcpy(target, at + 7, size);
  target[size] = 0;
  return FA_OK;
}

/* What one choice of a schedule became. */
typedef struct made {
  fa_generated generated;
  fa_compiled compiled;
  char *resources;
} made;

static void made_free(made *m) {
  fa_generated_free(&m->generated);
  fa_compiled_free(&m->compiled);
  free(m->resources);
  *m = (made){0};
}

/* Generates, compiles, strips, and checks the object against its manifest. */
static fa_status make_object(made *m, job *j, const fa_template_tree *tree, const char *problem, fa_error *error) {
  char *metadata = NULL, target[64];
  *m = (made){0};
  fa_status status = run_templates(&m->generated, j, tree, problem, error);
  if (status || (status = read_target(target, problem, error)) || (status = need_comgr(j))) return status;
  status = fa_compile(&m->compiled, j->worker->hiprtc, j->comgr, m->generated.source, target, m->generated.options, error);
  if (!status) status = fa_elf_strip(m->compiled.object, &m->compiled.object_bytes, error);
  if (!status && !(status = fa_comgr_metadata(&metadata, j->comgr, m->compiled.object, m->compiled.object_bytes, error)))
    status = fa_validate(&m->resources, m->compiled.object, m->compiled.object_bytes, target, metadata, m->generated.manifest, error);
  free(metadata);
  return status;
}

/* Where the schedule is ours to choose and the compiler spills with the table's choice, lighter ones are tried, as far as the templates have them.
 * If none is right, the first one's error stands. */
static fa_status make_lighter(made *m, job *j, const fa_template_tree *tree, const char *problem) {
  fa_error error;
  fa_status status = FA_ERR_VALIDATION;
  for (int step = 1; status == FA_ERR_VALIDATION || status == FA_ERR_UNSUPPORTED; step++) {
    made other;
    char *lighter = with_lighter(problem, step);
    if (!lighter) break;
    status = make_object(&other, j, tree, lighter, &error);
    free(lighter);
    made_free(status ? &other : m);
    if (!status) *m = other;
    if (!status) return FA_OK;
  }
  return FA_ERR_VALIDATION;
}

static fa_status build(job *j, bool explain) {
  fa_template_tree tree;
  const char *problem;
  made m = {0};
  bool owned;
  fa_status status = open_job(&tree, &owned, &problem, j);
  if (status) return status;
  if (!(status = need_toolchain(j))) {
    if (j->worker->preload) fa_preload_start(&j->preload, j->worker->comgr, j->worker->hiprtc);
    status = make_object(&m, j, &tree, problem, j->error);
  }
  if ((status == FA_ERR_VALIDATION || status == FA_ERR_UNSUPPORTED) && !make_lighter(&m, j, &tree, problem)) status = FA_OK;
  if (owned) fa_template_tree_free(&tree);
  status = add_compiled(j, &m.compiled, status);
  /* A source whose compile failed is what its author wants to see. */
  if (m.generated.source) {
    fa_status added = add_generated(j, "source", &m.generated.source);
    if (!status) status = added;
  }
  if (m.resources) {
    fa_status added = fa_reply_add_text(j->reply, "resources", m.resources, status ? NULL : j->error);
    m.resources = NULL;
    if (!status) status = added;
  }
  if (!status && !(status = add_generated(j, "variant", &m.generated.variant)) && !(status = add_generated(j, "manifest", &m.generated.manifest)) &&
      !(status = add_generated(j, "options", &m.generated.options)) && explain) {
    const fa_section *object = NULL;
    char *isa = NULL;
    for (size_t i = 0; i < j->reply->count; i++)
      if (!strcmp(j->reply->sections[i].name, "object")) object = &j->reply->sections[i];
    if (!(status = add_generated(j, "explain", &m.generated.explain)) && !(status = fa_comgr_isa(&isa, j->comgr, object->data, object->size, j->error)))
      status = add_listing(j, isa, object->data, object->size);
    free(isa);
  }
  made_free(&m);
  return status;
}

static fa_status op_build(job *j) { return build(j, false); }
static fa_status op_explain(job *j) { return build(j, true); }

static fa_status op_targets(job *j) {
  fa_template_tree tree;
  char *templates = NULL, *all = NULL;
  fa_text both = {0};
  bool owned;
  fa_status status;
  if ((status = need_comgr(j)) || (status = fa_comgr_targets(&all, j->comgr, j->error)) || (status = fa_reply_add_text(j->reply, "all_targets", all, j->error)) ||
      (status = open_templates(&tree, &owned, j)))
    return status;
  status = fa_lua_targets(&templates, &tree, NULL, j->error);
  for (const char *at = status ? "" : templates; *at;) {
    size_t size = strcspn(at, "\n");
    char *name = strndup(at, size);
    if (name && !fa_comgr_check_target(j->comgr, name, NULL)) fa_text_print(&both, "%s\n", name);
    if (!name) both.failed = true;
    free(name);
    at += size + 1;
  }
  char *taken = fa_text_take(&both, NULL);
  if (!status) status = fa_reply_add_text(j->reply, "targets", taken, j->error);
  else free(taken);
  free(templates);
  if (owned) fa_template_tree_free(&tree);
  return status;
}

/* Every instruction of a target. */
static fa_status op_instructions(job *j) {
  const char *target;
  char *list;
  fa_status status;
  if ((status = need_text(&target, j, "target")) || (status = need_comgr(j)) || (status = fa_comgr_check_target(j->comgr, target, j->error)) ||
      (status = fa_encodings_list(&list, j->comgr, target, j->error)))
    return status;
  return fa_reply_add_text(j->reply, "instructions", list, j->error);
}

/* Plain bundles from compressed ones. The compiler's libraries are opened first: theirs is the libzstd that is wanted. */
static fa_status op_expand(job *j) {
  const fa_section *bundle;
  char *plain;
  size_t size;
  fa_status status;
  if ((status = need_section(&bundle, j, "bundle")) || (status = need_comgr(j)) || (status = fa_expand(&plain, &size, bundle->data, bundle->size, j->error))) return status;
  return fa_reply_add(j->reply, "bundle", plain, size, j->error);
}

fa_status fa_worker_operate(fa_reply *reply, const fa_worker *worker, const fa_bundle *request, fa_error *error) {
  static const operation operations[] = {{"build", op_build},     {"emit", op_emit},       {"explain", op_explain},
                                         {"inspect", op_inspect}, {"compile", op_compile}, {"targets", op_targets},
                                         {"instructions", op_instructions}, {"expand", op_expand}};
  job j = {.worker = worker, .request = request, .reply = reply, .error = error};
  const char *name = fa_bundle_text(request, "op", "");
  for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
    if (!strcmp(operations[i].name, name)) {
      fa_status status = operations[i].run(&j);
      fa_preload_wait(&j.preload);
      fa_comgr_close(j.comgr);
      return status;
    }
  return fa_fail(error, FA_ERR_WORKER, "operation '%.80s' is not known to this worker", name);
}
