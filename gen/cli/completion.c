/* SPDX-License-Identifier: MIT
 * Completions for bash, zsh and fish from the tables that --help prints. */
#include "manual.h"

#include "models.h"

#include <string.h>

/* What stands behind an option. */
typedef enum value_kind { VALUE_NONE, VALUE_FREE, VALUE_FILE, VALUE_FOLDER, VALUE_DEVICE, VALUE_TARGET, VALUE_MODEL } value_kind;

static value_kind kind_of(const fa_cli_option *option) {
  if (!option->argument) return VALUE_NONE;
  if (strcmp(option->name, "device") == 0) return VALUE_DEVICE;
  if (strcmp(option->name, "target") == 0) return VALUE_TARGET;
  if (strcmp(option->name, "model") == 0) return VALUE_MODEL;
  if (strstr(option->argument, "FILE")) return VALUE_FILE;
  if (strstr(option->argument, "DIR")) return VALUE_FOLDER;
  return VALUE_FREE;
}

static const fa_axis *find_axis(const char *name) {
  for (size_t i = 0; i < fa_axis_count(); i++)
    if (strcmp(fa_axis_get(i)->name, name) == 0) return fa_axis_get(i);
  return NULL;
}

/* Values of a list a|b|c, each with something before and behind; a range (16..256) is none. */
static void put_values(FILE *stream, const char *values, const char *before, const char *behind) {
  for (const char *at = values; *at;) {
    size_t length = strcspn(at, "|");
    char value[64];
    snprintf(value, sizeof value, "%.*s", (int)length, at);
    if (!strstr(value, "..") && value[0]) fprintf(stream, "%s%s%s", before, value, behind);
    at += length + (at[length] == '|');
  }
}

static void put_fields(FILE *stream, const char *before, const char *behind) {
  char start[128];
  for (size_t i = 0; i < fa_axis_count(); i++) {
    const fa_axis *axis = fa_axis_get(i);
    snprintf(start, sizeof start, "%s%s=", before, axis->name);
    if (strstr(axis->values, "digest") || strstr(axis->values, "auto|name")) fprintf(stream, "%s%s", start, behind);
    else if (strchr(axis->values, '|')) put_values(stream, axis->values, start, behind);
    else fprintf(stream, "%s%s", start, behind);
  }
  fprintf(stream, "%shead_dim=%s", before, behind);
  snprintf(start, sizeof start, "%sdtype=", before);
  put_values(stream, find_axis("dtype_q")->values, start, behind);
}

static void put_devices(FILE *stream, const char *behind) {
  fprintf(stream, "hip%s", behind);
  put_values(stream, find_axis("target")->values, "emulator:", behind);
}

static void put_models(FILE *stream, const char *behind) {
  fa_models models = {0};
  fa_error error = { .status = FA_OK };
  if (fa_models_builtin(&models, &error) == FA_OK)
    for (int i = 0; i < models.count; i++) fprintf(stream, "%s%s", models.list[i].name, behind);
  fa_models_free(&models);
}

/* The words that a command's first argument is one of, from its usage: "path|stat|list", "list FILE ... | merge FILE ...". */
static void put_words(FILE *stream, const fa_command *command, const char *behind) {
  const char *at = command->arguments;
  if (!at || !strchr(at, '|')) return;
  for (; *at; at += strcspn(at, "|"), at += *at == '|') {
    at += strspn(at, " ");
    int length = (int)strspn(at, "abcdefghijklmnopqrstuvwxyz-");
    if (length > 0 && (at[length] == 0 || strchr(" |", at[length]))) fprintf(stream, "%.*s%s", length, at, behind);
  }
}

static bool takes_files(const fa_command *command) {
  return command->arguments && (strstr(command->arguments, "FILE") || strstr(command->arguments, "OBJECT") || strstr(command->arguments, "PACK"));
}

/* ---- bash: no function of the package bash-completion is needed ---- */

static void put_bash_options(FILE *stream, const fa_command *command, value_kind kind, bool all) {
  const fa_cli_option *options[FA_CLI_MAX_OPTIONS];
  for (int i = 0, count = fa_cli_options(options, command); i < count; i++) {
    if (!all && kind_of(options[i]) != kind) continue;
    fprintf(stream, "--%s ", options[i]->name);
    if (options[i]->letter) fprintf(stream, "-%c ", options[i]->letter);
  }
}

