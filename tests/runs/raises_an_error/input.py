def divide(a, b):
    return a / b


print("one moment")
print(divide(1, 0))
