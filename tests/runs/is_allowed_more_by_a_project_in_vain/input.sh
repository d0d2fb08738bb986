echo "ran"
exit 1
