/* SPDX-License-Identifier: MIT
 * Manual pages and shell completions, from the table of subcommands. */
#ifndef FAGEN_MANUAL_H
#define FAGEN_MANUAL_H

#include "command.h"

/* The page of a subcommand; of fa-gen itself for NULL.  man(7) macros. */
void fa_manual_page(FILE *stream, const fa_command *command);
/* A completion for "bash", "zsh" or "fish"; false: there is none for that shell. */
bool fa_manual_completion(FILE *stream, const char *shell);

#endif
