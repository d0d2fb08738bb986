printf '<%s>\n' "$@"
