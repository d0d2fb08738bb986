# shellcheck shell=dash
# What is tried inside the machine, as root at first. Each thing prints `@begin NAME`, what it said, and
# `@end NAME STATUS BYTES`; the tests outside judge. At the end all is said once more: now and then a line is lost on the
# way out, which the number of bytes shows.
# Groups: `work` is delegated to the user and can be used as it is, those that are called `.scope` are as systemd makes
# them, `plain` is nobody's.
export PATH=/bin
mkdir -p /proc /sys /dev /tmp /home /run /usr
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/shm /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
mount -t tmpfs -o mode=1777 tmp /tmp
mount -t securityfs security /sys/kernel/security
ln -sf /proc/self/fd /dev/fd
chmod 666 /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty
ip link set lo up
for module in /lib/*.ko; do insmod "$module"; done

groups=/sys/fs/cgroup
mount -t cgroup2 -o nsdelegate groups $groups
echo "+memory +pids +cpu" >$groups/cgroup.subtree_control
delegate() {
  mkdir -p "$1"
  chown user "$1" "$1/cgroup.procs" "$1/cgroup.threads" "$1/cgroup.subtree_control"
}
delegate $groups/work
echo "+memory +pids" >$groups/work/cgroup.subtree_control
delegate $groups/work/shell
for scope in belljar shared server; do
  delegate $groups/$scope.scope
done
mkdir $groups/plain

mkdir -p /home/user/project
cd /home/user/project || exit
echo 'echo hello; echo written >new.txt; cat new.txt data.txt; cat .env || echo hidden; ls -d /home/user/other || echo away' >a.sh
echo 'the data' >data.txt
echo 'PASSWORD=x' >.env
mkdir .git ../other
chown -R user /home/user

# as GROUP COMMAND: as the user, in this group.
as() {
  (
    echo 0 >"$groups/$1/cgroup.procs"
    shift
    exec su user -c "cd /home/user/project; $*"
  )
}
try() {
  local name=$1
  shift
  echo "$name" >>/tmp/tried
  "$@" </dev/null >"/tmp/said.$name" 2>&1
  echo $? >"/tmp/status.$name"
  tell "$name"
}
tell() {
  echo "@begin $1"
  cat "/tmp/said.$1"
  printf '\n@end %s %d %d\n' "$1" "$(cat "/tmp/status.$1")" "$(stat -c %s "/tmp/said.$1")"
}
# at_last COMMAND: waits for it to be true.
at_last() {
  for _ in $(seq 200); do
    "$@" >/dev/null 2>&1 && return
    usleep 50000
  done
  echo "still not true: $*"
  return 1
}
left() { find $groups -type d -name 'belljar-*' ! -name belljar-supervisor; }
nothing_is_left() { [ -z "$(left)" ]; }
nobody_runs() { ! grep -q '^belljar' /proc/[0-9]*/comm; }
first_belljar() { grep -l '^belljar$' /proc/[0-9]*/comm | cut -d/ -f3 | sort -n | head -n 1; }
several() {
  for _ in 1 2 3 4; do as work/shell belljar exec --json -- probe memory mmap 8 & done
  wait
}

limited='belljar exec --json --limit memory=32MiB --limit processes=64 --limit wall=60s --limit cpu=60s --'

try kernel uname -r
try layers cat /sys/kernel/security/lsm
try doctor as work/shell belljar doctor --json
try run as work/shell belljar run --json --language sh a.sh
try kept ls -A /home/user/project
try connect as work/shell belljar exec --json -- probe tcp 192.0.2.1:443
try connect_outside probe tcp 192.0.2.1:443
try group_inside as work/shell belljar exec --json -- cat /proc/self/cgroup
try group_outside as work/shell cat /proc/self/cgroup
try small as work/shell belljar exec --json --limit memory=4MiB -- true
try plain as plain belljar exec --json -- true
try plain_doctor as plain belljar doctor --json
try by_root belljar exec --json -- true
try several several
try nothing_left at_last nothing_is_left

try taken as work/shell "$limited" probe memory mmap 96
try taken_outside probe memory mmap 96
for how in queued sockets_of_many; do
  try "$how" as work/shell "$limited" probe memory $how 128
  try "${how}_outside" probe memory $how 128
  try "${how}_watched" as plain "$limited" probe memory $how 128
done
try forks as work/shell belljar exec --json --limit processes=20 -- probe forks 40
try forks_outside probe forks 40
try fork_bomb as work/shell belljar exec --json --limit processes=30 --limit cpu=60s --limit wall=2s -- probe fork_bomb 30
try cpu as work/shell belljar exec --json --limit cpu=1s --limit wall=60s -- sh -c "'while :; do (:); done'"
try nothing_left_by_limits at_last nothing_is_left

as work/shell belljar exec -- sleep 1000 >/dev/null 2>&1 </dev/null &
try started at_last pidof sleep
kill -9 "$(first_belljar)"
try ended at_last nobody_runs
try left_by_the_killed left
try next as work/shell belljar exec --json -- true
try swept at_last nothing_is_left

try scope as belljar.scope "$limited" probe memory mmap 96
try scope_again as belljar.scope/belljar-supervisor belljar exec --json -- true
try scope_groups find $groups/belljar.scope -mindepth 1 -type d
try shared as shared.scope "sleep 1000 & belljar exec --json -- true; kill \$!"
try shared_groups find $groups/shared.scope -mindepth 1 -type d
# A language server with two runs at once, and one that still goes on when the editor is gone.
frame() { printf 'Content-Length: %d\r\n\r\n%s' ${#1} "$1"; }
document() {
  frame '{"jsonrpc":"2.0","method":"textDocument/didOpen","params":{"textDocument":{"uri":"file:///tmp/'"$1"'","languageId":"sh","version":1,"text":"'"$2"'"}}}'
  frame '{"jsonrpc":"2.0","id":"'"$1"'","method":"workspace/executeCommand","params":{"command":"belljar.run","arguments":[{"uri":"file:///tmp/'"$1"'"}]}}'
}
mkfifo -m 666 /tmp/in
as server.scope "exec belljar lsp </tmp/in >/tmp/out" &
exec 3>/tmp/in
frame '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"processId":null,"rootUri":null,"capabilities":{}}}' >&3
frame '{"jsonrpc":"2.0","method":"initialized","params":{}}' >&3
# shellcheck disable=SC2016 # The shell in the cell reckons.
document one 'echo one: $((6 * 7))' >&3
# shellcheck disable=SC2016
document two 'echo two: $((6 * 7))' >&3
try server_one at_last grep 'one: 42' /tmp/out
try server_two at_last grep 'two: 42' /tmp/out
try server_clean at_last nothing_is_left
document three 'sleep 1000' >&3
try server_started at_last pidof sleep
try server_group left
exec 3>&-
try server_ended at_last nobody_runs
try server_left left
try server_next as server.scope/belljar-supervisor belljar exec -- true
try nothing_left_at_the_end at_last nothing_is_left
try end true
while read -r name; do tell "$name"; done </tmp/tried
poweroff -f
