"""Does what a cell refuses, each on a line that says what is to be told of it, and prints what each gave."""
import errno
import json
import os
import socket
import subprocess

seen = {}


def note(name, error):
    seen[name] = "ok" if error is None else errno.errorcode.get(getattr(error, "errno", None), type(error).__name__)


def attempt(name, function):
    try:
        function()
        note(name, None)
    except Exception as error:
        note(name, error)


def leave(name):
    home = os.path.expanduser("~/")
    return home + name


try:
    open(leave("secret.txt")).close()  # files.read ~/secret.txt
    note("read in home", None)
except OSError as error:
    note("read in home", error)
try:
    os.listdir(leave("kept"))  # files.read ~/kept
    note("list in home", None)
except OSError as error:
    note("list in home", error)
try:
    open(leave("second.txt"), "a").close()  # files.write ~/second.txt
    note("write in home", None)
except OSError as error:
    note("write in home", error)
try:
    open("/etc/shadow").close()  # files.read /etc/shadow
    note("read of the system", None)
except OSError as error:
    note("read of the system", error)
try:
    open("/usr/bin/belljar-noticed", "w").close()  # files.write /usr/bin/belljar-noticed
    note("write", None)
except OSError as error:
    note("write", error)
try:
    os.mkdir("/usr/belljar-noticed")  # files.write /usr/belljar-noticed
    note("mkdir", None)
except OSError as error:
    note("mkdir", error)
try:
    os.symlink("/x", "/etc/belljar-noticed")  # files.write /etc/belljar-noticed
    note("symlink", None)
except OSError as error:
    note("symlink", error)
try:
    os.unlink("/usr/bin/env")  # files.write /usr/bin/env
    note("unlink", None)
except OSError as error:
    note("unlink", error)
try:
    os.chmod("/usr/bin/env", 0o700)  # files.write /usr/bin/env
    note("chmod", None)
except OSError as error:
    note("chmod", error)
try:
    socket.create_connection(("192.0.2.7", 443))  # network.connect 192.0.2.7:443
except OSError as error:
    note("connect", error)
try:
    socket.getaddrinfo("noticed.belljar.example", 80)  # network.resolve noticed.belljar.example
except OSError as error:
    note("resolve", None if error.errno is None else error)
    seen["resolve"] = type(error).__name__
try:
    socket.socket().bind(("192.0.2.7", 0))  # network.bind 192.0.2.7:0
except OSError as error:
    note("bind", error)
subprocess.run(["cat", leave("secret.txt")], stderr=subprocess.DEVNULL)  # files.read ~/secret.txt
subprocess.run(["mkdir", "/usr/belljar-child"], stderr=subprocess.DEVNULL)  # files.write /usr/belljar-child
os.kill(1, 15)  # process.signal 1

# What comes now is nobody's business, and is not told.
attempt("not there", lambda: open("/nowhere/at/all"))
attempt("not in home", lambda: open(leave("nothing-of-this-name")))
attempt("own", lambda: open(leave("of-the-run.txt"), "w").close())
attempt("own again", lambda: open(leave("of-the-run.txt")).close())
attempt("scratch", lambda: open("/tmp/of-the-run.txt", "w").close())
attempt("project", lambda: open("new.txt", "w").close())
attempt("project removed", lambda: os.unlink("new.txt"))
attempt("project gone", lambda: open("new.txt"))
attempt("own address", lambda: socket.socket().bind(("127.0.0.1", 0)))
attempt("own name", lambda: socket.getaddrinfo("localhost", 80))
print(json.dumps(seen))
