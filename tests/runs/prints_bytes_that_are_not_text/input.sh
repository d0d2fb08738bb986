printf 'a\377b\n'
