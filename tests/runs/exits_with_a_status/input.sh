echo "before the end"
exit 3
