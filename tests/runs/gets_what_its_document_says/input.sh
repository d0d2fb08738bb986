#!/bin/bash
# belljar: args one "two words"
# belljar: env GREETING="hello there"
# belljar: stdin <<END
# first
#   second
# END
printf '<%s>\n' "$@"
echo "$GREETING"
cat
