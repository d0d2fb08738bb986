import socket

print("trying")
s = socket.socket()
try:
    s.connect(("192.0.2.1", 443))
except OSError as error:
    print("refused:", type(error).__name__)
