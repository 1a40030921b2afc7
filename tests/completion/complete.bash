# SPDX-License-Identifier: MIT
# complete.bash SCRIPT LINE: what bash would offer at the end of the line, in its order, one a line.  Words are broken as readline breaks them.
source "$1"
COMP_WORDBREAKS=$' \t\n"\'><=;|&(:'
COMP_LINE=$2 COMP_POINT=${#2}
read -ra COMP_WORDS <<<"$(sed 's/[=:]\{1,\}/ & /g' <<<"$2")"
[[ $2 == *' ' ]] && COMP_WORDS+=('')
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
function=$(complete -p fa-gen | sed 's/.*-F \([^ ]*\).*/\1/')
"$function" fa-gen "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\n' "${COMPREPLY[@]}"
