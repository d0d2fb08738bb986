echo "what was asked for"
echo "what went on meanwhile" >&2
