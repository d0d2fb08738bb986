a = 1


b = 0
print(unknown_name)
c = 2
