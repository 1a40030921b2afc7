/* SPDX-License-Identifier: MIT
 * A command of a test that prints JSON. */
#ifndef FAGEN_TESTS_CLI_JSON_H
#define FAGEN_TESTS_CLI_JSON_H

#include <jansson.h>

/* Runs `sh -c command` in that folder and expects the exit code, and one object of schema 1.  The caller frees it by json_decref. */
json_t *cli_json(const char *folder, const char *command, int code);

#endif