static void put_bash(FILE *stream) {
  fputs("# bash completion of fa-gen; made by fa-gen --completion bash\n"
        "_fa_gen() {\n"
        "  local line=${COMP_LINE:0:COMP_POINT} command=${COMP_WORDS[1]} current previous rest head=\n"
        "  current=${line##*[[:space:]]} rest=${line%\"${line##*[[:space:]]}\"}\n" /* between blanks: COMP_WORDS breaks at = and : as well */
        "  rest=${rest%\"${rest##*[![:space:]]}\"} previous=${rest##*[[:space:]]}\n"
        "  [[ $current == --*=* ]] && previous=${current%%=*} head=${current%%=*}=\n"
        "  local options= files= folders= devices= targets= models= free= words= fields= anyfile= candidates= kind=words\n"
        "  local all_devices='", stream);
  put_devices(stream, " ");
  fputs("' all_targets='", stream);
  put_values(stream, find_axis("target")->values, "", " ");
  fputs("' all_models='", stream);
  put_models(stream, " ");
  fputs("' all_fields='", stream);
  put_fields(stream, "", " ");
  fputs("'\n  COMPREPLY=()\n  if ((COMP_CWORD == 1)); then\n    COMPREPLY=($(compgen -W '", stream);
  for (const fa_command *command = fa_commands; command->name; command++) fprintf(stream, "%s ", command->name);
  fputs("--help --version --completion' -- \"$current\"))\n    return\n  fi\n  case $command in\n", stream);
  for (const fa_command *command = fa_commands; command->name; command++) {
    static const struct {
      value_kind kind;
      const char *name;
    } lists[] = { { VALUE_FILE, "files" },     { VALUE_FOLDER, "folders" }, { VALUE_DEVICE, "devices" },
                  { VALUE_TARGET, "targets" }, { VALUE_MODEL, "models" },   { VALUE_FREE, "free" } };
    fprintf(stream, "  %s)\n    options='", command->name);
    put_bash_options(stream, command, VALUE_NONE, true);
    fputs("'", stream);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
      fprintf(stream, " %s=' ", lists[i].name);
      put_bash_options(stream, command, lists[i].kind, false);
      fputs("'", stream);
    }
    fputs("\n    words='", stream);
    put_words(stream, command, " ");
    fprintf(stream, "' fields=%d anyfile=%d ;;\n", command->groups & FA_CLI_PROBLEM ? 1 : 0, takes_files(command) ? 1 : 0);
  }
  fputs("  help) options='", stream);
  for (const fa_command *command = fa_commands; command->name; command++) fprintf(stream, "%s ", command->name);
  fputs("' ;;\n"
        "  --completion) options='bash zsh fish' ;;\n"
        "  esac\n"
        "  if [[ $files == *\" $previous \"* ]]; then kind=file\n"
        "  elif [[ $folders == *\" $previous \"* ]]; then kind=folder\n"
        "  elif [[ $devices == *\" $previous \"* ]]; then candidates=$all_devices\n"
        "  elif [[ $targets == *\" $previous \"* ]]; then head+=${current:${#head}} head=${head%\"${head##*[,=]}\"} candidates=$all_targets\n"
        "  elif [[ $models == *\" $previous \"* ]]; then head+=${current:${#head}} head=${head%\"${head##*[,=]}\"} candidates=$all_models\n"
        "  elif [[ $free == *\" $previous \"* ]]; then return\n"
        "  elif [[ $current == -* || $command == help || $command == --completion ]]; then candidates=$options\n"
        "  else\n"
        "    candidates=$words\n"
        "    if [[ $fields == 1 && $current == *=* ]]; then\n"
        "      local name=${current%%=*} value=${current#*=} word\n"
        "      head=$name=${value%\"${value##*[,+]}\"}\n"
        "      for word in $all_fields; do [[ $word == \"$name=\"?* ]] && candidates+=\" ${word#*=}\"; done\n"
        "    elif [[ $fields == 1 ]]; then\n"
        "      local word last=\n"
        "      for word in $all_fields; do [[ ${word%%=*} != \"$last\" ]] && last=${word%%=*} candidates+=\" $last=\"; done\n"
        "    fi\n"
        "    [[ $anyfile == 1 ]] && kind=both\n"
        "  fi\n"
        "  local IFS=$'\\n'\n"
        "  case $kind in\n"
        "  file) COMPREPLY=($(compgen -f -P \"$head\" -- \"${current#\"$head\"}\")) && compopt -o filenames 2>/dev/null ;;\n"
        "  folder) COMPREPLY=($(compgen -d -P \"$head\" -- \"${current#\"$head\"}\")) && compopt -o filenames 2>/dev/null ;;\n"
        "  *)\n"
        "    IFS=$' \\n'\n"
        "    COMPREPLY=($(compgen -P \"$head\" -W \"$candidates\" -- \"${current#\"$head\"}\"))\n"
        "    IFS=$'\\n'\n"
        "    if [[ $kind == both ]]; then COMPREPLY+=($(compgen -f -- \"$current\")) && compopt -o filenames 2>/dev/null; fi ;;\n"
        "  esac\n"
        "  [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null\n"
        "  local at cut=\n" /* bash replaces only what stands behind the last of its word breaks */
        "  for at in = :; do\n"
        "    [[ $COMP_WORDBREAKS == *$at* && ${current#\"$cut\"} == *$at* ]] && cut=${current%\"${current##*$at}\"}\n"
        "  done\n"
        "  [[ -z $cut ]] || COMPREPLY=(\"${COMPREPLY[@]#\"$cut\"}\")\n"
        "}\n"
        "complete -F _fa_gen fa-gen\n", stream);
}

