for number in range(3):
    print(number)  # => 2
print("a")
# => b
print("x\ny")
# => x
#    y
