# SPDX-License-Identifier: MIT
# complete.bash SCRIPT <LINES: what bash would offer at the end of each line, in its order: "LINE<tab>OFFER", or "LINE<tab>" for none.  Words are
# broken as readline breaks them.
source "$1"
COMP_WORDBREAKS=$' \t\n"\'><=;|&(:'
[[ $(complete -p fa-gen) =~ -F\ ([^ ]+) ]] && function=${BASH_REMATCH[1]}
while IFS= read -r COMP_LINE; do
  COMP_POINT=${#COMP_LINE} broken=${COMP_LINE//=/ = }
  read -ra COMP_WORDS <<<"${broken//:/ : }"
  [[ $COMP_LINE == *' ' ]] && COMP_WORDS+=('')
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMPREPLY=()
  "$function" fa-gen "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
  ((${#COMPREPLY[@]})) || COMPREPLY=('')
  for offer in "${COMPREPLY[@]}"; do printf '%s\t%s\n' "$COMP_LINE" "$offer"; done
done
