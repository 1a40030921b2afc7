// SPDX-License-Identifier: MIT
// Texts that name problems: a problem, a tuning file's line, a quarantine's line.  What is read is printed and read again.
#include "problem.h"
#include "quarantine.h"
#include "tuning.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void read_problem(const char *text)
{
    fa_problem problem, again;
    char printed[FA_PROBLEM_TEXT_BYTES];
    fa_support_info info = {.size = sizeof info};
    (void)fa_supports_text(&info, text);
    if (fa_problem_parse(&problem, text) != FA_OK)
        return;
    if (fa_problem_print(printed, sizeof printed, NULL, &problem) != FA_OK || fa_problem_parse(&again, printed) != FA_OK ||
        memcmp(&problem, &again, sizeof problem) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    fa_error error;
    fa_tuning_line line;
    fa_quarantine_entry entry;
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = 0;
    read_problem(text);
    memset(&line, 0, sizeof line);
    if (size < sizeof line.class_text)
        memcpy(line.class_text, text, size + 1);
    (void)fa_tuning_line_read(&line, text, &error);
    (void)fa_quarantine_parse(&entry, text);
    free(text);
    return 0;
}
