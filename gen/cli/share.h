/* SPDX-License-Identifier: MIT
 * Files that come with the tool: share/fa-gen beside its bin, in a build tree as in an installed copy. */
#ifndef FAGEN_SHARE_H
#define FAGEN_SHARE_H

#include "command.h"
#include "places.h"

/* Path of share/fa-gen/NAME, a file or a folder.  False: it is not there, which was reported. */
bool fa_cli_share(char path[FA_PLACE_BYTES], const fa_cli *cli, const char *name);

#endif
