# SPDX-License-Identifier: MIT
# README's table of environment variables as rows of a C table: of what is installed, so without those of the tests and of build.sh.
/^| `FA/!d
/^| `FA_TEST/d
/`build\.sh` only/d
s/`//g
s/\[\([^]]*\)\]([^)]*)/\1/g
s/\\/\\\\/g
s/"/\\"/g
s/^| *\([A-Z_]*\) *| *\(.*\) |$/  {"\1", "\2"},/