/* ---- zsh ---- */

/* For text between single quotes in a specification of _arguments. */
static void put_zsh_text(FILE *stream, const char *text) {
  for (; *text; text++) {
    if (*text == '\'') fputs("'\\''", stream);
    else if (strchr("[]:\\", *text)) fprintf(stream, "\\%c", *text);
    else fputc(*text, stream);
  }
}

static void put_zsh_option(FILE *stream, const fa_cli_option *option) {
  static const char *const actions[] = {"", "", "_files", "_files -/", "_fa_gen_devices", "_fa_gen_targets", "_fa_gen_models"};
  value_kind kind = kind_of(option);
  fputs("      ", stream);
  if (option->letter) fprintf(stream, "'*'{-%c,--%s}'[", option->letter, option->name);
  else fprintf(stream, "'*--%s[", option->name);
  put_zsh_text(stream, option->help);
  fputc(']', stream);
  if (kind != VALUE_NONE) {
    fputc(':', stream);
    put_zsh_text(stream, option->argument);
    fprintf(stream, ":%s", actions[kind]);
  }
  fputs("' \\\n", stream);
}

static void put_zsh(FILE *stream) {
  const fa_cli_option *options[FA_CLI_MAX_OPTIONS];
  fputs("#compdef fa-gen\n# made by fa-gen --completion zsh\n_fa_gen_devices() { local -a all=(", stream);
  put_devices(stream, " ");
  fputs("); compadd -- $all }\n_fa_gen_targets() { local -a all=(", stream);
  put_values(stream, find_axis("target")->values, "", " ");
  fputs("); compset -P '*,'; compadd -- $all }\n_fa_gen_models() { local -a all=(", stream);
  put_models(stream, " ");
  fputs("); compset -P '*,'; compadd -- $all }\n"
        "_fa_gen_fields() {\n  local -aU names\n  local -a all=(", stream);
  put_fields(stream, "", " ");
  fputs(")\n  names=(${all%%=*})\n"
        "  if [[ $PREFIX == *=* ]]; then\n    local name=${PREFIX%%=*}\n    all=(${${(M)all:#$name=?*}#*=})\n"
        "    compset -P '*=' && compset -P '*[,+]'\n    compadd -- $all\n"
        "  else\n    compadd -S = -q -- $names\n  fi\n}\n"
        "_fa_gen_commands() {\n  local -a all=(\n", stream);
  for (const fa_command *command = fa_commands; command->name; command++) {
    fprintf(stream, "    '%s:", command->name);
    put_zsh_text(stream, command->summary);
    fputs("'\n", stream);
  }
  fputs("  )\n  _describe command all\n}\n"
        "_fa_gen() {\n  local line state\n"
        "  _arguments -C '(-)--help[describe the commands]' '(-)--version[print the version]' '1:command:_fa_gen_commands' '*::argument:->rest'\n"
        "  [[ $state == rest ]] || return\n  case $line[1] in\n", stream);
  for (const fa_command *command = fa_commands; command->name; command++) {
    fprintf(stream, "  %s)\n    _arguments -s \\\n", command->name);
    for (int i = 0, count = fa_cli_options(options, command); i < count; i++) put_zsh_option(stream, options[i]);
    fputs("      '*:argument: _fa_gen_rest \"", stream);
    put_words(stream, command, " ");
    fprintf(stream, "\" %d %d' ;;\n", command->groups & FA_CLI_PROBLEM ? 1 : 0, takes_files(command) ? 1 : 0);
  }
  fputs("  esac\n}\n"
        "_fa_gen_rest() {\n  local -a words=(${=1})\n  (($#words)) && compadd -- $words\n"
        "  [[ $2 == 1 ]] && _fa_gen_fields\n  [[ $3 == 1 ]] && _files\n  return 0\n}\n"
        "_fa_gen \"$@\"\n", stream);
}

