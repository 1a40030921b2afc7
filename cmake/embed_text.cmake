# SPDX-License-Identifier: MIT
# cmake -DIN=FILE -DOUT=FILE.c -DNAME=name -P embed_text.cmake: a text file as C data, byte for byte.
file(READ "${IN}" bytes HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
get_filename_component(file "${IN}" NAME)
file(WRITE "${OUT}" "/* Made from ${file}. */\n#include \"${NAME}.h\"\nstatic const unsigned char bytes[] = {${bytes}0};\nconst char *const fa_${NAME} = (const char *)bytes;\nconst size_t fa_${NAME}_size = sizeof bytes - 1;\n")
