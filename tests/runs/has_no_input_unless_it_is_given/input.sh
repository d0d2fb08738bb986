if read -r line; then echo "read: $line"; else echo "nothing to read"; fi
