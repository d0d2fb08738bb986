while :; do echo "and so on, and so on, and so on"; done