/* ---- fish ---- */

static void put_fish_text(FILE *stream, const char *text) {
  fputc('\'', stream);
  for (; *text; text++) {
    if (*text == '\'' || *text == '\\') fputc('\\', stream);
    fputc(*text, stream);
  }
  fputc('\'', stream);
}

static void put_fish_option(FILE *stream, const fa_command *command, const fa_cli_option *option) {
  fprintf(stream, "complete -c fa-gen -n '__fish_seen_subcommand_from %s' -l %s", command->name, option->name);
  if (option->letter) fprintf(stream, " -s %c", option->letter);
  switch (kind_of(option)) {
  case VALUE_NONE: break;
  case VALUE_FREE: fputs(" -x", stream); break;
  case VALUE_FILE: fputs(" -r -F", stream); break;
  case VALUE_FOLDER: fputs(" -x -a '(__fish_complete_directories)'", stream); break;
  case VALUE_DEVICE:
    fputs(" -x -a '", stream);
    put_devices(stream, " ");
    fputs("'", stream);
    break;
  case VALUE_TARGET:
    fputs(" -x -a '", stream);
    put_values(stream, find_axis("target")->values, "", " ");
    fputs("'", stream);
    break;
  case VALUE_MODEL:
    fputs(" -x -a '", stream);
    put_models(stream, " ");
    fputs("'", stream);
    break;
  }
  fputs(" -d ", stream);
  put_fish_text(stream, option->help);
  fputc('\n', stream);
}

static void put_fish(FILE *stream) {
  const fa_cli_option *options[FA_CLI_MAX_OPTIONS];
  fputs("# fish completion of fa-gen; made by fa-gen --completion fish\ncomplete -c fa-gen -f\nset -l fields '", stream);
  put_fields(stream, "", " ");
  fputs("'\n", stream);
  for (const fa_command *command = fa_commands; command->name; command++) {
    fprintf(stream, "complete -c fa-gen -n __fish_use_subcommand -a %s -d ", command->name);
    put_fish_text(stream, command->summary);
    fputc('\n', stream);
    for (int i = 0, count = fa_cli_options(options, command); i < count; i++) put_fish_option(stream, command, options[i]);
    fprintf(stream, "complete -c fa-gen -n '__fish_seen_subcommand_from %s' -a '", command->name);
    put_words(stream, command, " ");
    fputs("'\n", stream);
    if (command->groups & FA_CLI_PROBLEM) fprintf(stream, "complete -c fa-gen -n '__fish_seen_subcommand_from %s' -a $fields\n", command->name);
    if (takes_files(command)) fprintf(stream, "complete -c fa-gen -n '__fish_seen_subcommand_from %s' -F\n", command->name);
  }
}

bool fa_manual_completion(FILE *stream, const char *shell) {
  static const struct { const char *name; void (*put)(FILE *); } shells[] = { { "bash", put_bash }, { "zsh", put_zsh }, { "fish", put_fish } };
  for (size_t i = 0; i < sizeof shells / sizeof *shells; i++)
    if (strcmp(shells[i].name, shell) == 0) return shells[i].put(stream), true;
  return false;
}
