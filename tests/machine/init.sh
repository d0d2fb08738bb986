#!/bin/busybox sh
# shellcheck shell=dash
# The first program of the machine. Nobody can ever leave the file system that the kernel unpacked (pivot_root), so it
# moves to another.
/bin/busybox --install -s /bin
mount -t tmpfs -o mode=755 new /new
cp -a /bin /etc /lib /inside.sh /new/
exec switch_root /new /bin/sh /inside.sh
