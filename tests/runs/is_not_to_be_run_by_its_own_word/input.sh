echo ran
# belljar: skip needs a database
